//! Keys as a system's raw events tell them, held against what the system says when it is asked.
//!
//! A release can go unheard: the screen is locked, the machine sleeps, another program swallows the
//! event, the listening was interrupted. So each key that is down is remembered with the number by
//! which the system knows it, and asked for now and then. It knows no system, no thread and no clock.

use super::{Binding, HotkeyEvent, Key, KeyMatcher};
use std::collections::{BTreeMap, BTreeSet};

/// What has to be listened to, for what is wanted. What is not wanted is not listened to at all, so
/// that no event of a game takes a way through us for nothing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The keyboard.
    pub keyboard: bool,
    /// The mouse.
    pub mouse: bool,
}

/// A key that is down.
#[derive(Debug)]
struct Down {
    /// The system's number for it.
    number: u32,
    /// Whether it was down already at the last check. Before, it may be so new that the system does not
    /// say so yet.
    checked: bool,
}

/// Turns raw events into what actions do.
#[derive(Debug, Default)]
pub(super) struct RawKeys {
    matcher: KeyMatcher,
    down: BTreeMap<Key, Down>,
    wanted_by_bindings: Wanted,
    recording: bool,
}

impl RawKeys {
    /// A key went down or up, which the system knows by this number.
    pub(super) fn turn(&mut self, key: Key, number: u32, down: bool) -> Vec<HotkeyEvent> {
        if !down {
            self.down.remove(&key);
        } else {
            self.down.entry(key).or_insert(Down { number, checked: false });
        }
        self.matcher.key(key, down)
    }

    /// Asks the system for each key that is down. One that went down since the last check is left alone.
    pub(super) fn check(&mut self, is_down: impl Fn(u32) -> bool) -> Vec<HotkeyEvent> {
        self.down.retain(|_, down| {
            let known = std::mem::replace(&mut down.checked, true);
            !known || is_down(down.number)
        });
        self.matcher.release_others(&self.keys())
    }

    /// These keys are down, whatever was heard of them: at the start, and after a time in which nothing
    /// was heard.
    pub(super) fn resync(&mut self, down: impl IntoIterator<Item = (Key, u32)>) -> Vec<HotkeyEvent> {
        let down = down.into_iter().map(|(key, number)| (key, Down { number, checked: true }));
        self.down = down.collect();
        self.matcher.resync(self.keys())
    }

    /// See [`KeyMatcher::bind`].
    pub(super) fn bind(&mut self, bindings: Vec<Binding>) -> Vec<HotkeyEvent> {
        let is_any = |mouse| {
            let mut keys = bindings.iter().flat_map(|binding| binding.combination.keys());
            keys.any(|key| key.code().is_none() == mouse)
        };
        self.wanted_by_bindings = Wanted { keyboard: is_any(false), mouse: is_any(true) };
        self.matcher.bind(bindings)
    }

    /// See [`KeyMatcher::record`].
    pub(super) fn record(&mut self, enabled: bool) -> Vec<HotkeyEvent> {
        self.recording = enabled;
        self.matcher.record(enabled)
    }

    /// What has to be listened to now.
    pub(super) fn wanted(&self) -> Wanted {
        let Wanted { keyboard, mouse } = self.wanted_by_bindings;
        Wanted { keyboard: keyboard || self.recording, mouse: mouse || self.recording }
    }

    /// See [`KeyMatcher::held`].
    pub(super) fn held(&self) -> Vec<HotkeyEvent> {
        self.matcher.held()
    }

    /// Whether any key is down, as far as it is known.
    pub(super) fn is_anything_down(&self) -> bool {
        !self.down.is_empty()
    }

    fn keys(&self) -> BTreeSet<Key> {
        self.down.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Action, Cause, Combination};
    use super::*;

    const V: u32 = 0x56;
    const M: u32 = 0x4d;

    fn key(id: &str) -> Key {
        id.parse().unwrap()
    }

    fn binding(ids: &str) -> Binding {
        let combination = Combination::new(ids.split_whitespace().map(key)).unwrap();
        Binding { action: Action::Talk, combination }
    }

    fn talking(ids: &str) -> RawKeys {
        let mut keys = RawKeys::default();
        assert_eq!(keys.bind(vec![binding(ids)]), []);
        keys
    }

    fn talk(pressed: bool, cause: Cause) -> Vec<HotkeyEvent> {
        vec![HotkeyEvent::Action { action: Action::Talk, pressed, cause }]
    }

    #[test]
    fn a_key_that_the_system_does_not_know_of_yet_is_not_let_go() {
        let mut keys = talking("KeyV");
        assert_eq!(keys.turn(key("KeyV"), V, true), talk(true, Cause::Key));
        assert_eq!(keys.check(|_| false), []);
        assert!(keys.is_anything_down());
    }

    #[test]
    fn a_release_that_was_lost_is_found() {
        let mut keys = talking("KeyV");
        keys.turn(key("KeyV"), V, true);
        keys.turn(key("KeyM"), M, true);
        assert_eq!(keys.check(|_| true), []);
        assert_eq!(keys.check(|_| true), []);
        assert_eq!(keys.check(|number| number == M), talk(false, Cause::Resync));
        assert!(keys.is_anything_down());
        assert_eq!(keys.check(|_| false), []);
        assert!(!keys.is_anything_down());
        // A key that was found to be up goes down as any other does.
        assert_eq!(keys.turn(key("KeyV"), V, true), talk(true, Cause::Key));
    }

    #[test]
    fn a_key_that_repeats_is_asked_for_all_the_same() {
        let mut keys = talking("KeyV");
        keys.turn(key("KeyV"), V, true);
        keys.check(|_| true);
        assert_eq!(keys.turn(key("KeyV"), V, true), []);
        assert_eq!(keys.check(|_| false), talk(false, Cause::Resync));
    }

    #[test]
    fn after_a_time_unheard_the_system_is_believed() {
        let mut keys = talking("KeyV");
        keys.turn(key("KeyM"), M, true);
        assert_eq!(keys.resync([(key("KeyV"), V)]), talk(true, Cause::Resync));
        assert_eq!(keys.held(), talk(true, Cause::Resync));
        assert_eq!(keys.turn(key("KeyM"), M, false), []);
        assert_eq!(keys.resync([]), talk(false, Cause::Resync));
        assert_eq!(keys.turn(key("KeyV"), V, false), []);
    }

    #[test]
    fn only_what_is_wanted_is_listened_to() {
        let mut keys = RawKeys::default();
        let nothing = Wanted::default();
        let everything = Wanted { keyboard: true, mouse: true };
        assert_eq!(keys.wanted(), nothing);
        keys.record(true);
        assert_eq!(keys.wanted(), everything);
        keys.record(false);
        for (ids, wanted) in [
            ("KeyV", Wanted { keyboard: true, mouse: false }),
            ("Mouse4", Wanted { keyboard: false, mouse: true }),
            ("ControlLeft Mouse5", everything),
        ] {
            keys.bind(vec![binding(ids)]);
            assert_eq!(keys.wanted(), wanted, "{ids}");
        }
        keys.bind(vec![]);
        assert_eq!(keys.wanted(), nothing);
    }
}
