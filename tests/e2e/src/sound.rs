//! A sound server of the test's own, with microphones and speakers that exist only in it.
//!
//! All devices and the recorder are nodes of one PipeWire graph, driven by one clock: what goes
//! into a microphone and what comes out of a speaker are recorded into one file, sample by
//! sample, so that the delay between them is exact.

use crate::processes::Process;
use crate::rig::Rig;
use crate::speech::Speech;
use crate::{measure, wait, wav};
use std::cell::Cell;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Inside a virtual machine PipeWire raises its smallest period to 21 ms; a desktop has these.
const DESKTOP_PERIODS: &str = "context.properties = { vm.overrides = { default.clock.min-quantum = 32 } }\n";

/// The same for clients of the PulseAudio protocol.
const DESKTOP_PULSE_PERIODS: &str =
    "pulse.properties = { vm.overrides = { pulse.min.quantum = 256/48000 } }\n";

/// The header of a recording is no longer than this.
const HEADER_BYTES_MAX: usize = 4096;

/// A sample from which on something sounds.
const ONSET: f32 = 0.01;

/// A running sound server.
#[derive(Debug)]
pub struct SoundServer<'r> {
    rig: &'r Rig,
    recordings: Cell<u32>,
    // In the order in which they end.
    _pulse: Process,
    _session: Process,
    _pipewire: Process,
    _bus: Process,
}

/// A virtual device: unplugged when dropped.
#[derive(Debug)]
pub struct Device<'r> {
    rig: &'r Rig,
    name: String,
    kind: Kind,
    module: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Microphone,
    Speaker,
}

impl<'r> SoundServer<'r> {
    /// Starts PipeWire with its session manager and its PulseAudio side, without any device.
    pub fn start(rig: &'r Rig) -> Self {
        let config = rig.make_folder("sound");
        for (file, text) in [("pipewire", DESKTOP_PERIODS), ("pipewire-pulse", DESKTOP_PULSE_PERIODS)] {
            let folder = rig.make_folder(&format!("sound/pipewire/{file}.conf.d"));
            fs::write(folder.join("desktop.conf"), text).expect("the configuration can be written");
        }
        let part = |program: &str, arguments: &[&str]| {
            let mut command = rig.command(program);
            command.args(arguments).env("XDG_CONFIG_HOME", &config).env("XDG_STATE_HOME", &config);
            rig.start(command, program)
        };
        let socket = |name: &str| rig.path("run").join(name);

        let address = format!("unix:path={}", socket("bus").display());
        let bus = part("dbus-daemon", &["--session", "--nofork", "--address", &address]);
        rig.set("DBUS_SESSION_BUS_ADDRESS", &address);
        wait::until("the message bus listens", || socket("bus").exists().then_some(()));
        let pipewire = part("pipewire", &[]);
        wait::until("PipeWire listens", || socket("pipewire-0").exists().then_some(()));
        let session = part("wireplumber", &[]);
        let pulse = part("pipewire-pulse", &[]);
        // WirePlumber gives an empty machine a sink of its own last of all.
        wait::until("the sound server is up", || {
            let info = output(rig.command("pactl").arg("info"))?;
            info.contains("Default Sink: auto_null").then_some(())
        });
        Self {
            rig,
            recordings: Cell::new(0),
            _pulse: pulse,
            _session: session,
            _pipewire: pipewire,
            _bus: bus,
        }
    }

