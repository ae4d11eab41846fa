//! Which device is meant, and what is told about devices.

use std::fmt;

/// Whether a device hears or plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Microphones.
    Input,
    /// Speakers and headphones.
    Output,
}

/// A device's name for programs: the same after a restart and a replug, so it may be stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(String);

impl DeviceId {
    /// An id as it was stored; it need not exist now.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text, for storing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a person chose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// Whatever the system uses, now and after it changes.
    #[default]
    SystemDefault,
    /// This device; the system's default while it is not there.
    Id(DeviceId),
}

/// A device that is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its stable id.
    pub id: DeviceId,
    /// Its name for people.
    pub name: String,
    /// Whether it is the system's default, as far as the system tells.
    pub is_default: bool,
}

/// Why no device can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// There is none, or none that works.
    Device,
    /// The system does not let this program use it.
    Permission,
}

/// Something happened to the devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceEvent {
    /// A stream now runs on this device, for the first time or after a change.
    Using {
        /// Microphone or speaker.
        direction: Direction,
        /// Name of the device for people, or `None` for a system default without a name.
        name: Option<String>,
        /// Whether this is a stand-in: the chosen device is not there.
        stand_in: bool,
    },
    /// No device can be used now. It is tried again, several times a second.
    Lost {
        /// Microphone or speaker.
        direction: Direction,
        /// Why, for people.
        lack: Lack,
        /// Why, for a log.
        reason: String,
    },
    /// A device was plugged in or out: lists are out of date.
    ListChanged,
}
