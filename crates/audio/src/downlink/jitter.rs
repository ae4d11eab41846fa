//! The adaptive jitter buffer of one receive slot.
//!
//! Packets go in as they come, 10 ms of audio come out whenever the speaker needs them. In
//! between, every decision follows one number, the *slack*: how long the fastest packet would have
//! waited when it is decoded. Playing starts when the slack reaches the target (see `delay`); while
//! it plays, pitch periods are cut out or repeated to bring it there; when it is used up, the voice
//! is concealed and the slack grows by what was concealed.
//!
//! A packet without sound ends a talk spurt. A gap in timestamps without a gap in sequence numbers
//! is silence too, if that packet was lost: the sender stopped, nothing is missing, and the next
//! talk spurt starts afresh with the smallest delay.

use std::time::{Duration, Instant};

use super::SourceId;
use super::delay::DelayEstimator;
use super::packets::{IncomingPacket, Insert, PACKETS_MAX, Packets, Stored, unwrap_near};
pub use super::playout::Segment;
use super::playout::{Playout, Segments, is_silent};
use super::slack::{PULL_MS, PullClock, SlackWindow};
use crate::codec::{self, PACKET_SAMPLES_MAX, PAYLOAD_BYTES_MAX};
use crate::{AudioError, Decoder, FRAME_SAMPLES, Frame};

/// Opus conceals in steps of 2.5 ms.
const CONCEAL_STEP: usize = 120;

/// A voice that stops without a word is continued for this long. Longer sounds like a robot,
/// shorter stutters on a lost burst.
const CONCEAL_MAX: usize = 4_800;

/// Blend from one source to the next, in samples: 5 ms.
const SWITCH_BLEND: usize = 240;

/// A sequence number this far from the last is another stream.
const SEQUENCE_JUMP: i64 = 1_000;

/// Audio that must be at hand so that a whole pitch period of a low voice can be cut out.
const ACCELERATE_SAMPLES: usize = 1_440;

/// Time between two stretches while the delay is nearly right, in pulls. More often is heard.
const STRETCH_PAUSE: u32 = 10;

/// How long a voice must have waited too long, in pulls, before some of it is cut out. Most talk
/// spurts end sooner, and the next one starts with the right delay; a cut is heard.
const PATIENCE: u32 = 80;

/// Slack above the target from which catching up is worth more than smoothness, in ms.
const HURRY_MS: f64 = 20.0;

/// How much of a voice is heard as it is after some of it was cut out in a hurry, in times of what was
/// cut: it speaks a third faster at most, as people do, and every syllable of it is there.
const CATCH_UP_REST: usize = 3;

/// Slack above the target that is left alone, in ms beyond whole pulls, so that a delay at the edge
/// does not go to and fro.
const TOLERANCE_MS: f64 = 2.0;

/// Loss from which it pays to wait for the next packet and the copy it carries.
const FEC_LOSS_FROM: f32 = 0.02;

/// Loss below which it no longer does.
const FEC_LOSS_TO: f32 = 0.005;

/// Settings of a [`JitterBuffer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JitterConfig {
    /// Target delay before anything is known about the network.
    pub delay_initial: Duration,
    /// Added to what the network's jitter asks for: the jitter of the pulling thread.
    pub delay_margin: Duration,
    /// The target never grows beyond this; what comes later is concealed.
    pub delay_max: Duration,
}

impl Default for JitterConfig {
    fn default() -> Self {
        Self {
            delay_initial: Duration::from_millis(4),
            delay_margin: Duration::from_millis(1),
            delay_max: Duration::from_millis(400),
        }
    }
}

/// What a [`JitterBuffer`] did so far, and how late it plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JitterStats {
    /// Packets that came in time to be played.
    pub received: u64,
    /// Packets that had not come when they were needed.
    pub lost: u64,
    /// Of those, recovered from the packet after them.
    pub recovered: u64,
    /// Packets that came after they were needed.
    pub late: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Audio made up to cover losses, in samples.
    pub concealed_samples: u64,
    /// Audio cut out to play sooner, in samples.
    pub accelerated_samples: u64,
    /// Audio inserted to play later, in samples.
    pub expanded_samples: u64,
    /// How long the fastest packet should wait.
    pub delay_target: Duration,
    /// How long the last packet waited from its arrival until its first sample was handed out.
    pub delay_current: Duration,
}

