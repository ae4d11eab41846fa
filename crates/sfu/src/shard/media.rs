//! What happens to a connected session's packets.

use super::{Shard, session};
use crate::Outbox;
use crate::channel::Voice;
use crate::reception::Reception;
use crate::rtp::{AudioLevel, RtpHeader};
use crate::session::{Inbound, Microphone, Session};
use crate::srtp::{ReplayWindow, SrtpError};
use crate::stats::ShardStats;
use crate::timers::Timer;
use crate::{report, rtcp};
use std::time::Instant;
use voicehall_protocol::rtp::{
    MID_MICROPHONE, OPUS_BYTES_MAX, PT_AV1, PT_AV1_RTX, PT_H264, PT_H264_RTX, PT_OPUS,
};

/// A microphone packet that has been authenticated and decrypted.
struct Heard {
    header: RtpHeader,
    index: u64,
    /// Where the payload ends in the datagram; padding still counts.
    end: usize,
}

impl Shard {
    pub(super) fn handle_rtp(
        &mut self,
        index: u32,
        packet: &mut [u8],
        now: Instant,
        outbox: &mut dyn Outbox,
    ) {
        let Some(session) = session(&mut self.sessions, index) else { return };
        let Some(inbound) = &session.inbound else {
            self.stats.dropped_early += 1;
            return;
        };
        let Some(header) = RtpHeader::parse(packet) else {
            self.stats.dropped_malformed += 1;
            return;
        };
        if is_video(inbound, &header) {
            return self.handle_video(index, &header, packet, now, outbox);
        }
        let Some(heard) = open(session, header, packet, now, &mut self.stats) else { return };
        let Some(channel) = &mut self.channels[session.channel as usize] else { return };
        let Heard { header, index: packet_index, end } = heard;
        if !channel.reports_armed {
            channel.reports_armed = true;
            let timer = Timer::Channel { index: session.channel, serial: channel.serial };
            self.timers.set(now + report::REPORT_STEP, timer);
        }
        channel.media_at = now;

        let payload = header.payload(&packet[..end]).filter(|payload| !payload.is_empty());
        let Some(payload) = payload.filter(|payload| payload.len() <= OPUS_BYTES_MAX) else {
            self.stats.dropped_payload += 1;
            return;
        };
        let level = header.level.unwrap_or(AudioLevel::UNKNOWN);
        let chosen = if !session.voice_limit.allow(now) {
            Err(&mut self.stats.dropped_rate)
        } else if !session.may_speak() {
            Err(&mut self.stats.dropped_muted)
        } else if !session.speaker.hear(level, now) {
            Err(&mut self.stats.dropped_silence)
        } else {
            channel.selection.choose(&mut session.speaker, now).ok_or(&mut self.stats.dropped_not_chosen)
        };
        let slot = match chosen {
            Ok(slot) => slot,
            Err(counter) => {
                *counter += 1;
                session.withheld = true;
                return;
            }
        };
        let source = session.speaker.source;
        let resumed = std::mem::take(&mut session.withheld);
        let stream = &mut channel.slots[slot];
        let placed = stream.place(source, resumed, packet_index, header.timestamp, header.marker, now);
        let Some(place) = placed else {
            self.stats.dropped_late += 1;
            return;
        };
        let voice = Voice { source, session: index, level, payload };
        if channel.forward(slot, &place, &voice, outbox, &mut self.stats) > 0 {
            session.stats.voice_forwarded_from += 1;
        }
    }

    pub(super) fn handle_rtcp(
        &mut self,
        index: u32,
        packet: &mut [u8],
        now: Instant,
        outbox: &mut dyn Outbox,
    ) {
        let ntp = self.ntp(now);
        let Some(session) = session(&mut self.sessions, index) else { return };
        if session.inbound.is_none() {
            self.stats.dropped_early += 1;
        } else if !session.other_limit.allow(now) {
            self.stats.dropped_rate += 1;
        } else {
            match report::receive_report(session, packet, ntp, now) {
                Ok((feedback, len)) => {
                    rtcp::read_transport_feedback(&packet[..len], |body| {
                        self.handle_arrivals(index, body, now)
                    });
                    if !feedback.is_empty() {
                        self.handle_feedback(index, &feedback, now, outbox);
                    }
                }
                Err(error) => count(error, &mut self.stats),
            }
        }
    }
}

/// Whether a packet is of a stream other than the microphone.
fn is_video(inbound: &Inbound, header: &RtpHeader) -> bool {
    match header.payload_type {
        PT_H264 | PT_H264_RTX | PT_AV1 | PT_AV1_RTX => true,
        PT_OPUS => {
            header.name.mid.is_some_and(|mid| usize::from(mid) != MID_MICROPHONE)
                || inbound.streams.knows(header.ssrc)
        }
        _ => false,
    }
}

/// Authenticates and decrypts a microphone packet; anything else is counted and dropped. The
/// first SSRC that authenticates is the microphone's for the rest of the session.
fn open(
    session: &mut Session,
    header: RtpHeader,
    packet: &mut [u8],
    now: Instant,
    stats: &mut ShardStats,
) -> Option<Heard> {
    let Inbound { keys, microphone, .. } = session.inbound.as_mut()?;
    if header.payload_type != PT_OPUS {
        stats.dropped_payload += 1;
        return None;
    }
    if microphone.as_ref().is_some_and(|microphone| microphone.reception.ssrc() != header.ssrc) {
        stats.dropped_foreign_ssrc += 1;
        return None;
    }
    let window = microphone.as_ref().map_or(ReplayWindow::default(), |microphone| microphone.window);
    let opened = window.index_of(header.sequence).and_then(|index| {
        let end = keys.rtp.open_rtp(packet, header.len, index)?;
        Ok((index, end))
    });
    let (index, end) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            count(error, stats);
            return None;
        }
    };
    let microphone = microphone
        .get_or_insert_with(|| Microphone { window, reception: Reception::new(header.ssrc, index, now) });
    microphone.window.accept(index);
    microphone.reception.receive(index, header.timestamp, header.marker, now);
    stats.voice_received += 1;
    session.stats.voice_received += 1;
    Some(Heard { header, index, end })
}

pub(super) fn count(error: SrtpError, stats: &mut ShardStats) {
    match error {
        SrtpError::Malformed => stats.dropped_malformed += 1,
        SrtpError::Forged => stats.dropped_forged += 1,
        SrtpError::Replayed => stats.dropped_replayed += 1,
    }
}
