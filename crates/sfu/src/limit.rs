//! A token bucket.

use std::time::{Duration, Instant};

/// Lets `per_second` events pass, and up to `burst` at once.
#[derive(Debug, Clone)]
pub(crate) struct RateLimit {
    interval: Duration,
    burst: Duration,
    /// When the bucket was, or will be, full (the "theoretical arrival time" of GCRA).
    full_at: Instant,
}

impl RateLimit {
    pub fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let interval = Duration::from_secs(1) / per_second;
        Self { interval, burst: interval * burst, full_at: now }
    }

    pub fn allow(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + self.interval;
        if full_at > now + self.burst {
            return false;
        }
        self.full_at = full_at;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let start = Instant::now();
        let mut limit = RateLimit::new(100, 5, start);
        let passed = |limit: &mut RateLimit, at: Instant| (0..50).filter(|_| limit.allow(at)).count();
        assert_eq!(passed(&mut limit, start), 5);
        assert_eq!(passed(&mut limit, start + Duration::from_millis(30)), 3);
        assert_eq!(passed(&mut limit, start + Duration::from_secs(60)), 5);
    }
}
