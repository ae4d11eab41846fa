//! Watches every voice packet that leaves the shard. SRTP leaves RTP headers in the clear, so the
//! promises about slots can be checked before the network touches anything.

use crate::client::Client;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use voicehall_protocol::rtp::{OPUS_CLOCK_HZ, SourceId, voice_slot_of};
use voicehall_sfu::rtp::RtpHeader;

/// How long after it was sent a packet may still be forwarded: the worst delay of the paths here.
const ON_THE_WAY_MAX: Duration = Duration::from_millis(500);

/// A slot's timestamps may differ from real time by no more than the network's jitter.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(450);

/// What was seen, and the first promises that were broken.
#[derive(Debug, Default)]
pub struct Witness {
    /// Voice packets forwarded.
    pub forwarded: u64,
    /// Changes of source within a slot.
    pub switches: u64,
    /// What was broken; at most a few are kept.
    pub complaints: Vec<String>,
    streams: HashMap<(SocketAddr, usize), Stream>,
}

#[derive(Debug)]
struct Stream {
    source: SourceId,
    sequence_max: u64,
    // Timestamp and time of the highest sequence number.
    timestamp: u32,
    at: Instant,
    seen: u128,
}

const COMPLAINTS_MAX: usize = 20;

impl Witness {
    /// Sees a datagram that the shard sends.
    pub fn see(&mut self, to: SocketAddr, datagram: &[u8], clients: &[Client], now: Instant) {
        if !RtpHeader::is_media(datagram) || RtpHeader::is_rtcp(datagram) {
            return;
        }
        self.forwarded += 1;
        if let Err(complaint) = self.check(to, datagram, clients, now)
            && self.complaints.len() < COMPLAINTS_MAX
        {
            self.complaints.push(complaint);
        }
    }

    fn check(
        &mut self,
        to: SocketAddr,
        datagram: &[u8],
        clients: &[Client],
        now: Instant,
    ) -> Result<(), String> {
        let header = RtpHeader::parse(datagram).ok_or("not RTP")?;
        let slot = voice_slot_of(header.ssrc).ok_or_else(|| format!("SSRC {:#x} is no slot", header.ssrc))?;
        let source = SourceId(header.csrc.ok_or("no CSRC")?);
        let speaker = clients
            .iter()
            .find(|client| client.source == source)
            .ok_or_else(|| format!("{source:?} is nobody"))?;
        if speaker.address == to {
            return Err(format!("{source:?} hears their own voice"));
        }
        let sent_at = speaker.sent_at.ok_or_else(|| format!("{source:?} never spoke"))?;
        if now.duration_since(sent_at) > ON_THE_WAY_MAX {
            return Err(format!("{source:?} is silent, yet something was forwarded"));
        }
        for (other, stream) in (0..).map_while(|other| Some((other, self.streams.get(&(to, other))?))) {
            if other != slot && stream.source == source && stream.at == now {
                return Err(format!("{source:?} is in slots {slot} and {other} at once"));
            }
        }
        let Some(stream) = self.streams.get_mut(&(to, slot)) else {
            self.streams.insert((to, slot), Stream::new(source, &header, now));
            return Ok(());
        };
        if stream.source != source {
            self.switches += 1;
        }
        stream.go_on(source, &header, now).map_err(|complaint| format!("slot {slot} of {to}: {complaint}"))
    }
}

impl Stream {
    fn new(source: SourceId, header: &RtpHeader, now: Instant) -> Self {
        let sequence_max = (1 << 32) + u64::from(header.sequence);
        Self { source, sequence_max, timestamp: header.timestamp, at: now, seen: 1 }
    }

    /// Holds the next packet to: no number twice, none far ahead, the next one at a change of
    /// source, and a timestamp that goes with the number within a spurt and with the time beyond.
    fn go_on(&mut self, source: SourceId, header: &RtpHeader, now: Instant) -> Result<(), String> {
        let ahead = i64::from(header.sequence.wrapping_sub(self.sequence_max as u16) as i16);
        if ahead <= 0 {
            let bit = 1u128 << (-ahead).min(127);
            if self.seen & bit != 0 {
                return Err(format!("number {} twice", header.sequence));
            }
            if source != self.source {
                return Err(format!("{source:?} fills a gap of {:?}", self.source));
            }
            self.seen |= bit;
            return Ok(());
        }
        let elapsed = now.duration_since(self.at);
        let ticks = f64::from(header.timestamp.wrapping_sub(self.timestamp) as i32);
        let error_s = ticks / f64::from(OPUS_CLOCK_HZ) - elapsed.as_secs_f64();
        if error_s.abs() > CLOCK_TOLERANCE.as_secs_f64() {
            return Err(format!("timestamp is {error_s:.3} s off the real time"));
        }
        if source != self.source && (ahead != 1 || !header.marker) {
            return Err(format!("a new source {ahead} ahead, marker {}", header.marker));
        }
        self.seen = self.seen.checked_shl(ahead as u32).unwrap_or(0) | 1;
        self.sequence_max += ahead as u64;
        (self.source, self.timestamp, self.at) = (source, header.timestamp, now);
        Ok(())
    }
}
