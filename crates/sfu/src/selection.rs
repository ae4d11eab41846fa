//! Who is heard: at most [`VOICE_SLOTS`] voices of a channel, the loudest, priority speakers
//! first.
//!
//! Each chosen voice holds a slot, the same one for every receiver, and keeps it until someone
//! else needs it: a slot's stream changes its source as rarely as possible. A voice without a
//! slot takes, in this order: the slot that was its own, a free one, the one that has been quiet
//! longest, that of a plain speaker if it has priority, that of a voice it outdoes clearly and for
//! some time.

use crate::rtp::AudioLevel;
use std::time::{Duration, Instant};
use voicehall_protocol::rtp::{SourceId, VOICE_SLOTS};

/// A slot that has been quiet for this long is given to the next who speaks. Longer than a
/// breath, so that sentences stay in their slot while others are free.
const QUIET: Duration = Duration::from_millis(400);

/// For this long a new holder cannot be displaced by loudness, so that two equal voices do not
/// chop each other up.
const HOLD_MIN: Duration = Duration::from_millis(500);

/// By how much, in tenths of a dB, a challenger must outdo the quietest holder.
const HYSTERESIS: i32 = 60;

/// In how many packets in a row it must do so.
const CHALLENGES: u8 = 3;

/// Packets of pure silence are forwarded for this long after the last sound: an end of a word
/// that the codec still codes, and no more.
const SILENCE_HANGOVER: Duration = Duration::from_millis(300);

/// A speaker as the selection sees them; part of their session.
#[derive(Debug, Clone)]
pub(crate) struct Speaker {
    pub source: SourceId,
    pub priority: bool,
    /// Smoothed loudness in tenths of a dB: 1270 is full scale.
    loudness: i32,
    challenges: u8,
    heard: Option<Instant>,
    sounded: Option<Instant>,
    home: Option<usize>,
}

impl Speaker {
    pub fn new(source: SourceId) -> Self {
        Self { source, priority: false, loudness: 0, challenges: 0, heard: None, sounded: None, home: None }
    }

    /// Takes the level of the next packet. False when it is silence that goes nowhere.
    pub fn hear(&mut self, level: AudioLevel, now: Instant) -> bool {
        let level_now = 10 * (127 - i32::from(level.minus_dbov()));
        let spurt = self.heard.is_none_or(|heard| now.saturating_duration_since(heard) > QUIET);
        // A quarter a packet follows a syllable, not a click.
        self.loudness = if spurt { level_now } else { self.loudness + (level_now - self.loudness) / 4 };
        self.heard = Some(now);
        if !level.is_silence() {
            self.sounded = Some(now);
            return true;
        }
        self.sounded.is_some_and(|sounded| now.saturating_duration_since(sounded) <= SILENCE_HANGOVER)
    }
}

#[derive(Debug, Clone, Copy)]
struct Holder {
    source: SourceId,
    priority: bool,
    loudness: i32,
    heard: Instant,
    since: Instant,
}

/// The holders of a channel's slots.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    slots: [Option<Holder>; VOICE_SLOTS],
}

impl Selection {
    /// The slot for the speaker's next packet, or `None` when others are to be heard.
    pub fn choose(&mut self, speaker: &mut Speaker, now: Instant) -> Option<usize> {
        let slot = match self.slot_of(speaker.source) {
            Some(slot) => slot,
            None => {
                let slot = self.vacancy(speaker, now).or_else(|| self.displace(speaker, now))?;
                self.slots[slot] = None;
                slot
            }
        };
        let since = self.slots[slot].map_or(now, |holder| holder.since);
        self.slots[slot] = Some(Holder {
            source: speaker.source,
            priority: speaker.priority,
            loudness: speaker.loudness,
            heard: now,
            since,
        });
        speaker.home = Some(slot);
        speaker.challenges = 0;
        Some(slot)
    }

    /// Frees the slot of someone who was muted or has left.
    pub fn release(&mut self, source: SourceId) {
        if let Some(slot) = self.slot_of(source) {
            self.slots[slot] = None;
        }
    }

    fn slot_of(&self, source: SourceId) -> Option<usize> {
        self.slots.iter().position(|slot| slot.is_some_and(|holder| holder.source == source))
    }

    fn vacancy(&self, speaker: &Speaker, now: Instant) -> Option<usize> {
        let quiet = |slot: usize| {
            self.slots[slot].is_none_or(|holder| now.saturating_duration_since(holder.heard) >= QUIET)
        };
        if let Some(home) = speaker.home.filter(|home| quiet(*home)) {
            return Some(home);
        }
        (0..VOICE_SLOTS).filter(|slot| quiet(*slot)).min_by_key(|slot| {
            // `None` sorts before any holder.
            self.slots[*slot].map(|holder| holder.heard)
        })
    }

