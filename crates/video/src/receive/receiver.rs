//! One stream of video at its receiver. It is flowing, when the frame after the last one is what is
//! waited for, or it waits for a key frame: at first, and after a loss that was not mended in time.

use super::clock::{NtpTime, Playout, SenderClock};
use super::missing::MissingPackets;
use super::packets::{IncomingPacket, Insert, PACKETS_MAX, Packets};
use super::timing::RenderTiming;
use super::unwrap_near;
use crate::{Codec, Depacketizer, FrameContent, inspect};
use std::time::{Duration, Instant};

/// How long a missing packet is waited for, at least and at most; between them four round trips. That
/// is time for several attempts where questions and answers are lost too. Longer is a longer halt,
/// shorter asks for key frames that were not needed and that everybody who watches has to receive.
const GIVE_UP_MIN: Duration = Duration::from_millis(400);
const GIVE_UP_MAX: Duration = Duration::from_millis(600);

/// How often a key frame is asked for, until one begins. The server asks the sender less often.
const KEY_RETRY: Duration = Duration::from_millis(250);

/// The same while one is arriving, for the case that it never will be whole.
const KEY_RETRY_ARRIVING: Duration = Duration::from_secs(1);

/// How long a frame may stay without its last packet before that one is asked for. A frame's packets
/// follow each other faster on all lines that carry video, and the next frame would show the gap.
const TAIL_WAIT: Duration = Duration::from_millis(60);

/// A frame that nothing refers to is left out when it should have been seen so long ago.
const STALE: Duration = Duration::from_millis(100);

/// Begins of key frames that are remembered.
const KEY_STARTS_MAX: usize = 8;

/// How a receiver is set up.
#[derive(Debug, Clone, Copy)]
pub struct ReceiverConfig {
    /// Of the stream.
    pub codec: Codec,
    /// What decoding and drawing take: so long before it is to be seen a frame is given out.
    pub delay_min: Duration,
}

/// A whole frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedFrame<'a> {
    /// What a decoder reads; see [`Depacketizer::join`].
    pub data: &'a [u8],
    /// What is in it.
    pub content: FrameContent,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Whose video it is.
    pub source: u32,
    /// When it is to be seen. Decode it at once all the same: others refer to it.
    pub render_at: Instant,
}

/// What a receiver has seen so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReceiverStats {
    /// Frames given out.
    pub frames: u64,
    /// Key frames among them.
    pub key_frames: u64,
    /// Frames left out because nothing refers to them, and they were broken or too late.
    pub frames_skipped: u64,
    /// Packets that were missing and came after they had been asked for.
    pub packets_recovered: u64,
    /// Packets that were given up.
    pub packets_lost: u64,
    /// Packets asked for, each time counted.
    pub packets_asked: u64,
    /// Key frames asked for.
    pub key_frames_asked: u64,
    /// Packets and frames that were malformed.
    pub malformed: u64,
}

/// Makes frames of one stream's packets. Its sequence numbers go on for as long as it lives,
/// whoever is seen in it.
#[derive(Debug)]
pub struct Receiver {
    codec: Codec,
    packets: Packets,
    missing: MissingPackets,
    depacketizer: Depacketizer,
    frame: Vec<u8>,
    newest: Option<i64>,
    newest_arrival: Instant,
    /// Everything before is done with.
    floor: i64,
    flowing: bool,
    /// Where key frames begin, in order of arrival.
    key_starts: Vec<i64>,
    key_asked: Option<Instant>,
    round_trip: Duration,
    timing: RenderTiming,
    clock: SenderClock,
    playout: Option<Playout>,
    /// Of the last frame, unwrapped.
    timestamp: Option<i64>,
    source: Option<u32>,
    stats: ReceiverStats,
}

impl Receiver {
    /// A receiver that waits for a key frame.
    pub fn new(config: &ReceiverConfig, now: Instant) -> Self {
        Self {
            codec: config.codec,
            packets: Packets::new(),
            missing: MissingPackets::new(),
            depacketizer: Depacketizer::new(config.codec),
            frame: Vec::new(),
            newest: None,
            newest_arrival: now,
            floor: 0,
            flowing: false,
            key_starts: Vec::with_capacity(KEY_STARTS_MAX),
            key_asked: None,
            round_trip: Duration::from_millis(100),
            timing: RenderTiming::new(now, config.delay_min),
            clock: SenderClock::default(),
            playout: None,
            timestamp: None,
            source: None,
            stats: ReceiverStats::default(),
        }
    }

