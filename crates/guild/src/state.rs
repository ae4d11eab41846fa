//! The state of one guild, and how commands change it.

use crate::template::VOICE_BITRATE;
use crate::{Command, GuildError};
use std::collections::HashMap;
use voicehall_protocol::gateway::{GuildChange, ModerateAction};
use voicehall_protocol::ids::{ChannelId, GuildId, RoleId, UserId, VoiceSessionId};
use voicehall_protocol::model::{self, Channel, ChannelKind, Member, Permissions, User, VoiceState};
use voicehall_protocol::rtp::SourceKind;

/// Most channels of a guild: bounds every snapshot.
const CHANNELS_MAX: usize = 200;

/// Most members of a guild: bounds every snapshot.
const MEMBERS_MAX: usize = 20_000;

/// One change of the state, with the version that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// One more than the version before.
    pub version: u64,
    /// What changed.
    pub change: GuildChange,
}

/// What moderators have done to a member; it outlasts voice sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moderation {
    /// Nobody hears them.
    pub mute: bool,
    /// They hear nobody.
    pub deaf: bool,
    /// Nobody sees their camera or screen.
    pub video_barred: bool,
}

/// What a voice session says that it sends, whether or not its member may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sends {
    camera: bool,
    screen: bool,
}

/// A member as a store keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRecord {
    /// Who.
    pub user: User,
    /// Their roles beyond `everyone`.
    pub roles: Vec<RoleId>,
    /// What moderators did to them.
    pub moderation: Moderation,
}

/// The state of one guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guild {
    state: model::Guild,
    /// Only members on whom a moderator acted.
    moderation: HashMap<UserId, Moderation>,
    /// Only members in voice whose session said so.
    sends: HashMap<UserId, Sends>,
}

impl Guild {
    /// A guild as it was stored; nobody is online or in a voice channel.
    pub fn from_parts(mut state: model::Guild, members: impl IntoIterator<Item = MemberRecord>) -> Self {
        let mut moderation = HashMap::new();
        state.voice_states.clear();
        state.members = members
            .into_iter()
            .map(|record| {
                if record.moderation != Moderation::default() {
                    moderation.insert(record.user.id, record.moderation);
                }
                Member { user: record.user, roles: record.roles, online: false }
            })
            .collect();
        Self { state, moderation, sends: HashMap::new() }
    }

    /// Carries out a command and says how the state changed. An empty answer means that
    /// everything was as wished already.
    ///
    /// # Errors
    /// See [`GuildError`]; the state is as before then.
    pub fn apply(&mut self, command: Command) -> Result<Vec<Step>, GuildError> {
        let changes = match command {
            Command::Join { user, owner } => self.join(user, owner)?,
            Command::Remove { by, user } => self.remove(by, user)?,
            Command::SetOnline { user, online } => self.set_online(user, online)?,
            Command::Rename { by, name } => {
                self.require(by, Permissions::MANAGE_GUILD)?;
                vec![GuildChange::Renamed { name }]
            }
            Command::CreateChannel { by, id, name, kind } => self.create_channel(by, id, name, kind)?,
            Command::DeleteChannel { by, channel } => self.delete_channel(by, channel)?,
            Command::VoiceOpen { user, channel, session, source, self_mute, self_deaf } => {
                self.may_connect(user, channel)?;
                let Moderation { mute: server_mute, deaf: server_deaf, video_barred } = self.moderation(user);
                self.sends.remove(&user);
                let state = VoiceState {
                    user,
                    channel,
                    session,
                    source,
                    self_mute,
                    self_deaf,
                    server_mute,
                    server_deaf,
                    video_barred,
                    camera: false,
                    screen: false,
                };
                vec![GuildChange::VoiceStateSet { state }]
            }
            Command::VoiceClose { session } => self.voice_close(session),
            Command::VoiceVideo { session, camera, screen } => {
                self.voice_video(session, Sends { camera, screen })?
            }
            Command::VoiceSelf { user, self_mute, self_deaf } => {
                self.voice_change(user, |state| (state.self_mute, state.self_deaf) = (self_mute, self_deaf))?
            }
            Command::VoiceLeave { user } => {
                self.voice_state(user).ok_or(GuildError::NotInVoice)?;
                vec![GuildChange::VoiceStateRemoved { user }]
            }
            Command::VoiceModerate { by, user, action } => self.voice_moderate(by, user, action)?,
        };
        Ok(changes.into_iter().map(|change| self.step(change)).collect())
    }

