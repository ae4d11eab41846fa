//! The REST door: accounts, logins, invites and message history. JSON bodies under `/api`;
//! a signed-in client sends its token as `Authorization: Bearer …`.
//!
//! | call | body → answer |
//! |---|---|
//! | `GET /api/server` | → [`ServerInfo`] |
//! | `GET /api/invites/{code}` | → [`InvitePreview`] |
//! | `POST /api/guests` | [`GuestRequest`] → [`SignedIn`] |
//! | `POST /api/accounts` | [`RegisterRequest`] → [`SignedIn`] |
//! | `POST /api/logins` | [`LoginRequest`] → [`SignedIn`] |
//! | `GET /api/logins` | → [`Login`] list |
//! | `DELETE /api/logins/current`, `DELETE /api/logins/{id}` | → nothing |
//! | `POST /api/invites/{code}/accept` | → [`InviteAccepted`]: a signed-in account joins the guild |
//! | `POST /api/guilds/{id}/invites` | [`CreateInviteRequest`] → [`Invite`] |
//! | `POST /api/guilds/{id}/channels` | [`CreateChannelRequest`] → [`crate::model::Channel`] |
//! | `DELETE /api/guilds/{id}/channels/{id}` | → nothing |
//! | `DELETE /api/guilds/{id}/members/{id}` | → nothing |
//! | `POST /api/channels/{id}/messages` | [`CreateMessageRequest`] → [`crate::model::Message`] |
//! | `GET /api/channels/{id}/messages?before={id}` | → up to [`HISTORY_PAGE`] messages, newest last |
//!
//! Every refusal is an [`ErrorBody`] with a fitting HTTP status.

use crate::gateway::Token;
use crate::ids::{GuildId, LoginId};
use crate::model::{ChannelKind, User};
use serde::{Deserialize, Serialize};

/// Longest name of a person, guild or channel, in characters.
pub const NAME_CHARS_MAX: usize = 32;

/// Shortest password, in characters.
pub const PASSWORD_CHARS_MIN: usize = 10;

/// Longest password, in bytes: bounds what Argon2id has to read.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// Longest text message, in characters.
pub const MESSAGE_CHARS_MAX: usize = 4000;

/// Messages in one page of history.
pub const HISTORY_PAGE: usize = 50;

/// What a server says of itself to anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ServerInfo {
    /// Always `voicehall`: tells a client that it found the right kind of server.
    pub software: String,
    /// Version of the server.
    pub version: String,
    /// [`crate::PROTOCOL_VERSION`] of the server.
    pub protocol: u32,
}

/// What an invite leads to, for the page on which one decides to follow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct InvitePreview {
    /// The guild it leads to.
    pub guild: GuildId,
    /// Name of the guild.
    pub guild_name: String,
    /// How many members it has.
    pub member_count: u32,
    /// How many of them are online.
    pub online_count: u32,
    /// True for the one-time link that makes its user the guild's owner.
    pub owner: bool,
}

/// Joins by an invite with a name alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GuestRequest {
    /// The invite's code.
    pub invite: String,
    /// The name to be shown.
    pub name: String,
}

/// Joins by an invite with an account that can sign in again elsewhere.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterRequest {
    /// The invite's code.
    pub invite: String,
    /// The name to be shown and to sign in with; unique on the server whatever its case.
    pub name: String,
    /// At least [`PASSWORD_CHARS_MIN`] characters.
    pub password: String,
}

/// Signs in to an account.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoginRequest {
    /// The account's name, whatever its case.
    pub name: String,
    /// Its password.
    pub password: String,
}

/// A fresh login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SignedIn {
    /// Shown once; the server keeps only its hash.
    pub token: Token,
    /// Who signed in.
    pub user: User,
}

/// One sign-in of the own account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Login {
    /// For revoking it.
    pub id: LoginId,
    /// When, in Unix milliseconds.
    #[cfg_attr(feature = "bindings", ts(type = "number"))]
    pub created_at: u64,
    /// Last use, in Unix milliseconds, to the minute.
    #[cfg_attr(feature = "bindings", ts(type = "number"))]
    pub used_at: u64,
    /// True for the login that asks.
    pub current: bool,
}

/// Makes an invite. Needs [`crate::model::Permissions::INVITE`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateInviteRequest {
    /// How often it can be used; none for no limit.
    pub uses_max: Option<u32>,
    /// How long it lasts, in seconds; none for ever.
    pub lifetime_s: Option<u32>,
}

/// An invite as its maker sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Invite {
    /// Goes into a link: `{server}/join/{code}`.
    pub code: String,
    /// The guild it leads to.
    pub guild: GuildId,
    /// When it ends, in Unix milliseconds.
    #[cfg_attr(feature = "bindings", ts(type = "number | null"))]
    pub expires_at: Option<u64>,
    /// How many uses are left.
    pub uses_left: Option<u32>,
}

/// The guild that a signed-in account joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct InviteAccepted {
    /// The guild.
    pub guild: GuildId,
}

/// Adds a channel. Needs [`crate::model::Permissions::MANAGE_CHANNELS`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateChannelRequest {
    /// Its name.
    pub name: String,
    /// Voice or text.
    pub kind: ChannelKind,
}

/// Writes a message. Needs [`crate::model::Permissions::SEND_MESSAGES`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateMessageRequest {
    /// 1 to [`MESSAGE_CHARS_MAX`] characters.
    pub text: String,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// What clients act on.
    pub code: ErrorCode,
    /// What to do about it, for people who read logs; user interfaces match the code.
    pub message: String,
    /// With [`ErrorCode::RateLimited`]: when to try again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "bindings", ts(optional))]
    pub retry_after_ms: Option<u32>,
}

/// The reasons for refusals, at every door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ErrorCode {
    /// The request is not of this protocol.
    Malformed,
    /// A body or message is too large.
    TooLarge,
    /// No such thing, or none that the client may see.
    NotFound,
    /// The token is missing, unknown or was revoked.
    Unauthorized,
    /// The member lacks the permission.
    Forbidden,
    /// Too many requests.
    RateLimited,
    /// The server failed; its log says more.
    Internal,
    /// The server is overloaded or stopping; try again.
    Unavailable,
    /// The client speaks another protocol version.
    ProtocolMismatch,
    /// The invite does not exist, has expired or is used up.
    InviteInvalid,
    /// The name is empty, too long, or has characters that nobody can see.
    NameInvalid,
    /// Another account has this name.
    NameTaken,
    /// The password is too short or too long.
    PasswordInvalid,
    /// Name and password do not fit.
    CredentialsWrong,
    /// The text is empty or too long.
    TextInvalid,
    /// The channel is not of the kind that the request needs.
    WrongChannelKind,
    /// The request needs a voice session, and there is none.
    NotInVoice,
    /// The ticket is malformed or altered.
    TicketInvalid,
    /// The ticket is too old: ask for another.
    TicketExpired,
    /// The ticket was used before: ask for another.
    TicketUsed,
    /// The ticket is for another voice node.
    TicketForeign,
}
