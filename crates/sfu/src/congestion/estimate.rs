//! What a receiver's line carries (draft-ietf-rmcat-gcc-02), worked out from when it says that the
//! packets of its videos came.
//!
//! Two things lower the estimate. When the line's queue grows ([`Trend`]), it falls to a share of what
//! arrived lately (§5.5); when more than a tenth is lost, it falls with the loss (§6). Otherwise it
//! rises, slowly and never far beyond what arrived; a probe (`probe`), which tries what the line carries,
//! raises it at once.
//!
//! A receiver can lie. What it says arrived is counted once for each packet that left, and no faster than
//! it left; so a lie raises the estimate no further than an honest word from a better line would.

use super::feedback;
use super::probe::Probe;
use super::sent::SentPackets;
use super::trend::{Trend, Usage};
use std::time::{Duration, Instant};

/// In bits a second, before anything is known: a camera in 720p. Most lines carry it, and begin with a
/// sharp picture; one that does not has a full queue for about half a second.
pub const START: f64 = 2_500_000.0;

/// Less than this shows no picture: a line so bad is left to voice. A lower one would take longer to
/// come back from.
pub const FLOOR: f64 = 50_000.0;

/// More than anybody's videos need, and what a lie can reach at most.
pub const CEILING: f64 = 20_000_000.0;

/// What is kept of the rate that arrived when the queue grows (§5.5: 0.85).
const DECREASE: f64 = 0.85;

/// Growth in a second far from where the line was last full (§5.5).
const GROWTH: f64 = 0.08;

/// Growth in a second near it, in bits: a packet of 1200 bytes for each response, which takes 200 ms.
const GROWTH_NEAR: f64 = 48_000.0;

/// How near the rate that arrived is to that of the last overuse to count as near.
const NEAR: f64 = 0.2;

/// It does not grow beyond this share of what arrived (§5.5).
const BEYOND_ARRIVED: f64 = 1.5;

/// Between two decreases: what was sent before the last one is still to be told of.
const DECREASE_PAUSE_US: i64 = 300_000;

/// Weight of a packet in the share that is lost. Five in a hundred lost by chance stay well below a
/// tenth; of a line that is full, 20 packets tell.
const LOSS_WEIGHT: f64 = 1.0 / 128.0;

/// Loss above which the rate falls, and below which it may grow (§6).
const LOSS_HIGH: f64 = 0.1;
const LOSS_LOW: f64 = 0.02;

/// What arrived is counted over this time.
const WINDOW_US: i64 = 500_000;

/// Without a word for this long after a packet left, the rate is halved; again after the next packet.
const SILENCE_US: i64 = 2_000_000;

/// A line on which nothing fits says nothing more: each second in which nothing is sent, its rate grows by
/// this, until something can be tried again.
const IDLE_US: i64 = 1_000_000;
const IDLE_GROWTH: f64 = 1.25;
const IDLE_MAX: f64 = 500_000.0;

/// The estimate of one receiver's line.
#[derive(Debug)]
pub(crate) struct Estimate {
    start: Instant,
    rate: f64,
    sent: SentPackets,
    trend: Trend,
    arrived: Arrived,
    loss: f64,
    /// What arrived when the queue last grew.
    full_at: Option<f64>,
    decreased_us: i64,
    updated_us: i64,
    /// When a word came last; none before the first.
    heard_us: Option<i64>,
    /// When the first packet left since; none while nothing did.
    unheard_us: Option<i64>,
    probe: Probe,
}

impl Estimate {
    pub fn new(now: Instant) -> Self {
        Self {
            start: now,
            rate: START,
            sent: SentPackets::new(),
            trend: Trend::new(),
            arrived: Arrived::default(),
            loss: 0.0,
            full_at: None,
            decreased_us: -DECREASE_PAUSE_US,
            updated_us: 0,
            heard_us: None,
            unheard_us: None,
            probe: Probe::default(),
        }
    }

    /// Bits a second, headers of RTP and SRTP among them.
    pub fn bits_per_second(&self) -> u64 {
        self.rate as u64
    }

    /// The transport-wide sequence number that the next packet leaves with.
    pub fn next_number(&self) -> u16 {
        self.sent.next() as u16
    }

    /// Notes a packet that leaves now, with the next number.
    #[inline]
    pub fn note_sent(&mut self, bytes: usize, now: Instant) {
        let now_us = self.us(now);
        self.probe.note_sent(self.sent.next(), bytes);
        self.sent.note(bytes, now_us);
        self.unheard_us.get_or_insert(now_us);
    }

