//! RTP headers (RFC 3550 §5.1) as they come from clients and as they go to receivers.

use voicehall_protocol::rtp::{
    EXT_AUDIO_LEVEL, EXT_MID, EXT_REPAIRED_RID, EXT_RID, EXT_TRANSPORT_CC, PT_OPUS, RIDS,
};

const FIXED_BYTES: usize = 12;
/// "Defined by profile" of one-byte header extensions (RFC 8285 §4.2).
const ONE_BYTE_PROFILE: u16 = 0xbede;
/// The same of two-byte ones, whose last four bits are free (RFC 8285 §4.3).
const TWO_BYTE_PROFILE: u16 = 0x1000;

/// Bytes of the header that a receiver gets: fixed part, one CSRC, one header extension.
pub const VOICE_HEADER_BYTES: usize = FIXED_BYTES + 4 + 4 + 4;

/// An audio level (RFC 6464) as it travels: the loudness in −dBov in the lower seven bits, so
/// that 0 is loudest and 127 silence, and a voice-activity bit above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioLevel(pub u8);

impl AudioLevel {
    /// Assumed when a packet has none: the quietest that is not silence, so that such a voice
    /// is heard when there is room and never displaces another.
    pub const UNKNOWN: Self = Self(126);

    /// Digital silence.
    pub const SILENCE: Self = Self(127);

    /// The level in −dBov, 0 to 127.
    pub const fn minus_dbov(self) -> u8 {
        self.0 & 0x7f
    }

    /// Whether it is digital silence.
    pub const fn is_silence(self) -> bool {
        self.minus_dbov() == Self::SILENCE.0
    }
}

/// What a client calls a stream, until its SSRC is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamName {
    /// Number of the media line, [`UNKNOWN_NAME`] when it is none.
    pub mid: Option<u8>,
    /// Number of the simulcast layer, likewise.
    pub layer: Option<u8>,
    /// Number of the layer that it repeats packets of, likewise.
    pub repaired: Option<u8>,
}

/// A name that the protocol does not have.
pub const UNKNOWN_NAME: u8 = u8::MAX;

/// What matters of a received header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    /// First packet of a talk spurt.
    pub marker: bool,
    /// What the payload is.
    pub payload_type: u8,
    /// Of 16 bits; the upper ones are counted by both sides.
    pub sequence: u16,
    /// In units of the payload's clock.
    pub timestamp: u32,
    /// The stream.
    pub ssrc: u32,
    /// First contributing source.
    pub csrc: Option<u32>,
    /// Header extension [`EXT_AUDIO_LEVEL`].
    pub level: Option<AudioLevel>,
    /// What the stream is called.
    pub name: StreamName,
    /// Header extension [`EXT_TRANSPORT_CC`].
    pub transport: Option<u16>,
    /// Whether the payload ends in padding.
    pub padded: bool,
    /// Where the payload starts.
    pub len: usize,
}

impl RtpHeader {
    /// Whether a datagram is RTP or RTCP by its first byte (RFC 7983).
    pub fn is_media(datagram: &[u8]) -> bool {
        datagram.first().is_some_and(|first| first >> 6 == 2)
    }

    /// Whether a datagram that is media is RTCP (RFC 5761 §4).
    pub fn is_rtcp(datagram: &[u8]) -> bool {
        datagram.get(1).is_some_and(|second| (192..224).contains(second))
    }

    /// Reads a header; `None` when it is not well formed. The payload may still be encrypted.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let (fixed, rest) = packet.split_at_checked(FIXED_BYTES)?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let csrcs = rest.get(..usize::from(fixed[0] & 0x0f) * 4)?;
        let mut len = FIXED_BYTES + csrcs.len();
        let mut level = None;
        let (mut name, mut transport) = (StreamName::default(), None);
        if fixed[0] & 0x10 != 0 {
            let head = packet.get(len..len + 4)?;
            let profile = u16::from_be_bytes([head[0], head[1]]);
            let words = usize::from(u16::from_be_bytes([head[2], head[3]]));
            len += 4;
            extensions(profile, packet.get(len..len + words * 4)?, |id, value| match id {
                EXT_AUDIO_LEVEL => level = level.or(value.first().map(|level| AudioLevel(*level))),
                EXT_MID => name.mid = Some(decimal(value)),
                EXT_RID => name.layer = Some(layer(value)),
                EXT_REPAIRED_RID => name.repaired = Some(layer(value)),
                EXT_TRANSPORT_CC => transport = value.first_chunk().map(|number| u16::from_be_bytes(*number)),
                _ => {}
            });
            len += words * 4;
        }
        let word = |at: usize| u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        Some(Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7f,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: word(4),
            ssrc: word(8),
            csrc: csrcs.first_chunk().map(|csrc| u32::from_be_bytes(*csrc)),
            level,
            name,
            transport,
            padded: fixed[0] & 0x20 != 0,
            len,
        })
    }

    /// The payload within a decrypted packet, without padding; `None` when the padding is more
    /// than there is.
    pub fn payload<'a>(&self, plain: &'a [u8]) -> Option<&'a [u8]> {
        let payload = plain.get(self.len..)?;
        if !self.padded {
            return Some(payload);
        }
        let padding = usize::from(*payload.last()?);
        if padding == 0 {
            return None;
        }
        payload.get(..payload.len().checked_sub(padding)?)
    }
}

