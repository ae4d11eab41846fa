//! Packets that wait until their frame is whole, by their sequence numbers.

use crate::PayloadKind;
use std::time::Instant;

/// How many sequence numbers are held at most: two seconds of 10 Mb/s. A key frame must fit.
pub(super) const PACKETS_MAX: i64 = 2048;

/// What is set aside for a payload: as much as a packet of the protocol holds.
const PAYLOAD_BYTES: usize = 1200;

/// A video packet as it came from the network, or out of a retransmission.
#[derive(Debug, Clone, Copy)]
pub struct IncomingPacket<'a> {
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, 90 kHz.
    pub timestamp: u32,
    /// Whose video it is: its CSRC.
    pub source: u32,
    /// RTP marker bit: the last packet of a frame.
    pub marker: bool,
    /// Whether it had been sent before; see [`super::rtx`].
    pub retransmitted: bool,
    /// The payload without padding. An empty one only fills its place in the sequence.
    pub payload: &'a [u8],
}

/// What became of a packet given to a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insert {
    /// It waits until its frame is whole.
    Queued,
    /// Its frame was given out, or given up.
    Late,
    /// It was there already.
    Duplicate,
    /// Its payload is malformed.
    Invalid,
}

/// A packet in the store.
#[derive(Debug)]
pub(super) struct Stored {
    /// Unwrapped.
    pub sequence: i64,
    pub timestamp: u32,
    pub source: u32,
    pub marker: bool,
    /// `None` for a packet without payload.
    pub kind: Option<PayloadKind>,
    pub arrival: Instant,
    payload: Vec<u8>,
}

impl Stored {
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    pub(super) fn is_padding(&self) -> bool {
        self.kind.is_none()
    }
}

/// A ring of packets. Payload buffers are kept and reused.
#[derive(Debug)]
pub(super) struct Packets {
    ring: Vec<Option<Stored>>,
    free: Vec<Vec<u8>>,
}

impl Packets {
    pub(super) fn new() -> Self {
        Self {
            ring: (0..PACKETS_MAX).map(|_| None).collect(),
            free: Vec::with_capacity(PACKETS_MAX as usize),
        }
    }

    pub(super) fn get(&self, sequence: i64) -> Option<&Stored> {
        self.ring[index(sequence)].as_ref().filter(|stored| stored.sequence == sequence)
    }

    /// Puts a packet in its place; one that is a whole ring older has to go.
    pub(super) fn insert(
        &mut self,
        now: Instant,
        packet: &IncomingPacket<'_>,
        sequence: i64,
        kind: Option<PayloadKind>,
    ) {
        self.clear(index(sequence));
        let mut payload = self.free.pop().unwrap_or_else(|| Vec::with_capacity(PAYLOAD_BYTES));
        payload.clear();
        payload.extend_from_slice(packet.payload);
        self.ring[index(sequence)] = Some(Stored {
            sequence,
            timestamp: packet.timestamp,
            source: packet.source,
            marker: packet.marker,
            kind,
            arrival: now,
            payload,
        });
    }

    pub(super) fn remove(&mut self, sequence: i64) {
        if self.get(sequence).is_some() {
            self.clear(index(sequence));
        }
    }

    pub(super) fn remove_all(&mut self) {
        (0..self.ring.len()).for_each(|index| self.clear(index));
    }

    /// Where the frame ends that starts at `start`, if all of it is there: with its marker, or
    /// before the first packet of another time.
    pub(super) fn frame_end(&self, start: i64) -> Option<i64> {
        let timestamp = self.get(start)?.timestamp;
        for sequence in start..start + PACKETS_MAX {
            let packet = self.get(sequence)?;
            if packet.timestamp != timestamp {
                return Some(sequence - 1);
            }
            if packet.marker {
                return Some(sequence);
            }
        }
        None
    }

    fn clear(&mut self, index: usize) {
        if let Some(stored) = self.ring[index].take() {
            self.free.push(stored.payload);
        }
    }
}

fn index(sequence: i64) -> usize {
    sequence.rem_euclid(PACKETS_MAX) as usize
}
