import type { Credentials, LoadedCredentials, Platform } from '../platform';
import { Server, type KnownServer, type ServerHandlers } from './server.svelte';
import type { Settings } from './settings.svelte';

/**
 * The servers that one is on, in the order in which they came. They are remembered with the
 * settings and their logins with the credentials, so that all are there again after a start: one
 * that is away under the name it had, and one whose login is gone as one to sign in to again.
 */
export class Roster {
  servers = $state.raw<readonly Server[]>([]);
  /** Why logins may be missing: see {@link LoadedCredentials}. */
  keychain = $state<LoadedCredentials['shut']>(null);
  /** Called when logins have come. */
  onLogins: () => void = () => undefined;
  /** Servers whose login was given up in this run: the keychain may know one that was never seen. */
  readonly #gone = new Set<string>();

  constructor(
    private readonly platform: Platform,
    private readonly settings: Settings,
    private readonly handlersFor: (server: () => Server) => ServerHandlers,
  ) {}

  /** Brings back those of the last run, each for itself: none waits for another, nor for a keychain. */
  async load(): Promise<void> {
    const loaded = await this.platform.storage.loadCredentials();
    this.#take(loaded);
    if (loaded.shut === 'asked') void this.openKeychain();
  }

  /** Waits until the keychain is open; one that was not opened is asked again. */
  async openKeychain(): Promise<void> {
    this.keychain = 'asked';
    const nothing = { logins: {}, shut: 'locked' } as const;
    this.#take(await this.platform.storage.openCredentials().catch(() => nothing));
  }

  /** Logins have come: for servers that have none yet, and were not signed out of meanwhile. */
  #take({ logins, shut }: LoadedCredentials): void {
    this.keychain = shut;
    const known = new Map(this.settings.current.servers.map((server) => [server.base, server]));
    for (const [base, login] of Object.entries(logins)) {
      if (login && !known.has(base)) known.set(base, { base, user: null, guilds: [] });
    }
    for (const [base, server] of known) {
      const there = this.at(base);
      const login = logins[base];
      if (this.#gone.has(base) || (there && there.connection !== 'locked')) continue;
      // A keychain that is shut may hold a login that is missing here, but none that was given up.
      const locked = shut !== null && login === undefined;
      // Nothing new: whoever does something there meanwhile is not disturbed.
      if (there && locked) continue;
      this.#put(there?.known ?? server, login?.token ?? null, locked);
    }
    this.remember();
    this.onLogins();
  }

  at(base: string): Server | undefined {
    return this.servers.find((server) => server.base === base);
  }

  /** Takes a fresh login, in the place of one that was there before. */
  async signIn(base: string, token: string): Promise<void> {
    this.#gone.delete(base);
    this.#put({ base, user: null, guilds: [] }, token);
    this.remember();
    await this.#saveCredentials();
  }

  /** The login is gone, and the server stays, to be signed in to again. */
  async signOut(server: Server): Promise<void> {
    this.#put(server.known, null);
    await this.#giveUp(server);
  }

  /** Takes a server away, and all that was remembered of it. */
  async remove(server: Server): Promise<void> {
    server.gateway.stop();
    this.servers = this.servers.filter((other) => other !== server);
    this.settings.forget(server.base);
    await this.#giveUp(server);
  }

  /** Something that is remembered may have changed. */
  remember(): void {
    const servers = this.servers.map(({ known }) => known);
    if (JSON.stringify(servers) !== JSON.stringify(this.settings.current.servers)) {
      this.settings.set({ servers });
    }
  }

  #put(known: KnownServer, token: string | null, locked = false): void {
    const before = this.at(known.base);
    before?.gateway.stop();
    const server: Server = new Server(
      this.platform,
      known,
      token,
      this.handlersFor(() => server),
      locked,
    );
    this.servers = before
      ? this.servers.map((other) => (other === before ? server : other))
      : [...this.servers, server];
    server.start();
  }

  #giveUp({ base }: Server): Promise<void> {
    this.#gone.add(base);
    this.remember();
    return this.#saveCredentials();
  }

  #saveCredentials(): Promise<void> {
    const credentials: Credentials = {};
    for (const base of this.#gone) credentials[base] = null;
    for (const { base, token } of this.servers) {
      if (token !== null) credentials[base] = { token };
    }
    return this.platform.storage.saveCredentials(credentials);
  }
}
