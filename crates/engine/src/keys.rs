//! Keys, between the devices' words and the protocol's; and what a talk key does.

use std::time::{Duration, Instant};
use voicehall_device::keys::{self, Access, Action, Binding, Cause, Combination, HotkeyEvent, Key};
use voicehall_protocol::engine::{
    AssignedKeys, Assignment, Event, Gate, KeyAccess, KeyAction, KeyBinding, NamedAction, PROGRAM_TALK_MAX_S,
};

/// Bindings as the devices want them. Those with a key that is none are left out.
pub(crate) fn bindings(bindings: &[KeyBinding]) -> Vec<Binding> {
    let binding = |binding: &KeyBinding| {
        let keys: Result<Vec<Key>, _> = binding.keys.iter().map(|id| id.parse()).collect();
        let combination = Combination::new(keys.ok()?)?;
        Some(Binding { action: action(binding.action), combination })
    };
    bindings.iter().filter_map(binding).collect()
}

/// Actions as the devices want them, each once.
pub(crate) fn named(actions: Vec<NamedAction>) -> Vec<keys::NamedAction> {
    let mut named: Vec<keys::NamedAction> = Vec::new();
    for NamedAction { action: wanted, name } in actions {
        let action = action(wanted);
        if named.iter().all(|other| other.action != action) {
            named.push(keys::NamedAction { action, name });
        }
    }
    named
}

fn action(action: KeyAction) -> Action {
    match action {
        KeyAction::Talk => Action::Talk,
        KeyAction::TalkOverride => Action::TalkOverride,
        KeyAction::Mute => Action::Mute,
        KeyAction::Deafen => Action::Deafen,
        KeyAction::Leave => Action::Leave,
    }
}

fn told(action: Action) -> KeyAction {
    match action {
        Action::Talk => KeyAction::Talk,
        Action::TalkOverride => KeyAction::TalkOverride,
        Action::Mute => KeyAction::Mute,
        Action::Deafen => KeyAction::Deafen,
        Action::Leave => KeyAction::Leave,
    }
}

fn desktop(desktop: keys::DesktopKeys) -> Event {
    let state = match desktop.state {
        keys::Assignment::Unavailable => Assignment::Unavailable,
        keys::Assignment::Offered => Assignment::Offered,
        keys::Assignment::Asking => Assignment::Asking,
        keys::Assignment::Assigned => Assignment::Assigned,
        keys::Assignment::Refused => Assignment::Refused,
    };
    let assigned = |(action, keys)| AssignedKeys { action: told(action), keys };
    let keys = desktop.keys.into_iter().map(assigned).collect();
    Event::DesktopKeys { state, keys, changeable: desktop.changeable }
}

/// What the user interface is told. It does what is pressed; what was found to be held, because it
/// was held before anybody listened, it does not.
pub(crate) fn event(event: HotkeyEvent) -> Option<Event> {
    let id = |key: Key| key.to_string();
    Some(match event {
        HotkeyEvent::Access { access, names } => Event::Keys {
            access: match access {
                Access::Everywhere => KeyAccess::Everywhere,
                Access::X11Programs => KeyAccess::X11Programs,
                Access::Unelevated => KeyAccess::Unelevated,
                Access::Unpermitted => KeyAccess::Unpermitted,
                Access::Combinations => KeyAccess::Combinations,
                Access::Nowhere => KeyAccess::Nowhere,
            },
            names: names.into_iter().map(|(key, name)| (id(key), name)).collect(),
        },
        HotkeyEvent::Recorded { keys, complete } => {
            Event::KeysRecorded { keys: keys.into_iter().map(id).collect(), complete }
        }
        HotkeyEvent::Desktop(keys) => desktop(keys),
        HotkeyEvent::Action { action: Action::Talk | Action::TalkOverride, .. } => return None,
        HotkeyEvent::Action { action, pressed: true, cause: Cause::Key } => {
            Event::KeyPressed { action: told(action) }
        }
        HotkeyEvent::Action { .. } => return None,
    })
}

