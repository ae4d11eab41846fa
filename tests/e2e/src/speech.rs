//! What people say: sentences spoken by a synthesiser, at 48 kHz.

use crate::rig::Rig;
use crate::wav::{self, RATE_HZ};
use realfft::RealFftPlanner;
use realfft::num_complex::Complex;
use std::ops::Range;
use std::path::PathBuf;

/// Peak of every speech, so that three at once do not overdrive a speaker.
const PEAK: f32 = 0.25;

/// Silence between sentences is at least this long; within them it is shorter.
const PAUSE_S: f32 = 0.25;

/// Somebody's speech.
#[derive(Debug, Clone)]
pub struct Speech {
    /// A WAV file of it.
    pub path: PathBuf,
    /// Its samples at 48 kHz.
    pub samples: Vec<f32>,
}

/// Who speaks: voices that differ in pitch and timbre, each with sentences of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// A woman.
    Alice,
    /// A man.
    Bob,
    /// Another woman, faster.
    Carol,
}

impl Voice {
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Alice => &["-v", "en-gb+f3", "-s", "155"],
            Self::Bob => &["-v", "en-us+m3", "-s", "145"],
            Self::Carol => &["-v", "en-gb+f1", "-s", "170", "-p", "70"],
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Alice => {
                "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. \
                 These days a chicken leg is a rare dish. The juice of lemons makes fine punch."
            }
            Self::Bob => {
                "Four hours of steady work faced us. A large size in stockings is hard to sell. \
                 The boy was there when the sun rose. A rod is used to catch pink salmon."
            }
            Self::Carol => {
                "Kick the ball straight and follow through. Help the woman get back to her feet. \
                 A pot of tea helps to pass the evening. Smoky fires lack flame and heat."
            }
        }
    }
}

/// Has somebody speak for about ten seconds.
pub fn speak(rig: &Rig, voice: Voice) -> Speech {
    let raw = rig.path(&format!("{voice:?}-raw.wav"));
    let mut command = rig.command("espeak-ng");
    command.args(voice.arguments()).arg("-w").arg(&raw).arg(voice.text());
    assert!(command.status().expect("espeak-ng is installed").success());
    let (rate_hz, tracks) = wav::read(&raw);
    let mut samples = resample(&tracks[0], rate_hz, RATE_HZ);
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    samples.iter_mut().for_each(|sample| *sample *= PEAK / peak);
    let path = rig.path(&format!("{voice:?}.wav"));
    wav::write(&path, RATE_HZ, &samples);
    Speech { path, samples }
}

/// Words between pauses.
#[derive(Debug)]
pub struct Words {
    /// All of them.
    pub speech: Speech,
    /// Where each is, in samples: it begins at once.
    pub places: Vec<Range<usize>>,
}

/// Begins of sentences, with this much silence before each and after the last: for what becomes of
/// their edges.
pub fn words(rig: &Rig, speeches: &[Speech], silence_s: f32) -> Words {
    let silence = vec![0.0; seconds(silence_s)];
    let (mut samples, mut places) = (silence.clone(), Vec::new());
    for speech in speeches {
        let mut rest = &speech.samples[..];
        while let Some(word) = first_word(rest) {
            let start = samples.len();
            samples.extend(&rest[word.clone()]);
            places.push(start..samples.len());
            samples.extend(&silence);
            rest = &rest[word.end..];
            let pause = rest.windows(seconds(PAUSE_S)).position(|part| part.iter().all(|s| is_quiet(*s)));
            rest = &rest[pause.unwrap_or(rest.len())..];
        }
    }
    let path = rig.path("words.wav");
    wav::write(&path, RATE_HZ, &samples);
    Words { speech: Speech { path, samples }, places }
}

/// The first of what is said, up to where it is quietest after about half a second.
fn first_word(samples: &[f32]) -> Option<Range<usize>> {
    let start = samples.iter().position(|sample| !is_quiet(*sample))?;
    let energy = |end: &usize| -> f32 { samples[*end..][..seconds(0.02)].iter().map(|s| s * s).sum() };
    let ends = (start + seconds(0.45)..start + seconds(0.85)).step_by(seconds(0.005));
    let ends = ends.filter(|end| end + seconds(0.02) < samples.len());
    let end = ends.min_by(|a, b| energy(a).total_cmp(&energy(b)))?;
    Some(start..end)
}

fn is_quiet(sample: f32) -> bool {
    sample.abs() < PEAK / 10.0
}

fn seconds(seconds: f32) -> usize {
    (seconds * RATE_HZ as f32) as usize
}

/// Changes the sample rate of a whole recording, by way of its spectrum: exact below the lower of
/// the two rates' halves, and without delay.
pub fn resample(samples: &[f32], from_hz: u32, to_hz: u32) -> Vec<f32> {
    let (from, to) = reduced(from_hz as usize, to_hz as usize);
    // Whole periods of both rates; the silence at the end keeps the ends from ringing into each other.
    let periods = (samples.len() + from_hz as usize / 10).div_ceil(2 * from) * 2;
    let (length_in, length_out) = (periods * from, periods * to);
    let mut planner = RealFftPlanner::<f32>::new();
    let mut input = samples.to_vec();
    input.resize(length_in, 0.0);
    let forward = planner.plan_fft_forward(length_in);
    let mut spectrum = forward.make_output_vec();
    forward.process(&mut input, &mut spectrum).expect("the lengths fit");
    spectrum.resize(length_out / 2 + 1, Complex::default());
    let last = spectrum.len() - 1;
    spectrum[last].im = 0.0;
    let inverse = planner.plan_fft_inverse(length_out);
    let mut output = inverse.make_output_vec();
    inverse.process(&mut spectrum, &mut output).expect("the lengths fit");
    output.truncate(samples.len() * to / from);
    output.iter_mut().for_each(|sample| *sample /= length_in as f32);
    output
}

fn reduced(a: usize, b: usize) -> (usize, usize) {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x % y);
    }
    (a / x, b / x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    fn tone(rate_hz: u32, seconds: f32) -> Vec<f32> {
        (0..(rate_hz as f32 * seconds) as usize)
            .map(|n| (TAU * 440.0 * n as f32 / rate_hz as f32).sin())
            .collect()
    }

    #[test]
    fn resampling_keeps_a_tone() {
        for (from, to) in [(22_050, 48_000), (48_000, 16_000), (48_000, 48_000)] {
            let resampled = resample(&tone(from, 1.0), from, to);
            let wanted = tone(to, 1.0);
            // Away from the ends, where a tone that is cut off rings.
            let middle = to as usize / 4..to as usize * 3 / 4;
            for (got, wanted) in resampled[middle.clone()].iter().zip(&wanted[middle]) {
                assert!((got - wanted).abs() < 0.01, "{from} → {to}: {got} for {wanted}");
            }
        }
    }
}
