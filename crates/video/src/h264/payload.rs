//! RTP payloads of H.264 (RFC 6184 §5) into access units. Everything that packetization mode 1
//! allows is read: single NAL units, STAP-A and FU-A.

use super::nal::{self, START_CODE};
use super::sps::SequenceParameters;
use crate::payload::{FrameContent, PayloadKind};
use crate::{Size, VideoError};

/// Several NAL units in one payload.
pub(super) const STAP_A: u8 = 24;
/// A fragment of a NAL unit.
pub(super) const FRAGMENT: u8 = 28;
/// The first fragment.
pub(super) const FRAGMENT_START: u8 = 0x80;
/// The last fragment.
pub(super) const FRAGMENT_END: u8 = 0x40;

/// What one payload says of its frame, or `None` when it is malformed.
pub(crate) fn inspect(payload: &[u8]) -> Option<PayloadKind> {
    let (&header, content) = payload.split_first()?;
    let mut kind = PayloadKind { starts_key: false, discardable: nal::is_discardable(header) };
    match nal::kind(header) {
        1..=23 => kind.starts_key = nal::kind(header) == nal::SPS,
        STAP_A => {
            for unit in aggregated(content) {
                kind.starts_key |= nal::kind(*unit?.first()?) == nal::SPS;
            }
        }
        FRAGMENT => {
            content.get(1)?;
        }
        _ => return None,
    }
    Some(kind)
}

/// The NAL units of a STAP-A; `None` among them where it is malformed.
fn aggregated(mut content: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    std::iter::from_fn(move || {
        if content.is_empty() {
            return None;
        }
        let Some((unit, rest)) = split_unit(content) else {
            content = &[];
            return Some(None);
        };
        content = rest;
        Some(Some(unit))
    })
}

fn split_unit(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = content.split_first_chunk::<2>()?;
    let len = usize::from(u16::from_be_bytes(*len));
    rest.split_at_checked(len).filter(|(unit, _)| !unit.is_empty())
}

/// Puts the payloads of one access unit together again.
#[derive(Debug, Default)]
pub(crate) struct Depacketizer {
    /// The header of the NAL unit whose fragments are being read.
    open: Option<u8>,
    seen: Seen,
}

/// Which NAL units were in the access unit.
#[derive(Debug, Default)]
struct Seen {
    slices: bool,
    reference: bool,
    idr: bool,
    picture_parameters: bool,
    /// Of the sequence parameters.
    size: Option<Size>,
}

impl Depacketizer {
    /// Appends what is in the next payload.
    pub(crate) fn push(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), VideoError> {
        let (&header, content) = payload.split_first().ok_or(VideoError::InvalidPayload)?;
        let kind = nal::kind(header);
        if kind != FRAGMENT && self.open.is_some() {
            return Err(VideoError::InvalidPayload);
        }
        match kind {
            1..=23 => self.whole(payload, out),
            STAP_A => {
                for unit in aggregated(content) {
                    let unit = unit.ok_or(VideoError::InvalidPayload)?;
                    if !(1..=23).contains(&nal::kind(unit[0])) {
                        return Err(VideoError::InvalidPayload);
                    }
                    self.whole(unit, out);
                }
            }
            FRAGMENT => self.fragment(header, content, out).ok_or(VideoError::InvalidPayload)?,
            _ => return Err(VideoError::InvalidPayload),
        }
        Ok(())
    }

    /// Ends the access unit and says what is in it.
    pub(crate) fn finish(&mut self) -> Result<FrameContent, VideoError> {
        let seen = std::mem::take(&mut self.seen);
        if self.open.take().is_some() {
            return Err(VideoError::InvalidPayload);
        }
        Ok(FrameContent {
            key: seen.idr && seen.picture_parameters && seen.size.is_some(),
            size: seen.size,
            discardable: seen.slices && !seen.reference,
        })
    }

    fn whole(&mut self, unit: &[u8], out: &mut Vec<u8>) {
        self.note(unit[0]);
        if nal::kind(unit[0]) == nal::SPS {
            self.seen.size = SequenceParameters::parse(unit).map(|parameters| parameters.size);
        }
        out.extend(START_CODE);
        out.extend_from_slice(unit);
    }

    fn fragment(&mut self, indicator: u8, content: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let (&fragment, content) = content.split_first()?;
        let header = indicator & 0xe0 | nal::kind(fragment);
        let start = fragment & FRAGMENT_START != 0;
        let end = fragment & FRAGMENT_END != 0;
        // Nothing is both, as it would be no fragment (RFC 6184 §5.8).
        if start == self.open.is_some() || start && end || content.is_empty() {
            return None;
        }
        if start {
            self.note(header);
            out.extend(START_CODE);
            out.push(header);
        } else if self.open != Some(header) {
            return None;
        }
        self.open = if end { None } else { Some(header) };
        out.extend_from_slice(content);
        Some(())
    }

