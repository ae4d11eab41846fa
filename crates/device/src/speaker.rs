//! The media thread's end of a speaker.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rtrb::Producer;
use voicehall_audio::{Frame, Resampler, SAMPLE_RATE};

use crate::microphone::StreamControl;
use crate::{DeviceChoice, StreamStatus};

/// What is kept ready beyond one callback's worth, to begin with: the time a media thread may
/// oversleep, 2.5 ms.
const MARGIN_MIN: Duration = Duration::from_micros(2_500);

/// The most of it, on a machine that keeps oversleeping.
const MARGIN_MAX: Duration = Duration::from_millis(40);

/// How much is added when the speaker ran dry.
const MARGIN_STEP: Duration = Duration::from_micros(2_500);

/// After this long without running dry, one step is taken back: 2.5 ms more delay for a minute are less
/// than one crackle more.
const CALM: Duration = Duration::from_secs(60);

/// What a callback is assumed to take before the first one came: 10 ms.
const CALLBACK_GUESS: Duration = Duration::from_millis(10);

/// A stream that fell behind by this much is started anew. That costs a gap of some 20 ms, once;
/// the delay would stay.
const BEHIND_MAX: Duration = Duration::from_millis(25);

/// On a machine that is busy all the time it is not done more often than this.
const CATCH_UP_PAUSE: Duration = Duration::from_secs(2);

/// One stream's ring, as the supervisor hands it over when a stream was built.
pub(crate) struct OutputRing {
    pub(crate) samples: Producer<f32>,
    pub(crate) rate: u32,
    pub(crate) resampler: Resampler,
    pub(crate) status: Arc<StreamStatus>,
}

/// A speaker that is open. It takes 48 kHz mono, whatever the device does, and stays the same while
/// the device behind it changes. Dropping it closes the device.
///
/// The device's clock drives playback: write a frame whenever [`Speaker::wants_frame`] says so.
pub struct Speaker {
    rings: mpsc::Receiver<OutputRing>,
    ring: Option<OutputRing>,
    margin: Margin,
    caught_up: Option<Instant>,
    control: Box<dyn StreamControl>,
}

impl std::fmt::Debug for Speaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Speaker").field("margin", &self.margin).finish_non_exhaustive()
    }
}

impl Speaker {
    pub(crate) fn new(rings: mpsc::Receiver<OutputRing>, control: Box<dyn StreamControl>) -> Self {
        Self { rings, ring: None, margin: Margin::default(), caught_up: None, control }
    }

    /// Whether 10 ms more should be written now so that the device does not run dry. Never true
    /// while there is no device: nothing is to be played, and time does not pass.
    pub fn wants_frame(&mut self) -> bool {
        while let Ok(ring) = self.rings.try_recv() {
            self.ring = Some(ring);
            self.margin = Margin::default();
        }
        let Some(ring) = &self.ring else { return false };
        self.margin.update(&ring.status);
        if ring.status.behind() > BEHIND_MAX
            && self.caught_up.is_none_or(|caught_up| caught_up.elapsed() > CATCH_UP_PAUSE)
        {
            self.caught_up = Some(Instant::now());
            self.control.catch_up();
        }
        !ring.samples.is_abandoned() && self.queued() < self.wanted()
    }

    /// Hands 10 ms to the device. They are dropped if there is none, or if it has stopped taking
    /// any.
    pub fn write(&mut self, frame: &Frame) {
        let Some(ring) = &mut self.ring else { return };
        let producer = &mut ring.samples;
        ring.resampler.process(frame, |samples| {
            let room = producer.slots().min(samples.len());
            for sample in &samples[..room] {
                // There is room: only this side fills the ring.
                let _ = producer.push(*sample);
            }
        });
    }

    /// How long until [`Speaker::wants_frame`] becomes true, if the device keeps its pace.
    #[must_use]
    pub fn until_wanted(&self) -> Duration {
        self.queued().saturating_sub(self.wanted())
    }