/// Reads header extensions (RFC 8285) in both forms, up to the first that is malformed.
#[inline]
fn extensions(profile: u16, mut data: &[u8], mut each: impl FnMut(u8, &[u8])) {
    let two_byte = profile & 0xfff0 == TWO_BYTE_PROFILE;
    if !two_byte && profile != ONE_BYTE_PROFILE {
        return;
    }
    while let Some((&first, rest)) = data.split_first() {
        if first == 0 {
            data = rest;
            continue;
        }
        let (id, len, rest) = if two_byte {
            let Some((&len, rest)) = rest.split_first() else { return };
            (first, usize::from(len), rest)
        } else if first >> 4 == 15 {
            return;
        } else {
            (first >> 4, usize::from(first & 0x0f) + 1, rest)
        };
        let Some((value, rest)) = rest.split_at_checked(len) else { return };
        each(id, value);
        data = rest;
    }
}

/// A number of one or two digits.
fn decimal(text: &[u8]) -> u8 {
    match *text {
        [ones @ b'0'..=b'9'] => ones - b'0',
        [tens @ b'1'..=b'9', ones @ b'0'..=b'9'] => (tens - b'0') * 10 + (ones - b'0'),
        _ => UNKNOWN_NAME,
    }
}

fn layer(rid: &[u8]) -> u8 {
    RIDS.iter().position(|known| known.as_bytes() == rid).map_or(UNKNOWN_NAME, |layer| layer as u8)
}

/// The header of a voice packet, written anew: nothing of the sender's own header is left but
/// the audio level. Marker and sequence number are filled in for each receiver.
#[derive(Debug, Clone, Copy)]
pub struct VoiceHeader([u8; VOICE_HEADER_BYTES]);

impl VoiceHeader {
    /// Everything that all receivers share.
    pub fn new(ssrc: u32, csrc: u32, timestamp: u32, level: AudioLevel) -> Self {
        let mut bytes = [0; VOICE_HEADER_BYTES];
        // Version 2, with extension and one CSRC.
        bytes[0] = 0x80 | 0x10 | 1;
        bytes[4..8].copy_from_slice(&timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&ssrc.to_be_bytes());
        bytes[12..16].copy_from_slice(&csrc.to_be_bytes());
        bytes[16..18].copy_from_slice(&ONE_BYTE_PROFILE.to_be_bytes());
        bytes[19] = 1;
        bytes[20] = EXT_AUDIO_LEVEL << 4;
        bytes[21] = level.0;
        Self(bytes)
    }

    /// The whole header for one receiver.
    pub fn bytes(&mut self, marker: bool, sequence: u16) -> &[u8; VOICE_HEADER_BYTES] {
        self.0[1] = PT_OPUS | u8::from(marker) << 7;
        self.0[2..4].copy_from_slice(&sequence.to_be_bytes());
        &self.0
    }
}

/// The header of a video packet for one receiver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VideoHeader {
    pub payload_type: u8,
    pub marker: bool,
    pub padded: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub csrc: u32,
    /// Number among all video packets to this receiver.
    pub transport: u16,
}

