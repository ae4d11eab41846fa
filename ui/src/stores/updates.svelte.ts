import type { Shell, UpdateProblem } from '../platform';

/** How looking for a newer version of the app stands. */
export type UpdateState =
  | { phase: 'unasked' | 'looking' | 'newest' | 'ready' }
  | { phase: 'newer'; version: string; notes: string | null }
  /** The share that has come, from 0 to 1; null where it is not known. */
  | { phase: 'fetching'; version: string; share: number | null }
  | { phase: 'problem'; problem: UpdateProblem };

const PROBLEMS: readonly unknown[] = ['unconfigured', 'packaged', 'inCall', 'signature', 'failed'];

/** Newer versions of the app: looked for and installed only when a person asks. */
export class Updates {
  state = $state.raw<UpdateState>({ phase: 'unasked' });

  constructor(
    private readonly shell: Pick<Shell, 'lookForUpdate' | 'installUpdate' | 'restartUpdated'>,
    /** Keeps what is still to be saved. */
    private readonly save: () => Promise<void>,
  ) {}

  async look(): Promise<void> {
    this.state = { phase: 'looking' };
    await this.#attempt(async () => {
      const found = await this.shell.lookForUpdate();
      if (found.found === 'newest') this.state = { phase: 'newest' };
      else this.state = { phase: 'newer', version: found.version, notes: found.notes };
    });
  }

  async install(): Promise<void> {
    if (this.state.phase !== 'newer') return;
    const found = this.state;
    const { version } = found;
    this.state = { phase: 'fetching', version, share: null };
    await this.#attempt(async () => {
      await this.shell.installUpdate(({ fetched, total }) => {
        if (this.state.phase !== 'fetching') return;
        this.state = { phase: 'fetching', version, share: total ? fetched / total : null };
      });
      this.state = { phase: 'ready' };
    }, found);
  }

  /** Ends the app and starts what was installed. */
  async restart(): Promise<void> {
    const ready = this.state;
    if (ready.phase !== 'ready') return;
    await this.#attempt(async () => {
      await this.save().catch(() => undefined);
      await this.shell.restartUpdated();
    }, ready);
  }

  /** Where a call is in the way, things stay as they were before, and go on when it is over. */
  async #attempt(act: () => Promise<void>, before: UpdateState | null = null): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (error === 'inCall' && before) {
        this.state = before;
        return;
      }
      const problem = (PROBLEMS.includes(error) ? error : 'failed') as UpdateProblem;
      this.state = { phase: 'problem', problem };
    }
  }
}
