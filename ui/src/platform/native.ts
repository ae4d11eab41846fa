import { Channel, invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';
import type { EngineCommand, EngineEvent, KeyAccess } from '../bindings/protocol';
import { listenToKeys, PageKeys } from './page-keys';
import {
  Unreachable,
  type Engine,
  type HttpRequest,
  type HttpResponse,
  type LoadedCredentials,
  type Platform,
  type Socket,
  type SocketHandlers,
  type Storage,
  type Surroundings,
} from './platform';
import { createShell } from './shell';

/** The desktop app: everything goes through commands of the shell. */
export function createNativePlatform(): Platform {
  return {
    kind: 'native',
    features: {
      gate: true,
      talkingModes: ['voice', 'pushToTalk', 'pushToMute', 'toggle', 'open'],
      strongNoiseSuppression: true,
      lowLatency: true,
      levelling: true,
      playback: true,
      outputChoice: true,
      microphone: true,
    },
    homeServer: null,
    engine: createEngine(),
    storage,
    shell: createShell(),
    http,
    openSocket,
    initialLink: () => invoke<string | null>('launch_link'),
    onLink: (callback) => {
      void listen<{ type: string }>('shell', ({ payload }) => {
        if (payload.type !== 'link') return;
        void invoke<string | null>('launch_link').then((link) => {
          if (link !== null) callback(link);
        });
      });
    },
    forgetLink: () => undefined,
    onWake: (callback) => window.addEventListener('online', callback),
    copyText: (text) =>
      navigator.clipboard.writeText(text).then(
        () => true,
        () => false,
      ),
    diagnostics: () => invoke<Surroundings>('diagnostics'),
  };
}

function createEngine(): Engine {
  const subscribers = new Set<(event: EngineEvent) => void>();
  const emit = (event: EngineEvent) => {
    for (const subscriber of subscribers) subscriber(event);
  };
  const recorder = createRecorder(emit);
  const channel = new Channel<EngineEvent>((event) => {
    if (event.type === 'keys') recorder.access = event.access;
    emit(event);
  });
  // Each command waits for the one before, and the first for the subscription: order is kept and
  // no event is missed. The shell says at once how things stand, so it is asked only when somebody
  // listens.
  let queue: Promise<unknown> | undefined;
  const subscribed = () =>
    (queue ??= invoke('engine_subscribe', { channel }).catch(() => undefined));
  return {
    send: (command: EngineCommand) => {
      if (command.type === 'recordKeys') recorder.record(command.enabled);
      queue = subscribed()
        .then(() => invoke('engine_send', { command }))
        .catch(() => {
          // The engine is gone. A call that waits for it must not wait for ever.
          if (command.type === 'join') emit({ type: 'state', state: { state: 'unreachable' } });
        });
    },
    subscribe: (callback) => {
      subscribers.add(callback);
      void subscribed();
      return () => subscribers.delete(callback);
    },
  };
}

/** With these, the engine hears the keys of this very window too. */
const HEARS_WINDOW: readonly KeyAccess[] = ['everywhere', 'unelevated'];

/** Where the engine does not hear the keys of this very window, the window records them itself. */
function createRecorder(emit: (event: EngineEvent) => void) {
  const keys = new PageKeys({
    action: () => undefined,
    recorded: (keys, complete) => emit({ type: 'keysRecorded', keys, complete }),
  });
  let listening = false;
  return {
    access: 'nowhere' as KeyAccess,
    record(enabled: boolean): void {
      const records = enabled && !HEARS_WINDOW.includes(this.access);
      if (records && !listening) listenToKeys(keys);
      listening ||= records;
      keys.recording = records;
    },
  };
}

const storage: Storage = {
  loadSettings: () => invoke<unknown>('settings_load'),
  saveSettings: (settings) => invoke('settings_save', { settings }),
  loadCredentials: () => invoke<LoadedCredentials>('credentials_load'),
  openCredentials: () => invoke<LoadedCredentials>('credentials_open'),
  saveCredentials: (credentials) => invoke('credentials_save', { credentials }),
};

async function http(base: string, request: HttpRequest): Promise<HttpResponse> {
  try {
    return await invoke<HttpResponse>('http', { request: { base, ...request } });
  } catch (error) {
    throw new Unreachable(String(error));
  }
}

type SocketEvent =
  | { type: 'open' }
  | { type: 'message'; text: string }
  | { type: 'close'; code: number; reason: string };

/** 1006 (RFC 6455 §7.4.1): the connection ended without a close frame. */
const CLOSED_ABNORMALLY = 1006;

function openSocket(url: string, handlers: SocketHandlers): Socket {
  let closed = false;
  const channel = new Channel<SocketEvent>((event) => {
    if (closed) return;
    if (event.type === 'open') handlers.open();
    else if (event.type === 'message') handlers.message(event.text);
    else {
      closed = true;
      handlers.close(event.code, event.reason);
    }
  });
  const fail = (error: unknown) => {
    if (closed) return;
    closed = true;
    handlers.close(CLOSED_ABNORMALLY, String(error));
  };
  const id = invoke<number>('socket_open', { url, channel });
  let queue: Promise<unknown> = id;
  queue.catch(fail);
  return {
    send: (text) => {
      if (closed) return;
      queue = queue.then(async () => invoke('socket_send', { id: await id, text }));
      queue.catch(fail);
    },
    close: () => {
      closed = true;
      id.then((id) => invoke('socket_close', { id })).catch(() => undefined);
    },
  };
}
