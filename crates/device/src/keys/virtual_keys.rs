//! Keys without a keyboard.

use super::{Access, Binding, HotkeyEvent, HotkeySource, Key, KeyMatcher, Listener};
use std::sync::{Mutex, MutexGuard};

/// Keys that a test presses.
#[derive(Default)]
pub struct VirtualKeys(Mutex<State>);

#[derive(Default)]
struct State {
    matcher: KeyMatcher,
    listener: Option<Listener>,
}

impl State {
    fn tell(&mut self, events: Vec<HotkeyEvent>) {
        if let Some(listener) = &mut self.listener {
            events.into_iter().for_each(listener);
        }
    }
}

impl VirtualKeys {
    /// Presses a key or lets it go. The listener hears it before this returns.
    pub fn key(&self, key: Key, down: bool) {
        let mut state = self.state();
        let events = state.matcher.key(key, down);
        state.tell(events);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no listener panics")
    }
}

impl HotkeySource for VirtualKeys {
    fn listen(&self, listener: Listener) {
        let mut state = self.state();
        state.listener = Some(listener);
        state.tell(vec![HotkeyEvent::Access { access: Access::Everywhere, names: Vec::new() }]);
        let held = state.matcher.held();
        state.tell(held);
    }

    fn bind(&self, bindings: Vec<Binding>) {
        let mut state = self.state();
        let events = state.matcher.bind(bindings);
        state.tell(events);
    }

    fn record(&self, enabled: bool) {
        let mut state = self.state();
        let events = state.matcher.record(enabled);
        state.tell(events);
    }
}
