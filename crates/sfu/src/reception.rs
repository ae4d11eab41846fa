//! What a receiver knows of a stream that reaches it: loss and jitter (RFC 3550 §6.4.1, §A.3,
//! §A.8), for receiver reports.

use crate::rtcp::{NtpTime, ReportBlock};
use std::time::Instant;
use voicehall_protocol::rtp::OPUS_CLOCK_HZ;

/// Statistics of one received stream.
#[derive(Debug, Clone)]
pub struct Reception {
    ssrc: u32,
    clock_hz: u32,
    base: u64,
    highest: u64,
    received: u64,
    /// Expected and received up to the last report.
    reported: (u64, u64),
    /// In units of the clock, times 16 as in RFC 3550 §A.8.
    jitter: u32,
    last_transit: Option<u32>,
    started: Instant,
    last_sender_report: Option<(NtpTime, Instant)>,
}

impl Reception {
    /// Starts with the first packet of a stream of Opus.
    pub fn new(ssrc: u32, index: u64, now: Instant) -> Self {
        Self::with_clock(OPUS_CLOCK_HZ, ssrc, index, now)
    }

    /// Starts with the first packet of a stream with this clock.
    pub fn with_clock(clock_hz: u32, ssrc: u32, index: u64, now: Instant) -> Self {
        Self {
            ssrc,
            clock_hz,
            base: index,
            highest: index,
            received: 0,
            reported: (0, 0),
            jitter: 0,
            last_transit: None,
            started: now,
            last_sender_report: None,
        }
    }

    /// Notes a packet, the first one too.
    pub fn receive(&mut self, index: u64, timestamp: u32, marker: bool, now: Instant) {
        self.received += 1;
        // One that was sent before the first that came.
        self.base = self.base.min(index);
        let in_order = index > self.highest;
        self.highest = self.highest.max(index);
        let arrival = (now.saturating_duration_since(self.started).as_micros() as u64
            * u64::from(self.clock_hz / 1000)
            / 1000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(last) = self.last_transit
            // A pause says nothing about the network: the sender's clock may have stood still.
            && !(marker && in_order)
        {
            let distance = (transit.wrapping_sub(last) as i32).unsigned_abs().min(self.clock_hz);
            self.jitter = self.jitter.wrapping_add(distance).wrapping_sub((self.jitter + 8) >> 4);
        }
        self.last_transit = Some(transit);
    }

    /// Notes a sender report.
    pub fn sender_report(&mut self, ntp: NtpTime, now: Instant) {
        self.last_sender_report = Some((ntp, now));
    }

    /// The stream.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Packets that should have come and did not.
    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    /// Interarrival jitter in milliseconds.
    pub fn jitter_ms(&self) -> f32 {
        (self.jitter >> 4) as f32 * 1000.0 / self.clock_hz as f32
    }

    /// The next report, or `None` when nothing came since the last.
    pub fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        let (expected, received) = (self.expected(), self.received);
        if received == self.reported.1 {
            return None;
        }
        let expected_since = expected.saturating_sub(self.reported.0);
        let lost_since = expected_since.saturating_sub(received - self.reported.1);
        self.reported = (expected, received);
        let (last_sender_report, delay_since) = self.last_sender_report.map_or((0, 0), |(ntp, at)| {
            let delay = now.saturating_duration_since(at);
            (ntp.middle(), NtpTime::since_zero(delay).middle())
        });
        Some(ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: (lost_since * 256).checked_div(expected_since).unwrap_or(0).min(255) as u8,
            cumulative_lost: i32::try_from(expected as i64 - received as i64).unwrap_or(i32::MAX),
            highest_sequence: self.highest as u32,
            jitter: self.jitter >> 4,
            last_sender_report,
            delay_since,
        })
    }

    fn expected(&self) -> u64 {
        self.highest - self.base + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn jitter_is_what_arrival_deviates_from_the_clock() {
        let start = Instant::now();
        let mut even = Reception::new(7, 0, start);
        let mut uneven = Reception::new(7, 0, start);
        for index in 0..1000u64 {
            let at = start + Duration::from_millis(index * 20);
            even.receive(index, index as u32 * 960, false, at);
            uneven.receive(index, index as u32 * 960, false, at + Duration::from_millis(index % 2 * 10));
        }
        assert!(even.jitter_ms() < 0.1);
        assert!((9.0..11.0).contains(&uneven.jitter_ms()), "{}", uneven.jitter_ms());
    }

    #[test]
    fn loss_is_reported_since_the_last_report_and_in_all() {
        let start = Instant::now();
        let mut reception = Reception::new(7, 65_530, start);
        for index in (65_530..65_630).filter(|index| index % 4 != 1) {
            let at = start + Duration::from_millis((index - 65_530) * 20);
            reception.receive(index, (index as u32) * 960, false, at);
        }
        let report = reception.report(start).unwrap();
        // 65533, 65537, … are missing, the last of all too, which nobody can know yet.
        assert_eq!(report.highest_sequence, 65_628);
        assert_eq!((report.cumulative_lost, report.fraction_lost), (24, (24 * 256 / 99) as u8));
        assert_eq!(reception.report(start), None, "nothing new");
    }
}
