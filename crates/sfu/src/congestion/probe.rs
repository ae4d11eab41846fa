//! Tries whether a line carries more than is sent, with a short cluster of padding
//! (draft-ietf-rmcat-gcc-02 §5.5 grows too slowly for a layer that needs three times as much).

use super::sent::Sent;
use std::time::{Duration, Instant};

/// How long a cluster lasts: some groups of packets, and 100 ms of queue at most where it is refused.
pub(crate) const CLUSTER: Duration = Duration::from_millis(100);

/// What is tried, as a multiple of the estimate: each success is followed by the next step.
const STEP: f64 = 2.0;

/// Until a cluster has been told of; then it failed.
const ANSWER_US: i64 = 1_000_000;

/// Between two clusters: after a success, and at most after failures, each of which doubles it. The
/// larger is how long a line that has become good may go unnoticed.
const PAUSE_US: i64 = 300_000;
const PAUSE_US_MAX: i64 = 3_000_000;

/// Of a cluster, told of as arrived, for its rate to be believed.
const TOLD_MIN: f64 = 0.8;

/// What is kept where the line carried less than was sent, so that its queue empties.
const KEPT: f64 = 0.9;

/// A cluster: while it leaves, or until it has been told of.
#[derive(Debug, Clone, Copy)]
struct Cluster {
    target: f64,
    started: Instant,
    /// Numbers of its packets, the first and the one after the last.
    first: u64,
    end: u64,
    bytes: u64,
    packets: u32,
    done_us: Option<i64>,
    told: Told,
}

/// What has been told of a cluster.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    packets: u32,
    arrived: u32,
    bytes: u64,
    /// Times of leaving and of arrival.
    sent: Option<(i64, i64)>,
    at: Option<(i64, i64)>,
    /// Bytes that left last, at the same moment, and that came first.
    bytes_last: u64,
    bytes_first: u64,
}

/// The clusters of one receiver, one at a time.
#[derive(Debug)]
pub(crate) struct Probe {
    cluster: Option<Cluster>,
    next_us: i64,
    pause_us: i64,
}

impl Default for Probe {
    fn default() -> Self {
        Self { cluster: None, next_us: 0, pause_us: PAUSE_US }
    }
}

impl Probe {
    /// Begins a cluster if it is time to.
    pub fn begin(&mut self, estimate: f64, wanted: f64, next: u64, now_us: i64, now: Instant) {
        if self.cluster.is_some() || now_us < self.next_us || wanted <= estimate {
            return;
        }
        // Not much more than what is wanted: padding is of use to nobody.
        let target = (estimate * STEP).min(wanted * 1.2);
        self.cluster = Some(Cluster {
            target,
            started: now,
            first: next,
            end: next,
            bytes: 0,
            packets: 0,
            done_us: None,
            told: Told::default(),
        });
    }

    /// Bytes of padding that are to leave now, given that this is asked again after `turn`.
    pub fn due(&mut self, now_us: i64, now: Instant, turn: Duration) -> u64 {
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.done_us.is_none()) else {
            return 0;
        };
        let elapsed = now.saturating_duration_since(cluster.started);
        if elapsed >= CLUSTER {
            cluster.done_us = Some(now_us);
            return 0;
        }
        let share = cluster.target / 8.0 * (elapsed + turn).min(CLUSTER).as_secs_f64();
        (share as u64).saturating_sub(cluster.bytes)
    }

    /// Notes a packet that leaves; the video that leaves with a cluster is part of it.
    #[inline]
    pub fn note_sent(&mut self, number: u64, bytes: usize) {
        if let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.done_us.is_none()) {
            cluster.end = number + 1;
            cluster.bytes += bytes as u64;
            cluster.packets += 1;
        }
    }

    /// Notes what became of a packet.
    pub fn told(&mut self, number: u64, sent: &Sent, at: Option<i64>) {
        let Some(cluster) = &mut self.cluster else { return };
        if number < cluster.first || number >= cluster.end {
            return;
        }
        let told = &mut cluster.told;
        told.packets += 1;
        let Some(at) = at else { return };
        told.arrived += 1;
        let bytes = u64::from(sent.bytes);
        told.bytes += bytes;
        if told.at.is_none() {
            told.bytes_first = bytes;
        }
        let (first, last) = told.sent.get_or_insert((sent.at_us, sent.at_us));
        if sent.at_us > *last {
            told.bytes_last = 0;
        }
        told.bytes_last += bytes;
        (*first, *last) = ((*first).min(sent.at_us), (*last).max(sent.at_us));
        let (first, last) = told.at.get_or_insert((at, at));
        (*first, *last) = ((*first).min(at), (*last).max(at));
    }

    /// Ends a cluster that makes things worse.
    pub fn cancel(&mut self) {
        if let Some(cluster) = &mut self.cluster {
            cluster.done_us.get_or_insert(0);
        }
    }

    /// What a cluster found the line to carry, in bits a second, once it has been told of.
    pub fn result(&mut self, now_us: i64, estimate: f64) -> Option<f64> {
        let cluster = self.cluster?;
        let done_us = cluster.done_us?;
        if cluster.told.packets < cluster.packets && now_us - done_us < ANSWER_US {
            return None;
        }
        self.cluster = None;
        let rate = cluster.rate();
        let succeeded = rate.is_some_and(|rate| rate > estimate * 1.1);
        self.pause_us = if succeeded { PAUSE_US } else { (self.pause_us * 2).min(PAUSE_US_MAX) };
        self.next_us = now_us + self.pause_us;
        rate
    }
}

impl Cluster {
    fn rate(&self) -> Option<f64> {
        let Told { arrived, bytes, bytes_first, bytes_last, .. } = self.told;
        if f64::from(arrived) < TOLD_MIN * f64::from(self.packets) {
            return None;
        }
        let (sent, at) = self.told.sent.zip(self.told.at)?;
        let rate = |bytes: u64, (first, last): (i64, i64)| {
            let span = last.saturating_sub(first);
            // A few packets at once say nothing.
            (span >= 20_000).then(|| bytes as f64 * 8e6 / span as f64)
        };
        let left = rate(bytes - bytes_last, sent)?;
        let came = rate(bytes - bytes_first, at)?;
        Some(if came < KEPT * left { KEPT * came } else { left.min(came).min(self.target) })
    }
}
