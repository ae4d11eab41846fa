//! Short sounds for what happens in a call.

use std::f32::consts::TAU;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use rodio::buffer::SamplesBuffer;
use rodio::{DeviceSinkBuilder, DeviceSinkError, MixerDeviceSink, Player};

use crate::{DeviceChoice, native};

const RATE: NonZero<u32> = NonZero::new(48_000).expect("not zero");
const CHANNELS: NonZero<u16> = NonZero::new(1).expect("not zero");

/// Sounds that wait at most; more at once would only be noise.
const WAITING_MAX: usize = 8;

/// The device stays open this long after a sound, for the next one.
const LINGER: Duration = Duration::from_secs(2);

/// Well below a voice.
const VOLUME: f32 = 0.12;

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    /// Somebody came into the channel: two notes upwards.
    Join,
    /// Somebody left: two notes downwards.
    Leave,
    /// The own microphone was muted: one low note.
    Mute,
    /// The own microphone is open again: one high note.
    Unmute,
}

impl Sound {
    /// The sound as 48 kHz mono samples.
    #[must_use]
    pub fn samples(self) -> Vec<f32> {
        // Pentatonic notes, so that several at once still sound together.
        let notes: &[f32] = match self {
            Self::Join => &[523.25, 783.99],
            Self::Leave => &[783.99, 523.25],
            Self::Mute => &[392.00],
            Self::Unmute => &[587.33],
        };
        notes.iter().flat_map(|pitch| note(*pitch)).collect()
    }
}

/// A soft mallet: a sine and a little of its octave, quickly risen and slowly gone.
fn note(pitch: f32) -> impl Iterator<Item = f32> {
    let rate = RATE.get() as f32;
    let length = (rate * 0.11) as usize;
    (0..length).map(move |n| {
        let seconds = n as f32 / rate;
        let rise = (seconds / 0.004).min(1.0);
        let end = ((length - n) as f32 / (rate * 0.01)).min(1.0);
        let decay = (-seconds * 22.0).exp();
        let tone = (TAU * pitch * seconds).sin() + 0.25 * (TAU * 2.0 * pitch * seconds).sin();
        VOLUME * rise * end * decay * tone
    })
}

/// Plays [`Sound`]s on a speaker that is open only while they last: the system's default, or the
/// one that was chosen.
#[derive(Debug)]
pub struct UiSounds {
    sounds: mpsc::SyncSender<(Sound, f32)>,
    choice: Arc<Mutex<DeviceChoice>>,
}

impl UiSounds {
    /// Starts the thread that plays.
    ///
    /// # Errors
    /// If the system gives no more threads.
    pub fn start() -> std::io::Result<Self> {
        let (sounds, waiting) = mpsc::sync_channel(WAITING_MAX);
        let choice = Arc::<Mutex<DeviceChoice>>::default();
        let chosen = Arc::clone(&choice);
        thread::Builder::new().name("ui-sounds".to_owned()).spawn(move || play_all(&waiting, &chosen))?;
        Ok(Self { sounds, choice })
    }

    /// Changes the speaker, from the next sound after a pause on.
    pub fn choose(&self, choice: DeviceChoice) {
        *self.choice.lock().unwrap_or_else(PoisonError::into_inner) = choice;
    }

    /// Plays a sound, at once and without waiting, from 0 (silent) to 1 (as it is) loud. It is left out
    /// if there is no speaker or too many wait.
    pub fn play(&self, sound: Sound, volume: f32) {
        // A sound that does not fit is one too many.
        let _ = self.sounds.try_send((sound, volume.clamp(0.0, 1.0)));
    }
}

fn play_all(waiting: &mpsc::Receiver<(Sound, f32)>, choice: &Mutex<DeviceChoice>) {
    while let Ok((first, volume)) = waiting.recv() {
        let choice = choice.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut sink = match open(&choice) {
            Ok(sink) => sink,
            Err(error) => {
                tracing::debug!(%error, "no speaker for a UI sound");
                continue;
            }
        };
        sink.log_on_drop(false);
        play(&sink, first, volume);
        while let Ok((next, volume)) = waiting.recv_timeout(LINGER) {
            play(&sink, next, volume);
        }
    }
}

fn open(choice: &DeviceChoice) -> Result<MixerDeviceSink, DeviceSinkError> {
    let chosen = match choice {
        DeviceChoice::SystemDefault => None,
        DeviceChoice::Id(_) => native::speaker(choice),
    };
    let builder = match chosen {
        Some(device) => DeviceSinkBuilder::from_device(device),
        None => DeviceSinkBuilder::from_default_device(),
    };
    let log = |error| tracing::debug!(%error, "a UI sound was cut short");
    builder?.with_error_callback(log).open_stream()
}

fn play(sink: &MixerDeviceSink, sound: Sound, volume: f32) {
    let player = Player::connect_new(sink.mixer());
    player.set_volume(volume);
    player.append(SamplesBuffer::new(CHANNELS, RATE, sound.samples()));
    player.sleep_until_end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_are_short_soft_and_start_and_end_at_zero() {
        for sound in [Sound::Join, Sound::Leave, Sound::Mute, Sound::Unmute] {
            let samples = sound.samples();
            assert!(samples.len() < 48_000 / 2, "{sound:?}");
            let peak = samples.iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
            assert!((0.02..0.3).contains(&peak), "{sound:?}: {peak}");
            for edge in [samples.first(), samples.last()] {
                assert!(edge.is_some_and(|s| s.abs() < 1e-3), "{sound:?}");
            }
        }
        assert_ne!(Sound::Join.samples(), Sound::Leave.samples());
    }
}
