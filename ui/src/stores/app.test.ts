import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CloseCode, type Guild, type SignedIn, type User } from '../bindings/protocol';
import { FakeSocket } from '../gateway/fake-socket';
import {
  Unreachable,
  type Credentials,
  type HttpRequest,
  type Platform,
  type SocketHandlers,
} from '../platform';
import { voiceState } from './fake-voice-state';

// The words of the interface look at the window that shows them.
vi.stubGlobal('window', new EventTarget());
vi.stubGlobal('navigator', { languages: ['en'] });
const { App } = await import('./app.svelte');
const { doorsOf } = await import('./doors');

const A = 'https://a.example';
const B = 'https://b.example:7600';
const C = 'https://c.example';

const person = (name: string, guest = false): User => ({ id: '1', name, guest });

function guild(id: string, name: string): Guild {
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
    voiceStates: [voiceState('2', '11', 8)],
  };
}

/** What lies on the device, and the servers around it. */
class World {
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

let world: World;
beforeEach(() => {
  vi.useFakeTimers();
  world = new World();
});
afterEach(() => vi.useRealTimers());

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

/** Signed in on A and B, both of which are there. */
async function both() {
  const app = await world.start();
  world.online(A, person('Ada'), guild('1', 'Lanterns'), guild('2', 'Beacons'));
  world.online(B, person('Grace', true), guild('1', 'Moths'));
  const a = app.serverAt(A);
  const b = app.serverAt(B);
  if (!a || !b) throw new Error('both are known');
  return { app, a, b };
}

type Started = Awaited<ReturnType<typeof both>>['app'];
const doors = (app: Started) =>
  doorsOf(app).map(({ server, name, open, away }) => [server.host, name, open, away]);
const connections = (app: Started) => app.servers.map(({ connection }) => connection);

describe('after a start', () => {
  it('all servers are there again, and one that is away holds up none', async () => {
    const first = await both();
    first.app.select(first.b, '1', '12');
    await pass(1_000);

    const app = await world.start();
    expect(connections(app)).toEqual(['connecting', 'connecting']);
    world.socket(B).drop();
    world.online(A, person('Ada'), guild('1', 'Lanterns'), guild('2', 'Beacons'));
    expect(connections(app)).toEqual(['online', 'offline']);
    // Where people were is where they are, though there is nothing to be seen yet.
    expect([app.here?.base, app.selection]).toEqual([B, null]);
    expect(doors(app)).toEqual([
      ['a.example', 'Lanterns', false, false],
      ['a.example', 'Beacons', false, false],
      ['b.example:7600', 'Moths', true, true],
    ]);
    expect(app.servers.map(({ known }) => known.user?.name)).toEqual(['Ada', 'Grace']);
    await pass(1_000);
    world.online(B, person('Grace', true), guild('1', 'Moths'));
    expect(app.selection?.channel?.name).toBe('Attic');
  });

  it('those are there too of which nothing was remembered', async () => {
    const app = await world.start();
    expect(app.servers.map(({ base, token }) => [base, token])).toEqual([
      [A, 'ta'],
      [B, 'tb'],
    ]);
    expect(doors(app)).toEqual([
      ['a.example', 'a.example', true, true],
      ['b.example:7600', 'b.example:7600', false, true],
    ]);
  });

  it('one without its login is there to be signed in to, and is not spoken to', async () => {
    await both();
    await pass(1_000);
    world.credentials = { [A]: { token: 'ta' }, [B]: null, [C]: null };
    const opened = world.sockets.length;
    const app = await world.start();
    app.wake();
    expect(connections(app)).toEqual(['connecting', 'signedOut']);
    expect(world.sockets.length).toBe(opened + 1);
    expect(app.accountAt(B)).toBeUndefined();
    expect(app.serverAt(B)?.known.user?.name).toBe('Grace');
  });
});

describe('a keychain that is not open yet', () => {
  const locked = async () => {
    await both();
    await pass(1_000);
    world.shut = 'asked';
    return world.start();
  };

  it('is waited for by nobody, and its servers come alive once it is', async () => {
    const app = await locked();
    const opened = world.sockets.length;
    app.wake();
    expect(app.loaded).toBe(true);
    expect(connections(app)).toEqual(['locked', 'locked']);
    expect(app.servers.map(({ known }) => known.user?.name)).toEqual(['Ada', 'Grace']);
    expect([app.accountAt(A), world.sockets.length]).toEqual([undefined, opened]);
    world.openKeychain();
    await pass();
    expect([app.keychain, connections(app)]).toEqual([null, ['connecting', 'connecting']]);
    world.online(A, person('Ada'), guild('1', 'Lanterns'));
    expect(connections(app)).toEqual(['online', 'connecting']);
  });

  it('leaves alone who signed in or went without it', async () => {
    const app = await locked();
    await app.signedIn(A, { token: 'new' } as SignedIn, false);
    world.online(A, person('Ada'), guild('1', 'Lanterns'));
    const b = app.serverAt(B);
    if (!b) throw new Error('it is known');
    await app.remove(b);
    expect(world.credentials).toEqual({ [A]: { token: 'new' }, [B]: null });
    // Its answer was on its way.
    world.credentials = { [A]: { token: 'ta' }, [B]: { token: 'tb' } };
    world.openKeychain();
    await pass();
    expect(app.servers.map(({ base, token }) => [base, token])).toEqual([[A, 'new']]);
    expect(connections(app)).toEqual(['online']);
  });

  it('cannot help where one was signed out while it was shut', async () => {
    world.filed = { [B]: null };
    const app = await locked();
    expect(connections(app)).toEqual(['locked', 'signedOut']);
    expect(app.serverAt(B)?.known.user?.name).toBe('Grace');
    world.openKeychain('locked');
    await pass();
    expect(connections(app)).toEqual(['locked', 'signedOut']);
  });

  it('is asked again when it was not opened', async () => {
    const app = await locked();
    const before = app.serverAt(A);
    world.openKeychain('locked');
    await pass();
    expect([app.keychain, connections(app)]).toEqual(['locked', ['locked', 'locked']]);
    expect(app.serverAt(A)).toBe(before);
    void app.openKeychain();
    expect(app.keychain).toBe('asked');
    world.openKeychain();
    await pass();
    expect(connections(app)).toEqual(['connecting', 'connecting']);
  });
});

describe('a server', () => {
  it('is reconnecting first, then offline, then online, and the others stay online', async () => {
    const { app, a } = await both();
    world.socket(A).drop();
    expect(connections(app)).toEqual(['reconnecting', 'online']);
    for (let attempts = 0; attempts < 2; attempts++) {
      await pass(3_000);
      world.socket(A).drop();
    }
    expect(connections(app)).toEqual(['offline', 'online']);
    a.gateway.wake();
    world.online(A, person('Ada'), guild('1', 'Lanterns'));
    expect(connections(app)).toEqual(['online', 'online']);
  });

  it('that was signed out of stays, without its login, and gets its place back', async () => {
    const { app, a } = await both();
    await app.signOut(a);
    expect(world.requests).toEqual([`DELETE ${A}/api/logins/current`]);
    expect(connections(app)).toEqual(['signedOut', 'online']);
    expect(world.credentials).toEqual({ [A]: null, [B]: { token: 'tb' } });
    expect(app.serverAt(A)?.known.guilds.map(({ name }) => name)).toEqual(['Lanterns', 'Beacons']);

    await app.signedIn(A, { token: 'new', user: person('Ada') }, false);
    expect(app.servers.map(({ base }) => base)).toEqual([A, B]);
    expect(world.credentials).toEqual({ [A]: { token: 'new' }, [B]: { token: 'tb' } });
    world.online(A, person('Ada'), guild('2', 'Beacons'));
    expect(app.selection?.guild.name).toBe('Beacons');
  });

  it('that a guest signs out of is gone, with all that was remembered', async () => {
    const { app, b } = await both();
    app.settings.setVolume(B, '2', 0.5);
    app.settings.setVolume(A, '2', 0.5);
    app.select(b, '1');
    await app.signOut(b);
    await pass(1_000);
    expect(app.servers.map(({ base }) => base)).toEqual([A]);
    expect(JSON.stringify(world.settings)).not.toContain('b.example');
    expect(app.settings.volumeOf(A, '2')).toBe(0.5);
    expect(world.credentials).toEqual({ [A]: { token: 'ta' }, [B]: null });
    expect(app.selection?.guild.name).toBe('Lanterns');
  });

  it('that is away is signed out of at once, and people are told what that leaves', async () => {
    const { app, a } = await both();
    let away = (): void => undefined;
    const answered = new Promise<void>((resolve) => (away = resolve));
    a.rest.signOut = () => answered.then(() => Promise.reject(new Error('unreachable')));
    const removed = app.remove(a);
    await pass();
    expect(app.servers.map(({ base }) => base)).toEqual([B]);
    away();
    await removed;
    expect(app.notices.toasts.at(-1)?.notice).toEqual({ kind: 'signOutUntold', host: 'a.example' });
  });

  it('that revoked the login stays, to be signed in to again', async () => {
    const { app, a } = await both();
    app.select(a, '1');
    world.socket(A).drop(CloseCode.BadToken);
    await pass();
    expect(connections(app)).toEqual(['signedOut', 'online']);
    expect(world.credentials[A]).toBeNull();
    expect(app.notices.toasts.at(-1)?.notice).toEqual({ kind: 'signedOut', host: 'a.example' });
    expect([app.here?.base, app.selection]).toEqual([A, null]);
    const [revoked] = app.servers;
    if (!revoked) throw new Error('it is there');
    await app.remove(revoked);
    // There is no login that could be ended.
    expect(world.requests).toEqual([]);
  });

  it('that a page came from is all there is to it', async () => {
    world.homeServer = A;
    world.credentials = { [A]: { token: 'ta' } };
    const app = await world.start();
    world.online(A, person('Ada'), guild('1', 'Lanterns'));
    expect(app.takesServers).toBe(false);
    const [server] = app.servers;
    if (!server) throw new Error('it is there');
    await app.signOut(server);
    expect(app.servers).toEqual([]);
  });
});

describe('an invite to a further server', () => {
  it('leads into its guild, and the others and the call stay', async () => {
    const { app, a } = await both();
    app.voice.join({ server: a, guild: '1', channel: '11' });
    world.links[0]?.('voicehall://join/c.example/xyz?channel=12');
    expect(app.invite).toEqual({ base: C, code: 'xyz', channel: '12' });
    await app.signedIn(C, { token: 'tc', user: person('Ada', true) }, true);
    expect(app.invite).toBeNull();
    world.online(C, person('Ada', true), guild('1', 'Owls'));
    const { selection } = app;
    expect([selection?.guild.name, selection?.channel?.name]).toEqual(['Owls', 'Attic']);
    expect(app.servers.map(({ base }) => base)).toEqual([A, B, C]);
    expect(connections(app)).toEqual(['online', 'online', 'online']);
    expect(app.voice.isAt(a, '11')).toBe(true);
    expect(world.engine).not.toContainEqual({ type: 'leave' });
  });

  it('is followed after one signed in there with an account', async () => {
    const { app } = await both();
    world.answer = (call) => (call === `GET ${C}/api/invites/xyz` ? { guild: '5' } : null);
    app.openInvite(`${C}/join/xyz`);
    await app.signedIn(C, { token: 'tc', user: person('Ada') }, false);
    world.online(C, person('Ada'), guild('1', 'Owls'), guild('5', 'Newts'));
    await pass();
    // A member already: nothing is asked.
    expect(app.invite).toBeNull();
    expect(app.selection?.guild.name).toBe('Newts');
  });

  it('to a server that one is signed out of asks who one is', async () => {
    const { app, a } = await both();
    await app.signOut(a);
    app.openInvite(`${A}/join/xyz`);
    await pass();
    expect(app.invite?.base).toBe(A);
    expect(world.requests.some((call) => call.includes('/api/invites'))).toBe(false);
  });
});

describe('doors', () => {
  it('say what is open, where the call is and what is unread, each of its own server', async () => {
    const { app, a, b } = await both();
    app.voice.join({ server: b, guild: '1', channel: '11' });
    const message = { id: '5', channel: '21', author: '2', text: 'x', sentAt: 0 };
    world
      .socket(B)
      .say({ op: 'dispatch', seq: 1, event: { type: 'messageCreated', guild: '1', message } });
    app.select(a, '2');
    const marks = doorsOf(app).map(({ name, open, call, unread }) => [name, open, call, unread]);
    expect(marks).toEqual([
      ['Lanterns', false, false, false],
      ['Beacons', true, false, false],
      ['Moths', false, true, true],
    ]);
  });

  it('lead back to the channel in which one was', async () => {
    const { app, a, b } = await both();
    app.select(a, '1', '21');
    app.select(b, '1');
    expect(app.selection?.channel?.name).toBe('Hall');
    app.select(a, '1');
    expect(app.selection?.channel?.name).toBe('general');
  });
});
