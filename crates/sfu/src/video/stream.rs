//! One receiver's video slot as one unbroken RTP stream: where each packet of changing layers and
//! sources stands in it.
//!
//! - A run, which is an unbroken part of one layer, begins with a key frame and at no other packet.
//! - What the node withholds leaves no gap in the sequence numbers; what was lost or reordered on the
//!   way to the node shows through, and what comes later finds its place.
//! - Timestamps follow the layer's own within a run, and real time from one run to the next.
//!
//! No place is given twice, which SRTP depends on: a place is its nonce.

use super::cache::Packet;
use super::source::LayerId;
use std::time::{Duration, Instant};
use voicehall_protocol::rtp::VIDEO_CLOCK_HZ;

/// A jump of sequence numbers beyond this is a new beginning rather than loss.
const LOSS_MAX: u64 = 1000;

/// How late a packet may be and still have a place; the reach of [`Run::withheld`].
const LATE_MAX: u64 = 128;

/// Least distance between the pictures of two runs: a 60th of a second.
const PICTURE_MIN: u32 = VIDEO_CLOCK_HZ / 60;

/// Packets that can be told from a receiver's NACK: a second of 2.5 Mb/s.
const SENT_MAX: usize = 256;

/// Where a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Rollover counter and sequence number in one.
    pub index: u64,
    pub timestamp: u32,
    /// It belongs to a picture of which other parts were withheld: sent without its content, so that
    /// no gap is left.
    pub hollow: bool,
}

/// A packet that was sent, as it can be found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    /// One more than the place that it had; 0 for none.
    place: u64,
    pub layer: LayerId,
    pub index: u64,
    pub timestamp: u32,
    resent: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    layer: LayerId,
    /// Index minus place, of the newest packet.
    shift: u64,
    clock_shift: u32,
    /// The first index.
    floor: u64,
    highest: u64,
    /// Bit `n` is set when the packet `highest - n` came.
    seen: u128,
    /// Likewise, when it was withheld.
    withheld: u128,
    /// Of the newest picture: its own timestamp, and whether it is withheld.
    picture: (u32, bool),
    /// Timestamps of the last pictures that were withheld.
    withheld_pictures: [Option<u32>; 4],
    /// The newest packet ended a picture.
    ended: bool,
}

/// The stream of one slot.
#[derive(Debug)]
pub(crate) struct VideoStream {
    run: Option<Run>,
    next: u64,
    first: bool,
    last_timestamp: u32,
    clock: (Instant, u32),
    sent: Vec<Sent>,
    /// Packets sent, for sender reports, modulo 2^32.
    pub packets: u32,
    /// Payload bytes sent, likewise.
    pub octets: u32,
    /// `packets` at the last sender report.
    pub packets_reported: u32,
}

impl VideoStream {
    /// Starts at this sequence number, which is best in the lower half (RFC 3711 §3.3.1).
    pub fn new(sequence: u16, timestamp: u32, now: Instant) -> Self {
        Self {
            run: None,
            next: u64::from(sequence),
            first: true,
            last_timestamp: timestamp,
            clock: (now, timestamp),
            sent: Vec::new(),
            packets: 0,
            octets: 0,
            packets_reported: 0,
        }
    }

    /// The layer whose packets it carries now.
    pub fn layer(&self) -> Option<LayerId> {
        self.run.map(|run| run.layer)
    }

    /// Whether a new run may begin without cutting a picture in two.
    pub fn between_pictures(&self) -> bool {
        self.run.is_none_or(|run| run.ended)
    }

    /// The stream's clock at a moment, for sender reports.
    pub fn timestamp_at(&self, now: Instant) -> u32 {
        let (clock_at, clock) = self.clock;
        clock.wrapping_add(ticks(now.saturating_duration_since(clock_at)))
    }

    /// Ends the run: what comes next waits for a key frame.
    pub fn stop(&mut self) {
        self.run = None;
    }

    /// Begins a run with the first packet of a key frame.
    pub fn start(&mut self, layer: LayerId, packet: &Packet<'_>, now: Instant) {
        let mut begin = self.timestamp_at(now);
        if !self.first && (begin.wrapping_sub(self.last_timestamp) as i32) < PICTURE_MIN as i32 {
            begin = self.last_timestamp.wrapping_add(PICTURE_MIN);
        }
        self.run = Some(Run {
            layer,
            shift: packet.index.wrapping_sub(self.next),
            clock_shift: begin.wrapping_sub(packet.timestamp),
            floor: packet.index,
            highest: packet.index.wrapping_sub(1),
            seen: 0,
            withheld: 0,
            picture: (packet.timestamp, false),
            withheld_pictures: [None; 4],
            ended: true,
        });
    }

