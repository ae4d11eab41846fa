import { SvelteMap } from 'svelte/reactivity';
import type {
  ChannelId,
  Event,
  Guild,
  GuildId,
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
  /** The login is no longer valid. */
  signedOut(): void;
  guildRemoved(name: string): void;
  voiceEnded(session: VoiceSessionId, reason: EndReason): void;
}

/** One server on which one is signed in: its guilds, kept up to date by its gateway. */
export class Server {
  status = $state.raw<GatewayStatus>({ state: 'connecting' });
  /** None until the first snapshot. */
  user = $state.raw<User | null>(null);
  guilds = $state.raw<readonly Guild[]>([]);
  /** The text channel that is on the screen. */
  openChannel: ChannelId | null = null;
  readonly rest: Rest;
  readonly gateway: GatewaySession;
  readonly #logs = new SvelteMap<ChannelId, ChannelLog>();

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
        if (this.openChannel !== null) void this.log(this.openChannel).refresh();
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

  /** Whether a text channel has something new, without making a log for it. */
  unread(channel: ChannelId): boolean {
    return this.#logs.get(channel)?.unread ?? false;
  }

  #onStatus(status: GatewayStatus): void {
    this.status = status;
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
        const log = this.log(event.message.channel);
        log.receive(event.message);
        if (event.message.channel !== this.openChannel && event.message.author !== this.user?.id) {
          log.unread = true;
        }
        break;
      }
      case 'voiceEnded':
        this.handlers.voiceEnded(event.session, event.reason);
        break;
    }
  }
}
