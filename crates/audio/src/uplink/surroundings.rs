//! What is heard of a place while nobody speaks there: how loud it is, and how much of it a voice
//! detector takes for a voice. From it follow when a gate opens by itself, and where in the recent
//! past a voice began.

use std::ops::RangeInclusive;

/// Between these an automatic threshold stays. In a silent room the detector is at a quarter, at most
/// a third; in a clear voice nine in ten frames are above 0.65, and one such frame opens.
const THRESHOLD: RangeInclusive<f32> = 0.38..=0.64;

/// An automatic threshold lies this far above what the surroundings reach.
const THRESHOLD_MARGIN: f32 = 0.07;

/// The share of frames without a voice that stay below [`Surroundings::reached`].
const REACHED_SHARE: f32 = 0.995;

/// How far a single frame moves it.
const REACHED_STEP: f32 = 0.02;

/// Levels below this are all the same silence, in dBFS.
const SILENCE_DBFS: f32 = -75.0;

/// How far one frame moves the middle of the noise's level, in dB: a car that comes by is followed.
const LEVEL_STEP_DB: f32 = 0.3;

/// How fast the mean deviation from it follows: a time constant of half a second.
const DEVIATION_SHARE: f32 = 0.02;

/// How far above the noise's level a frame must be to stand out, in mean deviations, and in dB: not
/// more in noise that is made of clicks, between which it is quiet.
const STANDS_OUT_DEVIATIONS: f32 = 1.5;
const STANDS_OUT_DB: RangeInclusive<f32> = 2.5..=6.0;

/// Frames of the past that are looked through for the beginning of a voice.
pub(super) const ONSET_FRAMES_MAX: usize = 20;

/// Frames without anything that a beginning may have: the closure of a plosive.
const GAP_FRAMES: usize = 5;

/// Frames before the first that stands out: a voice begins softly, and in noise the first of it
/// drowns.
pub(super) const SOFT_FRAMES: usize = 4;

#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    /// The probability of a voice that noise alone stays below.
    reached: f32,
    level_dbfs: f32,
    deviation_db: f32,
    /// Whether each of the latest frames stood out, the newest last.
    recent: [bool; ONSET_FRAMES_MAX],
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            reached: *THRESHOLD.start(),
            level_dbfs: SILENCE_DBFS,
            deviation_db: 0.0,
            recent: [false; ONSET_FRAMES_MAX],
        }
    }
}

impl Surroundings {
    /// The probability of a voice from which a gate should open.
    pub(super) fn threshold(&self) -> f32 {
        (self.reached + THRESHOLD_MARGIN).clamp(*THRESHOLD.start(), *THRESHOLD.end())
    }

    /// Takes a frame in which the gate was shut.
    pub(super) fn hear(&mut self, probability: f32, level_dbfs: f32) {
        let above = if probability > self.reached { REACHED_SHARE } else { REACHED_SHARE - 1.0 };
        self.reached = (self.reached + REACHED_STEP * above).clamp(0.0, 1.0);
        self.note(level_dbfs);
        let off_db = level_dbfs.max(SILENCE_DBFS) - self.level_dbfs;
        self.level_dbfs += off_db.clamp(-LEVEL_STEP_DB, LEVEL_STEP_DB);
        self.deviation_db += DEVIATION_SHARE * (off_db.abs() - self.deviation_db);
    }

    /// Takes a frame in which the gate was open.
    pub(super) fn hear_voice(&mut self, level_dbfs: f32) {
        self.note(level_dbfs);
    }

    /// How many frames before the newest one belong to a voice that it is part of; none if nothing
    /// stands out.
    pub(super) fn onset_frames(&self) -> Option<usize> {
        let mut onset = None;
        for (age, stands_out) in self.recent.iter().rev().enumerate() {
            if *stands_out {
                onset = Some(age);
            } else if age > onset.unwrap_or(0) + GAP_FRAMES {
                break;
            }
        }
        onset.map(|onset| (onset + SOFT_FRAMES).min(ONSET_FRAMES_MAX))
    }

    fn note(&mut self, level_dbfs: f32) {
        let over_db = STANDS_OUT_DEVIATIONS * self.deviation_db;
        let over_db = over_db.clamp(*STANDS_OUT_DB.start(), *STANDS_OUT_DB.end());
        self.recent.rotate_left(1);
        self.recent[ONSET_FRAMES_MAX - 1] = level_dbfs > self.level_dbfs + over_db;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_follows_the_noise_within_bounds() {
        let mut surroundings = Surroundings::default();
        (0..6_000).for_each(|_| surroundings.hear(0.2, -60.0));
        assert_eq!(surroundings.threshold(), *THRESHOLD.start());
        (0..500).for_each(|n| surroundings.hear(if n % 20 == 0 { 0.42 } else { 0.25 }, -60.0));
        let noisy = surroundings.threshold();
        assert!((0.47..0.52).contains(&noisy), "{noisy}");
        (0..1_000).for_each(|_| surroundings.hear(0.9, -60.0));
        assert_eq!(surroundings.threshold(), *THRESHOLD.end());
    }

    #[test]
    fn a_voice_begins_where_it_first_stood_out() {
        let mut surroundings = Surroundings::default();
        (0..500).for_each(|n| surroundings.hear(0.2, -60.0 + (n % 3) as f32));
        assert_eq!(surroundings.onset_frames(), None);
        // A consonant, the closure after it, and a vowel.
        for (frames, level_dbfs) in [(4, -45.0), (4, -60.0), (2, -30.0)] {
            (0..frames).for_each(|_| surroundings.hear(0.3, level_dbfs));
        }
        assert_eq!(surroundings.onset_frames(), Some(9 + SOFT_FRAMES));
        (0..30).for_each(|_| surroundings.hear(0.3, -20.0));
        assert_eq!(surroundings.onset_frames(), Some(ONSET_FRAMES_MAX));
    }
}
