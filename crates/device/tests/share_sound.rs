//! The sound of a share from a real sound server: what others play is in it, what we play is not.
#![cfg(target_os = "linux")]

mod sound_server;

use sound_server::{SoundServer, wait, with_sound_server};
use std::f32::consts::TAU;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use voicehall_audio::{FRAME_SAMPLES, Frame};
use voicehall_device::share_sound::{PipeWireSound, Scope, ShareSound, SoundLack, SoundSystem};
use voicehall_device::{AudioSystem, DeviceChoice, NativeAudio, Speaker};

const AMPLITUDE: f32 = 0.5;

/// 60 dB.
const THOUSANDTH: f32 = 0.001;

/// Another program that plays a tone until it is stopped.
struct Program(Child);

impl Program {
    /// By PipeWire's own protocol or PulseAudio's.
    fn play(player: &str, hertz: f32, channels: u16) -> Self {
        let file = tone(hertz, channels);
        let child = Command::new(player)
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{player}: {error}"));
        Self(child)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A file with two minutes of a tone.
fn tone(hertz: f32, channels: u16) -> PathBuf {
    let samples = (0..48_000 * 120).map(|n| (AMPLITUDE * wave(hertz, n) * 32_767.0).round() as i16);
    let data: Vec<u8> = samples.flat_map(|sample| sample.to_le_bytes().repeat(channels.into())).collect();
    let (rate, frame) = (48_000_u32, 2 * channels);
    let mut file = Vec::from(*b"RIFF");
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(frame)).to_le_bytes());
    file.extend(frame.to_le_bytes());
    file.extend(16_u16.to_le_bytes());
    file.extend(b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    let folder = std::env::var_os("XDG_RUNTIME_DIR").expect("the session has one");
    let path = Path::new(&folder).join(format!("{hertz}.wav"));
    std::fs::write(&path, file).expect("it can be written");
    path
}

fn wave(hertz: f32, n: usize) -> f32 {
    let turns = f64::from(hertz) * n as f64 / 48_000.0;
    (turns.fract() as f32 * TAU).sin()
}

/// How loud a tone is.
fn amplitude(samples: &[f32], hertz: f32) -> f32 {
    let window = |n: usize| 0.5 - 0.5 * (TAU * n as f32 / samples.len() as f32).cos();
    let (re, im) = samples.iter().enumerate().fold((0.0, 0.0), |(re, im), (n, sample)| {
        let sample = f64::from(sample * window(n));
        let phase = std::f64::consts::TAU * f64::from(hertz) * n as f64 / 48_000.0;
        (re + sample * phase.cos(), im + sample * phase.sin())
    });
    (4.0 * f64::hypot(re, im) / samples.len() as f64) as f32
}

/// Our own program, which plays a tone all the while.
struct Ourselves(std::sync::Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);

impl Ourselves {
    fn play(mut speaker: Speaker, hertz: f32) -> Self {
        let over = std::sync::Arc::<AtomicBool>::default();
        let ended = std::sync::Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut played = 0;
            while !ended.load(Ordering::Relaxed) {
                while speaker.wants_frame() {
                    let frame: Frame = std::array::from_fn(|n| AMPLITUDE * wave(hertz, played + n));
                    played += FRAME_SAMPLES;
                    speaker.write(&frame);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Self(over, Some(thread))
    }
}

impl Drop for Ourselves {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        if let Some(thread) = self.1.take() {
            thread.join().expect("it plays");
        }
    }
}

/// So much sound is judged at once: long enough to tell tones apart, and short enough to be without a gap
/// on a machine that does other things too.
const JUDGED: usize = 9_600;

/// Each side of a share.
struct Ear(ShareSound, [Vec<f32>; 2]);

impl Ear {
    fn open(system: &PipeWireSound, scope: Scope) -> Self {
        Self(system.open(scope).expect("there is a sound server"), Default::default())
    }

    /// Listens until both sides are as wanted.
    fn until(&mut self, what: &str, is: impl Fn(&[f32]) -> bool) {
        wait(what, || {
            self.listen()?;
            self.1.iter().all(|heard| is(heard)).then_some(())
        });
    }

