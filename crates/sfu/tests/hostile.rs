//! What others may send, and what it must not do: nothing is forwarded, nothing panics, nobody
//! unknown gets an answer, and the call goes on.

mod common;

use common::{CHANNEL, Call, address, session};
use proptest::prelude::*;
use std::time::Duration;
use voicehall_protocol::rtp::PT_OPUS;
use voicehall_protocol::ticket::SessionBits;
use voicehall_protocol::voice::{EndReason, Fingerprint};
use voicehall_sfu::{Event, OpenError, ShardStats};
use voicehall_test_peer::{Peer, Rtp, State};

/// What one step changed in the counters.
fn difference(call: &mut Call, step: impl FnOnce(&mut Call)) -> ShardStats {
    let before = call.shard.stats();
    step(call);
    let after = call.shard.stats();
    ShardStats {
        voice_forwarded: after.voice_forwarded - before.voice_forwarded,
        dropped_unknown: after.dropped_unknown - before.dropped_unknown,
        dropped_malformed: after.dropped_malformed - before.dropped_malformed,
        dropped_stun: after.dropped_stun - before.dropped_stun,
        dropped_forged: after.dropped_forged - before.dropped_forged,
        dropped_replayed: after.dropped_replayed - before.dropped_replayed,
        dropped_foreign_ssrc: after.dropped_foreign_ssrc - before.dropped_foreign_ssrc,
        dropped_payload: after.dropped_payload - before.dropped_payload,
        dropped_rate: after.dropped_rate - before.dropped_rate,
        ..ShardStats::default()
    }
}

fn counted(fill: impl FnOnce(&mut ShardStats)) -> ShardStats {
    let mut stats = ShardStats::default();
    fill(&mut stats);
    stats
}

/// A datagram that a peer would send now, taken from it.
fn sealed(peer: &mut Peer, rtp: &Rtp) -> Vec<u8> {
    peer.send_rtp(rtp).expect("it is connected");
    peer.poll_datagram().expect("it was queued")
}

fn rtp(index: u64) -> Rtp {
    Rtp {
        marker: false,
        payload_type: PT_OPUS,
        index,
        timestamp: index as u32 * 960,
        ssrc: 0xabcd_0000,
        csrcs: Vec::new(),
        level: Some(30),
        payload: vec![1; 60],
    }
}

#[test]
fn replayed_and_forged_voice_goes_nowhere() {
    let mut call = Call::of(2);
    let packet = sealed(&mut call.peers[0], &rtp(100));
    let stats = difference(&mut call, |call| call.inject(address(0), &packet));
    assert_eq!(stats, counted(|stats| stats.voice_forwarded = 1));
    let stats = difference(&mut call, |call| call.inject(address(0), &packet));
    assert_eq!(stats, counted(|stats| stats.dropped_replayed = 1));
    for at in [2, 13, 30, packet.len() - 1] {
        let mut forged = sealed(&mut call.peers[0], &rtp(200 + at as u64));
        forged[at] ^= 1;
        let stats = difference(&mut call, |call| call.inject(address(0), &forged));
        assert_eq!(stats, counted(|stats| stats.dropped_forged = 1), "byte {at}");
    }
    // Another session's packets from this address, and this session's from another address.
    let other = sealed(&mut call.peers[1], &rtp(300));
    let stats = difference(&mut call, |call| call.inject(address(0), &other));
    assert_eq!(stats, counted(|stats| stats.dropped_forged = 1));
    let own = sealed(&mut call.peers[0], &rtp(300));
    let stats = difference(&mut call, |call| call.inject(address(77), &own));
    assert_eq!(stats, counted(|stats| stats.dropped_unknown = 1));
    assert_eq!(call.heard(1).len(), 1);
}

#[test]
fn a_second_stream_is_dropped_and_the_first_goes_on() {
    let mut call = Call::of(2);
    call.speak(&[(0, 30)]);
    let foreign = sealed(&mut call.peers[0], &Rtp { ssrc: 5, ..rtp(1) });
    let stats = difference(&mut call, |call| call.inject(address(0), &foreign));
    assert_eq!(stats, counted(|stats| stats.dropped_foreign_ssrc = 1));
    call.speak(&[(0, 30)]);
    assert_eq!(call.heard(1).len(), 2);
}

