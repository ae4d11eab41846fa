//! Speech from a synthesiser with labels that say where it is, and the noise of places where people
//! talk. The same on every run.
#![allow(dead_code, reason = "each test file uses its own part of these")]

pub mod verdict;

use std::process::Command;

use voicehall_audio::Resampler;

use crate::signals::Random;

/// What the synthesiser speaks at, in Hz.
const SYNTHESISER_RATE: u32 = 22_050;

/// Voices that differ in sex, pitch, accent, timbre and pace: name, words in a minute.
pub const VOICES: [(&str, u32); 8] = [
    ("en-gb+f3", 155),
    ("en-us+m3", 145),
    ("en-gb-scotland+f2", 165),
    ("de+m1", 150),
    ("en-us+Andrea", 160),
    ("en-gb+m7", 140),
    ("de+f4", 150),
    ("en-029+John", 150),
];

/// The Harvard sentences' first lists (IEEE 297): every sound of English in its usual share.
pub const SENTENCES: [&str; 16] = [
    "The birch canoe slid on the smooth planks.",
    "Glue the sheet to the dark blue background.",
    "It's easy to tell the depth of a well.",
    "These days a chicken leg is a rare dish.",
    "Rice is often served in round bowls.",
    "The juice of lemons makes fine punch.",
    "The box was thrown beside the parked truck.",
    "The hogs were fed chopped corn and garbage.",
    "Four hours of steady work faced us.",
    "A large size in stockings is hard to sell.",
    "The boy was there when the sun rose.",
    "A rod is used to catch pink salmon.",
    "Help the woman get back to her feet.",
    "A pot of tea helps to pass the evening.",
    "Smoky fires lack flame and heat.",
    "The soft cushion broke the man's fall.",
];

/// Has a voice say something: 48 kHz, peak at full scale, without silence around it.
pub fn speak(voice: (&str, u32), text: &str) -> Vec<f32> {
    let (name, pace) = voice;
    let output = Command::new("espeak-ng")
        .args(["--stdout", "-v", name, "-s", &pace.to_string(), text])
        .output()
        .expect("espeak-ng is installed");
    let data = output.stdout.windows(4).position(|chunk| chunk == b"data").expect("a WAV file") + 8;
    let (pairs, _) = output.stdout[data..].as_chunks::<2>();
    let mut spoken: Vec<f32> = pairs.iter().map(|pair| f32::from(i16::from_le_bytes(*pair))).collect();
    spoken.extend([0.0; 256]);
    let mut samples = Vec::new();
    let mut resampler = Resampler::new(SYNTHESISER_RATE, 48_000).expect("a usual rate");
    resampler.process(&spoken, |piece| samples.extend_from_slice(piece));
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    assert!(peak > 0.0, "{name} says nothing");
    samples.iter_mut().for_each(|sample| *sample /= peak);
    // The quietest consonants are some 35 dB below the loudest vowel.
    let audible = |sample: &f32| sample.abs() > 0.01;
    let from = samples.iter().position(audible).expect("something is said");
    let to = samples.iter().rposition(audible).expect("something is said");
    samples[from..=to].to_vec()
}

/// Speech with pauses, and where it is.
pub struct Talk {
    pub samples: Vec<f32>,
    /// First and last frame of 10 ms of each spurt.
    pub spurts: Vec<(usize, usize)>,
}

/// Spurts one after the other, with a pause before each and after the last, all `peak` at most.
pub fn talk(spurts: &[Vec<f32>], pause_ms: usize, peak: f32) -> Talk {
    let mut samples = vec![0.0; pause_ms * 48];
    let mut places = Vec::new();
    for spurt in spurts {
        let from = samples.len() / 480;
        samples.extend(spurt.iter().map(|sample| sample * peak));
        places.push((from, (samples.len() - 1) / 480));
        // Whole frames, so that the next spurt begins with one.
        let pause = pause_ms * 48 + 480 - samples.len() % 480;
        samples.extend(std::iter::repeat_n(0.0, pause));
    }
    Talk { samples, spurts: places }
}

/// What is heard behind a voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noise {
    Fan,
    Keyboard,
    Street,
}

