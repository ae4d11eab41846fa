//! The smallest of recent values.

use std::time::{Duration, Instant};

/// Slices of time in a window, each with its smallest value.
const SLICES: usize = 40;

/// The smallest value of a sliding window of time, in ms.
#[derive(Debug)]
pub(super) struct Baseline {
    epoch: Instant,
    window: Duration,
    /// Number of a slice and the smallest value in it.
    slices: [(u64, f64); SLICES],
}

impl Baseline {
    pub(super) fn new(now: Instant, window: Duration) -> Self {
        Self { epoch: now, window, slices: [(0, f64::INFINITY); SLICES] }
    }

    pub(super) fn note(&mut self, now: Instant, value_ms: f64) {
        let number = self.slice(now);
        let slice = &mut self.slices[(number % SLICES as u64) as usize];
        if slice.0 != number || value_ms < slice.1 {
            *slice = (number, value_ms);
        }
    }

    /// The smallest value of the window; of what is left from before it, if nothing is newer.
    pub(super) fn smallest(&self, now: Instant) -> Option<f64> {
        let oldest = self.slice(now).saturating_sub(SLICES as u64);
        let recent = self.slices.iter().filter(|slice| slice.0 >= oldest);
        smallest(recent).or_else(|| smallest(self.slices.iter()))
    }

    pub(super) fn forget(&mut self) {
        self.slices = [(0, f64::INFINITY); SLICES];
    }

    fn slice(&self, now: Instant) -> u64 {
        let width = self.window.as_micros() as u64 / SLICES as u64;
        now.saturating_duration_since(self.epoch).as_micros() as u64 / width.max(1)
    }
}

fn smallest<'a>(slices: impl Iterator<Item = &'a (u64, f64)>) -> Option<f64> {
    slices.map(|slice| slice.1).min_by(f64::total_cmp).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_values_are_forgotten_unless_nothing_is_newer() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut baseline = Baseline::new(start, Duration::from_secs(2));
        assert_eq!(baseline.smallest(start), None);
        baseline.note(at(0), 1.0);
        baseline.note(at(1_000), 3.0);
        assert_eq!(baseline.smallest(at(1_900)), Some(1.0));
        assert_eq!(baseline.smallest(at(2_500)), Some(3.0));
        assert_eq!(baseline.smallest(at(60_000)), Some(1.0));
    }
}
