//! What can be asked of a guild, and why it may refuse.

use voicehall_protocol::gateway::ModerateAction;
use voicehall_protocol::ids::{ChannelId, UserId, VoiceSessionId};
use voicehall_protocol::model::{ChannelKind, Permissions, User};
use voicehall_protocol::rtp::SourceId;

/// A wish to change a guild. Where there is a `by`, that member's permissions decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Somebody followed an invite. Somebody who is a member already keeps what they have.
    Join {
        /// Who.
        user: User,
        /// True for the one-time link that hands over the guild.
        owner: bool,
    },
    /// Removes a member. Members may remove themselves; others need
    /// [`Permissions::KICK`]; nobody removes the owner.
    Remove {
        /// Who wishes it.
        by: UserId,
        /// Who goes.
        user: UserId,
    },
    /// The first gateway session of a member opened, or the last one ended.
    SetOnline {
        /// Who.
        user: UserId,
        /// Whether any session is open.
        online: bool,
    },
    /// Gives the guild another name. Needs [`Permissions::MANAGE_GUILD`].
    Rename {
        /// Who wishes it.
        by: UserId,
        /// The name, checked by the caller.
        name: String,
    },
    /// Adds a channel at the end. Needs [`Permissions::MANAGE_CHANNELS`].
    CreateChannel {
        /// Who wishes it.
        by: UserId,
        /// A fresh id.
        id: ChannelId,
        /// Its name, checked by the caller.
        name: String,
        /// Voice or text.
        kind: ChannelKind,
    },
    /// Deletes a channel; who is in it leaves it. Needs [`Permissions::MANAGE_CHANNELS`].
    DeleteChannel {
        /// Who wishes it.
        by: UserId,
        /// Which.
        channel: ChannelId,
    },
    /// A voice session reached the voice node. Takes the place of an older one of that member.
    VoiceOpen {
        /// Whose.
        user: UserId,
        /// In which channel.
        channel: ChannelId,
        /// The session.
        session: VoiceSessionId,
        /// Its microphone.
        source: SourceId,
        /// Whether it starts muted by its owner.
        self_mute: bool,
        /// Whether it starts deafened by its owner.
        self_deaf: bool,
    },
    /// A voice session ended at the voice node. One that was replaced meanwhile changes nothing.
    VoiceClose {
        /// Which.
        session: VoiceSessionId,
    },
    /// A voice session says that it sends a camera or a screen, or no longer does. Everybody is told
    /// only of what its member may send. One that is not known, or was replaced, changes nothing.
    VoiceVideo {
        /// Which.
        session: VoiceSessionId,
        /// A camera is on.
        camera: bool,
        /// A screen is shared.
        screen: bool,
    },
    /// A member mutes or deafens themselves.
    VoiceSelf {
        /// Who.
        user: UserId,
        /// The own microphone is off.
        self_mute: bool,
        /// What one hears is off.
        self_deaf: bool,
    },
    /// A member leaves their voice channel.
    VoiceLeave {
        /// Who.
        user: UserId,
    },
    /// A moderator acts on somebody in a voice channel. Needs [`Permissions::MODERATE_VOICE`];
    /// only the owner acts on the owner. All but a disconnect outlasts the voice session.
    VoiceModerate {
        /// Who wishes it.
        by: UserId,
        /// On whom.
        user: UserId,
        /// What.
        action: ModerateAction,
    },
}

/// Why a command was refused. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GuildError {
    /// The acting person is not a member.
    #[error("not a member of this guild")]
    NotMember,
    /// The person acted upon is not a member.
    #[error("there is no such member")]
    NoSuchMember,
    /// The member lacks a permission.
    #[error("the permission {} is missing", names(*.0))]
    Forbidden(Permissions),
    /// Nobody but the owner does this to the owner.
    #[error("the guild's owner cannot be acted upon")]
    TargetIsOwner,
    /// There is no such channel.
    #[error("there is no such channel")]
    NoSuchChannel,
    /// A channel has this id already: ids are to be fresh.
    #[error("the channel's id is taken")]
    ChannelExists,
    /// The channel is text where voice is needed, or the other way round.
    #[error("the channel is of the wrong kind")]
    WrongChannelKind,
    /// The person is in no voice channel.
    #[error("not in a voice channel")]
    NotInVoice,
    /// The guild has as many channels as it can have.
    #[error("the guild has too many channels")]
    TooManyChannels,
    /// The guild has as many members as it can have.
    #[error("the guild has too many members")]
    TooManyMembers,
}

fn names(permissions: Permissions) -> String {
    permissions.iter_names().map(|(name, _)| name).collect::<Vec<_>>().join(", ")
}
