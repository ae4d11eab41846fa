//! What keys do, and which of them can be heard.

use serde::{Deserialize, Serialize};

/// Key bindings that an engine takes.
pub const KEY_BINDINGS_MAX: usize = 64;

/// Keys in one binding.
pub const KEY_BINDING_KEYS_MAX: usize = 5;

/// One way to do something with keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct KeyBinding {
    /// What they do.
    pub action: KeyAction,
    /// Ids of keys that are held together, in any order, at most [`KEY_BINDING_KEYS_MAX`]: the `code` of
    /// the W3C's "UI Events KeyboardEvent code Values" (`KeyA`, `ControlLeft`), `Mouse4` and up for a
    /// mouse's further buttons, or what [`KeysRecorded`](super::Event::KeysRecorded) gave. A binding with an id that is
    /// none is left out.
    pub keys: Vec<String>,
}

/// What keys can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum KeyAction {
    /// Speaks, or not, as [`Gate`](super::Gate) says. The engine does this itself, without delay.
    Talk,
    /// Push-to-talk override, for whoever has no hand free: from one press to the next the microphone is
    /// open, and neither the talk keys nor the detection of voices have a say, in every mode of
    /// [`Gate`](super::Gate). The engine does this itself, without delay.
    ///
    /// It is weaker than all that silences on purpose: muted, deafened or without a microphone one is not
    /// heard, and once that is over the microphone is open again, without another press. It begins in a
    /// call only, outlives a connection that is lost and comes back, and ends with the call or when somebody
    /// chooses another mode. A talk key that is held when it ends does what it does. Where the mode keeps the
    /// microphone open anyway, it does nothing.
    TalkOverride,
    /// Mutes and unmutes.
    Mute,
    /// Deafens and undeafens.
    Deafen,
    /// Leaves the call.
    Leave,
}

/// What keys can do, and what it is called in the language of the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct NamedAction {
    /// What.
    pub action: KeyAction,
    /// Its name.
    pub name: String,
}

/// Keys that the desktop assigned to an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct AssignedKeys {
    /// What they do.
    pub action: KeyAction,
    /// What the desktop calls them; empty for none.
    pub keys: String,
}

/// How far the desktop assigns keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Assignment {
    /// It assigns none to any program.
    Unavailable,
    /// It would, and was not asked.
    Offered,
    /// It was asked, and perhaps asks the person now.
    Asking,
    /// It did.
    Assigned,
    /// It, or the person, refused.
    Refused,
}

/// Which keys can be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum KeyAccess {
    /// All of them, whichever program has the focus; none is taken from it.
    Everywhere,
    /// Those that are pressed while an X11 program has the focus: Wayland.
    X11Programs,
    /// Those that are pressed while no program with higher rights has the focus: Windows.
    Unelevated,
    /// Combinations with a modifier, before the person permits all in the system's settings: macOS.
    /// They are kept from the program that has the focus.
    Unpermitted,
    /// Combinations with a modifier, and no more. They are kept from the program that has the focus.
    Combinations,
    /// Those that are pressed while the page has the focus.
    Page,
    /// None.
    Nowhere,
}
