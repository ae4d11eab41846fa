//! Sequence parameter sets (H.264 §7.3.2.1.1): how large the pictures are.

use super::nal;
use crate::Size;
use crate::bits::BitReader;

/// The profiles whose parameter sets say what their chroma is like.
const WITH_CHROMA: &[u32] = &[100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// What a sequence parameter set says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceParameters {
    /// `profile_idc`: 66 is baseline.
    pub profile: u8,
    /// The bits after the profile: 0xe0 in baseline is constrained baseline.
    pub constraints: u8,
    /// `level_idc`: ten times the level.
    pub level: u8,
    /// What is shown of the pictures.
    pub size: Size,
}

impl SequenceParameters {
    /// Reads a NAL unit, or nothing when it is none, says what cannot be, or claims pictures that are
    /// larger than [`Size::is_allowed`] allows, whatever is cut off them.
    pub fn parse(unit: &[u8]) -> Option<Self> {
        let (&header, content) = unit.split_first()?;
        if nal::kind(header) != nal::SPS {
            return None;
        }
        let mut bits = BitReader::escaped(content);
        let [profile, constraints, level] = [bits.bits(8)?, bits.bits(8)?, bits.bits(8)?];
        bits.unsigned()?; // seq_parameter_set_id
        let chroma = if WITH_CHROMA.contains(&profile) { chroma_format(&mut bits)? } else { 1 };
        bits.unsigned()?; // log2_max_frame_num_minus4
        picture_order(&mut bits)?;
        bits.unsigned()?; // max_num_ref_frames
        bits.bit()?; // gaps_in_frame_num_value_allowed_flag
        let width_in_blocks = bits.unsigned()?.checked_add(1)?;
        let map_units = bits.unsigned()?.checked_add(1)?;
        let frames_only = bits.bit()?;
        if !frames_only {
            bits.bit()?; // mb_adaptive_frame_field_flag
        }
        bits.bit()?; // direct_8x8_inference_flag
        let fields = if frames_only { 1 } else { 2 };
        let whole = (width_in_blocks.checked_mul(16)?, map_units.checked_mul(16)?.checked_mul(fields)?);
        let (mut width, mut height) = whole;
        if !Size::new(width, height).is_allowed() {
            return None;
        }
        if bits.bit()? {
            let (unit_width, unit_height) = match chroma {
                1 => (2, 2 * fields),
                2 => (2, fields),
                _ => (1, fields),
            };
            for (side, unit) in [(&mut width, unit_width), (&mut height, unit_height)] {
                for _ in 0..2 {
                    *side = side.checked_sub(bits.unsigned()?.checked_mul(unit)?)?;
                }
            }
        }
        (width > 0 && height > 0).then_some(Self {
            profile: profile as u8,
            constraints: constraints as u8,
            level: level as u8,
            size: Size::new(width, height),
        })
    }
}