    /// The place of the run's next packet; `None` when it has none. With `thin`, pictures that no
    /// other refers to are withheld.
    pub fn place(&mut self, packet: &Packet<'_>, discardable: bool, thin: bool) -> Option<Placed> {
        let run = self.run.as_mut()?;
        if packet.index < run.floor {
            return None;
        }
        let ahead = packet.index.wrapping_sub(run.highest);
        let placed = if ahead.wrapping_sub(1) < LOSS_MAX {
            run.advance(packet, ahead, discardable && thin)?
        } else if run.highest.wrapping_sub(packet.index) < LATE_MAX {
            run.late(packet)?
        } else {
            if ahead < 1 << 63 {
                self.run = None;
            }
            return None;
        };
        self.next = self.next.max(placed.index + 1);
        if self.first || placed.timestamp.wrapping_sub(self.last_timestamp) as i32 > 0 {
            self.last_timestamp = placed.timestamp;
            self.first = false;
        }
        let layer = run.layer;
        if !placed.hollow {
            self.remember(layer, packet.index, &placed);
        }
        Some(placed)
    }

    /// The packet that went out with this sequence number, if it may be sent again: not more often
    /// than every `pause`.
    pub fn resend(&mut self, sequence: u16, pause: Duration, now: Instant) -> Option<Sent> {
        // The newest index with these 16 bits.
        let last = self.next.checked_sub(1)?;
        let index = last.checked_sub(u64::from((last as u16).wrapping_sub(sequence)))?;
        let sent = self.sent.get_mut(index as usize % SENT_MAX).filter(|sent| sent.place == index + 1)?;
        if sent.resent.is_some_and(|at| now.saturating_duration_since(at) < pause) {
            return None;
        }
        sent.resent = Some(now);
        Some(*sent)
    }

    fn remember(&mut self, layer: LayerId, index: u64, placed: &Placed) {
        let sent = Sent { place: 0, layer, index, timestamp: placed.timestamp, resent: None };
        if self.sent.is_empty() {
            self.sent.resize(SENT_MAX, sent);
        }
        self.sent[placed.index as usize % SENT_MAX] = Sent { place: placed.index + 1, ..sent };
    }
}

impl Run {
    /// A packet beyond all that came so far.
    fn advance(&mut self, packet: &Packet<'_>, ahead: u64, withhold: bool) -> Option<Placed> {
        let new_picture = packet.timestamp != self.picture.0;
        if new_picture {
            // Whole pictures only: with a gap before it, others of its packets may be missing.
            self.picture = (packet.timestamp, withhold && ahead == 1 && self.ended);
            if self.picture.1 {
                self.withheld_pictures.rotate_right(1);
                self.withheld_pictures[0] = Some(packet.timestamp);
            }
        }
        self.highest = packet.index;
        let shifted = |bits: u128| if ahead < LATE_MAX { bits << ahead } else { 0 };
        self.seen = shifted(self.seen) | 1;
        self.withheld = shifted(self.withheld);
        self.ended = packet.marker;
        if self.picture.1 {
            self.withheld |= 1;
            self.shift = self.shift.wrapping_add(1);
            return None;
        }
        Some(self.placed(packet, self.shift, false))
    }

    /// A packet behind the newest.
    fn late(&mut self, packet: &Packet<'_>) -> Option<Placed> {
        let newer = self.highest - packet.index;
        if self.seen >> newer & 1 == 1 {
            return None;
        }
        self.seen |= 1 << newer;
        let withheld_since = (self.withheld & ((1 << newer) - 1)).count_ones();
        let hollow = self.withheld_pictures.contains(&Some(packet.timestamp));
        Some(self.placed(packet, self.shift.wrapping_sub(u64::from(withheld_since)), hollow))
    }

    fn placed(&self, packet: &Packet<'_>, shift: u64, hollow: bool) -> Placed {
        Placed {
            index: packet.index.wrapping_sub(shift),
            timestamp: packet.timestamp.wrapping_add(self.clock_shift),
            hollow,
        }
    }
}

