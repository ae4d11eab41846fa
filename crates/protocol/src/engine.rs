//! What a user interface tells a voice engine and hears from it. In the desktop app these cross
//! the webview's IPC; the browser's engine is written in TypeScript against the same types.
//!
//! The engine knows voice sessions and sources, never accounts: who a source is, the gateway says.

mod keys;
mod talking;

pub use keys::{
    AssignedKeys, Assignment, KEY_BINDING_KEYS_MAX, KEY_BINDINGS_MAX, KeyAccess, KeyAction, KeyBinding,
    NamedAction,
};
pub use talking::{Gate, UnheardReason};

use crate::rtp::SourceId;
use crate::voice::EndReason;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the engine is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[cfg_attr(feature = "bindings", ts(rename = "EngineCommand"))]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Command {
    /// Opens a voice session; one that is open already ends. Answered by [`Event::State`].
    Join {
        /// Whole URL of the voice node's join (`http(s)://host:port/voice/join`).
        url: String,
        /// The ticket, as the gateway gave it.
        ticket: String,
        /// Opus bitrate in bits per second.
        bitrate: u32,
    },
    /// Ends the voice session. The gateway is told separately.
    Leave {},
    /// Mutes and deafens. Valid without a session too; remembered for the next one.
    SetMuted {
        /// Nothing of the microphone is sent.
        muted: bool,
        /// Nothing is played, and nothing of the microphone is sent.
        deafened: bool,
    },
    /// Sets how loud one source is played, from 0 (silent) over 1 (as it came) to 2.
    /// May come before the source is heard for the first time.
    SetVolume {
        /// Whose voice.
        source: SourceId,
        /// Linear factor.
        volume: f32,
    },
    /// Sets everything that people choose about sound.
    SetAudio {
        /// The choice.
        settings: AudioSettings,
    },
    /// Says which sources are priority speakers, in place of those of before: while one of them
    /// talks, the others are turned down by [`AudioSettings::priority_attenuation`]. Those beyond the
    /// 64th are plain speakers.
    SetPriority {
        /// Who they are.
        sources: Vec<SourceId>,
    },
    /// Starts or stops [`Event::Input`] outside a call and [`Event::Processing`], for the settings'
    /// meter: opens the microphone if no call has it open.
    Monitor {
        /// On or off.
        enabled: bool,
        /// Records five seconds of what others would hear of the microphone and plays them then, once.
        /// [`Event::Playback`] says how it goes. Asked for again, it begins anew.
        #[serde(default)]
        playback: bool,
    },
    /// Listens for these keys instead of those before. Valid without a session too.
    BindKeys {
        /// Every way to press something, at most [`KEY_BINDINGS_MAX`]; one action may have several.
        bindings: Vec<KeyBinding>,
    },
    /// Starts or stops to hear which keys somebody presses: [`Event::KeysRecorded`]. Meanwhile no
    /// binding does anything.
    RecordKeys {
        /// On or off.
        enabled: bool,
    },
    /// Asks the desktop to assign keys to these actions, where it does that ([`Event::DesktopKeys`]), and
    /// it may ask the person; to none: no longer. What it assigned before for the same actions stays.
    /// Keys that are bound as well go on to work wherever they are heard.
    AssignKeys {
        /// The actions, and what the desktop calls them.
        actions: Vec<NamedAction>,
    },
    /// Lets the person change what the desktop assigned, in a window of the desktop's own; only where
    /// it has one ([`Event::DesktopKeys`]).
    ReassignKeys {},
    /// Presses or lets go what the talk keys press, for a program that leads the app. It does what a key
    /// does in every mode, beside the keys. One that is not let go is let go after
    /// [`PROGRAM_TALK_MAX_S`]; pressed again it counts anew, and toggles nothing.
    Talk {
        /// Down or up.
        pressed: bool,
    },
    /// Keeps the microphone open, or no longer, as [`KeyAction::TalkOverride`] says. Always answered by
    /// [`Event::TalkOverride`], with what holds then: without a call nothing is kept open.
    TalkOverride {
        /// On or off.
        on: bool,
    },
    /// Plays the sound that says who comes and goes, as loud as [`AudioSettings::sounds`].
    Chime {
        /// What happened.
        chime: Chime,
    },
}

