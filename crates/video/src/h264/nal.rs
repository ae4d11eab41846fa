//! NAL units (H.264 §7.3.1, §7.4.1, Annex B): the pieces of an H.264 stream.

use std::iter::FusedIterator;

/// A slice of a picture that refers to others.
pub(crate) const SLICE: u8 = 1;
/// A slice of a picture that refers to nothing before it.
pub(crate) const IDR_SLICE: u8 = 5;
/// A sequence parameter set.
pub(crate) const SPS: u8 = 7;
/// A picture parameter set.
pub(crate) const PPS: u8 = 8;
/// The end of one access unit and the begin of another.
pub(crate) const DELIMITER: u8 = 9;
/// Bytes without meaning.
pub(crate) const FILLER: u8 = 12;

/// What every NAL unit of ours begins with (Annex B).
pub(crate) const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// The type of a NAL unit, from its first byte.
pub(crate) const fn kind(header: u8) -> u8 {
    header & 0x1f
}

/// Whether no other picture refers to what is in it, from its first byte.
pub(crate) const fn is_discardable(header: u8) -> bool {
    header & 0x60 == 0
}

/// The NAL units of a byte stream (Annex B), without their start codes. None of them is empty.
pub fn nal_units(stream: &[u8]) -> NalUnits<'_> {
    let begin = start_code(stream).map_or(stream.len(), |(_, after)| after);
    NalUnits { rest: &stream[begin..] }
}

/// See [`nal_units`].
#[derive(Debug, Clone)]
pub struct NalUnits<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let (end, after) = start_code(self.rest).unwrap_or((self.rest.len(), self.rest.len()));
            let unit = trim_zeros(&self.rest[..end]);
            self.rest = &self.rest[after..];
            if !unit.is_empty() {
                return Some(unit);
            }
        }
        None
    }
}

impl FusedIterator for NalUnits<'_> {}

/// Where the first start code begins and ends.
fn start_code(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut at = 0;
    while let Some(window) = bytes.get(at..at + 3) {
        match window {
            [0, 0, 1] => return Some((at, at + 3)),
            // The third byte can be no part of a start code, or only its second or first.
            [_, _, third] if *third > 1 => at += 3,
            [_, 1, _] => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// A NAL unit ends with a byte that is not zero; what follows belongs to the next start code.
fn trim_zeros(unit: &[u8]) -> &[u8] {
    let end = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &unit[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_at_its_start_codes() {
        let cases: [(&[u8], &[&[u8]]); 9] = [
            (&[], &[]),
            (&[9, 9, 9], &[]),
            (&[0, 0, 1], &[]),
            (&[0, 0, 0, 1, 7, 2], &[&[7, 2]]),
            (&[9, 0, 0, 1, 7], &[&[7]]),
            (&[0, 0, 1, 7, 0, 0, 1, 8, 0, 0, 0, 1, 5, 1], &[&[7], &[8], &[5, 1]]),
            (&[0, 0, 1, 7, 0, 0, 3, 1, 0, 0], &[&[7, 0, 0, 3, 1]]),
            (&[0, 0, 1, 0, 0, 1, 8], &[&[8]]),
            (&[0, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 1, 5], &[&[1, 0, 1, 1], &[5]]),
        ];
        for (stream, units) in cases {
            assert_eq!(nal_units(stream).collect::<Vec<_>>(), units, "{stream:?}");
        }
    }
}
