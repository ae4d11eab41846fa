//! Pure media server: one shard as a state machine.
//!
//! Datagrams and time go in, datagrams and events come out; nothing here knows a socket, a
//! runtime, a thread or a clock. A shard serves any number of channels, and a channel lives on
//! one shard.
//!
//! A packet's way, from the top: [`Shard::handle_datagram`] finds the session by address →
//! STUN is answered ([`stun`]), DTLS advances the handshake, SRTP is opened once ([`srtp`]) →
//! the channel chooses the loudest voices and gives each packet its place in a slot's stream →
//! for each receiver a new header is written and the packet sealed straight into the outbox's
//! buffer. No allocation, no lock and no walk over other channels on that way.
//!
//! Video (`video`) goes the same way, but into the slots of those who asked to see it, and with a
//! header for each of them, as far as their lines carry it ([`congestion`]).
//!
//! Absent: ICE checks of our own (we are ICE-lite), DTLS 1.3 and data channels, retransmission of
//! voice, a pacer for video, and everything of a payload but a video's first bytes:
//! voices are chosen by the audio-level extension alone.

mod channel;
pub mod congestion;
mod ice;
mod limit;
mod prime;
mod random;
mod reception;
mod report;
mod selection;
mod session;
mod shard;
mod slot;
mod stats;
mod timers;
mod video;

pub mod rtcp;
pub mod rtp;
pub mod srtp;
pub mod stun;

#[cfg(test)]
mod hex;

pub use reception::Reception;
pub use shard::{Demand, Open, OpenError, Shard, ShardConfig, Watchers};
pub use stats::{SessionStats, ShardStats};

use std::net::SocketAddr;
use voicehall_protocol::ids::VoiceSessionId;
use voicehall_protocol::voice::EndReason;

/// The largest datagram that is received or sent, in bytes.
pub const DATAGRAM_BYTES_MAX: usize = 1500;

/// Where a shard puts what it has to say.
pub trait Outbox {
    /// A buffer of at least [`DATAGRAM_BYTES_MAX`] bytes for the next datagram; its content does
    /// not matter.
    fn buffer(&mut self) -> &mut [u8];

    /// Sends the first `len` bytes of the buffer. It may drop them, as any network may.
    fn send(&mut self, to: SocketAddr, len: usize);

    /// Something happened to a session.
    fn event(&mut self, event: Event);
}

/// What happens to a session after it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The handshake is done: media flows.
    Connected {
        /// The session.
        session: VoiceSessionId,
    },
    /// It is over. Sent once for every session opened.
    Closed {
        /// The session.
        session: VoiceSessionId,
        /// Why.
        reason: EndReason,
    },
    /// What anybody needs of its videos changed: see [`Shard::demand`].
    Demand {
        /// The session.
        session: VoiceSessionId,
    },
    /// What is in its slots changed: see [`Shard::slots`].
    Slots {
        /// The session.
        session: VoiceSessionId,
    },
    /// Who sees its videos changed: see [`Shard::watchers`].
    Watchers {
        /// The session.
        session: VoiceSessionId,
    },
}

/// What a client needs for its connectivity checks.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The shard's ICE user-name fragment for the session.
    pub ufrag: String,
    /// The shard's ICE password for the session.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// The SHA-256 fingerprint of a certificate in DER (RFC 8122).
pub fn fingerprint_of(certificate: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
    std::array::from_fn(|at| digest.as_ref()[at])
}
