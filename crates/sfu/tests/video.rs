//! Video in virtual time, on a perfect network: what every viewer may rely on.

mod common;

use common::camera::{Camera, PACKETS, send_sound, sending};
use common::{Call, session, source};
use std::collections::BTreeMap;
use std::time::Duration;
use voicehall_protocol::rtp::{SourceId, SourceKind, VIDEO_SLOTS, video_slot_ssrc};
use voicehall_protocol::ticket::SessionBits;
use voicehall_protocol::video::{SlotState, View};
use voicehall_protocol::voice::EndReason;
use voicehall_sfu::congestion::feedback;
use voicehall_sfu::rtcp::Report;
use voicehall_sfu::{Demand, Event};
use voicehall_test_peer::{Place, Seen};

const PICTURE: Duration = Duration::from_millis(33);

/// A call whose first peer has a camera that is announced.
fn call_of(peers: usize) -> (Call, Camera) {
    let mut call = Call::of(peers);
    let all = SessionBits::SPEAK | SessionBits::VIDEO | SessionBits::STREAM;
    (0..peers).for_each(|peer| call.shard.update(session(peer), all));
    assert!(call.shard.set_send(session(0), Some(&sending()), None, call.now, &mut call.said));
    call.settle();
    (call, Camera::new(0, SourceKind::Camera))
}

fn camera(peer: usize) -> SourceId {
    source(peer).sibling(SourceKind::Camera)
}

fn view(slot: u8, source: SourceId, height: u16) -> View {
    View { slot, source, height, frame_rate: 30, priority: 0 }
}

fn watch(call: &mut Call, peer: usize, views: &[View]) {
    assert!(call.shard.set_views(session(peer), views, call.now, &mut call.said));
    call.settle();
}

fn seen(call: &mut Call, peer: usize) -> Vec<Seen> {
    std::iter::from_fn(|| call.peers[peer].poll_seen()).collect()
}

/// Layer, packet's number in its picture, and the picture's.
fn content(seen: &Seen) -> (u8, u8, u32) {
    let picture = [seen.payload[3], seen.payload[4], seen.payload[5], seen.payload[6]];
    (seen.payload[1], seen.payload[2], u32::from_be_bytes(picture))
}

fn is_key(seen: &Seen) -> bool {
    seen.payload[0] == 0x67
}

/// Per slot: no gap, whole pictures, each layer begun with a key frame, and a clock that goes on.
fn assert_decodable(packets: &[Seen]) {
    let mut last: BTreeMap<Place, &Seen> = BTreeMap::new();
    for packet in packets {
        let (layer, number, picture) = content(packet);
        if let Some(last) = last.insert(packet.place, packet) {
            assert_eq!(packet.index, last.index + 1);
            let (last_layer, last_number, last_picture) = content(last);
            if (layer, packet.source) == (last_layer, last.source) && picture == last_picture {
                assert_eq!((number, packet.timestamp), (last_number + 1, last.timestamp));
            } else {
                assert_eq!((number, usize::from(last_number)), (0, PACKETS - 1), "pictures are whole");
                assert!(packet.timestamp.wrapping_sub(last.timestamp) as i32 > 0);
                assert!(layer == last_layer && packet.source == last.source || is_key(packet));
            }
        } else {
            assert!(is_key(packet), "a stream begins with a key frame");
        }
        assert_eq!(packet.marker, usize::from(number) == PACKETS - 1);
    }
}

fn layers(packets: &[Seen]) -> Vec<u8> {
    let mut layers: Vec<_> = packets.iter().map(|packet| content(packet).0).collect();
    layers.dedup();
    layers
}

fn key_requests(call: &mut Call, ssrc: u32) -> usize {
    let reports = call.peers[0].take_reports();
    reports.iter().filter(|report| **report == Report::PictureLoss { ssrc }).count()
}