    /// Takes a feedback, without its SSRCs; what is not well formed ends it.
    pub fn hear(&mut self, body: &[u8], now: Instant) {
        let now_us = self.us(now);
        let Self { sent, trend, arrived, loss, probe, .. } = self;
        let mut any = false;
        let _ = feedback::read(body, |number, at| {
            let Some((number, packet)) = sent.take(number) else { return };
            any = true;
            *loss += LOSS_WEIGHT * (f64::from(u8::from(at.is_none())) - *loss);
            probe.told(number, &packet, at);
            if let Some(at) = at {
                trend.packet(packet.at_us, at);
                arrived.packet(packet.at_us, at, packet.bytes);
            }
        });
        if any {
            self.heard_us = Some(now_us);
            self.unheard_us = None;
            self.update(now_us);
        }
    }

    /// Bytes of padding that are to leave now to try whether the line carries what is `wanted`, in bits a
    /// second; this is asked every `turn`. None before the first word of the receiver.
    pub fn padding_due(&mut self, wanted: u64, now: Instant, turn: Duration) -> u64 {
        if self.heard_us.is_none() {
            return 0;
        }
        let now_us = self.us(now);
        if self.trend.usage() == Usage::Normal {
            let wanted = (wanted as f64).min(CEILING);
            self.probe.begin(self.rate, wanted, self.sent.next(), now_us, now);
        }
        self.probe.due(now_us, now, turn)
    }

    /// Notes that time passed.
    pub fn pass(&mut self, now: Instant) {
        let now_us = self.us(now);
        if self.heard_us.is_some() && self.unheard_us.is_some_and(|since| now_us - since >= SILENCE_US) {
            // The last packets before a pause may be lost, and nobody tells of them: once is enough.
            self.unheard_us = None;
            self.updated_us = now_us;
            self.set(self.rate / 2.0);
        }
        if self.unheard_us.is_none() && now_us - self.updated_us >= IDLE_US && self.rate < IDLE_MAX {
            self.updated_us = now_us;
            self.set((self.rate * IDLE_GROWTH).min(IDLE_MAX));
        }
    }

    fn update(&mut self, now_us: i64) {
        let step = ((now_us - self.updated_us) as f64 / 1e6).clamp(0.0, 1.0);
        self.updated_us = now_us;
        let probed = self.probe.result(now_us, self.rate);
        if let Some(rate) = probed.filter(|rate| *rate > self.rate) {
            self.full_at = None;
            return self.set(rate);
        }
        let Some(arrived) = self.arrived.rate() else { return };
        let may_fall = now_us - self.decreased_us >= DECREASE_PAUSE_US;
        match self.trend.usage() {
            Usage::Over if may_fall => {
                self.full_at = Some(arrived);
                self.decreased_us = now_us;
                self.probe.cancel();
                self.set(self.rate.min(DECREASE * arrived));
            }
            _ if self.loss > LOSS_HIGH && may_fall => {
                self.decreased_us = now_us;
                // What does arrive is carried, whatever else is lost.
                let carried = self.rate.min(DECREASE * arrived);
                self.set((self.rate * (1.0 - 0.5 * self.loss)).max(carried));
            }
            Usage::Normal if self.loss < LOSS_LOW => self.grow(arrived, step),
            _ => {}
        }
    }

    fn grow(&mut self, arrived: f64, step: f64) {
        let near = self.full_at.is_some_and(|full| (arrived - full).abs() <= NEAR * full);
        let more = if near { GROWTH_NEAR * step } else { self.rate * GROWTH * step };
        let bound = BEYOND_ARRIVED * arrived;
        if self.rate < bound {
            self.set((self.rate + more).min(bound));
        }
    }

    fn set(&mut self, rate: f64) {
        self.rate = rate.clamp(FLOOR, CEILING);
    }

    fn us(&self, now: Instant) -> i64 {
        now.saturating_duration_since(self.start).min(Duration::from_secs(1 << 40)).as_micros() as i64
    }
}

/// What arrived lately, by both clocks.
#[derive(Debug, Default)]
struct Arrived {
    /// Of the window that is being filled: first time of leaving and of arrival, last ones, bytes.
    window: Option<(i64, i64, i64, i64, u64)>,
    rate: Option<f64>,
}

impl Arrived {
    fn packet(&mut self, sent_us: i64, at_us: i64, bytes: u16) {
        let Some((sent_first, at_first, sent_last, at_last, sum)) = &mut self.window else {
            self.window = Some((sent_us, at_us, sent_us, at_us, 0));
            return;
        };
        *sent_last = (*sent_last).max(sent_us);
        *at_last = (*at_last).max(at_us);
        *sum += u64::from(bytes);
        // The slower of both clocks: nothing arrives faster than it left.
        let span = (*sent_last - *sent_first).max(at_last.saturating_sub(*at_first));
        if span >= WINDOW_US {
            let rate = *sum as f64 * 8e6 / span as f64;
            // A pause is no rate.
            self.rate = if span < 4 * WINDOW_US { Some(rate) } else { self.rate };
            self.window = Some((sent_us, at_us, sent_us, at_us, 0));
        }
    }

    fn rate(&self) -> Option<f64> {
        self.rate
    }
}

#[cfg(test)]
mod tests;
