//! Keys under Wayland, where no program hears what others are told. Two things are left, and both
//! are used: what X11 programs are told is heard as under X11, and the desktop itself may assign
//! keys and say when they are pressed.

use super::portal::PortalKeys;
use super::x11::X11Keys;
use super::{Access, Action, Binding, HotkeyEvent, HotkeySource, Listener, NamedAction};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    X11,
    Portal,
}

/// Both ways together.
pub(super) struct WaylandKeys {
    /// None without a display for X11 programs.
    x11: Option<X11Keys>,
    portal: PortalKeys,
}

impl WaylandKeys {
    /// Listens in both ways, as far as they are there.
    pub(super) fn start(app: &'static str) -> Self {
        let x11 = X11Keys::start(Access::X11Programs)
            .inspect_err(|error| tracing::info!(%error, "keys are not heard through X11"));
        Self { x11: x11.ok(), portal: PortalKeys::start(app) }
    }
}

impl HotkeySource for WaylandKeys {
    fn listen(&self, mut listener: Listener) {
        if self.x11.is_none() {
            listener(HotkeyEvent::Access { access: Access::Nowhere, names: Vec::new() });
        }
        let both = Arc::new(Mutex::new(Both { listener, union: Union::default() }));
        let of = |source| -> Listener {
            let both = Arc::clone(&both);
            Box::new(move |event| both.lock().expect("no listener panics").hear(source, event))
        };
        if let Some(x11) = &self.x11 {
            x11.listen(of(Source::X11));
        }
        self.portal.listen(of(Source::Portal));
    }

    fn bind(&self, bindings: Vec<Binding>) {
        self.portal.bind(bindings.clone());
        if let Some(x11) = &self.x11 {
            x11.bind(bindings);
        }
    }

    fn record(&self, enabled: bool) {
        self.portal.record(enabled);
        if let Some(x11) = &self.x11 {
            x11.record(enabled);
        }
    }

    fn assign(&self, actions: Vec<NamedAction>) {
        self.portal.assign(actions);
    }

    fn reassign(&self) {
        self.portal.reassign();
    }
}

/// Whom both tell.
struct Both {
    listener: Listener,
    union: Union,
}

impl Both {
    fn hear(&mut self, source: Source, event: HotkeyEvent) {
        if self.union.passes(source, &event) {
            (self.listener)(event);
        }
    }
}

/// An action is held as long as any source says so.
#[derive(Default)]
struct Union(BTreeMap<Action, BTreeSet<Source>>);

impl Union {
    /// Takes note of an event. False when it changes nothing, because the other source holds the action.
    fn passes(&mut self, source: Source, event: &HotkeyEvent) -> bool {
        let HotkeyEvent::Action { action, pressed, .. } = event else { return true };
        let holders = self.0.entry(*action).or_default();
        let was_held = !holders.is_empty();
        if *pressed {
            holders.insert(source)
        } else {
            holders.remove(&source)
        };
        was_held == holders.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Cause;

    #[test]
    fn an_action_is_held_by_either_source() {
        let mut union = Union::default();
        let mut passes = |source, pressed| {
            let event = HotkeyEvent::Action { action: Action::Talk, pressed, cause: Cause::Key };
            union.passes(source, &event)
        };
        let steps = [
            (Source::X11, true, true),
            (Source::Portal, true, false),
            (Source::X11, false, false),
            (Source::X11, true, false),
            (Source::X11, false, false),
            (Source::Portal, false, true),
            (Source::Portal, false, false),
        ];
        for (n, (source, pressed, wanted)) in steps.into_iter().enumerate() {
            assert_eq!(passes(source, pressed), wanted, "step {n}");
        }
    }

    #[test]
    fn everything_else_passes() {
        let event = HotkeyEvent::Access { access: Access::Nowhere, names: Vec::new() };
        assert!(Union::default().passes(Source::X11, &event));
    }
}
