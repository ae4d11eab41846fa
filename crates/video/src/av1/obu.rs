//! Open bitstream units (AV1 §5.3–§5.5, §5.9): the pieces of an AV1 stream.

use crate::Size;
use crate::bits::BitReader;

/// Says how large pictures are and which tools are used.
pub(super) const SEQUENCE_HEADER: u8 = 1;
/// Begins a temporal unit.
pub(super) const TEMPORAL_DELIMITER: u8 = 2;
/// A frame's header alone.
pub(super) const FRAME_HEADER: u8 = 3;
/// A frame's header with its tiles.
pub(super) const FRAME: u8 = 6;
/// Tiles of another sort, which RTP does not carry.
pub(super) const TILE_LIST: u8 = 8;
/// Bytes without meaning.
pub(super) const PADDING: u8 = 15;

const EXTENSION: u8 = 4;
const HAS_SIZE: u8 = 2;

/// A unit without its size field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Obu<'a> {
    /// One byte or, with the extension, two. It says that there is no size field.
    header: [u8; 2],
    header_len: usize,
    /// What follows the header.
    pub(super) content: &'a [u8],
}

impl<'a> Obu<'a> {
    /// Reads the first unit of some bytes, of all if it has no size field, and what follows it.
    pub(super) fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&first, mut rest) = bytes.split_first()?;
        // Forbidden.
        if first & 0x80 != 0 {
            return None;
        }
        let mut header = [first & !HAS_SIZE, 0];
        let mut header_len = 1;
        if first & EXTENSION != 0 {
            (header[1], rest) = rest.split_first().map(|(second, rest)| (*second, rest))?;
            header_len = 2;
        }
        let (content, rest) = if first & HAS_SIZE == 0 {
            (rest, &[][..])
        } else {
            let (len, rest) = read_leb128(rest)?;
            rest.split_at_checked(len)?
        };
        Some((Self { header, header_len, content }, rest))
    }

    pub(super) fn kind(&self) -> u8 {
        self.header[0] >> 3 & 0x0f
    }

    /// Whether RTP carries it.
    pub(super) fn is_carried(&self) -> bool {
        !matches!(self.kind(), TEMPORAL_DELIMITER | TILE_LIST | PADDING)
    }

    /// Bytes of header and content.
    pub(super) fn len(&self) -> usize {
        self.header_len + self.content.len()
    }

    /// Appends `len` bytes of header and content, from `offset` on.
    pub(super) fn copy(&self, offset: usize, len: usize, out: &mut Vec<u8>) {
        let end = offset + len;
        let header = offset.min(self.header_len)..end.min(self.header_len);
        out.extend_from_slice(&self.header[header]);
        let content = offset.saturating_sub(self.header_len)..end.saturating_sub(self.header_len);
        out.extend_from_slice(&self.content[content]);
    }

    /// Appends it with a size field.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.header[0] | HAS_SIZE);
        out.extend_from_slice(&self.header[1..self.header_len]);
        write_leb128(self.content.len(), out);
        out.extend_from_slice(self.content);
    }

    /// Whether it begins a frame that needs none before it (§5.9.2). A still picture is no video.
    pub(super) fn begins_key_frame(&self) -> Option<bool> {
        if !matches!(self.kind(), FRAME | FRAME_HEADER) {
            return None;
        }
        // show_existing_frame is 0 and frame_type is KEY_FRAME.
        Some(self.content.first().is_some_and(|first| first & 0xe0 == 0))
    }
}

/// A number in groups of seven bits (§4.10.5), and what follows it.
pub(super) fn read_leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            // Larger ones are forbidden.
            let value = u32::try_from(value).ok()?;
            return Some((value as usize, &bytes[index + 1..]));
        }
    }
    None
}

