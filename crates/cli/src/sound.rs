//! Files in place of a microphone and a speaker: a clock that says one and hears the other.

use crate::Failure;
use crate::play::Player;
use crate::record::Recording;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use voicehall_engine::audio::FRAME_SAMPLES;
use voicehall_engine::device::{VirtualAudio, VirtualMicrophone, VirtualSpeaker};

/// Time of one frame.
const FRAME: Duration = Duration::from_millis(10);

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

struct Clock {
    microphone: VirtualMicrophone,
    speaker: VirtualSpeaker,
    player: Option<Player>,
    repeat: Option<std::path::PathBuf>,
    recording: Option<Recording>,
    pending: Vec<f32>,
    tail: u32,
    shared: Arc<Shared>,
}

impl FileSound {
    /// An audio system on which the file is said, again and again if `repeat` says which, and
    /// everything heard is recorded.
    pub(crate) fn start(
        player: Option<Player>,
        repeat: Option<std::path::PathBuf>,
        recording: Option<Recording>,
    ) -> Result<(Self, VirtualAudio), Failure> {
        let (audio, microphone, speaker) = VirtualAudio::new();
        let shared = Arc::new(Shared::default());
        let clock = Clock {
            microphone,
            speaker,
            player,
            repeat,
            recording,
            pending: Vec::new(),
            tail: TAIL_FRAMES,
            shared: Arc::clone(&shared),
        };
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

    /// Whether the file is over, or could not be read on.
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
        let start = Instant::now();
        let mut heard = [0.0; FRAME_SAMPLES];
        for frame in 1_u32.. {
            if self.shared.stop.load(Ordering::Relaxed) {
                break;
            }
            let due = start + FRAME * frame;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let said = self.next_frame()?;
            self.microphone.say(&said);
            self.speaker.hear(&mut heard);
            if let Some(recording) = &mut self.recording {
                recording.write(&heard)?;
            }
        }
        self.recording.map_or(Ok(()), Recording::finish)
    }

    fn next_frame(&mut self) -> Result<[f32; FRAME_SAMPLES], Failure> {
        let mut frame = [0.0; FRAME_SAMPLES];
        if !self.shared.playing.load(Ordering::Relaxed) {
            return Ok(frame);
        }
        let mut started_again = false;
        while self.pending.len() < FRAME_SAMPLES
            && let Some(player) = &mut self.player
        {
            if player.read(&mut self.pending)? {
                started_again = false;
                continue;
            }
            // A file without a sample would start again for ever.
            self.player = match self.repeat.as_ref().filter(|_| !started_again) {
                Some(path) => Some(Player::open(path)?),
                None => None,
            };
            started_again = true;
        }
        let taken = self.pending.len().min(FRAME_SAMPLES);
        frame[..taken].copy_from_slice(&self.pending[..taken]);
        self.pending.drain(..taken);
        if self.player.is_none() && self.pending.is_empty() {
            self.tail = self.tail.saturating_sub(1);
            self.shared.played.store(self.tail == 0, Ordering::Relaxed);
        }
        Ok(frame)
    }
}
