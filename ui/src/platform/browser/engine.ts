import type {
  AudioSettings,
  EngineCommand,
  EngineEvent,
  KeyAction,
  SourceId,
} from '../../bindings/protocol';
import { listenToKeys, PageKeys } from '../page-keys';
import type { Engine } from '../platform';
import { devicesEvent, listDevices, type DeviceList } from './devices';
import { SpeechEstimate } from './level';
import { Microphone } from './microphone';
import { Mixer } from './mixer';
import { preparePeer, type Peer } from './peer';
import { VoiceSession } from './session';
import { playSound, type Sound } from './sounds';
import { TalkGate } from './talk-gate';
import { Ticker } from './ticker';

/** Ticks (25 ms each) between looks at the microphone's level and at the statistics. */
const INPUT_TICKS = 2;
const STATS_TICKS = 40;

/** From this level on one's own microphone counts as heard, as the others' do (-50 dBFS). */
const AUDIBLE_DBFS = -50;
const HANGOVER_MS = 250;

/** The sound of leaving is heard to its end before the speaker is closed. */
const REST_AFTER_MS = 1_000;

/** Until the interface sends what people chose. */
const AUDIO_DEFAULT: AudioSettings = {
  input: null,
  output: null,
  inputGain: 1,
  outputGain: 1,
  echoCancellation: true,
  noiseSuppression: 'standard',
  automaticGain: true,
  gate: { mode: 'open' },
  lowLatency: false,
  levelling: false,
  priorityAttenuation: 0,
  sounds: { join: 0.5, leave: 0.5, mute: 0.5 },
};

