//! AV1 into RTP payloads (RTP Payload Format For AV1 §4): each begins with an aggregation header
//! and holds up to three units or fragments of units. More than three would need a length field
//! for the last one as well, and encoders for calls make two units: sequence header and frame.

use super::obu::{self, Obu, leb128_len, write_leb128};
use super::payload::{CONTINUES, CONTINUES_LATER, COUNT_SHIFT, NEW_SEQUENCE};
use crate::VideoError;
use std::ops::Range;

/// The most elements in a payload, so that the last one needs no length field.
const ELEMENTS_MAX: usize = 3;

/// The least room for a payload: header, length fields and something useful.
const BUDGET_BYTES_MIN: usize = 16;

/// Cuts temporal units into payloads. It allocates while it meets larger units than before, and no
/// more after that.
#[derive(Debug, Default)]
pub struct Av1Packetizer {
    /// Where the units of the present temporal unit are.
    units: Vec<Range<usize>>,
    elements: Vec<Element>,
    payload: Vec<u8>,
}

/// A unit or fragment of one.
#[derive(Debug, Clone, Copy)]
struct Element {
    unit: usize,
    offset: usize,
    len: usize,
}

impl Av1Packetizer {
    /// Hands out the payloads of a temporal unit (low-overhead format), each at most `budget` bytes
    /// long, and whether it is the last one, which carries the RTP marker.
    ///
    /// # Errors
    /// [`VideoError::InvalidPayload`] when it is no temporal unit.
    ///
    /// # Panics
    /// When the budget is below 16 bytes.
    pub fn packetize(
        &mut self,
        temporal_unit: &[u8],
        budget: usize,
        mut out: impl FnMut(&[u8], bool),
    ) -> Result<(), VideoError> {
        assert!(budget >= BUDGET_BYTES_MIN, "no room for a payload");
        let mut new_sequence = self.split(temporal_unit).ok_or(VideoError::InvalidPayload)?;
        let (mut unit, mut offset) = (0, 0);
        while unit < self.units.len() {
            let continues = offset > 0;
            (unit, offset) = self.fill(temporal_unit, unit, offset, budget)?;
            self.payload.clear();
            self.payload.push(
                (self.elements.len() as u8) << COUNT_SHIFT
                    | if continues { CONTINUES } else { 0 }
                    | if offset > 0 { CONTINUES_LATER } else { 0 }
                    | if new_sequence { NEW_SEQUENCE } else { 0 },
            );
            new_sequence = false;
            for (index, element) in self.elements.iter().enumerate() {
                if index + 1 < self.elements.len() {
                    write_leb128(element.len, &mut self.payload);
                }
                let unit = at(temporal_unit, &self.units[element.unit])?;
                unit.copy(element.offset, element.len, &mut self.payload);
            }
            out(&self.payload, unit == self.units.len());
        }
        Ok(())
    }

    /// Finds the units that are sent, and whether they begin a new sequence.
    fn split(&mut self, temporal_unit: &[u8]) -> Option<bool> {
        self.units.clear();
        let mut rest = temporal_unit;
        let (mut sequence_header, mut key_frame) = (false, None);
        while !rest.is_empty() {
            let begin = temporal_unit.len() - rest.len();
            let (unit, after) = Obu::split(rest)?;
            rest = after;
            if unit.is_carried() {
                self.units.push(begin..temporal_unit.len() - rest.len());
                sequence_header |= unit.kind() == obu::SEQUENCE_HEADER;
                key_frame = key_frame.or(unit.begins_key_frame());
            }
        }
        Some(sequence_header && key_frame == Some(true))
    }

    /// Chooses the elements of the next payload, and returns where the one after it begins.
    fn fill(
        &mut self,
        temporal_unit: &[u8],
        mut unit: usize,
        mut offset: usize,
        budget: usize,
    ) -> Result<(usize, usize), VideoError> {
        self.elements.clear();
        let mut used = 1;
        while unit < self.units.len() && self.elements.len() < ELEMENTS_MAX {
            // The one before is no longer the last one, and so needs a length.
            let length_field = self.elements.last().map_or(0, |element| leb128_len(element.len));
            let room = budget.saturating_sub(used + length_field);
            if room == 0 {
                break;
            }
            let left = at(temporal_unit, &self.units[unit])?.len() - offset;
            let len = left.min(room);
            self.elements.push(Element { unit, offset, len });
            used += length_field + len;
            if len < left {
                return Ok((unit, offset + len));
            }
            (unit, offset) = (unit + 1, 0);
        }
        Ok((unit, offset))
    }
}

