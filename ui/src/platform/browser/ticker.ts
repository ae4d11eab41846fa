import TickerWorker from './ticker.worker?worker';

/**
 * Calls back every 25 ms while it runs. The clock is a worker's, because browsers slow a page's
 * own timers down to one a second when its tab is hidden, and people talk in hidden tabs.
 */
export class Ticker {
  #worker: Worker | null = null;

  constructor(private readonly callback: () => void) {}

  set running(running: boolean) {
    if (running === (this.#worker !== null)) return;
    this.#worker?.terminate();
    this.#worker = null;
    if (running) {
      this.#worker = new TickerWorker();
      this.#worker.onmessage = this.callback;
    }
  }
}
