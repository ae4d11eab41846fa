//! What can go wrong, with what to do about it.

use std::path::PathBuf;
use voicehall_protocol::control::Reason;
use voicehall_protocol::gateway::CloseCode;
use voicehall_protocol::rest::ErrorCode;
use voicehall_protocol::voice::EndReason;

/// Why the program ends without having done what it was told.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The link is none.
    #[error("{0:?} is no invite: it looks like https://host/join/CODE")]
    NoInvite(String),
    /// The server does not take the invite.
    #[error("the invite does not exist, has expired or is used up: ask for another")]
    InviteInvalid,
    /// The server refuses something else.
    #[error("the server refuses: {message} ({code:?})")]
    Refused {
        /// What.
        code: ErrorCode,
        /// In its words.
        message: String,
    },
    /// There is no server, or none of ours.
    #[error("no Voicehall server answers at {origin}: is the address right, and does it run? ({reason})")]
    Unreachable {
        /// Where.
        origin: String,
        /// What happened.
        reason: String,
    },
    /// The server ended the gateway session for good.
    #[error("the server closed the connection: {}", .0.name())]
    Closed(CloseCode),
    /// The two speak different protocols.
    #[error("the server speaks another version of the protocol ({0}): update the older of the two")]
    ProtocolMismatch(u32),
    /// No such channel.
    #[error("there is no voice channel {name:?}; there is: {}", .there.join(", "))]
    NoChannel {
        /// What was asked for.
        name: String,
        /// What there is.
        there: Vec<String>,
    },
    /// The voice session ended, and joining again would not help.
    #[error("the voice session ended: {}", reason(*.0))]
    Ended(EndReason),
    /// Media never connected.
    #[error("the voice node cannot be reached by UDP: does a firewall drop it?")]
    NoMedia,
    /// A file cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// There is no desktop app to be led.
    #[error("the Voicehall app does not run here, so there is nothing to control ({0})")]
    NoApp(String),
    /// The desktop app did not do it.
    #[error("{}", order_refused(*.0))]
    OrderRefused(Reason),
    /// The engine did not start.
    #[error(transparent)]
    Engine(#[from] voicehall_engine::StartError),
    /// Something of the system's.
    #[error(transparent)]
    System(#[from] std::io::Error),
}

impl Failure {
    /// 2 for what its caller can correct, 3 for what the server or the network does, 1 otherwise.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoInvite(_)
            | Self::InviteInvalid
            | Self::NoChannel { .. }
            | Self::File { .. }
            | Self::OrderRefused(Reason::Malformed | Reason::NoChannel | Reason::Ambiguous) => 2,
            Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::Closed(_)
            | Self::ProtocolMismatch(_)
            | Self::Ended(_)
            | Self::NoMedia
            | Self::NoApp(_)
            | Self::OrderRefused(Reason::Busy | Reason::NoCall) => 3,
            Self::Engine(_) | Self::System(_) => 1,
        }
    }
}

fn order_refused(reason: Reason) -> &'static str {
    match reason {
        Reason::Malformed => "the app does not understand the request: update the older of the two",
        Reason::Busy => "the app did not answer in time",
        Reason::NoChannel => "the app knows no such voice channel",
        Reason::Ambiguous => "several guilds have such a channel: name one with --guild",
        Reason::NoCall => "there is no call, or it did not come about: the app's window says why",
    }
}

fn reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Left => "left",
        EndReason::Replaced => "the account joined from elsewhere (use another --name)",
        EndReason::Disconnected => "a moderator disconnected it",
        EndReason::Forbidden => "it may no longer be there",
        EndReason::TimedOut => "the network was gone for too long",
        EndReason::HandshakeFailed => "the encryption handshake failed",
        EndReason::ChannelGone => "the channel was deleted",
        EndReason::NodeStopping => "the server is stopping",
    }
}