impl VideoHeader {
    pub fn bytes(&self) -> [u8; VOICE_HEADER_BYTES] {
        let mut bytes = [0; VOICE_HEADER_BYTES];
        bytes[0] = 0x80 | 0x10 | 1 | u8::from(self.padded) << 5;
        bytes[1] = self.payload_type | u8::from(self.marker) << 7;
        bytes[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.csrc.to_be_bytes());
        bytes[16..18].copy_from_slice(&ONE_BYTE_PROFILE.to_be_bytes());
        bytes[19] = 1;
        bytes[20] = EXT_TRANSPORT_CC << 4 | 1;
        bytes[21..23].copy_from_slice(&self.transport.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with_extension(profile: u16, data: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x90, PT_OPUS, 0, 7, 0, 0, 0, 9, 0, 0, 0, 5];
        packet.extend(profile.to_be_bytes());
        packet.extend(((data.len() / 4) as u16).to_be_bytes());
        packet.extend(data);
        packet
    }

    #[test]
    fn the_audio_level_is_found_in_both_forms() {
        let cases: [(u16, &[u8], Option<u8>); 7] = [
            (0xbede, &[0x10, 0x85, 0, 0], Some(0x85)),
            (0xbede, &[0, 0x21, 1, 2, 0x10, 60, 0, 0], Some(60)),
            (0xbede, &[0x21, 1, 2, 0], None),
            // Id 15 ends one-byte extensions.
            (0xbede, &[0xf0, 0, 0x10, 60], None),
            (0x1000, &[1, 1, 44, 0], Some(44)),
            (0x1003, &[9, 0, 1, 1, 44, 0, 0, 0], Some(44)),
            (0xabcd, &[0x10, 0x85, 0, 0], None),
        ];
        for (profile, data, level) in cases {
            let header = RtpHeader::parse(&with_extension(profile, data)).unwrap();
            assert_eq!(header.level, level.map(AudioLevel), "{profile:x} {data:?}");
            assert_eq!(header.len, 16 + data.len());
        }
    }

    #[test]
    fn a_stream_is_told_by_its_names() {
        let name = |data: &[u8]| RtpHeader::parse(&with_extension(0xbede, data)).unwrap().name;
        let named = |mid, layer, repaired| StreamName { mid, layer, repaired };
        assert_eq!(name(&[0x20, b'9', 0x30, b'm']), named(Some(9), Some(1), None));
        assert_eq!(name(&[0x21, b'1', b'0', 0x40, b'h', 0, 0, 0]), named(Some(10), None, Some(2)));
        assert_eq!(name(&[0x21, b'0', b'9', 0x30, b'q', 0, 0, 0]), named(Some(255), Some(255), None));
        let header = VideoHeader {
            payload_type: 45,
            marker: true,
            padded: false,
            sequence: 7,
            timestamp: 8,
            ssrc: 9,
            csrc: 10,
            transport: 0x1234,
        };
        let read = RtpHeader::parse(&header.bytes()).unwrap();
        assert_eq!((read.transport, read.csrc, read.len), (Some(0x1234), Some(10), VOICE_HEADER_BYTES));
        assert_eq!((read.marker, read.payload_type, read.sequence), (true, 45, 7));
    }

    #[test]
    fn padding_is_cut_and_must_fit() {
        let packet = |padding: u8| {
            let mut packet = vec![0xa0, PT_OPUS, 0, 7, 0, 0, 0, 9, 0, 0, 0, 5];
            packet.extend([1, 2, 3, padding]);
            packet
        };
        let payload = |padding| {
            let packet = packet(padding);
            RtpHeader::parse(&packet).unwrap().payload(&packet).map(<[u8]>::to_vec)
        };
        assert_eq!(payload(1), Some(vec![1, 2, 3]));
        assert_eq!(payload(4), Some(vec![]));
        assert_eq!(payload(5), None);
        assert_eq!(payload(0), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(ssrc: u32, csrc: u32, timestamp: u32, level: u8, marker: bool, sequence: u16) {
            let mut header = VoiceHeader::new(ssrc, csrc, timestamp, AudioLevel(level));
            let bytes = header.bytes(marker, sequence);
            let parsed = RtpHeader::parse(bytes).unwrap();
            prop_assert_eq!(parsed, RtpHeader {
                marker,
                payload_type: PT_OPUS,
                sequence,
                timestamp,
                ssrc,
                csrc: Some(csrc),
                level: Some(AudioLevel(level)),
                name: StreamName::default(),
                transport: None,
                padded: false,
                len: VOICE_HEADER_BYTES,
            });
        }

        #[test]
        fn no_bytes_make_it_panic(first in 0x80u8..0xc0, rest in proptest::collection::vec(any::<u8>(), 0..100)) {
            let packet = [vec![first], rest].concat();
            if let Some(header) = RtpHeader::parse(&packet) {
                prop_assert!(header.len <= packet.len());
                header.payload(&packet);
            }
        }
    }
}
