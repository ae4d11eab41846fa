/** What the sounds tell: changes of one's own state. */
export type Sound = 'join' | 'leave' | 'mute' | 'unmute';

/** Notes of each sound in Hz: rising for what opens, falling for what closes. */
const NOTES: Record<Sound, readonly number[]> = {
  join: [392, 587.33],
  leave: [587.33, 392],
  mute: [440, 349.23],
  unmute: [349.23, 440],
};

const NOTE_S = 0.09;
/** Full loudness lies well below speech. */
const PEAK = 0.25;

/** Plays a sound at a loudness of 0 to 1. */
export function playSound(context: AudioContext, sound: Sound, loudness: number): void {
  if (loudness <= 0 || context.state !== 'running') return;
  NOTES[sound].forEach((frequency, index) => {
    const start = context.currentTime + index * NOTE_S;
    const oscillator = new OscillatorNode(context, { type: 'sine', frequency });
    const envelope = new GainNode(context, { gain: 0 });
    envelope.gain.setValueAtTime(0, start);
    envelope.gain.linearRampToValueAtTime(PEAK * loudness, start + 0.01);
    envelope.gain.setTargetAtTime(0, start + 0.03, 0.04);
    oscillator.connect(envelope).connect(context.destination);
    oscillator.start(start);
    oscillator.stop(start + NOTE_S * 3);
  });
}
