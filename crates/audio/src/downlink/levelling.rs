//! Brings every voice to a common loudness, slowly: a friend's quiet microphone is heard like the
//! others.
//!
//! What counts is speech alone. The loudness of a voice (BS.1770) is a mean over the blocks in which
//! a detector hears somebody speak and that are not far quieter than the rest, and its gain moves in
//! those blocks only: silence, breath and a fan change nothing, so nothing pumps.

use super::SourceId;
use crate::level::amplitude;
use crate::loudness::{KWeighting, lufs, mean_square};
use crate::voice_detector::VoiceDetector;
use crate::{FRAME_SAMPLES, Frame};

/// Where voices are brought to, in LUFS: about where automatic gain on the sending side, ours and
/// browsers', puts them, so that most voices need little.
const TARGET_LUFS: f64 = -22.0;

/// The most a voice is turned down and up, in dB. Beyond that it is no longer a quiet microphone but
/// a broken one, and what would be heard is its noise.
const GAIN_DB: std::ops::RangeInclusive<f32> = -12.0..=15.0;

/// How fast a gain moves while somebody speaks, in dB per frame: 3 dB in a second up, which is not
/// heard as a change, and 10 dB down, because too loud hurts.
const RISE_DB: f32 = 0.03;
const FALL_DB: f32 = 0.1;

/// Probability of a voice from which a frame counts as speech.
const SPEECH_FROM: f32 = 0.5;

/// Frames in a step: 100 ms. Blocks overlap by all but one step.
const STEP_FRAMES: u32 = 10;

/// Steps in a block: 400 ms.
const BLOCK_STEPS: usize = 4;

/// Frames of a block in which there must be speech: half.
const BLOCK_SPEECH_FRAMES: u32 = STEP_FRAMES * BLOCK_STEPS as u32 / 2;

/// What is quieter is never taken for speech, in LUFS: the largest gain would not make it heard.
const FLOOR_LUFS: f64 = -60.0;

/// A block this much quieter than the mean of all is a pause, as a factor of power: 10 LU.
const RELATIVE_GATE: f64 = 0.1;

/// Blocks before the first gain: a word or two.
const BLOCKS_MIN: u32 = 5;

/// Blocks that the means remember: ten seconds of speech.
const BLOCKS_MAX: u32 = 100;

/// Voices that are remembered: many more than talk in an evening. Beyond it, whoever was heard least
/// recently is measured anew.
const VOICES_MAX: usize = 512;

/// What listens to one slot.
pub(super) struct Ear {
    weighting: KWeighting,
    detector: VoiceDetector,
    source: SourceId,
    frames: u32,
    energy: f64,
    speech_frames: u32,
    /// Energy and frames with speech of the latest steps.
    steps: [(f64, u32); BLOCK_STEPS],
    filled: usize,
}

impl std::fmt::Debug for Ear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ear").field("source", &self.source).finish_non_exhaustive()
    }
}

/// A frame as an [`Ear`] heard it.
struct Heard {
    speech: bool,
    /// Mean square of the block that it completes, if that holds speech.
    block: Option<f64>,
}

impl Default for Ear {
    fn default() -> Self {
        Self {
            weighting: KWeighting::default(),
            detector: VoiceDetector::default(),
            source: 0,
            frames: 0,
            energy: 0.0,
            speech_frames: 0,
            steps: [(0.0, 0); BLOCK_STEPS],
            filled: 0,
        }
    }
}

impl Ear {
    fn hear(&mut self, source: SourceId, frame: &Frame) -> Heard {
        if source != self.source {
            self.source = source;
            (self.frames, self.energy, self.speech_frames, self.filled) = (0, 0.0, 0, 0);
        }
        let speech = self.detector.update(frame) >= SPEECH_FROM;
        self.energy += self.weighting.energy(frame);
        self.speech_frames += u32::from(speech);
        self.frames += 1;
        if self.frames < STEP_FRAMES {
            return Heard { speech, block: None };
        }
        self.steps.rotate_left(1);
        self.steps[BLOCK_STEPS - 1] = (self.energy, self.speech_frames);
        (self.frames, self.energy, self.speech_frames) = (0, 0.0, 0);
        self.filled = (self.filled + 1).min(BLOCK_STEPS);
        let speech_frames: u32 = self.steps.iter().map(|(_, frames)| frames).sum();
        let whole = self.filled == BLOCK_STEPS && speech_frames >= BLOCK_SPEECH_FRAMES;
        let samples = (BLOCK_STEPS * STEP_FRAMES as usize * FRAME_SAMPLES) as f64;
        let energy: f64 = self.steps.iter().map(|(energy, _)| energy).sum();
        Heard { speech, block: whole.then_some(energy / samples) }
    }
}

/// What is known about one voice.
#[derive(Debug, Clone, Copy)]
struct Known {
    source: SourceId,
    /// Mean square of all blocks with speech, and of those among them that are no pauses.
    all: f64,
    speech: f64,
    all_blocks: u32,
    speech_blocks: u32,
    gain_db: f32,
    /// When it was last heard, in frames of [`Levelling`]'s own count.
    heard_at: u64,
}

