//! Whether all of what was said is in what was heard: the two are laid over each other by dynamic time
//! warping of their spectra, since a jitter buffer may say it a little faster or slower, and what has
//! no likeness at its place is missing.

use crate::wav::RATE_HZ;
use realfft::RealFftPlanner;

/// Samples of one spectrum, 21 ms.
const WINDOW: usize = 1024;

/// Samples from one spectrum to the next: 5 ms.
const HOP: usize = RATE_HZ as usize / 200;

/// Bands of a spectrum, evenly spaced in pitch between these.
const BANDS: usize = 14;
const LOWEST_HZ: f32 = 150.0;
const HIGHEST_HZ: f32 = 4_500.0;

/// What is this much weaker than the strongest band of what was said is silence.
const RANGE_DB: f32 = 45.0;

/// What is left of speech that a codec carried is this like it at its place, in dB over all bands: a third
/// of that as a rule. Silence in place of it is 15 and more away.
const ALIKE_DB: f32 = 10.0;

/// Spectra that begin and end what was said: 40 ms.
const EDGE: usize = 8;

/// Spectra of a stretch in the middle: 100 ms, as much as a syllable and less than most.
const STRETCH: usize = 20;

type Spectrum = [f32; BANDS];

/// How unlike what was heard is to what was said, in dB: its first 40 ms, its last, and the
/// worst of the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness {
    /// The beginning.
    pub head_db: f32,
    /// The 100 ms between beginning and end that are least alike.
    pub middle_db: f32,
    /// The end.
    pub tail_db: f32,
}

impl Likeness {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_whole(self) -> bool {
        [self.head_db, self.middle_db, self.tail_db].iter().all(|distance| *distance < ALIKE_DB)
    }
}

/// Lays what was said, from its first sound to its last, over what was heard.
///
/// # Panics
/// When less than a tenth of a second was said.
#[must_use]
pub fn align(said: &[f32], heard: &[f32]) -> Likeness {
    let (said, heard) = (spectra(said), spectra(heard));
    let peak = said.iter().flatten().copied().fold(f32::MIN, f32::max);
    let floor = |spectra: Vec<Spectrum>| -> Vec<Spectrum> {
        spectra.iter().map(|spectrum| spectrum.map(|band| band.max(peak - RANGE_DB))).collect()
    };
    let (said, heard) = (floor(said), floor(heard));
    let sounding = |spectrum: &Spectrum| spectrum.iter().any(|band| *band > peak - RANGE_DB / 2.0);
    let first = said.iter().position(sounding).expect("something was said");
    let last = said.iter().rposition(sounding).expect("something was said");
    let distances = distances_along_path(&said[first..=last], &heard);
    assert!(distances.len() > 2 * EDGE, "too little was said");
    let (head, rest) = distances.split_at(EDGE);
    let (middle, tail) = rest.split_at(rest.len() - EDGE);
    let mean = |part: &[f32]| part.iter().sum::<f32>() / part.len() as f32;
    let stretches = middle.windows(STRETCH.min(middle.len())).map(mean);
    Likeness { head_db: mean(head), middle_db: stretches.fold(0.0, f32::max), tail_db: mean(tail) }
}

/// Band energies in dB, every [`HOP`].
fn spectra(samples: &[f32]) -> Vec<Spectrum> {
    let forward = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
    let mut bins = forward.make_output_vec();
    let edge = |n: usize| {
        let hertz = LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ).powf(n as f32 / BANDS as f32);
        (hertz * WINDOW as f32 / RATE_HZ as f32).round() as usize
    };
    samples
        .windows(WINDOW)
        .step_by(HOP)
        .map(|part| {
            let hann = |n: usize| {
                let turn = std::f32::consts::TAU * n as f32 / WINDOW as f32;
                0.5 - 0.5 * turn.cos()
            };
            let mut windowed: Vec<f32> =
                part.iter().enumerate().map(|(n, sample)| sample * hann(n)).collect();
            forward.process(&mut windowed, &mut bins).expect("the lengths fit");
            std::array::from_fn(|band| {
                let range = edge(band)..edge(band + 1).max(edge(band) + 1);
                let power: f32 = bins[range.clone()].iter().map(|bin| bin.norm_sqr()).sum();
                10.0 * (power / range.len() as f32).max(1e-12).log10()
            })
        })
        .collect()
}

fn distance(a: &Spectrum, b: &Spectrum) -> f32 {
    let squares: f32 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    (squares / BANDS as f32).sqrt()
}

