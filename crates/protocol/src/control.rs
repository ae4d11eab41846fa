//! The control socket: how programs of the same person (stream decks, scripts, key bindings of a
//! desktop) lead the desktop app. JSON, one object a line, each request answered in turn.

use serde::{Deserialize, Serialize};

/// Where the socket lies below the person's runtime folder (`$XDG_RUNTIME_DIR`).
pub const SOCKET: &str = "voicehall/control";

/// The named pipe of a person on Windows.
#[must_use]
pub fn pipe_name(user: &str) -> String {
    format!(r"\\.\pipe\voicehall-control-{user}")
}

/// Longest line, in bytes; whoever sends a longer one is cut off.
pub const LINE_BYTES_MAX: usize = 4096;

/// What a program asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(rename = "ControlRequest"))]
#[serde(tag = "command", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Request {
    /// Mutes or unmutes one's microphone.
    Mute {
        /// None changes what is.
        on: Option<bool>,
    },
    /// Deafens or undeafens oneself.
    Deafen {
        /// None changes what is.
        on: Option<bool>,
    },
    /// Joins a voice channel. Answered when media flows, or when it is certain that it will not.
    Join {
        /// Name of the channel; upper and lower case are the same.
        channel: String,
        /// Name of its guild, where several have such a channel.
        guild: Option<String>,
    },
    /// Leaves the call.
    Leave {},
    /// Presses the talk key or lets it go, without a keyboard.
    Ptt {
        /// Down or up.
        down: bool,
    },
    /// Keeps the microphone open in a call, whatever the talk key says, or no longer.
    Override {
        /// None changes what is.
        on: Option<bool>,
    },
    /// Changes nothing.
    Status {},
    /// Brings the window to the front.
    Show {},
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(rename = "ControlAnswer"))]
#[serde(tag = "result", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Answer {
    /// It was done, and this is how things stand now.
    Done {
        /// How things stand.
        status: Status,
    },
    /// It was not done.
    Failed {
        /// Why, for programs.
        reason: Reason,
    },
}

/// Why a request was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(rename = "ControlReason"))]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// The line is no request.
    Malformed,
    /// The app's window did not answer in time.
    Busy,
    /// There is no such voice channel.
    NoChannel,
    /// Several guilds have such a channel: name the guild.
    Ambiguous,
    /// The call did not come about, or there is none.
    NoCall,
}

/// How the app stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(rename = "ControlStatus"))]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Where the call stands.
    pub call: Phase,
    /// The guild of the call, if there is one.
    pub guild: Option<String>,
    /// The channel of the call, if there is one.
    pub channel: Option<String>,
    /// One's microphone is muted by oneself.
    pub muted: bool,
    /// One hears nothing by one's own choice.
    pub deafened: bool,
    /// The microphone is kept open, whatever the talk key says. An app of an older version does not say.
    #[serde(default)]
    pub talk_override: bool,
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(rename = "ControlPhase"))]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// There is none.
    Idle,
    /// It is being joined for the first time.
    Joining,
    /// Media flows.
    Connected,
    /// Media was lost and is being joined again.
    Reconnecting,
    /// It ended otherwise than by leaving.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_documented() {
        for (line, request) in [
            (r#"{"command":"mute"}"#, Request::Mute { on: None }),
            (r#"{"command":"deafen","on":true}"#, Request::Deafen { on: Some(true) }),
            (
                r#"{"command":"join","channel":"Lobby"}"#,
                Request::Join { channel: "Lobby".to_owned(), guild: None },
            ),
            (r#"{"command":"leave"}"#, Request::Leave {}),
            (r#"{"command":"ptt","down":true}"#, Request::Ptt { down: true }),
            (r#"{"command":"override"}"#, Request::Override { on: None }),
            (r#"{"command":"override","on":false}"#, Request::Override { on: Some(false) }),
            (r#"{"command":"status"}"#, Request::Status {}),
            (r#"{"command":"show"}"#, Request::Show {}),
        ] {
            assert_eq!(serde_json::from_str::<Request>(line).unwrap(), request, "{line}");
        }
    }

    #[test]
    fn answers_are_written_as_documented() {
        let status = Status {
            call: Phase::Connected,
            guild: Some("Club".to_owned()),
            channel: Some("Lobby".to_owned()),
            muted: true,
            deafened: false,
            talk_override: true,
        };
        assert_eq!(
            serde_json::to_string(&Answer::Done { status }).unwrap(),
            r#"{"result":"done","status":{"call":"connected","guild":"Club","channel":"Lobby","muted":true,"deafened":false,"talkOverride":true}}"#
        );
        assert_eq!(
            serde_json::to_string(&Answer::Failed { reason: Reason::NoChannel }).unwrap(),
            r#"{"result":"failed","reason":"noChannel"}"#
        );
    }
}
