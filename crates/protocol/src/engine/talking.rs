//! When the microphone is open.

use serde::{Deserialize, Serialize};

/// How long the microphone stays open after the last sound of a voice, unless somebody chose it.
pub(super) const VOICE_RELEASE_MS: u16 = 300;

fn voice_release_ms() -> u16 {
    VOICE_RELEASE_MS
}

/// When the microphone is open.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(tag = "mode", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Gate {
    /// Always; silence is still not sent.
    Open,
    /// While somebody speaks.
    Voice {
        /// Probability of speech from which the gate opens, 0 to 1; none follows the noise around the
        /// speaker.
        #[serde(default)]
        threshold: Option<f32>,
        /// How long it stays open after the last sound of a voice, in milliseconds.
        #[serde(default = "voice_release_ms")]
        release_ms: u16,
    },
    /// While a key of [`KeyAction::Talk`](super::KeyAction::Talk) is held.
    PushToTalk {
        /// How long it stays open after the key is let go, in milliseconds.
        release_ms: u16,
    },
    /// Unless a key of [`KeyAction::Talk`](super::KeyAction::Talk) is held; silence is still not sent.
    PushToMute {
        /// How long it stays shut after the key is let go, in milliseconds.
        release_ms: u16,
    },
    /// From one press of a key of [`KeyAction::Talk`](super::KeyAction::Talk) to the next. A call begins with it shut.
    Toggle {
        /// How long it stays open after the second press, in milliseconds.
        release_ms: u16,
    },
}

/// Why somebody who speaks is not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum UnheardReason {
    /// The microphone is muted.
    Muted,
    /// The key that opens it is not pressed, or the one that shuts it is.
    Key,
}
