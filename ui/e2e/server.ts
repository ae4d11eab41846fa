/** A server that is played by the test: REST and gateway are answered from memory. */
import type {
  ClientMessage,
  Guild,
  InvitePreview,
  Message,
  ServerMessage,
  User,
} from '../src/bindings/protocol';
import { voiceState } from '../src/stores/fake-voice-state';

export { voiceState };

export const ADA: User = { id: '101', name: 'Ada Lovelace', guest: false };

/** A guild with something of everything. */
export function sampleGuild(): Guild {
  const people = ['Ada Lovelace', 'Brigitte', 'Chidi Okafor', 'Dmitri', 'Esra Yıldız', 'fern_'];
  return {
    id: '1',
    name: 'The Lanterns',
    owner: ADA.id,
    version: 7,
    roles: [{ id: '1', name: 'everyone', permissions: 0b1_0000_1111 }],
    channels: [
      { id: '11', name: 'The Hall', kind: 'voice', bitrate: 64_000 },
      { id: '12', name: 'Workshop', kind: 'voice', bitrate: 64_000 },
      { id: '13', name: 'Quiet corner', kind: 'voice', bitrate: 64_000 },
      { id: '21', name: 'general', kind: 'text', bitrate: 0 },
      { id: '22', name: 'release-planning', kind: 'text', bitrate: 0 },
    ],
    members: people.map((name, index) => ({
      user: { id: `${101 + index}`, name, guest: index > 3 },
      roles: [],
      online: index !== 3,
    })),
    voiceStates: [
      voiceState('102', '11', 8),
      { ...voiceState('103', '11', 12), selfMute: true },
      { ...voiceState('105', '11', 16), serverMute: true },
      { ...voiceState('106', '12', 20), selfDeaf: true },
    ],
  };
}

export function sampleMessages(): Message[] {
  const now = Date.now();
  const said: [string, number, string][] = [
    ['102', 26 * 60, 'The new build is up. Please try it tonight and tell me what breaks.'],
    ['103', 25 * 60, 'Will do. Notes are at https://example.org/notes/42, as always.'],
    ['102', 42, 'Found anything?'],
    ['102', 41, 'I am in the hall if you would rather talk.'],
    ['105', 12, 'Two small things:\n– the meter jumps when I unplug the headset\n– mute is lovely'],
  ];
  return said.map(([author, minutesAgo, text], index) => ({
    id: `${1000 + index}`,
    channel: '21',
    author,
    text,
    sentAt: now - minutesAgo * 60_000,
  }));
}

/** One server and the account one has there. */
export class PlayedServer {
  guilds: Guild[] = [sampleGuild()];
  messages: Message[] = sampleMessages();
  preview: InvitePreview = {
    guild: '1',
    guildName: 'The Lanterns',
    memberCount: 6,
    onlineCount: 5,
    owner: false,
  };
  user: User = ADA;
  /** Requests by `METHOD path`, for tests to look at. */
  readonly requests: string[] = [];
  /** What the page said on the gateway. */
  readonly said: ClientMessage[] = [];
  /** The gateway says nothing. */
  mute = false;
  /** The version of the protocol that it speaks. */
  protocol = 1;
  /** Nothing answers at all. */
  down = false;
  /** Answers a REST call; none for the default answer. */
  answer: (call: string, body: unknown) => { status: number; body: unknown } | null = () => null;
  #send: ((message: ServerMessage) => void) | null = null;
  #close: ((code: number) => void) | null = null;
  #seq = 0;

  /** Sends one event on the gateway. */
  dispatch(event: Extract<ServerMessage, { op: 'dispatch' }>['event']): void {
    this.#send?.({ op: 'dispatch', seq: ++this.#seq, event });
  }

  /** Cuts the gateway connection; with the code by which the gateway says why. */
  cut(code = 4000): void {
    this.#close?.(code);
  }

  /** A gateway socket is open; returns what hears the page. */
  connect(
    send: (message: ServerMessage) => void,
    close: (code: number) => void,
  ): (text: string) => void {
    this.#send = send;
    this.#close = close;
    send({ op: 'hello', protocol: this.protocol, heartbeatIntervalMs: 30_000 });
    return (text) => this.#hear(JSON.parse(text) as ClientMessage, send);
  }

  answerCall(call: string, body: unknown): { status: number; body: unknown } {
    this.requests.push(call);
    return this.answer(call, body) ?? this.#respond(call, body);
  }

  #hear(message: ClientMessage, send: (message: ServerMessage) => void): void {
    this.said.push(message);
    if (this.mute) return;
    if (message.op === 'identify') {
      this.#seq = 0;
      send({ op: 'ready', session: '1', user: this.user, guilds: this.guilds });
    } else if (message.op === 'resume') {
      send({ op: 'resumed', seq: this.#seq });
    } else if (message.op === 'voiceJoin') {
      send({ op: 'voiceTicket', nonce: message.nonce, session: '5', node: '', ticket: 'ticket' });
    } else if (message.op === 'voiceModerate') {
      send({ op: 'ack', nonce: message.nonce });
    }
  }

  #respond(call: string, body: unknown): { status: number; body: unknown } {
    const found = (answer: unknown) => ({ status: 200, body: answer });
    if (call === 'GET /api/server') {
      return found({ software: 'voicehall', version: '0.1.0', protocol: 1 });
    }
    if (call === 'POST /api/logins') return found({ token: 't', user: this.user });
    if (call === 'DELETE /api/logins/current') return found(null);
    if (call.startsWith('GET /api/invites/')) return found(this.preview);
    if (call === 'POST /api/guests') return found({ token: 't', user: this.user });
    if (call === 'POST /api/guilds/1/invites') {
      return found({ code: 'Xk29sQ', guild: '1', expiresAt: null, usesLeft: null });
    }
    if (call === 'GET /api/logins') {
      const usedAt = Date.now() - 3_600_000;
      const login = { createdAt: usedAt, usedAt };
      return found([
        { id: '1', current: true, ...login },
        { id: '2', current: false, ...login },
      ]);
    }
    if (call === 'GET /api/channels/21/messages') return found(this.messages);
    if (call === 'POST /api/channels/21/messages') {
      const { text } = body as { text: string };
      return found({ id: '2000', channel: '21', author: this.user.id, text, sentAt: Date.now() });
    }
    return { status: 404, body: { code: 'notFound', message: call } };
  }
}