fn ticks(duration: Duration) -> u32 {
    // Wraps as timestamps do.
    (duration.as_micros() as u64 * u64::from(VIDEO_CLOCK_HZ / 1000) / 1000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    const LOW: LayerId = LayerId { place: 0, serial: 1, number: 0 };
    const HIGH: LayerId = LayerId { place: 0, serial: 1, number: 2 };

    fn packet(index: u64, picture: u32, marker: bool) -> Packet<'static> {
        Packet { index, timestamp: picture * 3000, marker, payload: &[] }
    }

    struct Line {
        stream: VideoStream,
        start: Instant,
    }

    impl Line {
        fn new() -> Self {
            let start = Instant::now();
            Self { stream: VideoStream::new(100, 0, start), start }
        }

        fn start(&mut self, layer: LayerId, at_ms: u64, packet: &Packet<'_>) {
            self.stream.start(layer, packet, self.start + Duration::from_millis(at_ms));
        }

        /// Place since the start, and picture by the receiver's clock in ms.
        fn send(&mut self, packet: &Packet<'_>, discardable: bool) -> Option<(u64, u32)> {
            let placed = self.stream.place(packet, discardable, true)?;
            Some((placed.index - 100, placed.timestamp / 90))
        }
    }

    #[test]
    fn layers_follow_each_other_without_a_gap() {
        let mut line = Line::new();
        assert_eq!(line.send(&packet(5, 0, true), false), None, "nothing before a key frame");
        line.start(LOW, 0, &packet(7000, 10, true));
        assert_eq!(line.send(&packet(7000, 10, true), false), Some((0, 0)));
        assert_eq!(line.send(&packet(7001, 11, true), false), Some((1, 33)));
        line.start(HIGH, 66, &packet(3, 9, true));
        assert_eq!(line.send(&packet(3, 9, false), false), Some((2, 66)));
        assert_eq!(line.send(&packet(2, 9, false), false), None, "from before the key frame");
        assert_eq!(line.send(&packet(4, 9, true), false), Some((3, 66)));
        assert_eq!(line.send(&packet(7, 11, true), false), Some((6, 132)), "loss shows");
        assert_eq!(line.send(&packet(6, 11, false), false), Some((5, 132)), "and what is late is in place");
        // A picture at once after the last one is later by the clock all the same.
        line.start(LOW, 100, &packet(7009, 20, true));
        assert_eq!(line.send(&packet(7009, 20, true), false), Some((7, 149)));
        line.stream.stop();
        assert_eq!(line.send(&packet(7010, 21, true), false), None);
    }

    #[test]
    fn withheld_pictures_leave_no_gap() {
        let mut line = Line::new();
        line.start(LOW, 0, &packet(0, 0, true));
        let mut places = Vec::new();
        // Three packets a picture; every other picture is discardable.
        for index in 0..30 {
            let picture = index as u32 / 3;
            let sent = line.send(&packet(index, picture, index % 3 == 2), picture % 2 == 1);
            places.extend(sent.map(|(place, _)| place));
        }
        assert_eq!(places, (0..15).collect::<Vec<_>>());
    }

    #[test]
    fn a_late_packet_among_withheld_ones_finds_its_place() {
        let mut line = Line::new();
        line.start(LOW, 0, &packet(0, 0, true));
        line.send(&packet(0, 0, true), false);
        // Picture 1 is withheld, its second packet is lost, and so is the first of picture 2.
        assert_eq!(line.send(&packet(1, 1, false), true), None);
        assert_eq!(line.send(&packet(5, 2, true), false), Some((4, 66)));
        assert_eq!(line.send(&packet(4, 2, false), false), Some((3, 66)));
        let late = line.stream.place(&packet(2, 1, false), true, true).unwrap();
        assert!(late.hollow, "a part of a picture that was withheld fills its gap and says nothing");
        assert_eq!(late.index, 101);
        // With a gap before it a picture is not withheld: whose packet is missing nobody knows.
        assert_eq!(line.send(&packet(7, 3, true), true), Some((6, 100)));
    }

    #[test]
    fn a_packet_is_found_again_by_its_number_and_not_sent_again_at_once() {
        let mut line = Line::new();
        line.start(LOW, 0, &packet(0, 0, true));
        (0..400).for_each(|index| assert!(line.send(&packet(index, index as u32, true), false).is_some()));
        let (now, pause) = (line.start, Duration::from_millis(20));
        let found = line.stream.resend(499, pause, now).unwrap();
        assert_eq!((found.layer, found.index), (LOW, 399));
        assert_eq!(line.stream.resend(499, pause, now + Duration::from_millis(19)), None);
        assert!(line.stream.resend(499, pause, now + Duration::from_millis(20)).is_some());
        for sequence in [500, 243, 99, 60_000] {
            assert_eq!(line.stream.resend(sequence, pause, now), None, "{sequence}");
        }
    }

    proptest! {
        /// Nonces: whatever comes, no place is given twice; and of one layer, order is kept.
        #[test]
        fn no_place_is_given_twice(
            steps in proptest::collection::vec(
                (any::<bool>(), -20i64..60, any::<bool>(), 0u8..20, any::<bool>(), 0u64..50),
                1..400,
            ),
        ) {
            let mut line = Line::new();
            let mut given = BTreeSet::new();
            // Of the present run: indices by place.
            let mut run: BTreeMap<u64, u64> = BTreeMap::new();
            let (mut at, mut received) = (1000i64, BTreeSet::new());
            let mut now_ms = 0;
            for (discardable, step, marker, restart, high, wait) in steps {
                now_ms += wait;
                at = (at + step).max(0);
                if !received.insert(at) {
                    continue;
                }
                let packet = packet(at as u64, at as u32 / 3, marker);
                if restart == 0 {
                    line.start(if high { HIGH } else { LOW }, now_ms, &packet);
                    run.clear();
                }
                if let Some(placed) = line.stream.place(&packet, discardable, true) {
                    prop_assert!(given.insert(placed.index), "{} twice", placed.index);
                    run.insert(placed.index, packet.index);
                    prop_assert!(run.values().is_sorted(), "order is kept");
                }
            }
        }
    }
}