/// `chroma_format_idc` and what only the high profiles have.
fn chroma_format(bits: &mut BitReader<'_>) -> Option<u32> {
    let chroma = bits.unsigned()?;
    let separate_planes = chroma == 3 && bits.bit()?;
    bits.unsigned()?; // bit_depth_luma_minus8
    bits.unsigned()?; // bit_depth_chroma_minus8
    bits.bit()?; // qpprime_y_zero_transform_bypass_flag
    if bits.bit()? {
        let lists = if chroma == 3 { 12 } else { 8 };
        for list in 0..lists {
            if bits.bit()? {
                scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    match chroma {
        0..=2 => Some(chroma),
        3 => Some(if separate_planes { 0 } else { 3 }),
        _ => None,
    }
}

/// H.264 §7.3.2.1.1.1.
fn scaling_list(bits: &mut BitReader<'_>, len: u32) -> Option<()> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..len {
        if next != 0 {
            next = (last + bits.signed()?.clamp(-128, 127) + 256) % 256;
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

/// `pic_order_cnt_type` and what follows from it.
fn picture_order(bits: &mut BitReader<'_>) -> Option<()> {
    match bits.unsigned()? {
        0 => drop(bits.unsigned()?), // log2_max_pic_order_cnt_lsb_minus4
        1 => {
            bits.bit()?; // delta_pic_order_always_zero_flag
            bits.signed()?; // offset_for_non_ref_pic
            bits.signed()?; // offset_for_top_to_bottom_field
            let cycle = bits.unsigned()?;
            if cycle > 255 {
                return None;
            }
            for _ in 0..cycle {
                bits.signed()?;
            }
        }
        2 => {}
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Writes bits, for parameter sets that no encoder here makes.
    #[derive(Default)]
    struct Bits(Vec<bool>);

    impl Bits {
        fn bits(mut self, value: u32, count: u32) -> Self {
            self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
            self
        }

        fn ue(self, value: u32) -> Self {
            let len = (value + 1).ilog2();
            self.bits(0, len).bits(value + 1, len + 1)
        }

        fn unit(self) -> Vec<u8> {
            let mut unit = vec![0x67];
            for bits in self.bits(1, 1).0.chunks(8) {
                let byte = bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
                unit.push(byte << (8 - bits.len()));
            }
            unit
        }
    }

    fn baseline() -> Bits {
        // Profile, constraints, level, id, frame number, order 2, references, no gaps.
        Bits::default().bits(66, 8).bits(0xe0, 8).bits(31, 8).ue(0).ue(0).ue(2).ue(1).bits(0, 1)
    }

    #[test]
    fn sizes_are_read_with_what_is_cut_off() {
        // 1920 × 1080 of 1088, in frames: the crop is counted in two rows.
        let cropped = baseline().ue(119).ue(67).bits(0b111, 3).ue(0).ue(0).ue(0).ue(4).bits(0, 1).unit();
        let parameters = SequenceParameters::parse(&cropped).unwrap();
        assert_eq!(
            parameters,
            SequenceParameters { profile: 66, constraints: 0xe0, level: 31, size: Size::new(1920, 1080) }
        );
        // The same in fields: half as many map units, and the crop is counted in four rows.
        let fields = baseline().ue(119).ue(33).bits(0b0011, 4).ue(0).ue(0).ue(0).ue(2).bits(0, 1).unit();
        assert_eq!(SequenceParameters::parse(&fields).unwrap().size, Size::new(1920, 1080));
        let plain = baseline().ue(79).ue(44).bits(0b110, 3).bits(0, 1).unit();
        assert_eq!(SequenceParameters::parse(&plain).unwrap().size, Size::new(1280, 720));
    }

    #[test]
    fn high_profiles_are_read_past_their_scaling_lists() {
        let start = Bits::default().bits(100, 8).bits(0, 8).bits(40, 8).ue(0).ue(1).ue(0).ue(0).bits(0, 1);
        // The first list ends at once (delta -8), the seventh takes 64 steps of 0; the others are absent.
        let lists = start.bits(1, 1).bits(1, 1).ue(16).bits(0, 5).bits(1, 1);
        let lists = (0..64).fold(lists, |bits, _| bits.ue(0)).bits(0, 1);
        let unit = lists.ue(0).ue(0).ue(2).ue(4).bits(0, 1).ue(79).ue(44).bits(0b110, 3).bits(0, 1).unit();
        assert_eq!(SequenceParameters::parse(&unit).unwrap().size, Size::new(1280, 720));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        // More is cut off than there is.
        let cut = baseline().ue(0).ue(0).bits(0b111, 3).ue(8).ue(1).ue(0).ue(0).unit();
        assert_eq!(SequenceParameters::parse(&cut), None);
        let huge = baseline().ue(1 << 29).ue(0).bits(0b110, 3).unit();
        assert_eq!(SequenceParameters::parse(&huge), None);
        // 100 000 × 100 000, and the same with all but 16 × 16 cut off.
        let large = baseline().ue(6249).ue(6249).bits(0b110, 3).unit();
        assert_eq!(SequenceParameters::parse(&large), None);
        let hidden = baseline().ue(6249).ue(6249).bits(0b111, 3).ue(0).ue(49_992).ue(0).ue(49_992).unit();
        assert_eq!(SequenceParameters::parse(&hidden), None);
        let whole = baseline().ue(79).ue(44).bits(0b110, 3).unit();
        for end in 0..9 {
            assert_eq!(SequenceParameters::parse(&whole[..end]), None, "{end} bytes");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            SequenceParameters::parse(&[&[0x67], &bytes[..]].concat());
        }
    }
}