    /// Plugs in a microphone. It hears what [`Self::play`] gives it.
    pub fn microphone(&self, name: &str) -> Device<'r> {
        Device::plug_in(self.rig, name, Kind::Microphone)
    }

    /// Plugs in a speaker.
    pub fn speaker(&self, name: &str) -> Device<'r> {
        Device::plug_in(self.rig, name, Kind::Speaker)
    }

    /// Speaks into a microphone until the returned process ends.
    pub fn play(&self, speech: &Speech, microphone: &Device) -> Process {
        assert_eq!(microphone.kind, Kind::Microphone);
        let name = format!("player-{}", self.number());
        let mut command = self.rig.realtime_command("pw-play");
        command.args(["--target", "0", "--properties", &node_properties(&name)]).arg(&speech.path);
        let process = self.rig.start(command, &name);
        // It plays nothing before it is linked, so that nothing is lost.
        self.link(&format!("{name}:output_MONO"), &format!("{}:input_MONO", microphone.name));
        process
    }

    /// Starts to record what goes into microphones and comes out of speakers (their left side).
    pub fn record(&self, devices: &[&Device]) -> Recording {
        let name = format!("recorder-{}", self.number());
        let path = self.rig.path(&format!("{name}.wav"));
        let map: Vec<_> = (0..devices.len()).map(|n| format!("AUX{n}")).collect();
        let mut command = self.rig.realtime_command("pw-record");
        command.args(["--target", "0", "--format", "f32", "--rate", &wav::RATE_HZ.to_string()]);
        command.args(["--channels", &devices.len().to_string(), "--channel-map", &map.join(",")]);
        command.args(["--properties", &node_properties(&name)]).arg(&path);
        let process = self.rig.start(command, &name);
        for (device, channel) in devices.iter().zip(&map) {
            self.link(&device.monitor_port(), &format!("{name}:input_{channel}"));
        }
        let recording = Recording { process, path, channels: devices.len() as u64 };
        let before = recording.bytes();
        wait::until("the recorder runs", || (recording.bytes() > before).then_some(()));
        recording
    }

    /// Makes a device the system's default.
    pub fn set_default(&self, device: &Device) {
        let verb = match device.kind {
            Kind::Microphone => "set-default-source",
            Kind::Speaker => "set-default-sink",
        };
        output(self.rig.command("pactl").args([verb, &device.name])).expect("the device is plugged in");
    }

    /// Lets sound flow from one port to another, once both are there.
    fn link(&self, from: &str, to: &str) {
        wait::until(&format!("{from} feeds {to}"), || output(self.rig.command("pw-link").args([from, to])));
    }

    fn number(&self) -> u32 {
        self.recordings.set(self.recordings.get() + 1);
        self.recordings.get()
    }
}

impl<'r> Device<'r> {
    fn plug_in(rig: &'r Rig, name: &str, kind: Kind) -> Self {
        let mut device = Self { rig, name: name.to_owned(), kind, module: None };
        device.replug();
        device
    }

    /// Its name, also as people see it in lists of devices.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes it away, as pulling a plug does.
    ///
    /// # Panics
    /// When it is unplugged already.
    pub fn unplug(&mut self) {
        let module = self.module.take().expect("the device is plugged in");
        output(self.rig.command("pactl").args(["unload-module", &module]))
            .expect("the device can be removed");
        wait::until("the device is gone", || (!self.is_listed()).then_some(()));
    }

    /// Plugs it in again.
    ///
    /// # Panics
    /// When it is plugged in already.
    pub fn replug(&mut self) {
        assert!(self.module.is_none(), "{} is plugged in", self.name);
        let (class, channels) = match self.kind {
            Kind::Microphone => ("Audio/Source/Virtual", "mono"),
            Kind::Speaker => ("Audio/Sink", "stereo"),
        };
        let mut load = self.rig.command("pactl");
        load.args(["load-module", "module-null-sink", &format!("sink_name={}", self.name)]);
        load.args([&format!("media.class={class}"), &format!("channel_map={channels}")]);
        load.arg(format!("sink_properties=device.description={}", self.name));
        self.module = Some(output(&mut load).expect("the device can be made").trim().to_owned());
        wait::until("the device is there", || self.is_listed().then_some(()));
    }

    fn is_listed(&self) -> bool {
        let ports = output(self.rig.command("pw-link").arg("--output")).unwrap_or_default();
        ports.lines().any(|port| port == self.monitor_port())
    }

