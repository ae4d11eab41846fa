//! The gateway: guild state and requests, one JSON object per WebSocket text message.
//!
//! The server speaks first, with [`ServerMessage::Hello`]. The client identifies or resumes. From
//! then on everything that changes reaches the client as [`ServerMessage::Dispatch`], numbered
//! without gaps; after a lost connection, [`ClientMessage::Resume`] with the last number seen
//! brings exactly what was missed.

use crate::ids::{ChannelId, GatewaySessionId, GuildId, UserId, VoiceSessionId};
use crate::model::{Channel, Guild, Member, Message, User, VoiceState};
use crate::rest::ErrorCode;
use crate::voice::EndReason;
use serde::{Deserialize, Serialize};

/// Path of the gateway on a server's HTTP port.
pub const GATEWAY_PATH: &str = "/gateway";

/// Largest message a client may send, in bytes; a larger one ends the connection.
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ClientMessage {
    /// Opens a new gateway session. Answered by [`ServerMessage::Ready`].
    Identify {
        /// [`crate::PROTOCOL_VERSION`] of the client.
        protocol: u32,
        /// The login token from the REST door.
        token: Token,
    },
    /// Goes on with a session whose connection was lost. Answered by [`ServerMessage::Resumed`]
    /// after all that was missed, or by [`ServerMessage::InvalidSession`].
    Resume {
        /// [`crate::PROTOCOL_VERSION`] of the client.
        protocol: u32,
        /// The login token from the REST door.
        token: Token,
        /// From [`ServerMessage::Ready`].
        session: GatewaySessionId,
        /// The last dispatch that the client has processed.
        #[cfg_attr(feature = "bindings", ts(type = "number"))]
        seq: u64,
    },
    /// Due every [`ServerMessage::Hello::heartbeat_interval_ms`]; answered by
    /// [`ServerMessage::HeartbeatAck`]. Lets the server forget dispatches up to `seq`.
    Heartbeat {
        /// The last dispatch that the client has processed.
        #[cfg_attr(feature = "bindings", ts(type = "number"))]
        seq: u64,
    },
    /// Asks for a ticket to a voice channel. Answered by [`ServerMessage::VoiceTicket`] or
    /// [`ServerMessage::Error`]. An account is in one voice channel at a time: another session of
    /// it ends, with [`EndReason::Replaced`], when the new one reaches the voice node.
    VoiceJoin {
        /// Repeated in the answer.
        nonce: u32,
        /// Where to.
        channel: ChannelId,
        /// Start with the own microphone off.
        self_mute: bool,
        /// Start with what one hears off.
        self_deaf: bool,
    },
    /// Mutes or deafens oneself in the present voice session.
    VoiceState {
        /// The own microphone is off.
        self_mute: bool,
        /// What one hears is off.
        self_deaf: bool,
    },
    /// Ends the present voice session.
    VoiceLeave {},
    /// Mutes, deafens, bars from video or disconnects somebody. Needs
    /// [`crate::model::Permissions::MODERATE_VOICE`]. Answered by [`ServerMessage::Ack`] or
    /// [`ServerMessage::Error`].
    VoiceModerate {
        /// Repeated in the answer.
        nonce: u32,
        /// The guild in whose voice channel they are.
        guild: GuildId,
        /// Whom.
        user: UserId,
        /// What.
        action: ModerateAction,
    },
}

/// What a moderator does to somebody in a voice channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ModerateAction {
    /// Nobody hears them any more.
    Mute,
    /// Undoes [`Self::Mute`].
    Unmute,
    /// They hear nobody any more.
    Deafen,
    /// Undoes [`Self::Deafen`].
    Undeafen,
    /// Nobody sees their camera or screen any more.
    BarVideo,
    /// Undoes [`Self::BarVideo`].
    UnbarVideo,
    /// Ends their voice session; they may join again.
    Disconnect,
}

