//! The path of a voice packet allocates nothing: not when it is received, not for its receivers.

mod common;

use common::{Call, address};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use voicehall_sfu::{DATAGRAM_BYTES_MAX, Event, Outbox};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: defers to the system's allocator in everything; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

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
    let before = ALLOCATIONS.get();
    for (from, packet) in &mut packets {
        call.shard.handle_datagram(*from, packet, call.now, &mut sink);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert_eq!(sink.sent, 60 * 39);
}
