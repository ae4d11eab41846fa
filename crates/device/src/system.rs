use std::sync::mpsc;

use crate::{DeviceChoice, DeviceEvent, DeviceInfo, Direction, Microphone, Speaker};

/// The door to microphones and speakers, real or virtual.
pub trait AudioSystem: Send + Sync {
    /// The devices that are there now.
    fn devices(&self, direction: Direction) -> Vec<DeviceInfo>;

    /// Opens a microphone. It is open, and seen to be open by the system, until it is dropped.
    /// This never fails and returns at once; whether and on what it runs is told in
    /// [`DeviceEvent`]s.
    fn open_microphone(&self, choice: DeviceChoice) -> Microphone;

    /// Opens a speaker, as [`AudioSystem::open_microphone`] does a microphone.
    fn open_speaker(&self, choice: DeviceChoice) -> Speaker;

    /// What happens to devices from now on. A receiver that is not read only costs memory until
    /// it is dropped; events are few.
    fn events(&self) -> mpsc::Receiver<DeviceEvent>;
}
