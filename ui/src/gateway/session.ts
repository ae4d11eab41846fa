import {
  CloseCode,
  GATEWAY_PATH,
  PROTOCOL_VERSION,
  type ClientMessage,
  type Event,
  type GatewaySessionId,
  type ServerMessage,
} from '../bindings/protocol';
import type { Platform, Socket } from '../platform';
import { Backoff } from './backoff';
import { RequestFailed } from './rest';

/** Where the session stands. */
export type GatewayStatus =
  /** The first connection is on its way. */
  | { state: 'connecting' }
  | { state: 'online' }
  /** The connection was lost; the next attempt is at `retryAtMs` (of `Date.now()`). */
  | { state: 'offline'; retryAtMs: number }
  /** It will not come back by itself. */
  | { state: 'closed'; reason: 'signedOut' | 'incompatible' };

export interface GatewayHandlers {
  status(status: GatewayStatus): void;
  /** A new session: all state before it is void. */
  ready(ready: Extract<ServerMessage, { op: 'ready' }>): void;
  /** Each event once and in order. */
  event(event: Event): void;
}

type Answer = Extract<ServerMessage, { op: 'voiceTicket' | 'ack' }>;
type Unnumbered<T> = T extends { nonce: number } ? Omit<T, 'nonce'> : never;
/** A message that the server answers. */
export type Request = Unnumbered<ClientMessage>;

/** From opening the socket to hello, and from a request to its answer. */
const ANSWER_TIMEOUT_MS = 10_000;
/** Wait at least this long after closes that mean 'not so fast'. */
const SLOW_RETRY_MS = 3_000;

/**
 * One gateway session: identifies, keeps the heartbeat, reconnects and resumes, so that its owner
 * sees every event once, in order, whatever the network does.
 */