#[test]
fn payloads_that_are_no_voice_are_dropped() {
    let mut call = Call::of(2);
    let cases = [
        Rtp { payload_type: 96, ..rtp(1) },
        Rtp { payload: Vec::new(), ..rtp(2) },
        Rtp { payload: vec![0; 1101], ..rtp(3) },
    ];
    for case in cases {
        let packet = sealed(&mut call.peers[0], &case);
        let stats = difference(&mut call, |call| call.inject(address(0), &packet));
        assert_eq!(stats, counted(|stats| stats.dropped_payload = 1));
    }
    let largest = sealed(&mut call.peers[0], &Rtp { payload: vec![7; 1100], ..rtp(4) });
    call.inject(address(0), &largest);
    assert_eq!(call.heard(1).pop().map(|voice| voice.payload), Some(vec![7; 1100]));
}

#[test]
fn a_speaker_cannot_choose_their_name() {
    let mut call = Call::of(2);
    let liar = sealed(&mut call.peers[0], &Rtp { csrcs: vec![common::source(1).0, 9, 9], ..rtp(1) });
    call.inject(address(0), &liar);
    assert_eq!(call.heard(1).pop().map(|voice| voice.source), Some(common::source(0)));
}

#[test]
fn more_packets_than_a_voice_has_are_dropped() {
    let mut call = Call::of(2);
    let stats = difference(&mut call, |call| {
        for index in 0..5_000 {
            let packet = sealed(&mut call.peers[0], &rtp(index));
            call.inject(address(0), &packet);
        }
    });
    assert_eq!(stats.voice_forwarded + stats.dropped_rate, 5_000);
    assert!(stats.voice_forwarded <= 300, "{}", stats.voice_forwarded);
    call.run(Duration::from_secs(2));
    call.heard(1);
    let packet = sealed(&mut call.peers[0], &rtp(6_000));
    call.inject(address(0), &packet);
    assert_eq!(call.heard(1).len(), 1, "it recovers");
}

#[test]
fn another_certificate_ends_the_session() {
    let mut call = Call::new();
    call.invite_with(CHANNEL, SessionBits::SPEAK, Fingerprint([1; 32]));
    call.run(Duration::from_secs(3));
    assert_ne!(call.peers[0].state(), State::Connected);
    assert_eq!(call.events(), [Event::Closed { session: session(0), reason: EndReason::HandshakeFailed }]);
    let stats = call.shard.stats();
    assert_eq!((stats.sessions, stats.handshakes_failed), (0, 1));
}

#[test]
fn strangers_get_no_byte() {
    let mut call = Call::of(2);
    let stranger = "203.0.113.9:9".parse().unwrap();
    let check = {
        // A good check of a session, with one bit of its integrity turned.
        let peer = call.invite(CHANNEL, SessionBits::SPEAK);
        call.peers[peer].handle_timeout(call.now);
        let mut check = call.peers[peer].poll_datagram().expect("it starts with a check");
        let at = check.len() - 12;
        check[at] ^= 1;
        check
    };
    for datagram in [&check[..], &[22; 60], &[0x80; 60], &[0; 20], &[255; 9], &[]] {
        call.shard.handle_datagram(stranger, &mut datagram.to_vec(), call.now, &mut call.said);
        assert_eq!(call.said.datagrams, []);
    }
}

#[test]
fn half_open_sessions_are_bounded() {
    let mut config = common::config();
    config.half_open_max = 3;
    let mut call = Call::with(config);
    for _ in 0..3 {
        call.invite(CHANNEL, SessionBits::SPEAK);
    }
    let open = voicehall_sfu::Open {
        session: session(90),
        channel: CHANNEL,
        source: common::source(90),
        bits: SessionBits::SPEAK,
        fingerprint: Fingerprint([0; 32]),
        prime: false,
    };
    assert_eq!(call.shard.open(open, call.now), Err(OpenError::Full));
    call.connect();
    assert!(call.shard.open(open, call.now).is_ok(), "who has connected makes room");
    assert_eq!(call.shard.open(open, call.now), Err(OpenError::Exists));
}

