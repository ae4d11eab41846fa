//! The media thread's end of a microphone.

use std::collections::VecDeque;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rtrb::Consumer;
use voicehall_audio::{FRAME_SAMPLES, Frame, Resampler, SAMPLE_RATE};

use crate::{DeviceChoice, StreamStatus};

/// Samples kept at most when nobody reads: 100 ms. Older ones are dropped, because a voice that
/// comes late by more is worse than one with a gap.
const BACKLOG_MAX: usize = 4_800;

/// One stream's ring, as the supervisor hands it over when a stream was built.
pub(crate) struct InputRing {
    pub(crate) samples: Consumer<f32>,
    pub(crate) resampler: Resampler,
    pub(crate) status: Arc<StreamStatus>,
}

/// What a [`Microphone`] or [`Speaker`](crate::Speaker) can ask of whoever keeps its stream.
pub(crate) trait StreamControl: Send {
    fn choose(&self, choice: DeviceChoice);
    /// The stream fell behind time; start it anew if the system does not catch up by itself.
    fn catch_up(&self);
    fn close(&self);
}

/// A microphone that is open. It gives 48 kHz mono, whatever the device does, and stays the same
/// while the device behind it changes. Dropping it closes the device.
pub struct Microphone {
    rings: mpsc::Receiver<InputRing>,
    ring: Option<InputRing>,
    waiting: VecDeque<f32>,
    control: Box<dyn StreamControl>,
}

impl std::fmt::Debug for Microphone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Microphone").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl Microphone {
    pub(crate) fn new(rings: mpsc::Receiver<InputRing>, control: Box<dyn StreamControl>) -> Self {
        Self { rings, ring: None, waiting: VecDeque::with_capacity(2 * BACKLOG_MAX), control }
    }

    /// Takes the next 10 ms if they have been captured. To be called until it returns `false`.
    pub fn read(&mut self, frame: &mut Frame) -> bool {
        self.collect();
        if self.waiting.len() < FRAME_SAMPLES {
            return false;
        }
        for (sample, captured) in frame.iter_mut().zip(self.waiting.drain(..FRAME_SAMPLES)) {
            *sample = captured;
        }
        true
    }

    /// How long until the next 10 ms will have been captured, if the device keeps its pace. Zero if
    /// they are there.
    pub fn until_frame(&mut self) -> Duration {
        self.collect();
        let missing = FRAME_SAMPLES.saturating_sub(self.waiting.len());
        Duration::from_secs_f64(missing as f64 / f64::from(SAMPLE_RATE))
    }

    /// Changes the device, without a pause longer than opening it takes.
    pub fn choose(&self, choice: DeviceChoice) {
        self.control.choose(choice);
    }

    /// How old the oldest sample is that [`Microphone::read`] would give now: the device's latency
    /// and what waits.
    #[must_use]
    pub fn latency(&self) -> Duration {
        let device = self.ring.as_ref().map_or(Duration::ZERO, |ring| ring.status.device_latency());
        device + Duration::from_secs_f64(self.waiting.len() as f64 / f64::from(SAMPLE_RATE))
    }

    /// Figures of the stream that runs now, `None` if there is none.
    #[must_use]
    pub fn status(&self) -> Option<&StreamStatus> {
        self.ring.as_ref().map(|ring| &*ring.status)
    }

    fn collect(&mut self) {
        while let Ok(ring) = self.rings.try_recv() {
            self.ring = Some(ring);
        }
        let Some(ring) = &mut self.ring else { return };
        let ready = ring.samples.slots();
        if let Ok(chunk) = ring.samples.read_chunk(ready) {
            let (first, second) = chunk.as_slices();
            for part in [first, second] {
                ring.resampler.process(part, |samples| self.waiting.extend(samples));
            }
            chunk.commit_all();
        }
        if self.waiting.len() > BACKLOG_MAX {
            self.waiting.drain(..self.waiting.len() - BACKLOG_MAX);
        }
    }
}

impl Drop for Microphone {
    fn drop(&mut self) {
        self.control.close();
    }
}
