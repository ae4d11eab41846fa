//! RTCP in both directions: our reports, paced, and what the clients' say.
//!
//! Reports follow media: a channel in which nobody speaks or is seen sends none. Each receiver's turn comes
//! about once a second; a channel's receivers are spread over that second.

use crate::channel::{Channel, Receiver};
use crate::rtcp::{self, NtpTime, Report, SenderInfo};
use crate::session::{Inbound, Session};
use crate::stats::ShardStats;
use crate::video::watch::Watch;
use crate::{Outbox, srtp::SrtpError};
use std::time::{Duration, Instant};
use voicehall_protocol::rtp::{
    NODE_SSRC, VIDEO_SLOTS, VOICE_SLOTS, screen_audio_slot_ssrc, video_slot_of, video_slot_ssrc,
    voice_slot_of, voice_slot_ssrc,
};

/// Between two looks at a channel's receivers.
pub(crate) const REPORT_STEP: Duration = Duration::from_millis(100);

/// Parts that a channel's receivers are divided into, each with a turn in every second.
const REPORT_STEPS: usize = 10;

/// Reports end this long after the last media, which is when the last has been reported.
const REPORT_TAIL: Duration = Duration::from_secs(3);

/// Sends the next receivers' reports. Returns whether there will be more.
pub(crate) fn send_reports(
    channel: &mut Channel,
    sessions: &mut [Option<Box<Session>>],
    ntp: NtpTime,
    now: Instant,
    outbox: &mut dyn Outbox,
    stats: &mut ShardStats,
) -> bool {
    let timestamps: [u32; VOICE_SLOTS] = std::array::from_fn(|slot| channel.slots[slot].timestamp_at(now));
    let step = channel.report_step;
    channel.report_step = (step + 1) % REPORT_STEPS;
    let part = |step: usize| channel.receivers.len() * step / REPORT_STEPS;
    let (first, end) = (part(step), part(step + 1));
    for receiver in &mut channel.receivers[first..end] {
        let Some(session) = sessions.get_mut(receiver.session as usize).and_then(Option::as_mut) else {
            continue;
        };
        let len = write_report(receiver, session, &timestamps, ntp, now, outbox.buffer());
        if len > 0 {
            receiver.send_rtcp(len, outbox, stats);
        }
    }
    now.saturating_duration_since(channel.media_at) < REPORT_TAIL
}

fn write_report(
    receiver: &mut Receiver,
    session: &mut Session,
    timestamps: &[u32; VOICE_SLOTS],
    ntp: NtpTime,
    now: Instant,
    buffer: &mut [u8],
) -> usize {
    let mut writer = rtcp::Writer::new(buffer);
    for (slot, cursor) in receiver.cursors.iter_mut().enumerate() {
        if cursor.packets != cursor.packets_reported {
            cursor.packets_reported = cursor.packets;
            writer.sender_report(&SenderInfo {
                ssrc: voice_slot_ssrc(slot),
                ntp,
                timestamp: timestamps[slot],
                packets: cursor.packets,
                octets: cursor.octets,
            });
        }
    }
    if let Some(watch) = receiver.watch.as_deref_mut() {
        write_video_reports(watch, &mut writer, ntp, now);
    }
    if let Some(inbound) = &mut session.inbound {
        let microphone = inbound.microphone.iter_mut().map(|microphone| &mut microphone.reception);
        let streams = inbound.streams.iter_mut().map(|stream| &mut stream.reception);
        for reception in microphone.chain(streams) {
            if let Some(block) = reception.report(now) {
                writer.receiver_report(NODE_SSRC, Some(&block));
            }
        }
    }
    writer.finish()
}

/// Sender reports for what went out in the slots for video and its sound since the last.
fn write_video_reports(watch: &mut Watch, writer: &mut rtcp::Writer<'_>, ntp: NtpTime, now: Instant) {
    for (slot, stream) in watch.slots.iter_mut().map(|slot| &mut slot.stream).enumerate() {
        if stream.packets != stream.packets_reported {
            stream.packets_reported = stream.packets;
            writer.sender_report(&SenderInfo {
                ssrc: video_slot_ssrc(slot),
                ntp,
                timestamp: stream.timestamp_at(now),
                packets: stream.packets,
                octets: stream.octets,
            });
        }
    }
    for (slot, sound) in watch.sounds.iter_mut().enumerate() {
        if sound.cursor.packets != sound.cursor.packets_reported {
            sound.cursor.packets_reported = sound.cursor.packets;
            writer.sender_report(&SenderInfo {
                ssrc: screen_audio_slot_ssrc(slot),
                ntp,
                timestamp: sound.timestamp_at(now),
                packets: sound.cursor.packets,
                octets: sound.cursor.octets,
            });
        }
    }
}

