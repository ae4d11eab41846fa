//! The way of listening that this system has.

use super::{Access, Binding, HotkeyEvent, HotkeySource, Listener};

/// The keyboard and mouse of this machine.
pub struct NativeKeys(Box<dyn HotkeySource>);

impl NativeKeys {
    /// Starts to listen, with a thread of its own where that is possible; where it is not,
    /// [`Access::Nowhere`] is told.
    #[must_use]
    pub fn start() -> Self {
        #[cfg(target_os = "linux")]
        match super::x11::X11Keys::start() {
            Ok(keys) => return Self(Box::new(keys)),
            Err(error) => tracing::info!(%error, "keys are not heard through X11"),
        }
        Self(Box::new(NoKeys))
    }
}

impl HotkeySource for NativeKeys {
    fn listen(&self, listener: Listener) {
        self.0.listen(listener);
    }

    fn bind(&self, bindings: Vec<Binding>) {
        self.0.bind(bindings);
    }

    fn record(&self, enabled: bool) {
        self.0.record(enabled);
    }
}

/// A system that lets nobody listen.
struct NoKeys;

impl HotkeySource for NoKeys {
    fn listen(&self, mut listener: Listener) {
        listener(HotkeyEvent::Access { access: Access::Nowhere, names: Vec::new() });
    }

    fn bind(&self, _: Vec<Binding>) {}

    fn record(&self, _: bool) {}
}