/// Longest press of [`Command::Talk`], in seconds: as long as people speak without a pause, so that a
/// program that ended before it let go leaves no microphone open for ever.
pub const PROGRAM_TALK_MAX_S: u64 = 120;

/// What happened in the own voice channel. Only the gateway's side knows, so the engine is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Chime {
    /// Somebody came.
    Joined,
    /// Somebody left.
    Left,
}

/// What people choose about sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", default)]
pub struct AudioSettings {
    /// Microphone's device id; none follows the system's default.
    pub input: Option<String>,
    /// Speaker's device id; none follows the system's default.
    pub output: Option<String>,
    /// Gain of the microphone, linear, 0 to 4; after the automatic one, if that is on.
    pub input_gain: f32,
    /// Gain of all that is heard, linear, 0 to 2.
    pub output_gain: f32,
    /// Removes what the speaker plays from what the microphone hears.
    pub echo_cancellation: bool,
    /// Removes noise.
    pub noise_suppression: NoiseSuppression,
    /// Brings one's own voice to a steady loudness.
    pub automatic_gain: bool,
    /// When the microphone is open.
    pub gate: Gate,
    /// 10 ms packets instead of 20 ms: 10 ms less delay for about 8 kb/s more.
    pub low_latency: bool,
    /// Brings everybody else's voice to a common loudness, slowly, before their volume.
    pub levelling: bool,
    /// How far the others are turned down while a priority speaker talks, in dB, -60 to 0; 0 is not
    /// at all.
    pub priority_attenuation: f32,
    /// Loudness of the sounds. Older versions had one number for all of them.
    pub sounds: SoundVolumes,
}

impl Default for AudioSettings {
    fn default() -> Self {
        Self {
            input: None,
            output: None,
            input_gain: 1.0,
            output_gain: 1.0,
            echo_cancellation: true,
            noise_suppression: NoiseSuppression::Strong,
            automatic_gain: true,
            gate: Gate::Voice { threshold: None, release_ms: talking::VOICE_RELEASE_MS },
            low_latency: false,
            levelling: true,
            priority_attenuation: -9.0,
            sounds: SoundVolumes::default(),
        }
    }
}

/// How loud the sounds for what happens in a call are, each 0 to 1; 0 is off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", from = "SoundVolumesSaved")]
pub struct SoundVolumes {
    /// Somebody came, oneself too.
    pub join: f32,
    /// Somebody left, oneself too.
    pub leave: f32,
    /// One's own microphone was muted or is open again.
    pub mute: f32,
}

impl SoundVolumes {
    /// The same for all of them.
    #[must_use]
    pub const fn all(volume: f32) -> Self {
        Self { join: volume, leave: volume, mute: volume }
    }
}

impl Default for SoundVolumes {
    fn default() -> Self {
        Self::all(0.5)
    }
}

/// As settings of this version and of older ones have them.
#[derive(Deserialize)]
#[serde(untagged)]
enum SoundVolumesSaved {
    All(f32),
    Each {
        #[serde(default = "sound_volume")]
        join: f32,
        #[serde(default = "sound_volume")]
        leave: f32,
        #[serde(default = "sound_volume")]
        mute: f32,
    },
}

fn sound_volume() -> f32 {
    SoundVolumes::default().join
}

impl From<SoundVolumesSaved> for SoundVolumes {
    fn from(saved: SoundVolumesSaved) -> Self {
        match saved {
            SoundVolumesSaved::All(volume) => Self::all(volume),
            SoundVolumesSaved::Each { join, leave, mute } => Self { join, leave, mute },
        }
    }
}

/// How much noise is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum NoiseSuppression {
    /// None.
    Off,
    /// Steady noise: fans, hum. 3 ms less delay than `Strong`.
    Standard,
    /// Keyboards and other sudden noise too, and music with them.
    Strong,
}

