import type { KeyAction, KeyBinding } from '../bindings/protocol';

/** What keys do. */
export interface KeyHandlers {
  /** An action is held, or no longer. */
  action(action: KeyAction, pressed: boolean): void;
  recorded(keys: string[], complete: boolean): void;
}

/** Buttons of `MouseEvent.button` from which on they may be bound: "back" is the fourth. */
const FIRST_BUTTON = 3;

/**
 * The keys that a page hears: those that are pressed while it has the focus. An action is held as
 * long as all keys of one of its bindings are, whatever else is held.
 */
export class PageKeys {
  #bindings: readonly KeyBinding[] = [];
  readonly #down = new Set<string>();
  #held: ReadonlySet<KeyAction> = new Set();
  /** What is recorded; none while nothing is. */
  #recording: Set<string> | null = null;

  constructor(private readonly handlers: KeyHandlers) {}

  set bindings(bindings: readonly KeyBinding[]) {
    this.#bindings = bindings;
    this.#settle();
  }

  set recording(enabled: boolean) {
    this.#recording = enabled ? new Set() : null;
    this.#settle();
  }

  press(key: string): void {
    if (this.#down.has(key)) return;
    this.#down.add(key);
    if (this.#recording) {
      this.#recording.add(key);
      this.handlers.recorded([...this.#recording], false);
    } else this.#settle();
  }

  release(key: string): void {
    if (!this.#down.delete(key)) return;
    if (this.#recording?.has(key)) {
      const keys = [...this.#recording];
      this.#recording.clear();
      this.handlers.recorded(keys, true);
    } else this.#settle();
  }

  /** The focus is elsewhere: what is let go there is not heard. */
  releaseAll(): void {
    this.#down.clear();
    this.#recording?.clear();
    this.#settle();
  }

  #settle(): void {
    const complete = this.#bindings.filter(
      ({ keys }) => keys.length > 0 && keys.every((key) => this.#down.has(key)),
    );
    const before = this.#held;
    this.#held = new Set(this.#recording ? [] : complete.map(({ action }) => action));
    for (const action of before) if (!this.#held.has(action)) this.handlers.action(action, false);
    for (const action of this.#held) if (!before.has(action)) this.handlers.action(action, true);
  }
}

/** Lets a page's keys and mouse buttons come to `keys`. What is typed into a field is no key. */
export function listenToKeys(keys: PageKeys): void {
  const capture = { capture: true };
  const press = (event: KeyboardEvent) => {
    if (event.code !== '' && !(isTyping(event) && writes(event))) keys.press(event.code);
  };
  window.addEventListener('keydown', press, capture);
  window.addEventListener('keyup', ({ code }) => keys.release(code), capture);
  window.addEventListener('mousedown', ({ button }) => {
    if (button >= FIRST_BUTTON) keys.press(`Mouse${button + 1}`);
  });
  window.addEventListener('mouseup', ({ button }) => keys.release(`Mouse${button + 1}`));
  window.addEventListener('blur', () => keys.releaseAll());
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') keys.releaseAll();
  });
}

function isTyping({ target }: Event): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches('textarea, input:not([type=range], [type=radio])'))
  );
}

function writes({ key, ctrlKey, altKey, metaKey }: KeyboardEvent): boolean {
  return key.length === 1 && !ctrlKey && !altKey && !metaKey;
}
