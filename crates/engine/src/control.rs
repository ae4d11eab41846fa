//! The engine's task: leads the call, from commands and from what the session, the media thread
//! and the devices tell.

use crate::devices::{Devices, choice};
use crate::figures::CallFigures;
use crate::keys::{self, TalkKey};
use crate::media::{MediaThread, Notice, Order, Playback, Seat};
use crate::receive::Receiver;
use crate::session::{Change, Identity, JoinError, Session};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use voicehall_device::keys::{Action, HotkeyEvent, HotkeySource};
use voicehall_device::{AudioSystem, Sound, UiSounds};
use voicehall_protocol::engine::{
    AudioSettings, Chime, Command, Event, Gate, PlaybackPhase, SessionState, SoundVolumes,
};
use voicehall_protocol::rtp::SourceId;

/// How often device events are looked for: well within the second that a change may take.
const DEVICE_INTERVAL: Duration = Duration::from_millis(100);

/// Sources whose volume is remembered. Sources are numbered anew with each session, so only
/// those of the present call matter.
const VOLUMES_MAX: usize = 4096;

/// Priority speakers that are remembered.
const PRIORITY_MAX: usize = 64;

/// Where the call stands.
enum Call {
    /// There is none.
    Idle,
    /// It was lost; the user interface will join again.
    Lost,
    /// The join is posted.
    Joining(JoinHandle<Result<Joined, JoinError>>),
    /// The session is open.
    Open { session: Session, figures: Box<CallFigures>, connected: bool },
}

struct Joined {
    session: Session,
    seat: Box<Seat>,
}

/// What became of a call.
enum News {
    Joined(Result<Joined, JoinError>),
    Changed(Change),
}

pub(crate) struct Control {
    http: reqwest::Client,
    identity: Arc<Identity>,
    media: MediaThread,
    devices: Devices,
    settings: AudioSettings,
    sounds: Option<UiSounds>,
    keys: Option<Arc<dyn HotkeySource>>,
    talk: TalkKey,
    events: mpsc::Sender<Event>,
    call: Call,
    volumes: HashMap<SourceId, f32>,
    priority: Vec<SourceId>,
    silent: bool,
    monitoring: bool,
    /// One's own voice is recorded or played.
    playback: bool,
    speaking: bool,
    /// Sessions that say goodbye.
    closing: JoinSet<()>,
}

impl Control {
    pub(crate) fn new(
        audio: Arc<dyn AudioSystem>,
        http: reqwest::Client,
        identity: Identity,
        media: MediaThread,
        settings: AudioSettings,
        sounds: Option<UiSounds>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        if let Some(sounds) = &sounds {
            sounds.choose(choice(settings.output.as_deref()));
        }
        Self {
            http,
            identity: Arc::new(identity),
            media,
            devices: Devices::new(audio),
            settings,
            sounds,
            keys: None,
            talk: TalkKey::default(),
            events,
            call: Call::Idle,
            volumes: HashMap::new(),
            priority: Vec::new(),
            silent: false,
            monitoring: false,
            playback: false,
            speaking: false,
            closing: JoinSet::new(),
        }
    }

    /// Binds and records keys where there are any to be heard.
    pub(crate) fn with_keys(self, keys: Option<Arc<dyn HotkeySource>>) -> Self {
        Self { keys, ..self }
    }