/// What came out of a [`JitterBuffer`] in one pull.
#[derive(Debug, Clone, Copy)]
pub struct Voice {
    segments: Segments,
    /// Whether some of it was made up to cover a loss.
    pub concealed: bool,
}

impl Voice {
    /// Whose voice it is, piece by piece.
    pub fn segments(&self) -> impl Iterator<Item = Segment> + '_ {
        self.segments.iter()
    }
}

/// Where in the stream the buffer is.
#[derive(Debug, Clone, Copy)]
struct Position {
    /// Sequence number of the last packet decoded.
    sequence: i64,
    /// Timestamp one past it: that of the next sample to decode.
    timestamp: i64,
    /// Samples in it.
    samples: usize,
    /// Samples made up since then, in place of what should have come.
    made_up: usize,
}

/// The jitter buffer and decoder of one receive slot.
#[derive(Debug)]
pub struct JitterBuffer {
    config: JitterConfig,
    packets: Packets,
    estimator: DelayEstimator,
    decoder: Decoder,
    playout: Playout,
    /// The highest sequence number and timestamp received, to unwrap the next ones.
    newest: Option<(i64, i64, SourceId)>,
    /// The end of the last packet decoded, kept through silence to know what is late.
    position: Option<Position>,
    playing: bool,
    /// Whose voice the decoder knows.
    source: Option<SourceId>,
    tail_silent: bool,
    slack: SlackWindow,
    pulls: PullClock,
    /// Pulls since the talk spurt began or was last stretched.
    unstretched: u32,
    /// As many pulls it stays as it is after the last cut.
    rest: u32,
    fec_seen: bool,
    /// Whether packets wait for the copy in the one after them.
    waits_for_copy: bool,
    stats: JitterStats,
    scratch: Box<[f32; PACKET_SAMPLES_MAX]>,
}

impl JitterBuffer {
    /// An empty buffer. `now` is where its time begins.
    ///
    /// # Errors
    /// [`AudioError::CodecSetup`] without memory for a decoder.
    pub fn new(now: Instant, config: JitterConfig) -> Result<Self, AudioError> {
        let initial_ms = config.delay_initial.as_secs_f64() * 1e3;
        Ok(Self {
            config,
            packets: Packets::new(),
            estimator: DelayEstimator::new(now, initial_ms),
            decoder: Decoder::new()?,
            playout: Playout::new(),
            newest: None,
            position: None,
            playing: false,
            source: None,
            tail_silent: true,
            slack: SlackWindow::default(),
            pulls: PullClock::new(now),
            unstretched: 0,
            rest: 0,
            fec_seen: false,
            waits_for_copy: false,
            stats: JitterStats::default(),
            scratch: Box::new([0.0; PACKET_SAMPLES_MAX]),
        })
    }

