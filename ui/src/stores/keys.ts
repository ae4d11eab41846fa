import type { KeyAction, KeyBinding } from '../bindings/protocol';

/** Every action, in the order in which people look for it. */
export const KEY_ACTIONS: readonly KeyAction[] = [
  'talk',
  'talkOverride',
  'mute',
  'deafen',
  'leave',
];

const isWithin = (one: readonly string[], other: readonly string[]) =>
  one.every((key) => other.includes(key));

function isSame(one: KeyBinding, other: KeyBinding): boolean {
  const { keys } = one;
  return (
    one.action === other.action && keys.length === other.keys.length && isWithin(keys, other.keys)
  );
}

/** Adds a binding, unless it is there already. */
export function withBinding(bindings: readonly KeyBinding[], added: KeyBinding): KeyBinding[] {
  return [...bindings.filter((binding) => !isSame(binding, added)), added];
}

export function withoutBinding(bindings: readonly KeyBinding[], gone: KeyBinding): KeyBinding[] {
  return bindings.filter((binding) => !isSame(binding, gone));
}

/** What else happens when these keys are pressed: the keys of other actions are among them. */
export function conflictsOf(bindings: readonly KeyBinding[], binding: KeyBinding): KeyAction[] {
  return KEY_ACTIONS.filter(
    (action) =>
      action !== binding.action &&
      bindings.some((other) => other.action === action && isWithin(other.keys, binding.keys)),
  );
}

/** Modifiers are named first, as they are pressed. */
const MODIFIER = /^(Control|Alt|Shift|Meta)/;

export function inReadingOrder(keys: readonly string[]): string[] {
  const modifiers = keys.filter((key) => MODIFIER.test(key));
  return [...modifiers, ...keys.filter((key) => !MODIFIER.test(key))];
}