export class GatewaySession {
  readonly #backoff: Backoff;
  readonly #pending = new Map<number, Pending>();
  #socket: Socket | null = null;
  #session: GatewaySessionId | null = null;
  #seq = 0;
  #nonce = 0;
  #online = false;
  #acknowledged = true;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(
    private readonly platform: Platform,
    private readonly base: string,
    private readonly token: string,
    private readonly handlers: GatewayHandlers,
    random: () => number = Math.random,
  ) {
    this.#backoff = new Backoff(random);
  }

  start(): void {
    this.handlers.status({ state: 'connecting' });
    this.#connect();
  }

  /** Ends it for good. */
  stop(): void {
    this.#stopped = true;
    this.#drop(true);
  }

  /** Tries at once if it was waiting. */
  wake(): void {
    if (!this.#stopped && this.#socket === null) this.#connect();
  }

  /** Throws the session away and asks for a new snapshot: state was found to have a gap. */
  restart(): void {
    if (this.#stopped) return;
    this.#session = null;
    this.#drop();
    this.#connect();
  }

  /** Sends what needs no answer; lost when there is no connection. */
  send(message: ClientMessage): void {
    if (this.#online) this.#transmit(message);
  }

  /** Sends a request and waits for its answer. */
  request(request: Request): Promise<Answer> {
    if (!this.#online) return Promise.reject(new RequestFailed('unreachable'));
    const nonce = ++this.#nonce;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(nonce);
        reject(new RequestFailed('unreachable'));
      }, ANSWER_TIMEOUT_MS);
      this.#pending.set(nonce, { resolve, reject, timer });
      this.#transmit({ ...request, nonce });
    });
  }

  #connect(): void {
    clearTimeout(this.#timer);
    const url = this.base.replace(/^http/, 'ws') + GATEWAY_PATH;
    const socket = this.platform.openSocket(url, {
      open: () => undefined,
      message: (text) => {
        if (socket === this.#socket) this.#receive(text);
      },
      close: (code) => {
        if (socket === this.#socket) this.#lost(code);
      },
    });
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lost(null), ANSWER_TIMEOUT_MS);
  }

  #receive(text: string): void {
    const message = JSON.parse(text) as ServerMessage;
    switch (message.op) {
      case 'hello':
        this.#hello(message.protocol, message.heartbeatIntervalMs);
        break;
      case 'ready':
        this.#session = message.session;
        this.#seq = 0;
        this.handlers.ready(message);
        this.#nowOnline();
        break;
      case 'resumed':
        this.#nowOnline();
        break;
      case 'invalidSession':
        this.#session = null;
        this.#identify();
        break;
      case 'heartbeatAck':
        this.#acknowledged = true;
        break;
      case 'dispatch':
        this.#dispatch(message.seq, message.event);
        break;
      case 'voiceTicket':
      case 'ack':
        this.#settle(message.nonce)?.resolve(message);
        break;
      case 'error':
        if (message.nonce !== null) {
          this.#settle(message.nonce)?.reject(new RequestFailed(message.code));
        }
        break;
    }
  }

  #hello(protocol: number, heartbeatIntervalMs: number): void {
    if (protocol !== PROTOCOL_VERSION) {
      this.#close('incompatible');
      return;
    }
    this.#acknowledged = true;
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatIntervalMs);
    this.#identify();
  }

  #identify(): void {
    const credentials = { protocol: PROTOCOL_VERSION, token: this.token };
    this.#transmit(
      this.#session === null
        ? { op: 'identify', ...credentials }
        : { op: 'resume', ...credentials, session: this.#session, seq: this.#seq },
    );
  }

  /** A number that was seen comes again after a resume; one too high means that some were lost. */
  #dispatch(seq: number, event: Event): void {
    if (seq <= this.#seq) return;
    if (seq > this.#seq + 1) {
      this.#lost(null);
      return;
    }
    this.#seq = seq;
    this.handlers.event(event);
  }

  #beat(): void {
    if (!this.#acknowledged) {
      this.#lost(null);
      return;
    }
    this.#acknowledged = false;
    this.#transmit({ op: 'heartbeat', seq: this.#seq });
  }

  #nowOnline(): void {
    clearTimeout(this.#timer);
    this.#backoff.reset();
    this.#online = true;
    this.handlers.status({ state: 'online' });
  }

  /** The connection is gone, or useless: `code` is the server's close code where it gave one. */
  #lost(code: number | null): void {
    if (code === CloseCode.BadToken) {
      this.#close('signedOut');
      return;
    }
    if (code === CloseCode.ProtocolMismatch) {
      this.#close('incompatible');
      return;
    }
    this.#drop();
    // After these the server would refuse to go on with the same session.
    const fresh: (number | null)[] = [
      CloseCode.Malformed,
      CloseCode.NotIdentified,
      CloseCode.AlreadyIdentified,
      CloseCode.Superseded,
    ];
    if (fresh.includes(code)) this.#session = null;
    const slow = code === CloseCode.RateLimited || code === CloseCode.ShuttingDown;
    const delayMs = this.#backoff.next(slow ? SLOW_RETRY_MS : 0);
    this.#timer = setTimeout(() => this.#connect(), delayMs);
    this.handlers.status({ state: 'offline', retryAtMs: Date.now() + delayMs });
  }

  #close(reason: 'signedOut' | 'incompatible'): void {
    this.#stopped = true;
    this.#drop();
    this.handlers.status({ state: 'closed', reason });
  }

  #drop(forGood = false): void {
    clearTimeout(this.#timer);
    clearInterval(this.#heartbeat);
    this.#socket?.close(forGood);
    this.#socket = null;
    this.#online = false;
    for (const nonce of [...this.#pending.keys()]) {
      this.#settle(nonce)?.reject(new RequestFailed('unreachable'));
    }
  }

  #transmit(message: ClientMessage): void {
    this.#socket?.send(JSON.stringify(message));
  }

  #settle(nonce: number): Pending | undefined {
    const pending = this.#pending.get(nonce);
    this.#pending.delete(nonce);
    clearTimeout(pending?.timer);
    return pending;
  }
}

interface Pending {
  resolve: (answer: Answer) => void;
  reject: (error: RequestFailed) => void;
  timer: ReturnType<typeof setTimeout>;
}
