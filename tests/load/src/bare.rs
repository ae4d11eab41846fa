//! A shard without sockets: what forwarding costs in user space alone, for comparison with the
//! whole.

use std::net::SocketAddr;
use std::time::{Duration, Instant};
use voicehall_protocol::ids::{ChannelId, VoiceSessionId};
use voicehall_protocol::rtp::{SourceId, SourceKind};
use voicehall_protocol::ticket::SessionBits;
use voicehall_protocol::voice::Fingerprint;
use voicehall_sfu::{DATAGRAM_BYTES_MAX, Event, Open, Outbox, Shard, ShardConfig, fingerprint_of};
use voicehall_test_peer::{Peer, PeerConfig, State};

const FRAME: Duration = Duration::from_millis(20);

struct Said {
    buffer: [u8; DATAGRAM_BYTES_MAX],
    keep: bool,
    sent: Vec<(SocketAddr, Vec<u8>)>,
}

impl Outbox for Said {
    fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    fn send(&mut self, to: SocketAddr, len: usize) {
        if self.keep {
            self.sent.push((to, self.buffer[..len].to_vec()));
        }
    }

    fn event(&mut self, _event: Event) {}
}

fn address(peer: usize) -> SocketAddr {
    ([192, 0, 2, 1], 1000 + peer as u16).into()
}

/// Mean time of the shard for each packet forwarded from one speaker to so many listeners.
///
/// # Panics
/// When a session does not open, which a test cannot go on from.
pub fn forward_time(listeners: usize, packets: u32, payload: &[u8]) -> Duration {
    let mut now = Instant::now();
    let (certificate, fingerprint) = voicehall_test_peer::certificate();
    let node_fingerprint = Fingerprint(fingerprint_of(&certificate.certificate));
    let mut shard = Shard::new(ShardConfig::new(certificate.clone()), now, [3; 32]);
    let mut said = Said { buffer: [0; DATAGRAM_BYTES_MAX], keep: true, sent: Vec::new() };
    let mut peers = Vec::new();
    for number in 0..=listeners {
        let open = Open {
            session: VoiceSessionId(number as u64),
            channel: ChannelId(1),
            source: SourceId::new(1 + number as u32, SourceKind::Microphone),
            bits: SessionBits::SPEAK,
            fingerprint,
            prime: false,
        };
        let credentials = shard.open(open, now).expect("there is room");
        let config = PeerConfig {
            ufrag: credentials.ufrag,
            password: credentials.password,
            node_fingerprint,
            certificate: certificate.clone(),
            ssrc: 1,
            sequence: 1,
        };
        peers.push(Peer::new(config, now));
    }
    while peers.iter().any(|peer| peer.state() != State::Connected) {
        now += Duration::from_millis(10);
        for (number, peer) in peers.iter_mut().enumerate() {
            peer.handle_timeout(now);
            while let Some(mut datagram) = peer.poll_datagram() {
                shard.handle_datagram(address(number), &mut datagram, now, &mut said);
            }
        }
        for (to, datagram) in said.sent.drain(..) {
            peers[usize::from(to.port() - 1000)].handle_datagram(&datagram, now);
        }
    }
    said.keep = false;
    let before = shard.stats().voice_forwarded;
    let mut spent = Duration::ZERO;
    for _ in 0..packets {
        now += FRAME;
        peers[0].send_voice(payload, 30, now);
        while let Some(mut datagram) = peers[0].poll_datagram() {
            let start = Instant::now();
            shard.handle_datagram(address(0), &mut datagram, now, &mut said);
            spent += start.elapsed();
        }
    }
    let forwarded = (shard.stats().voice_forwarded - before).max(1);
    spent.div_f64(forwarded as f64)
}
