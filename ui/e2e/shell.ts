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
  /** None where no server answers. */
  http(base: string, call: string, body: unknown): { status: number; body: unknown } | null;
  /** A gateway socket was opened: what to do with what it says; none where no server answers. */
  socket(
    url: string,
    send: (text: string) => void,
    close: (code: number) => void,
  ): ((text: string) => void) | null;
  credentials(): unknown;
  settings(): unknown;
  keep(what: { settings?: object; credentials?: object }): void;
}

type Args = Record<string, unknown>;

/** Answers the shell's commands. One that is not known here is answered with nothing. */
export class PlayedShell {
  /** Answers a command before the shell does; `undefined` leaves it to the shell. */
  answer: (command: string, args: Args) => unknown = () => undefined;
  /** The commands of the shell, as they were called. */
  readonly asked: string[] = [];
  /** What the engine was told. */
  readonly commands: EngineCommand[] = [];
  /** Whether a join leads to a call. */
  connects = true;
  /** What the shell says of itself. */
  surroundings = { version: '0.1.0', system: 'linux x86_64', webview: '2.50', log: ['a line'] };
  #engine: ((message: unknown) => void) | null = null;
  readonly #sockets = new Map<number, (text: string) => void>();
  #lastSocket = 0;
  #link: string | null = null;
  readonly #listeners: [event: string, callback: number][] = [];
  readonly #untold: [event: string, payload: object][] = [];

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
    this.asked.push(command);
    const own = this.answer(command, args);
    if (own !== undefined) return own;
    switch (command) {
      case 'diagnostics':
        return this.surroundings;
      case 'settings_load':
        // The first that a page asks for: what listened before is gone.
        this.#listeners.length = 0;
        return this.doors.settings();
      case 'credentials_load':
        return { logins: this.doors.credentials(), shut: null };
      case 'http': {
        const { base, method, path, body } = args['request'] as {
          base: string;
          method: string;
          path: string;
          body: unknown;
        };
        const answer = this.doors.http(base, `${method} ${path}`, body);
        if (!answer) throw new Error('no answer');
        return answer;
      }
      case 'socket_open':
        return this.#openSocket(args['url'] as string, this.#channel(args['channel']));
      case 'settings_save':
        this.doors.keep({ settings: args['settings'] as object });
        return null;
      case 'credentials_save':
        this.doors.keep({ credentials: args['credentials'] as object });
        return null;
      case 'launch_link':
        return this.#takeLink();
      case 'plugin:event|listen':
        this.#listeners.push([args['event'] as string, args['handler'] as number]);
        for (const [name, payload] of this.#untold.splice(0)) this.tell(payload, name);
        return 0;
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
    if (command.type === 'talkOverride') this.engine({ type: 'talkOverride', on: command.on });
  }

  /** The desktop opens a link with the app that runs. */
  open(link: string): void {
    this.#link = link;
    this.tell({ type: 'link' });
  }

  /** Lets the desktop say something; to a page that does not listen yet, once it does. */
  tell(payload: object, name = 'shell'): void {
    const listeners = this.#listeners.filter(([event]) => event === name);
    if (listeners.length === 0) this.#untold.push([name, payload]);
    for (const [event, id] of listeners) this.#call(id, { event, id, payload });
  }

  #takeLink(): string | null {
    const link = this.#link;
    this.#link = null;
    return link;
  }

  #openSocket(url: string, emit: (message: unknown) => void): number {
    const id = ++this.#lastSocket;
    const opening: string[] = [];
    let open = false;
    const hear = this.doors.socket(
      url,
      (text) => (open ? emit({ type: 'message', text }) : opening.push(text)),
      (code) => emit({ type: 'close', code, reason: '' }),
    );
    if (hear === null) {
      emit({ type: 'close', code: 1006, reason: 'no answer' });
      return id;
    }
    emit({ type: 'open' });
    open = true;
    for (const text of opening) emit({ type: 'message', text });
    this.#sockets.set(id, hear);
    return id;
  }

  /** The way back to a channel that the page gave, as `__CHANNEL__:7`. */
  #channel(given: unknown): (message: unknown) => void {
    const id = Number(String(given).split(':')[1]);
    let index = 0;
    return (message) => {
      const data = { index: index++, message };
      this.#call(id, data);
    };
  }

  /** Runs a callback of the page; one that is being closed hears nothing more. */
  #call(id: number, data: unknown): void {
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
