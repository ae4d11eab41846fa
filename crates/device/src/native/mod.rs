//! Real devices, through cpal.

#[cfg(windows)]
mod ducking;
#[cfg(target_os = "linux")]
mod graph;
mod host;
mod streams;
mod supervisor;

use std::sync::mpsc;
use std::thread;

use crate::microphone::StreamControl;
use crate::{AudioSystem, DeviceChoice, DeviceEvent, DeviceInfo, Direction, Microphone, Speaker};
pub(crate) use host::speaker;
use supervisor::{Command, Link, Supervisor};

/// The operating system's microphones and speakers.
///
/// Streams follow the system's default if asked to, survive unplug, replug and a restart of the
/// sound server, and are rebuilt within a second. The system's volumes are never touched.
#[derive(Debug)]
pub struct NativeAudio {
    commands: mpsc::Sender<Command>,
    thread: Option<thread::JoinHandle<()>>,
}

impl NativeAudio {
    /// Starts the supervisor. No device is opened yet.
    ///
    /// # Errors
    /// If the system gives no more threads.
    pub fn start() -> std::io::Result<Self> {
        let (commands, received) = mpsc::channel();
        let failures = commands.clone();
        let thread = thread::Builder::new()
            .name("audio-devices".to_owned())
            .spawn(move || Supervisor::new(received, failures).run())?;
        Ok(Self { commands, thread: Some(thread) })
    }

    fn open(&self, direction: Direction, choice: DeviceChoice, link: Link) -> Control {
        let id = supervisor::next_stream_id();
        let control = Control { id, commands: self.commands.clone() };
        control.tell(Command::Open { id, direction, choice, link });
        control
    }
}

impl AudioSystem for NativeAudio {
    fn devices(&self, direction: Direction) -> Vec<DeviceInfo> {
        let (answer, answered) = mpsc::channel();
        let asked = self.commands.send(Command::List { direction, answer });
        // Without a supervisor there are no devices.
        asked.ok().and_then(|()| answered.recv().ok()).unwrap_or_default()
    }

    fn open_microphone(&self, choice: DeviceChoice) -> Microphone {
        let (link, rings) = mpsc::channel();
        let control = self.open(Direction::Input, choice, Link::Microphone(link));
        Microphone::new(rings, Box::new(control))
    }

    fn open_speaker(&self, choice: DeviceChoice) -> Speaker {
        let (link, rings) = mpsc::channel();
        let control = self.open(Direction::Output, choice, Link::Speaker(link));
        Speaker::new(rings, Box::new(control))
    }

    fn events(&self) -> mpsc::Receiver<DeviceEvent> {
        let (listener, events) = mpsc::channel();
        // Without a supervisor the receiver ends at once, which says so.
        let _ = self.commands.send(Command::Listen { listener });
        events
    }
}

impl Drop for NativeAudio {
    fn drop(&mut self) {
        // A supervisor that is gone needs no telling.
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Control {
    id: u64,
    commands: mpsc::Sender<Command>,
}

impl Control {
    fn tell(&self, command: Command) {
        // Only fails when the audio system was dropped first; then the stream is closed already.
        let _ = self.commands.send(command);
    }
}

impl StreamControl for Control {
    fn choose(&self, choice: DeviceChoice) {
        self.tell(Command::Choose { id: self.id, choice });
    }

    fn catch_up(&self) {
        self.tell(Command::CatchUp { id: self.id });
    }

    fn close(&self) {
        self.tell(Command::Close { id: self.id });
    }
}