    /// Everything a member sees.
    pub const fn snapshot(&self) -> &model::Guild {
        &self.state
    }

    /// The guild's id.
    pub const fn id(&self) -> GuildId {
        self.state.id
    }

    /// Its owner.
    pub const fn owner(&self) -> Option<UserId> {
        self.state.owner
    }

    /// A member.
    pub fn member(&self, user: UserId) -> Option<&Member> {
        self.state.members.iter().find(|member| member.user.id == user)
    }

    /// A channel.
    pub fn channel(&self, channel: ChannelId) -> Option<&Channel> {
        self.state.channels.iter().find(|known| known.id == channel)
    }

    /// Where a member is in voice.
    pub fn voice_state(&self, user: UserId) -> Option<&VoiceState> {
        self.state.voice_states.iter().find(|state| state.user == user)
    }

    /// What moderators did to somebody.
    pub fn moderation(&self, user: UserId) -> Moderation {
        self.moderation.get(&user).copied().unwrap_or_default()
    }

    /// Refuses unless the person may join this voice channel.
    ///
    /// # Errors
    /// As [`Self::require_channel`].
    pub fn may_connect(&self, user: UserId, channel: ChannelId) -> Result<(), GuildError> {
        self.require_channel(user, channel, ChannelKind::Voice, Permissions::CONNECT).map(drop)
    }

    fn join(&self, user: User, owner: bool) -> Result<Vec<GuildChange>, GuildError> {
        let mut changes = Vec::new();
        let id = user.id;
        if self.member(id).is_none() {
            if self.state.members.len() >= MEMBERS_MAX {
                return Err(GuildError::TooManyMembers);
            }
            changes
                .push(GuildChange::MemberSet { member: Member { user, roles: Vec::new(), online: false } });
        }
        if owner && self.owner() != Some(id) {
            changes.push(GuildChange::OwnerSet { owner: id });
        }
        Ok(changes)
    }

    fn remove(&self, by: UserId, user: UserId) -> Result<Vec<GuildChange>, GuildError> {
        self.require(by, if by == user { Permissions::empty() } else { Permissions::KICK })?;
        self.member(user).ok_or(GuildError::NoSuchMember)?;
        if self.owner() == Some(user) {
            return Err(GuildError::TargetIsOwner);
        }
        let voice = self.voice_state(user).map(|_| GuildChange::VoiceStateRemoved { user });
        Ok(voice.into_iter().chain([GuildChange::MemberRemoved { user }]).collect())
    }

    fn set_online(&self, user: UserId, online: bool) -> Result<Vec<GuildChange>, GuildError> {
        let member = self.member(user).ok_or(GuildError::NotMember)?;
        if member.online == online {
            return Ok(Vec::new());
        }
        Ok(vec![GuildChange::MemberSet { member: Member { online, ..member.clone() } }])
    }

    fn create_channel(
        &self,
        by: UserId,
        id: ChannelId,
        name: String,
        kind: ChannelKind,
    ) -> Result<Vec<GuildChange>, GuildError> {
        self.require(by, Permissions::MANAGE_CHANNELS)?;
        if self.state.channels.len() >= CHANNELS_MAX {
            return Err(GuildError::TooManyChannels);
        }
        if self.channel(id).is_some() {
            return Err(GuildError::ChannelExists);
        }
        let bitrate = if kind == ChannelKind::Voice { VOICE_BITRATE } else { 0 };
        Ok(vec![GuildChange::ChannelSet { channel: Channel { id, name, kind, bitrate } }])
    }

    fn delete_channel(&self, by: UserId, channel: ChannelId) -> Result<Vec<GuildChange>, GuildError> {
        self.require(by, Permissions::MANAGE_CHANNELS)?;
        self.channel(channel).ok_or(GuildError::NoSuchChannel)?;
        let inside = self.state.voice_states.iter().filter(|state| state.channel == channel);
        let leave = inside.map(|state| GuildChange::VoiceStateRemoved { user: state.user });
        Ok(leave.chain([GuildChange::ChannelRemoved { channel }]).collect())
    }

    fn voice_close(&self, session: VoiceSessionId) -> Vec<GuildChange> {
        let state = self.state.voice_states.iter().find(|state| state.session == session);
        state.map(|state| GuildChange::VoiceStateRemoved { user: state.user }).into_iter().collect()
    }

