//! The processes that `make run` starts, and their end: whatever ends first, or a signal, ends all.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often the processes are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How long a process may take to end when it is asked to.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Lines of output that wait to be read.
const LINES_MAX: usize = 1000;

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
    /// What it prints, where that is read here.
    pub lines: Option<Receiver<String>>,
}

impl Child {
    /// Starts a process that prints to this one's terminal.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &'static str, command: &mut Command) -> Result<Self, String> {
        let process = command.spawn().map_err(|error| format!("{name}: {error}"))?;
        Ok(Self { name, process, lines: None })
    }

    /// Starts a process whose output is passed on and can be read in `lines` too.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_reading(name: &'static str, command: &mut Command) -> Result<Self, String> {
        let mut child = Self::start(name, command.stdout(Stdio::piped()))?;
        let output = child.process.stdout.take().expect("the output is piped");
        let (sender, lines) = sync_channel(LINES_MAX);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                println!("{line}");
                // Once nobody reads them any more, lines are only passed on.
                let _ = sender.try_send(line);
            }
        });
        child.lines = Some(lines);
        Ok(child)
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

/// Waits until any process ends or a signal comes. The first is the one that may end: it was asked
/// to by a person.
///
/// # Errors
/// When another ends by itself.
pub fn wait_for_any(children: &mut [&mut Child], interrupt: &Interrupt) -> Result<(), String> {
    loop {
        if interrupt.came() {
            return Ok(());
        }
        for (index, child) in children.iter_mut().enumerate() {
            match child.ended() {
                Some(_) if index == 0 && child.lines.is_none() => return Ok(()),
                Some(end) => return Err(end),
                None => {}
            }
        }
        thread::sleep(LOOK);
    }
}
