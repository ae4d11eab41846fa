//! Whole calls in virtual time, on a perfect network: what every listener may rely on.

mod common;

use common::{CHANNEL, Call, FRAME, address, payload, session, source};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;
use voicehall_protocol::rtp::VOICE_SLOTS;
use voicehall_protocol::ticket::SessionBits;
use voicehall_protocol::voice::EndReason;
use voicehall_sfu::Event;
use voicehall_test_peer::{State, Voice};

/// Per slot: no gap, and a clock that goes on.
fn assert_continuous(heard: &[Voice]) {
    let mut last: BTreeMap<usize, &Voice> = BTreeMap::new();
    for voice in heard {
        if let Some(last) = last.insert(voice.slot, voice) {
            assert_eq!(voice.index, last.index + 1, "slot {}", voice.slot);
            let clock_ms = voice.timestamp.wrapping_sub(last.timestamp) / 48;
            let real_ms = voice.at.duration_since(last.at).as_millis() as u32;
            assert!(clock_ms > 0 && clock_ms.abs_diff(real_ms) <= 60, "{clock_ms} for {real_ms} ms");
            assert!(voice.marker || voice.source == last.source, "a new source starts with a marker");
        } else {
            assert!(voice.marker, "a stream starts with a marker");
        }
    }
}

#[test]
fn two_people_hear_each_other_and_not_themselves() {
    let mut call = Call::of(2);
    for _ in 0..100 {
        call.speak(&[(0, 30), (1, 40)]);
    }
    for (listener, speaker, level) in [(0, 1, 40), (1, 0, 30)] {
        let heard = call.heard(listener);
        assert_eq!(heard.len(), 100);
        assert_continuous(&heard);
        for voice in heard {
            assert_eq!((voice.source, voice.level), (source(speaker), level));
            assert_eq!(voice.payload, payload(speaker));
        }
    }
    let stats = call.shard.session_stats(session(0)).unwrap();
    assert_eq!((stats.voice_received, stats.voice_forwarded_from, stats.voice_forwarded_to), (100, 100, 100));
    assert_eq!(call.peers.iter().map(voicehall_test_peer::Peer::refused).sum::<u64>(), 0);
}

#[test]
fn channels_do_not_hear_each_other() {
    let mut call = Call::of(2);
    let other = call.invite(voicehall_protocol::ids::ChannelId(2), SessionBits::SPEAK);
    call.connect();
    call.speak(&[(0, 30), (other, 30)]);
    assert_eq!(call.heard(1).len(), 1);
    assert_eq!(call.heard(other), []);
}

#[test]
fn fifty_people_are_heard_eight_at_a_time() {
    let mut call = Call::of(50);
    // Everyone speaks now and then, in waves of up to 20 at once, with loudness of their own.
    for frame in 0..600usize {
        let speakers: Vec<_> = (0..50)
            .filter(|peer| (frame / 40 + peer * 7) % 50 < 20)
            .map(|peer| (peer, 20 + (peer * 13 % 60) as u8))
            .collect();
        call.speak(&speakers);
    }
    for listener in 0..50 {
        let heard = call.heard(listener);
        assert!(heard.len() > 3000, "{}", heard.len());
        assert_continuous(&heard);
        assert!(heard.iter().all(|voice| voice.source != source(listener)));
        let mut by_frame: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for voice in &heard {
            assert_eq!(
                voice.payload[1..9],
                (u64::from(voice.source.0 >> 2) - 1).to_be_bytes(),
                "the CSRC names who said it"
            );
            by_frame.entry(voice.at).or_default().insert(voice.source);
        }
        // In the moment in which one voice displaces another both have sent a packet.
        let crowded = by_frame.values().filter(|sources| sources.len() > VOICE_SLOTS).count();
        assert!(crowded * 20 < by_frame.len(), "{crowded} of {}", by_frame.len());
    }
    let stats = call.shard.stats();
    assert!(stats.dropped_not_chosen > 0);
    assert_eq!(stats.dropped_forged + stats.dropped_malformed + stats.dropped_late, 0);
}

