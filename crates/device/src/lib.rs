//! The edges of the operating system: microphone, speaker, keys, UI sounds, cameras and screens.
//!
//! [`NativeAudio`] opens real devices; [`VirtualAudio`] is the same door with the test, or a
//! program without a sound card, standing behind it. Both hand out a [`Microphone`] and a
//! [`Speaker`], which stay the same while devices come and go: what happens behind them is told in
//! [`DeviceEvent`]s.
//!
//! # Threads
//! The operating system calls back on threads of its own. Those callbacks only move samples
//! between its buffers and lock-free rings and set atomics: they never lock, allocate, free, log
//! or wait (`tests/callback.rs` asserts it). [`Microphone`] and [`Speaker`] are the other ends of
//! those rings and belong to the media thread. Streams are opened, watched and rebuilt by a
//! supervisor thread. Keys are heard by a thread of their own: [`keys`]. So are pictures: [`capture`].

mod callback;
pub mod capture;
mod choice;
pub mod keys;
mod microphone;
mod native;
pub mod realtime;
mod sounds;
mod speaker;
mod status;
mod system;
mod virtual_audio;

pub use callback::{CaptureCallback, PlaybackCallback};
pub use choice::{DeviceChoice, DeviceEvent, DeviceId, DeviceInfo, Direction, Lack};
pub use microphone::Microphone;
pub use native::NativeAudio;
pub use sounds::{Sound, UiSounds};
pub use speaker::Speaker;
pub use status::StreamStatus;
pub use system::AudioSystem;
pub use virtual_audio::{VirtualAudio, VirtualMicrophone, VirtualSpeaker};
