import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Gate } from '../../bindings/protocol';
import { TalkGate } from './talk-gate';

const told: boolean[] = [];
beforeEach(() => {
  vi.useFakeTimers();
  told.length = 0;
});
afterEach(() => vi.useRealTimers());

function gateIn(gate: Gate): TalkGate {
  const talk = new TalkGate({ changed: () => undefined, overridden: (on) => told.push(on) });
  talk.gate = gate;
  return talk;
}

it.each([
  ['pushToTalk', false, true],
  ['pushToMute', true, false],
] as const)('%s holds as long as the key, and a little longer', (mode, rest, held) => {
  const talk = gateIn({ mode, releaseMs: 200 });
  expect(talk.open).toBe(rest);
  talk.turn(true, false);
  expect(talk.open).toBe(held);
  talk.turn(false, false);
  vi.advanceTimersByTime(199);
  expect(talk.open).toBe(held);
  vi.advanceTimersByTime(1);
  expect(talk.open).toBe(rest);
});

it('a second press within the delay keeps it open', () => {
  const talk = gateIn({ mode: 'pushToTalk', releaseMs: 200 });
  talk.turn(true, true);
  talk.turn(false, true);
  vi.advanceTimersByTime(100);
  talk.turn(true, true);
  vi.advanceTimersByTime(1_000);
  expect(talk.open).toBe(true);
});

it('a toggle changes with each press in a call, and is off when one begins', () => {
  const talk = gateIn({ mode: 'toggle', releaseMs: 0 });
  const press = (inCall: boolean) => {
    talk.turn(true, inCall);
    talk.turn(false, inCall);
    return talk.open;
  };
  expect([press(false), press(true), press(true), press(true)]).toEqual([false, true, false, true]);
  talk.reset();
  expect(talk.open).toBe(false);
});

it('without keys it is open', () => {
  const talk = gateIn({ mode: 'pushToTalk', releaseMs: 0 });
  talk.gate = { mode: 'open' };
  expect(talk.open).toBe(true);
});

it.each([
  ['pushToTalk', false],
  ['pushToMute', true],
  ['toggle', false],
] as const)('an override keeps it open in %s, whatever the key does', (mode, rest) => {
  const talk = gateIn({ mode, releaseMs: 200 });
  talk.override(true, false);
  expect([talk.open, talk.overridden]).toEqual([rest, false]);
  talk.override(true, true);
  for (const held of [true, false, true]) {
    talk.turn(held, true);
    vi.advanceTimersByTime(1_000);
    expect(talk.open).toBe(true);
  }
  talk.turn(false, true);
  talk.override(false, true);
  expect(talk.open).toBe(true);
  vi.advanceTimersByTime(200);
  expect(talk.open).toBe(rest);
  talk.override(true, true);
  expect(talk.open).toBe(true);
  talk.reset();
  expect(talk.open).toBe(rest);
  talk.override(true, true);
  talk.gate = { mode: mode === 'toggle' ? 'pushToTalk' : 'toggle', releaseMs: 0 };
  expect([talk.open, talk.overridden]).toEqual([false, false]);
  expect(told).toEqual([true, false, true, false, true, false]);
});

it('an override has nothing to do where it is open anyway', () => {
  const talk = gateIn({ mode: 'open' });
  talk.override(true, true);
  expect([talk.open, talk.overridden, told]).toEqual([true, false, []]);
});
