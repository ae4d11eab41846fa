import type { SignedIn } from '../bindings/protocol';
import type { Credentials, LoadedCredentials, Platform } from '../platform';
import { accountsIn, loginKey } from './login-key';
import { Server, type KnownServer, type ServerHandlers } from './server.svelte';
import type { Settings } from './settings.svelte';

/**
 * The servers that one is on, in the order in which they came, each with its accounts, of which one
 * is active. They are remembered with the settings and their logins with the credentials, so that
 * all are there again after a start: one that is away under the name it had, and one whose login is
 * gone as one to sign in to again.
 */
export class Roster {
  /** The accounts, server by server. */
  accounts = $state.raw<readonly Server[]>([]);
  /** Every server, with its active account. */
  readonly servers = $derived(this.accounts.filter(({ parked }) => !parked));
  /** Why logins may be missing: see {@link LoadedCredentials}. */
  keychain = $state<LoadedCredentials['shut']>(null);
  /** Called when logins have come. */
  onLogins: () => void = () => undefined;
  /** Logins that were given up in this run: the keychain may know one that was never seen. */
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

  /** Logins have come: for accounts that have none yet, and were not signed out of meanwhile. */
  #take({ logins, shut }: LoadedCredentials): void {
    this.keychain = shut;
    for (const { known, login } of accountsIn(this.settings.current.servers, logins)) {
      const there = this.accounts.find((account) => account.login === (known.login ?? known.base));
      if (this.#gone.has(login) || (there && there.connection !== 'locked')) continue;
      const kept = logins[login];
      // A keychain that is shut may hold a login that is missing here, but none that was given up.
      const locked = shut !== null && kept === undefined;
      // Nothing new: whoever does something there meanwhile is not disturbed.
      if (there && locked) continue;
      this.#put({ ...(there?.known ?? known), login }, kept?.token ?? null, there, locked);
    }
    for (const { base } of this.accounts) {
      if (!this.at(base)) this.accountsAt(base)[0]?.unpark();
    }
    this.remember();
    this.onLogins();
  }

  /** A server with its active account. */
  at(base: string): Server | undefined {
    return this.servers.find((server) => server.base === base);
  }

  accountsAt(base: string): readonly Server[] {
    return this.accounts.filter((account) => account.base === base);
  }

  /**
   * Takes a fresh login and makes its account the active one, in the place of what was there of the
   * same account, or of one that is signed out.
   */
  async signIn(base: string, { token, user }: SignedIn): Promise<void> {
    const login = loginKey(base, user.id);
    const active = this.at(base);
    const same = this.accountsAt(base).find(
      (account) => account.login === login || account.known.user?.id === user.id,
    );
    const before = same ?? (active?.signedOut ? active : undefined);
    if (before) this.#gone.add(before.login);
    this.#gone.delete(login);
    if (active !== before) active?.park();
    this.#put({ base, user, guilds: same?.known.guilds ?? [], login }, token, before);
    this.remember();
    await this.#saveCredentials();
  }

  /** Makes an account the active one of its server. */
  activate(account: Server): void {
    const active = this.at(account.base);
    if (active === account) return;
    active?.park();
    account.unpark();
    this.remember();
  }

  /**
   * The login is gone. Another account of the server takes its place; where there is none, the
   * server stays, to be signed in to again.
   */
  async signOut(account: Server): Promise<void> {
    const others = this.accountsAt(account.base).filter((other) => other !== account);
    if (others.length === 0) {
      await this.expire(account);
      return;
    }
    account.gateway.stop();
    this.accounts = this.accounts.filter((other) => other !== account);
    if (!account.parked) (others.find(({ signedIn }) => signedIn) ?? others[0])?.unpark();
    await this.#giveUp(account);
  }

  /** The login is no longer valid: the account stays, to be signed in to again. */
  async expire(account: Server): Promise<void> {
    this.#put(account.known, null, account);
    await this.#giveUp(account);
  }

  /** Takes a server away with all its accounts, and all that was remembered of it. */
  async remove(base: string): Promise<void> {
    const gone = this.accountsAt(base);
    for (const { gateway } of gone) gateway.stop();
    this.accounts = this.accounts.filter((account) => account.base !== base);
    this.settings.forget(base);
    await this.#giveUp(...gone);
  }

  /** Something that is remembered may have changed. */
  remember(): void {
    if (this.#nameLogins()) void this.#saveCredentials();
    const servers = this.accounts.map(({ known }) => known);
    if (JSON.stringify(servers) !== JSON.stringify(this.settings.current.servers)) {
      this.settings.set({ servers });
    }
  }

  /** Logins that older versions kept by their server alone, once it is known whose they are. */
  #nameLogins(): boolean {
    let named = false;
    for (const account of this.accounts) {
      const { base, known, token } = account;
      // A keychain that is shut has it under its old name.
      if (account.login !== base || token === null || !known.user) continue;
      const login = loginKey(base, known.user.id);
      this.accounts = this.accounts.filter((other) => other.login !== login);
      account.login = login;
      this.#gone.add(base);
      this.#gone.delete(login);
      named = true;
    }
    return named;
  }

  #put(known: KnownServer, token: string | null, before?: Server, locked = false): void {
    before?.gateway.stop();
    const server: Server = new Server(
      this.platform,
      known,
      token,
      this.handlersFor(() => server),
      locked,
    );
    const last = this.accounts.findLastIndex(({ base }) => base === known.base);
    const at = last < 0 ? this.accounts.length : last + 1;
    this.accounts = before
      ? this.accounts.map((other) => (other === before ? server : other))
      : this.accounts.toSpliced(at, 0, server);
    server.start();
  }

  #giveUp(...accounts: readonly Server[]): Promise<void> {
    for (const { login } of accounts) this.#gone.add(login);
    this.remember();
    return this.#saveCredentials();
  }

  #saveCredentials(): Promise<void> {
    const credentials: Credentials = {};
    for (const login of this.#gone) credentials[login] = null;
    for (const { login, token } of this.accounts) {
      if (token !== null) credentials[login] = { token };
    }
    return this.platform.storage.saveCredentials(credentials);
  }
}
