//! Reads bits, from the highest of each byte on: the headers of H.264 (§7.2, §9.1) and AV1 (§4.10).

/// Bytes read bit by bit. Past the end everything is `None`.
#[derive(Debug, Clone)]
pub(crate) struct BitReader<'a> {
    rest: &'a [u8],
    byte: u8,
    left: u32,
    /// Zero bytes just read, if a 3 after two of them is no data (H.264 §7.4.1).
    zeros: Option<u8>,
}

impl<'a> BitReader<'a> {
    /// Reads bytes as they are.
    pub(crate) fn plain(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, byte: 0, left: 0, zeros: None }
    }

    /// Reads the content of a NAL unit, without the bytes that keep start codes out of it.
    pub(crate) fn escaped(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, byte: 0, left: 0, zeros: Some(0) }
    }

    pub(crate) fn bit(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.byte = self.next_byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some(self.byte >> self.left & 1 == 1)
    }

    /// At most 32 bits as a number.
    pub(crate) fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value)
    }

    pub(crate) fn skip(&mut self, count: u32) -> Option<()> {
        for _ in 0..count {
            self.bit()?;
        }
        Some(())
    }

    /// ue(v) of H.264 §9.1, which is uvlc() of AV1 §4.10.3.
    pub(crate) fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1_u32 << zeros) - 1 + self.bits(zeros)?)
    }

    /// se(v) of H.264 §9.1.1.
    pub(crate) fn signed(&mut self) -> Option<i32> {
        let code = i64::from(self.unsigned()?);
        let value = (code + 1) / 2;
        i32::try_from(if code % 2 == 1 { value } else { -value }).ok()
    }

    fn next_byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        let Some(zeros) = &mut self.zeros else { return Some(byte) };
        if *zeros >= 2 && byte == 3 {
            *zeros = 0;
            return self.next_byte();
        }
        *zeros = if byte == 0 { zeros.saturating_add(1) } else { 0 };
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_golomb_codes_are_read() {
        // The codes 1, 010, 011, 00100, 00101, and then too few bits.
        let mut bits = BitReader::plain(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let unsigned: Vec<_> = (0..5).map(|_| bits.unsigned()).collect();
        assert_eq!(unsigned, [Some(0), Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(bits.unsigned(), None);
        let mut bits = BitReader::plain(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let signed: Vec<_> = (0..5).map(|_| bits.signed()).collect();
        assert_eq!(signed, [Some(0), Some(1), Some(-1), Some(2), Some(-2)]);
    }

    #[test]
    fn the_longest_codes_fit_and_longer_ones_are_none() {
        let mut longest = [0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe];
        assert_eq!(BitReader::plain(&longest).unsigned(), Some(u32::MAX - 1));
        assert_eq!(BitReader::plain(&longest).signed(), Some(-i32::MAX));
        longest[3] = 0;
        assert_eq!(BitReader::plain(&longest).unsigned(), None);
    }

    #[test]
    fn escapes_are_left_out_only_where_there_are_any() {
        let bytes = [0, 0, 3, 1, 0, 0, 3, 0, 0, 3];
        let read = |mut bits: BitReader<'_>| std::iter::from_fn(move || bits.bits(8)).collect::<Vec<_>>();
        assert_eq!(read(BitReader::escaped(&bytes)), [0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(read(BitReader::plain(&bytes)).len(), 10);
    }
}
