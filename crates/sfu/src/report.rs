//! RTCP in both directions: our reports, paced, and what the clients' say.
//!
//! Reports follow voice: a channel in which nobody speaks sends none. Each receiver's turn comes
//! about once a second; a channel's receivers are spread over that second.

use crate::channel::{Channel, Receiver};
use crate::rtcp::{self, NtpTime, Report, SenderInfo};
use crate::session::{Inbound, Session};
use crate::stats::ShardStats;
use crate::{Outbox, srtp::SrtpError};
use std::time::{Duration, Instant};
use voicehall_protocol::rtp::{NODE_SSRC, VOICE_SLOTS, voice_slot_of, voice_slot_ssrc};

/// Between two looks at a channel's receivers.
pub(crate) const REPORT_STEP: Duration = Duration::from_millis(100);

/// Parts that a channel's receivers are divided into, each with a turn in every second.
const REPORT_STEPS: usize = 10;

/// Reports end this long after the last voice, which is when the last has been reported.
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
    now.saturating_duration_since(channel.voice_at) < REPORT_TAIL
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
    let microphone = session.inbound.as_mut().and_then(|inbound| inbound.microphone.as_mut());
    if let Some(block) = microphone.and_then(|microphone| microphone.reception.report(now)) {
        writer.receiver_report(NODE_SSRC, Some(&block));
    }
    writer.finish()
}

/// Takes a client's RTCP packet, which goes no further than this.
///
/// # Errors
/// When it does not authenticate or was replayed.
pub(crate) fn receive_report(
    session: &mut Session,
    packet: &mut [u8],
    ntp: NtpTime,
    now: Instant,
) -> Result<(), SrtpError> {
    let Some(Inbound { keys, rtcp_window, microphone }) = &mut session.inbound else {
        return Err(SrtpError::Malformed);
    };
    let (len, index) = keys.rtcp.open_rtcp(packet)?;
    rtcp_window.check(u64::from(index))?;
    rtcp_window.accept(u64::from(index));
    let mut worst = None;
    rtcp::read(&packet[..len], |report| match report {
        Report::Sender(info) => {
            if let Some(microphone) = microphone
                && microphone.reception.ssrc() == info.ssrc
            {
                microphone.reception.sender_report(info.ntp, now);
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
    });
    if let Some(worst) = worst {
        session.stats.downlink_loss = f32::from(worst) / 256.0;
    }
    Ok(())
}