    /// Runs until nobody can send commands any more.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut notices: mpsc::Receiver<Notice>,
        mut keys: mpsc::Receiver<HotkeyEvent>,
    ) {
        let mut ticks = tokio::time::interval(DEVICE_INTERVAL);
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => break,
                },
                Some(event) = keys.recv() => self.key(event),
                Some(notice) = notices.recv() => self.notice(notice),
                news = news(&mut self.call) => self.news(news),
                _ = ticks.tick() => {
                    for event in self.devices.events() {
                        self.tell(event);
                    }
                    let before = self.talk.is_on(&self.settings.gate);
                    self.talk.expire(Instant::now());
                    self.talk_changed(before);
                }
            }
        }
        if let Call::Open { session, .. } = self.call {
            session.close().await;
        }
        self.closing.join_all().await;
        // Joins the thread, which takes as long as its longest sleep.
        let _ = tokio::task::spawn_blocking(move || drop(self.media)).await;
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Join { url, ticket, bitrate } => self.join(url, ticket, bitrate),
            Command::Leave {} => {
                let was_open = matches!(self.call, Call::Open { .. });
                self.end(SessionState::Idle {});
                if was_open {
                    self.play(Sound::Leave);
                }
            }
            Command::SetMuted { muted, deafened } => {
                self.media.instruct(Order::Mute { muted, deafened });
                let silent = muted || deafened;
                if silent != self.silent {
                    self.silent = silent;
                    if matches!(self.call, Call::Open { .. }) {
                        self.play(if silent { Sound::Mute } else { Sound::Unmute });
                    }
                }
            }
            Command::SetVolume { source, volume } => self.set_volume(source, volume),
            Command::SetAudio { settings } => self.set_audio(settings),
            Command::SetPriority { mut sources } => {
                sources.truncate(PRIORITY_MAX);
                self.priority.clone_from(&sources);
                self.media.instruct(Order::Priority(sources));
            }
            Command::BindKeys { bindings } => {
                if let Some(keys) = &self.keys {
                    keys.bind(keys::bindings(&bindings));
                }
            }
            Command::RecordKeys { enabled } => {
                if let Some(keys) = &self.keys {
                    keys.record(enabled);
                }
            }
            Command::AssignKeys { actions } => {
                if let Some(keys) = &self.keys {
                    keys.assign(keys::named(actions));
                }
            }
            Command::ReassignKeys {} => {
                if let Some(keys) = &self.keys {
                    keys.reassign();
                }
            }
            Command::Monitor { enabled, playback } => self.monitor(enabled, enabled && playback),
            Command::Talk { pressed } => {
                let in_call = !matches!(self.call, Call::Idle);
                let before = self.talk.is_on(&self.settings.gate);
                self.talk.turn_by_program(pressed, Instant::now(), in_call);
                self.talk_changed(before);
            }
            Command::Chime { chime: Chime::Joined } => self.play(Sound::Join),
            Command::Chime { chime: Chime::Left } => self.play(Sound::Leave),
        }
    }

    /// A key that opens or shuts the microphone goes straight to the media thread; what else keys do
    /// concerns the guild too, which the user interface speaks to.
    fn key(&mut self, event: HotkeyEvent) {
        match event {
            HotkeyEvent::Action { action: Action::Talk, pressed, cause } => {
                let in_call = !matches!(self.call, Call::Idle);
                let before = self.talk.is_on(&self.settings.gate);
                self.talk.turn(pressed, cause, in_call);
                self.talk_changed(before);
            }
            other => {
                if let Some(event) = keys::event(other) {
                    self.tell(event);
                }
            }
        }
    }

    fn talk_changed(&mut self, before: bool) {
        let on = self.talk.is_on(&self.settings.gate);
        if on == before {
            return;
        }
        self.media.instruct(Order::Talk(on));
        if matches!(self.settings.gate, Gate::Toggle { .. }) && matches!(self.call, Call::Open { .. }) {
            self.play(if on { Sound::Unmute } else { Sound::Mute });
        }
    }

    fn monitor(&mut self, enabled: bool, playback: bool) {
        (self.monitoring, self.playback) = (enabled, playback);
        // The room for it is made here, where nothing waits.
        let playback = playback.then(|| Box::new(Playback::new()));
        self.media.instruct(Order::Monitor { on: enabled, playback });
        self.open_devices();
    }

    fn join(&mut self, url: String, ticket: String, bitrate: u32) {
        self.hang_up(Call::Idle);
        self.state(SessionState::Connecting {});
        let (http, identity) = (self.http.clone(), Arc::clone(&self.identity));
        self.call = Call::Joining(tokio::spawn(async move {
            // The decoders are set up while the node answers: a millisecond, and not on another
            // thread, which on a busy machine would be waited for.
            let decoders = async { Receiver::new(Instant::now()) };
            let (opened, receiver) = tokio::join!(Session::open(&http, &url, ticket, &identity), decoders);
            let (session, link) = opened?;
            let receiver = receiver.map_err(|_| JoinError::Unreachable)?;
            let seat = Box::new(Seat { link, receiver, source: session.source });
            Ok(Joined { session, seat })
        }));
        self.media.instruct(Order::Bitrate(bitrate));
        self.open_devices();
    }

    fn news(&mut self, news: News) {
        match news {
            News::Joined(Ok(joined)) => self.take(joined),
            News::Joined(Err(JoinError::Refused(code))) => self.end(SessionState::Refused { code }),
            News::Joined(Err(JoinError::Unreachable)) => self.end(SessionState::Unreachable {}),
            News::Changed(Change::Connected) => self.connected(),
            News::Changed(Change::Closed) => {
                self.end(SessionState::Ended { reason: None });
                self.play(Sound::Leave);
            }
            News::Changed(Change::Lost) => {
                if matches!(self.call, Call::Open { connected: true, .. }) {
                    self.hang_up(Call::Lost);
                    self.state(SessionState::Lost {});
                } else {
                    self.end(SessionState::Unreachable {});
                }
            }
        }
    }

    fn take(&mut self, joined: Joined) {
        let Joined { session, seat } = joined;
        self.media.instruct(Order::Take(seat));
        for (source, volume) in &self.volumes {
            self.media.instruct(Order::Volume { source: *source, volume: *volume });
        }
        self.media.instruct(Order::Priority(self.priority.clone()));
        self.call = Call::Open { session, figures: Box::default(), connected: false };
    }

    fn connected(&mut self) {
        let Call::Open { session, connected, .. } = &mut self.call else { return };
        // A connection that was about to be given up may come back by itself.
        if std::mem::replace(connected, true) {
            return;
        }
        let source = session.source;
        self.state(SessionState::Connected { source });
        self.play(Sound::Join);
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Input { level_dbfs, speech, sending } => {
                self.tell(Event::Input { level_dbfs, speech, sending });
            }
            Notice::Unheard(reason) => self.tell(Event::Unheard { reason }),
            Notice::Processing([microphone_dbfs, cleaned_dbfs, levelled_dbfs, sent_dbfs]) => {
                self.tell(Event::Processing { microphone_dbfs, cleaned_dbfs, levelled_dbfs, sent_dbfs });
            }
            Notice::Playback(phase) => {
                if phase == PlaybackPhase::Over {
                    self.playback = false;
                    self.open_devices();
                }
                self.tell(Event::Playback { phase });
            }
            Notice::Speaking(sources) => {
                if matches!(self.call, Call::Open { .. }) {
                    self.speaking = !sources.is_empty();
                    self.tell(Event::Speaking { sources });
                }
            }
            Notice::Quality(quality) => {
                let Call::Open { session, figures, connected: true } = &mut self.call else { return };
                let stats = figures.update(Instant::now(), &quality, &session.figures);
                self.media.instruct(Order::ExpectedLoss(stats.loss_up));
                self.tell(Event::Stats { stats });
            }
        }
    }

    fn set_volume(&mut self, source: SourceId, volume: f32) {
        let known = self.volumes.contains_key(&source);
        if !known && self.volumes.len() >= VOLUMES_MAX {
            self.volumes.clear();
        }
        self.volumes.insert(source, volume);
        self.media.instruct(Order::Volume { source, volume });
    }

    fn set_audio(&mut self, settings: AudioSettings) {
        if (&settings.input, &settings.output) != (&self.settings.input, &self.settings.output) {
            self.media.instruct(Devices::choose(&settings));
        }
        if let Some(sounds) = &self.sounds {
            sounds.choose(choice(settings.output.as_deref()));
        }
        let before = self.talk.is_on(&self.settings.gate);
        if std::mem::discriminant(&settings.gate) != std::mem::discriminant(&self.settings.gate) {
            self.talk.untoggle();
        }
        self.settings = settings.clone();
        if self.talk.is_on(&settings.gate) != before {
            self.media.instruct(Order::Talk(!before));
        }
        self.media.instruct(Order::Audio(Box::new(settings)));
    }

    /// Ends the call for good.
    fn end(&mut self, state: SessionState) {
        self.hang_up(Call::Idle);
        self.open_devices();
        self.state(state);
    }

    /// Closes the session, if there is one.
    fn hang_up(&mut self, next: Call) {
        // A call that will be joined again goes on as it was; any other begins with nobody hearing.
        if matches!(next, Call::Idle) && !matches!(self.call, Call::Lost) && self.talk.untoggle() {
            self.media.instruct(Order::Talk(self.talk.is_on(&self.settings.gate)));
        }
        match std::mem::replace(&mut self.call, next) {
            Call::Idle | Call::Lost => {}
            Call::Joining(join) => join.abort(),
            Call::Open { session, .. } => {
                self.media.instruct(Order::Leave);
                while self.closing.try_join_next().is_some() {}
                self.closing.spawn(session.close());
                if std::mem::take(&mut self.speaking) {
                    self.tell(Event::Speaking { sources: vec![] });
                }
            }
        }
    }

    /// Opens what is needed now, and closes what is not.
    fn open_devices(&mut self) {
        let in_call = !matches!(self.call, Call::Idle);
        let (microphone, speaker) = (in_call || self.monitoring, in_call || self.playback);
        for instruction in self.devices.open(microphone, speaker, &self.settings) {
            self.media.instruct(instruction);
        }
    }

    fn play(&self, sound: Sound) {
        let volume = volume(sound, &self.settings.sounds);
        if let Some(sounds) = self.sounds.as_ref().filter(|_| volume > 0.0) {
            sounds.play(sound, volume);
        }
    }

    fn state(&self, state: SessionState) {
        tracing::debug!(?state, "session");
        self.tell(Event::State { state });
    }

    fn tell(&self, event: Event) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            tracing::warn!("nobody reads the engine's events");
        }
    }
}

fn volume(sound: Sound, volumes: &SoundVolumes) -> f32 {
    match sound {
        Sound::Join => volumes.join,
        Sound::Leave => volumes.leave,
        Sound::Mute | Sound::Unmute => volumes.mute,
    }
}

/// Waits for what becomes of the call; for ever if there is none. May be dropped at any time.
async fn news(call: &mut Call) -> News {
    match call {
        Call::Idle | Call::Lost => std::future::pending().await,
        Call::Joining(join) => News::Joined(join.await.unwrap_or(Err(JoinError::Unreachable))),
        // The changes end only with the session itself.
        Call::Open { session, .. } => News::Changed(session.changes.recv().await.unwrap_or(Change::Lost)),
    }
}