    /// Takes a packet.
    pub fn insert(&mut self, now: Instant, packet: &IncomingPacket<'_>) -> Insert {
        let kind = if packet.payload.is_empty() { None } else { inspect(self.codec, packet.payload) };
        if kind.is_none() && !packet.payload.is_empty() {
            self.stats.malformed += 1;
            return Insert::Invalid;
        }
        let newest = self.newest.unwrap_or_else(|| {
            // What was sent before may still come, but is not asked for.
            self.floor = i64::from(packet.sequence) - PACKETS_MAX / 2;
            i64::from(packet.sequence) - 1
        });
        let sequence = unwrap_near(newest, packet.sequence.into(), 16);
        if sequence < self.floor {
            return Insert::Late;
        }
        if self.packets.get(sequence).is_some() {
            return Insert::Duplicate;
        }
        if sequence > newest {
            self.advance(newest, sequence, now);
        } else {
            self.missing.arrived(sequence, packet.retransmitted, now);
            self.stats.packets_recovered += u64::from(packet.retransmitted);
        }
        self.newest_arrival = now;
        self.packets.insert(now, packet, sequence, kind);
        if kind.is_some_and(|kind| kind.starts_key) {
            if self.key_starts.len() == KEY_STARTS_MAX {
                self.key_starts.remove(0);
            }
            self.key_starts.push(sequence);
        }
        Insert::Queued
    }