/// The best path begins and ends anywhere in what was heard, at between half and twice the speed.
/// Returns how unlike each spectrum that was said is to its place on it.
fn distances_along_path(said: &[Spectrum], heard: &[Spectrum]) -> Vec<f32> {
    /// The steps that end at a place: how far back it was in both.
    const STEPS: [(usize, usize); 3] = [(1, 1), (1, 2), (2, 1)];
    let cost: Vec<Vec<f32>> = said.iter().map(|a| heard.iter().map(|b| distance(a, b)).collect()).collect();
    // Of a step over two that were said, both are compared with the place where it ends.
    let step_cost = |s: usize, h: usize, back: usize| -> f32 { (0..back).map(|n| cost[s - n][h]).sum() };
    let mut total = vec![vec![f32::INFINITY; heard.len()]; said.len()];
    let mut came_by = vec![vec![0; heard.len()]; said.len()];
    total[0].clone_from(&cost[0]);
    for s in 1..said.len() {
        for h in 1..heard.len() {
            for (number, (back_s, back_h)) in STEPS.into_iter().enumerate() {
                if s < back_s || h < back_h {
                    continue;
                }
                let sum = total[s - back_s][h - back_h] + step_cost(s, h, back_s);
                if sum < total[s][h] {
                    total[s][h] = sum;
                    came_by[s][h] = number;
                }
            }
        }
    }
    let mut s = said.len() - 1;
    let end = total[s].iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
    let mut h = end.expect("something was heard").0;
    let mut distances = vec![f32::INFINITY; said.len()];
    distances[s] = cost[s][h];
    while s > 0 {
        let (back_s, back_h) = STEPS[came_by[s][h]];
        (0..back_s).for_each(|n| distances[s - n] = cost[s - n][h]);
        if s < back_s || h < back_h {
            break;
        }
        (s, h) = (s - back_s, h - back_h);
        distances[s] = cost[s][h];
    }
    distances
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: usize = RATE_HZ as usize / 1000;

    /// Sounds of 50 ms that differ in pitch and timbre, between silences.
    fn said() -> Vec<f32> {
        let mut samples = vec![0.0; 200 * MS];
        for syllable in 0..10_u16 {
            let hertz = 180.0 + 37.0 * f32::from(syllable * 3 % 10);
            let formant = 400.0 + 350.0 * f32::from(syllable * 7 % 10);
            samples.extend((0..50 * MS).map(|n| {
                let t = n as f32 / RATE_HZ as f32;
                let voice = (std::f32::consts::TAU * hertz * t).sin();
                0.1 * voice + 0.1 * (std::f32::consts::TAU * formant * t).sin()
            }));
        }
        samples.extend(vec![0.0; 200 * MS]);
        samples
    }

    fn without(samples: &[f32], from_ms: usize, to_ms: usize) -> Vec<f32> {
        [&samples[..from_ms * MS], &samples[to_ms * MS..]].concat()
    }

    #[test]
    fn what_is_only_late_or_louder_is_whole() {
        let late: Vec<f32> = [vec![0.0; 123 * MS], said()].concat();
        let louder = late.iter().map(|sample| sample * 1.1).collect();
        for heard in [late, louder] {
            let likeness = align(&said(), &heard);
            assert!(likeness.is_whole(), "{likeness:?}");
        }
    }

    #[test]
    fn a_third_faster_is_whole() {
        // Of each 40 ms, 10 are left out.
        let mut faster = said();
        for cut in (0..12).rev() {
            faster = without(&faster, 200 + cut * 40, 210 + cut * 40);
        }
        let likeness = align(&said(), &faster);
        assert!(likeness.is_whole(), "{likeness:?}");
    }

    #[test]
    fn what_is_missing_is_seen_wherever_it_is() {
        let mut clipped_head = said();
        clipped_head[..240 * MS].fill(0.0);
        let mut clipped_tail = said();
        clipped_tail[660 * MS..].fill(0.0);
        let mut hole = said();
        hole[400 * MS..600 * MS].fill(0.0);
        let likeness = [clipped_head, clipped_tail, hole].map(|heard| align(&said(), &heard));
        let [head, tail, hole] = likeness;
        assert!(head.head_db > ALIKE_DB && head.middle_db < ALIKE_DB, "{head:?}");
        assert!(tail.tail_db > ALIKE_DB && tail.middle_db < ALIKE_DB, "{tail:?}");
        assert!(hole.middle_db > ALIKE_DB && hole.head_db < ALIKE_DB, "{hole:?}");
        assert!(!align(&said(), &vec![0.0; 1000 * MS]).is_whole());
    }
}
