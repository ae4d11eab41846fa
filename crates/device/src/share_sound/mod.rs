//! The sound of a share: what the whole system plays without our own program, or what one program
//! plays. Who shares must not send the voices of a call back into it, so where our own sound cannot be
//! kept out there is no sound at all, and [`SoundLack`] says why.

#[cfg(target_os = "linux")]
mod links;
#[cfg(target_os = "linux")]
mod pipewire;
mod virtual_sound;

use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use thiserror::Error;
use voicehall_audio::{FRAME_SAMPLES, SAMPLE_RATE};

#[cfg(target_os = "linux")]
pub(crate) use pipewire::NODE_NAME;
#[cfg(target_os = "linux")]
pub use pipewire::PipeWireSound;
pub use virtual_sound::{VirtualProgram, VirtualSound};

/// 10 ms of left and right.
pub type StereoFrame = [[f32; 2]; FRAME_SAMPLES];

/// Sound kept at most when nobody reads: 200 ms. What comes then is lost.
const BACKLOG_FRAMES: usize = SAMPLE_RATE as usize / 5;

/// Whose sound is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's but our own.
    System,
    /// That of the program with this process, and of the processes that it has started.
    Program(u32),
}

/// A program that plays something now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayingProgram {
    /// Its process.
    pub process: u32,
    /// Its name for people.
    pub name: String,
}

/// Why a share has no sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SoundLack {
    /// What plays the sound here cannot tell our own from that of others.
    #[error("this system cannot keep our own sound out of it")]
    OwnSound,
    /// There is no sound server that could be asked.
    #[error("no sound server answers")]
    NoServer,
    /// The system does not let this program hear others.
    #[error("the system does not permit it")]
    Permission,
}

/// Everything whose sound can be shared.
pub trait SoundSystem: Send + Sync {
    /// Who plays something now.
    ///
    /// # Errors
    /// When no share can have sound here.
    fn programs(&self) -> Result<Vec<PlayingProgram>, SoundLack>;

    /// Starts to capture. Programs that start or stop playing are followed.
    ///
    /// # Errors
    /// When a share cannot have this sound.
    fn open(&self, scope: Scope) -> Result<ShareSound, SoundLack>;
}

/// The sound of this system, as far as it can be shared.
///
/// # Errors
/// When no share can have sound here.
pub fn native_sound() -> Result<Box<dyn SoundSystem>, SoundLack> {
    #[cfg(target_os = "linux")]
    return Ok(Box::new(PipeWireSound::new()?));
    #[cfg(not(target_os = "linux"))]
    Err(SoundLack::OwnSound)
}

/// Sound that is being captured, in 48 kHz stereo. Where nothing plays, nothing comes. Dropping it ends
/// the capture.
pub struct ShareSound {
    samples: Consumer<[f32; 2]>,
    over: Arc<AtomicBool>,
    /// Ends the capture when it goes.
    _source: Box<dyn Send>,
}

impl ShareSound {
    /// Takes the next 10 ms if they have been captured. To be called until it returns `false`.
    pub fn read(&mut self, frame: &mut StereoFrame) -> bool {
        let Ok(chunk) = self.samples.read_chunk(FRAME_SAMPLES) else { return false };
        for (sample, captured) in frame.iter_mut().zip(chunk) {
            *sample = captured;
        }
        true
    }

    /// Whether nothing more will come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// The end that is filled.
struct Filler {
    samples: Producer<[f32; 2]>,
    over: Arc<AtomicBool>,
}

impl Filler {
    /// Adds what there is room for.
    fn add(&mut self, samples: impl ExactSizeIterator<Item = [f32; 2]>) {
        let room = self.samples.slots().min(samples.len());
        if let Ok(chunk) = self.samples.write_chunk_uninit(room) {
            chunk.fill_from_iter(samples);
        }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Both ends. `source` is made with the one to fill.
fn ring<S: Send + 'static>(
    source: impl FnOnce(Filler) -> Result<S, SoundLack>,
) -> Result<ShareSound, SoundLack> {
    let (producer, samples) = RingBuffer::new(BACKLOG_FRAMES);
    let over = Arc::<AtomicBool>::default();
    let source = source(Filler { samples: producer, over: Arc::clone(&over) })?;
    Ok(ShareSound { samples, over, _source: Box::new(source) })
}
