//! Leads the engine by what the gateway says: into the channel, back into it when the connection
//! was lost, and out of it when all is done.

use crate::Failure;
use crate::account::Accounts;
use crate::arguments::Join;
use crate::gateway::{Gateway, News, backoff};
use crate::invite::Invite;
use crate::play::Player;
use crate::progress::{Progress, Step};
use crate::read_ahead::ReadAhead;
use crate::record::{Mix, Names, Recording, Speakers};
use crate::room::Room;
use crate::sound::FileSound;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use voicehall_engine::device::{AudioSystem, Direction, NativeAudio};
use voicehall_engine::{Engine, EngineConfig, http_client};
use voicehall_protocol::engine::{AudioSettings, Command, Event, SessionState};
use voicehall_protocol::gateway::{self, ClientMessage};
use voicehall_protocol::ids::{ChannelId, UserId, VoiceSessionId};
use voicehall_protocol::rest::ErrorCode;
use voicehall_protocol::rtp::SourceId;
use voicehall_protocol::voice::{EndReason, JOIN_PATH};

/// A ticket that has not come by then is asked for again: the request was lost with a connection.
const TICKET_TIMEOUT: Duration = Duration::from_secs(10);

/// Tries of a first join before the voice node counts as unreachable.
const FIRST_TRIES: u32 = 3;

/// How often the file's end and the duration are looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Does what the command line says, until it is done or `stop` is ready.
///
/// # Errors
/// See [`Failure`].
pub async fn run(join: Box<Join>, stop: impl Future<Output = ()>) -> Result<(), Failure> {
    let invite = Invite::parse(&join.invite)?;
    let player = join.play.as_deref().map(Player::open).transpose()?;
    let recording = join.record.as_deref().map(Recording::create).transpose()?;
    let names = Names::default();
    let (speakers, tap) = match &join.per_user {
        Some(directory) => {
            let (speakers, tap) = Speakers::record(directory, Arc::clone(&names))?;
            (Some(speakers), Some(tap))
        }
        None => (None, None),
    };
    let (files, audio): (Option<FileSound>, Arc<dyn AudioSystem>) = if join.devices {
        (None, Arc::new(NativeAudio::start()?))
    } else {
        let played = player.map(|player| ReadAhead::start(player, join.repeat)).transpose()?;
        let mix = recording.map(Mix::start).transpose()?;
        let (files, audio) = FileSound::start(played, mix)?;
        (Some(files), Arc::new(audio))
    };
    let http = http_client().map_err(|error| std::io::Error::other(error.to_string()))?;
    let settings = with_devices(join.audio_settings(), &join, &*audio);
    let config = EngineConfig { http: http.clone(), settings, sounds: None, keys: None, tap };
    let (engine, events) = Engine::start(audio, config)?;

    let accounts = Accounts::remembered(join.state.clone());
    let outcome = match Caller::sign_in(&join, &invite, &accounts, &http, &engine, names).await {
        Ok(caller) => caller.lead(files.as_ref(), events, stop).await,
        Err(failure) => Err(failure),
    };
    engine.shut_down().await;
    let recorded = files.map_or(Ok(()), FileSound::finish);
    let separated = speakers.map_or(Ok(()), Speakers::finish);
    outcome.and(recorded).and(separated)
}

/// The settings with devices that were given by name or id.
fn with_devices(mut settings: AudioSettings, join: &Join, audio: &dyn AudioSystem) -> AudioSettings {
    let id = |direction, wanted: &str| {
        let known = audio.devices(direction).into_iter().find(|device| device.name == wanted);
        known.map_or_else(|| wanted.to_owned(), |device| device.id.as_str().to_owned())
    };
    if let Some(input) = &join.input {
        settings.input = Some(id(Direction::Input, input));
    }
    if let Some(output) = &join.output {
        settings.output = Some(id(Direction::Output, output));
    }
    settings
}

struct Caller<'a> {
    join: &'a Join,
    invite: &'a Invite,
    accounts: &'a Accounts,
    http: &'a reqwest::Client,
    engine: &'a Engine,
    gateway: Gateway,
    remembered: bool,
    progress: Progress,
    room: Room,
    names: Names,
    channel: Option<ChannelId>,
    session: Option<VoiceSessionId>,
    /// When to ask for a ticket; none while a call is up or on its way.
    ask_at: Option<Instant>,
    tries: u32,
    asked_at: Instant,
    connected_at: Option<Instant>,
    present: Vec<UserId>,
}

/// Whether the call goes on.
enum Next {
    On,
    Done,
}

