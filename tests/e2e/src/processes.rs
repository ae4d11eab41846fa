//! Child processes that log to files and end with their owner.

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The environment variable that every process of a rig carries, and its descendants inherit.
pub const MARK: &str = "E2E_RIG";

/// How long a process may take to end when asked, before it is killed.
const GRACE: Duration = Duration::from_secs(3);

/// A child process; it and its process group end when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts `command` in a process group of its own, with its output in `logs/name.log`.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn start(mut command: Command, name: &str, logs: &Path) -> Self {
        let log = logs.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).expect("the log can be written");
        let program = command.get_program().to_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file has two handles"))
            .stderr(file)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
        Self { child, name: name.to_owned(), log }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All it has written so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Sends a signal to the process alone.
    pub fn signal(&self, signal: Signal) {
        // It may have ended by itself; then there is nobody to tell.
        let _ = kill(self.pid(), signal);
    }

    /// Sends a signal to the process and those it has started.
    pub fn signal_all(&self, signal: Signal) {
        let _ = killpg(self.pid(), signal);
    }

    /// Whether it has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Blocks until it ends by itself.
    ///
    /// # Panics
    /// When it does not within [`crate::wait::PATIENCE`].
    pub fn wait(&mut self) -> ExitStatus {
        let what = format!("{} ended", self.name);
        crate::wait::until(&what, || self.ended())
    }

    /// Fails the test when the process has ended before its time.
    ///
    /// # Panics
    /// When it has ended.
    pub fn assert_alive(&mut self) {
        if let Some(status) = self.ended() {
            panic!("{} ended early, {status}; its log:\n{}", self.name, self.log());
        }
    }

    /// Ends it as a user's Ctrl-C would, and waits for that.
    pub fn interrupt(mut self) -> ExitStatus {
        self.signal(Signal::SIGINT);
        self.wait()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let ended = |child: &mut Child| matches!(child.try_wait(), Ok(Some(_)) | Err(_));
        if !ended(&mut self.child) {
            let _ = killpg(self.pid(), Signal::SIGTERM);
            let asked = Instant::now();
            while !ended(&mut self.child) && asked.elapsed() < GRACE {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        // The leader may be gone and others of its group still there.
        let _ = killpg(self.pid(), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// Ends every process that carries `mark`: those that left their process group too, as browsers'
/// children do.
pub fn end_marked(mark: &str) {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let asked = Instant::now();
        loop {
            let marked = marked(mark);
            if marked.is_empty() {
                return;
            }
            for pid in marked {
                let _ = kill(pid, signal);
            }
            if asked.elapsed() > GRACE {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The processes that run the program in this file, not one that was there before it.
pub fn running(program: &Path) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // Of a file that is gone, the system says so in its name.
    numbers.filter(|id| fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|file| file == program)).collect()
}

/// The processes that carry `mark` in their environment.
pub fn marked(mark: &str) -> Vec<Pid> {
    let wanted = format!("{MARK}={mark}");
    let own = std::process::id();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != own)
        .filter(|pid| {
            // Unreadable or empty for processes that end just now.
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
        })
        .map(|pid| Pid::from_raw(pid as i32))
        .collect()
}
