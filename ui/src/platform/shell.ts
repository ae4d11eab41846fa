import { Channel, invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';
import type { ControlAnswer, ControlRequest } from '../bindings/protocol';

/** The desktop around the app: tray, start with the system, notifications, other programs. */
export interface Shell {
  /** Says how things stand, for the tray and for what closing the window does. */
  present(presence: Presence): void;
  facts(): Promise<ShellFacts>;
  /** Starts the app with the system, or no longer. Rejects where the system refuses. */
  setAutostart(enabled: boolean): Promise<void>;
  /** Shows a notification. A click on it brings the window, and the place back as an event. */
  notify(title: string, body: string, place: NotifiedPlace): void;
  /** Hides the window; the tray brings it back. */
  hide(): void;
  quit(): void;
  /** Opens the small window, or brings it to the front. It closes with the call. */
  openMini(): void;
  /** What the small window shows. */
  setMini(content: MiniContent): void;
  /** Answers a program of the control socket. */
  answer(id: number, answer: ControlAnswer): void;
  onEvent(callback: (event: ShellEvent) => void): void;
  /** Looks for a newer version of the app. Rejects with an {@link UpdateProblem}. */
  lookForUpdate(): Promise<UpdateFound>;
  /** Fetches what was found and puts it in place, for the next start. Rejects as above. */
  installUpdate(onProgress: (progress: UpdateProgress) => void): Promise<void>;
  /** Ends the app and starts what was installed. Rejects as above. */
  restartUpdated(): Promise<void>;
}

/** What a notification is about: a channel of a server. */
export interface NotifiedPlace {
  base: string;
  guild: string;
  channel: string;
}

export type UpdateFound =
  { found: 'newest' } | { found: 'newer'; version: string; notes: string | null };

/** Bytes; the total where it is known. */
export interface UpdateProgress {
  fetched: number;
  total: number | null;
}

/** Why there is no update. */
export type UpdateProblem = 'unconfigured' | 'packaged' | 'inCall' | 'signature' | 'failed';

export interface Presence {
  inCall: boolean;
  muted: boolean;
  deafened: boolean;
  close: 'ask' | 'hide' | 'quit';
  texts: Record<'state' | 'mute' | 'deafen' | 'leave' | 'mini' | 'show' | 'quit', string>;
}

export interface ShellFacts {
  /** There is a tray. */
  tray: boolean;
  autostart: boolean;
  /** The settings could not be read at the start; what was there lies beside them. */
  settingsBroken: boolean;
  /** The same for the logins. */
  credentialsBroken: boolean;
  /** Why the logins are in a file; null where they are in the system's keychain. */
  keychainLack: KeychainLack | null;
}

export type KeychainLack = 'unanswered' | 'absent' | 'locked' | 'late' | 'refused';

/** What the desktop tells. */
export type ShellEvent =
  | { type: 'toggleMute' | 'toggleDeaf' | 'leave' | 'closing' }
  | { type: 'notified'; place: NotifiedPlace }
  | { type: 'tray'; present: boolean }
  | { type: 'control'; id: number; request: ControlRequest };

/** What the small window shows. */
export interface MiniContent {
  channel: string;
  theme: string;
  /** A language's tag, or 'system'. */
  language: string;
  muted: boolean;
  /** The microphone is kept open, whatever the talk key says. */
  talkOverride: boolean;
  people: { id: string; name: string; speaking: boolean; silent: boolean }[];
}

export function createShell(): Shell {
  const tell = (command: string, args?: Record<string, unknown>) => {
    // What the shell cannot do, it logs; nothing here depends on it.
    invoke(command, args).catch(() => undefined);
  };
  return {
    present: (presence) => tell('shell_present', { presence }),
    facts: () => invoke<ShellFacts>('shell_facts'),
    setAutostart: (enabled) => invoke('shell_autostart', { enabled }),
    notify: (title, body, place) => tell('shell_notify', { notification: { title, body, place } }),
    hide: () => tell('shell_hide'),
    quit: () => tell('shell_quit'),
    openMini: () => tell('mini_open'),
    setMini: (content) => tell('mini_set', { content }),
    answer: (id, answer) => tell('control_answer', { id, answer }),
    lookForUpdate: () => invoke<UpdateFound>('update_look'),
    installUpdate: (onProgress) =>
      invoke('update_install', { channel: new Channel<UpdateProgress>(onProgress) }),
    restartUpdated: () => invoke('update_restart'),
    onEvent: (callback) => {
      void listen<ShellEvent>('shell', ({ payload }) => callback(payload));
    },
  };
}

/** The small window's own door: it knows no server and no engine. */
export interface MiniDoor {
  /** Calls back with what to show, now and whenever it changes. */
  onContent(callback: (content: MiniContent) => void): void;
  act(action: 'mute' | 'leave' | 'show' | 'close'): void;
}

export function createMiniDoor(): MiniDoor {
  return {
    onContent: (callback) => {
      void listen<MiniContent>('mini', ({ payload }) => callback(payload))
        .then(() => invoke<MiniContent | null>('mini_get'))
        .then((content) => content && callback(content));
    },
    act: (action) => {
      invoke('mini_act', { action }).catch(() => undefined);
    },
  };
}