impl<'a> Caller<'a> {
    async fn sign_in(
        join: &'a Join,
        invite: &'a Invite,
        accounts: &'a Accounts,
        http: &'a reqwest::Client,
        engine: &'a Engine,
        names: Names,
    ) -> Result<Self, Failure> {
        let login = accounts.sign_in(http, invite, join.name.as_deref()).await?;
        Ok(Self {
            join,
            invite,
            accounts,
            http,
            engine,
            gateway: Gateway::open(invite, login.token),
            remembered: login.remembered,
            progress: Progress { json: join.json },
            room: Room::default(),
            names,
            channel: None,
            session: None,
            ask_at: None,
            tries: 0,
            asked_at: Instant::now(),
            connected_at: None,
            present: Vec::new(),
        })
    }

    async fn lead(
        mut self,
        files: Option<&FileSound>,
        mut events: mpsc::Receiver<Event>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        tokio::pin!(stop);
        let mut looks = tokio::time::interval(LOOK_INTERVAL);
        let outcome = loop {
            let far = Instant::now() + TICKET_TIMEOUT;
            let next = tokio::select! {
                () = &mut stop => Ok(Next::Done),
                Some(news) = self.gateway.news.recv() => self.news(news).await,
                Some(event) = events.recv() => self.event(event, files),
                () = sleep_until(self.ask_at.unwrap_or(far)), if self.ask_at.is_some() => {
                    self.ask().await;
                    Ok(Next::On)
                }
                _ = looks.tick() => Ok(self.look(files)),
            };
            match next {
                Ok(Next::On) => {}
                Ok(Next::Done) => break Ok(()),
                Err(failure) => break Err(failure),
            }
        };
        if self.connected_at.is_some() {
            // The node learns it from the engine; this tells the others at once.
            self.gateway.request(ClientMessage::VoiceLeave {}).await;
        }
        // Busy means that it is on its way out already.
        let _ = self.engine.send(Command::Leave {});
        self.gateway.close().await;
        self.progress.tell(&Step::Left {});
        outcome
    }

    /// Looks whether the file or the time is over.
    fn look(&self, files: Option<&FileSound>) -> Next {
        let file_over = self.join.ends_with_file() && files.is_some_and(FileSound::is_over);
        let time_over = self
            .join
            .duration
            .zip(self.connected_at)
            .is_some_and(|(duration, connected)| connected.elapsed() >= duration);
        if file_over {
            self.progress.tell(&Step::Played {});
        }
        if file_over || time_over { Next::Done } else { Next::On }
    }

    async fn news(&mut self, news: News) -> Result<Next, Failure> {
        match news {
            News::Ready { user, guilds } => {
                self.remembered = false;
                self.progress.tell(&Step::SignedIn { name: &user.name });
                self.room.reset(guilds);
                self.find_channel()?;
                // A ticket that was being waited for is lost with the session that asked for it.
                if self.connected_at.is_none() || self.ask_at.is_some() {
                    self.ask().await;
                }
            }
            News::Event(gateway::Event::VoiceEnded { session, reason }) => {
                if self.session == Some(session) {
                    return self.ended(reason);
                }
            }
            News::Event(event) => self.room.apply(event),
            News::Ticket { session, node, ticket } => self.enter(session, &node, ticket),
            News::Refused { code: ErrorCode::RateLimited | ErrorCode::Unavailable, .. } => self.ask_later(),
            News::Refused { code, message } => return Err(Failure::Refused { code, message }),
            News::Reconnecting => self.progress.tell(&Step::Reconnecting { what: "gateway" }),
            News::BadToken if self.remembered => {
                self.remembered = false;
                let login = self.accounts.follow(self.http, self.invite, self.join.name.as_deref()).await?;
                self.gateway = Gateway::open(self.invite, login.token);
            }
            News::BadToken => return Err(Failure::Closed(gateway::CloseCode::BadToken)),
            News::Failed(failure) => return Err(failure),
        }
        self.tell_present();
        Ok(Next::On)
    }

    fn find_channel(&mut self) -> Result<(), Failure> {
        let channel = self.room.voice_channel(&self.join.channel).ok_or_else(|| Failure::NoChannel {
            name: self.join.channel.clone(),
            there: self.room.voice_channels().map(|channel| channel.name.clone()).collect(),
        })?;
        self.channel = Some(channel.id);
        Ok(())
    }

    async fn ask(&mut self) {
        let Some(channel) = self.channel else { return };
        self.asked_at = Instant::now();
        self.ask_at = Some(Instant::now() + TICKET_TIMEOUT);
        let request = ClientMessage::VoiceJoin { nonce: 1, channel, self_mute: false, self_deaf: false };
        self.gateway.request(request).await;
    }

    fn ask_later(&mut self) {
        self.ask_at = Some(Instant::now() + backoff(self.tries));
        self.tries += 1;
    }

