//! What a callback tells the rest of the program.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Figures a stream's callback keeps up to date without locking, and others read at any time.
#[derive(Debug, Default)]
pub struct StreamStatus {
    callbacks: AtomicU64,
    frames_max: AtomicU32,
    latency_us: AtomicU32,
    glitches: AtomicU64,
}

impl StreamStatus {
    /// How often the device called back.
    #[must_use]
    pub fn callbacks(&self) -> u64 {
        self.callbacks.load(Ordering::Relaxed)
    }

    /// The most frames the device moved in one callback.
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

    pub(crate) fn called_back(&self, frames: usize, latency: Option<Duration>) {
        self.callbacks.fetch_add(1, Ordering::Relaxed);
        self.frames_max.fetch_max(u32::try_from(frames).unwrap_or(u32::MAX), Ordering::Relaxed);
        if let Some(latency) = latency {
            let us = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
            self.latency_us.store(us, Ordering::Relaxed);
        }
    }

    pub(crate) fn glitched(&self) {
        self.glitches.fetch_add(1, Ordering::Relaxed);
    }
}
