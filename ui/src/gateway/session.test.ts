import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CloseCode, type ServerMessage } from '../bindings/protocol';
import { FakeServer } from './fake-socket';
import { GatewaySession, type GatewayStatus } from './session';

const READY: ServerMessage = {
  op: 'ready',
  session: '9',
  user: { id: '1', name: 'Ada', guest: true },
  guilds: [],
};

function setUp() {
  const server = new FakeServer();
  const events: string[] = [];
  const statuses: GatewayStatus[] = [];
  const ready = vi.fn();
  const handlers = {
    status: (status: GatewayStatus) => statuses.push(status),
    ready,
    event: (event: { type: string; guild?: string }) => events.push(event.guild ?? event.type),
  };
  const session = new GatewaySession(
    server.platform,
    'https://host',
    'token',
    handlers as never,
    () => 0,
  );
  session.start();
  return { server, session, events, statuses, ready };
}

function online() {
  const all = setUp();
  all.server.hello().say(READY);
  return all;
}

/** Lets the client reconnect after a loss. */
function reconnect(server: FakeServer) {
  vi.advanceTimersByTime(500);
  return server.hello();
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('a gateway session', () => {
  it('identifies when greeted and is online when ready', () => {
    const { server, statuses, ready } = setUp();
    expect(server.socket.url).toBe('wss://host/gateway');
    server.hello();
    expect(server.socket.heard).toEqual([{ op: 'identify', protocol: 1, token: 'token' }]);
    server.socket.say(READY);
    expect(ready).toHaveBeenCalledOnce();
    expect(statuses.map(({ state }) => state)).toEqual(['connecting', 'online']);
  });

  it('resumes after a loss and sees every event once', () => {
    const { server, events, statuses } = online();
    server.socket.dispatch(1);
    server.socket.dispatch(2);
    server.socket.drop();
    expect(statuses.at(-1)?.state).toBe('offline');

    const socket = reconnect(server);
    expect(socket.heard).toEqual([
      { op: 'resume', protocol: 1, token: 'token', session: '9', seq: 2 },
    ]);
    socket.dispatch(2);
    socket.dispatch(3);
    socket.dispatch(4);
    socket.say({ op: 'resumed', seq: 4 });
    expect(events).toEqual(['1', '2', '3', '4']);
    expect(statuses.at(-1)?.state).toBe('online');
  });

  it('reconnects and resumes when a number is missing', () => {
    const { server, events } = online();
    server.socket.dispatch(1);
    server.socket.dispatch(3);
    expect(events).toEqual(['1']);
    expect(server.socket.closed).toBe(true);
    expect(reconnect(server).heard[0]).toMatchObject({ op: 'resume', seq: 1 });
  });

  it('identifies anew on the same connection when its session is invalid', () => {
    const { server, ready, events } = online();
    server.socket.dispatch(1);
    server.socket.drop();
    const socket = reconnect(server);
    socket.say({ op: 'invalidSession' });
    expect(socket.heard.at(-1)).toMatchObject({ op: 'identify' });
    socket.say({ ...READY, session: '10' });
    socket.dispatch(1);
    expect(ready).toHaveBeenCalledTimes(2);
    expect(events).toEqual(['1', '1']);
  });

  it('ignores a socket that it has given up', () => {
    const { server, events } = online();
    const old = server.socket;
    old.drop();
    reconnect(server);
    old.dispatch(1);
    old.drop();
    expect(events).toEqual([]);
    expect(server.sockets).toHaveLength(2);
  });

  it('beats, and reconnects when a beat is not answered', () => {
    const { server } = online();
    server.socket.dispatch(1);
    vi.advanceTimersByTime(10_000);
    expect(server.socket.heard.at(-1)).toEqual({ op: 'heartbeat', seq: 1 });
    server.socket.say({ op: 'heartbeatAck' });
    vi.advanceTimersByTime(10_000);
    expect(server.socket.closed).toBe(false);
    vi.advanceTimersByTime(10_000);
    expect(server.sockets[0]?.closed).toBe(true);
    expect(reconnect(server).heard[0]?.op).toBe('resume');
  });

  it('waits twice as long after each failure, and from the start after success', () => {
    const { server, statuses } = online();
    const delays: number[] = [];
    for (let attempt = 0; attempt < 9; attempt++) {
      server.socket.drop();
      const status = statuses.at(-1);
      if (status?.state !== 'offline') throw new Error('a lost session is offline');
      delays.push(status.retryAtMs - Date.now());
      vi.advanceTimersByTime(status.retryAtMs - Date.now());
    }
    expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000, 15_000]);
    server.hello().say(READY);
    server.socket.drop();
    expect(statuses.at(-1)).toMatchObject({ retryAtMs: Date.now() + 500 });
  });

  it('gives up a connection on which nobody greets', () => {
    const { server } = setUp();
    vi.advanceTimersByTime(10_000);
    expect(server.socket.closed).toBe(true);
    vi.advanceTimersByTime(500);
    expect(server.sockets).toHaveLength(2);
  });

  it('tries at once when woken, and only when it waits', () => {
    const { server, session } = online();
    session.wake();
    expect(server.sockets).toHaveLength(1);
    server.socket.drop();
    session.wake();
    expect(server.sockets).toHaveLength(2);
    vi.advanceTimersByTime(5_000);
    expect(server.sockets).toHaveLength(2);
  });

  it.each([
    [CloseCode.BadToken, 'signedOut'],
    [CloseCode.ProtocolMismatch, 'incompatible'],
  ])('ends for good on close %i', (code, reason) => {
    const { server, statuses, session } = online();
    server.socket.drop(code);
    expect(statuses.at(-1)).toEqual({ state: 'closed', reason });
    session.wake();
    session.restart();
    vi.advanceTimersByTime(60_000);
    expect(server.sockets).toHaveLength(1);
  });

  it('ends for good on a server of another version', () => {
    const { server, statuses } = setUp();
    server.socket.say({ op: 'hello', protocol: 2, heartbeatIntervalMs: 1 });
    expect(statuses.at(-1)).toEqual({ state: 'closed', reason: 'incompatible' });
  });

  it.each([CloseCode.Superseded, CloseCode.AlreadyIdentified])(
    'identifies anew after close %i',
    (code) => {
      const { server } = online();
      server.socket.drop(code);
      expect(reconnect(server).heard[0]?.op).toBe('identify');
    },
  );

  it('does not hurry after being told to slow down', () => {
    const { server } = online();
    server.socket.drop(CloseCode.RateLimited);
    vi.advanceTimersByTime(2_900);
    expect(server.sockets).toHaveLength(1);
    vi.advanceTimersByTime(200);
    expect(server.sockets).toHaveLength(2);
  });

  it('throws its session away when restarted', () => {
    const { server, session } = online();
    session.restart();
    expect(server.sockets[0]).toMatchObject({ closed: true, closedForGood: false });
    expect(server.hello().heard[0]?.op).toBe('identify');
  });

  it('stays silent once stopped', () => {
    const { server, session } = online();
    session.stop();
    expect(server.socket.closedForGood).toBe(true);
    server.sockets[0]?.dispatch(1);
    vi.advanceTimersByTime(60_000);
    expect(server.sockets).toHaveLength(1);
  });
});

describe('a request', () => {
  const join = { op: 'voiceJoin', channel: '1', selfMute: false, selfDeaf: false } as const;

  it('is answered by its number', async () => {
    const { server, session } = online();
    const first = session.request(join);
    const second = session.request(join);
    const [one, two] = server.socket.heard.slice(1) as { nonce: number }[];
    const ticket = { op: 'voiceTicket', session: '5', node: '', ticket: 't' } as const;
    server.socket.say({ ...ticket, nonce: two?.nonce ?? 0 });
    server.socket.say({ op: 'error', nonce: one?.nonce ?? 0, code: 'forbidden', message: '' });
    await expect(second).resolves.toMatchObject({ ticket: 't' });
    await expect(first).rejects.toMatchObject({ code: 'forbidden' });
  });

  it.each([
    ['when the connection goes', (server: FakeServer) => server.socket.drop()],
    ['when no answer comes', () => vi.advanceTimersByTime(10_000)],
  ])('fails %s', async (_, happen) => {
    const { server, session } = online();
    const answer = session.request(join);
    happen(server);
    await expect(answer).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('fails at once while offline', async () => {
    const { session } = setUp();
    await expect(session.request(join)).rejects.toMatchObject({ code: 'unreachable' });
  });
});
