import { expect, it } from 'vitest';
import type { Storage } from '../platform';
import { Settings } from './settings.svelte';

function storageOf(saved: unknown, saveSettings: Storage['saveSettings']): Storage {
  return {
    loadSettings: () => Promise.resolve(saved),
    saveSettings,
    loadCredentials: () => Promise.resolve({ logins: {}, shut: null }),
    openCredentials: () => Promise.resolve({ logins: {}, shut: null }),
    saveCredentials: () => Promise.resolve(),
  };
}

async function loaded(saved: unknown) {
  const settings = new Settings(storageOf(saved, () => Promise.resolve()));
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

it('hands over at once what was chosen, one version after the other, and the newest last', async () => {
  const saves: { theme: unknown; done: () => void }[] = [];
  const settings = new Settings(
    storageOf({}, (saved) => {
      const { theme } = saved as { theme: unknown };
      return new Promise((resolve) => saves.push({ theme, done: resolve }));
    }),
  );
  await settings.load();
  settings.set({ theme: 'dark' });
  expect(saves.map(({ theme }) => theme)).toEqual(['dark']);
  settings.set({ theme: 'system' });
  settings.set({ theme: 'light' });
  const flushed = settings.flush();
  expect(saves.length).toBe(1);
  saves[0]?.done();
  await expect.poll(() => saves.map(({ theme }) => theme)).toEqual(['dark', 'light']);
  saves[1]?.done();
  await flushed;
  settings.set({ theme: 'dark' });
  expect(saves.map(({ theme }) => theme)).toEqual(['dark', 'light', 'dark']);
});

it('saves what is chosen after a version that could not be kept', async () => {
  const saved: unknown[] = [];
  const settings = new Settings(
    storageOf({}, (choices) => {
      saved.push((choices as { theme: unknown }).theme);
      return saved.length === 1 ? Promise.reject(new Error('full')) : Promise.resolve();
    }),
  );
  await settings.load();
  settings.set({ theme: 'dark' });
  await settings.flush();
  settings.set({ theme: 'light' });
  await settings.flush();
  expect(saved.at(-1)).toBe('light');
});
