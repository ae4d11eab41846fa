//! Keeps streams running while devices come and go.
//!
//! A stream that reports an error is torn down at the first one, since some systems repeat it for
//! ever, and built anew, on the same device if it is there, else on the system's default, until
//! one works.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use cpal::ErrorKind;

use super::host::{self, Hosts};
use super::streams;
use crate::microphone::InputRing;
use crate::speaker::OutputRing;
use crate::{DeviceChoice, DeviceEvent, DeviceId, DeviceInfo, Direction, Lack};

/// Between two attempts to open a device. Short enough that a replugged headset is heard within a
/// second, long enough not to keep a sound server busy that is just starting.
const RETRY: Duration = Duration::from_millis(250);

/// From a change of devices to asking for them before somebody joins: they come and go in numbers.
const CALM: Duration = Duration::from_millis(500);

/// Between two looks at the list of devices while a stream runs.
const LOOK: Duration = Duration::from_secs(1);

/// Where a stream's ring is handed over.
#[derive(Debug)]
pub(super) enum Link {
    Microphone(mpsc::Sender<InputRing>),
    Speaker(mpsc::Sender<OutputRing>),
}

#[derive(Debug)]
pub(super) enum Command {
    Open {
        id: u64,
        direction: Direction,
        choice: DeviceChoice,
        link: Link,
    },
    Choose {
        id: u64,
        choice: DeviceChoice,
    },
    Close {
        id: u64,
    },
    /// A stream plays later than it should.
    CatchUp {
        id: u64,
    },
    /// A stream ended by itself.
    Failed {
        id: u64,
        generation: u64,
        reason: String,
    },
    /// Devices or defaults may have changed.
    Look,
    List {
        direction: Direction,
        answer: mpsc::Sender<Vec<DeviceInfo>>,
    },
    Listen {
        listener: mpsc::Sender<DeviceEvent>,
    },
    Stop,
}

pub(super) fn next_stream_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A stream that shall run, and whether it does.
struct Kept {
    id: u64,
    direction: Direction,
    choice: DeviceChoice,
    link: Link,
    running: Option<Running>,
    /// Counts attempts, so that an error of an earlier one is not taken for one of this.
    generation: u64,
    retry: Instant,
    told_lost: bool,
}

/// Why a stream could not be opened.
struct Failure {
    lack: Lack,
    reason: String,
}

impl Failure {
    fn no_device() -> Self {
        Self { lack: Lack::Device, reason: "there is no device".to_owned() }
    }

    fn of(error: &cpal::Error) -> Self {
        let forbidden = error.kind() == ErrorKind::PermissionDenied;
        let lack = if forbidden { Lack::Permission } else { Lack::Device };
        Self { lack, reason: error.to_string() }
    }
}

struct Running {
    /// Dropping it stops the stream.
    _stream: cpal::Stream,
    device: Option<DeviceId>,
    name: Option<String>,
    stand_in: bool,
}

pub(super) struct Supervisor {
    commands: mpsc::Receiver<Command>,
    failures: mpsc::Sender<Command>,
    hosts: Hosts,
    streams: Vec<Kept>,
    listeners: Vec<mpsc::Sender<DeviceEvent>>,
    known: Option<BTreeSet<DeviceId>>,
    look: Instant,
    /// When the host is to be asked for its devices, so that the next stream need not wait.
    prepare: Option<Instant>,
}

impl Supervisor {
    pub(super) fn new(commands: mpsc::Receiver<Command>, failures: mpsc::Sender<Command>) -> Self {
        let look = failures.clone();
        let changed = move || {
            // The supervisor is gone only when the program ends.
            let _ = look.send(Command::Look);
        };
        Self {
            commands,
            failures,
            hosts: Hosts::new(changed),
            streams: Vec::new(),
            listeners: Vec::new(),
            known: None,
            look: Instant::now(),
            prepare: None,
        }
    }