/// What the talk keys say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// Nothing: the mode does what it does by itself.
    Rest,
    /// What they are there for in this mode.
    Pressed,
    /// They have no say: the microphone is kept open ([`KeyAction::TalkOverride`]).
    Overridden,
}

/// What the talk keys do, in every mode.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TalkKey {
    held: bool,
    toggled: bool,
    /// A program presses it too, until then.
    held_until: Option<Instant>,
    /// The microphone is kept open, and presses toggle nothing.
    overridden: bool,
}

impl TalkKey {
    /// A key was pressed or let go. Only a press in a call toggles.
    pub(crate) fn turn(&mut self, pressed: bool, cause: Cause, in_call: bool) {
        self.held = pressed;
        if pressed && cause == Cause::Key && in_call {
            self.toggle();
        }
    }

    /// A program pressed it or let it go. A second press without a release is the same one, which lasts
    /// longer now.
    pub(crate) fn turn_by_program(&mut self, pressed: bool, now: Instant, in_call: bool) {
        if pressed && self.held_until.is_none() && in_call {
            self.toggle();
        }
        self.held_until = pressed.then(|| now + Duration::from_secs(PROGRAM_TALK_MAX_S));
    }

    fn toggle(&mut self) {
        self.toggled ^= !self.overridden;
    }

