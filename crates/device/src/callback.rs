//! What runs on the operating system's audio threads. Nothing in this module locks, allocates,
//! frees, logs or waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cpal::{FromSample, Sample};
use rtrb::{Consumer, Producer};

use crate::StreamStatus;

/// A callback that is late by a period and this much has made the device wait; less is the rhythm
/// of a busy machine.
const LATE_MIN: Duration = Duration::from_millis(4);

/// Moves a microphone's samples into a ring, mixed to mono.
#[derive(Debug)]
pub struct CaptureCallback {
    ring: Producer<f32>,
    channels: usize,
    status: Arc<StreamStatus>,
}

impl CaptureCallback {
    /// For a stream of `channels` interleaved channels.
    #[must_use]
    pub fn new(ring: Producer<f32>, channels: usize, status: Arc<StreamStatus>) -> Self {
        Self { ring, channels: channels.max(1), status }
    }

    /// Takes what the device captured. What does not fit the ring is lost and counted: nobody has
    /// read for long.
    pub fn run<T>(&mut self, samples: &[T], latency: Option<Duration>)
    where
        T: Copy,
        f32: FromSample<T>,
    {
        let frames = samples.len() / self.channels;
        self.status.called_back(frames, latency);
        let room = self.ring.slots().min(frames);
        if room < frames {
            self.status.glitched();
        }
        for frame in samples.chunks_exact(self.channels).take(room) {
            let sum: f32 = frame.iter().map(|sample| f32::from_sample(*sample)).sum();
            // There is room: only this side fills the ring.
            let _ = self.ring.push(sum / self.channels as f32);
        }
    }
}

/// Moves mono samples from a ring to a speaker, the same to every channel.
#[derive(Debug)]
pub struct PlaybackCallback {
    ring: Consumer<f32>,
    channels: usize,
    status: Arc<StreamStatus>,
    /// Whether the last callback found samples.
    playing: bool,
    rate: u32,
    /// When the next callback is due.
    due: Option<Instant>,
}

impl PlaybackCallback {
    /// For a stream of `channels` interleaved channels at `rate` Hz.
    #[must_use]
    pub fn new(ring: Consumer<f32>, channels: usize, rate: u32, status: Arc<StreamStatus>) -> Self {
        Self { ring, channels: channels.max(1), status, playing: false, rate: rate.max(1), due: None }
    }

    /// Notes if this callback comes later than the device can bridge.
    fn watch_time(&mut self, frames: usize, now: Instant) {
        let period = Duration::from_secs_f64(frames as f64 / f64::from(self.rate));
        let late = self.due.map_or(Duration::ZERO, |due| now.saturating_duration_since(due));
        if late > period + LATE_MIN {
            self.status.fell_behind(late);
        }
        self.due = Some(now + period);
    }

    /// Fills what the device wants to play next. What the ring does not have is silence, and
    /// counted if somebody was playing.
    pub fn run<T>(&mut self, samples: &mut [T], latency: Option<Duration>)
    where
        T: Sample + FromSample<f32>,
    {
        let frames = samples.len() / self.channels;
        self.status.called_back(frames, latency);
        self.watch_time(frames, Instant::now());
        let ready = self.ring.slots().min(frames);
        let (played, silent) = samples.split_at_mut(ready * self.channels);
        for frame in played.chunks_exact_mut(self.channels) {
            frame.fill(T::from_sample(self.ring.pop().unwrap_or(0.0)));
        }
        silent.fill(T::from_sample(0.0));
        if ready < frames && self.playing {
            self.status.glitched();
        }
        self.playing = ready > 0 && ready == frames;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_device_cannot_bridge_counts_as_behind() {
        let status = Arc::new(StreamStatus::default());
        let (_producer, consumer) = rtrb::RingBuffer::new(1);
        let mut callback = PlaybackCallback::new(consumer, 2, 48_000, Arc::clone(&status));
        let start = Instant::now();
        let mut call = |ms| callback.watch_time(480, start + Duration::from_millis(ms));
        for ms in [0, 10, 20, 33, 40] {
            call(ms);
        }
        assert_eq!(status.behind(), Duration::ZERO, "the rhythm of a busy machine");
        // 50 ms too late, and then everything at once.
        for ms in [100, 100, 100, 100, 100, 110] {
            call(ms);
        }
        assert_eq!(status.behind(), Duration::from_millis(50));
    }
}
