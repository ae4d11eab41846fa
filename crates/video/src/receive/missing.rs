//! Packets that should have come: when to ask for them (NACK, RFC 4585 §6.2.1), and how often.

use std::time::{Duration, Instant};

/// How many are waited for. A gap of more is no loss to be mended packet by packet.
const MISSING_MAX: usize = 512;

/// How long a packet is given to come by itself, at least and at most: packets overtake each other.
/// Less asks for what comes anyway, more makes each loss last longer.
const REORDER_MIN: Duration = Duration::from_millis(5);
const REORDER_MAX: Duration = Duration::from_millis(60);

/// What an answer takes beside the way there and back.
const ANSWER: Duration = Duration::from_millis(10);

/// How often a packet is asked for.
const ASK_MAX: u8 = 10;

#[derive(Debug, Clone, Copy)]
struct Missing {
    sequence: i64,
    noticed: Instant,
    asked: Option<Instant>,
    times: u8,
    /// Nobody knows whether it was sent.
    guessed: bool,
}

/// What is missing, in sequence order.
#[derive(Debug)]
pub(super) struct MissingPackets {
    list: Vec<Missing>,
    /// How late packets come that others have overtaken.
    reorder: Duration,
}

impl MissingPackets {
    pub(super) fn new() -> Self {
        Self { list: Vec::with_capacity(MISSING_MAX), reorder: REORDER_MIN }
    }

    /// Notes that everything from `from` to before `to` has not come. Returns whether that is few
    /// enough to be asked for.
    pub(super) fn note(&mut self, from: i64, to: i64, now: Instant) -> bool {
        // What was guessed is now known.
        self.list.retain(|missing| missing.sequence < from);
        if self.list.len() as i64 + (to - from) > MISSING_MAX as i64 {
            self.list.clear();
            return false;
        }
        self.list.extend((from..to).map(|sequence| Missing::new(sequence, now, false)));
        true
    }

    /// Notes that the packet after the newest should have come, if it was sent.
    pub(super) fn guess(&mut self, sequence: i64, now: Instant) {
        if self.list.last().is_none_or(|last| last.sequence < sequence) && self.list.len() < MISSING_MAX {
            self.list.push(Missing::new(sequence, now, true));
        }
    }

    /// Notes a packet's arrival.
    pub(super) fn arrived(&mut self, sequence: i64, retransmitted: bool, now: Instant) {
        self.reorder -= self.reorder / 512;
        if let Ok(index) = self.list.binary_search_by_key(&sequence, |missing| missing.sequence) {
            let missing = self.list.remove(index);
            if !retransmitted && !missing.guessed {
                let late = now.saturating_duration_since(missing.noticed);
                self.reorder = self.reorder.max(late);
            }
        }
        self.reorder = self.reorder.clamp(REORDER_MIN, REORDER_MAX);
    }

    /// Forgets everything before `sequence`.
    pub(super) fn forget_before(&mut self, sequence: i64) {
        let end = self.list.partition_point(|missing| missing.sequence < sequence);
        self.list.drain(..end);
    }

    /// Forgets everything that has been missing since before `since`; returns how many, and the last
    /// of them.
    pub(super) fn give_up(&mut self, since: Instant) -> (usize, Option<i64>) {
        let before = self.list.len();
        let last = self.list.iter().rfind(|missing| missing.noticed <= since).map(|missing| missing.sequence);
        self.list.retain(|missing| missing.noticed > since);
        (before - self.list.len(), last)
    }

    /// The first that is known to be missing, and since when.
    pub(super) fn first(&self) -> Option<(i64, Instant)> {
        self.list.iter().find(|missing| !missing.guessed).map(|missing| (missing.sequence, missing.noticed))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    /// Appends what is to be asked for now.
    pub(super) fn ask(&mut self, now: Instant, round_trip: Duration, out: &mut Vec<u16>) {
        for missing in &mut self.list {
            let due = match missing.asked {
                None => missing.noticed + self.reorder,
                Some(asked) => asked + round_trip + ANSWER,
            };
            if due <= now && missing.times < ASK_MAX {
                missing.asked = Some(now);
                missing.times += 1;
                out.push(missing.sequence as u16);
            }
        }
    }
}

impl Missing {
    fn new(sequence: i64, noticed: Instant, guessed: bool) -> Self {
        Self { sequence, noticed, asked: None, times: 0, guessed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_packet_is_asked_for_until_it_comes_or_it_was_enough() {
        let start = Instant::now();
        let mut missing = MissingPackets::new();
        assert!(missing.note(65_535, 65_538, start));
        let mut asked = Vec::new();
        missing.ask(start + ms(4), ms(50), &mut asked);
        assert!(asked.is_empty());
        missing.ask(start + ms(5), ms(50), &mut asked);
        assert_eq!(asked, [65_535, 0, 1]);
        missing.arrived(65_536, true, start + ms(50));
        asked.clear();
        missing.ask(start + ms(64), ms(50), &mut asked);
        assert!(asked.is_empty());
        missing.ask(start + ms(65), ms(50), &mut asked);
        assert_eq!(asked, [65_535, 1]);
        asked.clear();
        for tick in 2..100 {
            missing.ask(start + ms(60 * tick), ms(50), &mut asked);
        }
        assert_eq!(asked.len(), 2 * (usize::from(ASK_MAX) - 2));
    }

    #[test]
    fn where_packets_overtake_each_other_less_haste_is_made() {
        let start = Instant::now();
        let mut missing = MissingPackets::new();
        let asked_after = |missing: &mut MissingPackets, sequence: i64| {
            missing.note(sequence, sequence + 1, start);
            let mut asked = Vec::new();
            let waited = (0..100).find(|tick| {
                missing.ask(start + ms(*tick), ms(50), &mut asked);
                !asked.is_empty()
            });
            missing.clear();
            waited
        };
        assert_eq!(asked_after(&mut missing, 1), Some(5));
        missing.note(2, 3, start);
        missing.arrived(2, false, start + ms(30));
        assert_eq!(asked_after(&mut missing, 3), Some(30));
        // What was asked for says nothing about the order of packets.
        missing.note(4, 5, start);
        missing.arrived(4, true, start + ms(55));
        assert_eq!(asked_after(&mut missing, 5), Some(30));
        (6..2000).for_each(|sequence| missing.arrived(sequence, false, start));
        assert_eq!(asked_after(&mut missing, 2000), Some(5));
    }

    #[test]
    fn a_gap_that_is_too_large_is_not_mended() {
        let start = Instant::now();
        let mut missing = MissingPackets::new();
        assert!(missing.note(0, 512, start));
        assert!(!missing.note(600, 601, start));
        assert!(missing.is_empty());
    }
}
