/**
 * The desktop shell, played by the test: the interface runs as it does in the app, and what the
 * engine does is said by the test.
 */
import type { Page } from 'playwright-core';
import type { AudioDevice, EngineCommand, EngineEvent } from '../src/bindings/protocol';

/** One's own microphone in the call that a test plays. */
export const OWN_SOURCE = 24;

export const INPUTS: AudioDevice[] = [
  { id: 'usb', name: 'Røde NT-USB Mini' },
  { id: 'webcam', name: 'Logitech StreamCam, microphone of the camera on the monitor' },
];
export const OUTPUTS: AudioDevice[] = [{ id: 'phones', name: 'Arctis Nova headphones' }];

/** What the shell needs of those who play the server. */
export interface Doors {
  http(call: string, body: unknown): { status: number; body: unknown };
  /** A gateway socket was opened: what to do with what it says. */
  socket(send: (text: string) => void, close: () => void): (text: string) => void;
  credentials(): unknown;
  settings(): unknown;
}

type Args = Record<string, unknown>;

/** Answers the shell's commands. One that is not known here is answered with nothing. */
export class PlayedShell {
  /** Answers a command before the shell does; `undefined` leaves it to the shell. */
  answer: (command: string, args: Args) => unknown = () => undefined;
  /** What the engine was told. */
  readonly commands: EngineCommand[] = [];
  /** Whether a join leads to a call. */
  connects = true;
  /** What the shell says of itself. */
  surroundings = { version: '0.1.0', system: 'linux x86_64', webview: '2.50', log: ['a line'] };
  #engine: ((message: unknown) => void) | null = null;
  #sockets = new Map<number, (text: string) => void>();

  constructor(
    private readonly page: Page,
    private readonly doors: Doors,
  ) {}

  async install(): Promise<void> {
    await this.page.exposeFunction('playedShell', (command: string, args: Args) =>
      this.#invoke(command, args),
    );
    await this.page.addInitScript(() => {
      const callbacks = new Map<number, (data: unknown) => void>();
      let last = 0;
      Object.assign(window, {
        __TAURI_EVENT_PLUGIN_INTERNALS__: { unregisterListener: () => undefined },
        __TAURI_INTERNALS__: {
          transformCallback: (callback: (data: unknown) => void) => {
            callbacks.set(++last, callback);
            return last;
          },
          unregisterCallback: (id: number) => callbacks.delete(id),
          runCallback: (id: number, data: unknown) => callbacks.get(id)?.(data),
          // As the real one does, arguments cross as JSON.
          invoke: (command: string, args: unknown) =>
            (window as unknown as { playedShell: (c: string, a: unknown) => unknown }).playedShell(
              command,
              JSON.parse(JSON.stringify(args ?? {})),
            ),
        },
      });
    });
  }

  /** Lets the engine say something. */
  engine(event: EngineEvent): void {
    this.#engine?.(event);
  }

  #invoke(command: string, args: Args): unknown {
    const own = this.answer(command, args);
    if (own !== undefined) return own;
    switch (command) {
      case 'diagnostics':
        return this.surroundings;
      case 'settings_load':
        return this.doors.settings();
      case 'credentials_load':
        return this.doors.credentials();
      case 'http': {
        const { method, path, body } = args['request'] as {
          method: string;
          path: string;
          body: unknown;
        };
        return this.doors.http(`${method} ${path}`, body);
      }
      case 'socket_open':
        return this.#openSocket(this.#channel(args['channel']));
      case 'socket_send':
        this.#sockets.get(args['id'] as number)?.(args['text'] as string);
        return null;
      case 'engine_subscribe':
        this.#engine = this.#channel(args['channel']);
        this.engine(devices());
        return null;
      case 'engine_send':
        this.#hear(args['command'] as EngineCommand);
        return null;
      default:
        return null;
    }
  }

  #hear(command: EngineCommand): void {
    this.commands.push(command);
    if (command.type === 'join') {
      this.engine({ type: 'state', state: { state: 'connecting' } });
      if (this.connects)
        this.engine({ type: 'state', state: { state: 'connected', source: OWN_SOURCE } });
    }
  }

  #openSocket(emit: (message: unknown) => void): number {
    const id = this.#sockets.size + 1;
    emit({ type: 'open' });
    const hear = this.doors.socket(
      (text) => emit({ type: 'message', text }),
      () => emit({ type: 'close', code: 4000, reason: '' }),
    );
    this.#sockets.set(id, hear);
    return id;
  }

  /** The way back to a channel that the page gave, as `__CHANNEL__:7`. */
  #channel(given: unknown): (message: unknown) => void {
    const id = Number(String(given).split(':')[1]);
    let index = 0;
    return (message) => {
      const data = { index: index++, message };
      // A page that is being closed hears nothing more.
      void this.page
        .evaluate(
          ([id, data]) =>
            (
              window as unknown as {
                __TAURI_INTERNALS__: { runCallback: (id: number, data: unknown) => void };
              }
            ).__TAURI_INTERNALS__.runCallback(id, data),
          [id, data] as const,
        )
        .catch(() => undefined);
    };
  }
}

function devices(): EngineEvent {
  return {
    type: 'devices',
    inputs: INPUTS,
    outputs: OUTPUTS,
    inputInUse: INPUTS[0]?.name ?? null,
    outputInUse: OUTPUTS[0]?.name ?? null,
  };
}
