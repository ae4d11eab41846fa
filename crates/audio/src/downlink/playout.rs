//! Decoded samples waiting to be played, and whose they are.

use super::SourceId;
use super::stretch;
use crate::Frame;
use crate::codec::PACKET_SAMPLES_MAX;

/// Room for two of the longest packets and a stretch of them.
const CAPACITY: usize = 3 * PACKET_SAMPLES_MAX;

/// Runs of one source that are told apart. Packets are at least 2.5 ms long, so a frame of 10 ms
/// touches at most five; further switches within [`CAPACITY`] count for the last one.
const RUNS_MAX: usize = 16;

/// A piece of a played frame that belongs to one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Whose voice it is.
    pub source: SourceId,
    /// First sample of the frame that is theirs.
    pub start: usize,
    /// One past the last.
    pub end: usize,
}

/// Up to five segments, in order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Segments {
    pieces: [Option<Segment>; 5],
}

impl Segments {
    /// The pieces in order.
    pub fn iter(&self) -> impl Iterator<Item = Segment> + '_ {
        self.pieces.iter().flatten().copied()
    }

    fn push(&mut self, segment: Segment) {
        if let Some(free) = self.pieces.iter_mut().find(|piece| piece.is_none()) {
            *free = Some(segment);
        } else if let Some(last) = self.pieces.last_mut().and_then(Option::as_mut) {
            last.end = segment.end;
        }
    }
}

#[derive(Debug)]
pub(super) struct Playout {
    samples: Vec<f32>,
    runs: Vec<(SourceId, usize)>,
}

impl Playout {
    pub(super) fn new() -> Self {
        Self { samples: Vec::with_capacity(CAPACITY), runs: Vec::with_capacity(RUNS_MAX) }
    }

    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    /// Appends samples of one source.
    pub(super) fn append(&mut self, source: SourceId, samples: &[f32]) {
        let samples = &samples[..samples.len().min(CAPACITY - self.samples.len())];
        if samples.is_empty() {
            return;
        }
        self.samples.extend_from_slice(samples);
        let full = self.runs.len() == RUNS_MAX;
        match self.runs.last_mut() {
            Some((last, count)) if full || *last == source => *count += samples.len(),
            _ => self.runs.push((source, samples.len())),
        }
    }

    /// Appends like [`Self::append`], blending the start into `tail`, which is how the voice
    /// before would have gone on.
    pub(super) fn append_blended(&mut self, source: SourceId, samples: &mut [f32], tail: &[f32]) {
        let blend = tail.len().min(samples.len());
        for (n, (sample, old)) in samples.iter_mut().zip(tail).enumerate() {
            let weight = n as f32 / blend as f32;
            *sample = *sample * weight + old * (1.0 - weight);
        }
        self.append(source, samples);
    }

    /// Plays the next frame; what is missing at its end is silence.
    pub(super) fn play(&mut self, frame: &mut Frame) -> Segments {
        let played = self.samples.len().min(frame.len());
        frame[..played].copy_from_slice(&self.samples[..played]);
        frame[played..].fill(0.0);
        self.samples.drain(..played);
        let mut segments = Segments::default();
        let mut start = 0;
        while start < played {
            let Some((source, count)) = self.runs.first_mut() else { break };
            let taken = (*count).min(played - start);
            segments.push(Segment { source: *source, start, end: start + taken });
            *count -= taken;
            start += taken;
            if *count == 0 {
                self.runs.remove(0);
            }
        }
        segments
    }

    /// Whether nothing is heard in what waits.
    pub(super) fn is_silent(&self) -> bool {
        is_silent(&self.samples)
    }

    /// Whether nothing is heard in what [`Self::accelerate`] would cut.
    pub(super) fn begins_silent(&self) -> bool {
        is_silent(&self.samples[..self.samples.len().min(2 * stretch::PERIOD_MAX)])
    }

    /// Fades the last `samples` out, for a voice that ends in mid-air.
    pub(super) fn fade_out(&mut self, samples: usize) {
        let start = self.samples.len().saturating_sub(samples);
        let count = self.samples.len() - start;
        for (n, sample) in self.samples[start..].iter_mut().enumerate() {
            *sample *= 1.0 - (n + 1) as f32 / count as f32;
        }
    }

    /// Makes what waits shorter by a pitch period of at most `samples_max`; returns by how much.
    pub(super) fn accelerate(&mut self, samples_max: usize) -> usize {
        // Runs are counted in samples, so they only stay right if all samples are one source's.
        let [(_, count)] = &mut self.runs[..] else { return 0 };
        let removed = stretch::accelerate(&mut self.samples, samples_max);
        *count -= removed;
        removed
    }

    /// Makes what waits longer by a pitch period; returns by how much.
    pub(super) fn expand(&mut self) -> usize {
        let [(_, count)] = &mut self.runs[..] else { return 0 };
        if self.samples.len() * 2 > CAPACITY {
            return 0;
        }
        let added = stretch::expand(&mut self.samples);
        *count += added;
        added
    }
}

/// Whether the samples are as good as silent (−60 dBFS).
pub(super) fn is_silent(samples: &[f32]) -> bool {
    samples.iter().all(|sample| sample.abs() < 1e-3)
}