/// A login token: a secret, so its `Debug` says nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct Token(pub String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerMessage {
    /// The first message on every connection.
    Hello {
        /// [`crate::PROTOCOL_VERSION`] of the server.
        protocol: u32,
        /// How often the client sends [`ClientMessage::Heartbeat`].
        heartbeat_interval_ms: u32,
    },
    /// The session is open; here is everything. Its dispatches start at number 1.
    Ready {
        /// Needed to resume.
        session: GatewaySessionId,
        /// Who the client is.
        user: User,
        /// The guilds they are in.
        guilds: Vec<Guild>,
    },
    /// All that was missed has been dispatched.
    Resumed {
        /// The number of the last dispatch.
        #[cfg_attr(feature = "bindings", ts(type = "number"))]
        seq: u64,
    },
    /// Answers [`ClientMessage::Heartbeat`].
    HeartbeatAck {},
    /// The session cannot be resumed: identify anew, on the same connection.
    InvalidSession {},
    /// Something changed.
    Dispatch {
        /// One more than the dispatch before.
        #[cfg_attr(feature = "bindings", ts(type = "number"))]
        seq: u64,
        /// What changed.
        event: Event,
    },
    /// Answers [`ClientMessage::VoiceJoin`].
    VoiceTicket {
        /// From the request.
        nonce: u32,
        /// The voice session that the ticket opens.
        session: VoiceSessionId,
        /// The voice node's origin (`https://host:port`), or empty for the gateway's own.
        node: String,
        /// To be posted there, at [`crate::voice::JOIN_PATH`].
        ticket: String,
    },
    /// A request was carried out.
    Ack {
        /// From the request.
        nonce: u32,
    },
    /// A request was refused.
    Error {
        /// From the request, where it had one.
        nonce: Option<u32>,
        /// What clients act on.
        code: ErrorCode,
        /// For people who read logs; user interfaces match the code.
        message: String,
    },
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// A guild changed.
    GuildChanged {
        /// Which.
        guild: GuildId,
        /// [`Guild::version`] after the change. A client that misses one asks for a new session.
        #[cfg_attr(feature = "bindings", ts(type = "number"))]
        version: u64,
        /// How.
        change: GuildChange,
    },
    /// The client joined a guild: its whole state.
    GuildAdded {
        /// The guild.
        guild: Guild,
    },
    /// The client is no longer in a guild.
    GuildRemoved {
        /// Which.
        guild: GuildId,
    },
    /// Somebody wrote in a text channel. Not part of the guild's versioned state.
    MessageCreated {
        /// In which guild.
        guild: GuildId,
        /// What.
        message: Message,
    },
    /// A voice session of this account ended.
    VoiceEnded {
        /// Which.
        session: VoiceSessionId,
        /// Why.
        reason: EndReason,
    },
}

/// One step of a guild's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum GuildChange {
    /// Somebody joined the guild, or their roles, name or presence changed.
    MemberSet {
        /// As they are now.
        member: Member,
    },
    /// Somebody left the guild.
    MemberRemoved {
        /// Who.
        user: UserId,
    },
    /// A channel was added (at the end) or changed.
    ChannelSet {
        /// As it is now.
        channel: Channel,
    },
    /// A channel was deleted.
    ChannelRemoved {
        /// Which.
        channel: ChannelId,
    },
    /// Somebody joined a voice channel, or their state in it changed.
    VoiceStateSet {
        /// As it is now.
        state: VoiceState,
    },
    /// Somebody is no longer in a voice channel.
    VoiceStateRemoved {
        /// Who.
        user: UserId,
    },
    /// The guild has another name.
    Renamed {
        /// The new one.
        name: String,
    },
    /// The guild has another owner.
    OwnerSet {
        /// The new one.
        owner: UserId,
    },
}

macro_rules! close_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Why the server closed a gateway connection: WebSocket close codes (RFC 6455 §7.4.2).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u16)]
        pub enum CloseCode {
            $($(#[$doc])* $name = $code,)*
        }

        impl CloseCode {
            /// Every code, for the documents and the bindings.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The reason as it stands in the close frame.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

close_codes! {
    /// The server failed; reconnect and resume.
    Internal = 4000,
    /// A message was not valid JSON of this protocol, or too large. A bug in the client.
    Malformed = 4001,
    /// A request before identify or resume, or no identify within ten seconds.
    NotIdentified = 4002,
    /// The token is unknown or was revoked: sign in again.
    BadToken = 4003,
    /// Identify or resume twice on one connection.
    AlreadyIdentified = 4004,
    /// The client speaks another protocol version: update it (or the server).
    ProtocolMismatch = 4005,
    /// Too many messages; wait, then reconnect and resume.
    RateLimited = 4006,
    /// No heartbeat for two intervals; reconnect and resume.
    HeartbeatMissed = 4007,
    /// The client reads too slowly; reconnect and resume.
    TooSlow = 4008,
    /// The server shuts down; reconnect with a random delay and resume or identify.
    ShuttingDown = 4009,
    /// Another connection resumed this session.
    Superseded = 4010,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_look_on_the_wire_as_documented() {
        let join =
            ClientMessage::VoiceJoin { nonce: 7, channel: ChannelId(42), self_mute: false, self_deaf: true };
        let json = r#"{"op":"voiceJoin","nonce":7,"channel":"42","selfMute":false,"selfDeaf":true}"#;
        assert_eq!(serde_json::to_string(&join).unwrap(), json);
        assert_eq!(serde_json::from_str::<ClientMessage>(json).unwrap(), join);
        assert_eq!(
            serde_json::to_string(&ServerMessage::HeartbeatAck {}).unwrap(),
            r#"{"op":"heartbeatAck"}"#
        );
    }

    #[test]
    fn a_token_stays_out_of_debug_output() {
        let identify = ClientMessage::Identify { protocol: 1, token: Token("hunter2".to_owned()) };
        assert!(!format!("{identify:?}").contains("hunter2"));
    }

    #[test]
    fn unknown_members_are_refused() {
        assert!(serde_json::from_str::<ClientMessage>(r#"{"op":"heartbeat","seq":1,"x":1}"#).is_err());
        assert!(serde_json::from_str::<ClientMessage>(r#"{"op":"launch"}"#).is_err());
    }
}