    /// Lets go what a program has pressed for too long.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.held_until = self.held_until.filter(|until| now < *until);
    }

    /// Keeps the microphone open, or no longer. A mode that keeps it open itself needs no such thing.
    pub(crate) fn set_override(&mut self, on: bool, gate: &Gate, in_call: bool) {
        self.overridden = on && in_call && !matches!(gate, Gate::Open);
    }

    pub(crate) fn is_overridden(self) -> bool {
        self.overridden
    }

    /// Forgets what lasts without a key that is held.
    pub(crate) fn forget(&mut self) {
        (self.toggled, self.overridden) = (false, false);
    }

    /// What it says in this mode.
    pub(crate) fn says(self, gate: &Gate) -> Talk {
        let pressed = match gate {
            Gate::Toggle { .. } => self.toggled,
            _ => self.held || self.held_until.is_some(),
        };
        match (self.overridden, pressed) {
            (true, _) => Talk::Overridden,
            (false, true) => Talk::Pressed,
            (false, false) => Talk::Rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOGGLE: Gate = Gate::Toggle { release_ms: 0 };
    const PUSH: Gate = Gate::PushToTalk { release_ms: 0 };

    fn is_on(key: TalkKey, gate: &Gate) -> bool {
        key.says(gate) == Talk::Pressed
    }

    #[test]
    fn a_key_is_held_or_toggles() {
        let mut key = TalkKey::default();
        for (pressed, held, toggled) in
            [(true, true, true), (false, false, true), (true, true, false), (false, false, false)]
        {
            key.turn(pressed, Cause::Key, true);
            assert_eq!((is_on(key, &PUSH), is_on(key, &TOGGLE)), (held, toggled));
        }
    }

    #[test]
    fn a_key_that_was_held_before_the_call_talks_but_toggles_nothing() {
        for (cause, in_call) in [(Cause::Resync, true), (Cause::Key, false)] {
            let mut key = TalkKey::default();
            key.turn(true, cause, in_call);
            assert_eq!((is_on(key, &PUSH), is_on(key, &TOGGLE)), (true, false), "{cause:?}, {in_call}");
        }
    }

    #[test]
    fn a_program_presses_it_as_a_key_does_and_never_for_ever() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut key = TalkKey::default();
        for (second, pressed, held, toggled) in
            [(0, true, true, true), (60, true, true, true), (61, false, false, true), (62, true, true, false)]
        {
            key.turn_by_program(pressed, at(second), true);
            assert_eq!((is_on(key, &PUSH), is_on(key, &TOGGLE)), (held, toggled), "{second} s");
        }
        key.expire(at(62 + PROGRAM_TALK_MAX_S - 1));
        assert!(is_on(key, &PUSH));
        key.expire(at(62 + PROGRAM_TALK_MAX_S));
        assert!(!is_on(key, &PUSH));
        // A key that is down stays down when a program lets go.
        key.turn(true, Cause::Key, true);
        key.turn_by_program(true, at(300), true);
        key.turn_by_program(false, at(301), true);
        assert!(is_on(key, &PUSH));
    }

    #[test]
    fn an_override_silences_the_key_and_leaves_what_it_says_after() {
        let mut key = TalkKey::default();
        key.turn(true, Cause::Key, true);
        key.set_override(true, &PUSH, true);
        // Pressed meanwhile, by hand and by a program, it toggles nothing.
        key.turn(false, Cause::Key, true);
        key.turn(true, Cause::Key, true);
        key.turn_by_program(true, Instant::now(), true);
        assert_eq!([key.says(&PUSH), key.says(&TOGGLE)], [Talk::Overridden; 2]);
        key.set_override(false, &PUSH, true);
        assert_eq!([key.says(&PUSH), key.says(&TOGGLE)], [Talk::Pressed; 2], "it is held, and was toggled");
        key.turn(false, Cause::Key, true);
        key.turn_by_program(false, Instant::now(), true);
        key.set_override(true, &TOGGLE, true);
        key.forget();
        assert_eq!([key.says(&PUSH), key.says(&TOGGLE)], [Talk::Rest; 2]);
    }

    #[test]
    fn nothing_is_kept_open_without_a_call_or_where_it_is_open_anyway() {
        let mut key = TalkKey::default();
        for (gate, in_call, kept) in [(PUSH, false, false), (Gate::Open, true, false), (PUSH, true, true)] {
            key.set_override(true, &gate, in_call);
            assert_eq!(key.is_overridden(), kept, "{gate:?}, {in_call}");
        }
    }

    #[test]
    fn bindings_with_keys_that_are_none_are_left_out() {
        let binding = |keys: &[&str]| KeyBinding {
            action: KeyAction::Mute,
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        };
        let given =
            [binding(&["ControlLeft", "KeyM"]), binding(&["Hyper"]), binding(&[]), binding(&["Mouse4"])];
        let taken: Vec<String> = bindings(&given)
            .iter()
            .map(|binding| {
                binding.combination.keys().map(|key| key.to_string()).collect::<Vec<_>>().join("+")
            })
            .collect();
        assert_eq!(taken, ["ControlLeft+KeyM", "Mouse4"]);
    }

    #[test]
    fn an_action_is_asked_of_the_desktop_once_and_what_it_says_is_told() {
        let wanted = [KeyAction::Talk, KeyAction::Mute, KeyAction::Talk];
        let wanted = wanted.map(|action| NamedAction { action, name: format!("{action:?}") });
        let named: Vec<(Action, String)> =
            named(wanted.to_vec()).into_iter().map(|named| (named.action, named.name)).collect();
        assert_eq!(named, [(Action::Talk, "Talk".to_owned()), (Action::Mute, "Mute".to_owned())]);
        let told = event(HotkeyEvent::Desktop(keys::DesktopKeys {
            state: keys::Assignment::Assigned,
            keys: vec![(Action::Leave, "F9".to_owned())],
            changeable: true,
        }));
        let keys = vec![AssignedKeys { action: KeyAction::Leave, keys: "F9".to_owned() }];
        let wanted = Event::DesktopKeys { state: Assignment::Assigned, keys, changeable: true };
        assert_eq!(told, Some(wanted));
    }

    #[test]
    fn the_interface_hears_presses_alone() {
        let action = |action, pressed, cause| event(HotkeyEvent::Action { action, pressed, cause });
        let muted = Some(Event::KeyPressed { action: KeyAction::Mute });
        assert_eq!(action(Action::Mute, true, Cause::Key), muted);
        assert_eq!(action(Action::Mute, false, Cause::Key), None);
        assert_eq!(action(Action::Mute, true, Cause::Resync), None);
        for own in [Action::Talk, Action::TalkOverride] {
            assert_eq!(action(own, true, Cause::Key), None);
        }
    }
}
