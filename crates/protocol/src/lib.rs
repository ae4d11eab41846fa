//! Every message that crosses a wire, the ids, and the shared RTP tables.
//!
//! Three doors, each with its own module:
//!
//! - [`rest`]: accounts, invites and history, over HTTP;
//! - [`gateway`]: guild state and requests, JSON over a WebSocket;
//! - [`voice`]: the one-round-trip join of a voice channel, after which only media flows, laid out by [`rtp`];
//!   and [`video`]: who wants to see what, for those who send or watch it.
//!
//! [`engine`] is the door between a user interface and a voice engine, on one machine; [`control`]
//! is the one through which other programs on it lead the desktop app.
//!
//! The crate is pure: it knows no socket, no runtime and no clock. Times on the wire are Unix
//! milliseconds unless a name says otherwise.

pub mod control;
pub mod engine;
pub mod gateway;
pub mod ids;
pub mod model;
pub mod rest;
pub mod rtp;
pub mod ticket;
pub mod video;
pub mod voice;

#[cfg(feature = "bindings")]
pub mod bindings;

/// The version of everything in this crate. A peer that speaks another version is refused with
/// [`rest::ErrorCode::ProtocolMismatch`] or [`gateway::CloseCode::ProtocolMismatch`].
pub const PROTOCOL_VERSION: u32 = 1;
