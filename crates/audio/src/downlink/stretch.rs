//! Time-stretching by whole pitch periods (WSOLA): a voice gets shorter or longer without
//! changing its pitch.

/// The shortest pitch period that is looked for: 2.5 ms, 400 Hz.
const PERIOD_MIN: usize = 120;

/// The longest: 15 ms, 67 Hz.
pub(super) const PERIOD_MAX: usize = 720;

/// How alike two neighbouring periods must be, as a correlation, so that leaving one out or
/// repeating it is not heard.
const LIKENESS_MIN: f32 = 0.7;

/// Below this power (−60 dBFS) anything may be cut anywhere.
const SILENT_POWER: f32 = 1e-6;

/// Every how many samples the search looks: 12 kHz is enough to find a pitch.
const STEP: usize = 4;

/// Removes one pitch period of at most `removed_max` samples from the start. Returns how many
/// samples were removed, 0 if the voice does not allow it now.
pub(super) fn accelerate(samples: &mut Vec<f32>, removed_max: usize) -> usize {
    let longest = (samples.len() / 2).min(removed_max).min(PERIOD_MAX);
    let Some(period) = pitch_period(samples, longest) else { return 0 };
    // [a b rest] → [a faded into b, rest]
    for n in 0..period {
        let weight = n as f32 / period as f32;
        samples[n + period] = samples[n] * (1.0 - weight) + samples[n + period] * weight;
    }
    samples.drain(..period);
    period
}

/// Repeats one pitch period at the start. Returns how many samples were added, 0 if the voice does
/// not allow it now. Does not allocate if the vector has room for half as many samples again.
pub(super) fn expand(samples: &mut Vec<f32>) -> usize {
    let longest = (samples.len() / 2).min(PERIOD_MAX);
    let Some(period) = pitch_period(samples, longest) else { return 0 };
    // [a b rest] → [a, b faded into a, b rest]
    let length = samples.len();
    samples.resize(length + period, 0.0);
    samples.copy_within(period..length, 2 * period);
    // The second period of the result is still `b`; fade it into `a`.
    for n in 0..period {
        let weight = n as f32 / period as f32;
        samples[period + n] = samples[period + n] * (1.0 - weight) + samples[n] * weight;
    }
    period
}

/// The lag at which the start of `samples` is most like what follows it.
fn pitch_period(samples: &[f32], longest: usize) -> Option<usize> {
    if longest < PERIOD_MIN {
        return None;
    }
    let power = |part: &[f32]| part.iter().step_by(STEP).map(|s| s * s).sum::<f32>();
    let window = longest;
    let head = &samples[..window];
    let head_power = power(head);
    let counted = window.div_ceil(STEP) as f32;
    if head_power / counted < SILENT_POWER && power(&samples[window..2 * window]) / counted < SILENT_POWER {
        return Some(longest);
    }
    let likeness = |lag: usize| {
        let other = &samples[lag..lag + window];
        let product: f32 =
            head.iter().step_by(STEP).zip(other.iter().step_by(STEP)).map(|(a, b)| a * b).sum();
        product / (head_power * power(other)).sqrt().max(f32::MIN_POSITIVE)
    };
    let best = |lags: &mut dyn Iterator<Item = usize>| {
        lags.map(|lag| (lag, likeness(lag))).max_by(|a, b| a.1.total_cmp(&b.1))
    };
    let (coarse, _) = best(&mut (PERIOD_MIN..=longest).step_by(STEP))?;
    let around = coarse.saturating_sub(STEP - 1).max(PERIOD_MIN)..=(coarse + STEP - 1).min(longest);
    let (lag, likeness) = best(&mut around.into_iter())?;
    (likeness >= LIKENESS_MIN).then_some(lag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voiced(samples: usize) -> Vec<f32> {
        // 150 Hz with harmonics: a period of 320 samples.
        (0..samples)
            .map(|n| {
                let phase = n as f32 * std::f32::consts::TAU / 320.0;
                0.3 * phase.sin() + 0.2 * (2.0 * phase).sin() + 0.1 * (5.0 * phase).cos()
            })
            .collect()
    }

    fn roughness(samples: &[f32]) -> f32 {
        samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn whole_periods_come_and_go_without_a_click() {
        let original = voiced(1920);
        let mut shorter = original.clone();
        assert_eq!(accelerate(&mut shorter, 720) % 320, 0);
        assert!(shorter.len() < original.len());
        let mut longer = original.clone();
        assert_eq!(expand(&mut longer) % 320, 0);
        assert!(longer.len() > original.len());
        for stretched in [&shorter, &longer] {
            assert!(roughness(stretched) < roughness(&original) * 1.05);
            // A periodic signal stays the very same, only its length changes.
            for (a, b) in stretched.iter().zip(&original) {
                assert!((a - b).abs() < 1e-3, "{a} {b}");
            }
        }
    }

    #[test]
    fn noise_is_left_alone_and_silence_is_free() {
        let mut seed = 1_u32;
        let noise: Vec<f32> = (0..1920)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect();
        assert_eq!(accelerate(&mut noise.clone(), 720), 0);
        assert_eq!(expand(&mut noise.clone()), 0);
        assert_eq!(accelerate(&mut vec![0.0; 1920], 720), 720);
        assert_eq!(accelerate(&mut vec![0.0; 1920], 300), 300);
        assert_eq!(accelerate(&mut vec![0.0; 200], 720), 0, "too little to look at");
    }
}
