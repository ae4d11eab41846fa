import { describe, expect, it } from 'vitest';
import type { UpdateState } from './updates.svelte';
import { Updates } from './updates.svelte';

/** The shell rejects with a word, not with an error. */
async function refuse(why: unknown): Promise<never> {
  throw await Promise.resolve(why);
}

type PlayedShell = ConstructorParameters<typeof Updates>[0];

const NEWER = { phase: 'newer', version: '2.0.0', notes: 'New' };

/** What there is to see, one after another, when somebody looks, installs and starts again. */
async function seen(shell: Partial<PlayedShell>, save = () => Promise.resolve()) {
  const states: UpdateState[] = [];
  const played: PlayedShell = {
    lookForUpdate: () => Promise.resolve({ found: 'newer', version: '2.0.0', notes: 'New' }),
    installUpdate: (onProgress) => {
      onProgress({ fetched: 1, total: 4 });
      states.push(updates.state);
      return Promise.resolve();
    },
    restartUpdated: () => Promise.resolve(),
    ...shell,
  };
  const updates = new Updates(played, save);
  for (const step of [() => updates.look(), () => updates.install(), () => updates.restart()]) {
    const done = step();
    states.push(updates.state);
    await done;
    states.push(updates.state);
  }
  return states.filter((state, at) => state !== states[at - 1]);
}

describe('updates', () => {
  it('are found, fetched and ready', async () => {
    expect(await seen({})).toEqual([
      { phase: 'looking' },
      NEWER,
      { phase: 'fetching', version: '2.0.0', share: 0.25 },
      { phase: 'ready' },
    ]);
  });

  it('are not there', async () => {
    const states = await seen({ lookForUpdate: () => Promise.resolve({ found: 'newest' }) });
    expect(states).toEqual([{ phase: 'looking' }, { phase: 'newest' }]);
  });

  it.each([
    ['packaged', 'packaged'],
    [new Error('?'), 'failed'],
  ])('fail with %s', async (error, problem) => {
    const states = await seen({ lookForUpdate: () => refuse(error) });
    expect(states.at(-1)).toEqual({ phase: 'problem', problem });
  });

  it('wait for the end of a call that came meanwhile', async () => {
    expect((await seen({ installUpdate: () => refuse('inCall') })).at(-1)).toEqual(NEWER);
    const states = await seen({ restartUpdated: () => refuse('inCall') });
    expect(states.at(-1)).toEqual({ phase: 'ready' });
  });

  it.each([
    ['is saved', () => Promise.resolve()],
    ['cannot be saved', () => refuse(new Error('?'))],
  ])('start when what was chosen %s', async (_, save) => {
    const done: string[] = [];
    const restartUpdated = () => Promise.resolve(done.push('restarted')).then(() => undefined);
    await seen({ restartUpdated }, () => {
      done.push('saved');
      return save();
    });
    expect(done).toEqual(['saved', 'restarted']);
  });

  it('with a wrong signature are refused', async () => {
    const states = await seen({ installUpdate: () => refuse('signature') });
    expect(states.at(-1)).toEqual({ phase: 'problem', problem: 'signature' });
  });
});
