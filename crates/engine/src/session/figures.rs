//! What the network tasks measure, read by whoever reports it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Measurements of one session. Each stands for itself, so relaxed order is enough.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    loss_up: AtomicU32,
    sent_bytes: AtomicU64,
    /// In microseconds; 0 until measured.
    round_trip_us: AtomicU64,
}

impl Figures {
    pub(super) fn set_loss_up(&self, loss: f32) {
        self.loss_up.store(loss.to_bits(), Ordering::Relaxed);
    }

    /// Share of our packets that the voice node missed, 0 to 1, of its last report.
    pub(crate) fn loss_up(&self) -> f32 {
        f32::from_bits(self.loss_up.load(Ordering::Relaxed))
    }

    pub(super) fn set_round_trip(&self, round_trip: Duration) {
        // Never 0, which stands for "not measured".
        let us = u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX).max(1);
        self.round_trip_us.store(us, Ordering::Relaxed);
    }

    /// The last measured round trip to the voice node.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        let us = self.round_trip_us.load(Ordering::Relaxed);
        (us > 0).then(|| Duration::from_micros(us))
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Opus bytes sent since the start.
    pub(crate) fn sent_bytes(&self) -> u64 {
        self.sent_bytes.load(Ordering::Relaxed)
    }
}
