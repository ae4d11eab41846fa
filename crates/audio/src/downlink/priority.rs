//! Turns the others down while a priority speaker talks.

use super::SourceId;
use crate::level::amplitude;

/// Priority speakers that are known at once; more would be a channel of nothing else.
const SPEAKERS_MAX: usize = 64;

/// The least that can be asked for, in dB: as good as silent.
const ATTENUATION_DB_MIN: f32 = -60.0;

/// How fast the others go down, in dB per frame: 9 dB in 50 ms, before the first word is over.
const FALL_DB: f32 = 1.8;

/// How fast they come back, in dB per frame: 9 dB in 300 ms.
const RISE_DB: f32 = 0.3;

#[derive(Debug)]
pub(super) struct Priority {
    speakers: Vec<SourceId>,
    attenuation_db: f32,
    applied_db: f32,
}

impl Priority {
    pub(super) fn new() -> Self {
        Self { speakers: Vec::with_capacity(SPEAKERS_MAX), attenuation_db: 0.0, applied_db: 0.0 }
    }

    /// Says who they are; those beyond the 64th are plain speakers.
    pub(super) fn set_speakers(&mut self, speakers: impl Iterator<Item = SourceId>) {
        self.speakers.clear();
        self.speakers.extend(speakers.take(SPEAKERS_MAX));
    }

    /// Sets how far the others go down, in dB, from −60 to 0; NaN is 0.
    pub(super) fn set_attenuation_db(&mut self, decibels: f32) {
        self.attenuation_db = if decibels.is_nan() { 0.0 } else { decibels.clamp(ATTENUATION_DB_MIN, 0.0) };
    }

    pub(super) fn includes(&self, source: SourceId) -> bool {
        self.speakers.contains(&source)
    }

    /// Lets 10 ms pass in which a priority speaker was heard, or none was.
    pub(super) fn pass(&mut self, heard: bool) {
        let wanted = if heard { self.attenuation_db } else { 0.0 };
        self.applied_db += (wanted - self.applied_db).clamp(-FALL_DB, RISE_DB);
    }

    /// The factor for a voice.
    pub(super) fn gain(&self, source: SourceId) -> f32 {
        if self.applied_db == 0.0 || self.includes(source) { 1.0 } else { amplitude(self.applied_db) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_go_down_at_once_and_come_back_softly() {
        let mut priority = Priority::new();
        priority.set_speakers([7].into_iter());
        priority.set_attenuation_db(-9.0);
        assert_eq!(priority.gain(1), 1.0);
        (0..5).for_each(|_| priority.pass(true));
        assert!((priority.gain(1) - amplitude(-9.0)).abs() < 1e-3);
        assert_eq!(priority.gain(7), 1.0);
        (0..29).for_each(|_| priority.pass(false));
        assert!(priority.gain(1) < 1.0);
        (0..2).for_each(|_| priority.pass(false));
        assert_eq!(priority.gain(1), 1.0);
    }

    #[test]
    fn what_is_asked_for_is_bounded() {
        let mut priority = Priority::new();
        priority.set_speakers(0..1_000);
        assert!(priority.includes(63) && !priority.includes(64));
        for (wish, kept) in [(3.0, 0.0), (f32::NAN, 0.0), (-1e9, -60.0), (-9.0, -9.0)] {
            priority.set_attenuation_db(wish);
            assert_eq!(priority.attenuation_db, kept);
        }
    }
}
