//! Microphones and speakers without an operating system: whoever holds the other ends speaks and
//! listens. For tests, and for programs on machines without sound.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use rtrb::RingBuffer;
use voicehall_audio::{Resampler, SAMPLE_RATE};

use crate::callback::{CaptureCallback, PlaybackCallback};
use crate::microphone::{InputRing, StreamControl};
use crate::speaker::{OutputRing, ring_capacity};
use crate::{
    AudioSystem, DeviceChoice, DeviceEvent, DeviceId, DeviceInfo, Direction, Lack, Microphone, Speaker,
    StreamStatus,
};

const INPUT_NAME: &str = "Virtual microphone";
const OUTPUT_NAME: &str = "Virtual speaker";

/// An audio system with one microphone and one speaker, both 48 kHz mono and plugged in at first.
#[derive(Debug, Clone, Default)]
pub struct VirtualAudio {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    microphone: Jack<CaptureCallback, mpsc::Sender<InputRing>>,
    speaker: Jack<PlaybackCallback, mpsc::Sender<OutputRing>>,
    listeners: Vec<mpsc::Sender<DeviceEvent>>,
}

/// Where a virtual device is plugged in, and the stream that was opened on it.
#[derive(Debug)]
struct Jack<Callback, Link> {
    missing: Option<Lack>,
    /// Counts the streams that were opened: one that is closed late closes no other.
    opened: u64,
    link: Option<Link>,
    callback: Option<Callback>,
}

impl<Callback, Link> Default for Jack<Callback, Link> {
    fn default() -> Self {
        Self { missing: None, opened: 0, link: None, callback: None }
    }
}

/// What is said into a [`VirtualAudio`]'s microphone.
#[derive(Debug, Clone)]
pub struct VirtualMicrophone {
    shared: Arc<Mutex<Shared>>,
}

/// What is heard from a [`VirtualAudio`]'s speaker.
#[derive(Debug, Clone)]
pub struct VirtualSpeaker {
    shared: Arc<Mutex<Shared>>,
}

impl VirtualAudio {
    /// A system and the other ends of its devices.
    #[must_use]
    pub fn new() -> (Self, VirtualMicrophone, VirtualSpeaker) {
        let audio = Self::default();
        let shared = || Arc::clone(&audio.shared);
        let (microphone, speaker) =
            (VirtualMicrophone { shared: shared() }, VirtualSpeaker { shared: shared() });
        (audio, microphone, speaker)
    }
}

impl VirtualMicrophone {
    /// Says samples into the microphone, as one callback. They are lost while nobody has it open.
    pub fn say(&self, samples: &[f32]) {
        if let Some(callback) = &mut lock(&self.shared).microphone.callback {
            callback.run(samples, None);
        }
    }

    /// Whether somebody has the microphone open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        lock(&self.shared).microphone.link.is_some()
    }

    /// Pulls the plug, or puts it back.
    pub fn plug(&self, plugged: bool) {
        lock(&self.shared).set_microphone((!plugged).then_some(Lack::Device));
    }

    /// Takes away the permission to use it.
    pub fn forbid(&self) {
        lock(&self.shared).set_microphone(Some(Lack::Permission));
    }
}

impl VirtualSpeaker {
    /// Lets time pass and hears what is played meanwhile, as one callback. Silence while nobody
    /// plays.
    pub fn hear(&self, samples: &mut [f32]) {
        match &mut lock(&self.shared).speaker.callback {
            Some(callback) => callback.run(samples, None),
            None => samples.fill(0.0),
        }
    }

    /// Whether somebody has the speaker open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        lock(&self.shared).speaker.link.is_some()
    }

    /// Pulls the plug, or puts it back.
    pub fn plug(&self, plugged: bool) {
        let mut shared = lock(&self.shared);
        shared.speaker.missing = (!plugged).then_some(Lack::Device);
        shared.reopen_speaker();
        shared.tell_plugged(Direction::Output, OUTPUT_NAME);
    }
}

impl AudioSystem for VirtualAudio {
    fn devices(&self, direction: Direction) -> Vec<DeviceInfo> {
        let shared = lock(&self.shared);
        let name = match direction {
            Direction::Input => INPUT_NAME,
            Direction::Output => OUTPUT_NAME,
        };
        let unplugged = shared.missing(direction) == Some(Lack::Device);
        let info = DeviceInfo { id: DeviceId::new(name), name: name.to_owned(), is_default: true };
        if unplugged { Vec::new() } else { vec![info] }
    }

