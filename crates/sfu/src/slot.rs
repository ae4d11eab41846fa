//! One voice slot's stream: where each packet of changing sources stands in it.
//!
//! Sequence numbers and timestamps are worked out once for the channel ([`SlotStream::place`])
//! and shifted for each receiver ([`SlotCursor::take`]), since a receiver that was deafened, that
//! joined late, or that holds the slot itself saw fewer packets than others.
//!
//! Three things hold for every receiver:
//! - what the node withholds leaves no gap in the sequence numbers;
//! - what the network lost or reordered on the way from the speaker shows through, so that the
//!   receiver's jitter buffer can use forward error correction;
//! - timestamps advance with real time, through silence and changes of source.
//!
//! No place is ever given twice, which SRTP depends on: a place is its nonce.

use std::time::{Duration, Instant};
use voicehall_protocol::rtp::{OPUS_CLOCK_HZ, SourceId};

/// After a pause this long a packet starts a new talk spurt.
const SPURT_GAP: Duration = Duration::from_millis(100);

/// How far a speaker's clock may be from real time at the start of a spurt and still be
/// followed: more than network jitter, less than what a listener would notice as lag.
const CLOCK_TOLERANCE: u32 = OPUS_CLOCK_HZ / 10;

/// A jump of sequence numbers beyond this is a new beginning rather than loss.
const LOSS_MAX: u64 = 100;

/// One frame of 20 ms: least distance between sources in one slot.
const FRAME: u32 = OPUS_CLOCK_HZ / 50;

/// Far from zero, so that a late packet's index does not wrap into the future.
const INDEX_START: u64 = 1 << 32;

/// The place of a packet in a slot's stream, before the receiver's own shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Grows with every packet that any receiver may get; never twice the same.
    pub index: u64,
    pub timestamp: u32,
    pub marker: bool,
    /// Number of the unbroken run that the packet belongs to. Within one, indices differ as the
    /// speaker's own do.
    pub run: u32,
}

/// A slot's stream as the channel sees it.
#[derive(Debug)]
pub(crate) struct SlotStream {
    source: Option<SourceId>,
    run: u32,
    /// Output index minus input index, modulo 2^64.
    shift: u64,
    /// Output timestamp minus input timestamp, modulo 2^32.
    clock_shift: u32,
    /// Lowest index of the present run and talk spurt.
    floor: u64,
    next: u64,
    last_timestamp: u32,
    last_at: Instant,
    /// The slot's own clock, which all spurts are held against, so that nothing adds up.
    clock: (Instant, u32),
}

impl SlotStream {
    pub fn new(now: Instant, clock_start: u32) -> Self {
        Self {
            source: None,
            run: 0,
            shift: 0,
            clock_shift: 0,
            floor: INDEX_START,
            next: INDEX_START,
            last_timestamp: clock_start,
            last_at: now,
            clock: (now, clock_start),
        }
    }

    /// The place of a packet with this extended sequence number (`index`) and timestamp.
    /// `resumed` says that packets of the source were withheld since its last in this slot.
    /// `None` when the packet is too late to have one.
    pub fn place(
        &mut self,
        source: SourceId,
        resumed: bool,
        index: u64,
        timestamp: u32,
        marker: bool,
        now: Instant,
    ) -> Option<Place> {
        let placed = index.wrapping_add(self.shift);
        let new_run = self.source != Some(source)
            || resumed
            // Ahead of the run; what lies behind it is late.
            || (placed.wrapping_sub(self.next) < 1 << 63 && placed.wrapping_sub(self.next) > LOSS_MAX);
        if new_run {
            self.source = Some(source);
            self.run += 1;
            self.shift = self.next.wrapping_sub(index);
            self.start_spurt(timestamp, true, now);
            return Some(self.advance(self.next, timestamp, true, now));
        }
        if placed >= self.next {
            let pause = now.saturating_duration_since(self.last_at) >= SPURT_GAP;
            if pause || marker {
                self.start_spurt(timestamp, false, now);
            }
            return Some(self.advance(placed, timestamp, pause || marker, now));
        }
        // Reordered: it has a place unless it belongs to a former run or spurt.
        let timestamp = timestamp.wrapping_add(self.clock_shift);
        (placed >= self.floor).then_some(Place { index: placed, timestamp, marker: false, run: self.run })
    }

    /// The timestamp of a frame that ends now and belongs to no source; `None` while one speaks.
    pub fn idle_timestamp(&self, now: Instant) -> Option<u32> {
        let speaks = self.source.is_some() && now.saturating_duration_since(self.last_at) < SPURT_GAP;
        // Whoever speaks next starts a frame later at the earliest.
        let timestamp = self.real(now).wrapping_sub(FRAME);
        let follows = timestamp.wrapping_sub(self.last_timestamp) as i32 > 0;
        (follows && !speaks).then_some(timestamp)
    }

