//! The voice node: the shards of `voicehall-sfu`, each with a thread and a UDP port of its own.
//!
//! - this file: the door; joins, commands and events;
//! - [`admission`]: which ticket may open a session, and where each session lives;
//! - [`shard_thread`]: one shard's event loop;
//! - [`video`]: what sessions' control sockets and their shards say to each other;
//! - [`attached`]: those sockets, as the shard's thread knows them;
//! - [`batch`]: its datagrams on their way out;
//! - [`socket`]: its UDP socket.
//!
//! Wall-clock and monotonic time are read here and nowhere below.

mod admission;
mod attached;
mod batch;
mod shard_thread;
mod socket;
mod video;

pub use video::{Next as VideoNext, VideoControl};

use admission::Admission;
use shard_thread::{Command, ShardThread};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};
use voicehall_protocol::ids::{ChannelId, UserId, VoiceSessionId};
use voicehall_protocol::rtp::SourceId;
use voicehall_protocol::ticket::{SessionBits, TicketError, TicketKey};
use voicehall_protocol::voice::{EndReason, Fingerprint, JoinAnswer, JoinRequest};
use voicehall_sfu::{Open, OpenError, SessionStats, ShardConfig, ShardStats};

/// How a voice node is set up.
#[derive(Debug, Clone)]
pub struct VoiceConfig {
    /// The address to bind; unspecified for all of the machine's.
    pub bind: IpAddr,
    /// UDP port of the first shard; the others follow. 0 lets the system choose each.
    pub port_first: u16,
    /// How many shards; at least 1.
    pub shards: usize,
    /// The addresses that clients are told, best first. Empty for the bound address, or, when
    /// that is unspecified, the machine's own and loopback.
    pub advertise: Vec<IpAddr>,
    /// This node's number in tickets.
    pub node: u16,
    /// The placement epoch in tickets.
    pub epoch: u32,
    /// What tickets are signed with.
    pub key: TicketKey,
}

/// What happens at a voice node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoiceEvent {
    /// A ticket was accepted; media is not there yet.
    Opened {
        /// The session.
        session: VoiceSessionId,
        /// Whose it is.
        user: UserId,
        /// Where.
        channel: ChannelId,
        /// Its microphone.
        source: SourceId,
    },
    /// Its handshake is done.
    Connected {
        /// The session.
        session: VoiceSessionId,
    },
    /// It says that it sends a camera or a screen, or no longer does.
    Video {
        /// The session.
        session: VoiceSessionId,
        /// A camera is on.
        camera: bool,
        /// A screen is shared.
        screen: bool,
    },
    /// It is over. Sent once for every `Opened`.
    Closed {
        /// The session.
        session: VoiceSessionId,
        /// Why.
        reason: EndReason,
    },
}

/// Why a join is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The ticket itself.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// The ticket was used before.
    #[error("the ticket was used before")]
    Used,
    /// The ticket is for another node or another placement of the channel.
    #[error("the ticket is for another voice node")]
    Foreign,
    /// No room: too many sessions, or too many that have not connected.
    #[error("the voice node is full")]
    Full,
    /// The node is shutting down.
    #[error("the voice node is stopping")]
    Stopping,
}

/// A running voice node; a handle that is cheap to clone.
#[derive(Clone)]
pub struct VoiceNode(Arc<Inner>);

struct Inner {
    config: VoiceConfig,
    fingerprint: Fingerprint,
    shards: Vec<ShardThread>,
    admission: Arc<Mutex<Admission>>,
}

impl VoiceNode {
    /// Binds the ports and starts the threads. Needs no runtime.
    ///
    /// # Errors
    /// When a port cannot be bound or a thread not started.
    pub fn start(config: VoiceConfig) -> io::Result<(Self, mpsc::UnboundedReceiver<VoiceEvent>)> {
        let certificate = dimpl::certificate::generate_self_signed_certificate().map_err(io::Error::other)?;
        let fingerprint = Fingerprint(voicehall_sfu::fingerprint_of(&certificate.certificate));
        // Unbounded, but three events a session and what the limit on its video lets through, and
        // sessions are bounded: a shard must neither block on a slow consumer nor lose the end of a
        // session.
        let (events, receiver) = mpsc::unbounded_channel();
        let admission = Arc::new(Mutex::new(Admission::default()));
        let mut shards = Vec::new();
        for number in 0..config.shards.max(1) {
            let port = match config.port_first {
                0 => 0,
                first => u16::try_from(usize::from(first) + number).map_err(io::Error::other)?,
            };
            let address = SocketAddr::new(config.bind, port);
            let shard = ShardConfig::new(certificate.clone());
            shards.push(ShardThread::start(number, address, shard, events.clone(), admission.clone())?);
        }
        Ok((Self(Arc::new(Inner { config, fingerprint, shards, admission })), receiver))
    }

