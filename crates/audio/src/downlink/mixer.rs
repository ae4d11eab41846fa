//! The playback chain: receive slots → levelling → each person's volume → priority → mix → limiter.

use std::time::Instant;

use super::jitter::{JitterBuffer, JitterConfig, JitterStats, Voice};
use super::levelling::{Ear, Levelling};
use super::packets::{IncomingPacket, Insert};
use super::priority::Priority;
use super::volumes::Volumes;
use super::{Limiter, SourceId};
use crate::{AudioError, FRAME_SAMPLES, Frame, Level};

/// Receive slots for voices: as many as are heard at once.
pub const VOICE_SLOTS: usize = 8;

/// Below this a voice counts as silent for [`Downlink::audible`], in dBFS before its volume.
const AUDIBLE_DBFS: f32 = -55.0;

/// How long a voice stays audible after its last loud frame, in frames: the pauses between words
/// shall not make an indicator flicker.
const AUDIBLE_HOLD: u32 = 25;

/// Somebody who is heard now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Audible {
    /// Who.
    pub source: SourceId,
    /// How loud they speak, before this listener's volume for them.
    pub level: Level,
}

/// The playback chain of one listener. Single-threaded: it belongs to the media thread, which
/// inserts packets and pulls frames.
#[derive(Debug)]
pub struct Downlink {
    slots: Vec<Slot>,
    volumes: Volumes,
    levelling: Levelling,
    priority: Priority,
    limiter: Limiter,
    audible: Vec<Held>,
    reported: Vec<Audible>,
}

#[derive(Debug)]
struct Slot {
    buffer: JitterBuffer,
    ear: Ear,
    /// The factor that was applied last and to whom, so that changes fade.
    applied: (SourceId, f32),
}

#[derive(Debug)]
struct Held {
    audible: Audible,
    frames_left: u32,
}

impl Downlink {
    /// Empty slots. `now` is where their time begins.
    ///
    /// # Errors
    /// [`AudioError::CodecSetup`] without memory for the decoders.
    pub fn new(now: Instant, config: JitterConfig) -> Result<Self, AudioError> {
        let slot = |_| {
            JitterBuffer::new(now, config).map(|buffer| Slot {
                buffer,
                ear: Ear::default(),
                applied: (0, 1.0),
            })
        };
        Ok(Self {
            slots: (0..VOICE_SLOTS).map(slot).collect::<Result<_, _>>()?,
            volumes: Volumes::new(),
            levelling: Levelling::new(),
            priority: Priority::new(),
            limiter: Limiter::default(),
            audible: Vec::with_capacity(VOICE_SLOTS * 2),
            reported: Vec::with_capacity(VOICE_SLOTS * 2),
        })
    }

    /// Takes a packet that arrived at `now` in one of the [`VOICE_SLOTS`] slots.
    pub fn insert(&mut self, slot: usize, now: Instant, packet: &IncomingPacket<'_>) -> Insert {
        match self.slots.get_mut(slot) {
            Some(slot) => slot.buffer.insert(now, packet),
            None => Insert::Invalid,
        }
    }

    /// Sets how loud somebody is: 0 is silent, 1 as sent, 2 ([`VOLUME_MAX`](super::VOLUME_MAX))
    /// twice the amplitude. It may be set before they are first heard, and holds from the next
    /// frame on.
    pub fn set_volume(&mut self, source: SourceId, volume: f32) {
        self.volumes.set(source, volume);
    }

    /// Switches on or off that every voice is brought to a common loudness, slowly, before its volume.
    /// Off at first.
    pub fn set_levelling(&mut self, on: bool) {
        self.levelling.set_on(on);
    }

    /// Says who the priority speakers are, at most 64, in place of those of before.
    pub fn set_priority(&mut self, speakers: impl Iterator<Item = SourceId>) {
        self.priority.set_speakers(speakers);
    }

    /// Sets by how much everybody else is turned down while a priority speaker talks, in dB, −60 to
    /// 0; at first it is 0.
    pub fn set_priority_attenuation_db(&mut self, decibels: f32) {
        self.priority.set_attenuation_db(decibels);
    }

