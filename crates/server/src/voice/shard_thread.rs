//! One shard's thread: receives, lets the shard decide, sends. Nothing here waits for anything
//! but the socket, a command or the shard's next timeout.

use super::VoiceEvent;
use super::admission::Admission;
use super::attached::Attached;
use super::batch::Batch;
use super::socket;
use super::video::{Link, Sends, Told, Wish};
use mio::{Events, Interest, Poll, Token, Waker};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use voicehall_protocol::ids::{UserId, VoiceSessionId};
use voicehall_protocol::ticket::SessionBits;
use voicehall_protocol::video::ErrorCode;
use voicehall_protocol::voice::EndReason;
use voicehall_sfu::{
    Credentials, DATAGRAM_BYTES_MAX, Demand, Event, Open, OpenError, Outbox, SessionStats, Shard,
    ShardConfig, ShardStats, Watchers,
};

const SOCKET: Token = Token(0);
const COMMAND: Token = Token(1);

/// Datagrams handled before commands and timers get their turn: a flood must not starve them.
const DATAGRAMS_PER_TURN: usize = 256;

/// What a shard can be told.
pub(super) enum Command {
    Open {
        open: Open,
        user: UserId,
        reply: oneshot::Sender<Result<Credentials, OpenError>>,
    },
    Update {
        session: VoiceSessionId,
        bits: SessionBits,
    },
    Close {
        session: VoiceSessionId,
        reason: EndReason,
    },
    /// The session's control socket opened.
    AttachVideo {
        session: VoiceSessionId,
        link: Arc<Link>,
    },
    /// Its client said something that waits in the link.
    HearVideo {
        session: VoiceSessionId,
        link: Arc<Link>,
    },
    /// It closed.
    DetachVideo {
        session: VoiceSessionId,
        link: Arc<Link>,
    },
    ShardStats {
        reply: oneshot::Sender<ShardStats>,
    },
    SessionStats {
        session: VoiceSessionId,
        reply: oneshot::Sender<Option<SessionStats>>,
    },
    Stop,
}

