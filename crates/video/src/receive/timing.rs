//! When a frame is to be seen: on the sender's clock, as late as most frames come, and together
//! with the sound of the same moment.

use super::clock::{NtpTime, Playout, after};
use crate::CLOCK_HZ;
use std::time::{Duration, Instant};

/// Width of a histogram bucket: a third of what an eye could tell.
const BUCKET_MS: f64 = 5.0;

/// Buckets; the last one also takes everything later. No frame waits longer for others.
const BUCKETS: usize = 100;

/// The share of frames that shall be in time. The rest is seen late, which looks like a short halt.
const QUANTILE: f32 = 0.95;

/// Weight kept by the past with each frame: at 30 frames a second, half of it is 2.3 s old.
const KEEP: f32 = 0.99;

/// The fastest frame of this time is what others are compared with; long enough to hold one that was
/// not delayed, short enough to follow clock drift (100 ppm are 1 ms in it).
const BASE_WINDOW: Duration = Duration::from_secs(10);

/// Frames further off than this belong to another clock.
const RELATED_MAX_MS: f64 = 3_000.0;

/// How fast the delay shrinks with each frame. Faster would be seen as a hurry.
const SHRINK_MS: f64 = 0.5;

/// How fast pictures move towards their sound with each frame: 150 ms in a second at 30 frames.
const SYNC_STEP_MS: f64 = 5.0;

/// How long pictures wait for their sound at most. A sound that is later is not theirs.
const SYNC_MAX_MS: f64 = 500.0;

/// Derives the time at which each frame is to be seen.
#[derive(Debug)]
pub(super) struct RenderTiming {
    epoch: Instant,
    /// What decoding and drawing take, at least.
    delay_ms_min: f64,
    histogram: Box<[f32; BUCKETS]>,
    fastest: Fastest,
    last_transit_ms: Option<f64>,
    delay_ms: f64,
    sync_ms: f64,
    behind_ms: f64,
}

impl RenderTiming {
    pub(super) fn new(now: Instant, delay_min: Duration) -> Self {
        let delay_ms_min = delay_min.as_secs_f64() * 1e3;
        Self {
            epoch: now,
            delay_ms_min,
            histogram: Box::new([0.0; BUCKETS]),
            fastest: Fastest::default(),
            last_transit_ms: None,
            delay_ms: delay_ms_min,
            sync_ms: 0.0,
            behind_ms: 0.0,
        }
    }

    /// Takes a frame that became whole at `now`.
    pub(super) fn arrived(&mut self, now: Instant, timestamp: i64) {
        let transit_ms = self.ms(now) - media_ms(timestamp);
        if self.last_transit_ms.is_some_and(|last| (transit_ms - last).abs() > RELATED_MAX_MS) {
            self.fastest = Fastest::default();
        }
        self.last_transit_ms = Some(transit_ms);
        let late_ms = transit_ms - self.fastest.note(now, transit_ms);
        self.histogram.iter_mut().for_each(|weight| *weight *= KEEP);
        self.histogram[((late_ms / BUCKET_MS) as usize).min(BUCKETS - 1)] += 1.0 - KEEP;
        let target_ms = self.quantile_ms() + self.delay_ms_min;
        self.delay_ms =
            if target_ms > self.delay_ms { target_ms } else { target_ms.max(self.delay_ms - SHRINK_MS) };
    }

    /// Moves towards the sound of the moment at which the frame was taken.
    pub(super) fn follow(&mut self, timestamp: i64, captured: Option<NtpTime>, playout: Option<&Playout>) {
        let target_ms = match (captured, playout) {
            (Some(captured), Some(playout)) => {
                let apart_ms = playout.heard_ms(captured, self.epoch) - self.unsynced_ms(timestamp);
                self.behind_ms = (-apart_ms).max(0.0);
                if apart_ms > SYNC_MAX_MS { 0.0 } else { apart_ms.max(0.0) }
            }
            _ => {
                self.behind_ms = 0.0;
                0.0
            }
        };
        self.sync_ms += (target_ms - self.sync_ms).clamp(-SYNC_STEP_MS, SYNC_STEP_MS);
    }

    /// When the frame of this timestamp is to be seen.
    pub(super) fn render_at(&self, timestamp: i64) -> Instant {
        after(self.epoch, self.unsynced_ms(timestamp) + self.sync_ms)
    }

    /// How long the fastest frame waits.
    pub(super) fn delay(&self) -> Duration {
        Duration::from_secs_f64((self.delay_ms + self.sync_ms).max(0.0) / 1e3)
    }

    /// How much later pictures are than their sound, which only the sound can change.
    pub(super) fn behind(&self) -> Duration {
        Duration::from_secs_f64(self.behind_ms / 1e3)
    }

