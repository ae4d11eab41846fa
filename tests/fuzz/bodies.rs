//! What the fuzz targets do with their bytes. `crates/sfu/tests/fuzz.rs` runs the same with
//! seeded bytes, so that it is exercised wherever the tests are.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use voicehall_protocol::ids::{ChannelId, VoiceSessionId};
use voicehall_protocol::rtp::{SourceId, SourceKind};
use voicehall_protocol::ticket::SessionBits;
use voicehall_protocol::voice::Fingerprint;
use voicehall_sfu::congestion::feedback;
use voicehall_sfu::rtp::RtpHeader;
use voicehall_sfu::srtp::{Profile, SessionKeys};
use voicehall_sfu::stun::{Message, Password};
use voicehall_sfu::{DATAGRAM_BYTES_MAX, Event, Open, Outbox, Shard, ShardConfig, fingerprint_of, rtcp};
use voicehall_test_peer::{Peer, PeerConfig, State};

/// Reads bytes as everything that a shard reads.
pub fn codecs(data: &[u8]) {
    if let Some(message) = Message::parse(data) {
        message.authenticates(&Password::new("password"));
    }
    let header = RtpHeader::parse(data);
    if let Some(header) = &header {
        assert!(header.len <= data.len());
        header.payload(data);
    }
    rtcp::read(data, |_| {});
    feedback::read(data, |_, _| {});
    let profiles =
        [(Profile::AeadAes256Gcm, 88), (Profile::AeadAes128Gcm, 56), (Profile::Aes128CmSha1_80, 60)];
    for (profile, material_len) in profiles {
        let keys = SessionKeys::from_dtls(profile, &[7; 88][..material_len]).expect("the length fits");
        let header_len = header.map_or(12, |header| header.len);
        // Nobody forges a tag by chance.
        assert!(keys.client.rtp.open_rtp(&mut data.to_vec(), header_len, 1).is_err());
        assert!(keys.client.rtcp.open_rtcp(&mut data.to_vec()).is_err());
    }
}

/// Feeds a shard datagrams: of each, two bytes of length, one of origin, and its content.
pub fn shard(mut data: &[u8]) {
    CALL.with_borrow_mut(|call| {
        let call = call.get_or_insert_with(Call::new);
        while let Some(([high, low, origin], rest)) = data.split_first_chunk::<3>() {
            let len = usize::from(u16::from_be_bytes([*high, *low])) % DATAGRAM_BYTES_MAX;
            let (datagram, rest) = rest.split_at(len.min(rest.len()));
            data = rest;
            call.now += Duration::from_millis(u64::from(*origin >> 4));
            call.shard.handle_datagram(address(origin % 4), &mut datagram.to_vec(), call.now, &mut call.said);
            assert!(call.said.sent.len() <= 16, "an answer, or the flight of a handshake");
            assert!(call.said.sent.iter().all(|(to, _)| *to != address(3)), "a stranger gets nothing");
            call.said.sent.clear();
        }
        call.assert_heard();
    });
}

thread_local! {
    /// Kept between runs: connecting takes longer than a run.
    static CALL: RefCell<Option<Call>> = const { RefCell::new(None) };
}

/// Two connected sessions, whose addresses are 0 and 1, and one that is connecting from 2.
struct Call {
    shard: Shard,
    peers: Vec<Peer>,
    said: Said,
    now: Instant,
}

struct Said {
    buffer: [u8; DATAGRAM_BYTES_MAX],
    sent: Vec<(SocketAddr, Vec<u8>)>,
}

impl Outbox for Said {
    fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    fn send(&mut self, to: SocketAddr, len: usize) {
        self.sent.push((to, self.buffer[..len].to_vec()));
    }

    fn event(&mut self, _event: Event) {}
}

fn address(peer: u8) -> SocketAddr {
    ([192, 0, 2, 1], 1000 + u16::from(peer)).into()
}

impl Call {
    fn new() -> Self {
        let now = Instant::now();
        let (certificate, fingerprint) = voicehall_test_peer::certificate();
        let mut config = ShardConfig::new(certificate.clone());
        // Nobody sends checks while the bytes are fed, however much time they let pass.
        config.consent_timeout = Duration::from_secs(1 << 30);
        let node_fingerprint = Fingerprint(fingerprint_of(&certificate.certificate));
        let said = Said { buffer: [0; DATAGRAM_BYTES_MAX], sent: Vec::new() };
        let mut call = Self { shard: Shard::new(config, now, [1; 32]), peers: Vec::new(), said, now };
        for number in 0..3 {
            let open = Open {
                session: VoiceSessionId(number),
                channel: ChannelId(1),
                source: SourceId::new(1 + number as u32, SourceKind::Microphone),
                bits: SessionBits::SPEAK,
                fingerprint,
                prime: false,
            };
            let credentials = call.shard.open(open, now).expect("there is room");
            call.peers.push(Peer::new(
                PeerConfig {
                    ufrag: credentials.ufrag,
                    password: credentials.password,
                    node_fingerprint,
                    certificate: certificate.clone(),
                    ssrc: number as u32,
                    sequence: 1,
                },
                now,
            ));
        }
        // The third sends its check and gets no further.
        call.peers[2].handle_timeout(now);
        let mut check = call.peers[2].poll_datagram().expect("a check");
        call.shard.handle_datagram(address(2), &mut check, now, &mut call.said);
        call.said.sent.clear();
        while call.peers[..2].iter().any(|peer| peer.state() != State::Connected) {
            call.now += Duration::from_millis(10);
            call.carry();
        }
        call.peers[0].send_voice(&[1; 40], 30, call.now);
        call.carry();
        call
    }

    fn carry(&mut self) {
        for number in 0..2u8 {
            let peer = &mut self.peers[usize::from(number)];
            peer.handle_timeout(self.now);
            while let Some(mut datagram) = peer.poll_datagram() {
                self.shard.handle_datagram(address(number), &mut datagram, self.now, &mut self.said);
            }
        }
        for (to, datagram) in std::mem::take(&mut self.said.sent) {
            if let Some(peer) = self.peers[..2].get_mut(usize::from(to.port() - 1000)) {
                peer.handle_datagram(&datagram, self.now);
            }
        }
    }

    /// The call goes on, and nothing that was fed was forwarded.
    fn assert_heard(&mut self) {
        self.now += Duration::from_secs(2);
        while self.peers[1].poll_voice().is_some() {}
        self.peers[0].send_voice(&[1; 40], 30, self.now);
        self.carry();
        assert!(self.peers[1].poll_voice().is_some());
        assert_eq!(self.peers[1].refused(), 0);
    }
}