    /// Changes the device, without a pause longer than opening it takes.
    pub fn choose(&self, choice: DeviceChoice) {
        self.control.choose(choice);
    }

    /// How long until a sample written now is heard: what is queued and the device's latency.
    #[must_use]
    pub fn latency(&self) -> Duration {
        let device = self.ring.as_ref().map_or(Duration::ZERO, |ring| ring.status.device_latency());
        self.queued() + device
    }

    /// Figures of the stream that runs now, `None` if there is none.
    #[must_use]
    pub fn status(&self) -> Option<&StreamStatus> {
        self.ring.as_ref().map(|ring| &*ring.status)
    }

    fn queued(&self) -> Duration {
        self.ring.as_ref().map_or(Duration::ZERO, |ring| {
            let capacity = ring.samples.buffer().capacity();
            duration(capacity - ring.samples.slots(), ring.rate)
        })
    }

    fn wanted(&self) -> Duration {
        self.ring.as_ref().map_or(Duration::ZERO, |ring| {
            let callback = match ring.status.callback_frames_max() {
                0 => CALLBACK_GUESS,
                frames => duration(frames as usize, ring.rate),
            };
            callback + self.margin.now
        })
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        self.control.close();
    }
}

/// What is kept ready beyond one callback's worth: more after the speaker ran dry, less after a
/// long calm.
#[derive(Debug)]
struct Margin {
    now: Duration,
    glitches: u64,
    changed: Instant,
}

impl Default for Margin {
    fn default() -> Self {
        Self { now: MARGIN_MIN, glitches: 0, changed: Instant::now() }
    }
}

impl Margin {
    fn update(&mut self, status: &StreamStatus) {
        let glitches = status.glitches();
        if glitches != self.glitches {
            self.glitches = glitches;
            self.now = (self.now + MARGIN_STEP).min(MARGIN_MAX);
            self.changed = Instant::now();
        } else if self.now > MARGIN_MIN && self.changed.elapsed() > CALM {
            self.now = (self.now - MARGIN_STEP).max(MARGIN_MIN);
            self.changed = Instant::now();
        }
    }
}

fn duration(samples: usize, rate: u32) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(rate.max(1)))
}

/// A ring's capacity in samples for a device of this rate: as much as can be queued with the
/// largest callbacks seen in the wild (some 100 ms) and the largest margin, and a frame.
pub(crate) fn ring_capacity(rate: u32) -> usize {
    (rate.max(SAMPLE_RATE) / 5) as usize
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[derive(Default)]
    struct Control {
        caught_up: Arc<AtomicU32>,
    }

    impl StreamControl for Control {
        fn choose(&self, _choice: DeviceChoice) {}

        fn catch_up(&self) {
            self.caught_up.fetch_add(1, Ordering::Relaxed);
        }

        fn close(&self) {}
    }

    #[test]
    fn a_speaker_that_fell_behind_is_started_anew_but_not_all_the_time() {
        let control = Control::default();
        let caught_up = Arc::clone(&control.caught_up);
        let (link, rings) = mpsc::channel();
        let mut speaker = Speaker::new(rings, Box::new(control));
        let (samples, _consumer) = rtrb::RingBuffer::new(ring_capacity(SAMPLE_RATE));
        let status = Arc::new(StreamStatus::default());
        let resampler = Resampler::new(SAMPLE_RATE, SAMPLE_RATE).unwrap();
        let ring = OutputRing { samples, rate: SAMPLE_RATE, resampler, status: Arc::clone(&status) };
        link.send(ring).unwrap();
        status.fell_behind(Duration::from_millis(20));
        assert!(speaker.wants_frame());
        assert_eq!(caught_up.load(Ordering::Relaxed), 0, "not worth a gap");
        status.fell_behind(Duration::from_millis(20));
        speaker.wants_frame();
        speaker.wants_frame();
        assert_eq!(caught_up.load(Ordering::Relaxed), 1);
    }
}