    fn voice_video(&mut self, session: VoiceSessionId, sends: Sends) -> Result<Vec<GuildChange>, GuildError> {
        let state = self.state.voice_states.iter().find(|state| state.session == session);
        let Some(user) = state.map(|state| state.user) else { return Ok(Vec::new()) };
        self.sends.insert(user, sends);
        let (camera, screen) = self.shown(user);
        self.voice_change(user, |state| (state.camera, state.screen) = (camera, screen))
    }

    /// Whether a member shows a camera and a screen: they say so, and may.
    fn shown(&self, user: UserId) -> (bool, bool) {
        let sends = self.sends.get(&user).copied().unwrap_or_default();
        let bits = self.session_bits(user, false, false).unwrap_or_default();
        (sends.camera && bits.may_send(SourceKind::Camera), sends.screen && bits.may_send(SourceKind::Screen))
    }

    fn voice_moderate(
        &mut self,
        by: UserId,
        user: UserId,
        action: ModerateAction,
    ) -> Result<Vec<GuildChange>, GuildError> {
        self.require(by, Permissions::MODERATE_VOICE)?;
        self.member(user).ok_or(GuildError::NoSuchMember)?;
        if self.owner() == Some(user) && by != user {
            return Err(GuildError::TargetIsOwner);
        }
        let mut moderation = self.moderation(user);
        match action {
            ModerateAction::Mute => moderation.mute = true,
            ModerateAction::Unmute => moderation.mute = false,
            ModerateAction::Deafen => moderation.deaf = true,
            ModerateAction::Undeafen => moderation.deaf = false,
            ModerateAction::BarVideo => moderation.video_barred = true,
            ModerateAction::UnbarVideo => moderation.video_barred = false,
            ModerateAction::Disconnect => {
                self.voice_state(user).ok_or(GuildError::NotInVoice)?;
                return Ok(vec![GuildChange::VoiceStateRemoved { user }]);
            }
        }
        self.voice_state(user).ok_or(GuildError::NotInVoice)?;
        if moderation == Moderation::default() {
            self.moderation.remove(&user);
        } else {
            self.moderation.insert(user, moderation);
        }
        let (camera, screen) = self.shown(user);
        self.voice_change(user, |state| {
            (state.server_mute, state.server_deaf) = (moderation.mute, moderation.deaf);
            (state.video_barred, state.camera, state.screen) = (moderation.video_barred, camera, screen);
        })
    }

    fn voice_change(
        &self,
        user: UserId,
        change: impl FnOnce(&mut VoiceState),
    ) -> Result<Vec<GuildChange>, GuildError> {
        let before = self.voice_state(user).ok_or(GuildError::NotInVoice)?;
        let mut state = before.clone();
        change(&mut state);
        Ok(if state == *before { Vec::new() } else { vec![GuildChange::VoiceStateSet { state }] })
    }

    /// The only place in which what members see changes.
    fn step(&mut self, change: GuildChange) -> Step {
        let state = &mut self.state;
        match &change {
            GuildChange::MemberSet { member } => {
                set(&mut state.members, member, |known| known.user.id == member.user.id);
            }
            GuildChange::MemberRemoved { user } => {
                state.members.retain(|member| member.user.id != *user);
                self.moderation.remove(user);
            }
            GuildChange::ChannelSet { channel } => {
                set(&mut state.channels, channel, |known| known.id == channel.id);
            }
            GuildChange::ChannelRemoved { channel } => state.channels.retain(|known| known.id != *channel),
            GuildChange::VoiceStateSet { state: voice } => {
                set(&mut state.voice_states, voice, |known| known.user == voice.user);
            }
            GuildChange::VoiceStateRemoved { user } => {
                state.voice_states.retain(|known| known.user != *user);
                self.sends.remove(user);
            }
            GuildChange::Renamed { name } => state.name.clone_from(name),
            GuildChange::OwnerSet { owner } => state.owner = Some(*owner),
        }
        state.version += 1;
        Step { version: state.version, change }
    }
}

/// Replaces the element that fits, or adds one at the end.
fn set<T: Clone>(list: &mut Vec<T>, value: &T, fits: impl Fn(&T) -> bool) {
    match list.iter_mut().find(|known| fits(known)) {
        Some(known) => *known = value.clone(),
        None => list.push(value.clone()),
    }
}
