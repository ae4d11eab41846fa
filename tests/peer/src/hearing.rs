//! What a peer hears and sees: packets of all slots, opened.

use std::collections::VecDeque;
use std::time::Instant;
use voicehall_protocol::rtp::{
    SCREEN_AUDIO_SLOTS, SourceId, VIDEO_SLOTS, VOICE_SLOTS, screen_audio_slot_of, video_slot_of,
    video_slot_of_rtx, voice_slot_of,
};
use voicehall_sfu::rtp::RtpHeader;
use voicehall_sfu::srtp::{Cipher, ReplayWindow};

/// A voice packet as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// The slot, by its SSRC.
    pub slot: usize,
    /// The true source, by its CSRC.
    pub source: SourceId,
    /// Rollover counter and sequence number in one.
    pub index: u64,
    /// On Opus' clock.
    pub timestamp: u32,
    /// First packet of a talk spurt, or after a change of source.
    pub marker: bool,
    /// Audio level (RFC 6464) with its voice-activity bit.
    pub level: u8,
    /// What is carried.
    pub payload: Vec<u8>,
    /// When it came.
    pub at: Instant,
}

/// What a packet of video or of a screen's sound came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A video slot.
    Video(usize),
    /// A video slot, sent again (RFC 4588).
    Repeated(usize),
    /// A slot for screen audio.
    ScreenAudio(usize),
}

/// A packet of video or of a screen's sound as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The slot, by its SSRC.
    pub place: Place,
    /// The true source, by its CSRC.
    pub source: SourceId,
    /// What the payload is.
    pub payload_type: u8,
    /// Rollover counter and sequence number in one.
    pub index: u64,
    /// On the clock of the payload type.
    pub timestamp: u32,
    /// Last packet of a picture.
    pub marker: bool,
    /// Transport-wide sequence number.
    pub transport: Option<u16>,
    /// What is carried.
    pub payload: Vec<u8>,
    /// When it came.
    pub at: Instant,
}

/// The receiving end of all slots.
#[derive(Debug)]
pub struct Hearing {
    windows: [ReplayWindow; VOICE_SLOTS],
    video_windows: [ReplayWindow; 2 * VIDEO_SLOTS + SCREEN_AUDIO_SLOTS],
    heard: VecDeque<Voice>,
    seen: VecDeque<Seen>,
}

impl Default for Hearing {
    fn default() -> Self {
        Self {
            windows: [ReplayWindow::default(); VOICE_SLOTS],
            video_windows: [ReplayWindow::default(); 2 * VIDEO_SLOTS + SCREEN_AUDIO_SLOTS],
            heard: VecDeque::new(),
            seen: VecDeque::new(),
        }
    }
}

impl Hearing {
    /// Opens a packet in place, and returns where it ends in the clear. `None` when it does not
    /// open, was repeated, or is not of the kind that a node sends.
    pub fn receive(&mut self, packet: &mut [u8], cipher: &Cipher, now: Instant) -> Option<usize> {
        let header = RtpHeader::parse(packet)?;
        let Some(slot) = voice_slot_of(header.ssrc) else {
            return self.receive_video(&header, packet, cipher, now);
        };
        let index = self.windows[slot].index_of(header.sequence).ok()?;
        let end = cipher.open_rtp(packet, header.len, index).ok()?;
        self.windows[slot].accept(index);
        self.heard.push_back(Voice {
            slot,
            source: SourceId(header.csrc?),
            index,
            timestamp: header.timestamp,
            marker: header.marker,
            level: header.level?.0,
            payload: header.payload(&packet[..end])?.to_vec(),
            at: now,
        });
        Some(end)
    }

    fn receive_video(
        &mut self,
        header: &RtpHeader,
        packet: &mut [u8],
        cipher: &Cipher,
        now: Instant,
    ) -> Option<usize> {
        let video = video_slot_of(header.ssrc).map(|slot| (Place::Video(slot), slot));
        let repeated = video_slot_of_rtx(header.ssrc).map(|slot| (Place::Repeated(slot), VIDEO_SLOTS + slot));
        let sound =
            screen_audio_slot_of(header.ssrc).map(|slot| (Place::ScreenAudio(slot), 2 * VIDEO_SLOTS + slot));
        let (place, window) = video.or(repeated).or(sound)?;
        let window = &mut self.video_windows[window];
        let index = window.index_of(header.sequence).ok()?;
        let end = cipher.open_rtp(packet, header.len, index).ok()?;
        window.accept(index);
        self.seen.push_back(Seen {
            place,
            source: SourceId(header.csrc?),
            payload_type: header.payload_type,
            index,
            timestamp: header.timestamp,
            marker: header.marker,
            transport: header.transport,
            payload: header.payload(&packet[..end])?.to_vec(),
            at: now,
        });
        Some(end)
    }

    /// The next packet of video or of a screen's sound.
    pub fn pop_seen(&mut self) -> Option<Seen> {
        self.seen.pop_front()
    }

    /// The next packet heard.
    pub fn pop(&mut self) -> Option<Voice> {
        self.heard.pop_front()
    }
}
