//! The media thread: moves sound between the devices and the desk, on the devices' clock. It waits
//! for nothing but its own timer and instructions; the network's packets come and go through
//! bounded queues that never block.

mod desk;
mod meters;
mod playback;
mod unheard;

pub(crate) use desk::Seat;
pub(crate) use playback::Playback;

use crate::receive::JitterStats;
use crate::send::{Sender, Talk};
use desk::Desk;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use voicehall_audio::{FRAME_SAMPLES, Frame};
use voicehall_device::{DeviceChoice, Microphone, Speaker, StreamStatus};
use voicehall_protocol::engine::{AudioSettings, PlaybackPhase, UnheardReason};
use voicehall_protocol::rtp::SourceId;

/// Shortest sleep. A device that calls back in bursts is looked after this often while the next
/// burst is due; half of it is the delay this costs.
const SLEEP_MIN: Duration = Duration::from_micros(1_000);

/// Longest sleep while anything is open.
const SLEEP_MAX: Duration = Duration::from_millis(10);

/// A speaker that has wanted nothing for this long is none: the call's time goes on without it.
const SPEAKER_SILENT: Duration = Duration::from_millis(200);

/// Time of one frame.
const FRAME: Duration = Duration::from_millis(10);

/// How often the receive path's figures are told.
const QUALITY_INTERVAL: Duration = Duration::from_secs(1);

/// Instructions that may wait. They come at the pace of people.
const INSTRUCTIONS_MAX: usize = 256;

/// Shown every voice of a call as it is mixed, before its volume: for recording each apart. Runs
/// on the media thread, so it must not block.
pub trait VoiceTap: Send {
    /// `samples` of `source` (48 kHz mono), `position` samples after the engine's first mix.
    fn voice(&mut self, source: SourceId, position: u64, samples: &[f32]);
}

/// What the media thread is told.
pub(crate) enum Instruction {
    /// What concerns the desk.
    Desk(Order),
    /// Opens, or closes, the microphone.
    Microphone(Option<Microphone>),
    /// Opens, or closes, the speaker.
    Speaker(Option<Speaker>),
    /// Changes the devices of what is open.
    Choose { input: DeviceChoice, output: DeviceChoice },
}

/// What the desk is told.
pub(crate) enum Order {
    /// A call begins.
    Take(Box<Seat>),
    /// The call is over.
    Leave,
    /// Mutes and deafens.
    Mute { muted: bool, deafened: bool },
    /// The talk keys say something else now.
    Talk(Talk),
    /// Sets a source's volume.
    Volume { source: SourceId, volume: f32 },
    /// Says who the priority speakers are.
    Priority(Vec<SourceId>),
    /// Switches on or off that processing is told; with a recording, it is made and played.
    Monitor { on: bool, playback: Option<Box<Playback>> },
    /// Applies settings.
    Audio(Box<AudioSettings>),
    /// Sets the microphone's Opus bitrate.
    Bitrate(u32),
    /// Tells the encoder what share of its packets gets lost.
    ExpectedLoss(f32),
}

impl From<Order> for Instruction {
    fn from(order: Order) -> Self {
        Self::Desk(order)
    }
}

/// What the media thread tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Notice {
    /// The microphone, every 50 ms.
    Input { level_dbfs: f32, speech: f32, sending: bool },
    /// Levels of the microphone, without noise, after automatic gain and as sent, in dBFS, every
    /// 50 ms while it is monitored.
    Processing([f32; 4]),
    /// The playback of one's own voice.
    Playback(PlaybackPhase),
    /// Who is heard.
    Speaking(Vec<SourceId>),
    /// Somebody speaks and is not heard.
    Unheard(UnheardReason),
    /// The receive path, every second of a call.
    Quality(Quality),
}

/// What the receive path did since the call began, and how its slots stand.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Quality {
    pub received: u64,
    pub lost: u64,
    pub payload_bytes: u64,
    /// How often samples were lost at the microphone or missing at the speaker, since each was opened.
    pub glitches: u64,
    pub jitter: Duration,
    pub buffer: Duration,
    /// Voice in one packet sent.
    pub packet: Duration,
    pub delays: OwnDelays,
}

/// What this machine adds to a voice's delay; none is not known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct OwnDelays {
    pub capture: Option<Duration>,
    pub processing: Duration,
    pub playback: Option<Duration>,
}

/// The thread's handle. Dropping it ends the thread.
pub(crate) struct MediaThread {
    instructions: Option<SyncSender<Instruction>>,
    thread: Option<JoinHandle<()>>,
}

impl MediaThread {
    /// Starts the thread.
    pub(crate) fn start(
        sender: Sender,
        settings: &AudioSettings,
        tap: Option<Box<dyn VoiceTap>>,
        notices: mpsc::Sender<Notice>,
    ) -> std::io::Result<Self> {
        let (instructions, receiver) = sync_channel(INSTRUCTIONS_MAX);
        let desk = Desk::new(sender, settings, tap, notices);
        let media = Media {
            desk,
            microphone: None,
            speaker: None,
            rendered_at: Instant::now(),
            quality_at: Instant::now(),
        };
        let thread = std::thread::Builder::new().name("media".to_owned()).spawn(move || {
            voicehall_device::realtime::raise_media();
            media.run(&receiver);
        })?;
        Ok(Self { instructions: Some(instructions), thread: Some(thread) })
    }

