//! From keys to actions: which bindings are held now. It knows no device, no thread and no clock.

use super::{Action, Cause, HotkeyEvent, Key};
use std::collections::BTreeSet;

/// Keys in one combination: as many as a hand holds.
pub const COMBINATION_KEYS_MAX: usize = 5;

/// Combinations that are listened for.
pub const BINDINGS_MAX: usize = 64;

/// Keys that are held together, in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combination(BTreeSet<Key>);

impl Combination {
    /// None for no key at all, and for more than [`COMBINATION_KEYS_MAX`].
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Option<Self> {
        let keys: BTreeSet<Key> = keys.into_iter().collect();
        (1..=COMBINATION_KEYS_MAX).contains(&keys.len()).then_some(Self(keys))
    }

    /// Its keys, in a fixed order.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.0.iter().copied()
    }
}

/// One way to do something; an action may have several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// What is done.
    pub action: Action,
    /// What is pressed for it.
    pub combination: Combination,
}

/// Turns what keys do into what actions do.
///
/// An action is held as long as all keys of one of its combinations are; what else is held does not
/// matter, for games are played meanwhile. A key that goes down twice, or up twice, does so once.
#[derive(Debug, Default)]
pub struct KeyMatcher {
    bindings: Vec<Binding>,
    down: BTreeSet<Key>,
    held: BTreeSet<Action>,
    recorder: Option<Recorder>,
}

impl KeyMatcher {
    /// A key went down or up.
    pub fn key(&mut self, key: Key, down: bool) -> Vec<HotkeyEvent> {
        let changed = if down { self.down.insert(key) } else { self.down.remove(&key) };
        if !changed {
            return Vec::new();
        }
        if let Some(recorder) = &mut self.recorder {
            return recorder.key(key, down).into_iter().collect();
        }
        self.settle(Cause::Key)
    }

    /// These keys are down, whatever was heard of them: at the start, and when something may have
    /// been missed.
    pub fn resync(&mut self, down: BTreeSet<Key>) -> Vec<HotkeyEvent> {
        let released: Vec<Key> = self.down.difference(&down).copied().collect();
        self.down = down;
        let mut events = Vec::new();
        if let Some(recorder) = &mut self.recorder {
            events.extend(released.into_iter().filter_map(|key| recorder.key(key, false)));
        }
        events.extend(self.settle(Cause::Resync));
        events
    }

    /// Of the keys that were held, only those among `down` still are: a release went unheard.
    pub fn release_others(&mut self, down: &BTreeSet<Key>) -> Vec<HotkeyEvent> {
        self.resync(self.down.intersection(down).copied().collect())
    }

    /// Listens for these from now on, at most [`BINDINGS_MAX`]. What is held counts at once.
    pub fn bind(&mut self, mut bindings: Vec<Binding>) -> Vec<HotkeyEvent> {
        bindings.truncate(BINDINGS_MAX);
        self.bindings = bindings;
        self.settle(Cause::Resync)
    }

    /// Starts or stops to record a combination. Meanwhile no action is held.
    pub fn record(&mut self, enabled: bool) -> Vec<HotkeyEvent> {
        if enabled != self.recorder.is_some() {
            self.recorder = enabled.then(Recorder::default);
        }
        self.settle(Cause::Resync)
    }

    /// What is held now, for somebody who listens anew.
    #[must_use]
    pub fn held(&self) -> Vec<HotkeyEvent> {
        let held =
            |action: &Action| HotkeyEvent::Action { action: *action, pressed: true, cause: Cause::Resync };
        self.held.iter().map(held).collect()
    }

    /// Whether any key is down, as far as it is known.
    #[must_use]
    pub fn is_anything_down(&self) -> bool {
        !self.down.is_empty()
    }

    fn settle(&mut self, cause: Cause) -> Vec<HotkeyEvent> {
        let complete = |binding: &&Binding| binding.combination.0.is_subset(&self.down);
        let held: BTreeSet<Action> = match self.recorder {
            Some(_) => BTreeSet::new(),
            None => self.bindings.iter().filter(complete).map(|binding| binding.action).collect(),
        };
        let before = std::mem::replace(&mut self.held, held);
        let released = before.difference(&self.held).map(|action| (*action, false));
        let pressed = self.held.difference(&before).map(|action| (*action, true));
        let changes = released.chain(pressed);
        changes.map(|(action, pressed)| HotkeyEvent::Action { action, pressed, cause }).collect()
    }
}

