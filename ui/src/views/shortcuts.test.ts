import { describe, expect, it } from 'vitest';
import { strings as en } from '../strings/en';
import { keysOf, SHORTCUTS, shortcutOf, shownKeys, type Press } from './shortcuts';

function press(keys: string, code = ''): Press {
  const parts = keys.split('+');
  return {
    key: parts.at(-1) ?? '',
    code,
    ctrlKey: parts.includes('Ctrl'),
    metaKey: parts.includes('Cmd'),
    shiftKey: parts.includes('Shift'),
    altKey: parts.includes('Alt'),
    repeat: false,
  };
}

describe('a shortcut', () => {
  it.each([
    ['Ctrl+Shift+M', '', 'mute'],
    ['Ctrl+Shift+m', '', 'mute'],
    ['Cmd+Shift+D', '', 'deafen'],
    ['Ctrl+k', '', 'switcher'],
    ['Ctrl+Shift+K', '', null],
    ['Alt+ArrowUp', '', 'channelUp'],
    ['ArrowUp', '', null],
    ['Ctrl+Alt+ArrowUp', '', 'guildUp'],
    ['Ctrl+Alt+ArrowDown', '', 'guildDown'],
    ['Ctrl+Shift+ArrowUp', '', null],
    ['Ctrl+,', '', 'settings'],
    ['Ctrl+/', '', 'shortcuts'],
    // On a German keyboard the slash is Shift+7, and the key of an American slash writes a minus.
    ['Ctrl+Shift+/', 'Digit7', 'shortcuts'],
    ['Ctrl+-', 'Slash', null],
    // On a Russian keyboard the letter is another one, on the same key.
    ['Ctrl+Shift+Ь', 'KeyM', 'mute'],
    ['m', 'KeyM', null],
  ])('%s (%s) is %s', (keys, code, id) => expect(shortcutOf(press(keys, code))).toBe(id));

  it('that is held down counts once', () => {
    expect(shortcutOf({ ...press('Ctrl+k'), repeat: true })).toBeNull();
  });

  it('is shown as it is pressed', () => {
    expect(shownKeys('mute', en.shortcuts.keys)).toBe('Ctrl+Shift+M');
    expect(shownKeys('channelDown', en.shortcuts.keys)).toBe('Alt+↓');
  });
});

it('every shortcut has keys of its own', () => {
  const shown = SHORTCUTS.map((shortcut) => keysOf(shortcut, en.shortcuts.keys).join('+'));
  expect(new Set(shown).size).toBe(Object.keys(en.shortcuts.names).length);
});
