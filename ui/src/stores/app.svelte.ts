import { tick } from 'svelte';
import type { Channel, Guild, GuildId, SignedIn } from '../bindings/protocol';
import { failureOf, parseInviteLink, Rest, type InviteLink } from '../gateway';
import type { Platform } from '../platform';
import { Desktop } from './desktop.svelte';
import { channelOf } from './guild';
import { Notices } from './notices.svelte';
import { Roster } from './roster.svelte';
import type { Server, ServerHandlers } from './server.svelte';
import { Settings } from './settings.svelte';
import { Voice } from './voice.svelte';

// Views speak to stores alone.
export { appLink, failureOf, inviteLink, parseInviteLink, parseServerAddress } from '../gateway';
export type { Failure, InviteLink } from '../gateway';

/** What is on the screen: a guild, and of it a channel. */
export interface Selection {
  server: Server;
  guild: Guild;
  channel: Channel | null;
}

/** Everything there is: servers, the call, settings, and where people look. */
export class App {
  readonly settings: Settings;
  readonly voice: Voice;
  readonly notices = new Notices();
  /** The desktop around the app; none in a browser. */
  readonly desktop: Desktop | null;
  loaded = $state(false);
  readonly #roster: Roster;
  /** A way to a further server or guild is being asked for. */
  adding = $state(false);
  /** An invite that was opened and neither followed nor dismissed. */
  invite = $state.raw<InviteLink | null>(null);
  /** The guild that the opened invite leads to, once its server said so. */
  #invited: GuildId | null = null;
  /**
   * Clears the way to what `go` shows, for somebody who comes from outside, and says whether it was
   * clear; where it was not, `go` waits.
   */
  onArrival: (go: () => void, channel: boolean) => boolean = (go) => {
    go();
    return true;
  };
  #place = $state.raw<{ base: string; guild: GuildId | null; channel: string | null } | null>(null);
  /** The channel in which people were last, by server and guild. */
  readonly #lastChannels = new Map<string, string>();

  constructor(readonly platform: Platform) {
    this.settings = new Settings(platform.storage);
    this.#roster = new Roster(platform, this.settings, (server) => this.#handlersFor(server));
    this.#roster.onLogins = () => this.#followInvite();
    this.voice = new Voice(platform.engine, this.settings);
    this.desktop = platform.shell && new Desktop(this, platform.shell);
    this.voice.onUnheard = (why) => this.notices.show({ kind: 'unheard', why });
  }

  async start(): Promise<void> {
    await this.settings.load();
    this.voice.start();
    this.#place = this.settings.current.place;
    await this.#roster.load();
    const link = await this.platform.initialLink();
    if (link !== null) this.openInvite(link);
    this.platform.onLink((link) => this.openInvite(link));
    this.platform.onWake(() => this.wake());
    this.loaded = true;
    void this.desktop?.start();
  }

  get servers(): readonly Server[] {
    return this.#roster.servers;
  }

  /** Why logins may be missing: the keychain is to be opened by the person, or was not. */
  get keychain() {
    return this.#roster.keychain;
  }

  /** Asks the keychain again. */
  async openKeychain(): Promise<void> {
    await this.#roster.openKeychain();
  }

  /** Whether further servers can be added: a page in a browser speaks to the one it came from. */
  get takesServers(): boolean {
    return this.platform.homeServer === null;
  }