    /// The next whole frame, if there is one. Ask until there is none, after packets came and at
    /// least every 10 ms.
    pub fn poll_frame(&mut self, now: Instant) -> Option<ReceivedFrame<'_>> {
        loop {
            let (start, end) = self.find_frame(now)?;
            let Some(content) = self.join(start, end) else { continue };
            let (timestamp, source) = self.give_out(start, end, content, now);
            let render_at = self.timing.render_at(timestamp);
            if content.discardable && now > render_at + STALE {
                self.stats.frames_skipped += 1;
                continue;
            }
            self.stats.frames += 1;
            self.stats.key_frames += u64::from(content.key);
            let timestamp = timestamp as u32;
            return Some(ReceivedFrame { data: &self.frame, content, timestamp, source, render_at });
        }
    }

    /// Appends the sequence numbers to ask for (NACK), and returns whether to ask for a key frame
    /// (PLI). Call it at least every 10 ms.
    pub fn poll_feedback(&mut self, now: Instant, nack: &mut Vec<u16>) -> bool {
        let before = nack.len();
        self.missing.ask(now, self.round_trip, nack);
        self.stats.packets_asked += (nack.len() - before) as u64;
        if self.flowing || self.newest.is_none() {
            return false;
        }
        let retry = if self.key_starts.is_empty() { KEY_RETRY } else { KEY_RETRY_ARRIVING };
        let due = match self.key_asked {
            None => self.key_starts.is_empty(),
            Some(asked) => now.saturating_duration_since(asked) >= retry,
        };
        if due {
            self.key_asked = Some(now);
            self.stats.key_frames_asked += 1;
        }
        due
    }

    /// Takes the round-trip time to the server.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    /// Takes a sender report of this stream.
    pub fn sender_report(&mut self, ntp: NtpTime, timestamp: u32) {
        let near = self.timestamp.unwrap_or(i64::from(timestamp));
        self.clock.report(ntp, timestamp, near);
    }

    /// Takes when the source's sound is heard, or that there is none.
    pub fn set_playout(&mut self, playout: Option<Playout>) {
        self.playout = playout;
    }

    /// The decoder could not make a picture of a frame: only a key frame helps.
    pub fn decoder_failed(&mut self) {
        self.wait_for_key();
    }

    /// How long a frame that was not delayed waits until it is seen.
    pub fn delay(&self) -> Duration {
        self.timing.delay()
    }

    /// How much later pictures are than their sound. Only the sound can change that.
    pub fn behind_sound(&self) -> Duration {
        self.timing.behind()
    }

    /// What it has seen so far.
    pub fn stats(&self) -> ReceiverStats {
        self.stats
    }

    /// A packet beyond the newest came.
    fn advance(&mut self, newest: i64, sequence: i64, now: Instant) {
        if sequence - newest > PACKETS_MAX {
            // So much is not lost: the stream began anew.
            self.packets.remove_all();
            self.missing.clear();
            self.wait_for_key();
            self.key_starts.clear();
            self.floor = sequence;
        } else if !self.missing.note(newest + 1, sequence, now) {
            self.stats.packets_lost += (sequence - newest - 1) as u64;
            self.key_starts.clear();
            self.wait_for_key();
        } else {
            self.missing.arrived(sequence, false, now);
        }
        self.newest = Some(sequence);
        // The ring has no room for more.
        if sequence - self.floor >= PACKETS_MAX {
            self.wait_for_key();
            self.move_floor(sequence - PACKETS_MAX + 1);
        }
    }

    /// Where the frame is that comes next.
    fn find_frame(&mut self, now: Instant) -> Option<(i64, i64)> {
        if self.flowing {
            while self.packets.get(self.floor).is_some_and(|packet| packet.is_padding()) {
                self.move_floor(self.floor + 1);
            }
            if let Some(end) = self.packets.frame_end(self.floor) {
                return Some((self.floor, end));
            }
        }
        // A whole key frame makes everything before it needless.
        let whole_key = self.key_starts.iter().rev().find_map(|start| {
            let end = self.packets.frame_end(*start)?;
            Some((*start, end))
        });
        if whole_key.is_some() {
            return whole_key;
        }
        self.guess_tail(now);
        let limit = (self.round_trip * 4).clamp(GIVE_UP_MIN, GIVE_UP_MAX);
        let (_, since) = self.missing.first()?;
        if now.saturating_duration_since(since) < limit {
            return None;
        }
        if self.flowing && self.skip_discardable() {
            return self.find_frame(now);
        }
        let (lost, last) = now.checked_sub(limit).map_or((0, None), |since| self.missing.give_up(since));
        self.stats.packets_lost += lost as u64;
        // A key frame with a hole will never be whole.
        self.key_starts.retain(|start| last.is_none_or(|last| *start > last));
        self.wait_for_key();
        None
    }

    /// Asks for a last packet whose loss no later one shows.
    fn guess_tail(&mut self, now: Instant) {
        let Some(newest) = self.newest else { return };
        let open = self.packets.get(newest).is_some_and(|packet| !packet.marker && !packet.is_padding());
        if open && self.missing.is_empty() && now.saturating_duration_since(self.newest_arrival) >= TAIL_WAIT
        {
            self.missing.guess(newest + 1, now);
        }
    }

    /// Leaves out the frame that is waited for, if nothing refers to it and what is missing can only
    /// be of it: its first and last packets are there.
    fn skip_discardable(&mut self) -> bool {
        let Some(first) = self.packets.get(self.floor) else { return false };
        if !first.kind.is_some_and(|kind| kind.discardable) {
            return false;
        }
        let timestamp = first.timestamp;
        let Some(newest) = self.newest else { return false };
        let end = (self.floor..=newest)
            .filter_map(|sequence| self.packets.get(sequence))
            .take_while(|packet| packet.timestamp == timestamp)
            .find(|packet| packet.marker)
            .map(|packet| packet.sequence);
        let Some(end) = end else { return false };
        self.stats.frames_skipped += 1;
        self.stats.packets_lost +=
            (self.floor..end).filter(|sequence| self.packets.get(*sequence).is_none()).count() as u64;
        self.move_floor(end + 1);
        true
    }

    /// Joins a frame's packets, or goes on without it.
    fn join(&mut self, start: i64, end: i64) -> Option<FrameContent> {
        let packets = &self.packets;
        let payloads = (start..=end)
            .filter_map(|sequence| packets.get(sequence))
            .filter(|packet| !packet.is_padding())
            .map(|packet| packet.payload());
        let joined = self.depacketizer.join(payloads, &mut self.frame);
        let in_turn = self.flowing && start == self.floor;
        match joined {
            Ok(content) if in_turn || content.key => Some(content),
            Ok(_) => {
                self.key_starts.retain(|key_start| *key_start != start);
                None
            }
            Err(_) => {
                self.stats.malformed += 1;
                self.key_starts.retain(|key_start| *key_start != start);
                if in_turn {
                    self.move_floor(end + 1);
                    self.wait_for_key();
                }
                None
            }
        }
    }

    /// Goes on after a frame; returns its timestamp, unwrapped, and its source.
    fn give_out(&mut self, start: i64, end: i64, content: FrameContent, now: Instant) -> (i64, u32) {
        let (timestamp, source) =
            self.packets.get(start).map_or((0, 0), |packet| (packet.timestamp, packet.source));
        let whole =
            (start..=end).filter_map(|sequence| self.packets.get(sequence)).map(|packet| packet.arrival);
        let whole = whole.max().unwrap_or(now);
        let timestamp = self.timestamp.map_or(i64::from(timestamp), |last| unwrap_near(last, timestamp, 32));
        if self.source.is_some_and(|last| last != source) {
            self.timing.forget_clock();
            self.clock.forget();
        }
        self.timestamp = Some(timestamp);
        self.source = Some(source);
        self.timing.arrived(whole, timestamp);
        let captured = self.clock.captured(timestamp);
        self.timing.follow(timestamp, captured, self.playout.as_ref());
        self.move_floor(end + 1);
        if content.key {
            self.key_asked = None;
            self.flowing = true;
        }
        (timestamp, source)
    }

    fn wait_for_key(&mut self) {
        if self.flowing {
            self.flowing = false;
            self.key_asked = None;
        }
    }

    fn move_floor(&mut self, floor: i64) {
        (self.floor..floor).for_each(|sequence| self.packets.remove(sequence));
        self.floor = floor;
        self.missing.forget_before(floor);
        self.key_starts.retain(|start| *start >= floor);
    }
}
