//! How much time packets have to spare when they are decoded.

use std::time::{Duration, Instant};

use super::baseline::Baseline;

/// One pull, in ms: the grain in which slack comes and goes.
pub(super) const PULL_MS: f64 = 10.0;

/// The earliest pull of this time is what others are compared with: a turn of a device that moves
/// 5.33 ms at once. Longer would be surer of slower rhythms, and for as long too sure of one that was
/// interrupted: the talk spurt that starts then would wait for pulls that never come early again.
const PULL_WINDOW: Duration = Duration::from_millis(100);

/// Pulls this far off have another rhythm: the device stopped, or another one took over.
const PULL_SHIFT_MS: f64 = 25.0;

/// How regularly frames are pulled. Devices do not move 10 ms at once, so pulls come early or late
/// by some milliseconds, and the early ones find packets missing.
#[derive(Debug)]
pub(super) struct PullClock {
    epoch: Instant,
    pulls: u64,
    earliest: Baseline,
    late_ms: f64,
}

impl PullClock {
    pub(super) fn new(now: Instant) -> Self {
        Self { epoch: now, pulls: 0, earliest: Baseline::new(now, PULL_WINDOW), late_ms: 0.0 }
    }

    pub(super) fn pulled(&mut self, now: Instant) {
        let elapsed_ms = now.saturating_duration_since(self.epoch).as_secs_f64() * 1e3;
        let offset = elapsed_ms - self.pulls as f64 * PULL_MS;
        self.pulls += 1;
        let shifted = self.earliest.smallest(now).is_some_and(|base| (offset - base).abs() > PULL_SHIFT_MS);
        if shifted {
            self.earliest.forget();
        }
        self.earliest.note(now, offset);
        self.late_ms = offset - self.earliest.smallest(now).unwrap_or(offset);
    }

    /// How much later the last pull came than an early one would have, in ms.
    pub(super) fn late_ms(&self) -> f64 {
        self.late_ms
    }
}

/// The slack of the last packets, in ms, had they been pulled early. The smallest counts.
#[derive(Debug, Default)]
pub(super) struct SlackWindow {
    recent: [f64; Self::PACKETS],
    count: usize,
}

impl SlackWindow {
    /// 240 ms of 20 ms packets.
    const PACKETS: usize = 12;

    pub(super) fn push(&mut self, slack_ms: f64) {
        self.recent[self.count % Self::PACKETS] = slack_ms;
        self.count += 1;
    }

    pub(super) fn is_full(&self) -> bool {
        self.count >= Self::PACKETS
    }

    pub(super) fn smallest(&self) -> Option<f64> {
        self.recent[..self.count.min(Self::PACKETS)].iter().copied().min_by(f64::total_cmp)
    }

    /// All of it changed because the voice was stretched.
    pub(super) fn shift(&mut self, change_ms: f64) {
        self.recent.iter_mut().for_each(|slack| *slack += change_ms);
    }

    pub(super) fn clear(&mut self) {
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pulls_are_compared_with_the_early_ones() {
        let start = Instant::now();
        let mut clock = PullClock::new(start);
        let mut pull = |us: u64| {
            clock.pulled(start + Duration::from_micros(us));
            clock.late_ms()
        };
        // Every 10 ms of sound, in the rhythm of a device that moves 5.333 ms at once.
        let mut latest: f64 = 0.0;
        for n in 0..100_u64 {
            latest = latest.max(pull((n * 10_000).div_ceil(5_333) * 5_333));
        }
        assert!((4.0..5.4).contains(&latest), "{latest}");
        // After a second without pulls, nothing is late.
        assert_eq!(pull(2_000_000), 0.0);
        assert_eq!(pull(2_010_000), 0.0);
    }

    #[test]
    fn an_interruption_is_not_taken_for_lateness_for_long() {
        let start = Instant::now();
        let mut clock = PullClock::new(start);
        // The device stops for 17 ms, as when another program starts to play, and goes on as before.
        for n in 0..100_u64 {
            let interruption_ms = if n < 50 { 0 } else { 17 };
            clock.pulled(start + Duration::from_millis(n * 10 + interruption_ms));
            if n >= 50 + 11 {
                assert_eq!(clock.late_ms(), 0.0, "{n}");
            }
        }
    }
}
