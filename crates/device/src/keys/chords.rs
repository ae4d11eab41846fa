//! Combinations that the system watches for us, where it lets us hear no keys: with `global-hotkey`.
//!
//! Such a combination is taken from the program that has the focus, and it needs a modifier, or it
//! would be taken from people who write. So this is what is left where raw listening is not to be had,
//! and no more: on a Mac whose user has not permitted it, on Windows where hooks are refused, on X11
//! displays that are too old for raw events.

use super::{Action, Binding, Combination};
use global_hotkey::hotkey::{Code, HotKey, Modifiers};
use global_hotkey::{GlobalHotKeyEvent, GlobalHotKeyManager, HotKeyState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

/// Told that an action is held, or no longer. It is called by the system's event loop, or by a thread of
/// the library's, and must return at once.
pub(super) type Held = Box<dyn FnMut(Action, bool) + Send>;

/// The library has one handler for the whole process, so there is one who hears.
static HEARING: Mutex<Option<Hearing>> = Mutex::new(None);

fn hearing() -> MutexGuard<'static, Option<Hearing>> {
    HEARING.lock().expect("nothing panics while it is held")
}

/// What combinations do.
struct Hearing {
    /// By the library's ids.
    actions: BTreeMap<u32, BTreeSet<Action>>,
    /// The combinations that are down.
    down: BTreeSet<u32>,
    tell: Held,
}

impl Hearing {
    fn turn(&mut self, id: u32, pressed: bool) {
        let before = self.held();
        if pressed {
            self.down.insert(id)
        } else {
            self.down.remove(&id)
        };
        self.tell_changes(&before);
    }

    /// Hears these instead. Nothing is held then.
    fn bind(&mut self, actions: BTreeMap<u32, BTreeSet<Action>>) {
        let before = self.held();
        self.down.clear();
        self.actions = actions;
        self.tell_changes(&before);
    }

    fn held(&self) -> BTreeSet<Action> {
        self.down.iter().filter_map(|id| self.actions.get(id)).flatten().copied().collect()
    }

    fn tell_changes(&mut self, before: &BTreeSet<Action>) {
        let now = self.held();
        before.difference(&now).for_each(|action| (self.tell)(*action, false));
        now.difference(before).for_each(|action| (self.tell)(*action, true));
    }
}

/// The combinations that the system watches. They belong to the thread that made them, which on Windows
/// has to have a message loop; on a Mac it has to be the main thread.
pub(super) struct Chords {
    manager: GlobalHotKeyManager,
    registered: Vec<HotKey>,
}

impl Chords {
    /// Watches nothing yet. `held` takes the place of one that was told before.
    pub(super) fn start(held: Held) -> global_hotkey::Result<Self> {
        let manager = GlobalHotKeyManager::new()?;
        // Kept from the first time on, for the library takes no second one.
        GlobalHotKeyEvent::set_event_handler(Some(|event: GlobalHotKeyEvent| {
            if let Some(hearing) = &mut *hearing() {
                hearing.turn(event.id, event.state == HotKeyState::Pressed);
            }
        }));
        *hearing() = Some(Hearing { actions: BTreeMap::new(), down: BTreeSet::new(), tell: held });
        Ok(Self { manager, registered: Vec::new() })
    }

    /// Watches what of these can be watched, instead of what was before.
    pub(super) fn bind(&mut self, bindings: &[Binding]) {
        let mut actions: BTreeMap<u32, BTreeSet<Action>> = BTreeMap::new();
        let mut wanted = Vec::new();
        for Binding { action, combination } in bindings {
            if let Some(chord) = chord(combination) {
                actions.entry(chord.id()).or_default().insert(*action);
                if !wanted.contains(&chord) {
                    wanted.push(chord);
                }
            }
        }
        // Nobody may hold this lock while the library works: its own thread may wait for it.
        if let Some(hearing) = &mut *hearing() {
            hearing.bind(actions);
        }
        for gone in self.registered.extract_if(.., |chord| !wanted.contains(chord)) {
            if let Err(error) = self.manager.unregister(gone) {
                tracing::debug!(%error, "a combination was not watched any more");
            }
            // On X11 the library writes what gives a combination back and does not send it before it
            // asks the display for something, as it does at the beginning of this.
            #[cfg(target_os = "linux")]
            let _ = self.manager.unregister(gone);
        }
        for new in wanted {
            if self.registered.contains(&new) {
                continue;
            }
            match self.manager.register(new) {
                Ok(()) => self.registered.push(new),
                // Mostly another program has it.
                Err(error) => tracing::warn!(%error, "a combination cannot be watched"),
            }
        }
    }
}

impl Drop for Chords {
    fn drop(&mut self) {
        self.bind(&[]);
        *hearing() = None;
    }
}

/// A combination as the library has it. None for what would be taken from people who write or play:
/// without a modifier, or with several other keys; and for mouse buttons.
fn chord(combination: &Combination) -> Option<HotKey> {
    let mut modifiers = Modifiers::empty();
    let mut codes = Vec::new();
    for key in combination.keys() {
        match key.to_string().as_str() {
            "ControlLeft" | "ControlRight" => modifiers |= Modifiers::CONTROL,
            "AltLeft" | "AltRight" => modifiers |= Modifiers::ALT,
            "ShiftLeft" | "ShiftRight" => modifiers |= Modifiers::SHIFT,
            "MetaLeft" | "MetaRight" => modifiers |= Modifiers::META,
            // On a Mac these need a tap of another kind, and a permission of its own.
            id if id.starts_with("Media") => return None,
            id => codes.push(id.parse::<Code>().ok()?),
        }
    }
    // Shift alone makes capitals.
    let [code] = codes[..] else { return None };
    (!(modifiers - Modifiers::SHIFT).is_empty()).then(|| HotKey::new(Some(modifiers), code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn combination(ids: &str) -> Combination {
        Combination::new(ids.split_whitespace().map(|id| id.parse().unwrap())).unwrap()
    }

    #[test]
    fn only_what_nobody_writes_or_plays_with_is_watched() {
        let text = |ids| chord(&combination(ids)).map(HotKey::into_string);
        assert_eq!(text("ControlLeft ShiftRight KeyM").as_deref(), Some("shift+control+KeyM"));
        assert_eq!(text("MetaRight F9").as_deref(), Some("meta+F9"));
        for ids in [
            "KeyM",
            "F13",
            "ControlLeft",
            "ShiftLeft KeyM",
            "ControlLeft KeyA KeyB",
            "ControlLeft Mouse4",
            "ControlLeft MediaStop",
            "ControlLeft Code240",
        ] {
            assert_eq!(text(ids), None, "{ids}");
        }
    }

    #[test]
    fn an_action_is_held_by_any_of_its_combinations_and_by_none_once_they_change() {
        let (sender, told) = channel();
        let tell: Held = Box::new(move |action, pressed| sender.send((action, pressed)).unwrap());
        let mut hearing = Hearing { actions: BTreeMap::new(), down: BTreeSet::new(), tell };
        let talk = BTreeSet::from([Action::Talk]);
        hearing.bind(BTreeMap::from([(1, talk.clone()), (2, talk), (3, BTreeSet::from([Action::Mute]))]));
        for (id, pressed) in [(1, true), (1, true), (2, true), (1, false), (9, true), (3, true)] {
            hearing.turn(id, pressed);
        }
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [(Action::Talk, true), (Action::Mute, true)]);
        hearing.bind(BTreeMap::new());
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [(Action::Talk, false), (Action::Mute, false)]);
        hearing.turn(2, false);
        assert_eq!(told.try_iter().count(), 0);
    }
}
