//! What the first bytes of a payload say of its frame; nothing more of a payload is ever read.

use voicehall_protocol::video::VideoCodec;

/// Coded slices of a picture (H.264 table 7-1).
const SLICES: std::ops::RangeInclusive<u8> = 1..=5;
const SEQUENCE_PARAMETERS: u8 = 7;
const STAP_A: u8 = 24;
const FRAGMENT: u8 = 28;
/// AV1: the first element continues the last one of the payload before (Z).
const CONTINUES: u8 = 0x80;
/// AV1: a coded video sequence begins (N).
const NEW_SEQUENCE: u8 = 0x08;

/// What one payload says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sniffed {
    /// A key frame begins with it, parameter sets and all.
    pub starts_key: bool,
    /// No other frame refers to the one that it belongs to. In H.264 `nal_ref_idc` is 0 then, which
    /// is how encoders with two temporal layers mark the upper one (OpenH264 does); AV1 would need
    /// a dependency descriptor.
    pub discardable: bool,
}

/// Reads a payload; `None` when it is malformed.
pub(crate) fn sniff(codec: VideoCodec, payload: &[u8]) -> Option<Sniffed> {
    match codec {
        VideoCodec::H264 => h264(payload),
        VideoCodec::Av1 => {
            let (header, content) = payload.split_first()?;
            let starts_key = header & (NEW_SEQUENCE | CONTINUES) == NEW_SEQUENCE;
            (!content.is_empty()).then_some(Sniffed { starts_key, discardable: false })
        }
    }
}

/// RFC 6184 §5.2, packetization mode 1.
fn h264(payload: &[u8]) -> Option<Sniffed> {
    let (&header, content) = payload.split_first()?;
    let unreferenced = header & 0x60 == 0;
    match header & 0x1f {
        kind @ 1..=23 => Some(Sniffed {
            starts_key: kind == SEQUENCE_PARAMETERS,
            discardable: unreferenced && SLICES.contains(&kind),
        }),
        STAP_A => {
            let (mut sniffed, mut rest) = (Sniffed::default(), content);
            while !rest.is_empty() {
                let (len, after) = rest.split_first_chunk::<2>()?;
                let (unit, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
                let kind = unit.first()? & 0x1f;
                sniffed.starts_key |= kind == SEQUENCE_PARAMETERS;
                sniffed.discardable |= unreferenced && SLICES.contains(&kind);
                rest = after;
            }
            Some(sniffed)
        }
        FRAGMENT => {
            content.get(1)?;
            Some(Sniffed { starts_key: false, discardable: unreferenced })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn key_frames_and_discardable_ones_are_told() {
        let is = |starts_key, discardable| Some(Sniffed { starts_key, discardable });
        let cases: [(VideoCodec, &[u8], Option<Sniffed>); 14] = [
            (VideoCodec::H264, &[0x67, 1, 2], is(true, false)),
            (VideoCodec::H264, &[0x65, 1, 2], is(false, false)),
            (VideoCodec::H264, &[0x41, 1, 2], is(false, false)),
            (VideoCodec::H264, &[0x01, 1, 2], is(false, true)),
            // Supplemental information is never referred to, and says nothing of the picture.
            (VideoCodec::H264, &[0x06, 1, 2], is(false, false)),
            (VideoCodec::H264, &[0x78, 0, 2, 0x67, 1, 0, 1, 0x68], is(true, false)),
            (VideoCodec::H264, &[0x18, 0, 1, 0x01], is(false, true)),
            (VideoCodec::H264, &[0x78, 0, 9, 0x67, 1], None),
            (VideoCodec::H264, &[0x7c, 0x85, 1], is(false, false)),
            (VideoCodec::H264, &[0x1c, 0x81, 1], is(false, true)),
            (VideoCodec::H264, &[0x7d, 1, 1], None),
            (VideoCodec::Av1, &[0x18, 0x0a], is(true, false)),
            (VideoCodec::Av1, &[0x98, 0x0a], is(false, false)),
            (VideoCodec::Av1, &[0x18], None),
        ];
        for (codec, payload, expected) in cases {
            assert_eq!(sniff(codec, payload), expected, "{codec:?} {payload:x?}");
        }
        assert_eq!(sniff(VideoCodec::H264, &[]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(payload in proptest::collection::vec(any::<u8>(), 0..100)) {
            sniff(VideoCodec::H264, &payload);
            sniff(VideoCodec::Av1, &payload);
        }
    }
}
