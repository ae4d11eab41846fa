//! The shared RTP tables: payload types, header extensions, SSRCs and slots.
//!
//! They are constants of [`crate::PROTOCOL_VERSION`]: a session is negotiated once, both sides
//! build their session descriptions from this table, and no SDP crosses the wire.
//!
//! A session has a fixed set of receive *slots*. The voice node puts the currently loudest voices
//! into the voice slots and rewrites SSRC, sequence number and timestamp, so that each slot is one
//! unbroken RTP stream (RFC 3550); the true source of each packet is its only CSRC.

use serde::{Deserialize, Serialize};

/// RTP payload type of Opus (RFC 7587), 48 kHz, two channels in its name whatever is coded.
pub const PT_OPUS: u8 = 111;

/// RTP clock of Opus in Hz.
pub const OPUS_CLOCK_HZ: u32 = 48_000;

/// Header extension id of the client-to-mixer audio level (RFC 6464), in both directions.
pub const EXT_AUDIO_LEVEL: u8 = 1;

/// URI of [`EXT_AUDIO_LEVEL`].
pub const EXT_AUDIO_LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// Voice slots of a session: at most this many people are heard at once.
pub const VOICE_SLOTS: usize = 8;

/// SSRC of voice slot 0 as a receiver sees it; slot `n` has this plus `n`.
pub const VOICE_SLOT_SSRC: u32 = 0x0056_0000;

/// The SSRC under which the voice node sends the packets of a voice slot.
///
/// # Panics
/// When `slot` is not below [`VOICE_SLOTS`].
pub const fn voice_slot_ssrc(slot: usize) -> u32 {
    assert!(slot < VOICE_SLOTS);
    VOICE_SLOT_SSRC + slot as u32
}

/// The voice slot that an SSRC of the voice node belongs to.
pub const fn voice_slot_of(ssrc: u32) -> Option<usize> {
    let slot = ssrc.wrapping_sub(VOICE_SLOT_SSRC) as usize;
    if slot < VOICE_SLOTS { Some(slot) } else { None }
}

/// The SSRC the voice node uses in its own RTCP receiver reports.
pub const NODE_SSRC: u32 = 0x0056_ff00;

/// Media line (`mid`) of the microphone in a client's session description; voice slot `n` has
/// the media line `n + 1`.
pub const MID_MICROPHONE: usize = 0;

/// Largest RTP or RTCP packet that either side sends, in bytes of UDP payload.
pub const PACKET_BYTES_MAX: usize = 1200;

/// Largest Opus payload of one packet, in bytes: leaves room for headers, CSRC, extensions, tag.
pub const OPUS_BYTES_MAX: usize = 1100;

/// A source within a voice channel, as carried in the CSRC list: the voice session's number in
/// the upper 30 bits, the kind of source in the lower two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct SourceId(pub u32);

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// A person's voice.
    Microphone = 0,
    /// A person's camera.
    Camera = 1,
    /// A shared screen or window.
    Screen = 2,
    /// The sound of what is shared.
    ScreenAudio = 3,
}

impl SourceId {
    /// The source of `kind` in the session with this number (below 2^30, not 0).
    pub const fn new(session_number: u32, kind: SourceKind) -> Self {
        Self((session_number << 2) | kind as u32)
    }

    /// The kind of this source.
    pub const fn kind(self) -> SourceKind {
        match self.0 & 3 {
            0 => SourceKind::Microphone,
            1 => SourceKind::Camera,
            2 => SourceKind::Screen,
            _ => SourceKind::ScreenAudio,
        }
    }

    /// Another source of the same session.
    pub const fn sibling(self, kind: SourceKind) -> Self {
        Self((self.0 & !3) | kind as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_and_ssrcs_are_inverse() {
        for slot in 0..VOICE_SLOTS {
            assert_eq!(voice_slot_of(voice_slot_ssrc(slot)), Some(slot));
        }
        for ssrc in [0, VOICE_SLOT_SSRC - 1, VOICE_SLOT_SSRC + VOICE_SLOTS as u32, NODE_SSRC, u32::MAX] {
            assert_eq!(voice_slot_of(ssrc), None);
        }
    }

    #[test]
    fn a_source_names_its_session_and_kind() {
        let microphone = SourceId::new(7, SourceKind::Microphone);
        for kind in [SourceKind::Microphone, SourceKind::Camera, SourceKind::Screen, SourceKind::ScreenAudio]
        {
            assert_eq!(microphone.sibling(kind), SourceId::new(7, kind));
            assert_eq!(SourceId::new(7, kind).kind(), kind);
        }
    }
}
