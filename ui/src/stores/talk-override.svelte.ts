import type { Engine } from '../platform';

/** The push-to-talk override: the microphone is kept open, whatever the talking mode says. */
export class TalkOverride {
  on = $state(false);
  /** Who waits for the engine's word. */
  #waiting: (() => void)[] = [];

  constructor(private readonly engine: Engine) {}

  /** Keeps it open, or no longer. Resolves when the engine has said what holds now. */
  set(on: boolean): Promise<void> {
    const said = new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.engine.send({ type: 'talkOverride', on });
    return said;
  }

  toggle(): void {
    void this.set(!this.on);
  }

  /** The engine says what holds now. */
  onEngine(on: boolean): void {
    this.on = on;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
