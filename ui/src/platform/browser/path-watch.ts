/** The counters of the network path that tell whether anybody answers. */
export interface PathCounters {
  requestsSent?: number;
  responsesReceived?: number;
  packetsReceived?: number;
}

/** A browser that hears nothing asks again every half second; so many may get lost by chance. */
const UNANSWERED_MAX = 3;
/** And so long may a network be away before a call is better joined again. */
const SILENT_MS_MAX = 3_500;

/**
 * Notices that a path is dead. Browsers do so too, by and by: Chromium takes seven seconds, in
 * which people talk to nobody.
 */
export class PathWatch {
  #received = -1;
  #requestsSent = 0;
  #heardAtMs = 0;

  /** Takes the counters of a moment; true when the path is dead. */
  isDead(counters: PathCounters, nowMs: number): boolean {
    const received = (counters.responsesReceived ?? 0) + (counters.packetsReceived ?? 0);
    const requestsSent = counters.requestsSent ?? 0;
    if (received !== this.#received) {
      this.#received = received;
      this.#requestsSent = requestsSent;
      this.#heardAtMs = nowMs;
      return false;
    }
    const unanswered = requestsSent - this.#requestsSent;
    return unanswered >= UNANSWERED_MAX && nowMs - this.#heardAtMs >= SILENT_MS_MAX;
  }
}
