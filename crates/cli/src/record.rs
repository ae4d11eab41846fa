//! Recordings: WAV files of the mix and of each speaker.

use crate::Failure;
use hound::{SampleFormat, WavSpec, WavWriter};
use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use voicehall_engine::VoiceTap;
use voicehall_engine::audio::{Frame, SAMPLE_RATE};
use voicehall_protocol::ids::UserId;
use voicehall_protocol::rtp::SourceId;

/// Pieces of voices that may wait for the disk: some seconds of eight voices.
const PIECES_MAX: usize = 4096;

/// Longest silence written between two pieces of a voice, in samples: a file is never larger than
/// its recording is long, whatever a position says.
const SILENCE_MAX: u64 = 24 * 3600 * SAMPLE_RATE as u64;

/// A WAV file, 48 kHz mono, 16 bits.
pub(crate) struct Recording {
    path: PathBuf,
    writer: WavWriter<BufWriter<File>>,
    samples: u64,
}

impl Recording {
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let spec = WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let writer = WavWriter::create(path, spec)
            .map_err(|error| Failure::File { path: path.to_owned(), reason: error.to_string() })?;
        Ok(Self { path: path.to_owned(), writer, samples: 0 })
    }

    fn write(&mut self, samples: &[f32]) -> Result<(), Failure> {
        for sample in samples {
            let whole = (sample * f32::from(i16::MAX)).round().clamp(i16::MIN.into(), i16::MAX.into()) as i16;
            self.writer.write_sample(whole).map_err(|error| self.failed(&error))?;
        }
        self.samples += samples.len() as u64;
        Ok(())
    }

    /// Writes silence up to a position.
    fn pad(&mut self, position: u64) -> Result<(), Failure> {
        let missing = position.saturating_sub(self.samples).min(SILENCE_MAX);
        for _ in 0..missing {
            self.writer.write_sample(0_i16).map_err(|error| self.failed(&error))?;
        }
        self.samples += missing;
        Ok(())
    }

    /// Writes the length into the header.
    fn finish(self) -> Result<(), Failure> {
        let path = self.path;
        self.writer.finalize().map_err(|error| Failure::File { path, reason: error.to_string() })
    }

    fn failed(&self, error: &hound::Error) -> Failure {
        Failure::File { path: self.path.clone(), reason: error.to_string() }
    }
}

/// Frames of the mix that may wait for the disk: half a minute.
const FRAMES_MAX: usize = 3000;

/// Records the mix on a thread of its own: what keeps time does not wait for a disk.
pub(crate) struct Mix {
    frames: SyncSender<(u64, Box<Frame>)>,
    thread: JoinHandle<Result<(), Failure>>,
}

impl Mix {
    /// Starts to record.
    pub(crate) fn start(mut recording: Recording) -> std::io::Result<Self> {
        let (frames, waiting) = sync_channel::<(u64, Box<Frame>)>(FRAMES_MAX);
        let thread = std::thread::Builder::new().name("mix recorder".to_owned()).spawn(move || {
            for (position, frame) in waiting {
                recording.pad(position)?;
                recording.write(&frame[..])?;
            }
            recording.finish()
        })?;
        Ok(Self { frames, thread })
    }

    /// Takes 10 ms of sound, `position` samples after the first. Never blocks; of a disk that cannot
    /// follow at all something is missing in the recording, as silence, and nothing in the call.
    pub(crate) fn record(&self, position: u64, frame: &Frame) {
        let _ = self.frames.try_send((position, Box::new(*frame)));
    }

    /// Whether it goes on: a full disk ends it.
    pub(crate) fn is_running(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Waits until everything is written.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        drop(self.frames);
        self.thread.join().unwrap_or_else(|_| Err(std::io::Error::other("the recorder panicked").into()))
    }
}

/// Whose voice each source is, as far as is known.
pub(crate) type Names = Arc<Mutex<HashMap<SourceId, (UserId, String)>>>;

struct Piece {
    source: SourceId,
    position: u64,
    samples: Vec<f32>,
}

/// Sends each voice to the thread that writes it.
struct Splitter(SyncSender<Piece>);

impl VoiceTap for Splitter {
    fn voice(&mut self, source: SourceId, position: u64, samples: &[f32]) {
        // A disk that cannot follow loses some of the recording, not of the call.
        let _ = self.0.try_send(Piece { source, position, samples: samples.to_vec() });
    }
}

/// Records every speaker apart. Its thread ends when the tap is dropped.
pub(crate) struct Speakers(JoinHandle<Result<(), Failure>>);

