//! What became of sound on its way: when it arrived, how loud, and whose it was.

use crate::wav::RATE_HZ;
use realfft::RealFftPlanner;

/// Below this a track is silent: well under the faintest speech, above dither and rounding.
pub const SILENCE_DBFS: f32 = -70.0;

/// Where a reference was found in a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Samples from the recording's start to the reference's.
    pub delay: isize,
    /// Likeness of the two there: 1 for identical up to loudness, 0 for unrelated.
    pub correlation: f32,
}

/// Level of a track in dBFS (RMS); -200 for nothing at all.
pub fn level_dbfs(samples: &[f32]) -> f32 {
    let energy = samples.iter().map(|sample| f64::from(sample * sample)).sum::<f64>();
    let mean = energy / samples.len().max(1) as f64;
    (10.0 * mean.log10()).max(-200.0) as f32
}

/// Whether there is nothing to be heard.
pub fn is_silent(samples: &[f32]) -> bool {
    level_dbfs(samples) < SILENCE_DBFS
}

/// Finds the reference in the recording, wherever it is, by cross-correlation.
pub fn find(reference: &[f32], recorded: &[f32]) -> Found {
    let products = cross_correlation(reference, recorded);
    let (best, _) = products
        .iter()
        .enumerate()
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
        .expect("the recording is not empty");
    // The second half of a circular correlation holds the negative delays.
    let delay =
        if best < products.len() / 2 { best as isize } else { best as isize - products.len() as isize };
    let (reference, recorded) = overlap(reference, recorded, delay);
    let scale = (dot(reference, reference) * dot(recorded, recorded)).sqrt();
    let correlation = if scale > 0.0 { dot(reference, recorded) / scale } else { 0.0 };
    Found { delay, correlation: correlation as f32 }
}

/// The reference's delay in each window of it that has sound: the delay of a call differs from
/// moment to moment, because jitter buffers adapt.
///
/// Windows whose sound is not found with a likeness of at least 0.5 are left out.
pub fn delays_ms(reference: &[f32], recorded: &[f32]) -> Vec<f32> {
    let window = RATE_HZ as usize / 2;
    let search = RATE_HZ as usize;
    let loudest = reference.chunks(window).map(level_dbfs).fold(f32::MIN, f32::max);
    let mut delays = Vec::new();
    for (number, part) in reference.chunks_exact(window).enumerate() {
        let start = number * window;
        let end = recorded.len().min(start + window + search);
        if level_dbfs(part) < loudest - 15.0 || start >= end {
            continue;
        }
        let found = find(part, &recorded[start..end]);
        if found.correlation >= 0.5 && found.delay >= 0 {
            delays.push(found.delay as f32 * 1000.0 / RATE_HZ as f32);
        }
    }
    delays
}

/// The middle value; none of nothing.
pub fn median(values: &[f32]) -> Option<f32> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    (!sorted.is_empty()).then(|| sorted[sorted.len() / 2])
}

/// How loud each of several references is in a recording of them all: 1 is as loud as it was,
/// 0 is absent.
///
/// Each reference is looked for by itself, because their delays differ, and in windows, because a
/// delay changes while a jitter buffer adapts; of the windows in which somebody speaks, the middle
/// gain counts.
pub fn gains(references: &[&[f32]], recorded: &[f32]) -> Vec<f32> {
    let window = RATE_HZ as usize / 2;
    let mut found: Vec<Vec<f32>> = vec![Vec::new(); references.len()];
    let delays: Vec<isize> = references.iter().map(|reference| find(reference, recorded).delay).collect();
    for start in (0..recorded.len()).step_by(window) {
        let heard = &recorded[start..recorded.len().min(start + window)];
        let parts: Vec<Vec<f32>> = references
            .iter()
            .zip(&delays)
            .map(|(reference, delay)| nearby(reference, heard, start as isize - delay))
            .collect();
        for (gain, (gains, (part, reference))) in
            window_gains(&parts, heard).into_iter().zip(found.iter_mut().zip(parts.iter().zip(references)))
        {
            if level_dbfs(part) > level_dbfs(reference) - 6.0 {
                gains.push(gain);
            }
        }
    }
    found.iter().map(|gains| median(gains).unwrap_or(0.0)).collect()
}

/// The part of the reference that is most like what was heard, near the place where it should be.
fn nearby(reference: &[f32], heard: &[f32], from: isize) -> Vec<f32> {
    let reach = RATE_HZ as isize / 10;
    let wide = shift(reference, reach - from, heard.len() + 2 * reach as usize);
    // The other way round: the short piece that was heard is looked for in the reference.
    let at = find(heard, &wide).delay.clamp(0, 2 * reach) as usize;
    wide[at..at + heard.len()].to_vec()
}

/// Least squares: what one voice has in common with another is counted once.
fn window_gains(parts: &[Vec<f32>], heard: &[f32]) -> Vec<f32> {
    let row = |part: &Vec<f32>| {
        let with_each = parts.iter().map(|other| dot(part, other));
        with_each.chain([dot(part, heard)]).collect()
    };
    solve(parts.iter().map(row).collect()).into_iter().map(|gain| gain as f32).collect()
}