    /// The stream's clock at a moment, for sender reports.
    pub fn timestamp_at(&self, now: Instant) -> u32 {
        self.last_timestamp.wrapping_add(ticks(now.saturating_duration_since(self.last_at)))
    }

    fn advance(&mut self, index: u64, timestamp: u32, marker: bool, now: Instant) -> Place {
        let timestamp = timestamp.wrapping_add(self.clock_shift);
        self.next = index + 1;
        self.last_timestamp = timestamp;
        self.last_at = now;
        Place { index, timestamp, marker, run: self.run }
    }

    /// Starts a spurt's timestamps: by the speaker's own clock where it agrees with real time,
    /// else by real time, and at least a frame after what came before.
    fn start_spurt(&mut self, timestamp: u32, other_source: bool, now: Instant) {
        let expected = self.expected(now);
        let own = timestamp.wrapping_add(self.clock_shift);
        let off = own.wrapping_sub(expected) as i32;
        let forward = own.wrapping_sub(self.last_timestamp) as i32 > 0;
        if other_source || off.unsigned_abs() > CLOCK_TOLERANCE || !forward {
            self.clock_shift = expected.wrapping_sub(timestamp);
        }
        self.floor = self.next;
    }

    /// Where a talk spurt of another source starts: at real time, and at least a frame after what
    /// came before.
    fn expected(&self, now: Instant) -> u32 {
        let ahead = self.real(now).wrapping_sub(self.last_timestamp) as i32;
        self.last_timestamp.wrapping_add(ahead.max(FRAME as i32) as u32)
    }

    /// The slot's own clock.
    fn real(&self, now: Instant) -> u32 {
        let (clock_at, clock) = self.clock;
        clock.wrapping_add(ticks(now.saturating_duration_since(clock_at)))
    }
}

fn ticks(duration: Duration) -> u32 {
    // Wraps as timestamps do, after a day.
    (duration.as_micros() as u64 * u64::from(OPUS_CLOCK_HZ / 1000) / 1000) as u32
}

/// One receiver's own count in one slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotCursor {
    /// Index minus the receiver's own, modulo 2^64.
    shift: u64,
    floor: u64,
    next: u64,
    /// The run that `shift` belongs to; 0 for none.
    run: u32,
    /// Packets sent, for sender reports, modulo 2^32.
    pub packets: u32,
    /// Payload bytes sent, likewise.
    pub octets: u32,
    /// `packets` at the last sender report.
    pub packets_reported: u32,
}

impl SlotCursor {
    /// Starts at this sequence number.
    pub fn new(sequence: u16) -> Self {
        Self {
            shift: 0,
            floor: 0,
            next: u64::from(sequence),
            run: 0,
            packets: 0,
            octets: 0,
            packets_reported: 0,
        }
    }

    /// The receiver's own index (rollover counter and sequence number) and marker for a place;
    /// `None` when it is too late for this receiver.
    #[inline]
    pub fn take(&mut self, place: &Place, payload_len: usize) -> Option<(u64, bool)> {
        let mut marker = place.marker;
        if self.run != place.run {
            self.run = place.run;
            self.shift = place.index.wrapping_sub(self.next);
            self.floor = place.index;
            marker = true;
        } else if place.index < self.floor {
            return None;
        }
        let index = place.index.wrapping_sub(self.shift);
        self.next = self.next.max(index + 1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload_len as u32);
        Some((index, marker))
    }