impl Known {
    fn new(source: SourceId) -> Self {
        Self { source, all: 0.0, speech: 0.0, all_blocks: 0, speech_blocks: 0, gain_db: 0.0, heard_at: 0 }
    }

    fn learn(&mut self, block: f64) {
        if block < mean_square(FLOOR_LUFS) {
            return;
        }
        average(&mut self.all, &mut self.all_blocks, block);
        if block >= self.all * RELATIVE_GATE {
            average(&mut self.speech, &mut self.speech_blocks, block);
        }
    }

    /// Moves the gain by as much as a frame of speech may.
    fn step(&mut self) {
        if self.speech_blocks < BLOCKS_MIN {
            return;
        }
        let wanted = (TARGET_LUFS - lufs(self.speech)) as f32;
        let wanted = wanted.clamp(*GAIN_DB.start(), *GAIN_DB.end());
        self.gain_db += (wanted - self.gain_db).clamp(-FALL_DB, RISE_DB);
    }
}

/// A mean of everything at first, and of the latest once that is enough.
fn average(mean: &mut f64, count: &mut u32, value: f64) {
    *count = (*count + 1).min(BLOCKS_MAX);
    *mean += (value - *mean) / f64::from(*count);
}

/// The gains of all voices, by source: a voice keeps its own through silence and from slot to slot.
#[derive(Debug)]
pub(super) struct Levelling {
    on: bool,
    /// Sorted by source.
    known: Vec<Known>,
    frames: u64,
}

impl Levelling {
    pub(super) fn new() -> Self {
        Self { on: false, known: Vec::with_capacity(VOICES_MAX), frames: 0 }
    }

    /// What was learned is kept while it is off.
    pub(super) fn set_on(&mut self, on: bool) {
        self.on = on;
    }

    /// Listens to a frame that is one voice's from its first sample to its last.
    pub(super) fn hear(&mut self, ear: &mut Ear, source: SourceId, frame: &Frame) {
        if !self.on {
            return;
        }
        self.frames += 1;
        let heard = ear.hear(source, frame);
        if !heard.speech && heard.block.is_none() {
            return;
        }
        let place = self.place(source);
        let known = &mut self.known[place];
        known.heard_at = self.frames;
        if let Some(block) = heard.block {
            known.learn(block);
        }
        if heard.speech {
            known.step();
        }
    }

    /// The factor for a voice; 1 while nothing is known.
    pub(super) fn gain(&self, source: SourceId) -> f32 {
        let known = self.known.binary_search_by_key(&source, |known| known.source);
        known.ok().filter(|_| self.on).map_or(1.0, |place| amplitude(self.known[place].gain_db))
    }

    fn place(&mut self, source: SourceId) -> usize {
        match self.known.binary_search_by_key(&source, |known| known.source) {
            Ok(place) => place,
            Err(place) if self.known.len() < VOICES_MAX => {
                self.known.insert(place, Known::new(source));
                place
            }
            Err(_) => {
                let oldest = self.known.iter().enumerate().min_by_key(|(_, known)| known.heard_at);
                self.known.remove(oldest.map_or(0, |(place, _)| place));
                let place = self.known.partition_point(|known| known.source < source);
                self.known.insert(place, Known::new(source));
                place
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voices_are_kept_and_bounded() {
        let mut levelling = Levelling::new();
        for source in 0..2_000 {
            let place = levelling.place(source);
            levelling.known[place].heard_at = u64::from(source);
            levelling.known[place].gain_db = 6.0;
        }
        assert_eq!((levelling.known.len(), levelling.known.capacity()), (VOICES_MAX, VOICES_MAX));
        assert_eq!(levelling.gain(1_999), 1.0, "off");
        levelling.set_on(true);
        assert!((levelling.gain(1_999) - 2.0).abs() < 0.01);
        assert_eq!(levelling.gain(0), 1.0, "forgotten");
    }

    #[test]
    fn gains_are_bounded_and_move_slowly() {
        for (loudness, wanted) in [(-80.0, 0.0), (-50.0, 15.0), (-28.0, 6.0), (-22.0, 0.0), (-3.0, -12.0)] {
            let mut known = Known::new(1);
            let mut before = 0.0;
            for frame in 0..2_000 {
                if frame % STEP_FRAMES == 0 {
                    known.learn(mean_square(loudness));
                }
                known.step();
                let step = known.gain_db - before;
                assert!((-FALL_DB - 1e-4..=RISE_DB + 1e-4).contains(&step), "{step} dB");
                before = known.gain_db;
            }
            assert!((known.gain_db - wanted).abs() < 0.1, "{loudness} LUFS: {} dB", known.gain_db);
        }
    }

    #[test]
    fn what_is_far_quieter_than_a_voice_is_a_pause_in_it() {
        let mut known = Known::new(1);
        (0..50).for_each(|_| known.learn(mean_square(-22.0)));
        (0..50).for_each(|_| known.learn(mean_square(-40.0)));
        assert!((lufs(known.speech) + 22.0).abs() < 0.1);
    }
}