/// Appends a number in groups of seven bits.
pub(super) fn write_leb128(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes [`write_leb128`] appends.
pub(super) const fn leb128_len(value: usize) -> usize {
    if value == 0 { 1 } else { (value.ilog2() as usize) / 7 + 1 }
}

/// The size of the pictures, from a sequence header's content (§5.5.1), if it is allowed.
pub(super) fn sequence_size(content: &[u8]) -> Option<Size> {
    let mut bits = BitReader::plain(content);
    bits.skip(4)?; // seq_profile, still_picture
    if bits.bit()? {
        bits.skip(5)?; // seq_level_idx of a reduced header
    } else {
        let delay_bits = timing(&mut bits)?;
        let display_delay = bits.bit()?;
        for _ in 0..=bits.bits(5)? {
            operating_point(&mut bits, delay_bits, display_delay)?;
        }
    }
    let width_bits = bits.bits(4)? + 1;
    let height_bits = bits.bits(4)? + 1;
    let size = Size::new(bits.bits(width_bits)? + 1, bits.bits(height_bits)? + 1);
    size.is_allowed().then_some(size)
}

/// Timing and decoder model; returns how many bits delays take, if they are there.
fn timing(bits: &mut BitReader<'_>) -> Option<Option<u32>> {
    if !bits.bit()? {
        return Some(None);
    }
    bits.skip(64)?; // num_units_in_display_tick, time_scale
    if bits.bit()? {
        bits.unsigned()?; // num_ticks_per_picture_minus_1
    }
    if !bits.bit()? {
        return Some(None);
    }
    let delay_bits = bits.bits(5)? + 1;
    bits.skip(32 + 5 + 5)?; // num_units_in_decoding_tick, two lengths
    Some(Some(delay_bits))
}

fn operating_point(bits: &mut BitReader<'_>, delay_bits: Option<u32>, display_delay: bool) -> Option<()> {
    bits.skip(12)?; // operating_point_idc
    if bits.bits(5)? > 7 {
        bits.skip(1)?; // seq_tier
    }
    if let Some(delay_bits) = delay_bits
        && bits.bit()?
    {
        bits.skip(2 * delay_bits + 1)?;
    }
    if display_delay && bits.bit()? {
        bits.skip(4)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_split_with_and_without_size() {
        let (unit, rest) = Obu::split(&[0x32, 2, 7, 8, 9]).unwrap();
        assert_eq!((unit.kind(), unit.content, rest), (FRAME, &[7, 8][..], &[9][..]));
        let (unit, rest) = Obu::split(&[0x34, 0x28, 7, 8, 9]).unwrap();
        assert_eq!((unit.kind(), unit.content, rest), (FRAME, &[7, 8, 9][..], &[][..]));
        let mut out = Vec::new();
        unit.write(&mut out);
        assert_eq!(out, [0x36, 0x28, 3, 7, 8, 9]);
        out.clear();
        unit.copy(1, 3, &mut out);
        assert_eq!(out, [0x28, 7, 8]);
        for malformed in [&[][..], &[0xb0], &[0x34], &[0x32], &[0x32, 2, 7], &[0x32, 0x80]] {
            assert_eq!(Obu::split(malformed), None, "{malformed:?}");
        }
    }

    #[test]
    fn key_frames_are_told_by_their_first_bits() {
        for (bytes, expected) in [
            (&[0x30, 0x10][..], Some(true)),
            (&[0x18, 0x1f], Some(true)),
            (&[0x30, 0x30], Some(false)),
            (&[0x30, 0x90], Some(false)),
            (&[0x30], Some(false)),
            (&[0x08, 0], None),
        ] {
            assert_eq!(Obu::split(bytes).unwrap().0.begins_key_frame(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn sizes_are_read_past_everything_optional() {
        let bits = |fields: &[(u32, u32)]| {
            let bits: Vec<bool> = fields
                .iter()
                .flat_map(|(value, count)| (0..*count).rev().map(move |bit| value >> bit & 1 == 1))
                .collect();
            bits.chunks(8)
                .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit)) << (8 - bits.len()))
                .collect::<Vec<u8>>()
        };
        let size = [(10, 4), (9, 4), (1279, 11), (719, 10)];
        let plain = [&[(0, 4), (0, 1), (0, 1), (0, 1), (0, 5), (0, 12), (8, 5), (0, 1)][..], &size].concat();
        assert_eq!(sequence_size(&bits(&plain)), Some(Size::new(1280, 720)));
        let reduced = [&[(0, 3), (1, 1), (1, 1), (0, 5)][..], &size].concat();
        assert_eq!(sequence_size(&bits(&reduced)), Some(Size::new(1280, 720)));
        // Timing with ticks and a decoder model, two operating points, one with all that it may have.
        let timing =
            [(0, 5), (1, 1), (1, 32), (60, 32), (1, 1), (0b011, 3), (1, 1), (9, 5), (1, 32), (0, 10)];
        let points = [
            (1, 1),
            (1, 5),
            (0x101, 12),
            (9, 5),
            (1, 1),
            (1, 1),
            (3, 10),
            (3, 10),
            (1, 1),
            (1, 1),
            (5, 4),
            (0x100, 12),
            (7, 5),
            (0, 1),
            (0, 1),
        ];
        let full = [&timing[..], &points, &size].concat();
        assert_eq!(sequence_size(&bits(&full)), Some(Size::new(1280, 720)));
        let huge = [&reduced[..4], &[(15, 4), (15, 4), (0xffff, 16), (0xffff, 16)]].concat();
        assert_eq!(sequence_size(&bits(&huge)), None);
        assert_eq!(sequence_size(&bits(&plain)[..5]), None);
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_written(value in 0..=u32::MAX) {
            let mut bytes = Vec::new();
            write_leb128(value as usize, &mut bytes);
            prop_assert_eq!(bytes.len(), leb128_len(value as usize));
            bytes.push(9);
            prop_assert_eq!(read_leb128(&bytes), Some((value as usize, &[9][..])));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            sequence_size(&bytes);
            if let Some((unit, rest)) = Obu::split(&bytes) {
                prop_assert!(unit.content.len() + rest.len() < bytes.len());
            }
        }
    }
}
