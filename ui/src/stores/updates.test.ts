import { describe, expect, it } from 'vitest';
import type { UpdateState } from './updates.svelte';
import { Updates } from './updates.svelte';

/** The shell rejects with a word, not with an error. */
async function refuse(why: unknown): Promise<never> {
  throw await Promise.resolve(why);
}

/** What there is to see, one after another, when somebody looks and installs. */
async function seen(shell: Partial<ConstructorParameters<typeof Updates>[0]>) {
  const states: UpdateState[] = [];
  const updates = new Updates({
    lookForUpdate: () => Promise.resolve({ found: 'newer', version: '2.0.0', notes: 'New' }),
    installUpdate: (onProgress) => {
      onProgress({ fetched: 1, total: 4 });
      states.push(updates.state);
      return Promise.resolve();
    },
    ...shell,
  });
  for (const step of [() => updates.look(), () => updates.install()]) {
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
      { phase: 'newer', version: '2.0.0', notes: 'New' },
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

  it('with a wrong signature are refused', async () => {
    const states = await seen({ installUpdate: () => refuse('signature') });
    expect(states.at(-1)).toEqual({ phase: 'problem', problem: 'signature' });
  });
});