    /// Opens the session that a ticket allows. Each ticket opens one session, once.
    ///
    /// # Errors
    /// See [`JoinError`].
    pub async fn join(&self, request: &JoinRequest) -> Result<JoinAnswer, JoinError> {
        let inner = &*self.0;
        let now_s = unix_s();
        let ticket = inner.config.key.open(&request.ticket, now_s)?;
        if ticket.node != inner.config.node || ticket.epoch != inner.config.epoch {
            return Err(JoinError::Foreign);
        }
        let shard_number = shard_of(ticket.channel, inner.shards.len());
        let shard = &inner.shards[shard_number];
        let source = inner.lock().admit(&ticket, shard_number, now_s)?;
        let open = Open {
            session: ticket.session,
            channel: ticket.channel,
            source,
            bits: ticket.bits,
            fingerprint: request.fingerprint,
            prime: request.prime,
        };
        let (reply, answer) = oneshot::channel();
        shard.send(Command::Open { open, user: ticket.user, reply });
        let credentials = match answer.await {
            Ok(Ok(credentials)) => credentials,
            Ok(Err(OpenError::Full)) => {
                inner.lock().forget(ticket.session);
                return Err(JoinError::Full);
            }
            Ok(Err(OpenError::Exists)) => return Err(JoinError::Used),
            Err(_) => return Err(JoinError::Stopping),
        };
        inner.lock().name(ticket.session, &credentials);
        Ok(JoinAnswer {
            addresses: inner.advertised(shard.address()),
            ufrag: credentials.ufrag,
            password: credentials.password,
            fingerprint: inner.fingerprint,
            source,
        })
    }

    /// Changes what a session may do; takes effect on its next packet.
    pub fn update(&self, session: VoiceSessionId, bits: SessionBits) {
        self.send(session, Command::Update { session, bits });
    }

    /// Ends a session.
    pub fn close(&self, session: VoiceSessionId, reason: EndReason) {
        self.send(session, Command::Close { session, reason });
    }

    /// A session's control of its video, for whoever knows its credentials; `None` for anybody else.
    pub fn video(&self, ufrag: &str, password: &str) -> Option<VideoControl> {
        let session = self.0.lock().authenticate(ufrag, password)?;
        Some(VideoControl::attach(self.clone(), session))
    }

    /// Each shard's counters, for metrics.
    pub async fn stats(&self) -> Vec<ShardStats> {
        let mut stats = Vec::with_capacity(self.0.shards.len());
        for shard in &self.0.shards {
            let (reply, answer) = oneshot::channel();
            shard.send(Command::ShardStats { reply });
            stats.push(answer.await.unwrap_or_default());
        }
        stats
    }

    /// One session's counters; `None` when it is over.
    pub async fn session_stats(&self, session: VoiceSessionId) -> Option<SessionStats> {
        let (reply, answer) = oneshot::channel();
        self.send(session, Command::SessionStats { session, reply });
        answer.await.ok().flatten()
    }

    /// Ends all sessions with [`EndReason::NodeStopping`] and waits for the threads.
    pub async fn stop(&self) {
        self.0.lock().stop();
        for shard in &self.0.shards {
            shard.send(Command::Stop);
        }
        let inner = self.0.clone();
        let joined = tokio::task::spawn_blocking(move || inner.shards.iter().for_each(ShardThread::join));
        if joined.await.is_err() {
            tracing::error!("waiting for a voice shard failed");
        }
    }

    /// Where each shard listens.
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.0.shards.iter().map(ShardThread::address).collect()
    }

    /// False when the session or its shard is over, which is no error: the end and this command crossed.
    fn send(&self, session: VoiceSessionId, command: Command) -> bool {
        let shard = self.0.lock().shard_of(session);
        shard.is_some_and(|shard| self.0.shards[shard].send(command))
    }
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, Admission> {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advertised(&self, bound: SocketAddr) -> Vec<SocketAddr> {
        let addresses = match &self.config.advertise[..] {
            [] if bound.ip().is_unspecified() => socket::local_addresses(bound.is_ipv6()),
            [] => vec![bound.ip()],
            advertise => advertise.to_vec(),
        };
        addresses.into_iter().map(|ip| SocketAddr::new(ip, bound.port())).collect()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for shard in &self.shards {
            shard.send(Command::Stop);
        }
    }
}

/// A channel lives on one shard. The multiplier spreads consecutive ids (Fibonacci hashing).
fn shard_of(channel: ChannelId, shards: usize) -> usize {
    (channel.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % shards
}

fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