/// Finds out which keys somebody presses together: those that are down when the first of them is
/// let go. Keys that were down before do not count until they are pressed anew.
#[derive(Debug, Default)]
struct Recorder {
    keys: BTreeSet<Key>,
}

impl Recorder {
    fn key(&mut self, key: Key, down: bool) -> Option<HotkeyEvent> {
        if down {
            if self.keys.len() == COMBINATION_KEYS_MAX {
                return None;
            }
            self.keys.insert(key);
            return Some(HotkeyEvent::Recorded {
                keys: self.keys.iter().copied().collect(),
                complete: false,
            });
        }
        if !self.keys.contains(&key) {
            return None;
        }
        let keys = std::mem::take(&mut self.keys);
        Some(HotkeyEvent::Recorded { keys: keys.into_iter().collect(), complete: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Action::{Deafen, Leave, Mute, Talk};

    fn key(id: &str) -> Key {
        id.parse().unwrap()
    }

    fn keys(ids: &str) -> BTreeSet<Key> {
        ids.split_whitespace().map(key).collect()
    }

    fn matcher(bindings: &[(Action, &str)]) -> KeyMatcher {
        let mut matcher = KeyMatcher::default();
        let bind = |(action, ids): &(Action, &str)| Binding {
            action: *action,
            combination: Combination::new(keys(ids)).unwrap(),
        };
        assert_eq!(matcher.bind(bindings.iter().map(bind).collect()), []);
        matcher
    }

    /// What happens, as text: `+talk` is pressed, `-talk` released, `~` before it by a resync.
    fn told(events: Vec<HotkeyEvent>) -> String {
        let tell = |event| match event {
            HotkeyEvent::Action { action, pressed, cause } => {
                let cause = if cause == Cause::Resync { "~" } else { "" };
                format!("{cause}{}{action:?}", if pressed { '+' } else { '-' })
            }
            HotkeyEvent::Recorded { keys, complete } => {
                let ids: Vec<String> = keys.iter().map(Key::to_string).collect();
                format!("{}{}", ids.join("&"), if complete { "!" } else { "" })
            }
            HotkeyEvent::Access { .. } | HotkeyEvent::Desktop(_) => panic!("nobody asked"),
        };
        events.into_iter().map(tell).collect::<Vec<_>>().join(" ")
    }

    /// Feeds `+KeyA` and `-KeyA`, and compares what each of them does.
    fn check(bindings: &[(Action, &str)], steps: &[(&str, &str)]) {
        let mut matcher = matcher(bindings);
        for (n, (step, wanted)) in steps.iter().enumerate() {
            let events = matcher.key(key(&step[1..]), step.starts_with('+'));
            assert_eq!(told(events), *wanted, "step {n}, {step}, of {steps:?}");
        }
    }

    #[test]
    fn keys_lone_modifiers_and_mouse_buttons_are_held_and_let_go() {
        for id in ["KeyV", "ControlLeft", "Mouse4", "F13", "Code240"] {
            let (down, up) = (format!("+{id}"), format!("-{id}"));
            check(&[(Talk, id)], &[(&down, "+Talk"), (&up, "-Talk"), (&down, "+Talk")]);
        }
    }

    #[test]
    fn what_repeats_counts_once() {
        check(
            &[(Talk, "KeyV")],
            &[("-KeyV", ""), ("+KeyV", "+Talk"), ("+KeyV", ""), ("-KeyV", "-Talk"), ("-KeyV", "")],
        );
    }

    #[test]
    fn a_combination_is_complete_in_any_order_and_over_with_any_key() {
        let bindings = &[(Mute, "ControlLeft ShiftLeft KeyM")];
        check(
            bindings,
            &[("+KeyM", ""), ("+ShiftLeft", ""), ("+ControlLeft", "+Mute"), ("-ShiftLeft", "-Mute")],
        );
        check(bindings, &[("+ControlLeft", ""), ("+KeyM", ""), ("+ShiftLeft", "+Mute"), ("-KeyM", "-Mute")]);
    }

    #[test]
    fn what_else_is_held_does_not_matter() {
        check(
            &[(Talk, "ControlLeft")],
            &[
                ("+KeyW", ""),
                ("+ControlLeft", "+Talk"),
                ("+Space", ""),
                ("-KeyW", ""),
                ("-ControlLeft", "-Talk"),
            ],
        );
    }

    #[test]
    fn an_action_with_several_bindings_is_held_by_any_of_them() {
        check(
            &[(Talk, "KeyV"), (Talk, "Mouse4"), (Deafen, "F9")],
            &[("+KeyV", "+Talk"), ("+Mouse4", ""), ("-KeyV", ""), ("+F9", "+Deafen"), ("-Mouse4", "-Talk")],
        );
    }

    #[test]
    fn a_binding_within_another_does_not_hide_it() {
        check(
            &[(Talk, "ControlLeft"), (Leave, "ControlLeft KeyL")],
            &[("+ControlLeft", "+Talk"), ("+KeyL", "+Leave"), ("-ControlLeft", "-Talk -Leave")],
        );
    }

    #[test]
    fn a_key_that_is_held_at_the_start_counts_but_not_as_pressed() {
        let mut matcher = matcher(&[(Talk, "KeyV")]);
        assert_eq!(told(matcher.resync(keys("KeyV KeyW"))), "~+Talk");
        assert_eq!(told(matcher.key(key("KeyV"), true)), "");
        assert_eq!(told(matcher.key(key("KeyV"), false)), "-Talk");
    }

    #[test]
    fn a_release_that_was_lost_is_made_up_for_and_a_press_is_not() {
        let mut matcher = matcher(&[(Talk, "KeyV"), (Mute, "KeyM")]);
        matcher.key(key("KeyV"), true);
        assert_eq!(told(matcher.release_others(&keys("KeyV KeyM"))), "");
        assert_eq!(told(matcher.release_others(&keys("KeyM"))), "~-Talk");
        assert!(!matcher.is_anything_down());
    }

    #[test]
    fn a_source_that_is_lost_lets_go_of_everything() {
        let mut matcher = matcher(&[(Talk, "KeyV"), (Deafen, "KeyD")]);
        matcher.key(key("KeyD"), true);
        matcher.key(key("KeyV"), true);
        assert_eq!(told(matcher.resync(BTreeSet::new())), "~-Talk ~-Deafen");
    }

    #[test]
    fn other_bindings_count_at_once() {
        let mut matcher = matcher(&[(Talk, "KeyV")]);
        matcher.key(key("KeyV"), true);
        matcher.key(key("KeyB"), true);
        let combination = Combination::new([key("KeyB")]).unwrap();
        let bindings = vec![Binding { action: Mute, combination }];
        assert_eq!(told(matcher.bind(bindings)), "~-Talk ~+Mute");
        assert_eq!(told(matcher.bind(vec![])), "~-Mute");
    }

    #[test]
    fn a_recorder_hears_what_is_pressed_together() {
        let mut matcher = matcher(&[(Talk, "ControlLeft")]);
        // The key that started it is still down.
        matcher.key(key("Enter"), true);
        assert_eq!(told(matcher.record(true)), "");
        assert_eq!(told(matcher.key(key("Enter"), false)), "");
        assert_eq!(told(matcher.key(key("ControlLeft"), true)), "ControlLeft");
        assert_eq!(told(matcher.key(key("ControlLeft"), true)), "", "it repeats");
        assert_eq!(told(matcher.key(key("KeyM"), true)), "ControlLeft&KeyM");
        assert_eq!(told(matcher.key(key("KeyM"), false)), "ControlLeft&KeyM!");
        assert_eq!(told(matcher.key(key("ControlLeft"), false)), "");
        assert_eq!(told(matcher.record(false)), "");
        assert_eq!(told(matcher.key(key("ControlLeft"), true)), "+Talk");
    }

    #[test]
    fn nothing_is_held_while_keys_are_recorded() {
        let mut matcher = matcher(&[(Talk, "KeyV")]);
        matcher.key(key("KeyV"), true);
        assert_eq!(told(matcher.record(true)), "~-Talk");
        assert_eq!(told(matcher.record(false)), "~+Talk", "it is still down");
        matcher.record(true);
        matcher.key(key("KeyB"), true);
        assert_eq!(told(matcher.resync(BTreeSet::new())), "KeyB!");
    }

    #[test]
    fn combinations_and_bindings_are_bounded() {
        assert_eq!(Combination::new([]), None);
        let six = "KeyA KeyB KeyC KeyD KeyE KeyF";
        assert_eq!(Combination::new(keys(six)), None);
        let mut matcher = matcher(&[(Talk, "KeyV"); BINDINGS_MAX + 1]);
        assert_eq!(matcher.bindings.len(), BINDINGS_MAX);
        matcher.record(true);
        let heard: Vec<String> = keys(six).into_iter().map(|key| told(matcher.key(key, true))).collect();
        assert_eq!(heard.last().unwrap(), "", "{heard:?}");
        assert_eq!(heard[4].split('&').count(), 5, "{heard:?}");
    }
}