/// What the engine says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[cfg_attr(feature = "bindings", ts(rename = "EngineEvent"))]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// The voice session's state changed.
    State {
        /// As it is now.
        state: SessionState,
    },
    /// Who is heard now, read off the media; sent when it changes, at most every 50 ms.
    Speaking {
        /// The sources that are audible, one's own included while it is sent.
        sources: Vec<SourceId>,
    },
    /// The microphone while it is open: up to twenty times a second, at least once.
    Input {
        /// Root mean square of the last 50 ms after processing, in dBFS, at most 0; silence may be told as -60.
        level_dbfs: f32,
        /// Probability that somebody speaks, 0 to 1.
        speech: f32,
        /// Whether it is being sent.
        sending: bool,
    },
    /// What the processing chain does to the microphone, up to twenty times a second while
    /// [`Command::Monitor`] is on. Levels are root mean squares of the last 50 ms in dBFS, at most 0;
    /// -60 is silence.
    Processing {
        /// As the microphone gives it.
        microphone_dbfs: f32,
        /// Without echo and noise: the difference is what was suppressed.
        cleaned_dbfs: f32,
        /// After automatic gain: the difference is what it added.
        levelled_dbfs: f32,
        /// As others hear it, after the microphone's volume.
        sent_dbfs: f32,
    },
    /// The playback of [`Command::Monitor`] has come this far.
    Playback {
        /// What happens now.
        phase: PlaybackPhase,
    },
    /// Quality of the connection, once a second in a call.
    Stats {
        /// The figures.
        stats: CallStats,
    },
    /// The devices there are and those in use; sent when they change.
    Devices {
        /// Microphones.
        inputs: Vec<Device>,
        /// Speakers.
        outputs: Vec<Device>,
        /// Name of the microphone in use; none while it is closed or missing.
        input_in_use: Option<String>,
        /// Name of the speaker in use; none while it is closed or missing.
        output_in_use: Option<String>,
    },
    /// Which keys can be heard, and what they are called; sent at the start and when it changes.
    Keys {
        /// Which ones.
        access: KeyAccess,
        /// What is printed on those keys that write something, by their ids, by the layout in use.
        names: BTreeMap<String, String>,
    },
    /// What the desktop itself does with keys; sent where it does anything, at the start and when it
    /// changes. Keys that it assigned work whichever program has the focus, which does not get them.
    DesktopKeys {
        /// How far it assigns them.
        state: Assignment,
        /// Those that it assigned.
        keys: Vec<AssignedKeys>,
        /// Whether it has a window to change them in.
        changeable: bool,
    },
    /// A key was pressed for something that the user interface does.
    KeyPressed {
        /// What: neither [`KeyAction::Talk`] nor [`KeyAction::TalkOverride`].
        action: KeyAction,
    },
    /// The microphone is kept open, or no longer ([`KeyAction::TalkOverride`]). Sent when it changes,
    /// and for every [`Command::TalkOverride`].
    TalkOverride {
        /// Whether it is.
        on: bool,
    },
    /// The keys that are held while [`Command::RecordKeys`] is on.
    KeysRecorded {
        /// Their ids, in a fixed order.
        keys: Vec<String>,
        /// The first of them was let go: these are the ones.
        complete: bool,
    },
    /// Somebody speaks in a call and is not heard. Sent after a second of speech, and not again before
    /// half a minute is over.
    Unheard {
        /// Why.
        reason: UnheardReason,
    },
    /// Something people should know, which did not end the session.
    Problem {
        /// What.
        problem: Problem,
    },
}

/// What the playback of one's own voice does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum PlaybackPhase {
    /// It records.
    Recording,
    /// It plays what was recorded.
    Playing,
    /// It is over, or was stopped.
    Over,
}

/// Where a voice session stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SessionState {
    /// No session.
    Idle {},
    /// On the way: the join is posted, media is being connected.
    Connecting {},
    /// Media flows.
    Connected {
        /// The own microphone.
        source: SourceId,
    },
    /// No answer from the voice node for some seconds; the user interface asks the gateway for a
    /// new ticket and joins again.
    Lost {},
    /// The voice node refused the join.
    Refused {
        /// Why.
        code: crate::rest::ErrorCode,
    },
    /// The voice node could not be reached.
    Unreachable {},
    /// The voice node ended the session; the gateway's
    /// [`crate::gateway::Event::VoiceEnded`] says why, where this does not.
    Ended {
        /// Where the engine knows it.
        reason: Option<EndReason>,
    },
}

