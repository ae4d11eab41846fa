//! RTP packets of voices: what the shared tables make of a header, in both directions.

use bytes::Bytes;
use rtc::rtp::{self, extension::audio_level_extension::AudioLevelExtension};
use rtc::shared::marshal::{Marshal, MarshalSize, Unmarshal};
use voicehall_audio::IncomingPacket;
use voicehall_protocol::rtp::{EXT_AUDIO_LEVEL, OPUS_BYTES_MAX, PT_OPUS, voice_slot_of};

/// A voice packet from the voice node, in a buffer of its own so that it can cross a ring.
#[derive(Clone)]
pub(crate) struct SlotPacket {
    /// Which voice slot it belongs to.
    pub slot: usize,
    sequence: u16,
    timestamp: u32,
    source: u32,
    marker: bool,
    bytes: u16,
    payload: [u8; OPUS_BYTES_MAX],
}

impl SlotPacket {
    /// Reads a packet; `None` for one that belongs to no voice slot, has no source, or is larger
    /// than the protocol allows.
    pub(crate) fn read(packet: &rtp::Packet) -> Option<Self> {
        let header = &packet.header;
        let slot = voice_slot_of(header.ssrc).filter(|_| header.payload_type == PT_OPUS)?;
        let mut payload = [0; OPUS_BYTES_MAX];
        payload.get_mut(..packet.payload.len())?.copy_from_slice(&packet.payload);
        Some(Self {
            slot,
            sequence: header.sequence_number,
            timestamp: header.timestamp,
            source: *header.csrc.first()?,
            marker: header.marker,
            bytes: packet.payload.len() as u16,
            payload,
        })
    }

    /// Reads a packet from its bytes (RFC 3550 §5.1).
    pub(crate) fn parse(mut bytes: &[u8]) -> Option<Self> {
        Self::read(&rtp::Packet::unmarshal(&mut bytes).ok()?)
    }

    pub(crate) fn incoming(&self) -> IncomingPacket<'_> {
        IncomingPacket {
            sequence: self.sequence,
            timestamp: self.timestamp,
            source: self.source,
            marker: self.marker,
            payload: self.payload(),
        }
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload[..usize::from(self.bytes)]
    }
}

/// A packet of the own microphone, ready to be sent.
#[derive(Debug, Clone)]
pub struct MicrophonePacket {
    sequence: u16,
    timestamp: u32,
    marker: bool,
    /// −dBov, 0 to 127 (RFC 6464).
    level: u8,
    voice: bool,
    bytes: u16,
    payload: [u8; OPUS_BYTES_MAX],
}

impl MicrophonePacket {
    /// `None` if the payload is larger than the protocol allows.
    pub(crate) fn new(sequence: u16, packet: &voicehall_audio::Packet<'_>) -> Option<Self> {
        let mut payload = [0; OPUS_BYTES_MAX];
        payload.get_mut(..packet.payload.len())?.copy_from_slice(packet.payload);
        Some(Self {
            sequence,
            timestamp: packet.timestamp,
            marker: packet.marker,
            level: packet.audio_level.get(),
            voice: packet.voice,
            bytes: packet.payload.len() as u16,
            payload,
        })
    }

    /// Size of the Opus payload in bytes.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        usize::from(self.bytes)
    }

    /// The packet as it goes out under `ssrc`, before encryption (RFC 3550 §5.1).
    #[must_use]
    pub fn to_rtp(&self, ssrc: u32) -> Vec<u8> {
        // Fails only for a buffer that is too small, and this one is made to measure.
        self.to_packet(ssrc).marshal().map(|bytes| bytes.to_vec()).unwrap_or_default()
    }

    pub(crate) fn to_packet(&self, ssrc: u32) -> rtp::Packet {
        let mut header = rtp::Header {
            version: 2,
            marker: self.marker,
            payload_type: PT_OPUS,
            sequence_number: self.sequence,
            timestamp: self.timestamp,
            ssrc,
            ..rtp::Header::default()
        };
        let level = AudioLevelExtension { level: self.level, voice: self.voice };
        let mut extension = vec![0; level.marshal_size()];
        // One byte under a valid id always fits a one-byte header extension (RFC 8285).
        if level.marshal_to(&mut extension).is_ok() {
            let _ = header.set_extension(EXT_AUDIO_LEVEL, extension.into());
        }
        let payload = Bytes::copy_from_slice(&self.payload[..self.payload_bytes()]);
        rtp::Packet { header, payload }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use voicehall_protocol::rtp::voice_slot_ssrc;

    fn slot_packet() -> rtp::Packet {
        rtp::Packet {
            header: rtp::Header {
                version: 2,
                marker: true,
                payload_type: PT_OPUS,
                sequence_number: 7,
                timestamp: 960,
                ssrc: voice_slot_ssrc(3),
                csrc: vec![44],
                ..Default::default()
            },
            payload: Bytes::from_static(&[1, 2, 3]),
        }
    }

    #[test]
    fn a_packet_of_a_slot_keeps_what_the_jitter_buffer_needs() {
        let bytes = slot_packet().marshal().unwrap();
        let packet = SlotPacket::parse(&bytes).unwrap();
        assert_eq!(packet.slot, 3);
        let incoming = packet.incoming();
        assert_eq!(
            (incoming.sequence, incoming.timestamp, incoming.source, incoming.marker, incoming.payload),
            (7, 960, 44, true, &[1, 2, 3][..])
        );
    }

    #[test]
    fn what_the_tables_do_not_know_is_no_packet() {
        type Alter = fn(&mut rtp::Packet);
        let alterations: [(&str, Alter); 4] = [
            ("foreign SSRC", |packet| packet.header.ssrc = 1),
            ("other payload type", |packet| packet.header.payload_type = 96),
            ("no source", |packet| packet.header.csrc.clear()),
            ("too large", |packet| packet.payload = vec![0; OPUS_BYTES_MAX + 1].into()),
        ];
        for (what, alter) in alterations {
            let mut packet = slot_packet();
            alter(&mut packet);
            assert!(SlotPacket::read(&packet).is_none(), "{what}");
        }
        for length in 0..12 {
            assert!(SlotPacket::parse(&[0x80; 12][..length]).is_none(), "{length} bytes");
        }
    }
}