    /// The port that gives what the device hears or plays.
    fn monitor_port(&self) -> String {
        match self.kind {
            Kind::Microphone => format!("{}:capture_MONO", self.name),
            Kind::Speaker => format!("{}:monitor_FL", self.name),
        }
    }
}

impl Drop for Device<'_> {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // The sound server may be gone already.
            let _ = output(self.rig.command("pactl").args(["unload-module", &module]));
        }
    }
}

/// A recording that runs.
#[derive(Debug)]
pub struct Recording {
    process: Process,
    path: PathBuf,
    channels: u64,
}

impl Recording {
    /// Blocks until this much more sound has been recorded.
    pub fn run_for(&self, seconds: f32) {
        let wanted = self.bytes() + (seconds * wav::RATE_HZ as f32) as u64 * 4 * self.channels;
        wait::until("enough is recorded", || (self.bytes() >= wanted).then_some(()));
    }

    /// What was recorded in the latest while, one track for each device: for waiting until
    /// something is heard.
    pub fn latest(&self, seconds: f32) -> Vec<Vec<f32>> {
        let wanted = (seconds * wav::RATE_HZ as f32) as u64 * 4 * self.channels;
        self.tracks_from(self.bytes().saturating_sub(wanted))
    }

    /// What was recorded from this place in the file on.
    fn tracks_from(&self, position: u64) -> Vec<Vec<f32>> {
        let channels = self.channels as usize;
        let frame_bytes = 4 * channels;
        let mut file = File::open(&self.path).expect("the recording can be read");
        let mut head = [0; HEADER_BYTES_MAX];
        let length = file.read(&mut head).expect("the recording can be read");
        let start = head[..length].windows(4).position(|word| word == b"data").map_or(length, |at| at + 8);
        // Whole frames, counted from the first one.
        let skipped = position.saturating_sub(start as u64) / frame_bytes as u64 * frame_bytes as u64;
        file.seek(SeekFrom::Start(start as u64 + skipped)).expect("files can be skipped through");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("the recording can be read");
        let latest: Vec<_> = bytes.chunks_exact(frame_bytes).collect();
        let sample = |frame: &[u8], channel: usize| {
            let bytes = frame[channel * 4..][..4].try_into().expect("a sample has four bytes");
            f32::from_le_bytes(bytes)
        };
        (0..channels).map(|channel| latest.iter().map(|frame| sample(frame, channel)).collect()).collect()
    }

    /// Blocks until a device sounds or falls silent.
    pub fn wait_for_sound(&self, track: usize, sounds: bool) {
        wait::until("a device sounds or is silent, as it should", || {
            (measure::is_silent(&self.latest(0.5)[track]) != sounds).then_some(())
        });
    }

    /// Blocks until a track that is silent at `from` sounds, and returns where it began to.
    pub fn wait_for_onset(&self, track: usize, from: u64) -> u64 {
        wait::often("a device sounds", || {
            let onset = self.tracks_from(from)[track].iter().position(|sample| sample.abs() > ONSET)?;
            Some(from + onset as u64 * 4 * self.channels)
        })
    }

    /// Blocks until this much after a place in it, or before where it is negative, is recorded: for
    /// doing something in the middle of a word.
    pub fn wait_for(&self, place: u64, seconds: f32) {
        let frames = (seconds * wav::RATE_HZ as f32) as i64;
        let wanted = place.saturating_add_signed(frames * 4 * self.channels as i64);
        wait::often("enough is recorded", || (self.bytes() >= wanted).then_some(()));
    }

    /// How far it is.
    pub fn position(&self) -> u64 {
        self.bytes()
    }

    /// Ends it: one track for each device, in the order in which they were given.
    pub fn stop(mut self) -> Vec<Vec<f32>> {
        self.process.assert_alive();
        self.process.interrupt();
        wav::read(&self.path).1
    }

    fn bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |file| file.len())
    }
}

fn node_properties(name: &str) -> String {
    format!("{{ node.name = {name} }}")
}

/// What a command prints, if it succeeds.
fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().expect("the command is installed");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