/// Quality of the connection over the last second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct CallStats {
    /// Round trip to the voice node in milliseconds; none until measured.
    pub rtt_ms: Option<f32>,
    /// Packets lost on the way to us, 0 to 1.
    pub loss_down: f32,
    /// Packets lost on the way from us, 0 to 1, as the voice node reports it.
    pub loss_up: f32,
    /// Variation of the packets' delay (RFC 3550) in milliseconds, of the worst slot.
    pub jitter_ms: f32,
    /// Delay of the jitter buffer in milliseconds, of the slot with the longest.
    pub buffer_ms: f32,
    /// Bits per second received.
    pub bitrate_down: u32,
    /// Bits per second sent.
    pub bitrate_up: u32,
    /// What carries the voice; none until known.
    pub codec: Option<Codec>,
    /// Voice in one packet sent, in milliseconds; none until known.
    pub packet_ms: Option<f32>,
    /// Where a voice's delay comes from.
    pub delays: StageDelays,
}

/// What carries a voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Codec {
    /// Opus at 48 kHz.
    Opus,
}

/// Delay of a voice from mouth to ear by stage, in milliseconds, as far as this end knows: its own
/// microphone and processing, its way to the voice node and back as a stand-in for both halves, and
/// its own buffer and speaker. With two ends alike it is what either hears of the other. What is
/// not known is none, never a guess.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct StageDelays {
    /// From the air to the program: the device, its driver, the sound server, and what waits here.
    pub capture_ms: Option<f32>,
    /// Processing and encoding: the time to fill a packet, and what the codec looks ahead.
    pub processing_ms: Option<f32>,
    /// From one client over the voice node to another: twice half a round trip.
    pub network_ms: Option<f32>,
    /// Waiting in the jitter buffer.
    pub buffer_ms: Option<f32>,
    /// From the program to the air: what is queued, the sound server, the driver, the device.
    pub playback_ms: Option<f32>,
}

/// A microphone or speaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[cfg_attr(feature = "bindings", ts(rename = "AudioDevice"))]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// Stable across restarts and replugging.
    pub id: String,
    /// As people know it.
    pub name: String,
}

/// Something people should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Problem {
    /// There is no microphone, or the chosen one is gone and there is no other.
    NoInput,
    /// There is no speaker, or the chosen one is gone and there is no other.
    NoOutput,
    /// The system or the person forbids the microphone.
    InputForbidden,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_an_older_version_take_the_defaults_for_what_they_lack() {
        let settings: AudioSettings = serde_json::from_str(r#"{"input":"x","sounds":0.0}"#).unwrap();
        assert_eq!(settings.input.as_deref(), Some("x"));
        assert_eq!(settings.gate, AudioSettings::default().gate);
        assert_eq!(settings.sounds, SoundVolumes::all(0.0));
        assert!(settings.levelling);
    }

    #[test]
    fn talking_modes_cross_as_they_are_named() {
        for (gate, json) in [
            (Gate::PushToTalk { release_ms: 200 }, r#"{"mode":"pushToTalk","releaseMs":200}"#),
            (Gate::PushToMute { release_ms: 0 }, r#"{"mode":"pushToMute","releaseMs":0}"#),
            (Gate::Toggle { release_ms: 100 }, r#"{"mode":"toggle","releaseMs":100}"#),
        ] {
            assert_eq!(serde_json::to_string(&gate).unwrap(), json);
            assert_eq!(serde_json::from_str::<Gate>(json).unwrap(), gate);
        }
    }

    #[test]
    fn sounds_are_saved_each_and_loaded_in_any_shape() {
        for (saved, loaded) in [
            ("0.25", SoundVolumes::all(0.25)),
            (r#"{"join":0,"leave":1,"mute":0.5}"#, SoundVolumes { join: 0.0, leave: 1.0, mute: 0.5 }),
            (r#"{"join":1}"#, SoundVolumes { join: 1.0, ..SoundVolumes::default() }),
        ] {
            assert_eq!(serde_json::from_str::<SoundVolumes>(saved).unwrap(), loaded, "{saved}");
        }
        assert_eq!(
            serde_json::to_string(&SoundVolumes::all(0.5)).unwrap(),
            r#"{"join":0.5,"leave":0.5,"mute":0.5}"#
        );
        assert!(serde_json::from_str::<SoundVolumes>("\"loud\"").is_err());
    }

    #[test]
    fn thresholds_of_an_older_version_are_kept() {
        for (saved, threshold) in
            [(r#"{"mode":"voice","threshold":0.7}"#, Some(0.7)), (r#"{"mode":"voice"}"#, None)]
        {
            assert_eq!(
                serde_json::from_str::<Gate>(saved).unwrap(),
                Gate::Voice { threshold, release_ms: 300 }
            );
        }
    }
}
