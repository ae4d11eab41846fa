/** Every keyboard shortcut of the interface: what is heard and what is shown come from here. */
import type { Strings } from '../strings';

export type ShortcutId = keyof Strings['shortcuts']['names'];

export interface Shortcut {
  id: ShortcutId;
  /** Ctrl, or Command on a Mac. */
  ctrl?: true;
  shift?: true;
  alt?: true;
  /** `KeyboardEvent.key` in lower case. */
  key: string;
  /** `KeyboardEvent.code` of the same key, for keyboards that write no Latin letters. */
  code?: string;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { id: 'mute', ctrl: true, shift: true, key: 'm', code: 'KeyM' },
  { id: 'deafen', ctrl: true, shift: true, key: 'd', code: 'KeyD' },
  { id: 'talkOverride', ctrl: true, shift: true, key: 'o', code: 'KeyO' },
  { id: 'switcher', ctrl: true, key: 'k', code: 'KeyK' },
  { id: 'channelUp', alt: true, key: 'arrowup' },
  { id: 'channelDown', alt: true, key: 'arrowdown' },
  { id: 'guildUp', ctrl: true, alt: true, key: 'arrowup' },
  { id: 'guildDown', ctrl: true, alt: true, key: 'arrowdown' },
  { id: 'settings', ctrl: true, key: ',' },
  { id: 'shortcuts', ctrl: true, key: '/' },
];

/** What of a keyboard event decides. */
export type Press = Pick<
  KeyboardEvent,
  'key' | 'code' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey' | 'repeat'
>;

/** Which shortcut was pressed; one that is held down counts once. */
export function shortcutOf(press: Press): ShortcutId | null {
  if (press.repeat) return null;
  return SHORTCUTS.find((shortcut) => fits(shortcut, press))?.id ?? null;
}

function fits({ ctrl, shift, alt, key, code }: Shortcut, press: Press): boolean {
  if ((press.ctrlKey || press.metaKey) !== (ctrl ?? false)) return false;
  if (press.altKey !== (alt ?? false)) return false;
  // Where a sign like the slash lies on a key's upper half, Shift is part of writing it.
  const sign = !/^[a-z]/.test(key);
  if (!sign && press.shiftKey !== (shift ?? false)) return false;
  if (press.key.toLowerCase() === key) return true;
  return (press.key.codePointAt(0) ?? 0) > 0x7f && press.code === code;
}

/** The keys as they are shown, in the order in which they are pressed. */
export function keysOf(shortcut: Shortcut, words: Strings['shortcuts']['keys']): string[] {
  const named = { arrowup: '↑', arrowdown: '↓' }[shortcut.key];
  return [
    ...(shortcut.ctrl ? [words.ctrl] : []),
    ...(shortcut.alt ? [words.alt] : []),
    ...(shortcut.shift ? [words.shift] : []),
    named ?? shortcut.key.toUpperCase(),
  ];
}

/** As one word, for tooltips. */
export function shownKeys(id: ShortcutId, words: Strings['shortcuts']['keys']): string {
  const shortcut = SHORTCUTS.find((other) => other.id === id);
  return shortcut ? keysOf(shortcut, words).join('+') : '';
}