    /// Takes a packet that arrived at `now`.
    pub fn insert(&mut self, now: Instant, packet: &IncomingPacket<'_>) -> Insert {
        if packet.payload.len() > PAYLOAD_BYTES_MAX {
            return Insert::Invalid;
        }
        let Some(samples) = codec::packet_samples(packet.payload) else { return Insert::Invalid };
        let mut previous = self.newest;
        if let Some((sequence, _, _)) = previous
            && (unwrap_near(sequence, packet.sequence.into(), 16) - sequence).abs() > SEQUENCE_JUMP
        {
            self.restart();
            previous = None;
        }
        let (sequence, timestamp) = match previous {
            Some((sequence, timestamp, _)) => (
                unwrap_near(sequence, packet.sequence.into(), 16),
                unwrap_near(timestamp, packet.timestamp, 32),
            ),
            None => (packet.sequence.into(), packet.timestamp.into()),
        };
        if self.position.is_some_and(|position| sequence <= position.sequence) {
            self.stats.late += 1;
            return Insert::Late;
        }
        if self.packets.contains(sequence) {
            self.stats.duplicates += 1;
            return Insert::Duplicate;
        }
        if previous.is_some_and(|(_, _, source)| source != packet.source) {
            self.estimator.forget_clock();
        }
        // A jump in time between neighbours is a silence even if the marker was lost.
        let after_silence = previous.is_none_or(|(last_sequence, last_timestamp, _)| {
            sequence == last_sequence + 1 && timestamp - last_timestamp > PACKET_SAMPLES_MAX as i64
        });
        let spurt_start = packet.marker || after_silence;
        self.estimator.arrived(now, timestamp, samples, spurt_start);
        if previous.is_none_or(|(last, _, _)| sequence > last) {
            self.newest = Some((sequence, timestamp, packet.source));
        }
        self.packets.insert(packet, sequence, timestamp, samples, now);
        Insert::Queued
    }

