import type { Failure } from '../gateway';
import type { Unheard } from './call';

/** Something people are told in passing. Views put it into words. */
export type Notice =
  | { kind: 'failure'; failure: Failure }
  | { kind: 'autostartFailed' | 'settingsBroken' | 'credentialsBroken' }
  | { kind: 'copied' }
  | { kind: 'copyFailed' }
  | { kind: 'guildRemoved' | 'arrivalWaits'; name: string }
  | { kind: 'unheard'; why: Unheard }
  | { kind: 'signedOut' | 'signOutUntold'; host: string };

export interface Toast {
  id: number;
  notice: Notice;
}

/** Long enough to read two lines twice. */
const SHOWN_MS = 7_000;
/** More at once would cover the screen. */
const SHOWN_MAX = 3;

export class Notices {
  toasts = $state.raw<readonly Toast[]>([]);
  #id = 0;

  show(notice: Notice): void {
    const id = ++this.#id;
    this.toasts = [...this.toasts, { id, notice }].slice(-SHOWN_MAX);
    setTimeout(() => this.dismiss(id), SHOWN_MS);
  }

  dismiss(id: number): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
  }
}
