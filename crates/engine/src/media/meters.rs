//! What people see of the sound: their own level, and who is heard.

use super::Notice;
use crate::send::CaptureReport;
use std::time::{Duration, Instant};
use voicehall_protocol::rtp::{SourceId, VOICE_SLOTS};

/// Frames between two readings of the input: 50 ms.
const INPUT_FRAMES: u32 = 5;

/// Lowest level shown, in dBFS: a silent room. What is quieter is all the same.
const FLOOR_DBFS: f32 = -60.0;

/// Readings that may look like the one told last before one is told again, a second of them: whoever
/// looks at the meter draws for each of them, and a microphone that came back has to show up.
const ALIKE_MAX: u32 = 20;

/// Shortest time between two lists of who is heard.
const SPEAKING_INTERVAL: Duration = Duration::from_millis(50);

/// The microphone's meter.
#[derive(Debug, Default)]
pub(super) struct InputMeter {
    frames: u32,
    power: f32,
    speech: f32,
    sending: bool,
    told: Option<Look>,
    alike: u32,
}

/// What the processing chain does, in readings of 50 ms.
#[derive(Debug, Default)]
pub(super) struct ProcessingMeter {
    frames: u32,
    /// Of the microphone, without noise, after automatic gain, as sent.
    powers: [f32; 4],
}

impl ProcessingMeter {
    /// Takes what was found out about a frame, and gives a reading every 50 ms.
    pub(super) fn update(&mut self, report: &CaptureReport) -> Option<Notice> {
        let stages =
            [report.input.rms_dbfs, report.cleaned_dbfs, report.levelled_dbfs, report.output.rms_dbfs];
        for (power, dbfs) in self.powers.iter_mut().zip(stages) {
            *power += 10_f32.powf(dbfs / 10.0);
        }
        self.frames += 1;
        if self.frames < INPUT_FRAMES {
            return None;
        }
        let Self { powers, .. } = std::mem::take(self);
        Some(Notice::Processing(powers.map(mean_dbfs)))
    }
}

/// A reading as people see it: level in dB, probability of speech in twentieths, whether it is sent.
type Look = (i32, i32, bool);

impl InputMeter {
    /// Takes what was found out about a frame, its level after processing in dBFS, and gives a reading
    /// every 50 ms while there is something new to see.
    pub(super) fn update(&mut self, rms_dbfs: f32, speech: f32, sending: bool) -> Option<Notice> {
        self.frames += 1;
        self.power += 10_f32.powf(rms_dbfs / 10.0);
        self.speech = self.speech.max(speech);
        self.sending |= sending;
        if self.frames < INPUT_FRAMES {
            return None;
        }
        let Self { power, speech, sending, told, alike, .. } = std::mem::take(self);
        let level_dbfs = mean_dbfs(power);
        let look = (level_dbfs.round() as i32, (speech * 20.0).round() as i32, sending);
        self.told = Some(look);
        if told == Some(look) && alike + 1 < ALIKE_MAX {
            self.alike = alike + 1;
            return None;
        }
        Some(Notice::Input { level_dbfs, speech, sending })
    }
}

/// The level of a reading whose frames have this power together.
fn mean_dbfs(power: f32) -> f32 {
    (10.0 * (power / INPUT_FRAMES as f32).log10()).clamp(FLOOR_DBFS, 0.0)
}

/// Who is heard now, told when it changes.
#[derive(Debug)]
pub(super) struct SpeakingList {
    heard: Vec<SourceId>,
    own: Option<SourceId>,
    told: Vec<SourceId>,
    told_at: Option<Instant>,
    /// What was told last did not get through.
    lost: bool,
}

impl Default for SpeakingList {
    fn default() -> Self {
        let sources = || Vec::with_capacity(VOICE_SLOTS * 2 + 1);
        Self { heard: sources(), own: None, told: sources(), told_at: None, lost: false }
    }
}

impl SpeakingList {
    pub(super) fn set_own(&mut self, own: Option<SourceId>) {
        self.own = own;
    }

    pub(super) fn set_heard(&mut self, heard: impl Iterator<Item = SourceId>) {
        self.heard.clear();
        self.heard.extend(heard);
    }

    /// The call is over, and who reads the lists knows. The next call begins with nobody, told or not.
    pub(super) fn clear(&mut self) {
        self.heard.clear();
        self.told.clear();
        self.own = None;
        self.lost = false;
    }

    /// What [`Self::update`] gave last did not get through. Nothing would follow it until somebody else
    /// speaks: it has to be told again.
    pub(super) fn lost(&mut self) {
        self.lost = true;
    }

    /// The list, if it is another one than was told last and that was long enough ago.
    pub(super) fn update(&mut self, now: Instant) -> Option<Notice> {
        let recent = |at: Instant| now.saturating_duration_since(at) < SPEAKING_INTERVAL;
        if self.told_at.is_some_and(recent) {
            return None;
        }
        self.heard.extend(self.own);
        self.heard.sort_unstable();
        self.heard.dedup();
        let changed = std::mem::take(&mut self.lost) || self.heard != self.told;
        if changed {
            self.told.clone_from(&self.heard);
            self.told_at = Some(now);
        }
        self.heard.retain(|source| Some(*source) != self.own);
        changed.then(|| Notice::Speaking(self.told.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_is_told_when_it_looks_different_and_once_a_second() {
        let mut meter = InputMeter::default();
        let mut told = |rms_dbfs, ms: u32| -> Vec<f32> {
            let notices = (0..ms / 10).filter_map(|_| meter.update(rms_dbfs, 0.0, false));
            notices
                .map(|notice| if let Notice::Input { level_dbfs, .. } = notice { level_dbfs } else { 0.0 })
                .collect()
        };
        assert_eq!(told(-200.0, 50), [-60.0]);
        assert!(told(-75.0, 950).is_empty());
        assert_eq!(told(-75.0, 3_000), [-60.0; 3]);
        assert_eq!(told(-20.0, 50).len(), 1);
        assert_eq!(told(-22.0, 50).len(), 1);
        assert_eq!(told(-22.1, 50).len(), 0);
    }

    #[test]
    fn tells_who_speaks_only_when_it_changes_and_not_too_often() {
        let mut list = SpeakingList::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let told = |notice| match notice {
            Some(Notice::Speaking(sources)) => {
                Some(sources.iter().map(|s: &SourceId| s.0).collect::<Vec<_>>())
            }
            _ => None,
        };
        assert_eq!(told(list.update(at(0))), None, "nobody, as before");
        list.set_heard([SourceId(8), SourceId(4)].into_iter());
        assert_eq!(told(list.update(at(10))), Some(vec![4, 8]));
        assert_eq!(told(list.update(at(100))), None);
        list.set_own(Some(SourceId(12)));
        assert_eq!(told(list.update(at(110))), Some(vec![4, 8, 12]));
        list.set_own(None);
        assert_eq!(told(list.update(at(120))), None, "too soon");
        assert_eq!(told(list.update(at(160))), Some(vec![4, 8]));
        list.lost();
        assert_eq!(told(list.update(at(170))), None, "too soon");
        assert_eq!(told(list.update(at(210))), Some(vec![4, 8]), "again");
        assert_eq!(told(list.update(at(300))), None, "it got through");
        list.clear();
        assert_eq!(told(list.update(at(400))), None, "a call's end is told otherwise");
        list.set_heard([SourceId(8), SourceId(4)].into_iter());
        assert_eq!(told(list.update(at(410))), Some(vec![4, 8]), "the same as in the call before");
    }
}