    pub(super) fn run(mut self) {
        loop {
            let command = match self.next_turn() {
                Some(turn) => self.commands.recv_timeout(turn.saturating_duration_since(Instant::now())),
                None => self.commands.recv().map_err(mpsc::RecvTimeoutError::from),
            };
            match command {
                Ok(Command::Stop) | Err(mpsc::RecvTimeoutError::Disconnected) => return,
                Ok(command) => self.handle(command),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            self.take_turn(Instant::now());
        }
    }

    /// When there is something to do without a command; never while no stream shall run.
    fn next_turn(&self) -> Option<Instant> {
        let waiting = self.streams.iter().filter(|kept| kept.running.is_none());
        let look = (!self.streams.is_empty() && !self.hosts.tells_changes()).then_some(self.look);
        waiting.map(|kept| kept.retry).chain(look).chain(self.prepare).min()
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Open { id, direction, choice, link } => self.streams.push(Kept {
                id,
                direction,
                choice,
                link,
                running: None,
                generation: 0,
                retry: Instant::now(),
                told_lost: false,
            }),
            Command::Choose { id, choice } => {
                if let Some(kept) = self.kept(id).filter(|kept| kept.choice != choice) {
                    kept.choice = choice;
                    kept.restart();
                }
            }
            // Other systems drop what they could not play in time.
            Command::CatchUp { id } if self.hosts.keeps_what_is_late() => {
                if let Some(kept) = self.kept(id) {
                    kept.restart();
                }
            }
            Command::CatchUp { .. } => {}
            Command::Close { id } => self.streams.retain(|kept| kept.id != id),
            Command::Failed { id, generation, reason } => {
                let failed = self.kept(id).filter(|kept| kept.generation == generation);
                if let Some(kept) = failed {
                    tracing::info!(direction = ?kept.direction, reason, "audio stream ended");
                    kept.restart();
                    self.hosts.forget();
                }
            }
            Command::Look => {
                self.hosts.forget();
                self.prepare = Some(Instant::now() + CALM);
                self.look_around(Instant::now());
            }
            Command::List { direction, answer } => {
                // Whoever asked may have gone.
                let _ = answer.send(self.hosts.list(direction).unwrap_or_default());
            }
            Command::Listen { listener } => self.listeners.push(listener),
            Command::Stop => {}
        }
    }

    fn take_turn(&mut self, now: Instant) {
        if !self.streams.is_empty() && now >= self.look {
            self.look_around(now);
        }
        if self.streams.iter().any(|kept| kept.running.is_none() && now >= kept.retry) {
            self.open_waiting(now);
        }
        if self.prepare.is_some_and(|at| now >= at) {
            self.prepare = None;
            // Should it fail, the next stream will tell.
            let _ = self.hosts.current();
        }
    }

    /// Compares what is there with what was there.
    fn look_around(&mut self, now: Instant) {
        self.look = now + LOOK;
        // While the sound server is away, its streams fail by themselves.
        let Some(inputs) = self.hosts.list(Direction::Input) else { return };
        let Some(outputs) = self.hosts.list(Direction::Output) else { return };
        let mut events = Vec::new();
        for kept in &mut self.streams {
            let devices = match kept.direction {
                Direction::Input => &inputs,
                Direction::Output => &outputs,
            };
            events.extend(kept.compare(devices));
        }
        let present = inputs.into_iter().chain(outputs).map(|device| device.id).collect();
        let before = self.known.replace(present);
        if before.is_some_and(|before| self.known.as_ref() != Some(&before)) {
            events.push(DeviceEvent::ListChanged);
        }
        events.iter().for_each(|event| self.tell(event));
    }

    fn open_waiting(&mut self, now: Instant) {
        let host = self.hosts.current();
        let mut events = Vec::new();
        for kept in self.streams.iter_mut().filter(|kept| kept.running.is_none()) {
            kept.retry = now + RETRY;
            let opened = match &host {
                Ok(host) => kept.open(host, &mut self.hosts, &self.failures),
                Err(error) => Err(Failure::of(error)),
            };
            if opened.is_err() {
                self.hosts.forget();
            }
            let direction = kept.direction;
            match opened {
                Ok(name) => {
                    kept.told_lost = false;
                    let stand_in = kept.running.as_ref().is_some_and(|running| running.stand_in);
                    events.push(DeviceEvent::Using { direction, name, stand_in });
                }
                Err(Failure { lack, reason }) if !kept.told_lost => {
                    kept.told_lost = true;
                    events.push(DeviceEvent::Lost { direction, lack, reason });
                }
                Err(_) => {}
            }
        }
        events.iter().for_each(|event| self.tell(event));
    }

