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

/// What was said while the clock was held up is said when it goes on, as a sound card hands over what
/// it captured meanwhile; after longer it stood still, as after the sleep of a laptop.
const SAYING_LATE_MAX: Duration = Duration::from_millis(100);

/// What was not heard in time is heard later. Two frames at once out of a speaker that has one ready
/// would leave a hole in a word.
const HEARING_LATE_MAX: Duration = Duration::from_millis(5);

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
    /// As much lateness is made up for.
    late_max: Duration,
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
        let start = Instant::now();
        let mut saying = Pace { due: start + FRAME, late_max: SAYING_LATE_MAX };
        let mut hearing = Pace { due: start + FRAME, late_max: HEARING_LATE_MAX };
        let mut heard = [0.0; FRAME_SAMPLES];
        let mut position = 0;
        while !self.shared.stop.load(Ordering::Relaxed) && self.mix.as_ref().is_none_or(Mix::is_running) {
            std::thread::sleep(saying.due.min(hearing.due).saturating_duration_since(Instant::now()));
            let now = Instant::now();
            while saying.takes_turn(now) {
                let said = self.next_frame();
                self.microphone.say(&said);
            }
            if hearing.takes_turn(now) {
                self.speaker.hear(&mut heard);
                if let Some(mix) = &self.mix {
                    mix.record(position, &heard);
                }
                position += FRAME_SAMPLES as u64;
            }
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
    /// Whether a frame is due at `now`; the next one is then due later.
    fn takes_turn(&mut self, now: Instant) -> bool {
        let due = now >= self.due;
        if due {
            let late = now.saturating_duration_since(self.due);
            self.due = if late > self.late_max { now } else { self.due } + FRAME;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_held_up_says_all_of_it_and_hears_no_faster() {
        let start = Instant::now();
        let turns = |pace: &mut Pace, ms| {
            (0..20).take_while(|_| pace.takes_turn(start + Duration::from_millis(ms))).count()
        };
        let mut saying = Pace { due: start, late_max: SAYING_LATE_MAX };
        let mut hearing = Pace { due: start, late_max: HEARING_LATE_MAX };
        // When they look, in ms, how many frames are said, and how many heard.
        for (ms, said, listened) in
            [(0, 1, 1), (9, 0, 0), (13, 1, 1), (20, 1, 1), (57, 3, 1), (60, 1, 0), (67, 0, 1), (500, 1, 1)]
        {
            assert_eq!((turns(&mut saying, ms), turns(&mut hearing, ms)), (said, listened), "{ms}");
        }
    }
}