/** The voice engine of a browser: its WebRTC for the network, Web Audio for what is heard. */
export class BrowserEngine implements Engine {
  readonly #subscribers = new Set<(event: EngineEvent) => void>();
  readonly #context = new AudioContext({ latencyHint: 'interactive' });
  readonly #mixer = new Mixer(this.#context);
  readonly #microphone = new Microphone(this.#context, AUDIO_DEFAULT, {
    track: () => this.#sendMicrophone(),
    problem: (problem) => this.#emit({ type: 'problem', problem }),
    changed: () => void this.#refreshDevices(),
  });
  readonly #ticker = new Ticker(() => this.#tick());
  readonly #speech = new SpeechEstimate();
  readonly #talk = new TalkGate({
    changed: () => this.#sendMicrophone(),
    overridden: (on) => this.#emit({ type: 'talkOverride', on }),
  });
  readonly #keys = new PageKeys({
    action: (action, pressed) => this.#key(action, pressed),
    recorded: (keys, complete) => this.#emit({ type: 'keysRecorded', keys, complete }),
  });
  #peer: Promise<Peer> | null = null;
  #session: VoiceSession | null = null;
  #settings = AUDIO_DEFAULT;
  #devices: DeviceList = { inputs: [], outputs: [], defaultInput: null, defaultOutput: null };
  #muted = false;
  #deafened = false;
  #monitored = false;
  /** One's own source while connected. */
  #source: SourceId | null = null;
  #audibleAtMs = -Infinity;
  #speaking = '';
  #ticks = 0;

  constructor() {
    this.#peer = this.#prepare();
    const devices = navigator.mediaDevices as MediaDevices | undefined;
    devices?.addEventListener('devicechange', () => void this.#onDeviceChange());
    listenToKeys(this.#keys);
    // Browsers let a page sound only once somebody has touched it.
    for (const type of ['pointerdown', 'keydown']) {
      document.addEventListener(type, () => this.#wakeSound(), { passive: true });
    }
  }

  subscribe(callback: (event: EngineEvent) => void): () => void {
    this.#subscribers.add(callback);
    // How things stand; before, nobody would have heard it.
    void this.#refreshDevices();
    void this.#tellKeys();
    return () => this.#subscribers.delete(callback);
  }

  send(command: EngineCommand): void {
    switch (command.type) {
      case 'join':
        this.#join(command.url, command.ticket, command.bitrate);
        break;
      case 'leave':
        if (!this.#session) break;
        this.#sound('leave');
        this.#endSession();
        this.#emit({ type: 'state', state: { state: 'idle' } });
        break;
      case 'setMuted':
        this.#setMuted(command.muted, command.deafened);
        break;
      case 'setVolume':
        this.#mixer.setVolume(command.source, command.volume);
        break;
      case 'setPriority':
        this.#mixer.setPriority(command.sources);
        break;
      case 'setAudio':
        this.#setAudio(command.settings);
        break;
      case 'monitor':
        this.#monitored = command.enabled;
        this.#update();
        break;
      case 'bindKeys':
        this.#keys.bindings = command.bindings;
        break;
      case 'recordKeys':
        this.#keys.recording = command.enabled;
        break;
      case 'assignKeys':
      case 'reassignKeys':
        // No desktop offers it to a page.
        break;
      case 'talk':
        this.#key('talk', command.pressed);
        break;
      case 'talkOverride':
        if (!this.#override(command.on))
          this.#emit({ type: 'talkOverride', on: this.#talk.overridden });
        break;
      case 'chime':
        this.#sound(command.chime === 'joined' ? 'join' : 'leave');
        break;
    }
  }

  #join(url: string, ticket: string, bitrate: number): void {
    const rejoin = this.#session !== null;
    this.#endSession();
    const peer = this.#peer ?? preparePeer();
    this.#peer = null;
    const session = new VoiceSession(peer, {
      state: (state) => {
        if (session !== this.#session) return;
        this.#source = state.state === 'connected' ? state.source : null;
        if (state.state === 'connected' && !rejoin) this.#sound('join');
        if (state.state !== 'connecting' && state.state !== 'connected') this.#endSession();
        this.#emit({ type: 'state', state });
      },
      slots: (receivers) => this.#mixer.attach(receivers),
    });
    this.#session = session;
    // The microphone may take long to open; it follows when it is there.
    this.#update();
    this.#sendMicrophone();
    void session.open(url, ticket, bitrate);
  }

  #endSession(): void {
    this.#talk.reset();
    this.#session?.close();
    this.#session = null;
    this.#source = null;
    this.#mixer.attach([]);
    this.#peer ??= this.#prepare();
    this.#update();
    this.#tellSpeaking([]);
  }

  #prepare(): Promise<Peer> {
    const peer = preparePeer();
    // Failing ahead of time is no failure: the join that needs it tries again.
    peer.catch(() => {
      if (this.#peer === peer) this.#peer = null;
    });
    return peer;
  }

  #setMuted(muted: boolean, deafened: boolean): void {
    const before = this.#muted || this.#deafened;
    this.#muted = muted;
    this.#deafened = deafened;
    const after = muted || deafened;
    if (this.#session && before !== after) this.#sound(after ? 'mute' : 'unmute');
    this.#mixer.setDeafened(deafened);
    this.#update();
    this.#sendMicrophone();
  }

  #setAudio(settings: AudioSettings): void {
    const before = this.#settings;
    this.#settings = settings;
    this.#mixer.setOutputGain(settings.outputGain);
    this.#mixer.setPriorityAttenuation(settings.priorityAttenuation);
    this.#microphone.configure(settings);
    this.#talk.gate = settings.gate;
    if (before.output !== settings.output) void this.#chooseOutput();
  }

  /** Opens what is needed now and closes what is not. */
  #update(): void {
    const silent = this.#muted || this.#deafened;
    // Once open in a call it stays open, so that unmuting is immediate.
    const inCall = this.#session !== null && (!silent || this.#microphone.label !== null);
    this.#microphone.wanted = inCall || this.#monitored;
    this.#ticker.running = this.#active;
    this.#wakeSound();
    if (!this.#active) setTimeout(() => this.#restSound(), REST_AFTER_MS);
  }

  /** Whether there is anything to hear or to measure. */
  get #active(): boolean {
    return this.#session !== null || this.#monitored;
  }

  #wakeSound(): void {
    if (this.#active) void this.#context.resume();
  }

  /** A context that runs keeps the speaker open and costs power. */
  #restSound(): void {
    if (!this.#active) void this.#context.suspend();
  }

  #sendMicrophone(): void {
    this.#session?.setTrack(this.#silent ? null : this.#microphone.track);
  }

  /** Whether nothing of the microphone may be heard. */
  get #silent(): boolean {
    return this.#muted || this.#deafened || !this.#talk.open;
  }

  #key(action: KeyAction, pressed: boolean): void {
    if (action === 'talk') this.#talk.turn(pressed, this.#session !== null);
    else if (action === 'talkOverride') {
      if (pressed) this.#override(!this.#talk.overridden);
    } else if (pressed) this.#emit({ type: 'keyPressed', action });
  }

  /** Keeps the microphone open, or no longer; false where that changed nothing. */
  #override(on: boolean): boolean {
    const before = this.#talk.overridden;
    this.#talk.override(on, this.#session !== null);
    if (this.#talk.overridden === before) return false;
    if (!this.#muted && !this.#deafened) this.#sound(on ? 'unmute' : 'mute');
    return true;
  }

  /** What is printed on the keys, where the browser tells it. */
  async #tellKeys(): Promise<void> {
    const { keyboard } = navigator as {
      keyboard?: { getLayoutMap(): Promise<Map<string, string>> };
    };
    const layout = await keyboard?.getLayoutMap().catch(() => null);
    const names: Record<string, string> = {};
    for (const [key, written] of layout ?? []) names[key] = written.toUpperCase();
    this.#emit({ type: 'keys', access: 'page', names });
  }

  async #chooseOutput(): Promise<void> {
    const { output } = this.#settings;
    const there = output === null || this.#devices.outputs.some(({ id }) => id === output);
    try {
      await this.#mixer.setOutput(there ? output : null);
    } catch {
      this.#emit({ type: 'problem', problem: 'noOutput' });
    }
    this.#tellDevices();
  }

  async #onDeviceChange(): Promise<void> {
    const before = this.#devices;
    await this.#refreshDevices();
    const { input, output } = this.#settings;
    const appeared = (id: string | null, was: DeviceList['inputs'], is: DeviceList['inputs']) =>
      was.some((device) => device.id === id) !== is.some((device) => device.id === id);
    const inputMoved =
      input === null
        ? before.defaultInput !== this.#devices.defaultInput || this.#microphone.label === null
        : appeared(input, before.inputs, this.#devices.inputs);
    if (inputMoved) this.#microphone.reopen();
    if (appeared(output, before.outputs, this.#devices.outputs)) await this.#chooseOutput();
  }

  async #refreshDevices(): Promise<void> {
    this.#devices = await listDevices();
    this.#tellDevices();
  }

  #tellDevices(): void {
    this.#emit(devicesEvent(this.#devices, this.#microphone.label, this.#settings.output));
  }

  #tick(): void {
    this.#ticks++;
    const nowMs = performance.now();
    const heard = this.#mixer.poll(nowMs);
    if (this.#ticks % INPUT_TICKS === 0) this.#meter(nowMs);
    const own = this.#source !== null && nowMs - this.#audibleAtMs < HANGOVER_MS;
    this.#tellSpeaking(own && this.#source !== null ? [...heard, this.#source] : heard);
    if (this.#ticks % STATS_TICKS === 0) void this.#tellStats();
  }

  #meter(nowMs: number): void {
    const levelDbfs = this.#microphone.level();
    if (levelDbfs === null) return;
    const sent = this.#source !== null && !this.#silent;
    const sending = sent && levelDbfs >= AUDIBLE_DBFS;
    if (sending) this.#audibleAtMs = nowMs;
    else if (!sent) this.#audibleAtMs = -Infinity;
    this.#emit({ type: 'input', levelDbfs, speech: this.#speech.push(levelDbfs), sending });
  }

  #tellSpeaking(sources: SourceId[]): void {
    const key = sources.sort((a, b) => a - b).join();
    if (key === this.#speaking) return;
    this.#speaking = key;
    this.#emit({ type: 'speaking', sources });
  }

  async #tellStats(): Promise<void> {
    const session = this.#session;
    const stats = await session?.stats({
      captureMs: this.#microphone.latencyMs,
      playbackMs: playbackMs(this.#context),
    });
    if (stats && session === this.#session) this.#emit({ type: 'stats', stats });
  }

  #sound(sound: Sound): void {
    const { join, leave, mute } = this.#settings.sounds;
    const loudness = { join, leave, mute, unmute: mute };
    playSound(this.#context, sound, loudness[sound]);
  }

  #emit(event: EngineEvent): void {
    for (const subscriber of this.#subscribers) subscriber(event);
  }
}

/** From a sample that is played to the air; none where the browser does not say. */
function playbackMs(context: AudioContext): number | null {
  // Absent in some browsers, whatever the type says.
  const output = context.outputLatency as number | undefined;
  return output === undefined || output <= 0 ? null : (context.baseLatency + output) * 1000;
}
