import { expect, it } from 'vitest';
import type { KeyBinding } from '../bindings/protocol';
import { conflictsOf, inReadingOrder, withBinding, withoutBinding } from './keys';

const talk: KeyBinding = { action: 'talk', keys: ['ControlLeft'] };
const mute: KeyBinding = { action: 'mute', keys: ['KeyM', 'ControlLeft'] };
const deafen: KeyBinding = { action: 'deafen', keys: ['ControlLeft', 'KeyM'] };

it('a binding is there once, in whatever order its keys are', () => {
  const again: KeyBinding = { action: 'mute', keys: ['ControlLeft', 'KeyM'] };
  expect(withBinding([mute, talk], again)).toEqual([talk, again]);
  expect(withoutBinding([mute, talk], again)).toEqual([talk]);
  expect(withBinding([mute], deafen)).toEqual([mute, deafen]);
});

it('keys that do something else too are named', () => {
  const all = [talk, mute, deafen];
  expect(all.map((binding) => conflictsOf(all, binding))).toEqual([
    [],
    ['talk', 'deafen'],
    ['talk', 'mute'],
  ]);
});

it('modifiers are read first', () => {
  expect(inReadingOrder(['KeyQ', 'ShiftLeft', 'ControlLeft'])).toEqual([
    'ShiftLeft',
    'ControlLeft',
    'KeyQ',
  ]);
});
