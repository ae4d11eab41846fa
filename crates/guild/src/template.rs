//! The guild that a new server starts with.

use crate::Guild;
use voicehall_protocol::ids::{ChannelId, GuildId, RoleId};
use voicehall_protocol::model::{self, Channel, ChannelKind, Permissions, Role};

/// Opus bitrate of a new voice channel, in bits per second: transparent for speech.
pub(crate) const VOICE_BITRATE: u32 = 64_000;

/// Fresh ids for what the template makes.
#[derive(Debug, Clone, Copy)]
pub struct TemplateIds {
    /// The guild.
    pub guild: GuildId,
    /// Its `everyone` role.
    pub everyone: RoleId,
    /// Its voice channel.
    pub voice: ChannelId,
    /// Its text channel.
    pub text: ChannelId,
}

/// A guild with one voice channel, one text channel and no members.
pub fn from_template(name: String, ids: TemplateIds) -> Guild {
    let everyone = Role {
        id: ids.everyone,
        name: "everyone".to_owned(),
        permissions: Permissions::VIEW
            | Permissions::SEND_MESSAGES
            | Permissions::CONNECT
            | Permissions::SPEAK
            | Permissions::VIDEO
            | Permissions::STREAM
            | Permissions::INVITE,
    };
    let channel = |id, name: &str, kind, bitrate| Channel { id, name: name.to_owned(), kind, bitrate };
    Guild::from_parts(
        model::Guild {
            id: ids.guild,
            name,
            owner: None,
            version: 0,
            roles: vec![everyone],
            channels: vec![
                channel(ids.voice, "Lobby", ChannelKind::Voice, VOICE_BITRATE),
                channel(ids.text, "general", ChannelKind::Text, 0),
            ],
            members: Vec::new(),
            voice_states: Vec::new(),
        },
        [],
    )
}
