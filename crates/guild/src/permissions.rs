//! Who may do what.

use crate::{Guild, GuildError};
use voicehall_protocol::ids::{ChannelId, UserId};
use voicehall_protocol::model::{Channel, ChannelKind, Permissions};
use voicehall_protocol::ticket::SessionBits;

impl Guild {
    /// What a member may do: the sum of their roles; everything for the owner. None for somebody
    /// who is not a member.
    pub fn permissions(&self, user: UserId) -> Option<Permissions> {
        let member = self.member(user)?;
        if self.owner() == Some(user) {
            return Some(Permissions::all());
        }
        let roles = &self.snapshot().roles;
        // The first role is `everyone`.
        let everyone = roles.first().map_or(Permissions::empty(), |role| role.permissions);
        let own = roles.iter().filter(|role| member.roles.contains(&role.id));
        Some(own.fold(everyone, |sum, role| sum | role.permissions))
    }

    /// Refuses unless the person is a member with all of `needed`.
    ///
    /// # Errors
    /// [`GuildError::NotMember`] or [`GuildError::Forbidden`] with what is missing.
    pub fn require(&self, user: UserId, needed: Permissions) -> Result<(), GuildError> {
        let missing = needed - self.permissions(user).ok_or(GuildError::NotMember)?;
        if missing.is_empty() { Ok(()) } else { Err(GuildError::Forbidden(missing)) }
    }

    /// The channel, if it is of this kind and the person has the permission.
    ///
    /// # Errors
    /// [`GuildError::NotMember`], [`GuildError::NoSuchChannel`],
    /// [`GuildError::WrongChannelKind`] or [`GuildError::Forbidden`].
    pub fn require_channel(
        &self,
        user: UserId,
        channel: ChannelId,
        kind: ChannelKind,
        needed: Permissions,
    ) -> Result<&Channel, GuildError> {
        self.permissions(user).ok_or(GuildError::NotMember)?;
        let channel = self.channel(channel).ok_or(GuildError::NoSuchChannel)?;
        self.require(user, needed | Permissions::VIEW)?;
        if channel.kind == kind { Ok(channel) } else { Err(GuildError::WrongChannelKind) }
    }

    /// What a voice session of this member may do, given what they chose for themselves; none for
    /// somebody who may not be in a voice channel at all.
    pub fn session_bits(&self, user: UserId, self_mute: bool, self_deaf: bool) -> Option<SessionBits> {
        let permissions = self.permissions(user)?;
        if !permissions.contains(Permissions::VIEW | Permissions::CONNECT) {
            return None;
        }
        let moderation = self.moderation(user);
        let muted = self_mute || self_deaf || moderation.mute || moderation.deaf;
        let deafened = self_deaf || moderation.deaf;
        let mut bits = SessionBits::empty();
        bits.set(SessionBits::SPEAK, permissions.contains(Permissions::SPEAK));
        bits.set(SessionBits::VIDEO, permissions.contains(Permissions::VIDEO));
        bits.set(SessionBits::STREAM, permissions.contains(Permissions::STREAM));
        bits.set(SessionBits::PRIORITY, permissions.contains(Permissions::PRIORITY_SPEAKER));
        bits.set(SessionBits::MUTED, muted);
        bits.set(SessionBits::DEAFENED, deafened);
        bits.set(SessionBits::VIDEO_BARRED, moderation.video_barred);
        Some(bits)
    }
}
