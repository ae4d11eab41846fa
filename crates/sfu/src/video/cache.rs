//! The last packets of a layer, for those who missed one.

use voicehall_protocol::rtp::PACKET_BYTES_MAX;

/// A packet that is kept.
#[derive(Clone)]
struct Kept {
    /// One more than the packet's index; 0 for none.
    place: u64,
    timestamp: u32,
    marker: bool,
    len: u16,
    bytes: [u8; PACKET_BYTES_MAX],
}

/// A packet of a layer, without its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    pub index: u64,
    pub timestamp: u32,
    pub marker: bool,
    pub payload: &'a [u8],
}

/// A ring of packets. It takes its memory with the first one: a layer that nobody wants is not sent.
#[derive(Default)]
pub(crate) struct PacketCache(Vec<Kept>);

impl PacketCache {
    /// Packets that are kept: half a second of a screen at 5 Mb/s, two of a camera.
    pub const PACKETS: usize = 256;

    /// Keeps a packet in the place of the one this many before it.
    pub fn keep(&mut self, packet: &Packet<'_>) {
        if packet.payload.len() > PACKET_BYTES_MAX {
            return;
        }
        if self.0.is_empty() {
            let none = Kept { place: 0, timestamp: 0, marker: false, len: 0, bytes: [0; PACKET_BYTES_MAX] };
            self.0.resize(Self::PACKETS, none);
        }
        let kept = &mut self.0[packet.index as usize % Self::PACKETS];
        if kept.place > packet.index {
            return;
        }
        kept.place = packet.index + 1;
        kept.timestamp = packet.timestamp;
        kept.marker = packet.marker;
        kept.len = packet.payload.len() as u16;
        kept.bytes[..packet.payload.len()].copy_from_slice(packet.payload);
    }

    /// The packet with this index, unless it never came or has been forgotten.
    pub fn get(&self, index: u64) -> Option<Packet<'_>> {
        let kept = self.0.get(index as usize % Self::PACKETS)?;
        (kept.place == index + 1).then(|| Packet {
            index,
            timestamp: kept.timestamp,
            marker: kept.marker,
            payload: &kept.bytes[..usize::from(kept.len)],
        })
    }

    /// Forgets everything, and gives the memory back.
    pub fn clear(&mut self) {
        self.0 = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(index: u64, payload: &[u8]) -> Packet<'_> {
        Packet { index, timestamp: index as u32, marker: false, payload }
    }

    #[test]
    fn the_last_packets_are_kept_and_no_others() {
        let mut cache = PacketCache::default();
        assert_eq!(cache.get(0), None);
        for index in (0..1000).filter(|index| index % 10 != 0) {
            cache.keep(&packet(index, &[index as u8; 20]));
        }
        // One that comes late, one that comes far too late, and one that is too large.
        cache.keep(&packet(990, &[1]));
        cache.keep(&packet(1000 - 10 - 256, &[1]));
        cache.keep(&packet(1003, &[1; PACKET_BYTES_MAX + 1]));
        for index in (0..1000 - 2 * 256).chain(1000 - 256..1100) {
            let there = (1000 - 256..1000).contains(&index) && (index % 10 != 0 || index == 990);
            assert_eq!(cache.get(index).is_some(), there, "{index}");
        }
        assert_eq!(cache.get(990), Some(packet(990, &[1])));
        cache.clear();
        assert_eq!(cache.get(999), None);
    }
}
