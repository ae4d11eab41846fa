//! A voice node and its clients in one process. One thread drives all clients.

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use voicehall_protocol::ids::{ChannelId, UserId, VoiceSessionId};
use voicehall_protocol::ticket::{SessionBits, Ticket, TicketKey};
use voicehall_protocol::voice::{Fingerprint, JoinAnswer, JoinRequest};
use voicehall_server::voice::{JoinError, VoiceConfig, VoiceEvent, VoiceNode};
use voicehall_sfu::DATAGRAM_BYTES_MAX;
use voicehall_test_peer::{Peer, PeerConfig, State};

const KEY: TicketKey = TicketKey::new([5; 32]);
const NODE: u16 = 1;
const EPOCH: u32 = 1;
const CHANNEL: ChannelId = ChannelId(1);

/// Between two looks at the clients' timers.
const TIMER_STEP: Duration = Duration::from_millis(10);

/// A node and its clients.
pub struct Rig {
    /// The node.
    pub node: VoiceNode,
    /// What it says; unbounded, so it need not be read.
    pub events: UnboundedReceiver<VoiceEvent>,
    /// The clients.
    pub peers: Vec<Peer>,
    /// Each client's socket.
    pub sockets: Vec<UdpSocket>,
    /// Where the node listens.
    pub address: SocketAddr,
    runtime: Runtime,
    poll: Poll,
    ready: Events,
    certificate: (voicehall_test_peer::DtlsCertificate, Fingerprint),
    next_session: u64,
    timers_at: Instant,
}

/// Some clients were not connected in time.
#[derive(Debug)]
pub struct JoinFailed {
    /// How many.
    pub missing: usize,
}

impl Rig {
    /// A node with one shard and nobody in it.
    ///
    /// # Errors
    /// When the system has no socket or thread left.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (node, events) = VoiceNode::start(VoiceConfig {
            bind: Ipv4Addr::LOCALHOST.into(),
            port_first: 0,
            shards: 1,
            advertise: Vec::new(),
            node: NODE,
            epoch: EPOCH,
            key: KEY,
        })?;
        let address = node.local_addresses()[0];
        Ok(Self {
            node,
            events,
            peers: Vec::new(),
            sockets: Vec::new(),
            address,
            runtime,
            poll: Poll::new()?,
            ready: Events::with_capacity(1024),
            certificate: voicehall_test_peer::certificate(),
            next_session: 1,
            timers_at: Instant::now(),
        })
    }

    /// Runs something of the node's.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Joins with a fresh ticket; no client is made for it.
    ///
    /// # Errors
    /// The node's.
    pub fn join(&mut self) -> Result<JoinAnswer, JoinError> {
        let session = VoiceSessionId(self.next_session);
        self.next_session += 1;
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let ticket = KEY.seal(&Ticket {
            node: NODE,
            epoch: EPOCH,
            user: UserId(session.0),
            session,
            channel: CHANNEL,
            bits: SessionBits::SPEAK,
            expires_s: now_s as u32 + 30,
        });
        let request = JoinRequest { ticket, fingerprint: self.certificate.1, prime: false };
        self.wait(self.node.join(&request))
    }

    /// What a client would be made of after this answer.
    pub fn peer_config(&self, answer: &JoinAnswer) -> PeerConfig {
        PeerConfig {
            ufrag: answer.ufrag.clone(),
            password: answer.password.clone(),
            node_fingerprint: answer.fingerprint,
            certificate: self.certificate.0.clone(),
            ssrc: answer.source.0,
            sequence: 1,
        }
    }

    /// Adds clients and waits until they are connected.
    ///
    /// # Errors
    /// When they are not within half a minute, or the node or the system refuses.
    pub fn add(&mut self, peers: usize) -> Result<(), Box<dyn std::error::Error>> {
        for _ in 0..peers {
            let answer = self.join()?;
            let mut socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0).into())?;
            socket.connect(self.address)?;
            self.poll.registry().register(&mut socket, Token(self.sockets.len()), Interest::READABLE)?;
            let config = self.peer_config(&answer);
            self.sockets.push(socket);
            self.peers.push(Peer::new(config, Instant::now()));
        }
        let connected = |rig: &mut Self| rig.peers.iter().all(|peer| peer.state() == State::Connected);
        if self.run_until(Duration::from_secs(30), connected)? {
            return Ok(());
        }
        let missing = self.peers.iter().filter(|peer| peer.state() != State::Connected).count();
        Err(Box::new(JoinFailed { missing }))
    }

    /// Carries datagrams for this long.
    ///
    /// # Errors
    /// When the system cannot wait for sockets.
    pub fn run(&mut self, duration: Duration) -> io::Result<()> {
        self.run_until(duration, |_| false).map(|_| ())
    }

    /// Carries datagrams until the condition holds, at most this long; whether it did.
    ///
    /// # Errors
    /// When the system cannot wait for sockets.
    pub fn run_until(
        &mut self,
        at_most: Duration,
        mut condition: impl FnMut(&mut Self) -> bool,
    ) -> io::Result<bool> {
        let end = Instant::now() + at_most;
        loop {
            self.send_and_time();
            if condition(self) {
                return Ok(true);
            }
            let now = Instant::now();
            if now >= end {
                return Ok(false);
            }
            let wait = self.timers_at.min(end).saturating_duration_since(now);
            match self.poll.poll(&mut self.ready, Some(wait)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => self.receive(),
            }
        }
    }

    fn receive(&mut self) {
        let mut datagram = [0; DATAGRAM_BYTES_MAX];
        for event in &self.ready {
            let Token(index) = event.token();
            loop {
                match self.sockets[index].recv(&mut datagram) {
                    Ok(len) => self.peers[index].handle_datagram(&datagram[..len], Instant::now()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // The answer to something sent to a port that is closed by now comes before
                    // what is queued. The poll tells of each datagram once: it must be read now.
                    Err(_) => {}
                }
            }
        }
    }

    /// Sends what the clients have, and lets them look at their clocks now and then.
    fn send_and_time(&mut self) {
        let now = Instant::now();
        if now >= self.timers_at {
            self.timers_at = now + TIMER_STEP;
            for peer in &mut self.peers {
                if peer.next_timeout().is_some_and(|at| at <= now) {
                    peer.handle_timeout(now);
                }
            }
        }
        for (peer, socket) in self.peers.iter_mut().zip(&self.sockets) {
            while let Some(datagram) = peer.poll_datagram() {
                // As on any network: what cannot be sent is lost.
                let _ = socket.send(&datagram);
            }
        }
    }
}

impl std::fmt::Display for JoinFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} clients did not connect", self.missing)
    }
}

impl std::error::Error for JoinFailed {}
