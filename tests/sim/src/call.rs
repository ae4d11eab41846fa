//! The driver: one shard, its clients, the network, and the clock.

use crate::client::{Client, Speech};
use crate::network::{Datagram, Network, Path, Random};
use crate::witness::Witness;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use voicehall_protocol::ids::{ChannelId, VoiceSessionId};
use voicehall_protocol::rtp::{SourceId, SourceKind};
use voicehall_protocol::ticket::SessionBits;
use voicehall_protocol::voice::Fingerprint;
use voicehall_sfu::{DATAGRAM_BYTES_MAX, Event, Open, Outbox, Shard, ShardConfig, fingerprint_of};
use voicehall_test_peer::{Peer, PeerConfig, State, certificate};

/// The clock's step.
const STEP: Duration = Duration::from_millis(1);

/// A frame of sound, in steps.
const FRAME_STEPS: u64 = 10;

/// One channel's call.
pub struct Call {
    /// The shard under test.
    pub shard: Shard,
    /// Everybody who joined, in that order.
    pub clients: Vec<Client>,
    /// What the shard said about sessions.
    pub events: Vec<Event>,
    /// What became of the promises about slots.
    pub witness: Witness,
    /// What happens to packets, in both directions.
    pub path: Path,
    network: Network,
    random: Random,
    node: SocketAddr,
    node_fingerprint: Fingerprint,
    start: Instant,
    steps: u64,
}

/// Collects what the shard sends in one call of it.
struct Collector<'a> {
    buffer: Box<[u8; DATAGRAM_BYTES_MAX]>,
    sent: Vec<(SocketAddr, Vec<u8>)>,
    events: &'a mut Vec<Event>,
}

impl Outbox for Collector<'_> {
    fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer[..]
    }

    fn send(&mut self, to: SocketAddr, len: usize) {
        self.sent.push((to, self.buffer[..len].to_vec()));
    }

    fn event(&mut self, event: Event) {
        self.events.push(event);
    }
}

impl Call {
    /// An empty channel on a fresh shard; everything random comes from `seed`.
    ///
    /// # Panics
    /// When the system gives no certificate.
    pub fn new(seed: u64, path: Path) -> Self {
        let mut random = Random::new(seed);
        let start = Instant::now();
        let (node_certificate, _) = certificate();
        let node_fingerprint = Fingerprint(fingerprint_of(&node_certificate.certificate));
        let shard_seed = std::array::from_fn(|_| random.bits() as u8);
        Self {
            shard: Shard::new(ShardConfig::new(node_certificate), start, shard_seed),
            clients: Vec::new(),
            events: Vec::new(),
            witness: Witness::default(),
            path,
            network: Network::new(random.bits()),
            random,
            node: "192.0.2.1:7600".parse().expect("an address"),
            node_fingerprint,
            start,
            steps: 0,
        }
    }

    /// Lets somebody join with these bits, and returns their number.
    ///
    /// # Panics
    /// When the shard is full.
    pub fn join(&mut self, bits: SessionBits) -> usize {
        let number = self.clients.len() as u32 + 1;
        let (own_certificate, fingerprint) = certificate();
        let session = VoiceSessionId(u64::from(number));
        let source = SourceId::new(number, SourceKind::Microphone);
        let now = self.now();
        let open = Open { session, channel: ChannelId(1), source, bits, fingerprint, prime: false };
        let credentials = self.shard.open(open, now).expect("a free place");
        let ssrc = 0x1000_0000 + number;
        let config = PeerConfig {
            ufrag: credentials.ufrag,
            password: credentials.password,
            node_fingerprint: self.node_fingerprint,
            certificate: own_certificate,
            ssrc,
            // The peer's own voice is not used: the engine counts.
            sequence: 0,
        };
        let address = SocketAddr::from(([198, 51, 100, number as u8], 5000));
        let peer = Peer::new(config, now);
        self.clients.push(Client::new(address, session, source, peer, ssrc, &mut self.random, now));
        self.clients.len() - 1
    }

    /// Lets somebody speak, from now on.
    pub fn speak(&mut self, client: usize, speech: Speech) {
        let from = self.time() + speech.from;
        self.clients[client].speech = Some(Speech { from, ..speech });
    }

    /// Time since the start of the call.
    pub fn time(&self) -> Duration {
        STEP * self.steps as u32
    }

    /// The virtual time of day.
    pub fn now(&self) -> Instant {
        self.start + self.time()
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        for _ in 0..duration.as_millis() / STEP.as_millis() {
            self.step();
        }
    }

    /// Lets time pass until everybody is connected.
    ///
    /// # Panics
    /// When that takes longer than a session may take to connect.
    pub fn connect(&mut self) {
        let late = self.time() + Duration::from_secs(15);
        while self.clients.iter().any(|client| client.peer.state() != State::Connected) {
            assert!(self.time() < late, "somebody never connected");
            self.step();
        }
    }

    fn step(&mut self) {
        self.steps += 1;
        let (now, time) = (self.now(), self.time());
        while let Some(datagram) = self.network.receive(now) {
            self.deliver(datagram, now);
        }
        if self.shard.next_timeout().is_some_and(|at| at <= now) {
            self.drive_shard(now, |shard, outbox| shard.handle_timeout(now, outbox));
        }
        for index in 0..self.clients.len() {
            let client = &mut self.clients[index];
            if client.vanished {
                continue;
            }
            // Nobody's sound card runs in step with another's.
            if (self.steps + index as u64).is_multiple_of(FRAME_STEPS) {
                client.tick(time, now);
            }
            if client.peer.next_timeout().is_some_and(|at| at <= now) {
                client.peer.handle_timeout(now);
            }
            while let Some(bytes) = client.peer.poll_datagram() {
                let datagram = Datagram { from: client.address, to: self.node, bytes };
                self.network.send(datagram, &self.path, now);
            }
        }
    }

    fn deliver(&mut self, mut datagram: Datagram, now: Instant) {
        if datagram.to == self.node {
            return self.drive_shard(now, |shard, outbox| {
                shard.handle_datagram(datagram.from, &mut datagram.bytes, now, outbox);
            });
        }
        let to = datagram.to;
        let Some(client) = self.clients.iter_mut().find(|client| client.address == to && !client.vanished)
        else {
            return;
        };
        client.peer.handle_datagram(&datagram.bytes, now);
        client.hear(now);
    }

    fn drive_shard(&mut self, now: Instant, act: impl FnOnce(&mut Shard, &mut dyn Outbox)) {
        let mut collector = Collector {
            buffer: Box::new([0; DATAGRAM_BYTES_MAX]),
            sent: Vec::new(),
            events: &mut self.events,
        };
        act(&mut self.shard, &mut collector);
        for (to, bytes) in collector.sent {
            self.witness.see(to, &bytes, &self.clients, now);
            self.network.send(Datagram { from: self.node, to, bytes }, &self.path, now);
        }
    }
}
