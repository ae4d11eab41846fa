//! Loudness as people hear it, after ITU-R BS.1770-5: power behind a filter that weighs frequencies
//! like a head and an ear do.

/// What BS.1770 adds so that a 997 Hz sine at 0 dBFS has −3.01 LUFS, in dB.
const OFFSET_DB: f64 = -0.691;

/// What is quieter than this is no part of a programme, in LUFS.
const ABSOLUTE_GATE_LUFS: f64 = -70.0;

/// What is this much quieter than the whole is a pause in it, as a factor of power: 10 LU.
const RELATIVE_GATE: f64 = 0.1;

/// Samples from one gating block to the next: 100 ms.
const STEP: usize = 4_800;

/// Steps in a gating block: 400 ms.
const STEPS: usize = 4;

/// The K-weighting filter at 48 kHz, a stream at a time.
#[derive(Debug, Clone, Default)]
pub(crate) struct KWeighting {
    head: Biquad,
    low_cut: Biquad,
}

impl KWeighting {
    /// Filters the next samples and returns the sum of their squares.
    pub(crate) fn energy(&mut self, samples: &[f32]) -> f64 {
        // BS.1770-5, annex 1, tables 1 and 2: the coefficients for 48 kHz.
        const HEAD: Coefficients = Coefficients {
            forward: [1.535_124_859_586_97, -2.691_696_189_406_38, 1.198_392_810_852_85],
            backward: [-1.690_659_293_182_41, 0.732_480_774_215_85],
        };
        const LOW_CUT: Coefficients = Coefficients {
            forward: [1.0, -2.0, 1.0],
            backward: [-1.990_047_454_833_98, 0.990_072_250_366_21],
        };
        samples
            .iter()
            .map(|sample| {
                let weighted = self.low_cut.next(&LOW_CUT, self.head.next(&HEAD, f64::from(*sample)));
                weighted * weighted
            })
            .sum()
    }
}

struct Coefficients {
    forward: [f64; 3],
    backward: [f64; 2],
}

/// A second-order filter in transposed form, which needs two values of memory.
#[derive(Debug, Clone, Default)]
struct Biquad([f64; 2]);

impl Biquad {
    fn next(&mut self, by: &Coefficients, input: f64) -> f64 {
        let output = by.forward[0] * input + self.0[0];
        let state = by.forward[1] * input - by.backward[0] * output + self.0[1];
        // Silence shall not fade through denormal numbers, which are slow.
        self.0[0] = if state.abs() < 1e-30 { 0.0 } else { state };
        self.0[1] = by.forward[2] * input - by.backward[1] * output;
        output
    }
}

/// A mean square behind [`KWeighting`] in LUFS; far below anything audible for silence.
pub(crate) fn lufs(mean_square: f64) -> f64 {
    OFFSET_DB + 10.0 * mean_square.max(1e-20).log10()
}

/// The mean square behind [`KWeighting`] that has this loudness.
pub(crate) fn mean_square(lufs: f64) -> f64 {
    10.0_f64.powf((lufs - OFFSET_DB) / 10.0)
}

/// The integrated loudness of a whole recording in LUFS, its pauses left out as BS.1770 says; none
/// if it is shorter than 400 ms or nothing is to be heard in it.
#[must_use]
pub fn integrated_lufs(samples: &[f32]) -> Option<f64> {
    let mut weighting = KWeighting::default();
    let steps: Vec<f64> = samples.chunks_exact(STEP).map(|step| weighting.energy(step)).collect();
    let block = |steps: &[f64]| steps.iter().sum::<f64>() / (STEPS * STEP) as f64;
    let blocks: Vec<f64> = steps.windows(STEPS).map(block).collect();
    let above = |gate: f64| mean(blocks.iter().copied().filter(|block| *block > gate));
    let whole = above(mean_square(ABSOLUTE_GATE_LUFS))?;
    above(whole * RELATIVE_GATE).map(lufs)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f32, amplitude: f32, seconds: usize) -> Vec<f32> {
        let step = std::f32::consts::TAU * hertz / 48_000.0;
        (0..seconds * 48_000).map(|n| (n as f32 * step).sin() * amplitude).collect()
    }

    #[test]
    fn known_tones_have_the_loudness_that_the_recommendation_gives_them() {
        // The third follows from the low cut's analogue model, (f/f₀)² / ((f/f₀)² + 1) at 38 Hz; the
        // last from the 4 dB that a head adds to high sounds.
        for (hertz, amplitude, wanted) in
            [(997.0, 1.0, -3.01), (1_000.0, 0.1, -23.0), (100.0, 0.1, -24.87), (10_000.0, 0.1, -19.7)]
        {
            let measured = integrated_lufs(&tone(hertz, amplitude, 3)).unwrap();
            assert!((measured - wanted).abs() < 0.1, "{hertz} Hz: {measured:.2} LUFS for {wanted}");
        }
    }

    #[test]
    fn pauses_do_not_count() {
        let mut speech = tone(1_000.0, 0.1, 5);
        let whole = integrated_lufs(&speech).unwrap();
        speech.extend(vec![0.0; 20 * 48_000]);
        speech.extend(tone(1_000.0, 0.001, 20));
        assert!((integrated_lufs(&speech).unwrap() - whole).abs() < 0.2);
        assert_eq!(integrated_lufs(&vec![0.0; 480_000]), None);
        assert_eq!(integrated_lufs(&[]), None);
    }
}
