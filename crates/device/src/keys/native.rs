//! The way of listening that this system has.

use super::{Access, Binding, HotkeyEvent, HotkeySource, Listener, NamedAction};

/// The keyboard and mouse of this machine.
pub struct NativeKeys(Box<dyn HotkeySource>);

impl NativeKeys {
    /// Starts to listen, with a thread of its own where that is possible; where it is not,
    /// [`Access::Nowhere`] is told. A desktop that assigns keys knows the program by `app`, the name of
    /// its desktop file.
    #[must_use]
    #[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "no other desktop asks for it"))]
    pub fn start(app: &'static str) -> Self {
        #[cfg(target_os = "linux")]
        if super::x11::is_wayland() {
            return Self(Box::new(super::wayland::WaylandKeys::start(app)));
        }
        #[cfg(target_os = "linux")]
        match super::x11::X11Keys::start(Access::Everywhere) {
            Ok(keys) => return Self(Box::new(keys)),
            // There is a display, without raw events.
            Err(error @ super::x11::X11Error::XInput(..)) => {
                tracing::info!(%error, "keys are not heard raw");
                match super::ChordKeys::start() {
                    Ok(keys) => return Self(Box::new(keys)),
                    Err(error) => tracing::info!(%error, "no combinations either"),
                }
            }
            Err(error) => tracing::info!(%error, "keys are not heard through X11"),
        }
        #[cfg(windows)]
        match super::windows::WindowsKeys::start() {
            Ok(keys) => return Self(Box::new(keys)),
            Err(error) => tracing::warn!(%error, "keys are not heard"),
        }
        #[cfg(target_os = "macos")]
        match super::macos::MacKeys::start() {
            Ok(keys) => return Self(Box::new(keys)),
            Err(error) => tracing::warn!(%error, "keys are not heard"),
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

    fn assign(&self, actions: Vec<NamedAction>) {
        self.0.assign(actions);
    }

    fn reassign(&self) {
        self.0.reassign();
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
