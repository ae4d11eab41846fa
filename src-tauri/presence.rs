//! How the page says it stands, and what the desktop tells the page: the shell's other half of
//! `ui/src/platform/shell.ts`. The page owns the call and every word that people read.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use voicehall_protocol::control::Request;

/// How things stand, as the tray shows them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    /// One is in a call, or on one's way into it.
    pub in_call: bool,
    /// One's microphone is muted.
    pub muted: bool,
    /// One hears nothing.
    pub deafened: bool,
    /// What closing the window does.
    pub close: Close,
    /// The words of the tray.
    pub texts: Texts,
}

/// What closing the window does, where there is a tray.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Close {
    /// The page asks, once.
    Ask,
    /// The window goes, the app stays.
    Hide,
    /// The app ends.
    Quit,
}

/// What the tray says, in the person's language.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Texts {
    /// How things stand.
    pub state: String,
    /// An entry that is checked while muted.
    pub mute: String,
    /// An entry that is checked while deafened.
    pub deafen: String,
    /// Leaves the call.
    pub leave: String,
    /// Opens the small window.
    pub mini: String,
    /// Shows the window.
    pub show: String,
    /// Ends the app.
    pub quit: String,
}

/// Which of the tray's icons says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Not in a call.
    Idle,
    /// In a call, heard and hearing.
    Call,
    /// In a call, not heard.
    Muted,
    /// In a call, neither heard nor hearing.
    Deafened,
}

impl Presence {
    /// Who is in no call is neither heard nor hears, whatever they chose.
    pub fn look(&self) -> Look {
        match self {
            Self { in_call: false, .. } => Look::Idle,
            Self { deafened: true, .. } => Look::Deafened,
            Self { muted: true, .. } => Look::Muted,
            _ => Look::Call,
        }
    }
}

/// What the desktop tells the page.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ShellEvent {
    /// A link is to be opened, which `launch_link` brings.
    Link {},
    /// From the tray or the small window.
    ToggleMute {},
    /// From the tray.
    ToggleDeaf {},
    /// From the tray or the small window.
    Leave {},
    /// The window was closed, and nobody has chosen yet what that does.
    Closing {},
    /// A notification was clicked.
    Notified {
        /// What it is about, as the page said.
        place: Value,
    },
    /// The tray came or went.
    Tray {
        /// There is one now.
        present: bool,
    },
    /// A program asks through the control socket; `control_answer` answers.
    Control {
        /// Of the request.
        id: u32,
        /// What it wants.
        request: Request,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(in_call: bool, muted: bool, deafened: bool) -> Look {
        let word = String::new;
        let texts = Texts {
            state: word(),
            mute: word(),
            deafen: word(),
            leave: word(),
            mini: word(),
            show: word(),
            quit: word(),
        };
        Presence { in_call, muted, deafened, close: Close::Ask, texts }.look()
    }

    #[test]
    fn the_icon_says_the_most_important_thing() {
        assert_eq!(look(false, true, true), Look::Idle);
        assert_eq!(look(true, false, false), Look::Call);
        assert_eq!(look(true, true, false), Look::Muted);
        assert_eq!(look(true, true, true), Look::Deafened);
        assert_eq!(look(true, false, true), Look::Deafened);
    }
}
