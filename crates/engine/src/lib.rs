//! The native client's media: one voice session with the voice node, and the threads that carry
//! sound between it and the devices.
//!
//! The engine knows voice sessions and sources, never accounts. What it is told and what it says
//! is [`voicehall_protocol::engine`].
//!
//! - [`receive`] and [`send`]: the two paths of a voice, free of sockets, threads and clocks;

mod packet;
pub mod receive;
pub mod send;

pub use packet::MicrophonePacket;
