//! Keys and mouse buttons, heard while another program has the focus, and never taken from it.
//!
//! [`HotkeySource`] is the door. Behind it stand the system's own ways of listening
//! ([`NativeKeys`]) or a test's hands ([`VirtualKeys`]); what they hear becomes actions in the same
//! state machine ([`KeyMatcher`]).

#[cfg(target_os = "linux")]
mod chord_keys;
mod chords;
mod key;
#[cfg(any(target_os = "macos", test))]
mod macos;
mod matcher;
mod native;
#[cfg(target_os = "linux")]
mod portal;
#[cfg(any(windows, target_os = "macos", test))]
mod raw;
mod virtual_keys;
#[cfg(target_os = "linux")]
mod wayland;
#[cfg(any(windows, test))]
mod windows;
#[cfg(target_os = "linux")]
mod x11;

#[cfg(target_os = "linux")]
pub use chord_keys::ChordKeys;
pub use key::{Key, MOUSE_BUTTON_MAX, MOUSE_BUTTON_MIN, UnknownKey};
pub use matcher::{BINDINGS_MAX, Binding, COMBINATION_KEYS_MAX, Combination, KeyMatcher};
pub use native::NativeKeys;
pub use virtual_keys::VirtualKeys;
#[cfg(target_os = "linux")]
pub(crate) use x11::is_wayland;

/// What a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Opens the microphone, or closes it, or does both in turn: that depends on the talking mode.
    Talk,
    /// Keeps the microphone open, or no longer, whatever the talking mode says.
    TalkOverride,
    /// Mutes and unmutes.
    Mute,
    /// Deafens and undeafens.
    Deafen,
    /// Leaves the call.
    Leave,
}

/// Why an action is held, or no longer held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A key was pressed or let go.
    Key,
    /// It was found to be so: at the start, after other bindings, after something went unheard.
    Resync,
}

/// Which keys the system lets a program hear that has not the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// All of them, always.
    Everywhere,
    /// Those that are pressed while a program that speaks X11 has the focus: Wayland.
    X11Programs,
    /// Those that are pressed while no program with higher rights has the focus: Windows.
    Unelevated,
    /// Combinations with a modifier, before the person permits all in the system's settings: macOS.
    /// They are kept from the program that has the focus.
    Unpermitted,
    /// Combinations with a modifier, and no more. They are kept from the program that has the focus.
    Combinations,
    /// None.
    Nowhere,
}

/// What an action is called in the language of the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAction {
    /// The action.
    pub action: Action,
    /// Its name.
    pub name: String,
}

/// How far the desktop assigns keys to actions itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// What the desktop does with keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesktopKeys {
    /// How far it assigns them.
    pub state: Assignment,
    /// Those it assigned, in its own words; no word for none.
    pub keys: Vec<(Action, String)>,
    /// Whether it has a window to change them in.
    pub changeable: bool,
}

/// What a source tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HotkeyEvent {
    /// What can be heard, and what the keys that write something are called by the layout in use.
    /// Told first, and when it changes.
    Access {
        /// Which keys can be heard.
        access: Access,
        /// What is printed on keys; those that are missing go by their usual names.
        names: Vec<(Key, String)>,
    },
    /// What the desktop itself does with keys. Told where it does anything, after the first
    /// [`HotkeyEvent::Access`], and when it changes.
    Desktop(DesktopKeys),
    /// An action is held, or no longer.
    Action {
        /// Which one.
        action: Action,
        /// Whether it is held.
        pressed: bool,
        /// Why.
        cause: Cause,
    },
    /// While recording: what is held, or was held together when the first key of it was let go.
    Recorded {
        /// The keys, at most [`COMBINATION_KEYS_MAX`].
        keys: Vec<Key>,
        /// The first of them was let go.
        complete: bool,
    },
}

/// Hears the source's events, on a thread of the source's own. It must not block for long.
pub type Listener = Box<dyn FnMut(HotkeyEvent) + Send>;

/// Hears keys. Nothing of what it hears is kept from the program that has the focus, but for what
/// the desktop assigned, and where the system lets hear combinations alone ([`Access`]).
pub trait HotkeySource: Send + Sync {
    /// Tells `listener` what happens from now on, beginning with [`HotkeyEvent::Access`] and what is
    /// held already. It takes the place of one that listened before.
    fn listen(&self, listener: Listener);

    /// Listens for these bindings instead of those before.
    fn bind(&self, bindings: Vec<Binding>);

    /// Starts or stops to record a combination: [`HotkeyEvent::Recorded`].
    fn record(&self, enabled: bool);

    /// Asks the desktop to assign keys to these actions, where it does that
    /// ([`HotkeyEvent::Desktop`]); to none: no longer. What it assigned to the same ones stays.
    fn assign(&self, _actions: Vec<NamedAction>) {}

    /// Lets the person change what the desktop assigned, in a window of its own.
    fn reassign(&self) {}
}
