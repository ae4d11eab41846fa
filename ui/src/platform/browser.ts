import { BrowserEngine } from './browser/engine';
import {
  Unreachable,
  type Credentials,
  type HttpRequest,
  type HttpResponse,
  type Platform,
  type Socket,
  type SocketHandlers,
  type Storage,
} from './platform';

/** A browser: fetch, WebSocket, localStorage and its own WebRTC. */
export function createBrowserPlatform(): Platform {
  window.addEventListener('error', ({ message }) => note(message));
  window.addEventListener('unhandledrejection', ({ reason }) => note(reason));
  // Absent in pages without TLS, whatever the type says.
  const microphone = (navigator.mediaDevices as MediaDevices | undefined) !== undefined;
  return {
    kind: 'browser',
    features: {
      gate: false,
      talkingModes: ['open', 'pushToTalk', 'pushToMute', 'toggle'],
      strongNoiseSuppression: false,
      lowLatency: false,
      levelling: false,
      playback: false,
      outputChoice: microphone && 'setSinkId' in HTMLMediaElement.prototype,
      microphone,
    },
    homeServer: location.origin,
    engine: new BrowserEngine(),
    storage,
    shell: null,
    http,
    openSocket,
    initialLink: () =>
      Promise.resolve(location.pathname.startsWith('/join/') ? location.href : null),
    onLink: () => undefined,
    forgetLink: () => history.replaceState(null, '', '/'),
    onWake: (callback) => {
      window.addEventListener('online', callback);
      document.addEventListener('visibilitychange', () => {
        if (document.visibilityState === 'visible') callback();
      });
    },
    copyText,
    diagnostics: () =>
      Promise.resolve({ version: null, system: navigator.userAgent, webview: null, log: faults }),
  };
}

/** Faults of this page: all the log that a browser keeps for it. */
const faults: string[] = [];
const FAULTS_MAX = 50;

function note(fault: unknown): void {
  faults.push(`${new Date().toISOString()} ${String(fault).slice(0, 300)}`);
  if (faults.length > FAULTS_MAX) faults.shift();
}

const storage: Storage = {
  loadSettings: () => Promise.resolve(load('settings')),
  saveSettings: (settings) => save('settings', settings),
  loadCredentials: () => Promise.resolve({ logins: logins(), shut: null }),
  openCredentials: () => Promise.resolve({ logins: logins(), shut: null }),
  saveCredentials: (credentials) => save('credentials', { ...logins(), ...credentials }),
};

function logins(): Credentials {
  return (load('credentials') ?? {}) as Credentials;
}

function load(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(`voicehall.${key}`) ?? 'null');
  } catch {
    // Storage may be blocked, or hold what something else wrote: begin afresh.
    return null;
  }
}

function save(key: string, value: unknown): Promise<void> {
  try {
    localStorage.setItem(`voicehall.${key}`, JSON.stringify(value));
  } catch {
    // Blocked or full: what was chosen lasts until the page is closed.
  }
  return Promise.resolve();
}

/** Longest wait for an answer: a server that is alive answers within a second. */
const HTTP_TIMEOUT_MS = 15_000;

async function http(base: string, request: HttpRequest): Promise<HttpResponse> {
  const headers: Record<string, string> = {};
  if (request.token !== undefined) headers['Authorization'] = `Bearer ${request.token}`;
  if (request.body !== undefined) headers['Content-Type'] = 'application/json';
  try {
    const response = await fetch(base + request.path, {
      method: request.method,
      headers,
      body: request.body === undefined ? null : JSON.stringify(request.body),
      credentials: 'omit',
      signal: AbortSignal.timeout(HTTP_TIMEOUT_MS),
    });
    const text = await response.text();
    return { status: response.status, body: parse(text) };
  } catch (error) {
    throw new Unreachable(String(error));
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** 1000 (RFC 6455 §7.4.1): the purpose of the connection is fulfilled. */
const CLOSED_NORMALLY = 1000;

function openSocket(url: string, handlers: SocketHandlers): Socket {
  const socket = new WebSocket(url);
  let closed = false;
  socket.onopen = () => handlers.open();
  socket.onmessage = ({ data }) => {
    if (!closed && typeof data === 'string') handlers.message(data);
  };
  socket.onclose = ({ code, reason }) => {
    if (closed) return;
    closed = true;
    handlers.close(code, reason);
  };
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: (forGood) => {
      closed = true;
      if (forGood) socket.close(CLOSED_NORMALLY);
      else socket.close();
    },
  };
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
