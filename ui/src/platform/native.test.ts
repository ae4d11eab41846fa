import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EngineEvent } from '../bindings/protocol';
import { createNativePlatform } from './native';
import { Unreachable } from './platform';

interface Call {
  command: string;
  args: Record<string, unknown>;
}

/** The shell, played by the test: what it was asked, and what it answers. */
let calls: Call[];
let answer: (call: Call) => unknown;

beforeEach(() => {
  vi.stubGlobal('window', globalThis);
  calls = [];
  answer = () => null;
  mockIPC((command, args) => {
    const call = { command, args: args as Call['args'] };
    calls.push(call);
    return answer(call);
  });
});
afterEach(() => {
  clearMocks();
  vi.unstubAllGlobals();
});

const commands = () => calls.map(({ command }) => command);
const settled = () => new Promise((resolve) => setTimeout(resolve));

/** Sends on a channel that the page gave to a command. */
function emit(channel: unknown, index: number, message: unknown): void {
  const { id } = channel as { id: number };
  const internals = Reflect.get(globalThis, '__TAURI_INTERNALS__') as {
    runCallback: (id: number, data: unknown) => void;
  };
  internals.runCallback(id, { index, message });
}

describe('the engine of the app', () => {
  it('hears commands in order, and not before its events are listened to', async () => {
    const { engine } = createNativePlatform();
    engine.send({ type: 'monitor', enabled: true, playback: false });
    engine.send({ type: 'leave' });
    await settled();
    expect(commands()).toEqual(['engine_subscribe', 'engine_send', 'engine_send']);
    expect(calls[2]?.args).toEqual({ command: { type: 'leave' } });
  });

  it('asks how things stand when somebody listens, and no sooner', async () => {
    const { engine } = createNativePlatform();
    await settled();
    expect(commands()).toEqual([]);
    engine.subscribe(() => undefined);
    await settled();
    expect(commands()).toEqual(['engine_subscribe']);
  });

  it('goes on after a command that failed', async () => {
    const { engine } = createNativePlatform();
    answer = ({ command }) => {
      if (command === 'engine_send') throw new Error('no');
      return null;
    };
    const heard: EngineEvent[] = [];
    engine.subscribe((event) => heard.push(event));
    engine.send({ type: 'leave' });
    engine.send({ type: 'join', url: '', ticket: '', bitrate: 1 });
    await settled();
    expect(commands()).toEqual(['engine_subscribe', 'engine_send', 'engine_send']);
    expect(heard).toEqual([{ type: 'state', state: { state: 'unreachable' } }]);
  });

  it('tells its events to whoever subscribed', async () => {
    const { engine } = createNativePlatform();
    const heard: EngineEvent[] = [];
    const stop = engine.subscribe((event) => heard.push(event));
    await settled();
    const speaking = (source: number) => ({ type: 'speaking', sources: [source] });
    emit(calls[0]?.args['channel'], 0, speaking(4));
    stop();
    emit(calls[0]?.args['channel'], 1, speaking(8));
    expect(heard).toEqual([speaking(4)]);
  });
});

describe('a request of the app', () => {
  it('names its server', async () => {
    answer = () => ({ status: 200, body: { a: 1 } });
    const request = { method: 'GET', path: '/api/server', token: 't' } as const;
    const response = await createNativePlatform().http('https://host', request);
    expect(response).toEqual({ status: 200, body: { a: 1 } });
    expect(calls.at(-1)).toEqual({
      command: 'http',
      args: { request: { base: 'https://host', ...request } },
    });
  });

  it('that finds no server is unreachable', async () => {
    answer = () => {
      throw new Error('connection refused');
    };
    const request = createNativePlatform().http('https://host', { method: 'GET', path: '/' });
    await expect(request).rejects.toBeInstanceOf(Unreachable);
  });
});

describe('a socket of the app', () => {
  function open(id: () => number = () => 7) {
    const handlers = { open: vi.fn(), message: vi.fn(), close: vi.fn() };
    answer = ({ command }) => (command === 'socket_open' ? id() : null);
    const socket = createNativePlatform().openSocket('wss://host/gateway', handlers);
    const channel = () => calls.find(({ command }) => command === 'socket_open')?.args['channel'];
    return { socket, handlers, channel };
  }

  it('sends in order and reports what comes', async () => {
    const { socket, handlers, channel } = open();
    socket.send('one');
    socket.send('two');
    await settled();
    const sent = calls.filter(({ command }) => command === 'socket_send').map(({ args }) => args);
    expect(sent).toEqual([
      { id: 7, text: 'one' },
      { id: 7, text: 'two' },
    ]);
    emit(channel(), 0, { type: 'open' });
    emit(channel(), 1, { type: 'message', text: 'hello' });
    emit(channel(), 2, { type: 'close', code: 4003, reason: 'BadToken' });
    emit(channel(), 3, { type: 'message', text: 'late' });
    expect(handlers.open).toHaveBeenCalledOnce();
    expect(handlers.message.mock.calls).toEqual([['hello']]);
    expect(handlers.close.mock.calls).toEqual([[4003, 'BadToken']]);
  });

  it('that cannot be opened is closed', async () => {
    const { handlers } = open(() => {
      throw new Error('refused');
    });
    await settled();
    expect(handlers.close).toHaveBeenCalledOnce();
  });

  it('is silent once closed', async () => {
    const { socket, handlers, channel } = open();
    await settled();
    socket.close(false);
    await settled();
    expect(calls.at(-1)).toEqual({ command: 'socket_close', args: { id: 7 } });
    emit(channel(), 0, { type: 'close', code: 1000, reason: '' });
    expect(handlers.close).not.toHaveBeenCalled();
  });
});
