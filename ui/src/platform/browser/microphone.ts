import type { AudioSettings, Problem } from '../../bindings/protocol';
import { levelDbfs } from './level';

/** What the microphone tells its engine. */
export interface MicrophoneHandlers {
  /** There is another track to send; none while closed. */
  track(track: MediaStreamTrack | null): void;
  problem(problem: Problem): void;
  /** Devices may have names now, or others are in use. */
  changed(): void;
}

/** The browser's microphone, with its processing, a gain and a meter. */
export class Microphone {
  #stream: MediaStream | null = null;
  #graph: Graph | null = null;
  #wanted = false;
  /** Counts openings: one that a later one overtook is thrown away. */
  #generation = 0;
  #samples = new Float32Array(new ArrayBuffer(0));

  constructor(
    private readonly context: AudioContext,
    private settings: AudioSettings,
    private readonly handlers: MicrophoneHandlers,
  ) {}

  /** The name of the device in use. */
  get label(): string | null {
    return this.#stream?.getAudioTracks()[0]?.label ?? null;
  }

  /** From the air to the page, as the browser tells it; none while closed, or if it does not. */
  get latencyMs(): number | null {
    const settings: (MediaTrackSettings & { latency?: number }) | undefined = this.#stream
      ?.getAudioTracks()[0]
      ?.getSettings();
    return settings?.latency ? settings.latency * 1000 : null;
  }

  /** The track to send: the device's own where its gain is untouched, for no delay is added. */
  get track(): MediaStreamTrack | null {
    return (
      (this.settings.inputGain === 1
        ? this.#stream
        : this.#graph?.output.stream
      )?.getAudioTracks()[0] ?? null
    );
  }

  /** Opens or closes the device. */
  set wanted(wanted: boolean) {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    if (wanted) void this.#open();
    else this.#close();
  }

  configure(settings: AudioSettings): void {
    const before = this.settings;
    this.settings = settings;
    if (this.#graph) this.#graph.gain.gain.value = settings.inputGain;
    if (!this.#wanted) return;
    const reopen =
      before.input !== settings.input ||
      before.echoCancellation !== settings.echoCancellation ||
      before.noiseSuppression !== settings.noiseSuppression ||
      before.automaticGain !== settings.automaticGain;
    if (reopen) void this.#open();
    else if ((before.inputGain === 1) !== (settings.inputGain === 1))
      this.handlers.track(this.track);
  }

  /** Opens anew: the device in use is gone, or the system has another default. */
  reopen(): void {
    if (this.#wanted) void this.#open();
  }

  /** Level of the last 50 ms in dBFS; none while closed. */
  level(): number | null {
    if (!this.#graph) return null;
    this.#graph.meter.getFloatTimeDomainData(this.#samples);
    return levelDbfs(this.#samples);
  }

  async #open(): Promise<void> {
    const generation = ++this.#generation;
    let stream: MediaStream;
    try {
      stream = await capture(this.settings);
    } catch (error) {
      if (generation !== this.#generation) return;
      this.#release();
      this.handlers.problem(problemOf(error));
      this.handlers.changed();
      return;
    }
    if (generation !== this.#generation) {
      stop(stream);
      return;
    }
    this.#release();
    this.#stream = stream;
    this.#graph = connect(this.context, stream, this.settings.inputGain);
    this.#samples = new Float32Array(this.#graph.meter.fftSize);
    stream.getAudioTracks()[0]?.addEventListener('ended', () => this.reopen());
    this.handlers.track(this.track);
    this.handlers.changed();
  }

  #close(): void {
    this.#generation++;
    if (!this.#stream) return;
    this.#release();
    this.handlers.changed();
  }

  #release(): void {
    if (!this.#stream) return;
    this.#graph?.source.disconnect();
    stop(this.#stream);
    this.#stream = null;
    this.#graph = null;
    this.handlers.track(null);
  }
}

/** The chosen device, or the default when the chosen one is gone. */
async function capture(settings: AudioSettings): Promise<MediaStream> {
  // Absent in pages without TLS, whatever the type says.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices) throw new DOMException('', 'NotAllowedError');
  const processing: MediaTrackConstraints = {
    echoCancellation: settings.echoCancellation,
    noiseSuppression: settings.noiseSuppression !== 'off',
    autoGainControl: settings.automaticGain,
    channelCount: 1,
  };
  if (settings.input !== null) {
    try {
      const deviceId = { exact: settings.input };
      return await devices.getUserMedia({ audio: { ...processing, deviceId } });
    } catch (error) {
      if (problemOf(error) === 'inputForbidden') throw error;
    }
  }
  return devices.getUserMedia({ audio: processing });
}

function problemOf(error: unknown): Problem {
  const name = error instanceof DOMException ? error.name : '';
  return name === 'NotAllowedError' || name === 'SecurityError' ? 'inputForbidden' : 'noInput';
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

interface Graph {
  source: MediaStreamAudioSourceNode;
  gain: GainNode;
  meter: AnalyserNode;
  output: MediaStreamAudioDestinationNode;
}

function connect(context: AudioContext, stream: MediaStream, inputGain: number): Graph {
  const source = new MediaStreamAudioSourceNode(context, { mediaStream: stream });
  const gain = new GainNode(context, { gain: inputGain });
  // 2048 samples at 48 kHz are 43 ms.
  const meter = new AnalyserNode(context, { fftSize: 2048 });
  const output = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  source.connect(gain);
  gain.connect(meter);
  gain.connect(output);
  return { source, gain, meter, output };
}