fn at<'a>(temporal_unit: &'a [u8], range: &Range<usize>) -> Result<Obu<'a>, VideoError> {
    Obu::split(&temporal_unit[range.clone()]).map(|(unit, _)| unit).ok_or(VideoError::InvalidPayload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::av1::payload::Depacketizer;
    use proptest::prelude::*;

    fn payloads(temporal_unit: &[u8], budget: usize) -> Vec<(Vec<u8>, bool)> {
        let mut payloads = Vec::new();
        Av1Packetizer::default()
            .packetize(temporal_unit, budget, |payload, last| payloads.push((payload.to_vec(), last)))
            .unwrap();
        payloads
    }

    fn unit(kind: u8, content: &[u8]) -> Vec<u8> {
        let mut unit = vec![kind << 3 | 2];
        write_leb128(content.len(), &mut unit);
        unit.extend_from_slice(content);
        unit
    }

    #[test]
    fn units_share_payloads_and_go_on_in_the_next() {
        let delimiter = unit(obu::TEMPORAL_DELIMITER, &[]);
        let header = unit(obu::SEQUENCE_HEADER, &[7; 5]);
        let frame = unit(obu::FRAME, &[0x10; 20]);
        let payloads = payloads(&[delimiter, header, frame].concat(), 16);
        // Two elements, of which the second goes on; a new sequence.
        let first = [&[0x68, 6, 0x08, 7, 7, 7, 7, 7, 0x30][..], &[0x10; 7]].concat();
        assert_eq!(payloads[0], (first, false));
        assert_eq!(payloads[1], ([&[0x90][..], &[0x10; 13]].concat(), true));
        assert_eq!(payloads.len(), 2);
    }

    #[test]
    fn a_new_sequence_needs_header_and_key_frame() {
        let header = unit(obu::SEQUENCE_HEADER, &[7; 5]);
        let (key, delta) = (unit(obu::FRAME, &[0x10]), unit(obu::FRAME, &[0x30]));
        for (units, expected) in [
            ([&header[..], &key].concat(), true),
            ([&header[..], &delta].concat(), false),
            // The first frame counts.
            ([&header[..], &delta, &key].concat(), false),
            (key, false),
        ] {
            assert_eq!(payloads(&units, 100)[0].0[0] & NEW_SEQUENCE != 0, expected);
        }
    }

    #[test]
    fn what_is_no_temporal_unit_is_refused() {
        for bytes in [&[0x32, 9, 1][..], &[0xff], &[0x0a, 0x80]] {
            let outcome = Av1Packetizer::default().packetize(bytes, 100, |_, _| panic!("a payload"));
            assert_eq!(outcome, Err(VideoError::InvalidPayload));
        }
    }

    proptest! {
        #[test]
        fn what_is_cut_is_put_together_again(
            units in proptest::collection::vec(
                (prop::sample::select(vec![1u8, 3, 4, 5, 6, 7]), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..700)),
                1..8,
            ),
            budget in BUDGET_BYTES_MIN..1500,
        ) {
            let mut temporal_unit = vec![0x12, 0];
            for (kind, extended, content) in units {
                temporal_unit.push(kind << 3 | 2 | if extended { 4 } else { 0 });
                temporal_unit.extend(extended.then_some(0x28));
                write_leb128(content.len(), &mut temporal_unit);
                temporal_unit.extend(content);
            }
            let payloads = payloads(&temporal_unit, budget);
            let mut joined = Vec::new();
            let mut depacketizer = Depacketizer::default();
            for (index, (payload, last)) in payloads.iter().enumerate() {
                prop_assert!(payload.len() <= budget);
                prop_assert_eq!(*last, index + 1 == payloads.len());
                depacketizer.push(payload, &mut joined).unwrap();
            }
            depacketizer.finish().unwrap();
            prop_assert_eq!(joined, temporal_unit);
        }
    }
}