    /// Another source took over: its frames may come by another route.
    pub(super) fn forget_clock(&mut self) {
        self.fastest = Fastest::default();
        self.last_transit_ms = None;
        self.behind_ms = 0.0;
    }

    fn unsynced_ms(&self, timestamp: i64) -> f64 {
        self.fastest.smallest().unwrap_or(0.0) + media_ms(timestamp) + self.delay_ms
    }

    fn ms(&self, now: Instant) -> f64 {
        now.saturating_duration_since(self.epoch).as_secs_f64() * 1e3
    }

    fn quantile_ms(&self) -> f64 {
        let total: f32 = self.histogram.iter().sum();
        let mut below = 0.0;
        for (index, weight) in self.histogram.iter().enumerate() {
            below += weight;
            if below >= total * QUANTILE {
                return index as f64 * BUCKET_MS;
            }
        }
        BUCKETS as f64 * BUCKET_MS
    }
}

fn media_ms(timestamp: i64) -> f64 {
    timestamp as f64 * 1e3 / f64::from(CLOCK_HZ)
}

/// The smallest transit time of the present window and the one before.
#[derive(Debug, Default)]
struct Fastest {
    since: Option<Instant>,
    present: Option<f64>,
    before: Option<f64>,
}

impl Fastest {
    /// Takes a transit time and returns the smallest.
    fn note(&mut self, now: Instant, transit_ms: f64) -> f64 {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) > BASE_WINDOW {
            self.since = Some(now);
            self.before = self.present.take();
        }
        self.present = Some(self.present.map_or(transit_ms, |present| present.min(transit_ms)));
        self.smallest().unwrap_or(transit_ms)
    }

    fn smallest(&self) -> Option<f64> {
        match (self.present, self.before) {
            (Some(present), Some(before)) => Some(present.min(before)),
            (present, before) => present.or(before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: i64 = 3000;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Frames at 30 a second, each `late_ms` late.
    fn run(
        timing: &mut RenderTiming,
        start: Instant,
        frames: std::ops::Range<i64>,
        late_ms: impl Fn(i64) -> u64,
    ) {
        for n in frames {
            timing.arrived(start + ms(n as u64 * 100 / 3 + late_ms(n)), n * FRAME);
        }
    }

    #[test]
    fn frames_are_seen_at_the_senders_pace() {
        let start = Instant::now();
        let mut timing = RenderTiming::new(start, ms(10));
        run(&mut timing, start, 0..300, |_| 20);
        let (first, second) = (timing.render_at(300 * FRAME), timing.render_at(301 * FRAME));
        assert_eq!((second - first).as_micros(), 33_333);
        // On an even line they wait for nothing but what is needed to draw them.
        let wait = first - (start + ms(10_020));
        assert!(wait >= ms(9) && wait <= ms(15), "{wait:?}");
    }

    #[test]
    fn the_delay_covers_the_usual_jitter_and_shrinks_again() {
        let start = Instant::now();
        let mut timing = RenderTiming::new(start, ms(10));
        run(&mut timing, start, 0..300, |n| if n % 10 == 0 { 60 } else { 0 });
        assert!(timing.delay() >= ms(70) && timing.delay() <= ms(76), "{:?}", timing.delay());
        run(&mut timing, start, 300..1500, |_| 0);
        assert_eq!(timing.delay(), ms(10));
        // One in a hundred, such as a key frame, is not worth making all others wait.
        run(&mut timing, start, 1500..3000, |n| if n % 100 == 0 { 60 } else { 0 });
        assert_eq!(timing.delay(), ms(10));
    }

    #[test]
    fn pictures_wait_for_their_sound_and_say_when_they_cannot_be_in_time() {
        let start = Instant::now();
        let captured = |n: i64| NtpTime((1 << 40) + (n * (1 << 32) / 30) as u64);
        // Sound is heard `delay_ms` after the frame of its moment comes.
        let follow = |delay_ms: u64| {
            let mut timing = RenderTiming::new(start, ms(10));
            let playout = Playout { captured: captured(0), at: start + ms(delay_ms) };
            for n in 0..300 {
                run(&mut timing, start, n..n + 1, |_| 0);
                timing.follow(n * FRAME, Some(captured(n)), Some(&playout));
            }
            timing
        };
        let timing = follow(120);
        let seen = timing.render_at(300 * FRAME).saturating_duration_since(start + ms(10_000));
        assert!(seen.abs_diff(ms(120)) < ms(2), "{seen:?}");
        assert_eq!(timing.behind(), Duration::ZERO);
        let early = follow(4);
        assert_eq!(early.delay(), ms(10));
        assert!(early.behind().abs_diff(ms(6)) < ms(2), "{:?}", early.behind());
        // No sound is two seconds late.
        assert_eq!(follow(2000).delay(), ms(10));
    }
}
