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

/** One server on which one is signed in: its guilds, kept up to date by its gateway. */
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

  constructor(
    platform: Platform,
    readonly base: string,
    readonly token: string,
    private readonly handlers: ServerHandlers,
  ) {
    this.rest = new Rest(platform, base, token);
    this.gateway = new GatewaySession(platform, base, token, {
      status: (status) => this.#onStatus(status),
      ready: ({ user, guilds }) => {
        this.user = user;
        this.guilds = guilds;
        for (const log of this.#logs.values()) log.invalidate();
        if (this.#openChannel !== null) void this.log(this.#openChannel).refresh();
        this.handlers.changed();
      },
      event: (event) => this.#onEvent(event),
    });
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