    fn note(&mut self, header: u8) {
        let kind = nal::kind(header);
        let slice = (nal::SLICE..=nal::IDR_SLICE).contains(&kind);
        self.seen.slices |= slice;
        self.seen.reference |= slice && !nal::is_discardable(header);
        self.seen.idr |= kind == nal::IDR_SLICE;
        self.seen.picture_parameters |= kind == nal::PPS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sequence parameter set of 1280 × 720, as OpenH264 writes one.
    const SPS: [u8; 9] = [0x67, 0x42, 0xc0, 0x1f, 0x95, 0xa0, 0x14, 0x01, 0x6e];

    fn join(payloads: &[&[u8]]) -> Result<(FrameContent, Vec<u8>), VideoError> {
        let mut out = Vec::new();
        let mut depacketizer = Depacketizer::default();
        payloads.iter().try_for_each(|payload| depacketizer.push(payload, &mut out))?;
        Ok((depacketizer.finish()?, out))
    }

    #[test]
    fn a_key_frame_is_one_that_needs_nothing_else() {
        let pps: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
        let idr: &[u8] = &[0x7c, 0x85, 1];
        let end: &[u8] = &[0x7c, 0x45, 2];
        let content = |payloads: &[&[u8]]| {
            let (content, _) = join(payloads).unwrap();
            (content.key, content.size.is_some(), content.discardable)
        };
        assert!(SequenceParameters::parse(&SPS).is_some());
        assert_eq!(content(&[&SPS, pps, idr, end]), (true, true, false));
        assert_eq!(content(&[&SPS, idr, end]), (false, true, false));
        assert_eq!(content(&[pps, idr, end]), (false, false, false));
        assert_eq!(content(&[&SPS, pps]), (false, true, false));
        assert_eq!(content(&[&SPS[..3], pps, idr, end]), (false, false, false));
        assert_eq!(content(&[&[0x41, 1]]), (false, false, false));
        assert_eq!(content(&[&[0x01, 1]]), (false, false, true));
        assert_eq!(content(&[&[0x01, 1], &[0x61, 1]]), (false, false, false));
        // Supplemental information is nothing to refer to, and no picture either.
        assert_eq!(content(&[&[0x06, 1]]), (false, false, false));
    }

    #[test]
    fn malformed_payloads_are_refused() {
        let cases: [&[&[u8]]; 13] = [
            &[&[]],
            &[&[0]],
            &[&[STAP_A, 0]],
            &[&[STAP_A, 0, 0]],
            &[&[STAP_A, 0, 2, 1]],
            &[&[STAP_A, 0, 1, FRAGMENT]],
            // STAP-B, FU-B and what is reserved are not of mode 1.
            &[&[25, 0, 0, 0, 1, 1]],
            &[&[29, 0x85, 0, 0, 1]],
            // Fragments: none, without a start, without an end, of another unit, both at once.
            &[&[FRAGMENT, 0x85]],
            &[&[FRAGMENT, 0x05, 1]],
            &[&[FRAGMENT, 0x85, 1]],
            &[&[FRAGMENT, 0x85, 1], &[FRAGMENT, 0x41, 1]],
            &[&[FRAGMENT, 0xc5, 1]],
        ];
        for payloads in cases {
            assert_eq!(join(payloads), Err(VideoError::InvalidPayload), "{payloads:?}");
        }
        assert_eq!(join(&[&[FRAGMENT, 0x85, 1], &[0x41, 1]]), Err(VideoError::InvalidPayload));
    }

    #[test]
    fn a_payload_tells_what_its_frame_is() {
        let cases = [
            (&[][..], None),
            (&[0x67, 1], Some((true, false))),
            (&[0x78, 0, 2, 0x68, 1, 0, 2, 0x67, 1], Some((true, false))),
            (&[0x78, 0, 2, 0x68, 1], Some((false, false))),
            (&[0x78, 0, 9, 0x67, 1], None),
            (&[0x1c, 0x01, 1], Some((false, true))),
            (&[0x7c, 0x85], None),
            (&[0x01, 1], Some((false, true))),
        ];
        for (payload, expected) in cases {
            let kind = inspect(payload).map(|kind| (kind.starts_key, kind.discardable));
            assert_eq!(kind, expected, "{payload:?}");
        }
    }
}
