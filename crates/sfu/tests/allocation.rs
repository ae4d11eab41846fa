//! The path of a voice packet allocates and frees nothing: not when it is received, not for its
//! receivers.

mod common;

use common::{Call, address};
use std::net::SocketAddr;
use voicehall_sfu::{DATAGRAM_BYTES_MAX, Event, Outbox};
use voicehall_test_allocation::count;

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

#[test]
fn forwarding_allocates_nothing() {
    let mut call = Call::of(40);
    // Streams, timers and hash tables have come to rest after a second.
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
    let mut sink = Sink { buffer: [0; DATAGRAM_BYTES_MAX], sent: 0 };
    let allocations = count(|| {
        for (from, packet) in &mut packets {
            call.shard.handle_datagram(*from, packet, call.now, &mut sink);
        }
    });
    assert_eq!(allocations, 0);
    assert_eq!(sink.sent, 60 * 39);
}
