//! A call in virtual time: one shard and any number of peers on a perfect network.

#![allow(dead_code, reason = "each test binary uses its part")]

pub mod camera;

use dimpl::DtlsCertificate;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use voicehall_protocol::ids::{ChannelId, VoiceSessionId};
use voicehall_protocol::rtp::{SourceId, SourceKind};
use voicehall_protocol::ticket::SessionBits;
use voicehall_protocol::voice::Fingerprint;
use voicehall_sfu::{DATAGRAM_BYTES_MAX, Event, Open, Outbox, Shard, ShardConfig};
use voicehall_test_peer::{Peer, PeerConfig, State};

/// Making certificates is slow; who has which does not matter here.
static CERTIFICATES: LazyLock<[(DtlsCertificate, Fingerprint); 2]> =
    LazyLock::new(|| [voicehall_test_peer::certificate(), voicehall_test_peer::certificate()]);

pub const FRAME: Duration = Duration::from_millis(20);
pub const CHANNEL: ChannelId = ChannelId(1);

/// Everything that a shard says.
pub struct Said {
    buffer: [u8; DATAGRAM_BYTES_MAX],
    pub datagrams: Vec<(SocketAddr, Vec<u8>)>,
    pub events: Vec<Event>,
}

impl Default for Said {
    fn default() -> Self {
        Self { buffer: [0; DATAGRAM_BYTES_MAX], datagrams: Vec::new(), events: Vec::new() }
    }
}

impl Outbox for Said {
    fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    fn send(&mut self, to: SocketAddr, len: usize) {
        self.datagrams.push((to, self.buffer[..len].to_vec()));
    }

    fn event(&mut self, event: Event) {
        self.events.push(event);
    }
}

pub struct Call {
    pub shard: Shard,
    pub now: Instant,
    pub said: Said,
    pub peers: Vec<Peer>,
    addresses: HashMap<SocketAddr, usize>,
    /// Every datagram that each peer received, as it was on the wire.
    pub wire: Vec<Vec<Vec<u8>>>,
}

pub fn session(peer: usize) -> VoiceSessionId {
    VoiceSessionId(1000 + peer as u64)
}

pub fn source(peer: usize) -> SourceId {
    SourceId::new(1 + peer as u32, SourceKind::Microphone)
}

pub fn address(peer: usize) -> SocketAddr {
    // Each has an IP address of its own.
    ([198, 51, (peer / 250) as u8, (peer % 250) as u8], 20_000 + peer as u16).into()
}

pub fn config() -> ShardConfig {
    ShardConfig::new(CERTIFICATES[0].0.clone())
}

impl Call {
    pub fn new() -> Self {
        Self::with(config())
    }

    pub fn with(config: ShardConfig) -> Self {
        let now = Instant::now();
        Self {
            shard: Shard::new(config, now, [7; 32]),
            now,
            said: Said::default(),
            peers: Vec::new(),
            addresses: HashMap::new(),
            wire: Vec::new(),
        }
    }

    /// Opens a session and makes its peer, which is then still to connect.
    pub fn invite(&mut self, channel: ChannelId, bits: SessionBits) -> usize {
        self.invite_with(channel, bits, CERTIFICATES[1].1)
    }

    pub fn invite_with(&mut self, channel: ChannelId, bits: SessionBits, fingerprint: Fingerprint) -> usize {
        let peer = self.peers.len();
        self.open(Open {
            session: session(peer),
            channel,
            source: source(peer),
            bits,
            fingerprint,
            prime: false,
        })
    }

    /// Opens the session of a browser, which asks for a moment of silence.
    pub fn invite_browser(&mut self) -> usize {
        let peer = self.peers.len();
        self.open(Open {
            session: session(peer),
            channel: CHANNEL,
            source: source(peer),
            bits: SessionBits::SPEAK,
            fingerprint: CERTIFICATES[1].1,
            prime: true,
        })
    }

    fn open(&mut self, open: Open) -> usize {
        let peer = self.peers.len();
        let credentials = self.shard.open(open, self.now).expect("there is room");
        let config = PeerConfig {
            ufrag: credentials.ufrag,
            password: credentials.password,
            node_fingerprint: CERTIFICATES[0].1,
            certificate: CERTIFICATES[1].0.clone(),
            ssrc: 0xabcd_0000 + peer as u32,
            // Near a rollover.
            sequence: 65_500 - peer as u16,
        };
        self.peers.push(Peer::new(config, self.now));
        self.wire.push(Vec::new());
        self.addresses.insert(address(peer), peer);
        peer
    }

    /// A call of this many who may all speak.
    pub fn of(peers: usize) -> Self {
        let mut call = Self::new();
        for _ in 0..peers {
            call.invite(CHANNEL, SessionBits::SPEAK);
        }
        call.connect();
        call
    }

    /// Runs until all peers are connected.
    pub fn connect(&mut self) {
        for _ in 0..200 {
            if self.peers.iter().all(|peer| peer.state() == State::Connected) {
                return;
            }
            self.run(Duration::from_millis(10));
        }
        panic!("not connected after two seconds");
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.settle();
            let timeouts = self.peers.iter().filter_map(Peer::next_timeout);
            let next = timeouts.chain(self.shard.next_timeout()).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            self.shard.handle_timeout(self.now, &mut self.said);
            for peer in &mut self.peers {
                peer.handle_timeout(self.now);
            }
        }
    }

    /// Carries datagrams until nobody has any more.
    pub fn settle(&mut self) {
        loop {
            let mut moved = false;
            for (index, peer) in self.peers.iter_mut().enumerate() {
                while let Some(mut datagram) = peer.poll_datagram() {
                    moved = true;
                    self.shard.handle_datagram(address(index), &mut datagram, self.now, &mut self.said);
                }
            }
            for (to, datagram) in std::mem::take(&mut self.said.datagrams) {
                moved = true;
                if let Some(index) = self.addresses.get(&to) {
                    self.peers[*index].handle_datagram(&datagram, self.now);
                    self.wire[*index].push(datagram);
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// Puts a datagram before the shard, as if it came from a peer.
    pub fn inject(&mut self, from: SocketAddr, datagram: &[u8]) {
        self.shard.handle_datagram(from, &mut datagram.to_vec(), self.now, &mut self.said);
        self.settle();
    }

    /// A frame from each speaker, and the time that it takes.
    pub fn speak(&mut self, speakers: &[(usize, u8)]) {
        for (speaker, level) in speakers {
            let payload = payload(*speaker);
            self.peers[*speaker].send_voice(&payload, *level, self.now);
        }
        self.run(FRAME);
    }

    /// What a peer heard since it was last asked.
    pub fn heard(&mut self, peer: usize) -> Vec<voicehall_test_peer::Voice> {
        std::iter::from_fn(|| self.peers[peer].poll_voice()).collect()
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.said.events)
    }
}

/// Something that tells who said it.
pub fn payload(speaker: usize) -> Vec<u8> {
    let mut payload = vec![0x78; 80];
    payload[1..9].copy_from_slice(&(speaker as u64).to_be_bytes());
    payload
}
