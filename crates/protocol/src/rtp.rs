//! The shared RTP tables: payload types, header extensions, SSRCs and slots.
//!
//! They are constants of [`crate::PROTOCOL_VERSION`]: a session is negotiated once, both sides
//! build their session descriptions from this table, and no SDP crosses the wire.
//!
//! A session has a fixed set of receive *slots*. The voice node puts the currently loudest voices
//! into the voice slots and rewrites SSRC, sequence number and timestamp, so that each slot is one
//! unbroken RTP stream (RFC 3550); the true source of each packet is its only CSRC. Videos go into
//! the video slots in the same way, those that the client asked to see ([`crate::video`]), and the
//! sound of a shared screen into a screen audio slot while its picture is seen.
//!
//! A client's own streams are told apart by the MID and RID header extensions (RFC 8843, RFC 8852)
//! until their SSRCs are known; Opus without a MID is the microphone.

use serde::{Deserialize, Serialize};

/// RTP payload type of Opus (RFC 7587), 48 kHz, two channels in its name whatever is coded.
pub const PT_OPUS: u8 = 111;

/// RTP clock of Opus in Hz.
pub const OPUS_CLOCK_HZ: u32 = 48_000;

/// Header extension id of the client-to-mixer audio level (RFC 6464), in both directions.
pub const EXT_AUDIO_LEVEL: u8 = 1;

/// URI of [`EXT_AUDIO_LEVEL`].
pub const EXT_AUDIO_LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// RTP payload type of H.264 (RFC 6184).
pub const PT_H264: u8 = 102;

/// Format parameters of [`PT_H264`]: constrained baseline, fragments and aggregates allowed.
pub const H264_FMTP: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";

/// RTP payload type of retransmissions (RFC 4588) of [`PT_H264`].
pub const PT_H264_RTX: u8 = 103;

/// RTP payload type of AV1 (RTP Payload Format For AV1, 1.0), main profile.
pub const PT_AV1: u8 = 45;

/// RTP payload type of retransmissions of [`PT_AV1`].
pub const PT_AV1_RTX: u8 = 46;

/// RTP clock of video in Hz, for all its payload types.
pub const VIDEO_CLOCK_HZ: u32 = 90_000;

/// Header extension id of the media line, from clients.
pub const EXT_MID: u8 = 2;

/// URI of [`EXT_MID`].
pub const EXT_MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

/// Header extension id of the simulcast layer, from clients.
pub const EXT_RID: u8 = 3;

/// URI of [`EXT_RID`].
pub const EXT_RID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";

/// Header extension id of the simulcast layer that a retransmission is of, from clients.
pub const EXT_REPAIRED_RID: u8 = 4;

/// URI of [`EXT_REPAIRED_RID`].
pub const EXT_REPAIRED_RID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";

/// Header extension id of the transport-wide sequence number, on video in both directions.
pub const EXT_TRANSPORT_CC: u8 = 5;

/// URI of [`EXT_TRANSPORT_CC`].
pub const EXT_TRANSPORT_CC_URI: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Simulcast layers of a camera or a screen, at most.
pub const VIDEO_LAYERS: usize = 3;

/// Names of the layers (`rid`), the smallest first. A source with fewer layers has the first ones; one
/// that is sent without a name has one layer.
pub const RIDS: [&str; VIDEO_LAYERS] = ["l", "m", "h"];

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

/// Video slots of a session: at most this many videos are seen at once.
pub const VIDEO_SLOTS: usize = 16;

/// SSRC of video slot 0 as a receiver sees it; slot `n` has this plus `n`.
pub const VIDEO_SLOT_SSRC: u32 = 0x0056_1000;

/// SSRC of the retransmissions in video slot 0; slot `n` has this plus `n`.
pub const VIDEO_SLOT_RTX_SSRC: u32 = 0x0056_1100;

/// Slots of a session for the sound of shared screens.
pub const SCREEN_AUDIO_SLOTS: usize = 2;

/// SSRC of screen audio slot 0 as a receiver sees it; slot `n` has this plus `n`.
pub const SCREEN_AUDIO_SLOT_SSRC: u32 = 0x0056_2000;

/// The SSRC under which the voice node sends the packets of a video slot.
///
/// # Panics
/// When `slot` is not below [`VIDEO_SLOTS`].
pub const fn video_slot_ssrc(slot: usize) -> u32 {
    assert!(slot < VIDEO_SLOTS);
    VIDEO_SLOT_SSRC + slot as u32
}

