//! A friend's quiet microphone is heard like the others.

mod signals;
mod speech;

use std::time::{Duration, Instant};

use voicehall_audio::{
    Downlink, Encoder, EncoderConfig, Frame, IncomingPacket, JitterConfig, PAYLOAD_BYTES_MAX, integrated_lufs,
};

/// Where voices are brought to, in LUFS.
const TARGET_LUFS: f64 = -22.0;

/// A listener who hears one voice after the other, each through the codec.
struct Listener {
    start: Instant,
    downlink: Downlink,
    frames: u64,
}

/// Somebody who speaks in a slot.
struct Speaker {
    source: u32,
    slot: usize,
    encoder: Encoder,
    sequence: u16,
}

impl Speaker {
    fn new(source: u32, slot: usize) -> Self {
        let config = EncoderConfig { dtx: false, ..EncoderConfig::default() };
        Self { source, slot, encoder: Encoder::new(&config).unwrap(), sequence: 0 }
    }
}

impl Listener {
    fn new(levelling: bool) -> Self {
        let start = Instant::now();
        let mut downlink = Downlink::new(start, JitterConfig::default()).unwrap();
        downlink.set_levelling(levelling);
        Self { start, downlink, frames: 0 }
    }

    /// What is heard while somebody says something.
    fn hear(&mut self, speaker: &mut Speaker, said: &[f32]) -> Vec<f32> {
        let mut heard = Vec::new();
        let mut mix: Frame = [0.0; 480];
        let mut payload = [0; PAYLOAD_BYTES_MAX];
        for (n, part) in said.chunks_exact(960).enumerate() {
            let bytes = speaker.encoder.encode(part, &mut payload).unwrap();
            let packet = IncomingPacket {
                sequence: speaker.sequence,
                timestamp: self.frames as u32 * 480,
                source: speaker.source,
                marker: n == 0,
                payload: &payload[..bytes],
            };
            speaker.sequence = speaker.sequence.wrapping_add(1);
            self.downlink.insert(speaker.slot, self.now(), &packet);
            for _ in 0..2 {
                self.frames += 1;
                self.downlink.pull(self.now(), &mut mix);
                heard.extend_from_slice(&mix);
            }
        }
        heard
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.frames * 10)
    }
}

/// Some twenty seconds of a voice at this loudness, in LUFS.
fn at(voice: usize, lufs: f64) -> Vec<f32> {
    let sentences = (0..8).map(|n| speech::SENTENCES[(voice * 5 + n) % speech::SENTENCES.len()]);
    let spurts: Vec<Vec<f32>> = sentences.map(|text| speech::speak(speech::VOICES[voice], text)).collect();
    let talk = speech::talk(&spurts, 300, 1.0).samples;
    let gain = 10.0_f64.powf((lufs - integrated_lufs(&talk).unwrap()) / 20.0) as f32;
    talk.iter().map(|sample| sample * gain).collect()
}

fn last_half(samples: &[f32]) -> &[f32] {
    &samples[samples.len() / 2..]
}

#[test]
fn quiet_and_loud_voices_come_to_the_same_loudness() {
    for (voice, lufs) in [(0, -36.0), (1, -30.0), (2, -22.0), (3, -15.0), (4, -12.0)] {
        let heard = Listener::new(true).hear(&mut Speaker::new(7, 2), &at(voice, lufs));
        let heard = integrated_lufs(last_half(&heard)).unwrap();
        println!("{}: {lufs} LUFS is heard at {heard:.2}", speech::VOICES[voice].0);
        assert!((heard - TARGET_LUFS).abs() < 2.0, "{lufs} LUFS is heard at {heard:.2}");
    }
}

#[test]
fn a_gain_is_remembered_through_silence_other_slots_and_other_people_and_noise_moves_nothing() {
    let mut listener = Listener::new(true);
    let (quiet, loud) = (at(0, -34.0), at(1, -15.0));
    listener.hear(&mut Speaker::new(7, 2), &quiet);
    listener.hear(&mut Speaker::new(8, 2), &loud);
    let mut again = Speaker::new(7, 5);
    // A fan and a street, as loud as the voice.
    let gain = 10.0_f32.powf(-34.0 / 20.0);
    for noise in [speech::Noise::Fan, speech::Noise::Street] {
        let noise: Vec<f32> = noise.samples(480_000, 3).iter().map(|sample| sample * gain).collect();
        listener.hear(&mut again, &noise);
    }
    let heard = listener.hear(&mut again, &quiet[..96_000]);
    let wanted = integrated_lufs(&quiet[..96_000]).unwrap() + 12.0;
    let heard = integrated_lufs(&heard).unwrap();
    assert!((heard - wanted).abs() < 1.5, "{heard:.2} LUFS for {wanted:.2}");
}

#[test]
fn a_volume_means_what_it_says_and_off_is_off() {
    let quiet = at(2, -32.0);
    for (levelling, volume, gain_db) in
        [(true, 2.0, 16.0), (true, 0.5, 4.0), (false, 1.0, 0.0), (false, 2.0, 6.0)]
    {
        let mut listener = Listener::new(levelling);
        listener.downlink.set_volume(7, volume);
        let heard = listener.hear(&mut Speaker::new(7, 0), &quiet);
        let gain = integrated_lufs(last_half(&heard)).unwrap() - integrated_lufs(last_half(&quiet)).unwrap();
        assert!((gain - gain_db).abs() < 1.5, "levelling {levelling}, volume {volume}: {gain:.1} dB");
    }
    let mut listener = Listener::new(true);
    listener.downlink.set_volume(7, 0.0);
    assert!(listener.hear(&mut Speaker::new(7, 0), &quiet).iter().all(|sample| *sample == 0.0));
}
