//! The task that owns one guild's state.
//!
//! A change that outlives a restart is kept first, then becomes the state, then is told. It is a
//! task and not a lock, so that a request that is given up half-way leaves nothing half-done.

use super::{ApplyError, Ask, Shared};
use crate::gateway::{Session, encode};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use voicehall_guild::{Command, Guild, Step};
use voicehall_protocol::gateway::{Event, GuildChange, ModerateAction};
use voicehall_protocol::ids::{GatewaySessionId, UserId, VoiceSessionId};
use voicehall_protocol::model;
use voicehall_protocol::voice::EndReason;

pub(super) async fn run(guild: Guild, shared: Arc<Shared>, mut queue: mpsc::Receiver<Ask>) {
    let mut owner = Owner { guild, shared, subscribers: HashMap::new(), calls: HashMap::new() };
    while let Some(ask) = queue.recv().await {
        match ask {
            Ask::Apply { command, reply } => {
                // Whoever asked may be gone; what was asked is done all the same.
                let _ = reply.send(owner.apply(command).await);
            }
            Ask::Read(look) => look(&owner.guild),
            Ask::Subscribe { session, reply } => {
                let _ = reply.send(owner.subscribe(session).await);
            }
            Ask::Unsubscribe { session, user } => owner.unsubscribe(session, user).await,
            Ask::Publish(event) => owner.publish(&event),
        }
    }
}

struct Owner {
    guild: Guild,
    shared: Arc<Shared>,
    /// The gateway sessions of members.
    subscribers: HashMap<UserId, Vec<Arc<Session>>>,
    /// The voice session of each member who is in voice here.
    calls: HashMap<UserId, VoiceSessionId>,
}

impl Owner {
    async fn apply(&mut self, command: Command) -> Result<(), ApplyError> {
        let reason = end_reason(&command);
        let joined = match &command {
            Command::Join { user, .. } => Some(user.id),
            _ => None,
        };
        let steps = if outlives_restart(&command) {
            let mut next = self.guild.clone();
            let steps = next.apply(command)?;
            self.shared.store.commit(self.guild.id(), &steps).await?;
            self.guild = next;
            steps
        } else {
            self.guild.apply(command)?
        };
        for step in steps {
            self.follow(step, reason);
        }
        if let Some(user) = joined {
            self.welcome(user);
        }
        Ok(())
    }

    /// Lets a step take effect outside of the state.
    fn follow(&mut self, step: Step, reason: EndReason) {
        match &step.change {
            GuildChange::VoiceStateSet { state } => {
                let before = self.calls.insert(state.user, state.session);
                if let Some(before) = before.filter(|before| *before != state.session) {
                    self.shared.voice.close(before, EndReason::Replaced);
                }
                self.update_bits(state.user);
            }
            GuildChange::VoiceStateRemoved { user } => {
                if let Some(session) = self.calls.remove(user) {
                    self.shared.voice.close(session, reason);
                }
            }
            GuildChange::MemberSet { member } => self.update_bits(member.user.id),
            GuildChange::OwnerSet { owner } => self.update_bits(*owner),
            GuildChange::ChannelSet { channel } => self.shared.place(channel.id, self.guild.id()),
            GuildChange::ChannelRemoved { channel } => self.shared.displace(*channel),
            GuildChange::MemberRemoved { user } => self.farewell(*user),
            GuildChange::Renamed { .. } => {}
        }
        let Step { version, change } = step;
        self.publish(&Event::GuildChanged { guild: self.guild.id(), version, change });
    }

    /// Tells the voice node what a member may do and how they stand.
    fn update_bits(&self, user: UserId) {
        let Some(state) = self.guild.voice_state(user) else { return };
        match self.guild.session_bits(user, state.self_mute, state.self_deaf) {
            Some(bits) => self.shared.voice.update(state.session, bits),
            None => self.shared.voice.close(state.session, EndReason::Forbidden),
        }
    }

    fn publish(&self, event: &Event) {
        let text = encode(event);
        for session in self.subscribers.values().flatten() {
            session.push(Arc::clone(&text));
        }
    }

    async fn subscribe(&mut self, session: Arc<Session>) -> Option<model::Guild> {
        let user = session.user.id;
        self.guild.member(user)?;
        self.set_online(user, true);
        self.attach(session);
        Some(self.guild.snapshot().clone())
    }

    async fn unsubscribe(&mut self, session: GatewaySessionId, user: UserId) {
        let Some(sessions) = self.subscribers.get_mut(&user) else { return };
        sessions.retain(|known| known.id != session);
        if sessions.is_empty() {
            self.subscribers.remove(&user);
            self.set_online(user, false);
        }
    }

    /// Gives the guild to the gateway sessions that somebody who joined has open already.
    fn welcome(&mut self, user: UserId) {
        let open = self.shared.sessions.of_user(user);
        let known = self.subscribers.get(&user);
        let new: Vec<_> = open
            .into_iter()
            .filter(|session| !known.is_some_and(|known| known.iter().any(|old| old.id == session.id)))
            .collect();
        if new.is_empty() {
            return;
        }
        self.set_online(user, true);
        let added = encode(&Event::GuildAdded { guild: self.guild.snapshot().clone() });
        for session in new {
            session.push(Arc::clone(&added));
            self.attach(session);
        }
    }

    /// Takes the guild from somebody who is no longer a member.
    fn farewell(&mut self, user: UserId) {
        let removed = encode(&Event::GuildRemoved { guild: self.guild.id() });
        for session in self.subscribers.remove(&user).unwrap_or_default() {
            session.push(Arc::clone(&removed));
        }
    }

    fn attach(&mut self, session: Arc<Session>) {
        // One that ended meanwhile would never unsubscribe.
        if session.enter(self.guild.id()) {
            let sessions = self.subscribers.entry(session.user.id).or_default();
            if !sessions.iter().any(|known| known.id == session.id) {
                sessions.push(session);
            }
        } else if !self.subscribers.contains_key(&session.user.id) {
            self.set_online(session.user.id, false);
        }
    }

    fn set_online(&mut self, user: UserId, online: bool) {
        let Ok(steps) = self.guild.apply(Command::SetOnline { user, online }) else { return };
        for step in steps {
            self.follow(step, EndReason::Left);
        }
    }
}

/// Voice states and presence begin anew with each start; everything else is kept.
const fn outlives_restart(command: &Command) -> bool {
    match command {
        Command::Join { .. }
        | Command::Remove { .. }
        | Command::Rename { .. }
        | Command::CreateChannel { .. }
        | Command::DeleteChannel { .. }
        | Command::VoiceModerate { .. } => true,
        Command::SetOnline { .. }
        | Command::VoiceOpen { .. }
        | Command::VoiceClose { .. }
        | Command::VoiceVideo { .. }
        | Command::VoiceSelf { .. }
        | Command::VoiceLeave { .. } => false,
    }
}

/// Why voice sessions end that a command ends.
const fn end_reason(command: &Command) -> EndReason {
    match command {
        Command::VoiceModerate { action: ModerateAction::Disconnect, .. } => EndReason::Disconnected,
        Command::DeleteChannel { .. } => EndReason::ChannelGone,
        Command::Remove { .. } => EndReason::Forbidden,
        _ => EndReason::Left,
    }
}
