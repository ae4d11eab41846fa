//! Keys that the desktop assigns: the GlobalShortcuts portal of Wayland's desktops. The desktop asks
//! the person which keys are meant, takes them from the program that has the focus, and says when
//! they are pressed and let go; we never learn of any other key.
//!
//! Nothing is asked for before somebody wants it ([`HotkeySource::assign`]), for the desktop may open
//! a window. What it answers may take as long as that window stays open, so nothing waits for it: one
//! loop takes commands and the portal's words as they come, and [`Stage`] says where things stand.

mod bus;
mod trigger;

use super::{
    Action, Assignment, Binding, Cause, DesktopKeys, HotkeyEvent, HotkeySource, Listener, NamedAction,
};
use bus::{Bus, Shortcut, Word};
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::select as either;
use std::collections::BTreeSet;
use std::pin::pin;
use std::thread::JoinHandle;
use zbus::zvariant::OwnedObjectPath;

/// From this version on, the desktop opens its window of shortcuts when it is asked to.
const CONFIGURES: u32 = 2;

/// What the desktop may assign keys to.
const ACTIONS: [Action; 5] =
    [Action::Talk, Action::TalkOverride, Action::Mute, Action::Deafen, Action::Leave];

/// The name by which the desktop remembers a shortcut, across starts.
fn id(action: Action) -> &'static str {
    match action {
        Action::Talk => "talk",
        Action::TalkOverride => "talk-override",
        Action::Mute => "mute",
        Action::Deafen => "deafen",
        Action::Leave => "leave",
    }
}

fn action(known: &str) -> Option<Action> {
    ACTIONS.into_iter().find(|action| id(*action) == known)
}

enum Command {
    Listen(Listener),
    Bind(Vec<Binding>),
    Record(bool),
    Assign(Vec<NamedAction>),
    Reassign,
}

/// The desktop's shortcuts.
pub(super) struct PortalKeys {
    commands: async_channel::Sender<Command>,
    /// Ends the thread when it goes, whatever that waits for.
    running: Option<async_channel::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl PortalKeys {
    /// Speaks for the program whose desktop file is called `app`. A session without a bus or a portal
    /// has no shortcuts.
    pub(super) fn start(app: &'static str) -> Self {
        let (commands, received) = async_channel::unbounded();
        let (running, ended) = async_channel::bounded(1);
        let thread = std::thread::Builder::new().name("desktop keys".to_owned()).spawn(move || {
            crate::realtime::raise_network();
            async_io::block_on(select(pin!(serve(app, received)), pin!(ended.recv())));
        });
        let thread = thread.inspect_err(|error| tracing::warn!(%error, "no thread for the desktop's keys"));
        Self { commands, running: Some(running), thread: thread.ok() }
    }

    fn tell(&self, command: Command) {
        // Refused only by a thread that is over, and then there are no shortcuts.
        let _ = self.commands.try_send(command);
    }
}

async fn serve(app: &'static str, commands: async_channel::Receiver<Command>) {
    let served = match Ear::open(app).await {
        Ok(ear) => ear.serve(commands).await,
        Err(error) => Err(error),
    };
    if let Err(error) = served {
        tracing::info!(%error, "the desktop assigns no keys");
    }
}

impl HotkeySource for PortalKeys {
    fn listen(&self, listener: Listener) {
        self.tell(Command::Listen(listener));
    }

    fn bind(&self, bindings: Vec<Binding>) {
        self.tell(Command::Bind(bindings));
    }

    fn record(&self, enabled: bool) {
        self.tell(Command::Record(enabled));
    }

    fn assign(&self, actions: Vec<NamedAction>) {
        self.tell(Command::Assign(actions));
    }

    fn reassign(&self) {
        self.tell(Command::Reassign);
    }
}

impl Drop for PortalKeys {
    fn drop(&mut self) {
        self.running = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that hears the desktop's keys panicked");
        }
    }
}

/// How far we are with the desktop.
#[derive(Debug, PartialEq, Eq)]
enum Stage {
    /// It was asked for nothing, or has taken it back.
    Idle,
    /// A session was asked for.
    Opening { request: OwnedObjectPath },
    /// Keys were asked for.
    Asking { session: OwnedObjectPath, request: OwnedObjectPath },
    /// There are shortcuts.
    Open { session: OwnedObjectPath },
    /// It said no.
    Refused,
}

