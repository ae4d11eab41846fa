//! One test's world: its folder, its environment, and the end of every process in it.

use crate::binaries;
use crate::processes::{MARK, Process, end_marked, marked};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use tempfile::TempDir;

/// The variables of the test's own environment that its children see; all else would tie a test
/// to the machine it runs on.
const INHERITED: &[&str] = &["PATH", "RUST_LOG", "RUST_BACKTRACE", "LD_LIBRARY_PATH"];

/// Lines of each log that are shown when a test fails.
const LOG_TAIL_LINES: usize = 30;

/// A test's world. Only one exists at a time on a machine: sound is measured in it, and two at
/// once would disturb each other.
#[derive(Debug)]
pub struct Rig {
    folder: TempDir,
    mark: String,
    environment: Mutex<Vec<(String, String)>>,
    _alone: File,
}

impl Rig {
    /// Waits for its turn, then makes an empty world with a message bus.
    pub fn new() -> Self {
        let lock = File::create(std::env::temp_dir().join("voicehall-e2e.lock")).expect("a lock file");
        lock.lock().expect("the lock can be taken");
        // A short path: sockets below it may have no more than 107 characters.
        let folder = tempfile::Builder::new().prefix("vh-e2e-").tempdir().expect("a temporary folder");
        let mark = folder.path().file_name().expect("it has a name").to_string_lossy().into_owned();
        let rig = Self { folder, mark, environment: Mutex::default(), _alone: lock };
        rig.furnish();
        rig
    }

    fn furnish(&self) {
        for name in INHERITED {
            if let Ok(value) = std::env::var(name) {
                self.set(name, &value);
            }
        }
        let runtime = self.make_folder("run");
        // What XDG demands, and sound servers check.
        fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).expect("its mode can be set");
        self.set(MARK, &self.mark);
        self.set("LANG", "C.UTF-8");
        self.set("XDG_RUNTIME_DIR", &runtime.to_string_lossy());
        for (name, value) in self.home("nobody") {
            self.set(&name, &value);
        }
        self.make_folder("logs");
    }

    /// Sets a variable for every process started from now on.
    pub fn set(&self, name: &str, value: &str) {
        let mut environment = self.environment.lock().expect("no holder panics");
        environment.retain(|(known, _)| known != name);
        environment.push((name.to_owned(), value.to_owned()));
    }

    /// A command in this world.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.folder.path());
        command.envs(self.environment.lock().expect("no holder panics").iter().cloned());
        command
    }

    /// A command of a program under test, before all other work of the machine: a test judges the
    /// program, not what else is being compiled beside it. Among themselves the programs under
    /// test are scheduled as ever.
    pub fn product(&self, name: &str) -> Command {
        let mut command = self.command("chrt");
        command.args(["--rr", "1"]).arg(binaries::product(name));
        command
    }

    /// The same for tools: those that handle sound in their main
    /// threads would drop some of it on a busy machine, and one late node makes all of a sound
    /// server's graph late.
    pub fn realtime_command(&self, program: &str) -> Command {
        let mut command = self.command("chrt");
        command.args(["--fifo", "50", program]);
        command
    }

    /// Starts a process of this world; its log is named after it.
    pub fn start(&self, command: Command, name: &str) -> Process {
        Process::start(command, name, &self.folder.path().join("logs"))
    }

    /// All processes of this world, by their ids.
    pub fn processes(&self) -> Vec<u32> {
        marked(&self.mark).into_iter().map(|id| id.as_raw() as u32).collect()
    }

    /// The variables that give somebody a home of their own.
    pub fn home(&self, who: &str) -> Vec<(String, String)> {
        let home = self.make_folder(&format!("home-{who}"));
        let below = |name: &str| home.join(name).to_string_lossy().into_owned();
        vec![
            ("HOME".into(), home.to_string_lossy().into_owned()),
            ("XDG_CONFIG_HOME".into(), below("config")),
            ("XDG_DATA_HOME".into(), below("data")),
            ("XDG_STATE_HOME".into(), below("state")),
            ("XDG_CACHE_HOME".into(), below("cache")),
        ]
    }

    /// A path in the rig's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A folder in the rig's folder, made if it is not there.
    pub fn make_folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).expect("folders can be made");
        path
    }
}

impl Default for Rig {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        end_marked(&self.mark);
        if std::thread::panicking() {
            show_logs(&self.folder.path().join("logs"));
        }
    }
}

fn show_logs(logs: &Path) {
    for entry in fs::read_dir(logs).into_iter().flatten().flatten() {
        let text = fs::read(entry.path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        if !lines.is_empty() {
            let tail = &lines[lines.len().saturating_sub(LOG_TAIL_LINES)..];
            eprintln!("--- {}\n{}", entry.file_name().display(), tail.join("\n"));
        }
    }
}
