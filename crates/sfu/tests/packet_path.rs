//! The path of a packet, of voice or of video, allocates and frees nothing, and asks the system for nothing, so that it
//! cannot wait for a lock either: not when it is received, not for its receivers.

mod common;

use common::camera::{Camera, PACKETS, sending};
use common::{Call, address, session, source};
use std::net::SocketAddr;
use std::time::Duration;
use voicehall_protocol::rtp::SourceKind;
use voicehall_protocol::ticket::SessionBits;
use voicehall_protocol::video::View;
use voicehall_sfu::congestion::feedback;
use voicehall_sfu::{DATAGRAM_BYTES_MAX, Event, Outbox};
use voicehall_test_realtime::allocations;

struct Sink {
    buffer: [u8; DATAGRAM_BYTES_MAX],
    sent: u64,
}

impl Outbox for Sink {
    fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    fn send(&mut self, _to: SocketAddr, _len: usize) {
        self.sent += 1;
    }

    fn event(&mut self, event: Event) {
        panic!("nothing happens in between: {event:?}");
    }
}

/// A call that three speak in, and their next packets: streams, timers and hash tables have come to rest.
fn under_way() -> (Call, Vec<(SocketAddr, Vec<u8>)>) {
    let mut call = Call::of(40);
    for _ in 0..50 {
        call.speak(&[(0, 30), (1, 30), (2, 30)]);
    }
    let mut packets = Vec::new();
    for _ in 0..20 {
        for speaker in 0..3 {
            call.peers[speaker].send_voice(&[5; 100], 30, call.now);
            packets.push((address(speaker), call.peers[speaker].poll_datagram().expect("it was sent")));
        }
    }
    (call, packets)
}

fn forward(call: &mut Call, packets: &mut [(SocketAddr, Vec<u8>)], sink: &mut Sink) {
    for (from, packet) in packets {
        call.shard.handle_datagram(*from, packet, call.now, sink);
    }
}

/// A camera that all others see, half of them with half its pictures, and its next packets.
fn seen_by_all() -> (Call, Vec<(SocketAddr, Vec<u8>)>) {
    let mut call = Call::of(40);
    call.shard.update(session(0), SessionBits::VIDEO);
    call.shard.set_send(session(0), Some(&sending()), None, call.now, &mut call.said);
    let camera = source(0).sibling(SourceKind::Camera);
    for peer in 1..40 {
        let frame_rate = if peer % 2 == 0 { 15 } else { 30 };
        let view = View { slot: 0, source: camera, height: 720, frame_rate, priority: 0 };
        call.shard.set_views(session(peer), &[view], call.now, &mut call.said);
    }
    let mut sent = Camera::new(0, SourceKind::Camera);
    for _ in 0..200 {
        sent.send(&mut call, &[0, 2]);
        call.run(Duration::from_millis(33));
    }
    let mut packets = Vec::new();
    for _ in 0..20 {
        sent.send(&mut call, &[2]);
        packets.extend(std::iter::from_fn(|| Some((address(0), call.peers[0].poll_datagram()?))));
    }
    assert_eq!(packets.len(), 20 * PACKETS);
    (call, packets)
}

/// Twenty viewers get all pictures, nineteen every other one.
const SEEN: u64 = (20 * 20 + 19 * 10) * PACKETS as u64;

#[test]
fn forwarding_video_allocates_nothing() {
    let (mut call, mut packets) = seen_by_all();
    let mut sink = Sink { buffer: [0; DATAGRAM_BYTES_MAX], sent: 0 };
    assert_eq!(allocations(|| forward(&mut call, &mut packets, &mut sink)), 0);
    assert_eq!(sink.sent, SEEN);
}

/// What viewers tell of the last second allocates nothing either, nor does forwarding by what it says.
#[test]
fn hearing_when_video_came_allocates_nothing() {
    let (mut call, mut packets) = seen_by_all();
    let mut told = Vec::new();
    for peer in 1..40 {
        let seen: Vec<_> = std::iter::from_fn(|| call.peers[peer].poll_seen()).collect();
        let start = seen[0].at;
        for part in seen[seen.len() - 60..].chunks(20) {
            let mut body = [0; feedback::BYTES_MAX];
            let arrivals = part.iter().map(|seen| Some((seen.at - start).as_micros() as u64));
            let (len, count) = feedback::write(part[0].transport.unwrap(), arrivals, 0, &mut body).unwrap();
            assert_eq!(count, 20);
            call.peers[peer].send_rtcp(|writer| writer.transport_feedback(1, 2, &body[..len])).unwrap();
            told.push((address(peer), call.peers[peer].poll_datagram().expect("it was sent")));
        }
    }
    assert_eq!(told.len(), 39 * 3);
    let dropped = |call: &Call| {
        let entries = call.shard.stats();
        entries.entries().filter(|(name, _)| name.starts_with("dropped")).map(|(_, count)| count).sum::<u64>()
    };
    let before = dropped(&call);
    let mut sink = Sink { buffer: [0; DATAGRAM_BYTES_MAX], sent: 0 };
    assert_eq!(allocations(|| forward(&mut call, &mut told, &mut sink)), 0);
    assert_eq!(allocations(|| forward(&mut call, &mut packets, &mut sink)), 0);
    assert_eq!((sink.sent, dropped(&call)), (SEEN, before));
}

#[cfg(target_os = "linux")]
#[test]
fn forwarding_video_asks_the_system_for_nothing() {
    let (mut call, mut packets) = seen_by_all();
    let mut sink = Sink { buffer: [0; DATAGRAM_BYTES_MAX], sent: 0 };
    let forwarded = || {
        forward(&mut call, &mut packets, &mut sink);
        assert_eq!(sink.sent, SEEN);
    };
    assert!(voicehall_test_realtime::keeps_to_itself(forwarded));
}

#[test]
fn forwarding_allocates_nothing() {
    let (mut call, mut packets) = under_way();
    let mut sink = Sink { buffer: [0; DATAGRAM_BYTES_MAX], sent: 0 };
    assert_eq!(allocations(|| forward(&mut call, &mut packets, &mut sink)), 0);
    assert_eq!(sink.sent, 60 * 39);
}

#[cfg(target_os = "linux")]
#[test]
fn forwarding_asks_the_system_for_nothing() {
    let (mut call, mut packets) = under_way();
    let mut sink = Sink { buffer: [0; DATAGRAM_BYTES_MAX], sent: 0 };
    let forwarded = || {
        forward(&mut call, &mut packets, &mut sink);
        assert_eq!(sink.sent, 60 * 39);
    };
    assert!(voicehall_test_realtime::keeps_to_itself(forwarded));
}
