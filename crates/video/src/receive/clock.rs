//! The sender's clock: what its reports say of when a picture was taken, so that sound and picture
//! of one moment come together (RFC 3550 §6.4.1).

use super::unwrap_near;
use crate::CLOCK_HZ;
use std::time::{Duration, Instant};

/// A time of the sender's clock as its reports carry it: seconds in the upper 32 bits, their
/// fractions in the lower (RFC 3550 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// From `earlier` to this, in milliseconds; negative when it is not earlier.
    pub fn ms_since(self, earlier: Self) -> f64 {
        self.0.wrapping_sub(earlier.0) as i64 as f64 * 1e3 / 4_294_967_296.0
    }

    fn plus_ms(self, ms: f64) -> Self {
        Self(self.0.wrapping_add((ms * 4_294_967_296.0 / 1e3) as i64 as u64))
    }
}

/// When sound of a moment is heard: what pictures of the same source follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Playout {
    /// The moment, by the clock of the sender whose pictures these are.
    pub captured: NtpTime,
    /// When it is heard.
    pub at: Instant,
}

impl Playout {
    /// When sound of this moment is heard, in ms after `epoch`.
    pub(super) fn heard_ms(&self, captured: NtpTime, epoch: Instant) -> f64 {
        let at = self.at.saturating_duration_since(epoch).as_secs_f64() * 1e3;
        at + captured.ms_since(self.captured)
    }
}

/// Puts RTP timestamps on the sender's clock.
#[derive(Debug, Default)]
pub(super) struct SenderClock {
    report: Option<(NtpTime, i64)>,
}

impl SenderClock {
    /// Takes a sender report. `near` is a timestamp that was seen lately.
    pub(super) fn report(&mut self, ntp: NtpTime, timestamp: u32, near: i64) {
        self.report = Some((ntp, unwrap_near(near, timestamp, 32)));
    }

    /// When the picture of this timestamp was taken.
    pub(super) fn captured(&self, timestamp: i64) -> Option<NtpTime> {
        let (ntp, reported) = self.report?;
        Some(ntp.plus_ms((timestamp - reported) as f64 * 1e3 / f64::from(CLOCK_HZ)))
    }

    /// Another sender's reports will come.
    pub(super) fn forget(&mut self) {
        self.report = None;
    }
}

/// `epoch` plus some milliseconds, which may be negative.
pub(super) fn after(epoch: Instant, ms: f64) -> Instant {
    let duration = Duration::from_secs_f64(ms.abs().min(1e9) / 1e3);
    if ms >= 0.0 { epoch + duration } else { epoch.checked_sub(duration).unwrap_or(epoch) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_put_on_the_senders_clock() {
        let mut clock = SenderClock::default();
        assert_eq!(clock.captured(5), None);
        let ntp = NtpTime(100 << 32);
        // The timestamp wraps between the report and the frames.
        clock.report(ntp, u32::MAX - 44_999, 1 << 32);
        let captured = clock.captured((1 << 32) + 45_000).unwrap();
        assert!((captured.ms_since(ntp) - 1000.0).abs() < 0.001, "{captured:?}");
        assert!((clock.captured((1 << 32) - 90_000).unwrap().ms_since(ntp) + 500.0).abs() < 0.001);
    }

    #[test]
    fn sound_of_a_moment_is_heard_when_playout_says() {
        let epoch = Instant::now();
        let playout = Playout { captured: NtpTime(100 << 32), at: epoch + Duration::from_millis(250) };
        assert_eq!(playout.heard_ms(NtpTime(101 << 32), epoch), 1250.0);
        assert_eq!(playout.heard_ms(NtpTime(99 << 32), epoch), -750.0);
    }
}
