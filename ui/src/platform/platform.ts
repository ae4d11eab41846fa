import type { EngineCommand, EngineEvent, Gate } from '../bindings/protocol';
import type { Shell } from './shell';

/**
 * What the interface needs of the place it runs in. There are two: the desktop app and a
 * browser. No code outside this folder knows which.
 */
export interface Platform {
  readonly kind: 'native' | 'browser';
  /** What this place's engine can do; settings for the rest are not shown. */
  readonly features: Features;
  /** The server that served this page; none in the app, which may know several servers. */
  readonly homeServer: string | null;
  readonly engine: Engine;
  readonly storage: Storage;
  /** The desktop around the app; none in a browser. */
  readonly shell: Shell | null;
  /** Sends one HTTP request. Rejects with `Unreachable` when no answer came. */
  http(base: string, request: HttpRequest): Promise<HttpResponse>;
  /** Opens a WebSocket. Failing to open is reported as a close. */
  openSocket(url: string, handlers: SocketHandlers): Socket;
  /** The invite link with which the interface was started, if any. */
  initialLink(): Promise<string | null>;
  /** Calls back for each invite link opened later. */
  onLink(callback: (link: string) => void): void;
  /** Takes an invite that was followed (or dismissed) out of sight, so a reload does not repeat it. */
  forgetLink(): void;
  /** Calls back when a lost network may be back, so that reconnecting need not wait. */
  onWake(callback: () => void): void;
  /** Puts text on the clipboard; false when the place does not allow it. */
  copyText(text: string): Promise<boolean>;
  /** What the place knows of itself. */
  diagnostics(): Promise<Surroundings>;
}

/** Where the interface runs, for a report. */
export interface Surroundings {
  /** Of the app; none in a browser, which runs what its server has. */
  version: string | null;
  /** Operating system, architecture, desktop. */
  system: string;
  /** What shows the interface. */
  webview: string | null;
  /** The last lines of the log, oldest first. */
  log: readonly string[];
}

export interface Features {
  /** Voice activity with a threshold (`AudioSettings.gate`). */
  gate: boolean;
  /** The talking modes there are. */
  talkingModes: readonly Gate['mode'][];
  /** `NoiseSuppression` 'strong' differs from 'standard'. */
  strongNoiseSuppression: boolean;
  /** `AudioSettings.lowLatency`. */
  lowLatency: boolean;
  /** `AudioSettings.levelling`. */
  levelling: boolean;
  /** Hearing oneself as others do (`Monitor.playback`), and what processing does. */
  playback: boolean;
  /** Choosing a speaker. */
  outputChoice: boolean;
  /** False where the place gives no microphone at all: a page that came without TLS. */
  microphone: boolean;
}

export interface Engine {
  send(command: EngineCommand): void;
  /** Every event from now on; returns a function that ends the subscription. */
  subscribe(callback: (event: EngineEvent) => void): () => void;
}

/** What is kept on this device. */
export interface Storage {
  loadSettings(): Promise<unknown>;
  saveSettings(settings: unknown): Promise<void>;
  /** The logins that are there without anybody having to open anything. */
  loadCredentials(): Promise<LoadedCredentials>;
  /** The logins once the place where they are kept has been opened, or was not; that may take long. */
  openCredentials(): Promise<LoadedCredentials>;
  /** Keeps these logins; those of other servers stay as they are. */
  saveCredentials(credentials: Credentials): Promise<void>;
}

export interface LoadedCredentials {
  logins: Credentials;
  /** Why there may be more: the person is being asked to open the keychain, or did not open it. */
  shut: 'asked' | 'locked' | null;
}

/** The login of each server, by its origin; null for one that was given up. */
export type Credentials = Record<string, { token: string } | null>;

export interface HttpRequest {
  method: 'GET' | 'POST' | 'DELETE';
  /** Begins with a slash. */
  path: string;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as `Authorization: Bearer`. */
  token?: string;
}

export interface HttpResponse {
  status: number;
  /** The JSON of the answer; `null` where it had none. */
  body: unknown;
}

/** No answer came: the server is away, or the network is. */
export class Unreachable extends Error {
  override name = 'Unreachable';
}

export interface Socket {
  /** Drops the text when the socket is no longer open. */
  send(text: string): void;
  /**
   * Closes; `SocketHandlers.close` is not called for it. `forGood` tells the server that nobody
   * will resume what went on here.
   */
  close(forGood: boolean): void;
}

export interface SocketHandlers {
  open(): void;
  message(text: string): void;
  close(code: number, reason: string): void;
}