#[test]
fn who_watches_gets_the_layer_that_fills_the_tile_and_nobody_else_anything() {
    let (mut call, mut sent) = call_of(4);
    call.events();
    watch(&mut call, 1, &[view(3, camera(0), 360)]);
    watch(&mut call, 2, &[view(0, camera(0), 1080)]);
    let demand = Demand { camera: [None, Some(30), Some(30)], screen: [None; 3] };
    assert_eq!(call.shard.demand(session(0)), demand);
    assert_eq!(call.shard.watchers(session(0)).camera, [source(1), source(2)]);
    assert_eq!(call.shard.slots(session(1))[0].state, SlotState::Waiting);
    let events = call.events();
    assert_eq!(events.iter().filter(|event| **event == Event::Demand { session: session(0) }).count(), 2);
    for _ in 0..30 {
        sent.send(&mut call, &[0, 1, 2]);
        call.run(PICTURE);
    }
    for (peer, slot, layer) in [(1, 3, 1), (2, 0, 2)] {
        let packets = seen(&mut call, peer);
        assert_eq!(packets.len(), 30 * PACKETS);
        assert_decodable(&packets);
        assert_eq!(layers(&packets), [layer]);
        assert!(packets.iter().all(|p| p.place == Place::Video(slot) && p.source == camera(0)));
        let numbers: Vec<_> = packets.iter().map(|packet| packet.transport.unwrap()).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)));
    }
    assert_eq!(seen(&mut call, 3), []);
    let slots = call.shard.slots(session(1));
    assert_eq!((slots[0].layer, slots[0].state), (Some(1), SlotState::Live));
    assert_eq!(call.peers.iter().map(voicehall_test_peer::Peer::refused).sum::<u64>(), 0);
    // Hidden tiles cost nothing.
    watch(&mut call, 1, &[]);
    watch(&mut call, 2, &[]);
    assert_eq!(call.shard.demand(session(0)), Demand::default());
    assert_eq!(call.shard.watchers(session(0)).camera, []);
    let before = call.shard.stats().video_forwarded;
    sent.send(&mut call, &[0, 1, 2]);
    call.run(PICTURE);
    assert_eq!(call.shard.stats().video_forwarded, before);
}

#[test]
fn layers_change_on_key_frames_and_the_old_one_goes_on_until_then() {
    let (mut call, mut sent) = call_of(2);
    watch(&mut call, 1, &[view(0, camera(0), 180)]);
    for picture in 0..90 {
        match picture {
            30 => watch(&mut call, 1, &[view(0, camera(0), 720)]),
            40 => sent.key(2),
            60 => watch(&mut call, 1, &[view(0, camera(0), 360)]),
            70 => sent.key(1),
            _ => {}
        }
        sent.send(&mut call, &[0, 1, 2]);
        call.run(PICTURE);
    }
    let packets = seen(&mut call, 1);
    assert_eq!(layers(&packets), [0, 2, 1]);
    assert_decodable(&packets);
    // In the picture of the change both layers come.
    assert!((90 * PACKETS..=92 * PACKETS).contains(&packets.len()), "{}", packets.len());
    assert!((1..=2).contains(&key_requests(&mut call, sent.ssrc(2))), "asked for, and not often");
}

#[test]
fn a_slot_shows_another_person_from_their_key_frame_on() {
    let (mut call, mut first) = call_of(3);
    call.shard.set_send(session(1), Some(&sending()), None, call.now, &mut call.said);
    let mut second = Camera::new(1, SourceKind::Camera);
    watch(&mut call, 2, &[view(0, camera(0), 180)]);
    for picture in 0..60 {
        match picture {
            20 => watch(&mut call, 2, &[view(0, camera(1), 180)]),
            25 => second.key(0),
            _ => {}
        }
        first.send(&mut call, &[0]);
        second.send(&mut call, &[0]);
        call.run(PICTURE);
    }
    let packets = seen(&mut call, 2);
    assert_eq!(packets.len(), (20 + 35) * PACKETS);
    assert_decodable(&packets);
    assert!(packets[..20 * PACKETS].iter().all(|packet| packet.source == camera(0)));
    assert!(packets[20 * PACKETS..].iter().all(|packet| packet.source == camera(1)));
}

#[test]
fn half_the_frame_rate_is_every_other_picture_without_a_gap() {
    let (mut call, mut sent) = call_of(2);
    watch(&mut call, 1, &[View { frame_rate: 15, ..view(0, camera(0), 180) }]);
    assert_eq!(call.shard.demand(session(0)).camera, [Some(15), None, None]);
    for _ in 0..60 {
        sent.send(&mut call, &[0]);
        call.run(PICTURE);
    }
    let packets = seen(&mut call, 1);
    assert_eq!(packets.len(), 30 * PACKETS);
    assert_decodable(&packets);
}

