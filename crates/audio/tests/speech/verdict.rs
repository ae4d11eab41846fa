//! How well a gate tells speech from noise.

use voicehall_audio::{Frame, NoiseSuppression, Uplink, UplinkConfig};

use super::Talk;

/// What is this much quieter than a spurt's loudest 10 ms is no part of it that anybody would miss,
/// as a factor of energy: 30 dB.
const AUDIBLE: f32 = 1e-3;

/// What is this much fainter than the noise in its own 10 ms is not heard in it, as a factor: 6 dB.
const MASKED: f32 = 0.25;

/// How long a gate stays open after a voice by design, in frames: 300 ms after the detector, which
/// follows by 100 ms, heard its end; and before it by pre-roll. That is no false alarm.
const HANGOVER_FRAMES: usize = 42;
const PRE_ROLL_FRAMES: usize = 21;

/// Counts over some talks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    pub speech_frames: u32,
    pub hits: u32,
    pub noise_frames: u32,
    pub false_alarms: u32,
    pub spurts: u32,
    /// Spurts whose first audible frame was not sent, and whose last.
    pub clipped_onsets: u32,
    pub clipped_ends: u32,
}

impl Verdict {
    /// Judges a chain on a talk and what the microphone heard of it.
    pub fn of(talk: &Talk, microphone: &[f32], config: UplinkConfig) -> Self {
        let sent = sent_frames(microphone, config);
        let mut verdict = Self::default();
        let mut quiet = vec![true; sent.len()];
        for (from, to) in &talk.spurts {
            let energies: Vec<f32> = (*from..=*to)
                .map(|n| super::energy(&talk.samples[n * 480..talk.samples.len().min(n * 480 + 480)]))
                .collect();
            let loudest = energies.iter().copied().fold(0.0, f32::max);
            let masked = |n: usize| {
                let place = n * 480..talk.samples.len().min(n * 480 + 480);
                let noise: Vec<f32> = talk.samples[place.clone()]
                    .iter()
                    .zip(&microphone[place.clone()])
                    .map(|(s, m)| m - s)
                    .collect();
                brightness(&talk.samples[place]) < MASKED * brightness(&noise)
            };
            let audible: Vec<usize> = (0..energies.len())
                .filter(|n| energies[*n] > loudest * AUDIBLE && !masked(from + n))
                .map(|n| from + n)
                .collect();
            verdict.speech_frames += audible.len() as u32;
            verdict.hits += audible.iter().filter(|n| sent[**n]).count() as u32;
            verdict.spurts += 1;
            verdict.clipped_onsets += u32::from(!sent[audible[0]]);
            verdict.clipped_ends += u32::from(!sent[audible[audible.len() - 1]]);
            let end = quiet.len().min(to + HANGOVER_FRAMES);
            quiet[from.saturating_sub(PRE_ROLL_FRAMES)..end].fill(false);
        }
        verdict.noise_frames = quiet.iter().filter(|quiet| **quiet).count() as u32;
        verdict.false_alarms =
            quiet.iter().zip(&sent).filter(|(quiet, sent)| **quiet && **sent).count() as u32;
        verdict
    }

    pub fn add(&mut self, other: Self) {
        self.speech_frames += other.speech_frames;
        self.hits += other.hits;
        self.noise_frames += other.noise_frames;
        self.false_alarms += other.false_alarms;
        self.spurts += other.spurts;
        self.clipped_onsets += other.clipped_onsets;
        self.clipped_ends += other.clipped_ends;
    }

    pub fn hit_pct(&self) -> f64 {
        percent(self.hits, self.speech_frames)
    }

    pub fn false_pct(&self) -> f64 {
        percent(self.false_alarms, self.noise_frames)
    }

    pub fn clipped_pct(&self) -> f64 {
        percent(self.clipped_onsets, self.spurts)
    }
}

fn percent(part: u32, whole: u32) -> f64 {
    100.0 * f64::from(part) / f64::from(whole.max(1))
}

/// Energy of what changes from sample to sample: hiss and consonants count as they are heard.
fn brightness(samples: &[f32]) -> f32 {
    samples.windows(2).map(|pair| (pair[1] - 0.95 * pair[0]).powi(2)).sum()
}

/// Whether others hear each frame, in the microphone's time: the chain's own delay is taken out.
fn sent_frames(microphone: &[f32], config: UplinkConfig) -> Vec<bool> {
    let mut uplink = Uplink::new(config);
    let mut sent: Vec<bool> = Vec::new();
    for chunk in microphone.chunks_exact(480) {
        let mut frame: Frame = chunk.try_into().expect("480 samples");
        let report = uplink.process(&mut frame, None);
        if report.talking && sent.last() == Some(&false) {
            let onset = sent.len().saturating_sub(report.onset_frames);
            sent[onset..].fill(true);
        }
        sent.push(report.talking);
    }
    let delay = usize::from(config.noise_suppression == NoiseSuppression::Strong);
    sent.rotate_left(delay);
    sent
}
