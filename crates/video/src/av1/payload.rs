//! RTP payloads of AV1 (RTP Payload Format For AV1 §4.4) into temporal units.

use super::obu::{self, Obu, read_leb128};
use crate::payload::{FrameContent, PayloadKind};
use crate::{Size, VideoError};

/// The first element continues the last one of the payload before (Z).
pub(super) const CONTINUES: u8 = 0x80;
/// The last element goes on in the next payload (Y).
pub(super) const CONTINUES_LATER: u8 = 0x40;
/// How many elements there are, or 0 when each has a length field (W).
pub(super) const COUNT_SHIFT: u8 = 4;
/// A coded video sequence begins (N).
pub(super) const NEW_SEQUENCE: u8 = 0x08;

/// What every temporal unit begins with (AV1 §7.5). RTP leaves it out.
const DELIMITER: [u8; 2] = [obu::TEMPORAL_DELIMITER << 3 | 2, 0];

/// What one payload says of its frame, or `None` when it is malformed.
pub(crate) fn inspect(payload: &[u8]) -> Option<PayloadKind> {
    let header = *payload.first()?;
    let mut elements = elements(payload);
    if elements.clone().next().is_none() || elements.any(|element| element.is_none()) {
        return None;
    }
    let starts_key = header & (NEW_SEQUENCE | CONTINUES) == NEW_SEQUENCE;
    Some(PayloadKind { starts_key, discardable: false })
}

/// The elements of a payload; `None` among them where it is malformed.
fn elements(payload: &[u8]) -> impl Iterator<Item = Option<&[u8]>> + Clone {
    let (header, mut rest) = payload.split_first().map_or((0, &[][..]), |(header, rest)| (*header, rest));
    let count = header >> COUNT_SHIFT & 3;
    let mut index = 0;
    std::iter::from_fn(move || {
        index += 1;
        let last = index == count;
        if rest.is_empty() && (count == 0 || index > count) {
            return None;
        }
        let split = if last {
            Some((std::mem::take(&mut rest), &[][..]))
        } else {
            read_leb128(rest).and_then(|(len, after)| after.split_at_checked(len))
        };
        let Some((element, after)) = split.filter(|(element, _)| !element.is_empty()) else {
            // Ends whatever the count is.
            (rest, index) = (&[], u8::MAX - 1);
            return Some(None);
        };
        rest = after;
        Some(Some(element))
    })
}

/// Puts the payloads of one temporal unit together again.
#[derive(Debug, Default)]
pub(crate) struct Depacketizer {
    /// A unit whose fragments are being read.
    unit: Vec<u8>,
    open: bool,
    begun: bool,
    /// Whether the first frame needs none before it.
    key_frame: Option<bool>,
    size: Option<Size>,
}

impl Depacketizer {
    /// Appends what is in the next payload.
    pub(crate) fn push(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), VideoError> {
        let header = *payload.first().ok_or(VideoError::InvalidPayload)?;
        if self.open != (header & CONTINUES != 0) {
            return Err(VideoError::InvalidPayload);
        }
        let mut elements = elements(payload).peekable();
        if elements.peek().is_none() {
            return Err(VideoError::InvalidPayload);
        }
        while let Some(element) = elements.next() {
            let element = element.ok_or(VideoError::InvalidPayload)?;
            let goes_on = elements.peek().is_none() && header & CONTINUES_LATER != 0;
            if !self.open && !goes_on {
                self.unit(element, out)?;
                continue;
            }
            self.unit.extend_from_slice(element);
            self.open = goes_on;
            if !goes_on {
                let unit = std::mem::take(&mut self.unit);
                let outcome = self.unit(&unit, out);
                // Its memory serves the next one.
                self.unit = unit;
                self.unit.clear();
                outcome?;
            }
        }
        Ok(())
    }

    /// Ends the temporal unit and says what is in it.
    pub(crate) fn finish(&mut self) -> Result<FrameContent, VideoError> {
        let size = self.size.take();
        let key = self.key_frame.take() == Some(true) && size.is_some();
        self.begun = false;
        self.unit.clear();
        if std::mem::take(&mut self.open) {
            return Err(VideoError::InvalidPayload);
        }
        Ok(FrameContent { key, size, discardable: false })
    }