/// The handle of a running shard.
pub(super) struct ShardThread {
    address: SocketAddr,
    commands: mpsc::Sender<Command>,
    waker: Waker,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ShardThread {
    pub fn start(
        number: usize,
        address: SocketAddr,
        config: ShardConfig,
        events: UnboundedSender<VoiceEvent>,
        admission: Arc<Mutex<Admission>>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut socket = socket::bind(address)?;
        let address = socket.local_addr()?;
        poll.registry().register(&mut socket, SOCKET, Interest::READABLE)?;
        let waker = Waker::new(poll.registry(), COMMAND)?;
        let (sender, commands) = mpsc::channel();
        let shard = Shard::new(config, Instant::now(), rand::random());
        let outbox =
            SocketOutbox { batch: Batch::new(socket), events, admission, attached: Attached::default() };
        let event_loop = EventLoop { shard, outbox, commands };
        let thread = std::thread::Builder::new()
            .name(format!("voice-shard-{number}"))
            .spawn(move || event_loop.run(poll, number))?;
        Ok(Self { address, commands: sender, waker, thread: Mutex::new(Some(thread)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a command. To a shard that has stopped it goes nowhere, and the answer is false:
    /// replies are dropped, which their receivers see.
    pub fn send(&self, command: Command) -> bool {
        let sent = self.commands.send(command).is_ok();
        if sent && let Err(error) = self.waker.wake() {
            tracing::error!(%error, "cannot wake a voice shard");
        }
        sent
    }

    /// Waits for the thread's end.
    pub fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a voice shard panicked");
        }
    }
}

struct EventLoop {
    shard: Shard,
    outbox: SocketOutbox,
    commands: mpsc::Receiver<Command>,
}

impl EventLoop {
    fn run(mut self, mut poll: Poll, number: usize) {
        let mut events = Events::with_capacity(8);
        // The socket reports an edge: it stays readable until it has been read empty.
        let mut readable = true;
        loop {
            let wait = if readable {
                Some(std::time::Duration::ZERO)
            } else {
                self.shard.next_timeout().map(|at| at.saturating_duration_since(Instant::now()))
            };
            match poll.poll(&mut events, wait) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::error!(%error, shard = number, "a voice shard cannot wait for its socket");
                    break;
                }
            }
            readable |= events.iter().any(|event| event.token() == SOCKET);
            if !self.handle_commands() {
                break;
            }
            if readable {
                readable = self.receive();
            }
            self.shard.handle_timeout(Instant::now(), &mut self.outbox);
            self.outbox.batch.flush();
            self.tell_video();
        }
        self.shard.close_all(EndReason::NodeStopping, &mut self.outbox);
        self.outbox.batch.flush();
    }

    /// Returns whether the socket may have more.
    fn receive(&mut self) -> bool {
        let mut datagram = [0; DATAGRAM_BYTES_MAX];
        for _ in 0..DATAGRAMS_PER_TURN {
            match self.outbox.batch.receive(&mut datagram) {
                Ok((len, from)) => {
                    let now = Instant::now();
                    self.shard.handle_datagram(from, &mut datagram[..len], now, &mut self.outbox);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // The answer to something sent to a port that is closed by now, or the like: it
                // says nothing about the next datagram.
                Err(_) => {}
            }
        }
        true
    }

    /// Returns whether the shard goes on.
    fn handle_commands(&mut self) -> bool {
        loop {
            let command = match self.commands.try_recv() {
                Ok(command) => command,
                Err(mpsc::TryRecvError::Empty) => return true,
                Err(mpsc::TryRecvError::Disconnected) => return false,
            };
            match command {
                Command::Open { open, user, reply } => self.open(open, user, reply),
                Command::Update { session, bits } => self.shard.update(session, bits),
                Command::Close { session, reason } => {
                    self.shard.close(session, reason, &mut self.outbox);
                }
                Command::AttachVideo { session, link } => self.attach_video(session, link),
                Command::HearVideo { session, link } => {
                    let wish = self.outbox.attached.hear(session, &link);
                    self.set_video(session, wish);
                }
                Command::DetachVideo { session, link } => self.detach_video(session, &link),
                Command::ShardStats { reply } => {
                    let mut stats = self.shard.stats();
                    stats.dropped_send = self.outbox.batch.dropped();
                    // Whoever asked may have gone.
                    let _ = reply.send(stats);
                }
                Command::SessionStats { session, reply } => {
                    let _ = reply.send(self.shard.session_stats(session));
                }
                Command::Stop => return false,
            }
        }
    }

    fn open(&mut self, open: Open, user: UserId, reply: oneshot::Sender<Result<Credentials, OpenError>>) {
        let opened = self.shard.open(open, Instant::now());
        if opened.is_ok() {
            self.outbox.emit(VoiceEvent::Opened {
                session: open.session,
                user,
                channel: open.channel,
                source: open.source,
            });
        }
        // If the join was given up meanwhile, the session times out like any that never connects.
        let _ = reply.send(opened);
    }
}

/// Who sends and sees which video.
impl EventLoop {
    fn attach_video(&mut self, session: VoiceSessionId, link: Arc<Link>) {
        if self.shard.session_stats(session).is_none() {
            return link.end(ErrorCode::SessionEnded);
        }
        link.tell(Told {
            demand: Some(self.shard.demand(session)).filter(|demand| *demand != Demand::default()),
            slots: Some(self.shard.slots(session)).filter(|slots| !slots.is_empty()),
            watchers: Some(self.shard.watchers(session)).filter(|watchers| *watchers != Watchers::default()),
        });
        self.outbox.attached.attach(session, link);
    }

    fn set_video(&mut self, session: VoiceSessionId, wish: Wish) {
        let Self { shard, outbox, .. } = self;
        let now = Instant::now();
        if let Some(Sends { camera, screen }) = wish.send {
            let sends = (camera.is_some(), screen.is_some());
            shard.set_send(session, camera.as_ref(), screen.as_ref(), now, outbox);
            if outbox.attached.set_sends(session, sends) {
                outbox.emit(VoiceEvent::Video { session, camera: sends.0, screen: sends.1 });
                // Of what is no longer sent, the shard has nothing more to say.
                outbox.attached.note(Event::Demand { session });
                outbox.attached.note(Event::Watchers { session });
            }
        }
        if let Some(views) = wish.views {
            shard.set_views(session, &views, now, outbox);
        }
    }

    fn detach_video(&mut self, session: VoiceSessionId, link: &Arc<Link>) {
        // Before the socket is forgotten, so that the guild hears of it too.
        if self.outbox.attached.is_last(session, link) {
            self.set_video(session, Wish::nothing());
            self.outbox.attached.detach(session);
        }
    }

    /// Tells clients what changed for them in this turn.
    fn tell_video(&mut self) {
        while let Some((session, changed)) = self.outbox.attached.next_changed() {
            // What was wanted before there was anywhere to send it.
            if changed.connected
                && let Some(views) = self.outbox.attached.views(session)
            {
                self.shard.set_views(session, &views, Instant::now(), &mut self.outbox);
            }
            let shard = &self.shard;
            let news = Told {
                demand: changed.demand.then(|| shard.demand(session)),
                slots: changed.slots.then(|| shard.slots(session)),
                watchers: changed.watchers.then(|| shard.watchers(session)),
            };
            self.outbox.attached.tell(session, news);
        }
    }
}

/// Sends what the shard makes of a turn.
struct SocketOutbox {
    batch: Batch,
    events: UnboundedSender<VoiceEvent>,
    admission: Arc<Mutex<Admission>>,
    attached: Attached,
}

impl SocketOutbox {
    fn emit(&self, event: VoiceEvent) {
        // Nobody listens any more when the server is on its way out.
        let _ = self.events.send(event);
    }
}

impl Outbox for SocketOutbox {
    fn buffer(&mut self) -> &mut [u8] {
        self.batch.buffer()
    }

    fn send(&mut self, to: SocketAddr, len: usize) {
        self.batch.push(to, len);
    }

    fn event(&mut self, event: Event) {
        self.attached.note(event);
        self.emit(match event {
            Event::Connected { session } => VoiceEvent::Connected { session },
            Event::Closed { session, reason } => {
                self.admission.lock().unwrap_or_else(PoisonError::into_inner).close(session);
                VoiceEvent::Closed { session, reason }
            }
            // For the client alone.
            Event::Demand { .. } | Event::Slots { .. } | Event::Watchers { .. } => return,
        });
    }
}
