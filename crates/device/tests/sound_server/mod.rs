//! A sound server of a test's own: PipeWire, its session manager and its PulseAudio side, with
//! devices that exist only in it.
#![allow(dead_code, reason = "each test file uses its own part of it")]

pub mod whistle;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Set in the process that runs inside a session of its own.
const INSIDE: &str = "VOICEHALL_TEST_SOUND_SESSION";

/// How long anything may take to come true. Far more than it ever does.
const PATIENCE: Duration = Duration::from_secs(30);

/// Inside a virtual machine PipeWire raises its shortest period to 21 ms; a desktop has these.
const DESKTOP_PERIODS: &str = "context.properties = { vm.overrides = { default.clock.min-quantum = 32 } }\n";

/// Runs `body` in a process of its own, with a message bus, folders and a sound server of its own.
/// The environment says where the sound server is, so it cannot be changed within the process that
/// runs the other tests.
pub fn with_sound_server(test: &str, body: impl FnOnce(SoundServer)) {
    if let Some(folder) = std::env::var_os(INSIDE) {
        return body(SoundServer::start(Path::new(&folder)));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("config/pipewire/pipewire.conf.d");
    fs::create_dir_all(&config).expect("a folder for the configuration");
    fs::write(config.join("desktop.conf"), DESKTOP_PERIODS).expect("the configuration");
    let outcome = Command::new("dbus-run-session")
        .arg("--")
        .arg(std::env::current_exe().expect("this program"))
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, folder.path())
        .env("XDG_RUNTIME_DIR", folder.path())
        .env("XDG_CONFIG_HOME", folder.path().join("config"))
        .env("XDG_STATE_HOME", folder.path().join("state"))
        .env_remove("PIPEWIRE_RUNTIME_DIR")
        .env_remove("PIPEWIRE_REMOTE")
        .env_remove("PULSE_SERVER")
        .env_remove("PULSE_RUNTIME_PATH")
        .status()
        .expect("dbus-run-session is installed");
    assert!(outcome.success(), "{test} failed inside its session");
}

/// Asks until there is an answer.
pub fn wait<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub struct SoundServer {
    folder: PathBuf,
    /// Ended in order.
    parts: Vec<Child>,
}

/// A device in it, unplugged by [`SoundServer::unplug`].
pub struct Device {
    pub name: &'static str,
    module: String,
}

impl SoundServer {
    fn start(folder: &Path) -> Self {
        let mut server = Self { folder: folder.to_owned(), parts: Vec::new() };
        server.start_parts();
        server
    }

    /// Kills it, as a crash does.
    pub fn kill(&mut self) {
        for mut part in self.parts.drain(..) {
            // It may have ended by itself when another part did.
            let _ = part.kill();
            let _ = part.wait();
        }
    }

    /// Starts it after [`Self::kill`], without any of the devices of before.
    pub fn start_parts(&mut self) {
        let pipewire = self.folder.join("pipewire-0");
        let _ = fs::remove_file(&pipewire);
        self.start_part("pipewire");
        wait("PipeWire listens", || pipewire.exists().then_some(()));
        self.start_part("wireplumber");
        self.start_part("pipewire-pulse");
        // WirePlumber gives an empty machine a sink of its own last of all.
        wait("the sound server is up", || {
            output("pactl", &["info"])?.contains("Default Sink: auto_null").then_some(())
        });
    }

    fn start_part(&mut self, program: &str) {
        let log = fs::File::create(self.folder.join(format!("{program}.log"))).expect("a log");
        let child = Command::new(program)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        self.parts.insert(0, child);
    }

    pub fn plug_microphone(&self, name: &'static str) -> Device {
        self.plug(name, "Audio/Source/Virtual", "mono")
    }

    pub fn plug_speaker(&self, name: &'static str) -> Device {
        self.plug(name, "Audio/Sink", "stereo")
    }

    fn plug(&self, name: &'static str, class: &str, channels: &str) -> Device {
        let module = wait(&format!("{name} can be plugged in"), || {
            let name = format!("sink_name={name}");
            let class = format!("media.class={class}");
            let channels = format!("channel_map={channels}");
            output("pactl", &["load-module", "module-null-sink", &name, &class, &channels])
        });
        Device { name, module: module.trim().to_owned() }
    }

    pub fn unplug(&self, device: Device) {
        output("pactl", &["unload-module", &device.module]).expect("the device is plugged in");
    }

    pub fn make_default(&self, verb: &str, device: &Device) {
        wait("the default is set", || output("pactl", &[verb, device.name]));
    }

    /// Lets a microphone hear what a speaker plays.
    pub fn connect(&self, speaker: &Device, microphone: &Device) {
        let from = format!("{}:monitor_FL", speaker.name);
        let to = format!("{}:input_MONO", microphone.name);
        wait(&format!("{from} feeds {to}"), || output("pw-link", &[&from, &to]));
    }
}

impl Drop for SoundServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a program prints, or `None` if it fails.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
