//! H.264 into RTP payloads (RFC 6184 §5, packetization mode 1): small NAL units share a payload
//! (STAP-A), large ones are cut into fragments (FU-A), all others have one of their own.

use super::nal::{self, nal_units};
use super::payload::{FRAGMENT, FRAGMENT_END, FRAGMENT_START, STAP_A};
use std::ops::Range;

/// The least room for a payload: an FU-A header with a useful fragment.
const BUDGET_BYTES_MIN: usize = 16;

/// Cuts access units into payloads. It allocates while it meets larger units than before, and no
/// more after that.
#[derive(Debug, Default)]
pub struct H264Packetizer {
    /// Where the NAL units of the present access unit are.
    units: Vec<Range<usize>>,
    payload: Vec<u8>,
}

impl H264Packetizer {
    /// Hands out the payloads of an access unit (Annex B), each at most `budget` bytes long, and
    /// whether it is the last one, which carries the RTP marker.
    ///
    /// Fragments are as large as they may be and only the last one is smaller, so that a kernel
    /// can send them as one (UDP segmentation offload wants them equal).
    ///
    /// # Panics
    /// When the budget is below 16 bytes.
    pub fn packetize(&mut self, access_unit: &[u8], budget: usize, mut out: impl FnMut(&[u8], bool)) {
        assert!(budget >= BUDGET_BYTES_MIN, "no room for a payload");
        let begin = access_unit.as_ptr() as usize;
        self.units.clear();
        // Who receives it knows where access units begin, and wants no bytes without meaning.
        let useful = |unit: &&[u8]| !matches!(nal::kind(unit[0]), nal::DELIMITER | nal::FILLER);
        self.units.extend(nal_units(access_unit).filter(useful).map(|unit| {
            let start = unit.as_ptr() as usize - begin;
            start..start + unit.len()
        }));
        let mut first = 0;
        while first < self.units.len() {
            let together = self.fitting(first, budget);
            let next = first + together.max(1);
            let last = next == self.units.len();
            let unit = &access_unit[self.units[first].clone()];
            match together {
                0 => self.fragments(unit, budget, last, &mut out),
                1 => out(unit, last),
                _ => {
                    self.aggregate(access_unit, first..next);
                    out(&self.payload, last);
                }
            }
            first = next;
        }
    }

    /// How many units from this one on fit into one payload. One alone needs no length field.
    fn fitting(&self, first: usize, budget: usize) -> usize {
        if self.units[first].len() > budget {
            return 0;
        }
        let mut bytes = 1;
        let aggregated = self.units[first..].iter().take_while(|unit| {
            bytes += 2 + unit.len();
            bytes <= budget
        });
        aggregated.count().max(1)
    }

    fn aggregate(&mut self, access_unit: &[u8], units: Range<usize>) {
        self.payload.clear();
        self.payload.push(STAP_A);
        for range in &self.units[units] {
            let unit = &access_unit[range.clone()];
            // The importance of the whole is that of its most important part (RFC 6184 §5.7.1).
            let importance = (self.payload[0] & 0x60).max(unit[0] & 0x60);
            self.payload[0] = self.payload[0] & 0x9f | importance | unit[0] & 0x80;
            self.payload.extend((unit.len() as u16).to_be_bytes());
            self.payload.extend_from_slice(unit);
        }
    }

    fn fragments(&mut self, unit: &[u8], budget: usize, last: bool, out: &mut impl FnMut(&[u8], bool)) {
        let (header, content) = (unit[0], &unit[1..]);
        let mut pieces = content.chunks(budget - 2).peekable();
        let mut position = FRAGMENT_START;
        while let Some(piece) = pieces.next() {
            let end = pieces.peek().is_none();
            self.payload.clear();
            self.payload.push(header & 0xe0 | FRAGMENT);
            self.payload.push(nal::kind(header) | position | if end { FRAGMENT_END } else { 0 });
            self.payload.extend_from_slice(piece);
            out(&self.payload, last && end);
            position = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h264::payload::Depacketizer;
    use proptest::prelude::*;

    fn payloads(access_unit: &[u8], budget: usize) -> Vec<(Vec<u8>, bool)> {
        let mut payloads = Vec::new();
        H264Packetizer::default().packetize(access_unit, budget, |payload, last| {
            payloads.push((payload.to_vec(), last));
        });
        payloads
    }

    fn unit(header: u8, len: usize) -> Vec<u8> {
        let mut unit = vec![header];
        unit.extend((1..len).map(|n| n as u8 | 1));
        unit
    }

    fn stream(units: &[Vec<u8>]) -> Vec<u8> {
        units.iter().flat_map(|unit| [&nal::START_CODE[..], unit].concat()).collect()
    }

    #[test]
    fn small_units_share_a_payload_and_large_ones_are_cut() {
        let units = [unit(0x67, 10), unit(0x48, 4), unit(0x65, 50), unit(0x25, 20)];
        let payloads = payloads(&stream(&units), 30);
        let first = [&[0x78, 0, 10][..], &units[0], &[0, 4], &units[1]].concat();
        assert_eq!(payloads[0], (first, false));
        assert_eq!(payloads[1], ([&[0x7c, 0x85], &units[2][1..29]].concat(), false));
        assert_eq!(payloads[2], ([&[0x7c, 0x45], &units[2][29..]].concat(), false));
        assert_eq!(payloads[3], (units[3].clone(), true));
        assert_eq!(payloads.len(), 4);
    }

    #[test]
    fn what_nobody_needs_is_not_sent() {
        assert!(payloads(&stream(&[unit(9, 2), unit(12, 40)]), 100).is_empty());
        assert_eq!(payloads(&stream(&[unit(9, 2), unit(0x41, 9)]), 100), [(unit(0x41, 9), true)]);
    }

    proptest! {
        #[test]
        fn what_is_cut_is_put_together_again(
            units in proptest::collection::vec((prop::sample::select(vec![0x67u8, 0x68, 0x65, 0x61, 0x41, 0x06, 0x01]), 2usize..3000), 1..8),
            budget in BUDGET_BYTES_MIN..1500,
        ) {
            let units: Vec<_> = units.into_iter().map(|(header, len)| unit(header, len)).collect();
            let stream = stream(&units);
            let payloads = payloads(&stream, budget);
            let mut joined = Vec::new();
            let mut depacketizer = Depacketizer::default();
            for (index, (payload, last)) in payloads.iter().enumerate() {
                prop_assert!(payload.len() <= budget);
                prop_assert_eq!(*last, index + 1 == payloads.len());
                depacketizer.push(payload, &mut joined).unwrap();
            }
            depacketizer.finish().unwrap();
            prop_assert_eq!(joined, stream);
        }
    }
}