    /// Fills the next 10 ms, to be handed out at `now`, or returns `None` for silence, with the
    /// frame zeroed.
    pub fn pull(&mut self, now: Instant, frame: &mut Frame) -> Option<Voice> {
        self.pulls.pulled(now);
        if !self.playing && self.playout.len() == 0 && !self.start(now) {
            frame.fill(0.0);
            return None;
        }
        let made_up = self.stats.concealed_samples;
        while self.playing && self.playout.len() < FRAME_SAMPLES {
            self.step(now);
        }
        let concealed = self.stats.concealed_samples > made_up;
        if self.playing && !concealed {
            self.steer(now);
        }
        let segments = self.playout.play(frame);
        Some(Voice { segments, concealed })
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> JitterStats {
        JitterStats { delay_target: Duration::from_secs_f64(self.target_ms() / 1e3), ..self.stats }
    }

    /// How long the fastest packet should wait, in ms.
    fn target_ms(&self) -> f64 {
        let mut target = self.estimator.target_ms() + self.config.delay_margin.as_secs_f64() * 1e3;
        if self.waits_for_copy {
            // The copy of a lost packet comes one packet later.
            target += self.position.map_or(0.0, |position| position.samples as f64 / 48.0);
        }
        target.min(self.config.delay_max.as_secs_f64() * 1e3)
    }

    /// How much time a packet that starts at `timestamp` has to spare when it is decoded at `now`,
    /// had it been the fastest and the pull an early one.
    fn slack_ms(&self, now: Instant, timestamp: i64) -> Option<f64> {
        self.estimator.delay_ms(now, timestamp).map(|delay| delay - self.pulls.late_ms())
    }

    /// Starts to play if the first packet has waited long enough.
    fn start(&mut self, now: Instant) -> bool {
        let Some(first) = self.packets.first() else { return false };
        let waited = now.saturating_duration_since(first.arrival);
        let slack = self.slack_ms(now, first.timestamp);
        let enough = slack.is_none_or(|slack| slack >= self.target_ms())
            || waited >= self.config.delay_max
            || self.packets.len() >= PACKETS_MAX / 2;
        if !enough {
            return false;
        }
        let (sequence, timestamp, samples) = (first.sequence, first.timestamp, first.samples);
        if let Some(position) = self.position {
            self.count_lost((sequence - position.sequence - 1).max(0));
        }
        self.position = Some(Position { sequence: sequence - 1, timestamp, samples, made_up: 0 });
        self.playing = true;
        self.unstretched = 0;
        self.rest = 0;
        self.slack.clear();
        true
    }

    /// Makes some more audio: from the next packet, from the copy it carries of the one before, or
    /// out of nothing.
    fn step(&mut self, now: Instant) {
        let Some(position) = self.position else {
            self.playing = false;
            return;
        };
        let Some(next) = self.packets.first() else { return self.run_dry(position) };
        let packets_missing = next.sequence - position.sequence - 1;
        let time_missing = next.timestamp - position.timestamp;
        if time_missing <= 0 {
            return self.decode(now);
        }
        let packet_time = position.samples.max(next.samples) as i64;
        if time_missing > packets_missing.saturating_mul(packet_time) {
            // More time has passed than packets were lost: a silence.
            return self.fall_silent();
        }
        let missing = time_missing - position.made_up as i64;
        if missing <= 0 {
            return self.decode(now);
        }
        // At most the packets between two neighbours in the store, each at most 120 ms.
        let missing = usize::try_from(missing).unwrap_or(0);
        let copy = if next.has_fec { next.samples } else { 0 };
        if copy > 0 && missing <= copy {
            self.recover(missing);
        } else {
            self.make_up((missing - copy).min(FRAME_SAMPLES));
        }
    }

    /// Nothing has come: the network is late or lossy, or the talk spurt is over.
    fn run_dry(&mut self, position: Position) {
        if self.tail_silent || position.made_up >= CONCEAL_MAX {
            self.fall_silent();
        } else {
            self.make_up(FRAME_SAMPLES);
        }
    }

    fn fall_silent(&mut self) {
        if !self.tail_silent {
            self.playout.fade_out(SWITCH_BLEND);
        }
        self.playing = false;
        self.tail_silent = true;
    }

    fn decode(&mut self, now: Instant) {
        let (Some(next), Some(position)) = (self.packets.first(), self.position) else { return };
        let (sequence, source, samples, end) = (next.sequence, next.source, next.samples, next.end());
        if next.announces_silence() {
            self.packets.drop_first();
            self.advance(position, Position { sequence, timestamp: end, samples, made_up: 0 });
            return self.fall_silent();
        }
        let waited = now.saturating_duration_since(next.arrival);
        let slack = self.slack_ms(now, next.timestamp);
        self.fec_seen |= next.has_fec;
        let mut tail = [0.0; SWITCH_BLEND];
        let switched = self.source.replace(source).is_some_and(|old| old != source);
        if switched {
            // How the voice before would have gone on; silence if even that fails.
            let _ = self.decoder.conceal(&mut tail);
            self.decoder.reset();
        }
        let decoded = decode_or_conceal(&mut self.decoder, next, &mut self.scratch[..]);
        if switched {
            self.playout.append_blended(source, &mut self.scratch[..decoded], &tail);
        } else {
            self.playout.append(source, &self.scratch[..decoded]);
        }
        self.tail_silent = is_silent(last_frame(&self.scratch[..decoded]));
        self.packets.drop_first();
        if position.made_up == 0 && self.playout.len() < FRAME_SAMPLES + decoded {
            slack.into_iter().for_each(|slack| self.slack.push(slack));
        }
        self.advance(position, Position { sequence, timestamp: end, samples, made_up: 0 });
        let loss_from = if self.waits_for_copy { FEC_LOSS_TO } else { FEC_LOSS_FROM };
        self.waits_for_copy = self.fec_seen && self.estimator.loss() > loss_from;
        let queued = Duration::from_secs_f64((self.playout.len() - decoded) as f64 / 48_000.0);
        self.stats.delay_current = waited + queued;
    }

    /// Moves past a packet whose turn has come, and counts those missing before it.
    fn advance(&mut self, from: Position, to: Position) {
        self.count_lost((to.sequence - from.sequence - 1).max(0));
        self.stats.received += 1;
        self.estimator.played(false);
        self.position = Some(to);
    }

    /// Takes the last `missing` samples before the next packet out of the copy it carries.
    fn recover(&mut self, missing: usize) {
        let (Some(next), Some(source)) = (self.packets.first(), self.source) else { return };
        let out = &mut self.scratch[..next.samples];
        match self.decoder.decode_fec(next.payload(), out) {
            Ok(decoded) => {
                self.playout.append(source, &out[decoded - missing.min(decoded)..decoded]);
                self.tail_silent = is_silent(last_frame(&out[..decoded]));
                self.stats.recovered += 1;
                if let Some(position) = &mut self.position {
                    position.made_up += missing;
                }
            }
            Err(_) => self.make_up(missing),
        }
    }

    /// Continues the voice for about `samples` without knowing how it goes on.
    fn make_up(&mut self, samples: usize) {
        let samples = samples.next_multiple_of(CONCEAL_STEP).min(PACKET_SAMPLES_MAX);
        let out = &mut self.scratch[..samples];
        if self.decoder.conceal(out).is_err() {
            out.fill(0.0);
        }
        if let Some(source) = self.source {
            self.playout.append(source, out);
        }
        self.stats.concealed_samples += samples as u64;
        if let Some(position) = &mut self.position {
            position.made_up += samples;
        }
    }

    fn count_lost(&mut self, packets: i64) {
        self.stats.lost += packets.unsigned_abs();
        for _ in 0..packets.min(100) {
            self.estimator.played(true);
        }
    }

    /// Cuts out or repeats a pitch period if the delay is not what it should be.
    fn steer(&mut self, now: Instant) {
        self.unstretched = self.unstretched.saturating_add(1);
        let Some(slack) = self.slack.smallest() else { return };
        let excess = slack - self.target_ms();
        let hurry = excess > HURRY_MS && self.unstretched > self.rest;
        let calm = self.unstretched >= STRETCH_PAUSE && self.slack.is_full();
        let patient = excess < 0.0 || self.unstretched >= PATIENCE || self.playout.is_silent();
        if !(hurry || calm && patient) {
            return;
        }
        // What lies between the end of this pull and the next packet can go for free; beyond it,
        // whole pulls.
        let pulls = ((excess - TOLERANCE_MS) / PULL_MS).floor().max(0.0) as usize;
        if pulls > 0 {
            while self.playing && self.playout.len() < ACCELERATE_SAMPLES && self.next_follows() {
                self.decode(now);
            }
        }
        let spare = self.playout.len() % FRAME_SAMPLES;
        if excess >= 0.0 {
            let silent = self.playout.begins_silent();
            let removed = self.playout.accelerate(spare + pulls * FRAME_SAMPLES);
            if removed > 0 {
                self.stats.accelerated_samples += removed as u64;
                self.rest = if silent { 0 } else { (CATCH_UP_REST * removed / FRAME_SAMPLES) as u32 };
                let pulls = removed.saturating_sub(spare).div_ceil(FRAME_SAMPLES);
                self.stretched(-(pulls as f64) * PULL_MS);
            }
        } else if excess < -TOLERANCE_MS {
            let added = self.playout.expand();
            if added > 0 {
                self.stats.expanded_samples += added as u64;
                let pulls = (spare + added) / FRAME_SAMPLES;
                self.stretched(pulls as f64 * PULL_MS);
            }
        }
    }

    fn stretched(&mut self, slack_change_ms: f64) {
        self.slack.shift(slack_change_ms);
        self.unstretched = 0;
    }

    /// Whether the next packet is there and nothing is missing before it.
    fn next_follows(&self) -> bool {
        self.position.zip(self.packets.first()).is_some_and(|(position, next)| {
            next.sequence == position.sequence + 1 && next.timestamp == position.timestamp
        })
    }

    /// Another stream begins in this slot.
    fn restart(&mut self) {
        self.packets.clear();
        self.estimator.forget_clock();
        self.position = None;
        self.fall_silent();
    }
}

/// Decodes a packet, or covers for one that cannot be decoded. Returns the samples written.
fn decode_or_conceal(decoder: &mut Decoder, packet: &Stored, out: &mut [f32]) -> usize {
    decoder.decode(packet.payload(), out).unwrap_or_else(|_| {
        let out = &mut out[..packet.samples];
        if decoder.conceal(out).is_err() {
            out.fill(0.0);
        }
        packet.samples
    })
}

/// The last 10 ms: if they are silent, nothing is missed if nothing follows.
fn last_frame(samples: &[f32]) -> &[f32] {
    &samples[samples.len().saturating_sub(FRAME_SAMPLES)..]
}
