/** First delay: a server that restarts is back within a second. */
const FIRST_MS = 500;
/** Longest delay: nobody wants to wait longer once the server is back. */
const LONGEST_MS = 15_000;

/**
 * Delays between attempts: each twice the one before, less a random part of up to half, so that
 * the clients of a server that was away do not all come back at the same moment.
 */
export class Backoff {
  #attempt = 0;

  constructor(private readonly random: () => number = Math.random) {}

  /** The delay before the next attempt, at least `leastMs`. */
  next(leastMs = 0): number {
    const longest = Math.min(LONGEST_MS, Math.max(leastMs, FIRST_MS) * 2 ** this.#attempt);
    this.#attempt++;
    return longest * (1 - this.random() / 2);
  }

  reset(): void {
    this.#attempt = 0;
  }
}