    /// Mixes the next 10 ms, to be handed out at `now`. Returns whether anybody was in it; if not,
    /// the frame is silence.
    pub fn pull(&mut self, now: Instant, mix: &mut Frame) -> bool {
        self.pull_with_tap(now, mix, |_, _, _| {})
    }

    /// Like [`Downlink::pull`], and shows each voice to `tap` before its volume is applied, as
    /// (source, first sample within the frame, samples): for recording everybody apart.
    pub fn pull_with_tap(
        &mut self,
        now: Instant,
        mix: &mut Frame,
        mut tap: impl FnMut(SourceId, usize, &[f32]),
    ) -> bool {
        mix.fill(0.0);
        self.age_audible();
        self.pass_priority();
        let mut voice_frame = [0.0; FRAME_SAMPLES];
        let mut anybody = false;
        for slot in &mut self.slots {
            let Some(voice) = slot.buffer.pull(now, &mut voice_frame) else { continue };
            anybody = true;
            if let Some(source) = only_source(&voice) {
                self.levelling.hear(&mut slot.ear, source, &voice_frame);
            }
            for segment in voice.segments() {
                let samples = &voice_frame[segment.start..segment.end];
                tap(segment.source, segment.start, samples);
                note_audible(&mut self.audible, segment.source, Level::of(samples));
                let factor = self.volumes.get(segment.source)
                    * self.levelling.gain(segment.source)
                    * self.priority.gain(segment.source);
                let from = match slot.applied {
                    (source, applied) if source == segment.source => applied,
                    _ => factor,
                };
                slot.applied = (segment.source, factor);
                add(&mut mix[segment.start..segment.end], samples, from, factor);
            }
        }
        self.limiter.process(mix);
        anybody
    }

    /// Who is heard now, with a short hold: for speaking indicators.
    #[must_use]
    pub fn audible(&mut self) -> &[Audible] {
        self.reported.clear();
        self.reported.extend(self.audible.iter().map(|held| held.audible));
        &self.reported
    }

    /// What a slot's jitter buffer did; `None` if there is no such slot.
    #[must_use]
    pub fn stats(&self, slot: usize) -> Option<JitterStats> {
        self.slots.get(slot).map(|slot| slot.buffer.stats())
    }

    /// Nobody is turned down for a priority speaker whom this listener has muted.
    fn pass_priority(&mut self) {
        let (priority, volumes) = (&self.priority, &self.volumes);
        let sources = self.audible.iter().map(|held| held.audible.source);
        let heard = sources.into_iter().any(|source| priority.includes(source) && volumes.get(source) > 0.0);
        self.priority.pass(heard);
    }

    fn age_audible(&mut self) {
        self.audible.retain_mut(|held| {
            held.frames_left = held.frames_left.saturating_sub(1);
            held.frames_left > 0
        });
    }
}

/// Whose voice it is, if the whole frame is one person's.
fn only_source(voice: &Voice) -> Option<SourceId> {
    let first = voice.segments().next()?;
    (first.start == 0 && first.end == FRAME_SAMPLES).then_some(first.source)
}

fn note_audible(audible: &mut Vec<Held>, source: SourceId, level: Level) {
    if level.rms_dbfs < AUDIBLE_DBFS {
        return;
    }
    let now = Held { audible: Audible { source, level }, frames_left: AUDIBLE_HOLD };
    if let Some(held) = audible.iter_mut().find(|held| held.audible.source == source) {
        *held = now;
    } else if audible.len() < audible.capacity() {
        audible.push(now);
    }
}

/// Adds `samples` to `mix` with a factor that moves from one value to another.
fn add(mix: &mut [f32], samples: &[f32], from: f32, to: f32) {
    let step = (to - from) / samples.len().max(1) as f32;
    for (n, (sum, sample)) in mix.iter_mut().zip(samples).enumerate() {
        *sum += sample * (from + step * (n + 1) as f32);
    }
}
