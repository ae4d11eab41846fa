import { expect, it } from 'vitest';
import type { Storage } from '../platform';
import { Settings } from './settings.svelte';

async function loaded(saved: unknown) {
  const storage: Storage = {
    loadSettings: () => Promise.resolve(saved),
    saveSettings: () => Promise.resolve(),
    loadCredentials: () => Promise.resolve({ logins: {}, shut: null }),
    openCredentials: () => Promise.resolve({ logins: {}, shut: null }),
    saveCredentials: () => Promise.resolve(),
  };
  const settings = new Settings(storage);
  await settings.load();
  return settings.current.audio;
}

it('loads the sounds of an older version, and what one that is newer left out', async () => {
  expect((await loaded({ audio: { sounds: 0.2 } })).sounds).toEqual({
    join: 0.2,
    leave: 0.2,
    mute: 0.2,
  });
  expect((await loaded({ audio: { sounds: { leave: 0 } } })).sounds).toEqual({
    join: 0.5,
    leave: 0,
    mute: 0.5,
  });
  expect((await loaded(null)).sounds.join).toBe(0.5);
});

it('keeps a threshold that was set and follows the noise where none was', async () => {
  const gate = { mode: 'voice', threshold: 0.7 };
  expect((await loaded({ audio: { gate } })).gate).toEqual({ ...gate, releaseMs: 300 });
  expect((await loaded({})).gate).toEqual({ mode: 'voice', threshold: null, releaseMs: 300 });
});