/// What belongs to the thread.
struct Ear {
    app: &'static str,
    bus: Bus,
    /// Who the portal is, and its version; none where there is none.
    portal: Option<(String, u32)>,
    stage: Stage,
    /// What was asked for.
    wanted: Vec<NamedAction>,
    /// Keys that may be proposed.
    bindings: Vec<Binding>,
    keys: Vec<(Action, String)>,
    held: BTreeSet<Action>,
    /// Meanwhile no action is held.
    recording: bool,
    listener: Option<Listener>,
}

impl Ear {
    async fn open(app: &'static str) -> zbus::Result<Self> {
        Ok(Self {
            app,
            bus: Bus::connect().await?,
            portal: None,
            stage: Stage::Idle,
            wanted: Vec::new(),
            bindings: Vec::new(),
            keys: Vec::new(),
            held: BTreeSet::new(),
            recording: false,
            listener: None,
        })
    }

    /// Listens until nobody can give commands any more, or the bus is gone.
    async fn serve(mut self, commands: async_channel::Receiver<Command>) -> zbus::Result<()> {
        let words = self.bus.words().await?;
        self.meet().await;
        let mut all = pin!(either(commands.map(Either::Left), words.map(Either::Right)));
        while let Some(heard) = all.next().await {
            match heard {
                Either::Left(command) => self.obey(command).await,
                Either::Right(word) => self.hear(word).await,
            }
        }
        self.portal = None;
        self.settle(Stage::Idle);
        Ok(())
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Listen(listener) => {
                self.listener = Some(listener);
                self.tell_desktop();
                for action in self.held.clone() {
                    self.tell_action(action, true, Cause::Resync);
                }
            }
            Command::Bind(bindings) => self.bindings = bindings,
            Command::Record(enabled) => {
                self.recording = enabled;
                self.release_all();
            }
            Command::Assign(wanted) => self.assign(wanted).await,
            Command::Reassign => {
                if let Stage::Open { session } = &self.stage
                    && let Err(error) = self.bus.configure(session).await
                {
                    tracing::warn!(%error, "the desktop does not let its keys be changed");
                }
            }
        }
    }

    async fn hear(&mut self, word: Word) {
        match word {
            Word::Response { request, granted, results } => match &self.stage {
                Stage::Opening { request: asked } if *asked == request => {
                    match bus::session_of(&results).filter(|_| granted) {
                        Some(session) => self.ask(session).await,
                        None => self.settle(Stage::Refused),
                    }
                }
                Stage::Asking { request: asked, session } if *asked == request => {
                    let session = session.clone();
                    match bus::keys_of(&results).filter(|_| granted) {
                        Some(keys) => {
                            self.keys = named(keys);
                            self.settle(Stage::Open { session });
                        }
                        None => self.refuse(session).await,
                    }
                }
                _ => {}
            },
            Word::Shortcut { session, id, pressed } => {
                if self.stage == (Stage::Open { session })
                    && let Some(action) = action(&id)
                {
                    self.turn(action, pressed);
                }
            }
            Word::Changed { session, keys } => {
                if self.stage == (Stage::Open { session }) {
                    self.keys = named(keys);
                    self.tell_desktop();
                }
            }
            Word::Closed { session } => match &self.stage {
                Stage::Asking { session: own, .. } if *own == session => self.settle(Stage::Refused),
                Stage::Open { session: own } if *own == session => self.settle(Stage::Idle),
                _ => {}
            },
            Word::Owner(owner) => {
                if owner.as_ref() != self.portal.as_ref().map(|(owner, _)| owner) {
                    self.portal = None;
                    self.settle(Stage::Idle);
                    if owner.is_some() {
                        self.meet().await;
                        self.begin().await;
                    }
                }
            }
            Word::Interrupted => self.release_all(),
        }
    }

    /// Finds out who the portal is and what it can do.
    async fn meet(&mut self) {
        // First of all: a portal that was spoken to before has made up its mind who that was.
        if let Err(error) = self.bus.register(self.app).await {
            tracing::debug!(%error, "the portal knows the program by other means, or not at all");
        }
        self.portal = self.bus.portal().await;
        self.tell_desktop();
    }

    async fn assign(&mut self, wanted: Vec<NamedAction>) {
        let actions = |named: &[NamedAction]| named.iter().map(|named| named.action).collect::<BTreeSet<_>>();
        let same = actions(&wanted) == actions(&self.wanted);
        self.wanted = wanted;
        if same && !matches!(self.stage, Stage::Idle | Stage::Refused) {
            return;
        }
        self.close().await;
        self.settle(Stage::Idle);
        self.begin().await;
    }

    /// Asks for a session, if anything is wanted of it.
    async fn begin(&mut self) {
        if self.portal.is_none() || self.wanted.is_empty() {
            return;
        }
        match self.bus.create_session().await {
            Ok(request) => self.settle(Stage::Opening { request }),
            Err(error) => {
                tracing::warn!(%error, "the desktop assigns no keys");
                self.settle(Stage::Refused);
            }
        }
    }

    /// Asks for keys.
    async fn ask(&mut self, session: OwnedObjectPath) {
        let wish = |action| {
            let mut own = self.bindings.iter().filter(|binding| binding.action == action);
            own.find_map(|binding| trigger::trigger(&binding.combination))
        };
        let shortcuts: Vec<Shortcut<'_>> = self
            .wanted
            .iter()
            .map(|NamedAction { action, name }| Shortcut { id: id(*action), name, wish: wish(*action) })
            .collect();
        match self.bus.bind(&session, &shortcuts).await {
            Ok(request) => self.settle(Stage::Asking { session, request }),
            Err(error) => {
                tracing::warn!(%error, "the desktop assigns no keys");
                self.refuse(session).await;
            }
        }
    }

    async fn refuse(&mut self, session: OwnedObjectPath) {
        if let Err(error) = self.bus.close_session(&session).await {
            tracing::debug!(%error, "the session was over already");
        }
        self.settle(Stage::Refused);
    }

    /// Gives back what there is of a session.
    async fn close(&self) {
        let closed = match &self.stage {
            Stage::Idle | Stage::Refused => Ok(()),
            Stage::Opening { request } => self.bus.close_request(request).await,
            Stage::Asking { session, request } => {
                let asked = self.bus.close_request(request).await;
                asked.and(self.bus.close_session(session).await)
            }
            Stage::Open { session } => self.bus.close_session(session).await,
        };
        if let Err(error) = closed {
            tracing::debug!(%error, "it was over already");
        }
    }

    /// Things stand otherwise now.
    fn settle(&mut self, stage: Stage) {
        self.stage = stage;
        if !matches!(self.stage, Stage::Open { .. }) {
            self.keys.clear();
            self.release_all();
        }
        self.tell_desktop();
    }

    fn turn(&mut self, action: Action, pressed: bool) {
        let changed =
            if pressed { !self.recording && self.held.insert(action) } else { self.held.remove(&action) };
        if changed {
            self.tell_action(action, pressed, Cause::Key);
        }
    }

    fn release_all(&mut self) {
        for action in std::mem::take(&mut self.held) {
            self.tell_action(action, false, Cause::Resync);
        }
    }

    fn tell_action(&mut self, action: Action, pressed: bool, cause: Cause) {
        self.tell(HotkeyEvent::Action { action, pressed, cause });
    }

    fn tell_desktop(&mut self) {
        let state = match (&self.portal, &self.stage) {
            (None, _) => Assignment::Unavailable,
            (Some(_), Stage::Idle) => Assignment::Offered,
            (Some(_), Stage::Opening { .. } | Stage::Asking { .. }) => Assignment::Asking,
            (Some(_), Stage::Open { .. }) => Assignment::Assigned,
            (Some(_), Stage::Refused) => Assignment::Refused,
        };
        let changeable = self.portal.as_ref().is_some_and(|(_, version)| *version >= CONFIGURES);
        let keys = self.keys.clone();
        self.tell(HotkeyEvent::Desktop(DesktopKeys { state, keys, changeable }));
    }

    fn tell(&mut self, event: HotkeyEvent) {
        if let Some(listener) = &mut self.listener {
            listener(event);
        }
    }
}

/// What the desktop calls the keys of our actions.
fn named(keys: Vec<(String, String)>) -> Vec<(Action, String)> {
    keys.into_iter().filter_map(|(id, keys)| Some((action(&id)?, keys))).collect()
}
