//! The receive path: RTP packets of the voice slots in, the mix out. It knows no socket and no
//! clock, so that a whole call can run in virtual time.

use crate::packet::SlotPacket;
use std::time::{Duration, Instant};
use voicehall_audio::{AudioError, Downlink, Frame, IncomingPacket, Insert, JitterConfig};
use voicehall_protocol::rtp::{OPUS_CLOCK_HZ, SourceId, VOICE_SLOTS};

pub use voicehall_audio::{Audible, JitterStats};

/// What one listener receives.
#[derive(Debug)]
pub struct Receiver {
    downlink: Downlink,
    payload_bytes: u64,
    arrivals: [Option<ArrivalJitter>; VOICE_SLOTS],
}

impl Receiver {
    /// Empty slots, whose time begins at `now`.
    ///
    /// # Errors
    /// [`AudioError::CodecSetup`] without memory for the decoders.
    pub fn new(now: Instant) -> Result<Self, AudioError> {
        Ok(Self {
            downlink: Downlink::new(now, JitterConfig::default())?,
            payload_bytes: 0,
            arrivals: [None; VOICE_SLOTS],
        })
    }

    /// Takes an RTP packet, decrypted, that arrived at `now`. What is no voice packet of this
    /// protocol is [`Insert::Invalid`].
    pub fn push_rtp(&mut self, now: Instant, rtp: &[u8]) -> Insert {
        SlotPacket::parse(rtp).map_or(Insert::Invalid, |packet| self.push(now, &packet))
    }

    pub(crate) fn push(&mut self, now: Instant, packet: &SlotPacket) -> Insert {
        self.payload_bytes += packet.payload().len() as u64;
        if let Some(arrivals) = self.arrivals.get_mut(packet.slot) {
            *arrivals = Some(ArrivalJitter::after(*arrivals, now, &packet.incoming()));
        }
        self.downlink.insert(packet.slot, now, &packet.incoming())
    }

    /// Mixes the next 10 ms, to be handed out at `now`. Returns whether anybody is in it; if not,
    /// it is silence.
    pub fn mix(&mut self, now: Instant, mix: &mut Frame) -> bool {
        self.downlink.pull(now, mix)
    }

    /// Like [`Self::mix`], and shows each voice to `tap` before its volume is applied, as (source,
    /// first sample within the frame, samples).
    pub fn mix_with_tap(
        &mut self,
        now: Instant,
        mix: &mut Frame,
        mut tap: impl FnMut(SourceId, usize, &[f32]),
    ) -> bool {
        self.downlink.pull_with_tap(now, mix, |source, at, samples| tap(SourceId(source), at, samples))
    }

    /// Sets how loud a source is played, 0 to 2; before it is first heard too.
    pub fn set_volume(&mut self, source: SourceId, volume: f32) {
        self.downlink.set_volume(source.0, volume);
    }

    /// Switches on or off that voices are brought to a common loudness, before their volume.
    pub fn set_levelling(&mut self, on: bool) {
        self.downlink.set_levelling(on);
    }

    /// Says who the priority speakers are, at most 64, in place of those of before.
    pub fn set_priority(&mut self, sources: impl Iterator<Item = SourceId>) {
        self.downlink.set_priority(sources.map(|source| source.0));
    }

    /// Sets by how much everybody else is turned down while a priority speaker talks, in dB, -60
    /// to 0.
    pub fn set_priority_attenuation_db(&mut self, decibels: f32) {
        self.downlink.set_priority_attenuation_db(decibels);
    }

    /// Who is heard now, with a short hold.
    pub fn audible(&mut self) -> impl Iterator<Item = SourceId> {
        self.downlink.audible().iter().map(|audible| SourceId(audible.source))
    }

    /// What the jitter buffer of each slot did since the start.
    pub fn slots(&self) -> impl Iterator<Item = JitterStats> {
        (0..VOICE_SLOTS).filter_map(|slot| self.downlink.stats(slot))
    }

    /// Variation of the packets' delay (RFC 3550 §6.4.1), of the slot where it is largest.
    #[must_use]
    pub fn jitter(&self) -> Duration {
        self.arrivals.iter().flatten().map(|arrivals| arrivals.jitter).max().unwrap_or_default()
    }

    /// Opus bytes received since the start.
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }
}

/// The running estimate of RFC 3550 §6.4.1 for one slot.
#[derive(Debug, Clone, Copy)]
struct ArrivalJitter {
    at: Instant,
    timestamp: u32,
    jitter: Duration,
}

impl ArrivalJitter {
    fn after(before: Option<Self>, at: Instant, packet: &IncomingPacket<'_>) -> Self {
        let timestamp = packet.timestamp;
        // A talk spurt's first packet says how long was silent, not how the network did.
        let (Some(last), false) = (before, packet.marker) else {
            return Self { at, timestamp, jitter: before.map_or(Duration::ZERO, |last| last.jitter) };
        };
        let spoken_s = f64::from(timestamp.wrapping_sub(last.timestamp) as i32) / f64::from(OPUS_CLOCK_HZ);
        let elapsed_s = at.saturating_duration_since(last.at).as_secs_f64();
        let jitter_s = last.jitter.as_secs_f64();
        // Bounded, because a stranger writes the timestamps.
        let off_s = (elapsed_s - spoken_s).abs().min(10.0);
        let jitter = Duration::from_secs_f64(jitter_s + (off_s - jitter_s) / 16.0);
        Self { at, timestamp, jitter }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_zero_on_a_steady_network_and_follows_an_unsteady_one() {
        let start = Instant::now();
        let run = |late_ms: fn(u64) -> u64| {
            (0..500).fold(None, |before, n| {
                let at = start + Duration::from_millis(n * 20 + late_ms(n));
                let packet = IncomingPacket {
                    sequence: n as u16,
                    timestamp: (n as u32).wrapping_mul(960).wrapping_sub(5_000),
                    source: 4,
                    marker: n == 0,
                    payload: &[],
                };
                Some(ArrivalJitter::after(before, at, &packet))
            })
        };
        let jitter_ms = |arrivals: Option<ArrivalJitter>| arrivals.unwrap().jitter.as_secs_f64() * 1e3;
        assert!(jitter_ms(run(|_| 7)) < 0.01);
        let unsteady = jitter_ms(run(|n| n % 2 * 8));
        assert!((unsteady - 8.0).abs() < 0.1, "{unsteady}");
    }
}
