//! The processes that `make run` starts, and their end: whatever ends first, or a signal, ends all.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often the processes are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How long a process may take to end when it is asked to.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether somebody pressed Ctrl-C, or asked this process to end.
#[derive(Clone)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on signals no longer end this process by themselves.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> Result<Self, String> {
        let came = Arc::new(AtomicBool::new(false));
        let seen = came.clone();
        ctrlc::set_handler(move || seen.store(true, Ordering::Relaxed))
            .map_err(|error| format!("cannot listen for Ctrl-C: {error}"))?;
        Ok(Self(came))
    }

    /// Whether it came.
    pub fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A process that ends with its owner.
pub struct Child {
    name: &'static str,
    process: std::process::Child,
}

impl Child {
    /// Starts a process that prints to this one's terminal.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &'static str, command: &mut Command) -> Result<Self, String> {
        let process = command.spawn().map_err(|error| format!("{name}: {error}"))?;
        Ok(Self { name, process })
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.process.try_wait().ok().flatten()?;
        Some(format!("{} ended: {status}", self.name))
    }

    fn ask_to_end(&self) {
        #[cfg(unix)]
        {
            use nix::sys::signal::{Signal, kill};
            let id = nix::unistd::Pid::from_raw(self.process.id() as i32);
            let _ = kill(id, Signal::SIGTERM);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ended().is_some() {
            return;
        }
        self.ask_to_end();
        let deadline = Instant::now() + END_TIMEOUT;
        while cfg!(unix) && self.ended().is_none() && Instant::now() < deadline {
            thread::sleep(LOOK);
        }
        // Fails only when it has ended after all.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until a process ends or a signal comes. `first` may end: a person closed it.
///
/// # Errors
/// When `first` failed, or one of the others ended by itself.
pub fn wait_for_any(
    first: &mut Child,
    others: &mut [&mut Child],
    interrupt: &Interrupt,
) -> Result<(), String> {
    while !interrupt.came() {
        if let Some(end) = others.iter_mut().find_map(|other| other.ended()) {
            return Err(end);
        }
        if let Ok(Some(status)) = first.process.try_wait() {
            return if status.success() { Ok(()) } else { Err(format!("{} ended: {status}", first.name)) };
        }
        thread::sleep(LOOK);
    }
    Ok(())
}