    fn enter(&mut self, session: VoiceSessionId, node: &str, ticket: String) {
        self.ask_at = None;
        self.session = Some(session);
        let origin = if node.is_empty() { &self.invite.origin } else { node };
        let bitrate = self.room.voice_channel(&self.join.channel).map_or(64_000, |channel| channel.bitrate);
        let join = Command::Join { url: format!("{origin}{JOIN_PATH}"), ticket, bitrate };
        if self.engine.send(join).is_err() {
            self.ask_later();
        }
    }

    /// The gateway says why the voice session ended.
    fn ended(&mut self, reason: EndReason) -> Result<Next, Failure> {
        match reason {
            EndReason::TimedOut | EndReason::NodeStopping | EndReason::HandshakeFailed => {
                if self.ask_at.is_none() {
                    self.lost()?;
                }
                Ok(Next::On)
            }
            EndReason::Left
            | EndReason::Replaced
            | EndReason::Disconnected
            | EndReason::Forbidden
            | EndReason::ChannelGone => Err(Failure::Ended(reason)),
        }
    }

    fn event(&mut self, event: Event, files: Option<&FileSound>) -> Result<Next, Failure> {
        match event {
            Event::State { state } => self.state(state, files)?,
            Event::Speaking { sources } => {
                self.learn_names(&sources);
                let names = sources.iter().map(|source| self.name(*source)).collect();
                self.progress.tell(&Step::Speaking { names });
            }
            Event::Stats { stats } => self.progress.tell(&Step::Stats { stats }),
            Event::Problem { problem } => tracing::warn!(?problem, "sound"),
            // Nobody sits at the keys here.
            Event::Keys { .. }
            | Event::DesktopKeys { .. }
            | Event::KeyPressed { .. }
            | Event::TalkOverride { .. }
            | Event::KeysRecorded { .. }
            | Event::Unheard { .. }
            | Event::Input { .. }
            | Event::Processing { .. }
            | Event::Playback { .. }
            | Event::Devices { .. } => {}
        }
        Ok(Next::On)
    }

    fn state(&mut self, state: SessionState, files: Option<&FileSound>) -> Result<(), Failure> {
        match state {
            SessionState::Idle {} | SessionState::Connecting {} => {}
            SessionState::Connected { source } => {
                self.tries = 0;
                self.ask_at = None;
                self.connected_at.get_or_insert_with(Instant::now);
                if let Some(files) = files {
                    files.play();
                }
                let join_ms = u64::try_from(self.asked_at.elapsed().as_millis()).unwrap_or(u64::MAX);
                let channel = &self.join.channel;
                self.progress.tell(&Step::Connected { channel, source: source.0, join_ms });
            }
            SessionState::Refused { code: ErrorCode::TicketExpired | ErrorCode::TicketUsed }
            | SessionState::Refused { code: ErrorCode::Unavailable | ErrorCode::RateLimited }
            | SessionState::Refused { code: ErrorCode::TicketForeign }
            | SessionState::Lost {}
            | SessionState::Unreachable {}
            | SessionState::Ended { .. } => {
                if let Some(files) = files {
                    files.pause();
                }
                self.lost()?;
            }
            SessionState::Refused { code } => {
                let message = "the voice node does not take the ticket".to_owned();
                return Err(Failure::Refused { code, message });
            }
        }
        Ok(())
    }

    /// There is no call any more: asks for another ticket, if there is a point in it.
    fn lost(&mut self) -> Result<(), Failure> {
        if self.connected_at.is_none() && self.tries + 1 >= FIRST_TRIES {
            return Err(Failure::NoMedia);
        }
        self.progress.tell(&Step::Reconnecting { what: "voice" });
        self.ask_later();
        Ok(())
    }

    fn name(&self, source: SourceId) -> &str {
        self.room.speaker(source).and_then(|user| self.room.name(user)).unwrap_or("somebody")
    }

    /// Tells the recorder whose voices these are.
    fn learn_names(&self, sources: &[SourceId]) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        for source in sources {
            if let Some(user) = self.room.speaker(*source)
                && let Some(name) = self.room.name(user)
            {
                names.entry(*source).or_insert_with(|| (user, name.to_owned()));
            }
        }
    }

    fn tell_present(&mut self) {
        let Some(channel) = self.channel else { return };
        let mut present: Vec<UserId> = self.room.present(channel).collect();
        // A change of state moves somebody to the end; that is no news.
        present.sort_unstable();
        if present != self.present {
            let names = present.iter().filter_map(|user| self.room.name(*user)).collect();
            self.progress.tell(&Step::Present { names });
            self.present = present;
            let sources: Vec<SourceId> = self.room.sources(channel).collect();
            self.learn_names(&sources);
        }
    }
}
