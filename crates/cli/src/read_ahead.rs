//! A file read ahead, frame by frame, on a thread of its own: whoever plays it never waits for a
//! disk or a decoder.

use crate::Failure;
use crate::play::Player;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use voicehall_engine::audio::{FRAME_SAMPLES, Frame};

/// Frames read ahead: a second, longer than a disk that others use takes.
const AHEAD_FRAMES: usize = 100;

/// What comes next of a file.
pub(crate) enum Next {
    /// 10 ms of it.
    Frame(Box<Frame>),
    /// It could not be read in time.
    NotYet,
    /// Nothing: it is over, or could not be read on.
    Over,
}

/// A file being read. Its thread ends with the file, or when this is dropped.
pub(crate) struct ReadAhead {
    frames: Receiver<Box<Frame>>,
    thread: JoinHandle<Result<(), Failure>>,
}

impl ReadAhead {
    /// Starts to read; with `repeat` again and again, without a pause between.
    pub(crate) fn start(player: Player, repeat: bool) -> std::io::Result<Self> {
        let (sender, frames) = sync_channel(AHEAD_FRAMES);
        let thread = std::thread::Builder::new()
            .name("reader".to_owned())
            .spawn(move || read(player, repeat, &sender))?;
        Ok(Self { frames, thread })
    }

    /// The next 10 ms, as far as they are read. Never blocks.
    pub(crate) fn next(&self) -> Next {
        match self.frames.try_recv() {
            Ok(frame) => Next::Frame(frame),
            Err(TryRecvError::Empty) => Next::NotYet,
            Err(TryRecvError::Disconnected) => Next::Over,
        }
    }

    /// Stops to read.
    ///
    /// # Errors
    /// [`Failure::File`] when the file could not be read to its end.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        drop(self.frames);
        self.thread.join().unwrap_or_else(|_| Err(std::io::Error::other("the reader panicked").into()))
    }
}

fn read(mut player: Player, repeat: bool, frames: &SyncSender<Box<Frame>>) -> Result<(), Failure> {
    let mut pending = Vec::new();
    loop {
        let mut empty = true;
        while player.read(&mut pending)? {
            empty = false;
            if !send_whole(&mut pending, frames) {
                return Ok(());
            }
        }
        // A file without a sample would start again for ever.
        if !repeat || empty {
            break;
        }
        player = player.reopen()?;
    }
    if !pending.is_empty() {
        pending.resize(FRAME_SAMPLES, 0.0);
        send_whole(&mut pending, frames);
    }
    Ok(())
}

/// Sends all whole frames, and returns whether anybody wants more.
fn send_whole(pending: &mut Vec<f32>, frames: &SyncSender<Box<Frame>>) -> bool {
    let whole = pending.len() - pending.len() % FRAME_SAMPLES;
    let all_sent = pending[..whole].as_chunks().0.iter().all(|frame| frames.send(Box::new(*frame)).is_ok());
    pending.drain(..whole);
    all_sent
}
