import type { Channel, Guild, GuildId, SignedIn } from '../bindings/protocol';
import { failureOf, parseInviteLink, Rest, type InviteLink } from '../gateway';
import type { Credentials, Platform } from '../platform';
import { Desktop } from './desktop.svelte';
import { channelOf } from './guild';
import { Notices } from './notices.svelte';
import { Server } from './server.svelte';
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
  servers = $state.raw<readonly Server[]>([]);
  /** An invite that was opened and neither followed nor dismissed. */
  invite = $state.raw<InviteLink | null>(null);
  /** The guild that the opened invite leads to, once its server said so. */
  #invited: GuildId | null = null;
  #place = $state.raw<{ base: string; guild: GuildId | null; channel: string | null } | null>(null);

  constructor(readonly platform: Platform) {
    this.settings = new Settings(platform.storage);
    this.voice = new Voice(platform.engine, this.settings);
    this.desktop = platform.shell && new Desktop(this, platform.shell);
    this.voice.onUnheard = (why) => this.notices.show({ kind: 'unheard', why });
  }

  async start(): Promise<void> {
    await this.settings.load();
    this.voice.start();
    const credentials = await this.platform.storage.loadCredentials();
    this.#place = this.settings.current.place;
    for (const [base, { token }] of Object.entries(credentials)) this.#connect(base, token);
    this.#openInvite(await this.platform.initialLink());
    this.platform.onLink((link) => this.#openInvite(link));
    this.platform.onWake(() => {
      for (const server of this.servers) server.gateway.wake();
    });
    this.loaded = true;
    void this.desktop?.start();
  }

  /** The guild on the screen; the first there is when nothing was chosen, or it is gone. */
  get selection(): Selection | null {
    const chosen = this.servers.find(({ base }) => base === this.#place?.base);
    const place = this.#place;
    // After an invite was followed, its guild is known by the channel, or as the only one.
    const chosenGuild =
      chosen?.guilds.find(({ id }) => id === place?.guild) ??
      chosen?.guilds.find((guild) => place?.channel && channelOf(guild, place.channel)) ??
      chosen?.guilds[0];
    const server = chosenGuild ? chosen : this.servers.find(({ guilds }) => guilds.length > 0);
    const guild = chosenGuild ?? server?.guilds[0];
    if (!server || !guild) return null;
    const channel =
      (place?.channel && channelOf(guild, place.channel)) ||
      guild.channels.find(({ kind }) => kind === 'voice') ||
      guild.channels[0];
    return { server, guild, channel: channel ?? null };
  }

  select(server: Server, guild: GuildId, channel: string | null = null): void {
    this.#look({ base: server.base, guild, channel });
  }

  rest(base: string): Rest {
    return new Rest(this.platform, base);
  }

  serverAt(base: string): Server | undefined {
    return this.servers.find((server) => server.base === base);
  }

  /** Takes a fresh login; a login to the same server that was there before is replaced. */
  async signedIn(base: string, { token }: SignedIn): Promise<void> {
    const before = this.serverAt(base);
    if (before) this.#disconnect(before);
    this.#connect(base, token);
    const channel = this.invite?.base === base ? this.invite.channel : null;
    this.#look({ base, guild: null, channel });
    this.dismissInvite();
    await this.#saveCredentials();
  }

  async signOut(server: Server): Promise<void> {
    // Where the server cannot be told, the login stays valid there; it can be revoked elsewhere.
    await server.rest.signOut().catch(() => undefined);
    this.#disconnect(server);
    await this.#saveCredentials();
  }

  /** Joins a guild of a server on which one is signed in. */
  async acceptInvite(server: Server, code: string): Promise<void> {
    // The guild may come by the gateway before the answer, and the invite be dismissed by then.
    const channel = this.invite?.channel ?? null;
    const { guild } = await server.rest.acceptInvite(code);
    this.select(server, guild, channel);
    this.dismissInvite();
  }

  dismissInvite(): void {
    this.invite = null;
    this.platform.forgetLink();
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

  #openInvite(link: string | null): void {
    const invite = link === null ? null : parseInviteLink(link);
    if (!invite) return;
    this.invite = invite;
    this.#invited = null;
    const server = this.serverAt(invite.base);
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
    const server = invite && this.serverAt(invite.base);
    if (!server || this.#invited === null || !server.guild(this.#invited)) return;
    this.select(server, this.#invited, invite.channel);
    this.dismissInvite();
  }

  #look(place: { base: string; guild: GuildId | null; channel: string | null }): void {
    this.#place = place;
    this.settings.set({ place });
  }

  #connect(base: string, token: string): void {
    const server = new Server(this.platform, base, token, {
      changed: () => {
        this.voice.onGuilds();
        this.#goWhereOneIs();
      },
      online: () => this.voice.onServerOnline(server),
      signedOut: () => {
        this.notices.show({ kind: 'signedOut' });
        this.#disconnect(server);
        void this.#saveCredentials();
      },
      guildRemoved: (name) => this.notices.show({ kind: 'guildRemoved', name }),
      voiceEnded: (session, reason) => this.voice.onEnded(session, reason),
      message: (message) => this.desktop?.onMessage(server, message),
    });
    this.servers = [...this.servers, server];
    server.gateway.start();
  }

  #disconnect(server: Server): void {
    this.voice.onServerGone(server);
    server.gateway.stop();
    this.servers = this.servers.filter((other) => other !== server);
  }

  #saveCredentials(): Promise<void> {
    const credentials: Credentials = {};
    for (const { base, token } of this.servers) credentials[base] = { token };
    return this.platform.storage.saveCredentials(credentials);
  }
}