    /// The receiver's own index for a packet that no other receiver gets. What comes next of the
    /// slot's stream continues the count after it.
    pub fn take_aside(&mut self, payload_len: usize) -> u64 {
        let index = self.next;
        self.next += 1;
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload_len as u32);
        self.interrupt();
        index
    }

    /// The receiver misses packets from now on; the next that it gets continues its count.
    pub fn interrupt(&mut self) {
        self.run = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use voicehall_protocol::rtp::SourceKind;

    const A: SourceId = SourceId::new(1, SourceKind::Microphone);
    const B: SourceId = SourceId::new(2, SourceKind::Microphone);

    struct Line {
        stream: SlotStream,
        cursor: SlotCursor,
        start: Instant,
    }

    impl Line {
        fn new() -> Self {
            let start = Instant::now();
            Self { stream: SlotStream::new(start, 1000), cursor: SlotCursor::new(65_530), start }
        }

        /// Index, timestamp in ms since the start, and marker that the receiver sees.
        fn send(
            &mut self,
            at_ms: u64,
            source: SourceId,
            resumed: bool,
            index: u64,
            timestamp: u32,
        ) -> Option<(u64, u32, bool)> {
            let now = self.start + Duration::from_millis(at_ms);
            let place = self.stream.place(source, resumed, index, timestamp, false, now)?;
            let (index, marker) = self.cursor.take(&place, 1)?;
            Some((index - 65_530, place.timestamp.wrapping_sub(1000) / 48, marker))
        }
    }

    #[test]
    fn sources_follow_each_other_without_a_gap() {
        let mut line = Line::new();
        assert_eq!(line.send(100, A, false, 7_000, 5), Some((0, 100, true)));
        assert_eq!(line.send(120, A, false, 7_001, 965), Some((1, 120, false)));
        assert_eq!(line.send(130, B, false, 20, 99_999), Some((2, 140, true)), "at least one frame on");
        assert_eq!(line.send(150, B, false, 21, 100_959), Some((3, 160, false)));
        assert_eq!(line.send(160, A, true, 7_003, 2_885), Some((4, 180, true)));
    }

    #[test]
    fn loss_and_reordering_show_through() {
        let mut line = Line::new();
        line.send(0, A, false, 10, 0);
        assert_eq!(line.send(60, A, false, 13, 3 * 960), Some((3, 80, false)));
        assert_eq!(line.send(61, A, false, 11, 960), Some((1, 40, false)));
        assert_eq!(line.send(62, A, false, 9, 0u32.wrapping_sub(960)), None, "before the run began");
    }

    #[test]
    fn silence_leaves_no_gap_in_numbers_and_advances_the_clock() {
        // A client whose clock stands still while it sends nothing, and one whose clock runs on.
        for (pause_ticks, expected_ms) in [(960, 5_000), (48 * 5_000, 5_020)] {
            let mut line = Line::new();
            line.send(0, A, false, 10, 0);
            let after = line.send(5_000, A, false, 11, pause_ticks);
            assert_eq!(after, Some((1, expected_ms, true)));
        }
    }

    #[test]
    fn a_packet_of_the_former_spurt_comes_too_late() {
        let mut line = Line::new();
        line.send(0, A, false, 10, 0);
        line.send(20, A, false, 12, 1920);
        line.send(5_000, A, false, 14, 3840);
        assert_eq!(line.send(5_001, A, false, 13, 2880), Some((3, 4_980, false)), "just reordered");
        assert_eq!(line.send(5_002, A, false, 11, 960), None);
    }

    #[test]
    fn a_deafened_receiver_counts_on_where_it_was() {
        let mut line = Line::new();
        line.send(0, A, false, 10, 0);
        line.cursor.interrupt();
        let now = line.start + Duration::from_millis(20);
        line.stream.place(A, false, 11, 960, false, now).unwrap();
        assert_eq!(line.send(40, A, false, 12, 1920), Some((1, 60, true)));
        assert_eq!(line.send(41, A, false, 11, 960), None, "from while it was deafened");
    }

    #[test]
    fn sources_that_chop_each_other_up_do_not_push_the_clock_ahead() {
        let mut line = Line::new();
        for frame in 0..500u64 {
            let timestamp = frame as u32 * 960;
            line.send(frame * 20, A, false, frame, timestamp);
            line.send(frame * 20, B, false, frame, timestamp);
        }
        let (_, clock_ms, _) = line.send(60_000, A, false, 500, 500 * 960).unwrap();
        assert_eq!(clock_ms, 60_000);
    }

    proptest! {
        /// Nonces: whatever comes, in whatever order, no receiver is given an index twice, and
        /// indices grow by one where nothing was lost.
        #[test]
        fn no_index_is_given_twice(
            steps in proptest::collection::vec(
                (any::<bool>(), any::<bool>(), -40i64..140, any::<u32>(), any::<bool>(), 0u64..300, any::<bool>()),
                1..300,
            ),
        ) {
            let mut now = Instant::now();
            let mut stream = SlotStream::new(now, 0);
            let mut cursor = SlotCursor::new(3);
            let mut given = BTreeSet::new();
            let mut at = [1_000i64; 2];
            // An index comes once from each source: the replay window's promise.
            let mut received = [BTreeSet::new(), BTreeSet::new()];
            for (second, resumed, step, timestamp, marker, wait_ms, interrupt) in steps {
                let source = usize::from(second);
                at[source] = (at[source] + step).max(0);
                if !received[source].insert(at[source]) {
                    continue;
                }
                now += Duration::from_millis(wait_ms);
                if interrupt {
                    cursor.interrupt();
                }
                let index = at[source] as u64;
                let place = stream.place([A, B][source], resumed, index, timestamp, marker, now);
                if let Some((index, _)) = place.and_then(|place| cursor.take(&place, 1)) {
                    prop_assert!(given.insert(index), "{index} twice");
                    prop_assert!(index >= 3);
                }
            }
        }
    }
}
