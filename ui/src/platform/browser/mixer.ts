import type { SourceId } from '../../bindings/protocol';
import { SlotWatch, type Observation } from './slot-watch';

/** Gains move over this long: shorter clicks, longer lets others' words be heard. */
const RAMP_S = 0.005;

/** Everything that is heard: the voice slots, each at the volume of whoever speaks in it. */
export class Mixer {
  readonly #output: GainNode;
  readonly #volumes = new Map<SourceId, number>();
  #slots: Slot[] = [];
  #outputGain = 1;
  #deafened = false;
  #priority: ReadonlySet<SourceId> = new Set();
  /** Factor of the others while a priority speaker talks, and whether one does. */
  #attenuation = 1;
  #attenuated = false;
  /** Where the context cannot choose a speaker, an element that can. */
  #outlet: { node: MediaStreamAudioDestinationNode; element: HTMLAudioElement } | null = null;

  constructor(private readonly context: AudioContext) {
    this.#output = new GainNode(context);
    const limiter = createLimiter(context);
    this.#output.connect(limiter.input);
    limiter.output.connect(context.destination);
    this.#disconnectOutput = () => limiter.output.disconnect();
    this.#connectOutput = (node) => limiter.output.connect(node);
  }

  readonly #disconnectOutput: () => void;
  readonly #connectOutput: (node: AudioNode) => void;

  /** Takes the receivers of a session, slot 0 first; those of the last session go. */
  attach(receivers: readonly RTCRtpReceiver[]): void {
    for (const slot of this.#slots) slot.release();
    this.#slots = receivers.map((receiver) => new Slot(this.context, receiver, this.#output));
  }

  setVolume(source: SourceId, volume: number): void {
    this.#volumes.set(source, volume);
    for (const slot of this.#slots) {
      if (slot.watch.source === source) slot.setGain(volume);
    }
  }

  setDeafened(deafened: boolean): void {
    this.#deafened = deafened;
    this.#applyGain();
  }

  setOutputGain(gain: number): void {
    this.#outputGain = gain;
    this.#applyGain();
  }

  /** Says who the priority speakers are, in place of those of before. */
  setPriority(sources: readonly SourceId[]): void {
    this.#priority = new Set(sources);
  }

  /** Sets how far the others go down while a priority speaker talks, in dB. */
  setPriorityAttenuation(decibels: number): void {
    this.#attenuation = 10 ** (Math.min(0, decibels) / 20);
  }

  /** Looks who is in which slot, sets the slots' volumes and returns who is audible. */
  poll(nowMs: number): SourceId[] {
    const audible: SourceId[] = [];
    for (const slot of this.#slots) {
      slot.watch.observe(slot.look(), nowMs);
      slot.setGain(this.#gainOf(slot.watch, nowMs));
      const { source } = slot.watch;
      if (source !== null && slot.watch.isAudible(nowMs)) audible.push(source);
    }
    // Nobody is turned down for a priority speaker whom this listener has muted.
    this.#attenuated = audible.some(
      (source) => this.#priority.has(source) && this.#volumes.get(source) !== 0,
    );
    return audible;
  }

  /** Plays on this device, or on the system's default. */
  async setOutput(deviceId: string | null): Promise<void> {
    const context = this.context as AudioContext & { setSinkId?: (id: string) => Promise<void> };
    if (context.setSinkId) {
      await context.setSinkId(deviceId ?? '');
      return;
    }
    if (!this.#outlet) {
      if (deviceId === null) return;
      const node = new MediaStreamAudioDestinationNode(this.context);
      const element = new Audio();
      element.srcObject = node.stream;
      this.#outlet = { node, element };
      this.#disconnectOutput();
      this.#connectOutput(node);
      void element.play();
    }
    await this.#outlet.element.setSinkId(deviceId ?? '');
  }

  /**
   * A slot that has been silent may next carry anybody, and whoever it is will play for up to a
   * tick before it is known. It waits at the lowest volume anybody has: a person turned down
   * never flares up, at the price of a tick's fade-in for the others, and only then.
   */
  #gainOf(watch: SlotWatch, nowMs: number): number {
    if (watch.source === null || watch.isIdle(nowMs)) return Math.min(1, ...this.#volumes.values());
    const lowered = this.#attenuated && !this.#priority.has(watch.source);
    return (this.#volumes.get(watch.source) ?? 1) * (lowered ? this.#attenuation : 1);
  }

  #applyGain(): void {
    const gain = this.#deafened ? 0 : this.#outputGain;
    this.#output.gain.setTargetAtTime(gain, this.context.currentTime, RAMP_S);
  }
}

/** One fixed place in which some voice is received. */
class Slot {
  readonly watch = new SlotWatch();
  readonly #source: MediaStreamAudioSourceNode;
  readonly #gain: GainNode;
  readonly #element = new Audio();
  #target = 1;

  constructor(
    private readonly context: AudioContext,
    private readonly receiver: RTCRtpReceiver,
    output: AudioNode,
  ) {
    const mediaStream = new MediaStream([receiver.track]);
    // Chromium decodes a remote track only while an element plays it, be it muted.
    this.#element.muted = true;
    this.#element.srcObject = mediaStream;
    this.#element.play().catch(() => undefined);
    this.#source = new MediaStreamAudioSourceNode(context, { mediaStream });
    this.#gain = new GainNode(context);
    this.#source.connect(this.#gain).connect(output);
  }

  look(): Observation | null {
    const contributing = this.receiver.getContributingSources()[0];
    if (!contributing) return null;
    // Firefox gives the audio level with the slot's own SSRC only.
    const level =
      contributing.audioLevel ?? this.receiver.getSynchronizationSources()[0]?.audioLevel ?? null;
    return { source: contributing.source, stamp: contributing.timestamp, level };
  }

  setGain(gain: number): void {
    if (gain === this.#target) return;
    this.#target = gain;
    this.#gain.gain.setTargetAtTime(gain, this.context.currentTime, RAMP_S);
  }

  release(): void {
    this.#source.disconnect();
    this.#gain.disconnect();
    this.#element.srcObject = null;
  }
}

/**
 * Bends what exceeds full scale, because 200 % of a loud voice, or eight voices at once, do. A
 * curve adds no delay, which a compressor does; below 80 % of full scale it changes nothing.
 */
function createLimiter(context: AudioContext): { input: AudioNode; output: AudioNode } {
  // A curve covers -1 to 1, so what comes in is scaled down by what may come in at most.
  const headroom = 4;
  const knee = 0.8;
  const curve = Float32Array.from({ length: 8193 }, (_, index) => {
    const level = (index / 4096 - 1) * headroom;
    const over = Math.abs(level) - knee;
    const bent = over <= 0 ? Math.abs(level) : knee + (1 - knee) * Math.tanh(over / (1 - knee));
    return Math.sign(level) * bent;
  });
  const input = new GainNode(context, { gain: 1 / headroom });
  const output = new WaveShaperNode(context, { curve });
  input.connect(output);
  return { input, output };
}
