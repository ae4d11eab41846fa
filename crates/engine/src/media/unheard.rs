//! Speech that nobody hears: somebody forgot that they are muted, or to press the key.

use std::time::{Duration, Instant};
use voicehall_protocol::engine::UnheardReason;

/// Probability from which a frame counts as speech: higher than a gate's, for a notice that comes
/// while somebody types or coughs is one too many.
const SPEECH: f32 = 0.7;

/// Speech that is enough, in frames of 10 ms: a sentence, not a word to somebody in the room.
const SPEECH_FRAMES: u32 = 100;

/// How much sooner speech counts than silence takes away again.
const FORGET_FRAMES: u32 = 4;

/// Shortest time between two notices: who was told and goes on has a reason.
const INTERVAL: Duration = Duration::from_secs(30);

/// Notices it.
#[derive(Debug, Default)]
pub(super) struct UnheardSpeech {
    /// Speech, less the silence between it.
    balance: u32,
    told_at: Option<Instant>,
}

impl UnheardSpeech {
    /// Takes 10 ms, and why they are not heard, if they are not.
    pub(super) fn update(
        &mut self,
        now: Instant,
        speech: f32,
        reason: Option<UnheardReason>,
    ) -> Option<UnheardReason> {
        let Some(reason) = reason else {
            self.balance = 0;
            return None;
        };
        self.balance =
            if speech >= SPEECH { self.balance + FORGET_FRAMES } else { self.balance.saturating_sub(1) };
        let recent = |at: Instant| now.saturating_duration_since(at) < INTERVAL;
        if self.balance < SPEECH_FRAMES * FORGET_FRAMES {
            return None;
        }
        self.balance = 0;
        if self.told_at.is_some_and(recent) {
            return None;
        }
        self.told_at = Some(now);
        Some(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MUTED: Option<UnheardReason> = Some(UnheardReason::Muted);

    /// When notices come, in ms, in a time of which each 10 ms are as `frame` says.
    fn notices(ms: u64, frame: impl Fn(u64) -> (f32, Option<UnheardReason>)) -> Vec<u64> {
        let start = Instant::now();
        let mut unheard = UnheardSpeech::default();
        (0..ms / 10)
            .map(|n| n * 10)
            .filter(|ms| {
                let (speech, reason) = frame(*ms);
                unheard.update(start + Duration::from_millis(*ms), speech, reason).is_some()
            })
            .collect()
    }

    #[test]
    fn speech_while_muted_is_told_after_a_second_and_again_after_half_a_minute() {
        assert_eq!(notices(60_000, |_| (0.9, MUTED)), [990, 30_990]);
    }

    #[test]
    fn pauses_between_words_do_not_matter_and_single_words_are_not_told() {
        let told = notices(3_000, |ms| (if ms % 300 < 200 { 0.9 } else { 0.1 }, MUTED));
        assert_eq!(told.len(), 1);
        assert!(told[0] < 2_000, "{told:?}");
        // Half a second of it every four seconds: coughs, words to others.
        assert_eq!(notices(60_000, |ms| (if ms % 4_000 < 500 { 0.9 } else { 0.1 }, MUTED)), [0; 0]);
    }

    #[test]
    fn noise_and_what_is_heard_are_not_told() {
        assert_eq!(notices(10_000, |_| (0.6, MUTED)), [0; 0]);
        assert_eq!(notices(10_000, |_| (0.9, None)), [0; 0]);
        // Who is heard in between begins anew.
        assert_eq!(notices(10_000, |ms| (0.9, MUTED.filter(|_| ms % 1_000 < 900))), [0; 0]);
    }
}
