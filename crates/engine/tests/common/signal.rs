//! Test signals, and how much of one is in what was heard.

use std::f32::consts::TAU;

/// Samples per second.
const RATE: f32 = 48_000.0;

/// A tone of this pitch.
pub fn tone(hertz: f32, samples: usize) -> Vec<f32> {
    (0..samples).map(|n| (TAU * hertz * n as f32 / RATE).sin() * 0.2).collect()
}

/// A sweep through the voice band, which looks like itself at no other place.
pub fn sweep(samples: usize) -> Vec<f32> {
    let mut phase = 0.0_f32;
    (0..samples)
        .map(|n| {
            let hertz = 200.0 + 2_800.0 * n as f32 / samples as f32;
            phase = (phase + TAU * hertz / RATE) % TAU;
            phase.sin() * 0.3
        })
        .collect()
}

/// A hiss, which looks like itself at no other place, and of which a jitter buffer cannot cut anything
/// out, since it has no pitch.
pub fn hiss(samples: usize) -> Vec<f32> {
    let (mut state, mut smooth) = (1_u32, 0.0_f32);
    (0..samples)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
            smooth += 0.05 * (noise - smooth);
            2.0 * smooth
        })
        .collect()
}

/// The amplitude of a tone in what was heard: the median over windows of 20 ms, so that neither a
/// codec's phase nor a stretch lost on a busy machine changes it.
pub fn amplitude(heard: &[f32], hertz: f32) -> f32 {
    let of_window = |part: &[f32]| {
        let (mut re, mut im) = (0.0_f32, 0.0_f32);
        for (n, sample) in part.iter().enumerate() {
            let angle = TAU * hertz * n as f32 / RATE;
            re += sample * angle.cos();
            im += sample * angle.sin();
        }
        2.0 * re.hypot(im) / part.len() as f32
    };
    let mut amplitudes: Vec<f32> = heard.chunks_exact(960).map(of_window).collect();
    amplitudes.sort_by(f32::total_cmp);
    amplitudes.get(amplitudes.len() / 2).copied().unwrap_or(0.0)
}

/// How alike what was said and what was heard are, 0 to 1: the median over stretches of 100 ms, each
/// where it fits best, so that a jitter buffer may stretch the time between them.
pub fn likeness(said: &[f32], heard: &[f32]) -> f32 {
    let (said, heard) = (decimate(said), decimate(heard));
    let mut fits: Vec<f32> = said
        .chunks_exact((RATE as usize / DECIMATION) / 10)
        .map(|stretch| {
            heard.windows(stretch.len()).map(|part| correlation(stretch, part)).fold(0.0, f32::max)
        })
        .collect();
    fits.sort_by(f32::total_cmp);
    fits.get(fits.len() / 2).copied().unwrap_or(0.0)
}

/// Signals here end at 3 kHz, so a quarter of the samples says as much in a fraction of the time.
const DECIMATION: usize = 4;

fn decimate(samples: &[f32]) -> Vec<f32> {
    samples.chunks_exact(DECIMATION).map(|part| part.iter().sum::<f32>() / DECIMATION as f32).collect()
}

fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let (mut product, mut power_a, mut power_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        product += a * b;
        power_a += a * a;
        power_b += b * b;
    }
    let scale = f32::sqrt(power_a * power_b);
    if scale > 0.0 { product / scale } else { 0.0 }
}
