/**
 * The built interface in a real browser, against a server that is played by the test: REST and
 * gateway are answered from memory, no network is touched.
 */
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import type {
  ClientMessage,
  Guild,
  InvitePreview,
  Message,
  ServerMessage,
  User,
} from '../src/bindings/protocol';
import { PlayedShell } from './shell';

export const BASE = 'http://localhost:1';
const DIST = join(import.meta.dirname, '../dist');

/** As strict as the server's, so that a violation fails here and not there. */
const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "connect-src 'self' ws://localhost:1",
  "worker-src 'self'",
  "media-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
    ],
  });
}

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

export function voiceState(user: string, channel: string, source: number) {
  const none = { selfMute: false, selfDeaf: false, serverMute: false, serverDeaf: false };
  return { user, channel, session: `${source}`, source, ...none };
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

/** A page on the played server. */
export class Stage {
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
  readonly violations: string[] = [];
  /** The gateway says nothing. */
  mute = false;
  /** Answers a REST call; none for the default answer. */
  answer: (call: string, body: unknown) => { status: number; body: unknown } | null = () => null;
  #send: ((message: ServerMessage) => void) | null = null;
  #close: (() => void) | null = null;
  #seq = 0;

  #settings: object = {};
  #credentials: object = {};
  /** There in the app only. */
  readonly shell: PlayedShell;

  private constructor(readonly page: Page) {
    this.shell = new PlayedShell(page, {
      http: (call, body) => this.#answerCall(call, body),
      socket: (sendText, close) => {
        const send = (message: ServerMessage) => sendText(JSON.stringify(message));
        return this.#connect(send, close);
      },
      credentials: () => this.#credentials,
      settings: () => this.#settings,
    });
  }

  static async open(browser: Browser, options: BrowserContextOptions = {}): Promise<Stage> {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      ...options,
    });
    const stage = new Stage(await context.newPage());
    await stage.#route();
    return stage;
  }

  /** Opens the interface as the desktop app does. */
  static async openApp(browser: Browser, options: BrowserContextOptions = {}): Promise<Stage> {
    const stage = await Stage.open(browser, options);
    await stage.shell.install();
    return stage;
  }

  /** Opens the page as somebody who is signed in, and waits for a guild. */
  async signedIn(settings: object = {}): Promise<void> {
    await this.enter(settings);
    await this.page.getByTestId('guild-switcher').waitFor();
  }

  /** Opens the page as somebody who is signed in. */
  async enter(settings: object = {}): Promise<void> {
    this.#settings = settings;
    this.#credentials = { [BASE]: { token: 't' } };
    await this.page.addInitScript(
      ([base, chosen]) => {
        localStorage.setItem('voicehall.credentials', `{"${base}":{"token":"t"}}`);
        localStorage.setItem('voicehall.settings', chosen);
      },
      [BASE, JSON.stringify(settings)] as const,
    );
    await this.page.goto(BASE);
  }

  /** Sends one event on the gateway. */
  dispatch(event: Extract<ServerMessage, { op: 'dispatch' }>['event']): void {
    this.#send?.({ op: 'dispatch', seq: ++this.#seq, event });
  }

  /** Cuts the gateway connection. */
  cut(): void {
    this.#close?.();
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }

  async #route(): Promise<void> {
    this.page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) this.violations.push(message.text());
    });
    this.page.on('pageerror', (error) => this.violations.push(String(error)));
    await this.page.route(`${BASE}/**`, async (route) => {
      const { pathname } = new URL(route.request().url());
      if (pathname.startsWith('/api/') || pathname === '/voice/join') {
        const call = `${route.request().method()} ${pathname}`;
        const { status, body } = this.#answerCall(call, route.request().postDataJSON());
        await route.fulfill({ status, json: body });
        return;
      }
      const file = extname(pathname) === '' ? '/index.html' : pathname;
      const contentType = TYPES[extname(file)] ?? 'application/octet-stream';
      const body = await readFile(join(DIST, file));
      const headers = { 'Content-Security-Policy': CSP };
      await route.fulfill({ body, contentType, headers });
    });
    await this.page.routeWebSocket(/\/gateway$/, (socket) => {
      const send = (message: ServerMessage) => socket.send(JSON.stringify(message));
      const hear = this.#connect(send, () => void socket.close({ code: 4000 }));
      socket.onMessage((text) => hear(String(text)));
    });
  }

  /** A gateway socket is open; returns what hears the page. */
  #connect(send: (message: ServerMessage) => void, close: () => void): (text: string) => void {
    this.#send = send;
    this.#close = close;
    send({ op: 'hello', protocol: 1, heartbeatIntervalMs: 30_000 });
    return (text) => this.#hear(JSON.parse(text) as ClientMessage, send);
  }

  #answerCall(call: string, body: unknown): { status: number; body: unknown } {
    this.requests.push(call);
    return this.#respond(call, body);
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
    const own = this.answer(call, body);
    if (own) return own;
    const found = (answer: unknown) => ({ status: 200, body: answer });
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

/** Waits until nothing moves any more: animations would be seen half-way. */
export async function settled(page: Page): Promise<void> {
  await page.waitForFunction(
    () =>
      document
        .getAnimations()
        .every((animation) => animation.effect?.getTiming().iterations === Infinity),
    null,
    {
      timeout: 10_000,
    },
  );
}
