/** The app among servers that a test plays, with what lies on the device. */
import { vi } from 'vitest';
import type { Guild, User } from '../bindings/protocol';
import { FakeSocket } from '../gateway/fake-socket';
import {
  Unreachable,
  type Credentials,
  type HttpRequest,
  type Platform,
  type SocketHandlers,
} from '../platform';

// The words of the interface look at the window that shows them.
vi.stubGlobal('window', new EventTarget());
vi.stubGlobal('navigator', { languages: ['en'] });
const { App } = await import('./app.svelte');
export const { doorsOf } = await import('./doors');

export const A = 'https://a.example';
export const B = 'https://b.example:7600';
export const C = 'https://c.example';

/** Somebody; the same everywhere where no id is named. */
export const person = (name: string, guest = false, id = '1'): User => ({ id, name, guest });

/** A guild with a call in it. */
export function guild(id: string, name: string): Guild {
  const none = {
    selfMute: false,
    selfDeaf: false,
    serverMute: false,
    serverDeaf: false,
    videoBarred: false,
    camera: false,
    screen: false,
  };
  return {
    id,
    name,
    owner: '9',
    version: 1,
    roles: [],
    // The same ids on every server, as they may be.
    channels: [
      { id: '11', name: 'Hall', kind: 'voice', bitrate: 64_000 },
      { id: '12', name: 'Attic', kind: 'voice', bitrate: 64_000 },
      { id: '21', name: 'general', kind: 'text', bitrate: 0 },
    ],
    members: [],
    voiceStates: [{ user: '2', channel: '11', session: '2', source: 8, ...none }],
  };
}

/** What lies on the device, and the servers around it. */
export class World {
  settings: unknown = {};
  /** The keychain is not open at the start. */
  shut: 'asked' | 'locked' | null = null;
  /** What can be had while it is not. */
  filed: Credentials = {};
  openKeychain: (shut?: 'locked' | null) => void = () => undefined;
  credentials: Credentials = { [A]: { token: 'ta' }, [B]: { token: 'tb' } };
  readonly sockets: FakeSocket[] = [];
  readonly requests: string[] = [];
  readonly engine: unknown[] = [];
  readonly links: ((link: string) => void)[] = [];
  answer: (call: string) => unknown = () => null;
  homeServer: string | null = null;

  async start() {
    const app = new App(this.#platform());
    await app.start();
    return app;
  }

  /** The newest socket of a server. */
  socket(base: string): FakeSocket {
    const url = base.replace(/^http/, 'ws');
    const socket = this.sockets.findLast((socket) => socket.url.startsWith(url));
    if (!socket) throw new Error(`no socket to ${base}`);
    return socket;
  }

  online(base: string, user: User, ...guilds: Guild[]): void {
    const socket = this.socket(base);
    socket.handlers.open();
    socket.say({ op: 'hello', protocol: 1, heartbeatIntervalMs: 10_000 });
    socket.say({ op: 'ready', session: '1', user, guilds });
  }

  #platform(): Platform {
    return {
      kind: 'native',
      homeServer: this.homeServer,
      shell: null,
      engine: { send: (command) => this.engine.push(command), subscribe: () => () => undefined },
      storage: {
        loadSettings: () => Promise.resolve(this.settings),
        saveSettings: (settings) => Promise.resolve(void (this.settings = settings)),
        loadCredentials: () =>
          Promise.resolve({ logins: this.shut ? this.filed : this.credentials, shut: this.shut }),
        openCredentials: () =>
          new Promise((resolve) => {
            this.openKeychain = (shut = null) => {
              resolve({ logins: shut ? this.filed : this.credentials, shut });
            };
          }),
        saveCredentials: (credentials) =>
          Promise.resolve(void (this.credentials = { ...this.credentials, ...credentials })),
      },
      http: (base: string, { method, path }: HttpRequest) => {
        this.requests.push(`${method} ${base}${path}`);
        const body = this.answer(`${method} ${base}${path}`);
        if (body === 'away') return Promise.reject(new Unreachable());
        return Promise.resolve({ status: 200, body });
      },
      openSocket: (url: string, handlers: SocketHandlers) => {
        const socket = new FakeSocket(url, handlers);
        this.sockets.push(socket);
        return socket;
      },
      initialLink: () => Promise.resolve(null),
      onLink: (callback: (link: string) => void) => this.links.push(callback),
      forgetLink: () => undefined,
      onWake: () => undefined,
    } as Partial<Platform> as Platform;
  }
}

/** The tokens that lie on the device, by the names of their logins. */
export function kept({ credentials }: World): Record<string, string> {
  const there = Object.entries(credentials).flatMap(([login, value]) =>
    value ? [[login, value.token] as const] : [],
  );
  return Object.fromEntries(there);
}
