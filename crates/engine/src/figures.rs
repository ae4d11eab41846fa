//! A call's figures over the last second, from counters that only grow.

use crate::media::Quality;
use crate::session::Figures;
use std::time::{Duration, Instant};
use voicehall_protocol::engine::{CallStats, Codec, StageDelays};

/// The counters at the last reading.
#[derive(Debug, Default)]
pub(crate) struct CallFigures {
    last: Option<(Instant, Quality, u64)>,
}

impl CallFigures {
    /// The figures since the last call.
    pub(crate) fn update(&mut self, now: Instant, quality: &Quality, network: &Figures) -> CallStats {
        let sent = network.sent_bytes();
        let before = self.last.replace((now, *quality, sent));
        let (elapsed_s, since, sent_before) = match before {
            Some((at, quality, sent)) => (now.saturating_duration_since(at).as_secs_f32(), quality, sent),
            None => (1.0, Quality::default(), 0),
        };
        // A device that was opened anew counts from nothing.
        let glitches = quality.glitches.checked_sub(since.glitches).unwrap_or(quality.glitches);
        if glitches > 0 {
            tracing::debug!(glitches, "sound was missing or lost at a device");
        }
        let lost = quality.lost.saturating_sub(since.lost) as f32;
        let received = quality.received.saturating_sub(since.received) as f32;
        let bits = |now: u64, before: u64| (now.saturating_sub(before) * 8) as f32 / elapsed_s.max(0.1);
        CallStats {
            rtt_ms: network.round_trip().map(ms),
            loss_down: if lost > 0.0 { lost / (lost + received) } else { 0.0 },
            loss_up: network.loss_up(),
            jitter_ms: ms(quality.jitter),
            buffer_ms: ms(quality.buffer),
            bitrate_down: bits(quality.payload_bytes, since.payload_bytes) as u32,
            bitrate_up: bits(sent, sent_before) as u32,
            codec: Some(Codec::Opus),
            packet_ms: (!quality.packet.is_zero()).then(|| ms(quality.packet)),
            delays: StageDelays {
                capture_ms: quality.delays.capture.map(ms),
                processing_ms: (!quality.delays.processing.is_zero()).then(|| ms(quality.delays.processing)),
                network_ms: network.round_trip().map(ms),
                // Nobody was heard yet: there is no buffer to speak of.
                buffer_ms: (!quality.buffer.is_zero()).then(|| ms(quality.buffer)),
                playback_ms: quality.delays.playback.map(ms),
            },
        }
    }
}

fn ms(time: Duration) -> f32 {
    time.as_secs_f32() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::OwnDelays;

    #[test]
    fn figures_are_of_the_last_second_alone() {
        let (mut figures, start, network) = (CallFigures::default(), Instant::now(), Figures::default());
        let first = Quality { received: 90, lost: 10, payload_bytes: 8_000, ..Quality::default() };
        let stats = figures.update(start, &first, &network);
        assert_eq!((stats.loss_down, stats.bitrate_down, stats.rtt_ms), (0.1, 64_000, None));
        let second = Quality { received: 190, payload_bytes: 20_000, ..first };
        let stats = figures.update(start + Duration::from_secs(2), &second, &network);
        assert_eq!((stats.loss_down, stats.bitrate_down), (0.0, 48_000));
    }

    #[test]
    fn a_delay_that_is_not_known_is_not_guessed() {
        let (mut figures, start, network) = (CallFigures::default(), Instant::now(), Figures::default());
        let nothing = figures.update(start, &Quality::default(), &network);
        assert_eq!((nothing.packet_ms, nothing.delays), (None, StageDelays::default()));
        let own = OwnDelays {
            capture: Some(Duration::from_millis(6)),
            processing: Duration::from_micros(26_500),
            playback: None,
        };
        let buffer = Duration::from_millis(40);
        let quality =
            Quality { buffer, delays: own, packet: Duration::from_millis(20), ..Quality::default() };
        let stats = figures.update(start + Duration::from_secs(1), &quality, &network);
        assert_eq!(stats.packet_ms, Some(20.0));
        let known = StageDelays {
            capture_ms: Some(6.0),
            processing_ms: Some(26.5),
            network_ms: None,
            buffer_ms: Some(40.0),
            playback_ms: None,
        };
        assert_eq!(stats.delays, known);
    }
}
