import type {
  ChannelId,
  Event,
  Guild,
  GuildId,
  Message,
  User,
  VoiceSessionId,
  EndReason,
} from '../bindings/protocol';
import { GatewaySession, Rest, type GatewayStatus } from '../gateway';
import type { Platform } from '../platform';
import { applyChange } from './guild';
import { ChannelLog } from './messages.svelte';

/** What is remembered of a server, so that it has a name and a place while it is away. */
export interface KnownServer {
  /** Its origin. */
  base: string;
  /** The account that is, or was, signed in there. */
  user: User | null;
  guilds: readonly Pick<Guild, 'id' | 'name'>[];
}

/** How a server can be reached. */
export type Connection =
  /** The first attempt since the app started is on its way. */
  | 'connecting'
  | 'online'
  /** It was there a moment ago. */
  | 'reconnecting'
  /** It has not answered for a while, and is still being tried. */
  | 'offline'
  | 'signedOut'
  /** One's login is in a keychain that has not been opened. */
  | 'locked'
  /** It speaks another version of the protocol. */
  | 'incompatible';

/** Attempts in a row that fail before a server is away, and not only interrupted. */
const LOSSES_MAX = 3;

/** What a server tells those who look after all of them. */
export interface ServerHandlers {
  /** A guild changed, or all did. */
  changed(): void;
  /** The gateway answers, for the first time or again. */
  online(): void;
  /** The login is no longer valid. */
  signedOut(): void;
  guildRemoved(name: string): void;
  voiceEnded(session: VoiceSessionId, reason: EndReason): void;
  /** Somebody else wrote something. */
  message(message: Message): void;
}

/** One server, and the account one has there: its guilds, kept up to date by its gateway. */
export class Server {
  status = $state.raw<GatewayStatus>({ state: 'connecting' });
  /** None until the first snapshot. */
  user = $state.raw<User | null>(null);
  guilds = $state.raw<readonly Guild[]>([]);
  /** The text channel that is on the screen. */
  #openChannel: ChannelId | null = null;
  readonly rest: Rest;
  readonly gateway: GatewaySession;
  /** Text channels in which something was written that nobody has looked at. */
  unread = $state.raw<readonly ChannelId[]>([]);
  readonly #logs = new Map<ChannelId, ChannelLog>();
  #met = false;
  /** Attempts that failed since it was online. */
  #losses = 0;

  constructor(
    platform: Platform,
    private readonly before: KnownServer,
    /** None where one is signed out, or cannot know: it is not spoken to. */
    readonly token: string | null,
    private readonly handlers: ServerHandlers,
    /** Whether there may be a token that cannot be had yet. */
    private readonly locked = false,
  ) {
    this.rest = new Rest(platform, this.base, token);
    this.gateway = new GatewaySession(platform, this.base, token ?? '', {
      status: (status) => this.#onStatus(status),
      ready: ({ user, guilds }) => {
        this.user = user;
        this.guilds = guilds;
        this.#met = true;
        for (const log of this.#logs.values()) log.invalidate();
        if (this.#openChannel !== null) void this.log(this.#openChannel).refresh();
        this.handlers.changed();
      },
      event: (event) => this.#onEvent(event),
    });
  }

  start(): void {
    if (this.token !== null) {
      this.gateway.start();
      return;
    }
    this.gateway.stop();
    this.status = { state: 'closed', reason: 'signedOut' };
  }

  get base(): string {
    return this.before.base;
  }

  /** How people name it. */
  get host(): string {
    return new URL(this.base).host;
  }

  get connection(): Connection {
    const { status } = this;
    if (status.state === 'closed') return this.locked ? 'locked' : status.reason;
    if (status.state !== 'offline') return status.state;
    return this.#met && this.#losses < LOSSES_MAX ? 'reconnecting' : 'offline';
  }

  get signedOut(): boolean {
    return this.connection === 'signedOut';
  }

  /** Whether there is an account here that can be used. */
  get signedIn(): boolean {
    return !this.signedOut && this.connection !== 'locked';
  }

  /** What to remember of it: what it said, or what was known before it did. */
  get known(): KnownServer {
    const { base, user, guilds } = this;
    return user
      ? { base, user, guilds: guilds.map(({ id, name }) => ({ id, name })) }
      : this.before;
  }

  guild(id: GuildId): Guild | undefined {
    return this.guilds.find((guild) => guild.id === id);
  }

  log(channel: ChannelId): ChannelLog {
    const known = this.#logs.get(channel);
    if (known) return known;
    const log = new ChannelLog(this.rest, channel);
    this.#logs.set(channel, log);
    return log;
  }

  /** A text channel comes on the screen. */
  open(channel: ChannelId): void {
    this.#openChannel = channel;
    this.unread = this.unread.filter((other) => other !== channel);
    void this.log(channel).refresh();
  }

  /** It goes from the screen. */
  close(channel: ChannelId): void {
    if (this.#openChannel === channel) this.#openChannel = null;
  }

  #onStatus(status: GatewayStatus): void {
    if (status.state === 'online') this.#losses = 0;
    if (status.state === 'offline') this.#losses++;
    this.status = status;
    if (status.state === 'online') this.handlers.online();
    if (status.state === 'closed' && status.reason === 'signedOut') this.handlers.signedOut();
  }

  #onEvent(event: Event): void {
    switch (event.type) {
      case 'guildChanged': {
        const before = this.guild(event.guild);
        const after = before && applyChange(before, event.version, event.change);
        if (!after) {
          this.gateway.restart();
          return;
        }
        this.guilds = this.guilds.map((guild) => (guild.id === after.id ? after : guild));
        this.handlers.changed();
        break;
      }
      case 'guildAdded':
        this.guilds = [...this.guilds.filter(({ id }) => id !== event.guild.id), event.guild];
        this.handlers.changed();
        break;
      case 'guildRemoved': {
        const name = this.guild(event.guild)?.name;
        this.guilds = this.guilds.filter(({ id }) => id !== event.guild);
        if (name !== undefined) this.handlers.guildRemoved(name);
        this.handlers.changed();
        break;
      }
      case 'messageCreated': {
        const { channel, author } = event.message;
        this.log(channel).receive(event.message);
        if (channel !== this.#openChannel && author !== this.user?.id) {
          this.unread = [...this.unread.filter((other) => other !== channel), channel];
        }
        if (author !== this.user?.id) this.handlers.message(event.message);
        break;
      }
      case 'voiceEnded':
        this.handlers.voiceEnded(event.session, event.reason);
        break;
    }
  }
}
