//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use voicehall_protocol::engine::{AudioSettings, Gate, NoiseSuppression, SoundVolumes};

/// Voicehall without a screen.
#[derive(Debug, Parser)]
#[command(name = "voicehall-cli", version, about)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Joins a voice channel, plays a file into it, records what is heard.
    Join(Box<Join>),
    /// Leads the desktop app that runs: for stream decks, scripts and key bindings.
    Ctl(Ctl),
}

/// Leads the desktop app that runs.
#[derive(Debug, Clone, Args)]
pub struct Ctl {
    /// What the app is to do.
    #[command(subcommand)]
    pub order: Order,
    /// Says how the app then stands as JSON, in one line.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What the desktop app is to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Order {
    /// Mutes or unmutes the microphone; changes what is when neither is said.
    Mute {
        /// Which.
        on: Option<Switch>,
    },
    /// Deafens or undeafens; changes what is when neither is said.
    Deafen {
        /// Which.
        on: Option<Switch>,
    },
    /// Joins a voice channel and waits until media flows.
    Join {
        /// Name of the channel.
        channel: String,
        /// Name of its guild, where several have such a channel.
        #[arg(long)]
        guild: Option<String>,
    },
    /// Leaves the call.
    Leave,
    /// Presses the talk key or lets it go. A press without a release ends after two minutes.
    Ptt {
        /// Which.
        key: TalkKey,
    },
    /// Keeps the microphone open until the call ends, whatever the talk key says; changes what is when
    /// neither is said.
    Override {
        /// Which.
        on: Option<Switch>,
    },
    /// Only says how the app stands.
    Status,
    /// Brings the window to the front.
    Show,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

/// What happens to the talk key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TalkKey {
    /// It is pressed.
    Down,
    /// It is let go.
    Up,
}

/// Joins a voice channel.
#[derive(Debug, Clone, Args)]
pub struct Join {
    /// The invite's link, http(s)://host:port/join/CODE.
    pub invite: String,
    /// Name of the voice channel.
    #[arg(long, short)]
    pub channel: String,
    /// Name to be shown. An account made earlier on that server is used again if it has this name.
    #[arg(long)]
    pub name: Option<String>,
    /// Ogg/Opus, FLAC or WAV file to be played into the channel.
    #[arg(long, short, value_name = "FILE")]
    pub play: Option<PathBuf>,
    /// Plays the file again and again.
    #[arg(long = "loop", requires = "play")]
    pub repeat: bool,
    /// Records what is heard into a WAV file.
    #[arg(long, short, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Records each speaker apart, into a WAV file of their name in this directory.
    #[arg(long, value_name = "DIR")]
    pub per_user: Option<PathBuf>,
    /// Leaves after this many seconds in the channel. Without it, leaves when the file is over, or
    /// on Ctrl-C if there is none, or if it loops or something is recorded.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// No echo cancellation, no noise suppression, no gain, no gate, no levelling: sound as it is.
    #[arg(long)]
    pub raw: bool,
    /// 10 ms packets instead of 20 ms.
    #[arg(long)]
    pub low_latency: bool,
    /// All of the audio settings, as JSON; see `AudioSettings` of the protocol. The other options
    /// come on top.
    #[arg(long, value_name = "JSON", value_parser = settings)]
    pub settings: Option<AudioSettings>,
    /// Real devices in place of files.
    #[arg(long, conflicts_with_all = ["play", "record"])]
    pub devices: bool,
    /// Microphone, by id or name.
    #[arg(long, value_name = "DEVICE", requires = "devices")]
    pub input: Option<String>,
    /// Speaker, by id or name.
    #[arg(long, value_name = "DEVICE", requires = "devices")]
    pub output: Option<String>,
    /// File that remembers the logins, in place of the one in the user's state directory.
    #[arg(long, env = "VOICEHALL_CLI_STATE", value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Says what happens as JSON, one object a line, on standard output.
    #[arg(long)]
    pub json: bool,
}

impl Join {
    pub(crate) fn audio_settings(&self) -> AudioSettings {
        let mut settings = self.settings.clone().unwrap_or_default();
        // A file has no echo, and what is a person's own level in it is meant so.
        if self.raw || (self.settings.is_none() && !self.devices) {
            settings.echo_cancellation = false;
            settings.noise_suppression = NoiseSuppression::Off;
            settings.automatic_gain = false;
            settings.levelling = false;
        }
        if self.raw {
            settings.gate = Gate::Open;
        }
        settings.low_latency |= self.low_latency;
        settings.sounds = SoundVolumes::all(0.0);
        settings
    }

    /// Whether the end of the file is the end of the call.
    pub(crate) fn ends_with_file(&self) -> bool {
        let recording = self.record.is_some() || self.per_user.is_some();
        self.play.is_some() && !self.repeat && !recording && self.duration.is_none()
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn settings(text: &str) -> Result<AudioSettings, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(arguments: &[&str]) -> Join {
        let fixed = ["voicehall-cli", "join", "http://localhost/join/x", "--channel", "Lobby"];
        match Arguments::parse_from(fixed.iter().chain(arguments)).verb {
            Verb::Join(join) => *join,
            Verb::Ctl(_) => panic!("it says join"),
        }
    }

    #[test]
    fn leaves_with_the_file_only_when_nothing_else_is_to_be_done() {
        assert!(join(&["--play", "a.wav"]).ends_with_file());
        assert!(!join(&[]).ends_with_file());
        assert!(!join(&["--play", "a.wav", "--loop"]).ends_with_file());
        assert!(!join(&["--play", "a.wav", "--record", "b.wav"]).ends_with_file());
        assert!(!join(&["--play", "a.wav", "--per-user", "d"]).ends_with_file());
    }

    #[test]
    fn settings_combine() {
        let settings = join(&["--settings", r#"{"automaticGain":true}"#, "--low-latency"]).audio_settings();
        assert!(settings.automatic_gain && settings.echo_cancellation && settings.low_latency);
        let raw = join(&["--settings", r#"{"automaticGain":true}"#, "--raw"]).audio_settings();
        assert_eq!((raw.automatic_gain, raw.gate), (false, Gate::Open));
    }
}