    /// Listens anew, without doing anything else meanwhile: what nobody takes in time is lost. None where
    /// nothing comes.
    fn listen(&mut self) -> Option<()> {
        let mut frame = [[0.0; 2]; FRAME_SAMPLES];
        while self.0.read(&mut frame) {}
        self.1 = Default::default();
        let end = Instant::now() + Duration::from_secs(2);
        while self.1[0].len() < JUDGED {
            if self.0.read(&mut frame) {
                for (side, heard) in self.1.iter_mut().enumerate() {
                    heard.extend(frame.iter().map(|sample| sample[side]));
                }
            } else if Instant::now() > end {
                return None;
            } else {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        Some(())
    }
}

fn is_loud(samples: &[f32], hertz: f32) -> bool {
    (0.9..1.1).contains(&(amplitude(samples, hertz) / AMPLITUDE))
}

#[test]
fn others_are_in_the_share_and_we_are_not() {
    with_sound_server("others_are_in_the_share_and_we_are_not", shared);
}

fn shared(server: SoundServer) {
    let (_speaker, _microphone) = sound_server::whistle::loopback(&server);
    let audio = NativeAudio::start().unwrap();
    let _ourselves = Ourselves::play(audio.open_speaker(DeviceChoice::SystemDefault), 2_000.0);
    let game = Program::play("pw-play", 1_000.0, 2);

    // All of it is heard in the room.
    let mut microphone = audio.open_microphone(DeviceChoice::SystemDefault);
    let mut room: Vec<f32> = Vec::new();
    let mut frame: Frame = [0.0; FRAME_SAMPLES];
    wait("the room hears both", || {
        while microphone.read(&mut frame) {
            room.extend(frame);
        }
        let start = room.len().checked_sub(JUDGED)?;
        let heard = |hertz| amplitude(&room[start..], hertz) > 0.3 * AMPLITUDE;
        (heard(1_000.0) && heard(2_000.0)).then_some(())
    });

    let system = PipeWireSound::new().unwrap();
    let programs = system.programs().unwrap();
    let processes: Vec<u32> = programs.iter().map(|program| program.process).collect();
    assert_eq!(processes, [game.0.id()], "{programs:?}");

    let mut share = Ear::open(&system, Scope::System);
    let without_us = |samples: &[f32]| amplitude(samples, 2_000.0) < AMPLITUDE * THOUSANDTH;
    share.until("the game is shared and we are not", |heard| is_loud(heard, 1_000.0) && without_us(heard));
    let ours = share.1.iter().map(|side| amplitude(side, 2_000.0));
    let loudest = ours.fold(0.0, f32::max);
    println!("our own tone is {:.0} dB below the other", 20.0 * (AMPLITUDE / loudest.max(1e-9)).log10());

    // Another joins, by the other protocol and with one channel.
    let music = Program::play("paplay", 3_000.0, 1);
    let mut of_music = Ear::open(&system, Scope::Program(music.0.id()));
    share.until("both are shared", |heard| {
        is_loud(heard, 1_000.0) && is_loud(heard, 3_000.0) && without_us(heard)
    });
    of_music.until("the music alone is shared", |heard| {
        is_loud(heard, 3_000.0) && amplitude(heard, 1_000.0) < AMPLITUDE * THOUSANDTH && without_us(heard)
    });
    drop(music);
    share.until("the game is left", |heard| {
        is_loud(heard, 1_000.0) && amplitude(heard, 3_000.0) < AMPLITUDE * THOUSANDTH && without_us(heard)
    });
}

#[test]
fn a_share_without_a_sound_server_says_so_and_one_that_loses_it_is_over() {
    let test = "a_share_without_a_sound_server_says_so_and_one_that_loses_it_is_over";
    with_sound_server(test, |mut server| {
        let system = PipeWireSound::new().unwrap();
        assert_eq!(system.programs(), Ok(vec![]));
        let share = system.open(Scope::System).unwrap();
        assert!(!share.is_over());
        server.kill();
        wait("the share is over", || share.is_over().then_some(()));
        assert_eq!(system.open(Scope::System).err(), Some(SoundLack::NoServer));
        assert_eq!(PipeWireSound::new().err(), Some(SoundLack::NoServer));
    });
}
