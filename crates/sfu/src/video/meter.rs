//! How many bits a layer comes with.

use std::time::{Duration, Instant};

/// A rate is taken over this time: several pictures, and a key frame does not count for too much.
const WINDOW: Duration = Duration::from_millis(500);

/// A window with a pause is thrown away.
const WINDOW_MAX: Duration = Duration::from_millis(1500);

/// Headers, extension and authentication of each packet towards a receiver, in bytes.
const OVERHEAD: usize = 40;

/// The rate of one layer. It remembers the last one while nothing comes.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    since: Option<Instant>,
    bytes: usize,
    discardable: usize,
    rate: Option<(f64, f64)>,
}

impl Meter {
    /// Counts a packet.
    #[inline]
    pub fn count(&mut self, payload_len: usize, discardable: bool, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let elapsed = now.saturating_duration_since(since);
        if elapsed >= WINDOW {
            if elapsed < WINDOW_MAX {
                let rate = |bytes: usize| bytes as f64 * 8.0 / elapsed.as_secs_f64();
                let (all, upper) = (rate(self.bytes), rate(self.discardable));
                self.rate = Some(match self.rate {
                    Some((all_before, upper_before)) => {
                        ((all + all_before) / 2.0, (upper + upper_before) / 2.0)
                    }
                    None => (all, upper),
                });
            }
            (self.since, self.bytes, self.discardable) = (Some(now), 0, 0);
        }
        let bytes = payload_len + OVERHEAD;
        self.bytes += bytes;
        self.discardable += if discardable { bytes } else { 0 };
    }

    /// Bits a second; `None` before anything came.
    pub fn bits(&self) -> Option<u64> {
        self.rate.map(|(all, _)| all as u64)
    }

    /// The share of it, 0 to 1, that is left without the pictures that no other refers to.
    pub fn share_kept(&self) -> f64 {
        self.rate.filter(|(all, _)| *all > 0.0).map_or(1.0, |(all, upper)| 1.0 - upper / all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_found_and_kept_over_a_pause() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        assert_eq!((meter.bits(), meter.share_kept()), (None, 1.0));
        for packet in 0..1000u64 {
            meter.count(960, packet % 4 == 0, start + Duration::from_millis(10 * packet));
        }
        let bits = meter.bits().unwrap();
        assert!((790_000..=810_000).contains(&bits), "{bits}");
        assert!((0.72..=0.78).contains(&meter.share_kept()), "{}", meter.share_kept());
        meter.count(960, false, start + Duration::from_secs(60));
        assert_eq!(meter.bits(), Some(bits));
    }
}