#[test]
fn permissions_cut_video_with_the_next_packet() {
    let (mut call, mut sent) = call_of(2);
    watch(&mut call, 1, &[view(0, camera(0), 180)]);
    sent.send(&mut call, &[0]);
    call.run(PICTURE);
    assert_eq!(seen(&mut call, 1).len(), PACKETS);
    for bits in [SessionBits::SPEAK, SessionBits::VIDEO | SessionBits::VIDEO_BARRED] {
        call.shard.update(session(0), bits);
        sent.key(0);
        sent.send(&mut call, &[0]);
        call.run(PICTURE);
        assert_eq!(seen(&mut call, 1), []);
        assert_eq!(call.shard.slots(session(1))[0].state, SlotState::Forbidden);
        assert_eq!(call.shard.demand(session(0)), Demand::default());
    }
    assert_eq!(call.shard.stats().dropped_barred, 2 * PACKETS as u64);
    // Being muted or deafened is about sound.
    call.shard.update(session(0), SessionBits::VIDEO | SessionBits::MUTED);
    call.shard.update(session(1), SessionBits::DEAFENED);
    call.run(PICTURE);
    sent.key(0);
    sent.send(&mut call, &[0]);
    call.run(PICTURE);
    let packets = seen(&mut call, 1);
    assert_eq!(packets.len(), PACKETS);
    assert!(is_key(&packets[0]));
}

#[test]
fn what_a_viewer_misses_is_sent_again() {
    let (mut call, mut sent) = call_of(2);
    watch(&mut call, 1, &[view(2, camera(0), 180)]);
    for _ in 0..20 {
        sent.send(&mut call, &[0]);
        call.run(PICTURE);
    }
    let packets = seen(&mut call, 1);
    let missed = &packets[30];
    let sequence = missed.index as u16;
    let ask = |call: &mut Call, ssrc: u32, sequences: &[u16]| {
        call.peers[1].send_rtcp(|writer| writer.nack(1, ssrc, sequences)).unwrap();
        call.settle();
    };
    ask(&mut call, video_slot_ssrc(2), &[sequence]);
    ask(&mut call, video_slot_ssrc(2), &[sequence]);
    let again = seen(&mut call, 1);
    assert_eq!(again.len(), 1, "once, however often it is asked for");
    assert_eq!((again[0].place, again[0].timestamp), (Place::Repeated(2), missed.timestamp));
    assert_eq!(again[0].payload, [&sequence.to_be_bytes()[..], &missed.payload].concat());
    // What was never sent, and what nobody has.
    ask(&mut call, video_slot_ssrc(2), &[sequence.wrapping_add(1000)]);
    ask(&mut call, video_slot_ssrc(3), &[1, 2, 3]);
    ask(&mut call, 0x1234, &[1]);
    assert_eq!(seen(&mut call, 1), []);
    assert_eq!((call.shard.stats().video_resent, call.shard.stats().dropped_nack), (1, 5));
    call.peers[1].send_rtcp(|writer| writer.picture_loss(1, video_slot_ssrc(2))).unwrap();
    call.run(PICTURE);
    assert_eq!(key_requests(&mut call, sent.ssrc(0)), 1);
}

#[test]
fn what_was_lost_on_the_way_up_is_asked_for_and_put_in_its_place() {
    let (mut call, mut sent) = call_of(2);
    watch(&mut call, 1, &[view(0, camera(0), 180)]);
    let mut again = 0;
    for picture in 0..20 {
        sent.send_but(&mut call, &[0], |packet| picture == 10 && packet == 1);
        call.run(PICTURE);
        for report in call.peers[0].take_reports() {
            if let Report::Nack { ssrc, sequence, more } = report {
                assert_eq!((ssrc, more), (sent.ssrc(0), 0));
                sent.repeat(&mut call, 0, sequence);
                again += 1;
            }
        }
    }
    assert_eq!(again, 1);
    let mut packets = seen(&mut call, 1);
    assert!(packets.windows(2).any(|pair| pair[1].index != pair[0].index + 1), "it came late");
    packets.sort_by_key(|packet| packet.index);
    assert_eq!(packets.len(), 20 * PACKETS);
    assert_decodable(&packets);
    assert_eq!(call.shard.stats().video_recovered, 1);
}