    fn kept(&mut self, id: u64) -> Option<&mut Kept> {
        self.streams.iter_mut().find(|kept| kept.id == id)
    }

    fn tell(&mut self, event: &DeviceEvent) {
        self.listeners.retain(|listener| listener.send(event.clone()).is_ok());
    }
}

impl Kept {
    fn restart(&mut self) {
        self.running = None;
        self.retry = Instant::now();
    }

    /// Opens the device that is meant now and returns its name.
    fn open(
        &mut self,
        host: &cpal::Host,
        hosts: &mut Hosts,
        failures: &mpsc::Sender<Command>,
    ) -> Result<Option<String>, Failure> {
        let found = hosts.find(host, self.direction, &self.choice).ok_or_else(Failure::no_device)?;
        self.generation += 1;
        tracing::debug!(direction = ?self.direction, "audio stream opens");
        let on_error = error_handler(self.id, self.generation, failures.clone());
        let opened = match &self.link {
            Link::Microphone(link) => {
                streams::open_input(&found.device, host::is_pipewire(host), on_error).map(|(stream, ring)| {
                    // A microphone that was closed meanwhile needs no ring.
                    let _ = link.send(ring);
                    stream
                })
            }
            Link::Speaker(link) => {
                streams::open_output(&found.device, on_error).map(|(stream, ring)| {
                    // As above.
                    let _ = link.send(ring);
                    stream
                })
            }
        };
        let stream = opened.map_err(|error| Failure::of(&error))?;
        tracing::debug!(direction = ?self.direction, "audio stream runs");
        #[cfg(windows)]
        super::ducking::opt_out();
        self.running = Some(Running {
            _stream: stream,
            device: found.id,
            name: found.name.clone(),
            stand_in: found.stand_in,
        });
        Ok(found.name)
    }

    /// Compares what the stream runs on with what is there, and says what became different.
    fn compare(&mut self, devices: &[DeviceInfo]) -> Option<DeviceEvent> {
        let running = self.running.as_mut()?;
        let present = |wanted: &DeviceId| devices.iter().any(|device| device.id == *wanted);
        let vanished = running.device.as_ref().is_some_and(|device| !present(device));
        let came_back = running.stand_in && matches!(&self.choice, DeviceChoice::Id(id) if present(id));
        if vanished || came_back {
            self.restart();
            return None;
        }
        // A stream that follows the default is moved by the system; only its name is to be told.
        let follows = running.stand_in || self.choice == DeviceChoice::SystemDefault;
        let default = devices.iter().find(|device| device.is_default).filter(|_| follows)?;
        if running.name.as_ref() == Some(&default.name) {
            return None;
        }
        running.name = Some(default.name.clone());
        let (direction, stand_in) = (self.direction, running.stand_in);
        Some(DeviceEvent::Using { direction, name: running.name.clone(), stand_in })
    }
}

/// Reports a stream's end once, and swallows whatever it repeats.
fn error_handler(
    id: u64,
    generation: u64,
    failures: mpsc::Sender<Command>,
) -> impl Fn(cpal::Error) + Send + Clone + 'static {
    let ended = Arc::new(AtomicBool::new(false));
    move |error| match error.kind() {
        // A gap in the sound; callbacks count what it costs.
        ErrorKind::Xrun | ErrorKind::RealtimeDenied => {}
        ErrorKind::DeviceChanged => {
            // The stream goes on; its device has another name.
            let _ = failures.send(Command::Look);
        }
        _ => {
            if !ended.swap(true, Ordering::Relaxed) {
                let reason = error.to_string();
                let _ = failures.send(Command::Failed { id, generation, reason });
            }
        }
    }
}
