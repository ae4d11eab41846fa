//! The playback chain: receive slots → each person's volume → mix → limiter.

use std::time::Instant;

use super::jitter::{JitterBuffer, JitterConfig, JitterStats};
use super::packets::{IncomingPacket, Insert};
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
    limiter: Limiter,
    audible: Vec<Held>,
    reported: Vec<Audible>,
}

#[derive(Debug)]
struct Slot {
    buffer: JitterBuffer,
    /// The volume that was applied last and to whom, so that changes fade.
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
        let slot = |_| JitterBuffer::new(now, config).map(|buffer| Slot { buffer, applied: (0, 1.0) });
        Ok(Self {
            slots: (0..VOICE_SLOTS).map(slot).collect::<Result<_, _>>()?,
            volumes: Volumes::new(),
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
        let mut voice_frame = [0.0; FRAME_SAMPLES];
        let mut anybody = false;
        for slot in &mut self.slots {
            let Some(voice) = slot.buffer.pull(now, &mut voice_frame) else { continue };
            anybody = true;
            for segment in voice.segments() {
                let samples = &voice_frame[segment.start..segment.end];
                tap(segment.source, segment.start, samples);
                note_audible(&mut self.audible, segment.source, Level::of(samples));
                let volume = self.volumes.get(segment.source);
                let from = match slot.applied {
                    (source, applied) if source == segment.source => applied,
                    _ => volume,
                };
                slot.applied = (segment.source, volume);
                add(&mut mix[segment.start..segment.end], samples, from, volume);
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

    fn age_audible(&mut self) {
        self.audible.retain_mut(|held| {
            held.frames_left = held.frames_left.saturating_sub(1);
            held.frames_left > 0
        });
    }
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

/// Adds `samples` to `mix` with a volume that moves from one value to another.
fn add(mix: &mut [f32], samples: &[f32], from: f32, to: f32) {
    let step = (to - from) / samples.len().max(1) as f32;
    for (n, (sum, sample)) in mix.iter_mut().zip(samples).enumerate() {
        *sum += sample * (from + step * (n + 1) as f32);
    }
}