#[test]
fn a_publisher_is_told_when_its_packets_came() {
    let (mut call, mut sent) = call_of(1);
    call.peers[0].keep_opened();
    let mut told = Vec::new();
    for picture in 0..10 {
        sent.send_but(&mut call, &[0], |packet| picture == 5 && packet == 1);
        call.run(PICTURE);
        for packet in call.peers[0].take_opened() {
            // Transport-wide feedback, and what comes after it.
            if packet[..2] == [0x8f, 205] {
                let len = 4 * (usize::from(u16::from_be_bytes([packet[2], packet[3]])) + 1);
                let read = feedback::read(&packet[12..len], |number, at| told.push((number, at)));
                assert_eq!(read, Some(()));
            }
        }
    }
    assert!(told.len() >= 8 * PACKETS, "{}", told.len());
    for (at, (number, came)) in told.iter().enumerate() {
        assert_eq!(*number, 65_001 + at as u16);
        assert_eq!(came.is_none(), at == 5 * PACKETS + 1);
    }
    let (first, last) = (told[0].1.unwrap(), told[7 * PACKETS].1.unwrap());
    assert_eq!(last - first, 7 * 33_000, "in microseconds");
}

#[test]
fn the_sound_of_a_screen_goes_where_its_picture_is_seen() {
    let (mut call, _) = call_of(4);
    call.shard.set_send(session(0), None, Some(&sending()), call.now, &mut call.said);
    let screen = source(0).sibling(SourceKind::Screen);
    watch(&mut call, 1, &[view(5, screen, 720)]);
    watch(&mut call, 2, &[view(5, screen, 720)]);
    call.shard.update(session(2), SessionBits::DEAFENED);
    for index in 0..10 {
        send_sound(&mut call, 0, index);
        call.run(common::FRAME);
    }
    let heard = seen(&mut call, 1);
    assert_eq!(heard.len(), 10);
    assert!(
        heard
            .iter()
            .all(|p| p.place == Place::ScreenAudio(0)
                && p.source == source(0).sibling(SourceKind::ScreenAudio))
    );
    assert!(heard.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
    assert_eq!((seen(&mut call, 2), seen(&mut call, 3)), (vec![], vec![]));
    assert_eq!(call.heard(1), [], "it is no voice");
}

#[test]
fn viewers_come_and_go_and_harm_nobody() {
    let (mut call, mut sent) = call_of(6);
    for peer in 1..6 {
        watch(&mut call, peer, &[view(0, camera(0), 180), view(1, camera(0), 720)]);
    }
    for picture in 0..60 {
        match picture {
            10 => call.shard.close(session(2), EndReason::Disconnected, &mut call.said),
            20 => call.shard.close(session(1), EndReason::Disconnected, &mut call.said),
            _ => {}
        }
        sent.send(&mut call, &[0, 2]);
        call.run(PICTURE);
    }
    for peer in 3..6 {
        let packets = seen(&mut call, peer);
        assert_eq!(packets.len(), 60 * 2 * PACKETS);
        assert_decodable(&packets);
        assert_eq!(call.peers[peer].refused(), 0, "nothing twice");
    }
    call.shard.close(session(0), EndReason::Left, &mut call.said);
    call.run(PICTURE);
    assert!(call.shard.slots(session(3)).iter().all(|slot| slot.state == SlotState::Ended));
}

#[test]
fn views_of_nothing_and_views_by_the_thousand_are_bounded() {
    let (mut call, mut sent) = call_of(2);
    let views: Vec<_> = (0..5000u32)
        .map(|number| View { slot: number as u8, source: SourceId(number), ..view(0, camera(0), 180) })
        .collect();
    watch(&mut call, 1, &views);
    assert!(call.shard.slots(session(1)).len() <= VIDEO_SLOTS);
    for _ in 0..1000 {
        watch(&mut call, 1, &[view(0, camera(0), 180), view(0, camera(1), 720), view(200, camera(0), 1)]);
    }
    assert_eq!(call.shard.slots(session(1)).len(), 1);
    // One's own camera is not sent back.
    watch(&mut call, 0, &[view(0, camera(0), 180)]);
    assert_eq!(call.shard.slots(session(0))[0].state, SlotState::Ended);
    // Something sent again of what never was.
    sent.send(&mut call, &[1]);
    sent.repeat(&mut call, 1, 64_500);
    sent.repeat(&mut call, 1, 64_500);
    call.run(PICTURE);
    assert_eq!(call.shard.stats().dropped_repeated, 2);
    assert_eq!(call.shard.stats().video_recovered, 0);
    assert!(!call.shard.set_views(voicehall_protocol::ids::VoiceSessionId(9), &[], call.now, &mut call.said));
}
