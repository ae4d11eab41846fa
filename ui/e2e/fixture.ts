/**
 * The built interface in a real browser, against a server that is played by the test: REST and
 * gateway are answered from memory, no network is touched.
 */
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import type { ServerMessage } from '../src/bindings/protocol';
import { PlayedServer } from './server';
import { PlayedShell } from './shell';

export * from './server';

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

/**
 * One browser for a file's tests, and a stage for each of them, on which no page may break the content
 * security policy or throw, whatever is done in it. Gives the browser, for who needs a second stage.
 */
export function eachOnStage(
  open: (browser: Browser) => Promise<Stage>,
  enter: (stage: Stage) => void,
): () => Browser {
  let browser: Browser;
  let stage: Stage;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    stage = await open(browser);
    enter(stage);
  });
  afterEach(async () => {
    await stage.close();
    expect(stage.violations).toEqual([]);
  });
  return () => browser;
}

/** A page on the played server. */
export class Stage extends PlayedServer {
  readonly violations: string[] = [];
  /** Further servers by their origin, which only the app reaches. */
  readonly #others = new Map<string, PlayedServer>();
  #settings: object = {};
  #credentials: object = {};
  readonly #furtherLogins: Record<string, { token: string }> = {};
  /** There in the app only. */
  readonly shell: PlayedShell;

  private constructor(readonly page: Page) {
    super();
    const at = (url: string): PlayedServer | null => {
      const base = new URL(url).origin.replace(/^ws/, 'http');
      const server = base === BASE ? this : this.#others.get(base);
      return server === undefined || server.down ? null : server;
    };
    this.shell = new PlayedShell(page, {
      http: (base, call, body) => at(base)?.answerCall(call, body) ?? null,
      socket: (url, sendText, close) => {
        const send = (message: ServerMessage) => sendText(JSON.stringify(message));
        return at(url)?.connect(send, close) ?? null;
      },
      credentials: () => this.#credentials,
      settings: () => this.#settings,
      keep: ({ settings, credentials }) => {
        this.#settings = settings ?? this.#settings;
        this.#credentials = credentials ?? this.#credentials;
      },
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

  /** There is a further server; the app is signed in there from its next start on, or never was. */
  further(base: string, server: Partial<PlayedServer> = {}, signedIn = true): PlayedServer {
    const other = Object.assign(new PlayedServer(), server);
    this.#others.set(base, other);
    if (signedIn) this.#furtherLogins[base] = { token: 't' };
    return other;
  }

  /** Starts the interface again, with what it kept. */
  async restart(): Promise<void> {
    await this.page.goto(BASE);
  }

  /** What the app keeps on this device. */
  get kept(): { settings: object; credentials: object } {
    return { settings: this.#settings, credentials: this.#credentials };
  }

  /** Opens the page as somebody who is signed in. */
  async enter(settings: object = {}): Promise<void> {
    this.#settings = settings;
    this.#credentials = { [BASE]: { token: 't' }, ...this.#furtherLogins };
    await this.page.addInitScript(
      ([base, chosen]) => {
        localStorage.setItem('voicehall.credentials', `{"${base}":{"token":"t"}}`);
        localStorage.setItem('voicehall.settings', chosen);
      },
      [BASE, JSON.stringify(settings)] as const,
    );
    await this.page.goto(BASE);
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
        const { status, body } = this.answerCall(call, route.request().postDataJSON());
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
      const hear = this.connect(send, (code) => void socket.close({ code }));
      socket.onMessage((text) => hear(String(text)));
    });
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