#[test]
fn everyone_has_the_same_speaker_in_the_same_slot() {
    let mut call = Call::of(6);
    for _ in 0..10 {
        call.speak(&[(0, 30), (1, 30), (2, 30)]);
    }
    let slots = |heard: Vec<Voice>| -> BTreeSet<_> {
        heard.into_iter().map(|voice| (voice.slot, voice.source)).collect()
    };
    let expected = slots(call.heard(3));
    assert_eq!(expected.len(), 3);
    assert_eq!(slots(call.heard(4)), expected);
    assert_eq!(slots(call.heard(5)), expected);
}

#[test]
fn priority_is_kept_among_louder_voices() {
    let mut call = Call::of(20);
    call.shard.update(session(0), SessionBits::SPEAK | SessionBits::PRIORITY);
    let all: Vec<_> = (0..19).map(|peer| (peer, if peer == 0 { 90 } else { 10 })).collect();
    for _ in 0..50 {
        call.speak(&all);
    }
    let heard = call.heard(19);
    assert_eq!(heard.iter().filter(|voice| voice.source == source(0)).count(), 50);
    assert_continuous(&heard);
}

#[test]
fn in_silence_nothing_is_sent() {
    let mut call = Call::of(10);
    for _ in 0..10 {
        call.speak(&[(0, 30)]);
    }
    // The last reports trail off.
    call.run(Duration::from_secs(5));
    let forwarded = call.shard.stats();
    call.wire.iter_mut().for_each(Vec::clear);
    call.run(Duration::from_secs(60));
    let after = call.shard.stats();
    assert_eq!(after.voice_forwarded, forwarded.voice_forwarded);
    assert_eq!(after.rtcp_sent, forwarded.rtcp_sent);
    for wire in &call.wire {
        assert!(wire.iter().all(|datagram| datagram[0] < 4), "answers to consent checks and nothing else");
        assert!(wire.len() <= 31);
    }
    // Digital silence costs nobody anything either.
    for _ in 0..50 {
        call.speak(&[(0, 127)]);
    }
    assert_eq!(call.shard.stats().voice_forwarded, forwarded.voice_forwarded);
    // And both ends stay in step.
    call.speak(&[(0, 30)]);
    let heard = call.heard(1);
    assert_eq!(heard.len(), 11);
    assert_continuous(&heard);
}

#[test]
fn mute_deafen_and_leave_act_on_the_next_packet() {
    let mut call = Call::of(3);
    call.speak(&[(0, 30)]);
    call.shard.update(session(0), SessionBits::SPEAK | SessionBits::MUTED);
    call.speak(&[(0, 30)]);
    assert_eq!((call.heard(1).len(), call.heard(2).len()), (1, 1));
    assert_eq!(call.shard.stats().dropped_muted, 1);

    call.shard.update(session(0), SessionBits::SPEAK);
    call.shard.update(session(1), SessionBits::SPEAK | SessionBits::DEAFENED);
    call.speak(&[(0, 30)]);
    assert_eq!((call.heard(1).len(), call.heard(2).len()), (0, 1));

    call.shard.update(session(1), SessionBits::SPEAK);
    call.shard.update(session(0), SessionBits::empty());
    call.speak(&[(0, 30)]);
    assert_eq!((call.heard(1).len(), call.heard(2).len()), (0, 0), "no permission to speak");

    call.peers[1].leave();
    call.settle();
    assert!(call.events().contains(&Event::Closed { session: session(1), reason: EndReason::Left }));
    call.shard.update(session(0), SessionBits::SPEAK);
    call.speak(&[(0, 30)]);
    assert_eq!((call.heard(1).len(), call.heard(2).len()), (0, 1));
}

