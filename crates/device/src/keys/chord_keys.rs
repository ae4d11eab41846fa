//! Keys on an X11 display that is too old for raw events: combinations that the display watches.

use super::chords::{Chords, Held};
use super::{Access, Binding, Cause, HotkeyEvent, HotkeySource, Listener};
use std::sync::{Arc, Mutex, MutexGuard};

/// Combinations alone.
pub struct ChordKeys {
    wanted: Mutex<Wanted>,
    /// Apart from what is wanted, because it is told while that is being changed.
    listener: Arc<Mutex<Option<Listener>>>,
}

struct Wanted {
    chords: Chords,
    bindings: Vec<Binding>,
    recording: bool,
}

impl ChordKeys {
    /// Watches nothing yet. One process has one of these.
    ///
    /// # Errors
    /// When the system watches no combinations.
    pub fn start() -> Result<Self, global_hotkey::Error> {
        let listener: Arc<Mutex<Option<Listener>>> = Arc::default();
        let hearing = Arc::clone(&listener);
        let held: Held = Box::new(move |action, pressed| {
            if let Some(listener) = &mut *lock(&hearing) {
                listener(HotkeyEvent::Action { action, pressed, cause: Cause::Key });
            }
        });
        let wanted = Wanted { chords: Chords::start(held)?, bindings: Vec::new(), recording: false };
        Ok(Self { wanted: Mutex::new(wanted), listener })
    }

    fn change(&self, change: impl FnOnce(&mut Wanted)) {
        let mut wanted = lock(&self.wanted);
        change(&mut wanted);
        let Wanted { chords, bindings, recording } = &mut *wanted;
        // What is pressed for a recording does nothing else.
        chords.bind(if *recording { &[] } else { bindings });
    }
}

impl HotkeySource for ChordKeys {
    fn listen(&self, mut listener: Listener) {
        listener(HotkeyEvent::Access { access: Access::Combinations, names: Vec::new() });
        *lock(&self.listener) = Some(listener);
    }

    fn bind(&self, bindings: Vec<Binding>) {
        self.change(|wanted| wanted.bindings = bindings);
    }

    fn record(&self, enabled: bool) {
        self.change(|wanted| wanted.recording = enabled);
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().expect("no listener panics")
}
