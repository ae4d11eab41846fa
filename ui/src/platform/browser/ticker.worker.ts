/** How often the engine looks who is heard. */
export const TICK_MS = 25;

setInterval(() => postMessage(null), TICK_MS);