/// What one RTCP packet says of the video that its sender gets.
pub(crate) struct Feedback {
    missing: [(u8, u16); Self::MISSING_MAX],
    count: usize,
    /// Bit `n` is set when slot `n` cannot be shown.
    lost: u32,
}

impl Feedback {
    /// Packets that one RTCP packet can ask for.
    const MISSING_MAX: usize = 128;

    fn new() -> Self {
        Self { missing: [(0, 0); Self::MISSING_MAX], count: 0, lost: 0 }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.count == 0 && self.lost == 0
    }

    /// Slots and sequence numbers of packets that are missing.
    pub fn missing(&self) -> impl Iterator<Item = (usize, u16)> {
        self.missing[..self.count].iter().map(|(slot, sequence)| (usize::from(*slot), *sequence))
    }

    /// Whether a slot cannot be shown until its next key frame.
    pub fn has_lost_picture(&self, slot: usize) -> bool {
        const { assert!(VIDEO_SLOTS <= 32) };
        self.lost >> slot & 1 == 1
    }

    fn miss(&mut self, slot: usize, sequence: u16, more: u16) {
        let after = (0..16).filter(|bit| more >> bit & 1 == 1).map(|bit| sequence.wrapping_add(bit + 1));
        for sequence in std::iter::once(sequence).chain(after) {
            if let Some(place) = self.missing.get_mut(self.count) {
                *place = (slot as u8, sequence);
                self.count += 1;
            }
        }
    }
}

/// Takes a client's RTCP packet. Returns what it says of video, and the packet's length in the clear.
///
/// # Errors
/// When it does not authenticate or was replayed.
pub(crate) fn receive_report(
    session: &mut Session,
    packet: &mut [u8],
    ntp: NtpTime,
    now: Instant,
) -> Result<(Feedback, usize), SrtpError> {
    let Some(Inbound { keys, rtcp_window, microphone, streams }) = &mut session.inbound else {
        return Err(SrtpError::Malformed);
    };
    let (len, index) = keys.rtcp.open_rtcp(packet)?;
    rtcp_window.check(u64::from(index))?;
    rtcp_window.accept(u64::from(index));
    let (mut worst, mut feedback) = (None, Feedback::new());
    rtcp::read(&packet[..len], |report| match report {
        Report::Sender(info) => {
            if let Some(microphone) = microphone
                && microphone.reception.ssrc() == info.ssrc
            {
                microphone.reception.sender_report(info.ntp, now);
            } else if let Some(stream) = streams.iter_mut().find(|s| s.reception.ssrc() == info.ssrc) {
                stream.reception.sender_report(info.ntp, now);
            }
        }
        Report::Block(block) if voice_slot_of(block.ssrc).is_some() => {
            worst = worst.max(Some(block.fraction_lost));
            if block.last_sender_report != 0 {
                let round_trip =
                    ntp.middle().wrapping_sub(block.last_sender_report).wrapping_sub(block.delay_since);
                // Clocks of different machines make it slightly negative at times.
                let round_trip = (round_trip as i32).max(0);
                session.stats.rtt_ms = Some(round_trip as f32 * 1000.0 / 65_536.0);
            }
        }
        Report::Block(_) => {}
        Report::Nack { ssrc, sequence, more } => {
            if let Some(slot) = video_slot_of(ssrc) {
                feedback.miss(slot, sequence, more);
            }
        }
        Report::PictureLoss { ssrc } => {
            if let Some(slot) = video_slot_of(ssrc) {
                feedback.lost |= 1 << slot;
            }
        }
    });
    if let Some(worst) = worst {
        session.stats.downlink_loss = f32::from(worst) / 256.0;
    }
    Ok((feedback, len))
}
