//! What a callback tells the rest of the program.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Callbacks after which a longer one is forgotten: a third of a second on most devices.
const LATELY: u64 = 64;

/// Figures a stream's callback keeps up to date without locking, and others read at any time.
#[derive(Debug, Default)]
pub struct StreamStatus {
    callbacks: AtomicU64,
    frames_max: AtomicU32,
    frames_max_lately: AtomicU32,
    latency_us: AtomicU32,
    glitches: AtomicU64,
    behind_us: AtomicU32,
}

impl StreamStatus {
    /// How often the device called back.
    #[must_use]
    pub fn callbacks(&self) -> u64 {
        self.callbacks.load(Ordering::Relaxed)
    }

    /// The most frames the device lately moved in one callback.
    #[must_use]
    pub fn callback_frames_max(&self) -> u32 {
        self.frames_max.load(Ordering::Relaxed)
    }

    /// The delay between the callback and the air, as the system reports it.
    #[must_use]
    pub fn device_latency(&self) -> Duration {
        Duration::from_micros(self.latency_us.load(Ordering::Relaxed).into())
    }

    /// How often samples were lost (microphone: the ring was full) or missing (speaker: it was
    /// empty while somebody was playing).
    #[must_use]
    pub fn glitches(&self) -> u64 {
        self.glitches.load(Ordering::Relaxed)
    }

    /// By how much the device was kept waiting in all, beyond what it has in store. Some sound
    /// servers play everything later by that much from then on.
    #[must_use]
    pub fn behind(&self) -> Duration {
        Duration::from_micros(self.behind_us.load(Ordering::Relaxed).into())
    }

    pub(crate) fn fell_behind(&self, by: Duration) {
        let us = u32::try_from(by.as_micros()).unwrap_or(u32::MAX);
        // One thread writes; a sum that wraps after an hour of waiting has long been acted on.
        self.behind_us.fetch_add(us, Ordering::Relaxed);
    }

    pub(crate) fn called_back(&self, frames: usize, latency: Option<Duration>) {
        let callbacks = self.callbacks.fetch_add(1, Ordering::Relaxed);
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        self.frames_max.fetch_max(frames, Ordering::Relaxed);
        self.frames_max_lately.fetch_max(frames, Ordering::Relaxed);
        // A sound server may begin with long periods before it has heard of our wish.
        if callbacks % LATELY == LATELY - 1 {
            let lately = self.frames_max_lately.swap(0, Ordering::Relaxed);
            self.frames_max.store(lately, Ordering::Relaxed);
        }
        if let Some(latency) = latency {
            let us = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
            self.latency_us.store(us, Ordering::Relaxed);
        }
    }

    pub(crate) fn glitched(&self) {
        self.glitches.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_period_is_forgotten() {
        let status = StreamStatus::default();
        status.called_back(1_024, None);
        for _ in 0..2 * LATELY {
            status.called_back(256, None);
        }
        assert_eq!(status.callback_frames_max(), 256);
        status.called_back(512, None);
        assert_eq!(status.callback_frames_max(), 512, "at once");
    }
}
