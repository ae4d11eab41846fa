//! The native client's media: one voice session with the voice node, and the threads that carry
//! sound between it and the devices.
//!
//! The engine knows voice sessions and sources, never accounts. What it is told and what it says
//! is [`voicehall_protocol::engine`].
//!
//! - [`Engine`]: commands in, events out; its task is `control`;
//! - [`receive`] and [`send`]: the two paths of a voice, free of sockets, threads and clocks;
//! - `media`: the one thread that moves sound, on the devices' clock;
//! - `session`: the join and the connection to the voice node, on `webrtc`.

mod control;
mod devices;
mod engine;
mod figures;
mod keys;
mod media;
mod packet;
pub mod receive;
pub mod send;
mod session;

pub use engine::{Busy, Engine, EngineConfig, StartError};
pub use media::VoiceTap;
pub use packet::MicrophonePacket;
pub use session::{IdentityError, http_client};
/// The codec and resampler, for whoever feeds an engine from files.
pub use voicehall_audio as audio;
/// The devices that an engine runs on.
pub use voicehall_device as device;