#[test]
fn slots_stay_continuous_through_mute_and_deafen() {
    let mut call = Call::of(4);
    let mut heard = Vec::new();
    for frame in 0..400u32 {
        let bits = |set: bool, bit| SessionBits::SPEAK | if set { bit } else { SessionBits::empty() };
        call.shard.update(session(0), bits(frame / 30 % 3 == 1, SessionBits::MUTED));
        call.shard.update(session(3), bits(frame / 50 % 2 == 1, SessionBits::DEAFENED));
        call.speak(&[(0, 30), (1, 30), (2, 30)]);
        heard.extend(call.heard(3));
    }
    // Peer 3 hears in 200 of the frames, two voices always, and peer 0 in 90 of them.
    assert_eq!(heard.len(), 490);
    assert_continuous(&heard);
    let others = call.heard(2);
    assert_continuous(&others);
}

#[test]
fn who_joins_later_starts_clean() {
    let mut call = Call::of(3);
    for _ in 0..50 {
        call.speak(&[(0, 30), (1, 30)]);
    }
    let late = call.invite(CHANNEL, SessionBits::SPEAK);
    call.connect();
    for _ in 0..50 {
        call.speak(&[(0, 30), (1, 30), (late, 30)]);
    }
    let heard = call.heard(late);
    assert_eq!(heard.len(), 100);
    assert_continuous(&heard);
    assert_continuous(&call.heard(2));
}

#[test]
fn a_session_ends_when_its_client_vanishes() {
    let mut call = Call::of(2);
    call.events();
    call.peers[0].set_consent(false, call.now);
    call.run(Duration::from_secs(25));
    assert_eq!(call.events(), []);
    // Voice is no consent.
    call.speak(&[(0, 30)]);
    call.run(Duration::from_secs(6));
    assert_eq!(call.events(), [Event::Closed { session: session(0), reason: EndReason::TimedOut }]);
    assert_eq!(call.shard.session_stats(session(0)), None);
    assert!(call.shard.session_stats(session(1)).is_some());
}

#[test]
fn who_never_connects_is_forgotten() {
    let mut call = Call::new();
    let peer = call.invite(CHANNEL, SessionBits::SPEAK);
    call.peers[peer].set_consent(false, call.now);
    call.run(Duration::from_secs(16));
    assert_eq!(call.events(), [Event::Closed { session: session(peer), reason: EndReason::TimedOut }]);
    assert_eq!((call.shard.stats().sessions, call.shard.stats().channels), (0, 0));
}

#[test]
fn a_closed_session_is_told() {
    let mut call = Call::of(2);
    call.shard.close(session(0), EndReason::Disconnected, &mut call.said);
    call.settle();
    assert_eq!(call.peers[0].state(), State::Closed);
    assert!(call.events().contains(&Event::Closed { session: session(0), reason: EndReason::Disconnected }));
    call.speak(&[(0, 30), (1, 30)]);
    assert_eq!(call.heard(1), []);
}

#[test]
fn reports_tell_each_side_about_the_other() {
    let mut call = Call::of(2);
    let mut reports = [Vec::new(), Vec::new()];
    for _ in 0..200 {
        call.speak(&[(0, 30)]);
        for (peer, reports) in reports.iter_mut().enumerate() {
            reports.extend(call.peers[peer].take_reports());
        }
    }
    use voicehall_sfu::rtcp::{Report, ReportBlock};
    let to_speaker: Vec<_> = reports[0].iter().collect();
    assert!((3..=5).contains(&to_speaker.len()), "about one a second: {}", to_speaker.len());
    for report in to_speaker {
        let Report::Block(block) = report else { panic!("the speaker hears nobody") };
        assert_eq!((block.ssrc, block.fraction_lost), (0xabcd_0000, 0));
    }
    let Some(Report::Sender(last)) = reports[1].last() else { panic!("no sender report") };
    assert!(last.packets > 150 && last.octets == last.packets * 80);
    // The listener reports back; the node works out loss and round trip.
    call.run(Duration::from_millis(100));
    let block = ReportBlock {
        ssrc: last.ssrc,
        fraction_lost: 64,
        last_sender_report: last.ntp.middle(),
        ..ReportBlock::default()
    };
    call.peers[1].send_reports(&[block], call.now);
    call.settle();
    let stats = call.shard.session_stats(session(1)).unwrap();
    assert_eq!(stats.downlink_loss, 0.25);
    assert!(stats.rtt_ms.is_some_and(|rtt| rtt >= 99.9));
}