/// The parts of both that lie over each other when the reference is moved by `delay`.
pub fn overlap<'a>(reference: &'a [f32], recorded: &'a [f32], delay: isize) -> (&'a [f32], &'a [f32]) {
    let skip_recorded = delay.max(0) as usize;
    let skip_reference = (-delay).max(0) as usize;
    let reference = reference.get(skip_reference..).unwrap_or_default();
    let recorded = recorded.get(skip_recorded..).unwrap_or_default();
    let length = reference.len().min(recorded.len());
    (&reference[..length], &recorded[..length])
}

fn shift(samples: &[f32], delay: isize, length: usize) -> Vec<f32> {
    (0..length as isize)
        .map(|n| usize::try_from(n - delay).ok().and_then(|n| samples.get(n)).copied().unwrap_or(0.0))
        .collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn cross_correlation(reference: &[f32], recorded: &[f32]) -> Vec<f32> {
    let length = (reference.len() + recorded.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let forward = planner.plan_fft_forward(length);
    let spectrum_of = |samples: &[f32]| {
        let mut padded = samples.to_vec();
        padded.resize(length, 0.0);
        let mut spectrum = forward.make_output_vec();
        forward.process(&mut padded, &mut spectrum).expect("the lengths fit");
        spectrum
    };
    let mut product = spectrum_of(recorded);
    for (value, reference) in product.iter_mut().zip(spectrum_of(reference)) {
        *value *= reference.conj();
    }
    let inverse = planner.plan_fft_inverse(length);
    let mut output = inverse.make_output_vec();
    inverse.process(&mut product, &mut output).expect("the lengths fit");
    output
}

/// Solves linear equations, the right side in each row's last column, by Gauss-Jordan elimination.
/// What cannot be told is 0.
fn solve(mut rows: Vec<Vec<f64>>) -> Vec<f64> {
    for pivot in 0..rows.len() {
        let base = rows[pivot].clone();
        if base[pivot] == 0.0 {
            continue;
        }
        for (_, row) in rows.iter_mut().enumerate().filter(|(number, _)| *number != pivot) {
            let factor = row[pivot] / base[pivot];
            row.iter_mut().zip(&base).for_each(|(value, base)| *value -= factor * base);
        }
    }
    let value = |(n, row): (usize, &Vec<f64>)| if row[n] == 0.0 { 0.0 } else { row[rows.len()] / row[n] };
    rows.iter().enumerate().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise that is the same in every run (a linear congruential generator).
    fn noise(seed: u32, length: usize) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..length).map(|_| next()).collect()
    }

    fn mix(parts: &[(&[f32], isize, f32)], length: usize) -> Vec<f32> {
        let mut sum = vec![0.0; length];
        for (samples, delay, gain) in parts {
            sum.iter_mut().zip(shift(samples, *delay, length)).for_each(|(sum, x)| *sum += gain * x);
        }
        sum
    }

    #[test]
    fn a_known_delay_is_found_under_noise() {
        let reference = noise(1, 48_000);
        let other = noise(2, 96_000);
        for delay in [0, 1234, -777, 40_000] {
            let recorded = mix(&[(&reference, delay, 0.5), (&other, 0, 0.2)], 96_000);
            let found = find(&reference, &recorded);
            assert_eq!(found.delay, delay);
            assert!(found.correlation > 0.9, "{found:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_like_it() {
        assert!(find(&noise(1, 48_000), &noise(2, 96_000)).correlation < 0.05);
        assert_eq!(find(&noise(1, 48_000), &[0.0; 96_000]).correlation, 0.0);
    }

    #[test]
    fn gains_are_told_apart() {
        let voices = [noise(1, 40_000), noise(2, 48_000), noise(3, 48_000)];
        let recorded =
            mix(&[(&voices[0], 100, 2.0), (&voices[1], 5000, 1.0), (&noise(9, 96_000), 0, 0.1)], 96_000);
        let gains = gains(&voices.each_ref().map(Vec::as_slice), &recorded);
        for (gain, wanted) in gains.iter().zip([2.0, 1.0, 0.0]) {
            assert!((gain - wanted).abs() < 0.05, "{gains:?}");
        }
    }

    #[test]
    fn delays_follow_a_delay_that_changes() {
        let reference = noise(1, 96_000);
        let mut recorded = mix(&[(&reference[..48_000], 960, 1.0)], 100_000);
        recorded.iter_mut().zip(mix(&[(&noise(1, 96_000)[48_000..], 48_000 + 1920, 1.0)], 100_000)).for_each(
            |(sum, x)| {
                *sum += x;
            },
        );
        assert_eq!(delays_ms(&reference, &recorded), [20.0, 20.0, 40.0, 40.0]);
    }

    #[test]
    fn levels_are_those_of_the_field() {
        assert_eq!(level_dbfs(&[0.0; 10]), -200.0);
        assert_eq!(level_dbfs(&[1.0, -1.0]), 0.0);
        assert!((level_dbfs(&[0.1; 10]) + 20.0).abs() < 0.001);
    }
}
