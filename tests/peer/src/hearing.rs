//! What a peer hears: voice packets of all slots, opened.

use std::collections::VecDeque;
use std::time::Instant;
use voicehall_protocol::rtp::{SourceId, VOICE_SLOTS, voice_slot_of};
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

/// The receiving end of all slots.
#[derive(Debug, Default)]
pub struct Hearing {
    windows: [ReplayWindow; VOICE_SLOTS],
    heard: VecDeque<Voice>,
}

impl Hearing {
    /// Opens a packet in place, and returns where it ends in the clear. `None` when it does not
    /// open, was repeated, or is not of the kind that a node sends.
    pub fn receive(&mut self, packet: &mut [u8], cipher: &Cipher, now: Instant) -> Option<usize> {
        let header = RtpHeader::parse(packet)?;
        let slot = voice_slot_of(header.ssrc)?;
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

    /// The next packet heard.
    pub fn pop(&mut self) -> Option<Voice> {
        self.heard.pop_front()
    }
}