/// Noise with this ratio of the voice's power, in its spurts, to the noise's own.
pub fn mix(talk: &Talk, noise: Noise, snr_db: f32, seed: u64) -> Vec<f32> {
    let disturbance = noise.samples(talk.samples.len(), seed);
    let spoken: f32 = talk.spurts.iter().map(|(from, to)| energy(&talk.samples[from * 480..to * 480])).sum();
    let frames: usize = talk.spurts.iter().map(|(from, to)| to - from).sum();
    let power = spoken / (frames * 480) as f32;
    let noise_power = energy(&disturbance) / disturbance.len() as f32;
    let gain = (power / noise_power / 10.0_f32.powf(snr_db / 10.0)).sqrt();
    talk.samples.iter().zip(&disturbance).map(|(voice, noise)| voice + noise * gain).collect()
}

pub fn energy(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum()
}

impl Noise {
    /// The noise alone.
    pub fn samples(self, count: usize, seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed);
        match self {
            Self::Fan => fan(count, &mut random),
            Self::Keyboard => keyboard(count, &mut random),
            Self::Street => street(count, &mut random),
        }
    }
}

/// A one-pole low-pass as it goes along.
struct Smooth(f32);

impl Smooth {
    fn next(&mut self, input: f32, hertz: f32) -> f32 {
        let share = 1.0 - (-std::f32::consts::TAU * hertz / 48_000.0).exp();
        self.0 += (input - self.0) * share;
        self.0
    }
}

/// Air that rushes, and the blades' own tone with two overtones.
fn fan(count: usize, random: &mut Random) -> Vec<f32> {
    let mut air = Smooth(0.0);
    (0..count)
        .map(|n| {
            let time = n as f32 / 48_000.0;
            let turn = |hertz: f32| (std::f32::consts::TAU * hertz * time).sin();
            let blades = turn(118.0) + 0.5 * turn(236.0) + 0.3 * turn(354.0);
            air.next(random.signed(), 900.0) + 0.02 * blades
        })
        .collect()
}

/// Keys at a typist's pace: each goes down and comes up with a click that rings for some 10 ms, over
/// the hiss of a room.
fn keyboard(count: usize, random: &mut Random) -> Vec<f32> {
    let mut samples: Vec<f32> = (0..count).map(|_| random.signed() * 0.004).collect();
    let mut at = 4_800;
    while at + 9_600 < count {
        let loudness = 0.5 + 0.5 * random.unit();
        for (offset, share) in [(0, 1.0), (2_400 + (random.unit() * 2_400.0) as usize, 0.4)] {
            let pitch = 1_800.0 + 2_500.0 * random.unit();
            for n in 0..960 {
                let time = n as f32 / 48_000.0;
                let ring = (std::f32::consts::TAU * pitch * time).sin() + random.signed();
                samples[at + offset + n] += loudness * share * ring * (-time / 0.003).exp();
            }
        }
        at += 4_800 + (random.unit() * 12_000.0) as usize;
    }
    samples
}

/// Traffic: a rumble that never ends, cars that come, roll by with hissing tyres and go, and a horn
/// now and then.
fn street(count: usize, random: &mut Random) -> Vec<f32> {
    let (mut rumble, mut tyres) = (Smooth(0.0), Smooth(0.0));
    let mut cars: Vec<f32> = Vec::new();
    let mut at = 0.0;
    while at < count as f32 / 48_000.0 {
        cars.push(at);
        at += 2.0 + 4.0 * random.unit();
    }
    let horns: Vec<f32> = cars.iter().step_by(5).map(|car| car + 0.7).collect();
    (0..count)
        .map(|n| {
            let time = n as f32 / 48_000.0;
            let passing: f32 = cars.iter().map(|car| (-((time - car) / 0.8).powi(2)).exp()).sum();
            let horn = horns.iter().any(|horn| (0.0..0.35).contains(&(time - horn)));
            let tone = |hertz: f32| (std::f32::consts::TAU * hertz * time).sin();
            let horn = if horn { 0.06 * (tone(415.0) + tone(523.0)) } else { 0.0 };
            rumble.next(random.signed(), 160.0) * (1.0 + passing)
                + tyres.next(random.signed(), 1_600.0) * (0.08 + 0.35 * passing)
                + horn
        })
        .collect()
}
