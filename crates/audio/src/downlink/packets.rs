//! Packets waiting to be decoded, in the order of their sequence numbers.

use std::time::Instant;

use super::SourceId;
use crate::codec::{self, PAYLOAD_BYTES_MAX, SILENCE_BYTES_MAX};

/// How many packets wait at most: 1.28 s of 20 ms packets. What comes on top pushes out the
/// oldest.
pub(super) const PACKETS_MAX: usize = 64;

/// A voice packet as it came from the network.
#[derive(Debug, Clone, Copy)]
pub struct IncomingPacket<'a> {
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, 48 kHz.
    pub timestamp: u32,
    /// Whose voice it is: its CSRC.
    pub source: SourceId,
    /// RTP marker bit: the first packet of a talk spurt.
    pub marker: bool,
    /// The Opus packet (RFC 7587).
    pub payload: &'a [u8],
}

/// What became of a packet given to a jitter buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insert {
    /// It waits for its turn.
    Queued,
    /// Its turn had passed.
    Late,
    /// It was there already.
    Duplicate,
    /// It is no Opus packet, or has no place in any stream.
    Invalid,
}

/// A packet in the store.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    /// Sequence number, unwrapped.
    pub sequence: i64,
    /// Timestamp, unwrapped.
    pub timestamp: i64,
    /// Time in it, in samples.
    pub samples: usize,
    pub source: SourceId,
    pub arrival: Instant,
    pub has_fec: bool,
    payload: Vec<u8>,
}

impl Stored {
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Whether it holds no sound and says that none follows.
    pub(super) fn announces_silence(&self) -> bool {
        self.payload.len() <= SILENCE_BYTES_MAX
    }

    pub(super) fn end(&self) -> i64 {
        self.timestamp + self.samples as i64
    }
}

/// Packets in sequence order. Payload buffers are allocated once and reused.
#[derive(Debug)]
pub(super) struct Packets {
    /// In sequence order.
    waiting: Vec<Stored>,
    free: Vec<Vec<u8>>,
}

impl Packets {
    pub(super) fn new() -> Self {
        Self {
            waiting: Vec::with_capacity(PACKETS_MAX),
            free: (0..PACKETS_MAX).map(|_| Vec::with_capacity(PAYLOAD_BYTES_MAX)).collect(),
        }
    }

    /// Whether a packet of this sequence number waits.
    pub(super) fn contains(&self, sequence: i64) -> bool {
        self.waiting.iter().any(|packet| packet.sequence == sequence)
    }

    /// Puts a packet in its place and returns whether another had to go for it.
    pub(super) fn insert(
        &mut self,
        packet: &IncomingPacket<'_>,
        sequence: i64,
        timestamp: i64,
        samples: usize,
        arrival: Instant,
    ) -> bool {
        let overflow = self.waiting.len() == PACKETS_MAX;
        if overflow {
            self.drop_first();
        }
        let Some(mut payload) = self.free.pop() else { return overflow };
        payload.clear();
        payload.extend_from_slice(packet.payload);
        let place = self.waiting.partition_point(|other| other.sequence < sequence);
        self.waiting.insert(
            place,
            Stored {
                sequence,
                timestamp,
                samples,
                source: packet.source,
                arrival,
                has_fec: codec::packet_has_fec(packet.payload),
                payload,
            },
        );
        overflow
    }

    pub(super) fn first(&self) -> Option<&Stored> {
        self.waiting.first()
    }

    pub(super) fn drop_first(&mut self) {
        if !self.waiting.is_empty() {
            self.free.push(self.waiting.remove(0).payload);
        }
    }

    pub(super) fn clear(&mut self) {
        while !self.waiting.is_empty() {
            self.drop_first();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// Extends a wrapping number to 64 bits by taking the value nearest to the last one.
pub(super) fn unwrap_near(last: i64, value: u32, bits: u32) -> i64 {
    let modulus = 1_i64 << bits;
    let difference = (i64::from(value) - last).rem_euclid(modulus);
    if difference >= modulus / 2 { last + difference - modulus } else { last + difference }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapping_numbers_go_on() {
        let table = [
            (65_535, 0, 65_536),
            (65_536, 65_535, 65_535),
            (0, 65_535, -1),
            (131_072, 3, 131_075),
            (10, 10, 10),
        ];
        for (last, value, expected) in table {
            assert_eq!(unwrap_near(last, value, 16), expected, "{value} after {last}");
        }
        assert_eq!(unwrap_near(i64::from(u32::MAX), 5, 32), (1 << 32) + 5);
    }
}
