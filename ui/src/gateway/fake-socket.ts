import type { ClientMessage, ServerMessage } from '../bindings/protocol';
import type { Platform, SocketHandlers } from '../platform';

/** A platform whose sockets are played by a test. */
export class FakeServer {
  /** Every socket that was opened, the newest last. */
  readonly sockets: FakeSocket[] = [];

  readonly platform = {
    openSocket: (url: string, handlers: SocketHandlers) => {
      const socket = new FakeSocket(url, handlers);
      this.sockets.push(socket);
      return socket;
    },
  } as Partial<Platform> as Platform;

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error('no socket was opened');
    return socket;
  }

  /** The server greets on the newest socket. */
  hello(): FakeSocket {
    this.socket.handlers.open();
    this.socket.say({ op: 'hello', protocol: 1, heartbeatIntervalMs: 10_000 });
    return this.socket;
  }
}

export class FakeSocket {
  readonly heard: ClientMessage[] = [];
  closed = false;
  closedForGood = false;

  constructor(
    readonly url: string,
    readonly handlers: SocketHandlers,
  ) {}

  send(text: string): void {
    this.heard.push(JSON.parse(text) as ClientMessage);
  }

  close(forGood: boolean): void {
    this.closed = true;
    this.closedForGood = forGood;
  }

  say(message: ServerMessage): void {
    this.handlers.message(JSON.stringify(message));
  }

  /** The connection ends from the other side. */
  drop(code = 1006): void {
    this.handlers.close(code, '');
  }

  /** An event whose content says its number. */
  dispatch(seq: number): void {
    this.say({ op: 'dispatch', seq, event: { type: 'guildRemoved', guild: `${seq}` } });
  }
}