#[test]
fn no_byte_tells_another_participants_address() {
    let mut call = Call::of(3);
    for _ in 0..100 {
        call.speak(&[(0, 30), (1, 30)]);
    }
    call.peers[2].leave();
    call.run(Duration::from_secs(2));
    for listener in 0..3 {
        assert!(call.wire[listener].len() > 100);
        for other in (0..3).filter(|other| *other != listener) {
            let SocketAddr::V4(address) = address(other) else { panic!("an IPv4 address") };
            let text = address.ip().to_string();
            let binary = address.ip().octets();
            for datagram in &call.wire[listener] {
                let holds = |bytes: &[u8]| datagram.windows(bytes.len()).any(|window| window == bytes);
                assert!(!holds(&binary) && !holds(text.as_bytes()));
            }
        }
    }
}

#[test]
fn a_packet_lost_on_the_way_up_shows_as_a_gap() {
    let mut call = Call::of(2);
    for frame in 0..20 {
        call.peers[0].send_voice(&[1; 40], 30, call.now);
        if frame == 10 {
            call.peers[0].poll_datagram().expect("it was sent");
        }
        call.run(FRAME);
    }
    let heard = call.heard(1);
    assert_eq!(heard.len(), 19);
    let steps: BTreeSet<_> = heard
        .windows(2)
        .map(|pair| (pair[1].index - pair[0].index, pair[1].timestamp.wrapping_sub(pair[0].timestamp)))
        .collect();
    assert_eq!(steps, BTreeSet::from([(1, 960), (2, 1920)]));
    assert_eq!(call.shard.session_stats(session(0)).unwrap().uplink_lost, 1);
}

#[test]
fn a_browser_gets_a_moment_of_silence_where_nobody_speaks() {
    let mut call = Call::of(3);
    for _ in 0..5 {
        call.speak(&[(0, 30)]);
    }
    let browser = call.invite_browser();
    while call.peers[browser].state() != State::Connected {
        call.speak(&[(0, 30)]);
    }
    // In the middle of it another starts to speak.
    for frame in 0..70 {
        call.speak(if frame < 30 { &[(0, 30)] } else { &[(0, 30), (1, 30)] });
    }
    let heard = call.heard(browser);
    assert_continuous(&heard);
    let (silence, voices): (Vec<_>, Vec<_>) = heard.into_iter().partition(|voice| voice.source.0 == 0);
    let in_slot = |packets: &[Voice], slot| packets.iter().filter(|voice| voice.slot == slot).count();
    assert_eq!(in_slot(&silence, 0), 0, "where somebody speaks it would be in the way");
    assert_eq!((in_slot(&silence, 1), in_slot(&voices, 1)), (4, 40), "and it gives way");
    for slot in 2..VOICE_SLOTS {
        let frames: Vec<_> = silence.iter().filter(|voice| voice.slot == slot).collect();
        let since_first = |voice: &Voice| voice.at.duration_since(frames[0].at).as_millis();
        let shape: Vec<_> = frames.iter().map(|voice| (since_first(voice), voice.payload.len())).collect();
        assert_eq!(shape, [(0, 3), (20, 1), (540, 3), (560, 1), (1080, 3), (1100, 1)]);
        assert!(frames.iter().all(|voice| voice.level == 127));
    }
    assert!(call.heard(2).iter().all(|voice| voice.source.0 != 0), "nobody else gets any");
    assert_eq!(call.shard.stats().primed, silence.len() as u64);
}

#[test]
fn a_browser_that_is_deafened_or_gone_gets_no_silence() {
    let mut call = Call::of(1);
    let [deafened, gone] = [call.invite_browser(), call.invite_browser()];
    call.shard.update(session(deafened), SessionBits::SPEAK | SessionBits::DEAFENED);
    call.connect();
    call.shard.close(session(gone), EndReason::Left, &mut call.said);
    let before = call.shard.stats().primed;
    call.run(Duration::from_secs(2));
    assert_eq!(call.shard.stats().primed, before);
    assert_eq!(call.heard(deafened), []);
}
