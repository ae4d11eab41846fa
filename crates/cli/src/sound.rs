//! Files in place of a microphone and a speaker: a clock that says one and hears the other.

use crate::Failure;
use crate::read_ahead::{Next, ReadAhead};
use crate::record::Mix;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use voicehall_engine::audio::{FRAME_SAMPLES, Frame};
use voicehall_engine::device::{VirtualAudio, VirtualMicrophone, VirtualSpeaker, realtime};

/// Time of one frame.
const FRAME: Duration = Duration::from_millis(10);

/// A clock that is late by more goes on late, as a sound card that stood still. One that made up for
/// it would take two frames out of a speaker that has one ready, and leave a hole in a word.
const LATE_MAX: Duration = Duration::from_millis(5);

/// Silence said after a file, so that its end is not cut off: a packet and the codec's delay.
const TAIL_FRAMES: u32 = 10;

/// What the clock and the call tell each other.
#[derive(Debug, Default)]
struct Shared {
    playing: AtomicBool,
    played: AtomicBool,
    stop: AtomicBool,
}

/// A running clock.
pub(crate) struct FileSound {
    shared: Arc<Shared>,
    thread: JoinHandle<Result<(), Failure>>,
}

/// When the next frame is due.
struct Pace {
    due: Instant,
}

struct Clock {
    microphone: VirtualMicrophone,
    speaker: VirtualSpeaker,
    file: Option<ReadAhead>,
    mix: Option<Mix>,
    tail: u32,
    shared: Arc<Shared>,
}

impl FileSound {
    /// An audio system on which the file is said and everything heard is recorded.
    pub(crate) fn start(file: Option<ReadAhead>, mix: Option<Mix>) -> Result<(Self, VirtualAudio), Failure> {
        let (audio, microphone, speaker) = VirtualAudio::new();
        let shared = Arc::new(Shared::default());
        let clock = Clock { microphone, speaker, file, mix, tail: TAIL_FRAMES, shared: Arc::clone(&shared) };
        let thread = std::thread::Builder::new().name("files".to_owned()).spawn(move || clock.run())?;
        Ok((Self { shared, thread }, audio))
    }

    /// Starts to play, where it stopped.
    pub(crate) fn play(&self) {
        self.shared.playing.store(true, Ordering::Relaxed);
    }

    /// Stops to play until the call is back.
    pub(crate) fn pause(&self) {
        self.shared.playing.store(false, Ordering::Relaxed);
    }

    /// Whether the file is over, or could not be read on, or nothing can be recorded any more.
    pub(crate) fn is_over(&self) -> bool {
        self.shared.played.load(Ordering::Relaxed) || self.thread.is_finished()
    }

    /// Stops the clock and closes the recording.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|_| Err(std::io::Error::other("the clock panicked").into()))
    }
}

impl Clock {
    fn run(mut self) -> Result<(), Failure> {
        realtime::raise_device();
        let mut pace = Pace::from(Instant::now());
        let mut heard = [0.0; FRAME_SAMPLES];
        let mut position = 0;
        while !self.shared.stop.load(Ordering::Relaxed) && self.mix.as_ref().is_none_or(Mix::is_running) {
            std::thread::sleep(pace.until_next(Instant::now()));
            pace.woke(Instant::now());
            let said = self.next_frame();
            self.microphone.say(&said);
            self.speaker.hear(&mut heard);
            if let Some(mix) = &self.mix {
                mix.record(position, &heard);
            }
            position += FRAME_SAMPLES as u64;
        }
        let read = self.file.map_or(Ok(()), ReadAhead::finish);
        let recorded = self.mix.map_or(Ok(()), Mix::finish);
        read.and(recorded)
    }

    fn next_frame(&mut self) -> Frame {
        const SILENCE: Frame = [0.0; FRAME_SAMPLES];
        if !self.shared.playing.load(Ordering::Relaxed) {
            return SILENCE;
        }
        match self.file.as_ref().map_or(Next::Over, ReadAhead::next) {
            Next::Frame(frame) => return *frame,
            Next::NotYet => {}
            Next::Over => {
                self.tail = self.tail.saturating_sub(1);
                self.shared.played.store(self.tail == 0, Ordering::Relaxed);
            }
        }
        SILENCE
    }
}

impl Pace {
    fn from(now: Instant) -> Self {
        Self { due: now + FRAME }
    }

    fn until_next(&self, now: Instant) -> Duration {
        self.due.saturating_duration_since(now)
    }

    /// Sets when the next frame is due after this one.
    fn woke(&mut self, now: Instant) {
        let late = now.saturating_duration_since(self.due);
        self.due = if late > LATE_MAX { now } else { self.due } + FRAME;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_stood_still_makes_up_for_nothing() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pace = Pace::from(start);
        // A little late: the next one is on time.
        pace.woke(at(13));
        assert_eq!(pace.until_next(at(13)), Duration::from_millis(7));
        // Very late: the next one is a whole frame later.
        pace.woke(at(57));
        assert_eq!(pace.until_next(at(57)), FRAME);
        pace.woke(at(67));
        assert_eq!(pace.until_next(at(67)), FRAME);
    }
}
