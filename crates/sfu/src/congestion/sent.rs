//! When packets left for a receiver, by their transport-wide sequence numbers, until it has told when
//! they came.

/// Packets that are remembered: half a second of 20 Mb/s, and several of what is usual. What is told of
/// later than that is not believed.
pub(crate) const REMEMBERED: usize = 1024;

/// A packet that left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sent {
    /// One more than its number; 0 for none, and for one that has been told of.
    place: u64,
    /// When it left, in microseconds.
    pub at_us: i64,
    /// On the wire, without UDP and IP.
    pub bytes: u16,
}

/// A ring of packets that left. It never grows.
#[derive(Debug)]
pub(crate) struct SentPackets {
    ring: Box<[Sent]>,
    next: u64,
}

impl SentPackets {
    pub fn new() -> Self {
        Self { ring: vec![Sent::default(); REMEMBERED].into_boxed_slice(), next: 0 }
    }

    /// Number of the next packet.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Notes a packet that leaves with the next number.
    pub fn note(&mut self, bytes: usize, at_us: i64) {
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        self.ring[self.next as usize % REMEMBERED] = Sent { place: self.next + 1, at_us, bytes };
        self.next += 1;
    }

    /// The packet with these 16 bits, and its number; once, and only one that left and is remembered.
    pub fn take(&mut self, number: u16) -> Option<(u64, Sent)> {
        let last = self.next.checked_sub(1)?;
        let number = last.checked_sub(u64::from((last as u16).wrapping_sub(number)))?;
        let kept = &mut self.ring[number as usize % REMEMBERED];
        let sent = *kept;
        if sent.place != number + 1 {
            return None;
        }
        kept.place = 0;
        Some((number, sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_told_of_once_and_only_if_it_left() {
        let mut sent = SentPackets::new();
        assert_eq!(sent.take(0), None);
        (0..70_000).for_each(|number| sent.note(100 + number % 7, number as i64));
        let (number, packet) = sent.take(69_999u32 as u16).unwrap();
        assert_eq!((number, packet.at_us, packet.bytes), (69_999, 69_999, 106));
        assert_eq!(sent.take(69_999u32 as u16), None, "told already");
        assert_eq!(sent.take(70_000u32 as u16), None, "not sent");
        assert_eq!(sent.take((70_000 - REMEMBERED - 1) as u16), None, "forgotten");
        assert!(sent.take((70_000 - REMEMBERED) as u16).is_some());
    }
}