    /// The quietest holder's slot, plain speakers' before priority ones', if the speaker may
    /// take it.
    fn displace(&self, speaker: &mut Speaker, now: Instant) -> Option<usize> {
        let (slot, weakest) = self
            .slots
            .iter()
            .enumerate()
            .filter_map(|(slot, holder)| Some((slot, (*holder)?)))
            .min_by_key(|(_, holder)| (holder.priority, holder.loudness))?;
        match (speaker.priority, weakest.priority) {
            (true, false) => return Some(slot),
            (false, true) => return None,
            _ => {}
        }
        if speaker.loudness < weakest.loudness + HYSTERESIS {
            speaker.challenges = 0;
            return None;
        }
        speaker.challenges = speaker.challenges.saturating_add(1);
        let held = now.saturating_duration_since(weakest.since) >= HOLD_MIN;
        (held && speaker.challenges >= CHALLENGES).then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use voicehall_protocol::rtp::SourceKind;

    const FRAME: Duration = Duration::from_millis(20);

    struct Room {
        selection: Selection,
        speakers: Vec<Speaker>,
        now: Instant,
    }

    impl Room {
        fn new(speakers: u32) -> Self {
            let speakers =
                (1..=speakers).map(|n| Speaker::new(SourceId::new(n, SourceKind::Microphone))).collect();
            Self { selection: Selection::default(), speakers, now: Instant::now() }
        }

        fn speak(&mut self, speaker: usize, level: u8) -> Option<usize> {
            let speaker = &mut self.speakers[speaker];
            speaker.hear(AudioLevel(level), self.now).then(|| self.selection.choose(speaker, self.now))?
        }

        /// Everyone in `levels` speaks for some frames; the slots of the last one.
        fn speak_for(&mut self, frames: u32, levels: &[(usize, u8)]) -> Vec<Option<usize>> {
            let mut slots = Vec::new();
            for _ in 0..frames {
                self.now += FRAME;
                slots = levels.iter().map(|(speaker, level)| self.speak(*speaker, *level)).collect();
            }
            slots
        }
    }

    fn levels(count: usize, level: u8) -> Vec<(usize, u8)> {
        (0..count).map(|speaker| (speaker, level)).collect()
    }

    #[test]
    fn a_speaker_returns_to_the_same_slot() {
        let mut room = Room::new(3);
        let before = room.speak_for(5, &levels(3, 40));
        room.now += Duration::from_secs(60);
        let after = room.speak_for(5, &[(2, 40), (0, 40), (1, 40)]);
        assert_eq!(after, [before[2], before[0], before[1]]);
    }

    #[test]
    fn a_ninth_voice_is_heard_only_when_clearly_louder_for_a_while() {
        let mut room = Room::new(9);
        room.speak_for(100, &levels(8, 40));
        let mut all = levels(9, 40);
        all[8].1 = 36;
        assert_eq!(room.speak_for(100, &all)[8], None, "4 dB is not enough");
        all[8].1 = 30;
        assert_eq!(room.speak_for(1, &all)[8], None, "one packet is not enough");
        let slots = room.speak_for(10, &all);
        assert!(slots[8].is_some());
        assert_eq!(slots.iter().flatten().count(), 8);
    }

    #[test]
    fn a_quiet_slot_is_taken_at_once() {
        let mut room = Room::new(9);
        room.speak_for(10, &levels(8, 40));
        // The first speaker falls silent; the ninth is quieter than all.
        let rest: Vec<_> = levels(8, 40).into_iter().skip(1).collect();
        room.speak_for(30, &rest);
        assert_eq!(room.speak_for(1, &[(8, 90)]), [Some(0)]);
    }

    #[test]
    fn priority_comes_first_and_is_kept() {
        let mut room = Room::new(10);
        room.speak_for(10, &levels(8, 10));
        room.speakers[8].priority = true;
        assert!(room.speak_for(1, &[(8, 100)])[0].is_some(), "displaces at once, however quiet");
        let mut all = levels(10, 10);
        all[8].1 = 100;
        all[9].1 = 0;
        for _ in 0..20 {
            assert!(room.speak_for(5, &all)[8].is_some(), "never displaced by plain speakers");
        }
    }

    #[test]
    fn pure_silence_ends_after_the_hangover() {
        let mut room = Room::new(1);
        assert_eq!(room.speak_for(5, &[(0, 127)]), [None], "silence from the start");
        assert!(room.speak_for(1, &[(0, 50)])[0].is_some());
        assert!(room.speak_for(15, &[(0, 127)])[0].is_some());
        assert_eq!(room.speak_for(1, &[(0, 127)]), [None]);
    }

    #[test]
    fn a_released_slot_is_free() {
        let mut room = Room::new(9);
        room.speak_for(10, &levels(8, 20));
        room.selection.release(room.speakers[3].source);
        assert_eq!(room.speak_for(1, &[(8, 100)]), [Some(3)]);
    }

    proptest! {
        #[test]
        fn no_slot_has_two_holders_in_a_moment(
            packets in proptest::collection::vec((0usize..20, 0u8..128, 0u64..30), 1..400),
            priority in proptest::collection::btree_set(0usize..20, 0..4),
        ) {
            let mut room = Room::new(20);
            priority.iter().for_each(|speaker| room.speakers[*speaker].priority = true);
            for (speaker, level, wait_ms) in packets {
                room.now += Duration::from_millis(wait_ms);
                let slot = room.speak(speaker, level);
                if priority.contains(&speaker) && level < 127 {
                    prop_assert!(slot.is_some(), "at most 8 have priority");
                }
                let sources: Vec<_> = room.selection.slots.iter().flatten().map(|holder| holder.source).collect();
                let mut unique = sources.clone();
                unique.sort_unstable();
                unique.dedup();
                prop_assert_eq!(unique.len(), sources.len());
                if let Some(slot) = slot {
                    prop_assert_eq!(room.selection.slot_of(room.speakers[speaker].source), Some(slot));
                }
            }
        }
    }
}