    fn unit(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), VideoError> {
        let (unit, _) = Obu::split(bytes).ok_or(VideoError::InvalidPayload)?;
        if !unit.is_carried() {
            return Ok(());
        }
        if !self.begun {
            out.extend(DELIMITER);
            self.begun = true;
        }
        if unit.kind() == obu::SEQUENCE_HEADER {
            self.size = obu::sequence_size(unit.content);
        }
        self.key_frame = self.key_frame.or(unit.begins_key_frame());
        unit.write(out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reduced sequence header of 16 × 16.
    const SEQUENCE: [u8; 6] = [0x08, 0x18, 0x0c, 0xff, 0xc0, 0];

    fn join(payloads: &[&[u8]]) -> Result<(FrameContent, Vec<u8>), VideoError> {
        let mut out = Vec::new();
        let mut depacketizer = Depacketizer::default();
        payloads.iter().try_for_each(|payload| depacketizer.push(payload, &mut out))?;
        Ok((depacketizer.finish()?, out))
    }

    #[test]
    fn a_key_frame_is_one_that_needs_nothing_else() {
        let content = |payloads: &[&[u8]]| {
            let content = join(payloads).unwrap().0;
            (content.key, content.size)
        };
        let sequence = [&[0x18][..], &SEQUENCE].concat();
        let size = Some(Size::new(16, 16));
        assert_eq!(content(&[&sequence, &[0x10, 0x30, 0x10]]), (true, size));
        assert_eq!(content(&[&sequence, &[0x10, 0x30, 0x30]]), (false, size));
        assert_eq!(content(&[&[0x10, 0x30, 0x10]]), (false, None));
        assert_eq!(content(&[&sequence]), (false, size));
    }

    #[test]
    fn every_way_to_count_elements_is_read() {
        let expected = [0x12, 0, 0x2a, 1, 9, 0x32, 2, 0x10, 8];
        for payloads in [
            &[&[0x20, 2, 0x28, 9, 0x30, 0x10, 8][..]][..],
            &[&[0x00, 2, 0x28, 9, 3, 0x30, 0x10, 8]],
            // With its own size field inside.
            &[&[0x20, 3, 0x2a, 1, 9, 0x30, 0x10, 8]],
            // Cut within the second unit, and in its header.
            &[&[0x60, 2, 0x28, 9, 0x30, 0x10], &[0x90, 8]],
            &[&[0x40, 2, 0x28, 9, 2, 0x30, 0x10], &[0x80, 1, 8]],
            &[&[0x10, 0x28, 9], &[0x50, 0x30], &[0xd0, 0x10], &[0x90, 8]],
            // A delimiter, which should not be there.
            &[&[0x30, 1, 0x10, 2, 0x28, 9, 0x30, 0x10, 8]],
        ] {
            assert_eq!(join(payloads).map(|(_, out)| out).as_deref(), Ok(&expected[..]), "{payloads:?}");
        }
    }

    #[test]
    fn malformed_payloads_are_refused() {
        let cases: [&[&[u8]]; 13] = [
            &[&[]],
            &[&[0x00]],
            &[&[0x10]],
            &[&[0x20, 1, 0x28]],
            &[&[0x20, 5, 0x28, 9]],
            &[&[0x00, 0]],
            &[&[0x00, 0x80]],
            &[&[0x20, 0, 0x28]],
            // More elements than are counted cannot be, but fewer.
            &[&[0x30, 1, 0x28, 1, 0x30]],
            // Fragments: without a start, without an end, not gone on with.
            &[&[0x90, 8]],
            &[&[0x50, 0x30]],
            &[&[0x50, 0x30], &[0x10, 0x28]],
            // No unit.
            &[&[0x10, 0xb0]],
        ];
        for payloads in cases {
            assert_eq!(join(payloads), Err(VideoError::InvalidPayload), "{payloads:?}");
        }
    }

    #[test]
    fn a_payload_tells_whether_a_key_frame_begins() {
        let cases: [(&[u8], Option<bool>); 5] = [
            (&[0x18, 0x08, 1], Some(true)),
            (&[0x98, 0x08, 1], Some(false)),
            (&[0x10, 0x30, 1], Some(false)),
            (&[0x18], None),
            (&[0x28, 9, 1], None),
        ];
        for (payload, expected) in cases {
            assert_eq!(inspect(payload).map(|kind| kind.starts_key), expected, "{payload:?}");
        }
    }
}
