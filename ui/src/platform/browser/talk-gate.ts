import type { Gate } from '../../bindings/protocol';

/** Whether the talk keys let the microphone be heard. */
export class TalkGate {
  #gate: Gate = { mode: 'open' };
  #held = false;
  #toggled = false;
  #open = true;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly changed: () => void) {}

  get open(): boolean {
    return this.#open;
  }

  set gate(gate: Gate) {
    if (gate.mode !== this.#gate.mode) this.#toggled = false;
    this.#gate = gate;
    this.#apply(0);
  }

  /** A talk key is held or let go. Only a press in a call toggles. */
  turn(held: boolean, inCall: boolean): void {
    this.#held = held;
    if (held && inCall) this.#toggled = !this.#toggled;
    // A key's effect comes at once, and its end as late as people wish.
    const begins = this.#gate.mode === 'toggle' ? this.#toggled : held;
    this.#apply(begins || !('releaseMs' in this.#gate) ? 0 : this.#gate.releaseMs);
  }

  /** A call begins with a toggle that is off. */
  reset(): void {
    this.#toggled = false;
    this.#apply(0);
  }

  get #wanted(): boolean {
    switch (this.#gate.mode) {
      case 'open':
      case 'voice':
        return true;
      case 'pushToTalk':
        return this.#held;
      case 'pushToMute':
        return !this.#held;
      case 'toggle':
        return this.#toggled;
    }
  }

  #apply(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#wanted === this.#open) return;
    const change = () => {
      this.#open = this.#wanted;
      this.changed();
    };
    if (delayMs > 0) this.#timer = setTimeout(change, delayMs);
    else change();
  }
}
