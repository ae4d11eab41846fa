import type { Gate } from '../../bindings/protocol';

/** What a gate tells. */
export interface TalkGateHandlers {
  /** It opened or shut. */
  changed(): void;
  /** It is kept open, or no longer. */
  overridden(on: boolean): void;
}

/** Whether the talk keys let the microphone be heard. */
export class TalkGate {
  #gate: Gate = { mode: 'open' };
  #held = false;
  #toggled = false;
  /** It is kept open, and the keys have no say (`KeyAction` 'talkOverride'). */
  #overridden = false;
  #open = true;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly handlers: TalkGateHandlers) {}

  get open(): boolean {
    return this.#open;
  }

  get overridden(): boolean {
    return this.#overridden;
  }

  set gate(gate: Gate) {
    const another = gate.mode !== this.#gate.mode;
    this.#gate = gate;
    if (another) this.#forget();
    this.#apply(0);
  }

  /** A talk key is held or let go. Only a press in a call toggles. */
  turn(held: boolean, inCall: boolean): void {
    this.#held = held;
    if (held && inCall && !this.#overridden) this.#toggled = !this.#toggled;
    // A key's effect comes at once, and its end as late as people wish.
    const begins = this.#gate.mode === 'toggle' ? this.#toggled : held;
    this.#apply(begins ? 0 : this.#releaseMs);
  }

  /** Keeps it open, or no longer. Where it is open anyway, and without a call, it does nothing. */
  override(on: boolean, inCall: boolean): void {
    const { mode } = this.#gate;
    this.#setOverridden(on && inCall && mode !== 'open' && mode !== 'voice');
    // When it ends, the last syllable is let through; a key that is held to be silent is not kept waiting.
    this.#apply(this.#overridden || mode === 'pushToMute' ? 0 : this.#releaseMs);
  }

  /** A call begins with what the keys say alone. */
  reset(): void {
    this.#forget();
    this.#apply(0);
  }

  #forget(): void {
    this.#toggled = false;
    this.#setOverridden(false);
  }

  #setOverridden(on: boolean): void {
    if (on === this.#overridden) return;
    this.#overridden = on;
    this.handlers.overridden(on);
  }

  get #releaseMs(): number {
    return 'releaseMs' in this.#gate ? this.#gate.releaseMs : 0;
  }

  get #wanted(): boolean {
    if (this.#overridden) return true;
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
      this.handlers.changed();
    };
    if (delayMs > 0) this.#timer = setTimeout(change, delayMs);
    else change();
  }
}
