import { describe, expect, it } from 'vitest';
import type { KeyBinding } from '../bindings/protocol';
import { PageKeys } from './page-keys';

function setUp(bindings: KeyBinding[]) {
  const told: string[] = [];
  const keys = new PageKeys({
    action: (action, pressed) => told.push(`${pressed ? '+' : '-'}${action}`),
    recorded: (held, complete) => told.push(held.join('&') + (complete ? '!' : '')),
  });
  keys.bindings = bindings;
  return { keys, take: () => told.splice(0).join(' ') };
}

const talk: KeyBinding = { action: 'talk', keys: ['ControlLeft'] };
const mute: KeyBinding = { action: 'mute', keys: ['ControlLeft', 'KeyM'] };

describe('keys of a page', () => {
  it('hold what they are bound to, in any order, once', () => {
    const { keys, take } = setUp([talk, mute]);
    keys.press('KeyM');
    expect(take()).toBe('');
    keys.press('ControlLeft');
    keys.press('ControlLeft');
    expect(take()).toBe('+talk +mute');
    keys.release('KeyM');
    keys.release('ControlLeft');
    keys.release('ControlLeft');
    expect(take()).toBe('-mute -talk');
  });

  it('are all let go with the focus', () => {
    const { keys, take } = setUp([talk]);
    keys.press('ControlLeft');
    keys.releaseAll();
    expect(take()).toBe('+talk -talk');
  });

  it('do nothing while they are recorded', () => {
    const { keys, take } = setUp([talk]);
    keys.press('Enter');
    keys.recording = true;
    keys.release('Enter');
    keys.press('ControlLeft');
    keys.press('KeyM');
    keys.release('ControlLeft');
    expect(take()).toBe('ControlLeft ControlLeft&KeyM ControlLeft&KeyM!');
    keys.recording = false;
    keys.press('ControlLeft');
    expect(take()).toBe('+talk');
  });
});