  /** The server on the screen: the chosen one, even while it is away, or else one that is there. */
  get here(): Server | null {
    const chosen = this.servers.find(({ base }) => base === this.#place?.base);
    return (
      chosen ?? this.servers.find(({ guilds }) => guilds.length > 0) ?? this.servers[0] ?? null
    );
  }

  /** The guild that was chosen, whether or not it is there. */
  get wantedGuild(): GuildId | null {
    return this.#place?.guild ?? null;
  }

  /** The guild on the screen; the first of its server when none was chosen, or it is gone. */
  get selection(): Selection | null {
    const server = this.here;
    const place = this.#place;
    // After an invite was followed, its guild is known by the channel, or as the only one.
    const guild =
      server?.guilds.find(({ id }) => id === place?.guild) ??
      server?.guilds.find((guild) => place?.channel && channelOf(guild, place.channel)) ??
      server?.guilds[0];
    if (!server || !guild) return null;
    const channel =
      (place?.channel && channelOf(guild, place.channel)) ||
      guild.channels.find(({ kind }) => kind === 'voice') ||
      guild.channels[0];
    return { server, guild, channel: channel ?? null };
  }

  /** Shows a guild, where no channel is named with the one that was last shown of it. */
  select(server: Server, guild: GuildId | null, channel: string | null = null): void {
    const key = `${server.base} ${guild ?? ''}`;
    if (channel !== null) this.#lastChannels.set(key, channel);
    this.#look({
      base: server.base,
      guild,
      channel: channel ?? this.#lastChannels.get(key) ?? null,
    });
  }

  /** Shows a guild or a channel to somebody who followed a link or a notification there. */
  arrive(server: Server, guild: Guild, channel: string | null): void {
    const clear = this.onArrival(() => this.select(server, guild.id, channel), channel !== null);
    if (clear) return;
    const name = (channel !== null && channelOf(guild, channel)?.name) || guild.name;
    this.notices.show({ kind: 'arrivalWaits', name });
  }

  rest(base: string): Rest {
    return new Rest(this.platform, base);
  }

  serverAt(base: string): Server | undefined {
    return this.#roster.at(base);
  }

  /** The server with this address, if one is signed in there. */
  accountAt(base: string): Server | undefined {
    const server = this.serverAt(base);
    return server?.signedIn ? server : undefined;
  }

  /**
   * Takes a fresh login; a login to the same server that was there before is replaced. One that
   * was made by an invite has followed it; after any other, an open invite is still to be followed.
   */
  async signedIn(base: string, { token }: SignedIn, byInvite: boolean): Promise<void> {
    const before = this.serverAt(base);
    if (before) this.voice.onServerGone(before);
    const invite = this.invite?.base === base ? this.invite : null;
    const saved = this.#roster.signIn(base, token);
    this.#look({ base, guild: null, channel: byInvite ? (invite?.channel ?? null) : null });
    if (byInvite || !invite) this.dismissInvite();
    const server = this.serverAt(base);
    if (server && invite && !byInvite) void this.#askWhereItLeads(server, invite);
    await saved;
  }

  /** Gives up the login. A guest could not come back, nor does a page have another server to show. */
  async signOut(server: Server): Promise<void> {
    if (server.known.user?.guest || !this.takesServers) {
      await this.remove(server);
      return;
    }
    this.voice.onServerGone(server);
    const told = this.#tellSignOut(server);
    await this.#roster.signOut(server);
    await told;
  }

  /** Signs out where one is signed in, and forgets the server. */
  async remove(server: Server): Promise<void> {
    this.voice.onServerGone(server);
    const told = this.#tellSignOut(server);
    await this.#roster.remove(server);
    await told;
  }

  /** Joins a guild of a server on which one is signed in. */
  async acceptInvite(server: Server, code: string): Promise<void> {
    // The guild may come by the gateway before the answer, and the invite be dismissed by then.
    const channel = this.invite?.channel ?? null;
    const { guild } = await server.rest.acceptInvite(code);
    this.select(server, guild, channel);
    this.dismissInvite();
  }

  /** Follows a link to where one is a member, or asks whether to follow it. */
  openInvite(link: string): void {
    const invite = parseInviteLink(link);
    if (!invite) return;
    this.invite = invite;
    this.#invited = null;
    this.#followInvite();
  }

  dismissInvite(): void {
    this.adding = false;
    this.invite = null;
    this.platform.forgetLink();
  }

  /** The invite leads nowhere: another link may. */
  askForAnotherLink(): void {
    this.dismissInvite();
    this.adding = this.servers.length > 0;
  }

  /** Tries at once to reach every server that is away. */
  wake(): void {
    for (const server of this.servers) server.gateway.wake();
  }

  async copy(text: string): Promise<void> {
    const copied = await this.platform.copyText(text);
    this.notices.show({ kind: copied ? 'copied' : 'copyFailed' });
  }

  /** Does something at a server; a refusal is shown in passing. */
  async attempt(action: () => Promise<unknown>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.notices.show({ kind: 'failure', failure: failureOf(error) });
    }
  }

  /** Where one has an account, an invite may lead to where one is a member already. */
  #followInvite(): void {
    const { invite } = this;
    const server = invite && this.accountAt(invite.base);
    if (server) void this.#askWhereItLeads(server, invite);
  }

  async #askWhereItLeads(server: Server, invite: InviteLink): Promise<void> {
    // Why an invite cannot be followed is told where it is shown.
    const preview = await server.rest.preview(invite.code).catch(() => null);
    if (!preview || this.invite !== invite) return;
    this.#invited = preview.guild;
    this.#goWhereOneIs();
  }

  /**
   * Who is a member already needs no invite: the link only leads there. Whether one is, the
   * gateway's snapshot tells, before or after the server said where the invite leads.
   */
  #goWhereOneIs(): void {
    const { invite } = this;
    const server = invite && this.accountAt(invite.base);
    const guild = this.#invited === null ? undefined : server?.guild(this.#invited);
    if (!server || !guild) return;
    this.dismissInvite();
    // Its own dialog goes first, with what was typed into it: there is nothing to join.
    void tick().then(() => this.arrive(server, guild, invite.channel));
  }

  #look(place: { base: string; guild: GuildId | null; channel: string | null }): void {
    this.#place = place;
    this.settings.set({ place });
  }

  #handlersFor(server: () => Server): ServerHandlers {
    return {
      changed: () => {
        this.#roster.remember();
        this.voice.onGuilds();
        this.#goWhereOneIs();
      },
      online: () => this.voice.onServerOnline(server()),
      signedOut: () => {
        this.notices.show({ kind: 'signedOut', host: server().host });
        this.voice.onServerGone(server());
        void this.#roster.signOut(server());
      },
      guildRemoved: (name) => this.notices.show({ kind: 'guildRemoved', name }),
      voiceEnded: (session, reason) => this.voice.onEnded(session, reason),
      message: (message) => this.desktop?.onMessage(server(), message),
    };
  }

  /** Where the server cannot be told, the login stays valid there; it can be revoked elsewhere. */
  async #tellSignOut({ host, rest, token }: Server): Promise<void> {
    if (token === null) return;
    await rest.signOut().catch((error: unknown) => {
      if (failureOf(error) === 'unauthorized') return;
      this.notices.show({ kind: 'signOutUntold', host });
    });
  }
}