    fn open_microphone(&self, _choice: DeviceChoice) -> Microphone {
        let (link, rings) = mpsc::channel();
        let mut shared = lock(&self.shared);
        shared.microphone.link = Some(link);
        shared.microphone.opened += 1;
        shared.reopen_microphone();
        shared.tell_use(Direction::Input, INPUT_NAME);
        let number = shared.microphone.opened;
        let control = Control { shared: Arc::clone(&self.shared), direction: Direction::Input, number };
        Microphone::new(rings, Box::new(control))
    }

    fn open_speaker(&self, _choice: DeviceChoice) -> Speaker {
        let (link, rings) = mpsc::channel();
        let mut shared = lock(&self.shared);
        shared.speaker.link = Some(link);
        shared.speaker.opened += 1;
        shared.reopen_speaker();
        shared.tell_use(Direction::Output, OUTPUT_NAME);
        let number = shared.speaker.opened;
        let control = Control { shared: Arc::clone(&self.shared), direction: Direction::Output, number };
        Speaker::new(rings, Box::new(control))
    }

    fn events(&self) -> mpsc::Receiver<DeviceEvent> {
        let (listener, events) = mpsc::channel();
        lock(&self.shared).listeners.push(listener);
        events
    }
}

impl Shared {
    fn missing(&self, direction: Direction) -> Option<Lack> {
        match direction {
            Direction::Input => self.microphone.missing,
            Direction::Output => self.speaker.missing,
        }
    }

    fn set_microphone(&mut self, missing: Option<Lack>) {
        self.microphone.missing = missing;
        self.reopen_microphone();
        self.tell_plugged(Direction::Input, INPUT_NAME);
    }

    fn reopen_microphone(&mut self) {
        self.microphone.callback = None;
        if self.microphone.missing.is_some() {
            return;
        }
        let (Some(link), Some(resampler)) = (&self.microphone.link, pass_through()) else { return };
        let (producer, samples) = RingBuffer::new(ring_capacity(SAMPLE_RATE));
        let status = Arc::new(StreamStatus::default());
        self.microphone.callback = Some(CaptureCallback::new(producer, 1, Arc::clone(&status)));
        // A microphone that is being closed needs no ring.
        let _ = link.send(InputRing { samples, resampler, status });
    }

    fn reopen_speaker(&mut self) {
        self.speaker.callback = None;
        if self.speaker.missing.is_some() {
            return;
        }
        let (Some(link), Some(resampler)) = (&self.speaker.link, pass_through()) else { return };
        let (samples, consumer) = RingBuffer::new(ring_capacity(SAMPLE_RATE));
        let status = Arc::new(StreamStatus::default());
        self.speaker.callback = Some(PlaybackCallback::new(consumer, 1, SAMPLE_RATE, Arc::clone(&status)));
        // A speaker that is being closed needs no ring.
        let _ = link.send(OutputRing { samples, rate: SAMPLE_RATE, resampler, status });
    }

    fn tell_plugged(&mut self, direction: Direction, name: &str) {
        self.tell(&DeviceEvent::ListChanged);
        let open = match direction {
            Direction::Input => self.microphone.link.is_some(),
            Direction::Output => self.speaker.link.is_some(),
        };
        if open {
            self.tell_use(direction, name);
        }
    }

    fn tell_use(&mut self, direction: Direction, name: &str) {
        let event = match self.missing(direction) {
            None => DeviceEvent::Using { direction, name: Some(name.to_owned()), stand_in: false },
            Some(lack) => DeviceEvent::Lost { direction, lack, reason: "taken away".to_owned() },
        };
        self.tell(&event);
    }

    fn tell(&mut self, event: &DeviceEvent) {
        self.listeners.retain(|listener| listener.send(event.clone()).is_ok());
    }
}

struct Control {
    shared: Arc<Mutex<Shared>>,
    direction: Direction,
    /// Which of the streams opened on the device this is.
    number: u64,
}

impl StreamControl for Control {
    fn choose(&self, _choice: DeviceChoice) {
        // There is only one.
    }

    fn catch_up(&self) {
        // It never falls behind: whoever listens is its clock.
    }

    fn close(&self) {
        let mut shared = lock(&self.shared);
        let Shared { microphone, speaker, .. } = &mut *shared;
        match self.direction {
            Direction::Input if microphone.opened == self.number => {
                (microphone.link, microphone.callback) = (None, None);
            }
            Direction::Output if speaker.opened == self.number => {
                (speaker.link, speaker.callback) = (None, None);
            }
            // Another stream has been opened since.
            Direction::Input | Direction::Output => {}
        }
    }
}

fn pass_through() -> Option<Resampler> {
    Resampler::new(SAMPLE_RATE, SAMPLE_RATE).ok()
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // Nothing is left half-done by a panic in here.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
