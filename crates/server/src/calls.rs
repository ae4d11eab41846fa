//! Voice sessions from the ticket to the end: who asked for which, and what the voice node says
//! of them.

use crate::app::App;
use crate::gateway::encode;
use crate::guilds::ApplyError;
use crate::voice::VoiceEvent;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use voicehall_guild::{Command, GuildError};
use voicehall_protocol::gateway::Event;
use voicehall_protocol::ids::{ChannelId, GatewaySessionId, GuildId, UserId, VoiceSessionId};
use voicehall_protocol::rtp::SourceId;
use voicehall_protocol::ticket::TICKET_LIFETIME_S;
use voicehall_protocol::voice::EndReason;

/// How long a ticket's session is expected: longer than any ticket is valid.
const EXPECTED_FOR: Duration = Duration::from_secs(2 * TICKET_LIFETIME_S as u64);

/// One voice session, or the wish for one.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Whose.
    pub user: UserId,
    /// In which guild.
    pub guild: GuildId,
    /// By which gateway session it was asked for.
    pub gateway: GatewaySessionId,
    /// The own microphone is off.
    pub self_mute: bool,
    /// What one hears is off.
    pub self_deaf: bool,
    /// When the ticket was issued.
    pub issued: Instant,
}

/// Every voice session of this server.
#[derive(Default)]
pub struct Calls(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Tickets that have not been used.
    expected: HashMap<VoiceSessionId, Call>,
    open: HashMap<VoiceSessionId, Call>,
    /// The one open session of each account.
    present: HashMap<UserId, VoiceSessionId>,
}

impl Calls {
    /// A ticket was issued.
    pub fn expect(&self, session: VoiceSessionId, call: Call) {
        self.lock().expected.insert(session, call);
    }

    /// The guild in which somebody is in voice, and their session.
    pub fn present(&self, user: UserId) -> Option<(GuildId, VoiceSessionId)> {
        let inner = self.lock();
        let session = *inner.present.get(&user)?;
        inner.open.get(&session).map(|call| (call.guild, session))
    }

    /// The open session that a gateway session asked for.
    pub fn of_gateway(&self, gateway: GatewaySessionId, user: UserId) -> Option<GuildId> {
        let inner = self.lock();
        let session = inner.present.get(&user)?;
        inner.open.get(session).filter(|call| call.gateway == gateway).map(|call| call.guild)
    }

    /// The guild of an open session.
    fn guild_of(&self, session: VoiceSessionId) -> Option<GuildId> {
        self.lock().open.get(&session).map(|call| call.guild)
    }

    /// Changes how the sessions start that somebody has tickets for; false if there are none.
    pub fn prepare(&self, user: UserId, self_mute: bool, self_deaf: bool) -> bool {
        let mut inner = self.lock();
        let mut any = false;
        for call in inner.expected.values_mut().filter(|call| call.user == user) {
            (call.self_mute, call.self_deaf) = (self_mute, self_deaf);
            any = true;
        }
        any
    }

    /// Forgets tickets that nobody can use any more.
    pub fn sweep(&self) {
        self.lock().expected.retain(|_, call| call.issued.elapsed() < EXPECTED_FOR);
    }

    /// How many sessions are open.
    pub fn open_count(&self) -> usize {
        self.lock().open.len()
    }

    /// The session opened. Answers with it, and with the one it takes the place of.
    fn open(&self, session: VoiceSessionId) -> Option<(Call, Option<(GuildId, VoiceSessionId)>)> {
        let mut inner = self.lock();
        let call = inner.expected.remove(&session)?;
        inner.open.insert(session, call);
        let before = inner.present.insert(call.user, session);
        let before = before.and_then(|before| inner.open.get(&before).map(|call| (call.guild, before)));
        Some((call, before))
    }

    fn close(&self, session: VoiceSessionId) -> Option<Call> {
        let mut inner = self.lock();
        let call = inner.open.remove(&session)?;
        if inner.present.get(&call.user) == Some(&session) {
            inner.present.remove(&call.user);
        }
        Some(call)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings to the guilds what happens at the voice node.
pub async fn follow(app: &App, event: VoiceEvent) {
    match event {
        VoiceEvent::Opened { session, user, channel, source } => {
            opened(app, session, user, channel, source).await;
        }
        VoiceEvent::Connected { session } => {
            tracing::debug!(%session, "voice connected");
        }
        VoiceEvent::Video { session, camera, screen } => video(app, session, camera, screen).await,
        VoiceEvent::Closed { session, reason } => closed(app, session, reason).await,
    }
}

async fn opened(app: &App, session: VoiceSessionId, user: UserId, channel: ChannelId, source: SourceId) {
    let Some((call, before)) = app.calls.open(session) else {
        // A ticket of ours that nobody remembers: the account can ask for another.
        app.voice.close(session, EndReason::Forbidden);
        return;
    };
    if let Some((guild, before)) = before.filter(|(guild, _)| *guild != call.guild) {
        app.voice.close(before, EndReason::Replaced);
        if let Some(guild) = app.guilds.get(guild) {
            log_unless_done(guild.apply(Command::VoiceClose { session: before }).await);
        }
    }
    let Call { guild, self_mute, self_deaf, .. } = call;
    let open = Command::VoiceOpen { user, channel, session, source, self_mute, self_deaf };
    let applied = match app.guilds.get(guild) {
        Some(guild) => guild.apply(open).await,
        None => Err(ApplyError::Stopping),
    };
    // Since the ticket was issued the channel may have gone, or the right to be in it.
    let reason = match applied {
        Ok(()) => return,
        Err(ApplyError::Guild(GuildError::NoSuchChannel)) => EndReason::ChannelGone,
        Err(ApplyError::Guild(_)) => EndReason::Forbidden,
        Err(ApplyError::Store(_) | ApplyError::Stopping) => EndReason::NodeStopping,
    };
    app.voice.close(session, reason);
}

async fn video(app: &App, session: VoiceSessionId, camera: bool, screen: bool) {
    let guild = app.calls.guild_of(session).and_then(|guild| app.guilds.get(guild));
    let Some(guild) = guild else { return };
    if let Err(error) = guild.apply(Command::VoiceVideo { session, camera, screen }).await {
        tracing::warn!(%error, "what a voice session shows did not reach its guild");
    }
}

async fn closed(app: &App, session: VoiceSessionId, reason: EndReason) {
    let Some(call) = app.calls.close(session) else { return };
    if let Some(guild) = app.guilds.get(call.guild) {
        log_unless_done(guild.apply(Command::VoiceClose { session }).await);
    }
    let ended = encode(&Event::VoiceEnded { session, reason });
    for gateway in app.sessions.of_user(call.user) {
        gateway.push(ended.clone());
    }
}

fn log_unless_done(applied: Result<(), ApplyError>) {
    if let Err(error) = applied {
        tracing::warn!(%error, "a voice session's end did not reach its guild");
    }
}
