import type { SourceId } from '../../bindings/protocol';

/** What a receiver says of the last packet it played. */
export interface Observation {
  /** The packet's CSRC. */
  source: SourceId;
  /** When it was played; only ever compared with another one, for browsers' clocks differ. */
  stamp: number;
  /** Its audio level, linear, 0 to 1; none where the browser does not give it. */
  level: number | null;
}

/** -50 dBFS: below it is breath and hum, which should light nobody up. */
const AUDIBLE_LEVEL = 0.003;
/** The light stays on through the gaps between words. */
const HANGOVER_MS = 250;
/** Without a packet for this long a slot is free for anybody. */
const IDLE_MS = 300;

/** Follows who is in a slot, and whether they are heard. */
export class SlotWatch {
  #observation: Observation | null = null;
  #packetAtMs = -Infinity;
  #audibleAtMs = -Infinity;

  /** Who was heard last. */
  get source(): SourceId | null {
    return this.#observation?.source ?? null;
  }

  observe(observation: Observation | null, nowMs: number): void {
    const before = this.#observation;
    if (!observation || observation.stamp === before?.stamp) return;
    if (observation.source !== before?.source) this.#audibleAtMs = -Infinity;
    this.#observation = observation;
    this.#packetAtMs = nowMs;
    if ((observation.level ?? 1) >= AUDIBLE_LEVEL) this.#audibleAtMs = nowMs;
  }

  isAudible(nowMs: number): boolean {
    return nowMs - this.#audibleAtMs < HANGOVER_MS;
  }

  isIdle(nowMs: number): boolean {
    return nowMs - this.#packetAtMs > IDLE_MS;
  }
}
