//! How long packets should wait: the target delay, from how late they arrive.

use std::time::{Duration, Instant};

use super::baseline::Baseline;

/// Width of a histogram bucket. Finer than NetEQ's 20 ms, because a clean network's jitter is the
/// scheduler's, a millisecond or two, and every millisecond here is heard as delay.
const BUCKET: Duration = Duration::from_millis(1);

/// Buckets; the last one also takes everything later.
const BUCKETS: usize = 500;

/// The share of packets that shall be in time. The rest is concealed.
const QUANTILE: f32 = 0.97;

/// Weight kept by the past with each packet: after 7 s of speech so little is left of a rough time
/// that the quantile no longer sees it. Less forgets sooner, more remembers rarer bursts.
const KEEP: f32 = 0.99;

/// The fastest packet of this time is what others are compared with. Long enough to hold one that
/// was not delayed, short enough to follow clock drift (100 ppm are 0.2 ms in it).
const BASE_WINDOW: Duration = Duration::from_secs(2);

/// Packets further off than this belong to another clock: a new talk spurt after a source was
/// switched, a server that restarted.
const RELATED_MAX_MS: f64 = 2_000.0;

/// Measures jitter and derives the target delay.
#[derive(Debug)]
pub(super) struct DelayEstimator {
    epoch: Instant,
    histogram: Box<[f32; BUCKETS]>,
    /// The transit times of the fastest packets.
    base: Baseline,
    last: Option<Last>,
    loss: f32,
    target_ms: f64,
    catching_up: bool,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    timestamp: i64,
    transit_ms: f64,
}

impl DelayEstimator {
    pub(super) fn new(now: Instant, initial_ms: f64) -> Self {
        let mut estimator = Self {
            epoch: now,
            histogram: Box::new([0.0; BUCKETS]),
            base: Baseline::new(now, BASE_WINDOW),
            last: None,
            loss: 0.0,
            target_ms: initial_ms,
            catching_up: false,
        };
        // What is expected before anything was seen: a light weight that a second of packets
        // outvotes.
        estimator.histogram[bucket(initial_ms)] = 0.02;
        estimator
    }

    /// Takes a packet that arrived in its talk spurt. `spurt_start` says that it is the first one.
    pub(super) fn arrived(&mut self, now: Instant, timestamp: i64, samples: usize, spurt_start: bool) {
        let transit_ms = self.transit_ms(now, timestamp);
        if let Some(last) = self.last
            && (transit_ms - last.transit_ms).abs() > RELATED_MAX_MS
        {
            self.forget_clock();
        }
        // Pre-roll: the first packets of a talk spurt were spoken before they could be sent, and
        // say nothing about the network until they have caught up.
        let packet_ms = samples as f64 / 48.0;
        let faster_than_real_time =
            self.last.is_some_and(|last| transit_ms < last.transit_ms - packet_ms / 2.0);
        let in_order = self.last.is_none_or(|last| timestamp > last.timestamp);
        self.catching_up = spurt_start || (self.catching_up && faster_than_real_time);
        if in_order {
            self.last = Some(Last { timestamp, transit_ms });
        }
        self.base.note(now, transit_ms);
        if !self.catching_up {
            let late_ms = transit_ms - self.base.smallest(now).unwrap_or(transit_ms);
            self.histogram.iter_mut().for_each(|weight| *weight *= KEEP);
            self.histogram[bucket(late_ms)] += 1.0 - KEEP;
        }
        self.target_ms = self.quantile_ms();
    }

    /// Counts a packet as lost or not, for [`Self::loss`].
    pub(super) fn played(&mut self, lost: bool) {
        self.loss += (f32::from(u8::from(lost)) - self.loss) * 0.01;
    }

    /// The recent share of lost packets, 0 to 1.
    pub(super) fn loss(&self) -> f32 {
        self.loss
    }

    /// How long the fastest packet should wait, in ms, so that nearly all others are in time.
    pub(super) fn target_ms(&self) -> f64 {
        self.target_ms
    }

    /// How long the fastest packet waits if the sample of `timestamp` is played at `now`, in ms.
    pub(super) fn delay_ms(&self, now: Instant, timestamp: i64) -> Option<f64> {
        let base = self.base.smallest(now)?;
        Some(self.transit_ms(now, timestamp) - base)
    }

    /// Another source took over: its timestamps may come by another route.
    pub(super) fn forget_clock(&mut self) {
        self.base.forget();
        self.last = None;
    }

    fn transit_ms(&self, now: Instant, timestamp: i64) -> f64 {
        let elapsed = now.saturating_duration_since(self.epoch).as_secs_f64() * 1e3;
        elapsed - timestamp as f64 / 48.0
    }

    fn quantile_ms(&self) -> f64 {
        let total: f32 = self.histogram.iter().sum();
        let mut below = 0.0;
        for (index, weight) in self.histogram.iter().enumerate() {
            below += weight;
            if below >= total * QUANTILE {
                return (index + 1) as f64 * BUCKET.as_secs_f64() * 1e3;
            }
        }
        BUCKETS as f64 * BUCKET.as_secs_f64() * 1e3
    }
}

fn bucket(late_ms: f64) -> usize {
    // A float cast saturates at both ends.
    ((late_ms / (BUCKET.as_secs_f64() * 1e3)) as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(jitter_ms: impl Fn(i64) -> u64, packets: i64) -> DelayEstimator {
        let start = Instant::now();
        let mut estimator = DelayEstimator::new(start, 10.0);
        for n in 0..packets {
            let now = start + Duration::from_millis(n as u64 * 20 + jitter_ms(n));
            estimator.arrived(now, n * 960, 960, n == 0);
        }
        estimator
    }

    #[test]
    fn a_clean_network_needs_one_bucket() {
        assert_eq!(run(|_| 5, 500).target_ms(), 1.0);
    }

    #[test]
    fn the_target_covers_the_usual_jitter() {
        // Every tenth packet is 40 ms late: more than 3 % of them.
        let target = run(|n| if n % 10 == 0 { 40 } else { 0 }, 500).target_ms();
        assert!((40.0..=42.0).contains(&target), "{target}");
        // Every hundredth: not worth making all others wait.
        let target = run(|n| if n % 100 == 0 { 40 } else { 0 }, 1000).target_ms();
        assert_eq!(target, 1.0);
    }

    #[test]
    fn pre_roll_is_no_jitter() {
        let start = Instant::now();
        let mut estimator = DelayEstimator::new(start, 10.0);
        for n in 0..1000_i64 {
            // Spurts of ten packets, whose first two come with the third.
            let in_spurt = n % 10;
            let late = if in_spurt < 2 { (2 - in_spurt) * 20 } else { 0 };
            let now = start + Duration::from_millis((n * 20 + late) as u64);
            estimator.arrived(now, n * 960, 960, in_spurt == 0);
        }
        assert_eq!(estimator.target_ms(), 1.0);
    }
}