/// The SSRC under which the voice node repeats packets of a video slot.
///
/// # Panics
/// When `slot` is not below [`VIDEO_SLOTS`].
pub const fn video_slot_rtx_ssrc(slot: usize) -> u32 {
    assert!(slot < VIDEO_SLOTS);
    VIDEO_SLOT_RTX_SSRC + slot as u32
}

/// The video slot that an SSRC of the voice node belongs to.
pub const fn video_slot_of(ssrc: u32) -> Option<usize> {
    let slot = ssrc.wrapping_sub(VIDEO_SLOT_SSRC) as usize;
    if slot < VIDEO_SLOTS { Some(slot) } else { None }
}

/// The video slot whose retransmissions an SSRC of the voice node carries.
pub const fn video_slot_of_rtx(ssrc: u32) -> Option<usize> {
    let slot = ssrc.wrapping_sub(VIDEO_SLOT_RTX_SSRC) as usize;
    if slot < VIDEO_SLOTS { Some(slot) } else { None }
}

/// The SSRC under which the voice node sends the packets of a screen audio slot.
///
/// # Panics
/// When `slot` is not below [`SCREEN_AUDIO_SLOTS`].
pub const fn screen_audio_slot_ssrc(slot: usize) -> u32 {
    assert!(slot < SCREEN_AUDIO_SLOTS);
    SCREEN_AUDIO_SLOT_SSRC + slot as u32
}

/// The screen audio slot that an SSRC of the voice node belongs to.
pub const fn screen_audio_slot_of(ssrc: u32) -> Option<usize> {
    let slot = ssrc.wrapping_sub(SCREEN_AUDIO_SLOT_SSRC) as usize;
    if slot < SCREEN_AUDIO_SLOTS { Some(slot) } else { None }
}

/// The SSRC the voice node uses in its own RTCP receiver reports.
pub const NODE_SSRC: u32 = 0x0056_ff00;

/// Media line (`mid`) of the microphone in a client's session description; voice slot `n` has
/// the media line `n + 1`.
pub const MID_MICROPHONE: usize = 0;

/// Media line of the camera.
pub const MID_CAMERA: usize = MID_MICROPHONE + VOICE_SLOTS + 1;

/// Media line of the screen.
pub const MID_SCREEN: usize = MID_CAMERA + 1;

/// Media line of the screen's sound.
pub const MID_SCREEN_AUDIO: usize = MID_SCREEN + 1;

/// Media line of screen audio slot 0; slot `n` has this plus `n`.
pub const MID_SCREEN_AUDIO_SLOT: usize = MID_SCREEN_AUDIO + 1;

/// Media line of video slot 0; slot `n` has this plus `n`. The last of them is the last of all.
pub const MID_VIDEO_SLOT: usize = MID_SCREEN_AUDIO_SLOT + SCREEN_AUDIO_SLOTS;

/// Media lines of a session that has all of them.
pub const MIDS: usize = MID_VIDEO_SLOT + VIDEO_SLOTS;

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
        for slot in 0..VIDEO_SLOTS {
            assert_eq!(video_slot_of(video_slot_ssrc(slot)), Some(slot));
            assert_eq!(video_slot_of_rtx(video_slot_rtx_ssrc(slot)), Some(slot));
        }
        for slot in 0..SCREEN_AUDIO_SLOTS {
            assert_eq!(screen_audio_slot_of(screen_audio_slot_ssrc(slot)), Some(slot));
        }
        for ssrc in [0, VOICE_SLOT_SSRC - 1, VOICE_SLOT_SSRC + VOICE_SLOTS as u32, NODE_SSRC, u32::MAX] {
            assert_eq!(voice_slot_of(ssrc), None);
            assert_eq!(video_slot_of(ssrc), None);
            assert_eq!(video_slot_of_rtx(ssrc), None);
            assert_eq!(screen_audio_slot_of(ssrc), None);
        }
    }

    #[test]
    fn media_lines_of_voice_are_where_they_were_and_the_rest_follows() {
        assert_eq!((MID_MICROPHONE, MID_CAMERA, MID_SCREEN, MID_SCREEN_AUDIO), (0, 9, 10, 11));
        assert_eq!((MID_SCREEN_AUDIO_SLOT, MID_VIDEO_SLOT, MIDS), (12, 14, 30));
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