#[test]
fn a_client_that_moves_is_followed() {
    let mut call = Call::of(2);
    let elsewhere = "203.0.113.50:7".parse().unwrap();
    // Its voice alone moves nothing.
    let packet = sealed(&mut call.peers[0], &rtp(1));
    call.inject(elsewhere, &packet);
    assert_eq!(call.shard.stats().dropped_unknown, 1);
    // A check after the old path has been quiet does.
    call.now += Duration::from_secs(7);
    call.peers[0].handle_timeout(call.now);
    let check = call.peers[0].poll_datagram().expect("a check is due");
    call.shard.handle_datagram(elsewhere, &mut check.clone(), call.now, &mut call.said);
    assert_eq!(call.said.datagrams.len(), 1);
    assert_eq!(call.said.datagrams[0].0, elsewhere);
    call.said.datagrams.clear();
    call.peers[1].send_voice(&[3; 50], 30, call.now);
    let voice = call.peers[1].poll_datagram().expect("it was sent");
    call.shard.handle_datagram(address(1), &mut voice.clone(), call.now, &mut call.said);
    assert_eq!(call.said.datagrams.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [elsewhere]);
}

/// A datagram of any of the protocols, well formed or nearly so.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..300);
    let stun = bytes().prop_map(|rest| {
        let mut datagram = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        datagram.extend(rest);
        let len = datagram.len().saturating_sub(20) as u16;
        datagram[2..4].copy_from_slice(&len.to_be_bytes());
        datagram
    });
    let dtls = (20u8..26, 0u16..3, bytes()).prop_map(|(kind, epoch, rest)| {
        let mut datagram = vec![kind, 0xfe, 0xfd];
        datagram.extend(epoch.to_be_bytes());
        datagram.extend([0; 6]);
        datagram.extend((rest.len() as u16).to_be_bytes());
        datagram.extend(rest);
        datagram
    });
    let rtp = (0x80u8..0xc0, prop_oneof![Just(PT_OPUS), any::<u8>()], bytes())
        .prop_map(|(first, second, rest)| [vec![first, second], rest].concat());
    prop_oneof![bytes(), stun, dtls, rtp]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// From strangers, from a session that is connecting, and from one that is connected.
    #[test]
    fn no_datagram_does_harm(datagrams in proptest::collection::vec((0usize..4, datagram()), 1..200)) {
        let mut call = Call::of(3);
        let connecting = call.invite(CHANNEL, SessionBits::SPEAK);
        call.run(Duration::from_millis(1));
        call.peers[connecting].set_consent(false, call.now);
        call.peers[0].send_voice(&[1; 20], 30, call.now);
        call.settle();
        call.heard(1);
        for (from, mut datagram) in datagrams {
            let from = if from == 1 { address(9_000) } else { address(from) };
            call.shard.handle_datagram(from, &mut datagram, call.now, &mut call.said);
            call.settle();
        }
        prop_assert_eq!(call.heard(1), []);
        call.run(Duration::from_secs(2));
        call.speak(&[(0, 30)]);
        prop_assert_eq!(call.heard(1).len(), 1);
    }

    /// Good datagrams with one byte changed, at every stage of a session's life.
    #[test]
    fn no_altered_datagram_does_harm(
        at in any::<prop::sample::Index>(),
        change in 1u8..,
        every in 2usize..6,
    ) {
        let mut call = Call::of(2);
        let peer = call.invite(CHANNEL, SessionBits::SPEAK);
        let mut count = 0;
        for _ in 0..100 {
            call.now += Duration::from_millis(20);
            call.peers[peer].handle_timeout(call.now);
            call.peers[peer].send_voice(&[9; 30], 20, call.now);
            while let Some(mut datagram) = call.peers[peer].poll_datagram() {
                count += 1;
                if count % every == 0 {
                    let at = at.index(datagram.len());
                    datagram[at] ^= change;
                }
                call.shard.handle_datagram(address(peer), &mut datagram, call.now, &mut call.said);
            }
            call.shard.handle_timeout(call.now, &mut call.said);
            call.settle();
        }
        call.heard(1);
        call.speak(&[(0, 30)]);
        prop_assert_eq!(call.heard(1).len(), 1);
    }
}