    /// Tells the thread something.
    pub(crate) fn instruct(&self, instruction: impl Into<Instruction>) {
        let Some(instructions) = &self.instructions else { return };
        if let Err(TrySendError::Full(_)) = instructions.try_send(instruction.into()) {
            tracing::error!("the media thread does not follow its instructions");
        }
    }
}

impl Drop for MediaThread {
    fn drop(&mut self) {
        self.instructions = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the media thread panicked");
        }
    }
}

struct Media {
    desk: Desk,
    microphone: Option<Microphone>,
    speaker: Option<Speaker>,
    rendered_at: Instant,
    quality_at: Instant,
}

impl Media {
    fn run(mut self, instructions: &Receiver<Instruction>) {
        loop {
            let instruction = if self.is_idle() {
                instructions.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                instructions.recv_timeout(self.until_next())
            };
            match instruction {
                Ok(instruction) => self.instruct(instruction),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.work();
        }
    }

    fn is_idle(&self) -> bool {
        self.microphone.is_none() && self.speaker.is_none() && self.desk.receiver().is_none()
    }

    fn instruct(&mut self, instruction: Instruction) {
        match instruction {
            Instruction::Microphone(microphone) => self.microphone = microphone,
            Instruction::Speaker(speaker) => self.speaker = speaker,
            Instruction::Choose { input, output } => {
                if let Some(microphone) = &self.microphone {
                    microphone.choose(input);
                }
                if let Some(speaker) = &self.speaker {
                    speaker.choose(output);
                }
            }
            Instruction::Desk(order) => self.desk.carry_out(order),
        }
    }

    /// Moves all the sound that is due.
    fn work(&mut self) {
        let mut frame: Frame = [0.0; FRAME_SAMPLES];
        if let Some(speaker) = &mut self.speaker {
            while speaker.wants_frame() {
                self.rendered_at = Instant::now();
                self.desk.render(self.rendered_at, &mut frame);
                speaker.write(&frame);
            }
        }
        self.render_unheard(&mut frame);
        if let Some(microphone) = &mut self.microphone {
            while microphone.read(&mut frame) {
                self.desk.captured(Instant::now(), &mut frame);
            }
        }
        let now = Instant::now();
        if now.saturating_duration_since(self.quality_at) >= QUALITY_INTERVAL {
            self.quality_at = now;
            if let Some(quality) = self.quality() {
                self.desk.notify(Notice::Quality(quality));
            }
        }
    }

    /// Without a speaker the call's time goes on, so that who speaks is seen and the slots stay in
    /// step.
    fn render_unheard(&mut self, frame: &mut Frame) {
        let now = Instant::now();
        let behind = now.saturating_duration_since(self.rendered_at);
        if behind < SPEAKER_SILENT {
            return;
        }
        if self.desk.receiver().is_none() {
            self.rendered_at = now;
            return;
        }
        self.desk.render(now, frame);
        // One frame a round until the speaker is back: what is behind by more is not made up for.
        self.rendered_at = (self.rendered_at + FRAME).max(now - SPEAKER_SILENT);
    }

    fn until_next(&mut self) -> Duration {
        let capture = self.microphone.as_mut().map_or(SLEEP_MAX, Microphone::until_frame);
        let playback = self.speaker.as_ref().map_or(SLEEP_MAX, Speaker::until_wanted);
        capture.min(playback).clamp(SLEEP_MIN, SLEEP_MAX)
    }

    fn quality(&self) -> Option<Quality> {
        let receiver = self.desk.receiver()?;
        let mut quality = Quality { payload_bytes: receiver.payload_bytes(), ..Quality::default() };
        for slot in receiver.slots() {
            let JitterStats { received, lost, .. } = slot;
            quality.received += received;
            quality.lost += lost;
            quality.buffer = quality.buffer.max(slot.delay_current);
        }
        quality.jitter = receiver.jitter();
        quality.packet = self.desk.sender().packet();
        quality.delays = self.delays();
        quality.glitches = self.glitches();
        Some(quality)
    }

    fn glitches(&self) -> u64 {
        let microphone = self.microphone.as_ref().and_then(Microphone::status);
        let speaker = self.speaker.as_ref().and_then(Speaker::status);
        microphone.into_iter().chain(speaker).map(StreamStatus::glitches).sum()
    }

    fn delays(&self) -> OwnDelays {
        // A system that does not tell its latency says 0.
        let tells = |status: &&StreamStatus| !status.device_latency().is_zero();
        let microphone = self.microphone.as_ref().and_then(Microphone::status).filter(tells);
        let speaker = self.speaker.as_ref().filter(|speaker| speaker.status().as_ref().is_some_and(tells));
        OwnDelays {
            // What waits for a packet to fill counts as processing.
            capture: microphone.map(StreamStatus::device_latency),
            processing: self.desk.sender().delay(),
            playback: speaker.map(Speaker::latency),
        }
    }
}
