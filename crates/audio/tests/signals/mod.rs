//! Seeded synthetic signals, and measures of them.
#![allow(dead_code, reason = "each test file uses its own part of these")]

use std::f32::consts::TAU;

/// A generator of pseudo-random numbers (xorshift), the same on every run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Uniform in −1 … 1.
    pub fn signed(&mut self) -> f32 {
        self.unit() * 2.0 - 1.0
    }

    /// Uniform in 0 … 1.
    pub fn unit(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }
}

/// White noise.
pub fn noise(samples: usize, amplitude: f32, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    (0..samples).map(|_| random.signed() * amplitude).collect()
}

/// Something like a voice: a glottal pulse train of wandering pitch through moving formants, in
/// syllables of a quarter of a second. `pitch` is its mean in Hz.
pub fn voice(samples: usize, pitch: f32, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    let vowels =
        [[730.0, 1090.0, 2440.0], [270.0, 2290.0, 3010.0], [300.0, 870.0, 2240.0], [530.0, 1840.0, 2480.0]];
    let mut formants = [[0.0_f32; 2]; 3];
    let mut vowel = vowels[0];
    let (mut phase, mut syllable) = (0.0_f32, usize::MAX);
    (0..samples)
        .map(|n| {
            let seconds = n as f32 / 48_000.0;
            if n / 12_000 != syllable {
                syllable = n / 12_000;
                vowel = vowels[(random.unit() * 4.0) as usize % 4];
            }
            let wander = 1.0 + 0.12 * (TAU * 1.3 * seconds).sin() + 0.03 * (TAU * 5.1 * seconds).sin();
            phase += pitch * wander / 48_000.0;
            let pulse = if phase >= 1.0 {
                phase -= 1.0;
                1.0
            } else {
                0.0
            };
            let mut sample = pulse + 0.004 * random.signed();
            for (state, frequency) in formants.iter_mut().zip(vowel) {
                let radius = 0.985_f32;
                let filtered = 2.0 * radius * (TAU * frequency / 48_000.0).cos() * state[0]
                    - radius * radius * state[1]
                    + sample * 0.12;
                state[1] = state[0];
                state[0] = filtered;
                sample = filtered;
            }
            let loudness = 0.25 + 0.75 * (TAU * 2.0 * seconds).sin().abs();
            (sample * loudness * 8.0).clamp(-0.9, 0.9)
        })
        .collect()
}

pub fn tone(samples: usize, hertz: f32, amplitude: f32) -> Vec<f32> {
    (0..samples).map(|n| (n as f32 * TAU * hertz / 48_000.0).sin() * amplitude).collect()
}

/// Mean power in dB.
pub fn power_db(samples: &[f32]) -> f32 {
    let mean = samples.iter().map(|s| f64::from(s * s)).sum::<f64>() / samples.len() as f64;
    10.0 * mean.max(1e-20).log10() as f32
}

/// The amplitude of one frequency.
pub fn amplitude_at(samples: &[f32], hertz: f32) -> f32 {
    let (re, im) = samples.iter().enumerate().fold((0.0, 0.0), |(re, im), (n, s)| {
        let phase = n as f64 * std::f64::consts::TAU * f64::from(hertz) / 48_000.0;
        (re + f64::from(*s) * phase.cos(), im + f64::from(*s) * phase.sin())
    });
    (2.0 * f64::hypot(re, im) / samples.len() as f64) as f32
}

/// How alike two signals are at their best alignment within `lag_max`: (correlation, lag of `b`).
/// Looks at every fifth sample, which is plenty for a voice.
pub fn align(a: &[f32], b: &[f32], lag_max: usize) -> (f32, usize) {
    const STEP: usize = 5;
    let length = a.len().min(b.len() - lag_max);
    let thin = |x: &[f32]| x.iter().step_by(STEP).copied().collect::<Vec<f32>>();
    let norm = |x: &[f32]| x.iter().map(|s| s * s).sum::<f32>().sqrt();
    let a = thin(&a[..length]);
    (0..=lag_max)
        .map(|lag| {
            let b = thin(&b[lag..lag + length]);
            let product: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            (product / (norm(&a) * norm(&b)).max(1e-12), lag)
        })
        .max_by(|x, y| x.0.total_cmp(&y.0))
        .unwrap_or((0.0, 0))
}
