//! The nouns: guilds, channels, members, roles, permissions, voice states and messages.

use crate::ids::{ChannelId, GuildId, MessageId, RoleId, UserId, VoiceSessionId};
use crate::rtp::SourceId;
use bitflags::bitflags;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Everything a member sees of a guild, as of `version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Guild {
    /// The guild's id.
    pub id: GuildId,
    /// Its name as people see it.
    pub name: String,
    /// The member who owns it and may do everything in it.
    pub owner: Option<UserId>,
    /// The number of the last change that this snapshot contains; each
    /// [`crate::gateway::Event::GuildChanged`] carries the next one.
    #[cfg_attr(feature = "bindings", ts(type = "number"))]
    pub version: u64,
    /// Roles, the `everyone` role first.
    pub roles: Vec<Role>,
    /// Channels in the order they are shown.
    pub channels: Vec<Channel>,
    /// Members in the order they joined.
    pub members: Vec<Member>,
    /// Who is in which voice channel.
    pub voice_states: Vec<VoiceState>,
}

/// A channel of a guild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    /// The channel's id.
    pub id: ChannelId,
    /// Its name as people see it.
    pub name: String,
    /// Voice or text.
    pub kind: ChannelKind,
    /// Opus bitrate for microphones in a voice channel, in bits per second; 0 for text.
    pub bitrate: u32,
}

/// What a channel carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ChannelKind {
    /// Live sound.
    Voice,
    /// Written messages.
    Text,
}

/// A person as everybody sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The account's id.
    pub id: UserId,
    /// The name shown; unique among accounts with a password, free for guests.
    pub name: String,
    /// True for an account without a password, made by following an invite.
    pub guest: bool,
}

/// A person in a guild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Who it is.
    pub user: User,
    /// Their roles beyond `everyone`.
    pub roles: Vec<RoleId>,
    /// Whether any gateway session of theirs is open.
    pub online: bool,
}

/// A named set of permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// The role's id.
    pub id: RoleId,
    /// Its name as people see it.
    pub name: String,
    /// What its bearers may do; permissions of all roles of a member are added up.
    pub permissions: Permissions,
}

/// A member in a voice channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct VoiceState {
    /// Who.
    pub user: UserId,
    /// Where.
    pub channel: ChannelId,
    /// Their voice session.
    pub session: VoiceSessionId,
    /// Their microphone's source id: the CSRC on every packet that carries their voice.
    pub source: SourceId,
    /// They muted their own microphone.
    pub self_mute: bool,
    /// They switched off what they hear (and with it their microphone).
    pub self_deaf: bool,
    /// A moderator muted them.
    pub server_mute: bool,
    /// A moderator deafened them.
    pub server_deaf: bool,
    /// A moderator barred them from video: nobody gets their camera or screen.
    pub video_barred: bool,
    /// They have a camera on. Its source id follows from [`Self::source`].
    pub camera: bool,
    /// They share a screen.
    pub screen: bool,
}

/// A text message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The message's id; ids grow with time.
    pub id: MessageId,
    /// The text channel it was written in.
    pub channel: ChannelId,
    /// Who wrote it.
    pub author: UserId,
    /// Its text, 1 to [`crate::rest::MESSAGE_CHARS_MAX`] characters.
    pub text: String,
    /// When, in Unix milliseconds.
    #[cfg_attr(feature = "bindings", ts(type = "number"))]
    pub sent_at: u64,
}

bitflags! {
    /// What a member may do in a guild. On the wire a number.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Permissions: u32 {
        /// See channels and read history.
        const VIEW = 1 << 0;
        /// Write in text channels.
        const SEND_MESSAGES = 1 << 1;
        /// Join voice channels.
        const CONNECT = 1 << 2;
        /// Send a microphone.
        const SPEAK = 1 << 3;
        /// Send a camera.
        const VIDEO = 1 << 4;
        /// Share a screen.
        const STREAM = 1 << 5;
        /// Be chosen before louder voices.
        const PRIORITY_SPEAKER = 1 << 6;
        /// Mute, deafen, bar from video and disconnect others in voice channels.
        const MODERATE_VOICE = 1 << 7;
        /// Make invites.
        const INVITE = 1 << 8;
        /// Remove members.
        const KICK = 1 << 9;
        /// Add, rename and delete channels.
        const MANAGE_CHANNELS = 1 << 10;
        /// Rename the guild, manage roles.
        const MANAGE_GUILD = 1 << 11;
    }
}

// By hand, because the bitflags crate would write the names.
impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.bits().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Permissions that a newer peer has are none that this one knows how to use.
        u32::deserialize(deserializer).map(Self::from_bits_truncate)
    }
}

#[cfg(feature = "bindings")]
impl ts_rs::TS for Permissions {
    type WithoutGenerics = Self;
    type OptionInnerType = Self;
    fn name(_: &ts_rs::Config) -> String {
        "number".to_owned()
    }
    fn inline(_: &ts_rs::Config) -> String {
        "number".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_a_number_on_the_wire() {
        let some = Permissions::VIEW | Permissions::CONNECT;
        assert_eq!(serde_json::to_string(&some).unwrap(), "5");
        assert_eq!(serde_json::from_str::<Permissions>("5").unwrap(), some);
        assert_eq!(serde_json::from_str::<Permissions>("4294967295").unwrap(), Permissions::all());
        assert!(serde_json::from_str::<Permissions>("\"VIEW\"").is_err());
    }
}
