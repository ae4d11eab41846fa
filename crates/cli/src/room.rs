//! What the gateway says of the guilds: channels, people, and whose voice is which source.

use std::collections::HashMap;
use voicehall_protocol::gateway::{Event, GuildChange};
use voicehall_protocol::ids::{ChannelId, UserId};
use voicehall_protocol::model::{Channel, ChannelKind, Guild};
use voicehall_protocol::rtp::SourceId;

/// The guilds one is in, as far as a voice needs to know them.
#[derive(Debug, Default)]
pub(crate) struct Room {
    guilds: Vec<Guild>,
    /// Everybody whose voice was seen, also after they left: what is recorded last comes late.
    speakers: HashMap<SourceId, UserId>,
}

impl Room {
    /// Starts anew with a snapshot.
    pub(crate) fn reset(&mut self, guilds: Vec<Guild>) {
        self.guilds = guilds;
        for state in self.guilds.iter().flat_map(|guild| &guild.voice_states) {
            self.speakers.insert(state.source, state.user);
        }
    }

    /// Follows a change.
    pub(crate) fn apply(&mut self, event: Event) {
        match event {
            Event::GuildChanged { guild, version, change } => {
                if let Some(guild) = self.guilds.iter_mut().find(|known| known.id == guild) {
                    guild.version = version;
                    change_guild(guild, &mut self.speakers, change);
                }
            }
            Event::GuildAdded { guild } => {
                self.guilds.retain(|known| known.id != guild.id);
                self.guilds.push(guild);
            }
            Event::GuildRemoved { guild } => self.guilds.retain(|known| known.id != guild),
            Event::MessageCreated { .. } | Event::VoiceEnded { .. } => {}
        }
    }

    /// The voice channel of this name, whatever its case.
    pub(crate) fn voice_channel(&self, name: &str) -> Option<&Channel> {
        let fits = |channel: &&Channel| channel.name.to_lowercase() == name.to_lowercase();
        self.voice_channels().find(fits)
    }

    pub(crate) fn voice_channels(&self) -> impl Iterator<Item = &Channel> {
        let voice = |channel: &&Channel| channel.kind == ChannelKind::Voice;
        self.guilds.iter().flat_map(|guild| &guild.channels).filter(voice)
    }

    /// Who is in a channel.
    pub(crate) fn present(&self, channel: ChannelId) -> impl Iterator<Item = UserId> {
        let states = self.guilds.iter().flat_map(|guild| &guild.voice_states);
        states.filter(move |state| state.channel == channel).map(|state| state.user)
    }

    /// The voices in a channel.
    pub(crate) fn sources(&self, channel: ChannelId) -> impl Iterator<Item = SourceId> {
        let states = self.guilds.iter().flat_map(|guild| &guild.voice_states);
        states.filter(move |state| state.channel == channel).map(|state| state.source)
    }

    /// Whose voice a source is.
    pub(crate) fn speaker(&self, source: SourceId) -> Option<UserId> {
        self.speakers.get(&source).copied()
    }

    /// A person's name.
    pub(crate) fn name(&self, user: UserId) -> Option<&str> {
        let mut members = self.guilds.iter().flat_map(|guild| &guild.members);
        members.find(|member| member.user.id == user).map(|member| &*member.user.name)
    }
}

fn change_guild(guild: &mut Guild, speakers: &mut HashMap<SourceId, UserId>, change: GuildChange) {
    match change {
        GuildChange::MemberSet { member } => {
            match guild.members.iter_mut().find(|known| known.user.id == member.user.id) {
                Some(known) => *known = member,
                None => guild.members.push(member),
            }
        }
        GuildChange::MemberRemoved { user } => guild.members.retain(|known| known.user.id != user),
        GuildChange::ChannelSet { channel } => {
            match guild.channels.iter_mut().find(|known| known.id == channel.id) {
                Some(known) => *known = channel,
                None => guild.channels.push(channel),
            }
        }
        GuildChange::ChannelRemoved { channel } => guild.channels.retain(|known| known.id != channel),
        GuildChange::VoiceStateSet { state } => {
            speakers.insert(state.source, state.user);
            guild.voice_states.retain(|known| known.user != state.user);
            guild.voice_states.push(state);
        }
        GuildChange::VoiceStateRemoved { user } => guild.voice_states.retain(|known| known.user != user),
        GuildChange::Renamed { name } => guild.name = name,
        GuildChange::OwnerSet { owner } => guild.owner = Some(owner),
    }
}