impl Speakers {
    /// Starts to record into a directory, which is made if there is none.
    pub(crate) fn record(directory: &Path, names: Names) -> Result<(Self, Box<dyn VoiceTap>), Failure> {
        std::fs::create_dir_all(directory)
            .map_err(|error| Failure::File { path: directory.to_owned(), reason: error.to_string() })?;
        let (sender, pieces) = sync_channel(PIECES_MAX);
        let mut files = Files { directory: directory.to_owned(), names, open: HashMap::new() };
        let thread =
            std::thread::Builder::new().name("recorder".to_owned()).spawn(move || files.write(&pieces))?;
        Ok((Self(thread), Box::new(Splitter(sender))))
    }

    /// Waits until everything is written. The engine with the tap must be gone.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.0.join().unwrap_or_else(|_| Err(std::io::Error::other("the recorder panicked").into()))
    }
}

/// Who a file is for: a person through all their sessions, or a source nobody named.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Owner {
    User(UserId),
    Unknown(SourceId),
}

struct Files {
    directory: PathBuf,
    names: Names,
    open: HashMap<Owner, Recording>,
}

impl Files {
    fn write(&mut self, pieces: &Receiver<Piece>) -> Result<(), Failure> {
        while let Ok(piece) = pieces.recv() {
            let (owner, name) = self.owner(piece.source);
            if !self.open.contains_key(&owner) {
                let recording = Recording::create(&self.path(&name))?;
                self.open.insert(owner.clone(), recording);
            }
            if let Some(recording) = self.open.get_mut(&owner) {
                recording.pad(piece.position)?;
                recording.write(&piece.samples)?;
            }
        }
        self.open.drain().try_for_each(|(_, recording)| recording.finish())
    }

    fn owner(&self, source: SourceId) -> (Owner, String) {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        match names.get(&source) {
            Some((user, name)) => (Owner::User(*user), file_name(name)),
            None => (Owner::Unknown(source), format!("unknown-{}", source.0)),
        }
    }

    /// A path that no other speaker has: people may share a name.
    fn path(&self, name: &str) -> PathBuf {
        let taken = |path: &PathBuf| self.open.values().any(|recording| recording.path == *path);
        let numbered = (1_u32..).map(|number| match number {
            1 => self.directory.join(format!("{name}.wav")),
            _ => self.directory.join(format!("{name}-{number}.wav")),
        });
        numbered.into_iter().find(|path| !taken(path)).unwrap_or_default()
    }
}

/// A name as a file's: nothing that a file system or a shell takes for something else.
fn file_name(name: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | ' ' | '.') { c } else { '_' };
    let name: String = name.chars().map(safe).collect();
    let name = name.trim().trim_start_matches('.');
    if name.is_empty() { "_".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speakers_are_recorded_apart_in_time_under_their_names() {
        let directory = tempfile::tempdir().unwrap();
        let names = Names::default();
        let user = |id, name: &str| (UserId(id), name.to_owned());
        names.lock().unwrap().insert(SourceId(4), user(1, "Ann/../Ann"));
        names.lock().unwrap().insert(SourceId(8), user(2, "Bob"));
        names.lock().unwrap().insert(SourceId(12), user(3, "Bob"));
        let (speakers, mut tap) = Speakers::record(directory.path(), Arc::clone(&names)).unwrap();
        tap.voice(SourceId(4), 0, &[0.5; 100]);
        tap.voice(SourceId(8), 300, &[0.25; 100]);
        tap.voice(SourceId(4), 200, &[0.5; 100]);
        tap.voice(SourceId(12), 0, &[0.1; 10]);
        tap.voice(SourceId(16), 0, &[0.1; 10]);
        drop(tap);
        speakers.finish().unwrap();
        let read = |name: &str| -> Vec<i16> {
            let file = hound::WavReader::open(directory.path().join(name)).unwrap();
            file.into_samples().map(Result::unwrap).collect()
        };
        let ann = read("Ann_.._Ann.wav");
        assert_eq!((ann.len(), ann[50], ann[150], ann[250]), (300, 16384, 0, 16384));
        let bob = read("Bob.wav");
        assert_eq!((bob.len(), bob[0], bob[350]), (400, 0, 8192));
        assert_eq!(read("Bob-2.wav").len(), 10);
        assert_eq!(read("unknown-16.wav").len(), 10);
    }

    #[test]
    fn file_names_stay_in_their_directory() {
        for (name, file) in [("..", "_"), ("", "_"), ("a/b", "a_b"), (".x", "x"), ("Zoë 1", "Zoë 1")] {
            assert_eq!(file_name(name), file);
        }
    }
}
