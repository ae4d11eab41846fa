//! What the app is to the desktop: its windows, its place in the tray, its start with the system.

use crate::autostart::{self, AutostartError};
use crate::keychain::Lack;
use crate::presence::{Close, Presence, ShellEvent};
use crate::storage::Storage;
use crate::tray::Tray;
use serde::Serialize;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use tauri::{
    AppHandle, Emitter, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder, Window, WindowEvent,
};
use tauri_plugin_window_state::{AppHandleExt, StateFlags};

/// The window with everything in it.
pub const MAIN: &str = "main";

/// The small window of a call.
pub const MINI: &str = "mini";

/// The event by which pages hear [`ShellEvent`]s.
const EVENT: &str = "shell";

/// The event by which the small window hears what to show.
const MINI_EVENT: &str = "mini";

/// An app that was started with the system stays unseen if a tray comes within this time: panels
/// start together with it.
const TRAY_PATIENCE: Duration = Duration::from_secs(15);

/// Size of the small window, in logical pixels.
const MINI_SIZE: (f64, f64) = (280.0, 180.0);

/// What is kept of a window. Whether it shows is not: an app that was closed into the tray opens.
pub const REMEMBERED: StateFlags =
    StateFlags::SIZE.union(StateFlags::POSITION).union(StateFlags::MAXIMIZED).union(StateFlags::FULLSCREEN);

/// What this desktop offers, for the settings.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// There is a tray.
    tray: bool,
    /// The app starts with the system.
    autostart: bool,
    /// The settings could not be read at the start; what was there lies beside them.
    settings_broken: bool,
    /// The same for the logins.
    credentials_broken: bool,
    /// Why the logins are in a file; none where they are in the keychain.
    keychain_lack: Option<Lack>,
}

/// The app on the desktop.
pub struct Desktop {
    app: AppHandle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// None until the page has said so for the first time.
    presence: Option<Presence>,
    /// None while there is no tray, or nothing to show in it.
    tray: Option<Tray>,
    /// There is somewhere to put a tray icon.
    hosted: bool,
    /// What the small window shows, for one that opens.
    mini: serde_json::Value,
}

impl Desktop {
    /// Of a running app.
    pub fn new(app: AppHandle) -> Self {
        Self { app, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while holding it")
    }

    /// Tells the page.
    pub fn tell(&self, event: ShellEvent) {
        if let Err(error) = self.app.emit_to(MAIN, EVENT, event) {
            tracing::warn!(%error, "the page hears nothing");
        }
    }

    /// Brings the window to the front.
    pub fn show(&self) {
        let Some(window) = self.main() else { return };
        for result in [window.show(), window.unminimize(), window.set_focus()] {
            if let Err(error) = result {
                tracing::warn!(%error, "the window does not show");
            }
        }
    }

    /// Leaves the app unseen if a tray comes soon, for an app that was started with the system.
    pub fn wait_for_tray(&self) {
        let app = self.app.clone();
        tauri::async_runtime::spawn(async move {
            tokio::time::sleep(TRAY_PATIENCE).await;
            let desktop = app.state::<Self>();
            if !desktop.lock().hosted {
                desktop.show();
            }
        });
    }

    /// The page says how things stand.
    pub fn present(&self, presence: Presence) {
        let mut state = self.lock();
        if let Some(tray) = &mut state.tray {
            tray.update(&presence);
        } else if state.hosted {
            state.tray = Tray::new(&self.app, &presence);
        }
        if !presence.in_call {
            self.close_mini();
        }
        state.presence = Some(presence);
    }

    /// A panel that shows tray icons came or went. Called by the main thread, as [`Self::present`]
    /// is: a tray is made and changed there, and waiting for it elsewhere could wait for ever.
    pub fn tray_changed(&self, hosted: bool) {
        let mut state = self.lock();
        state.hosted = hosted;
        if let (true, None, Some(presence)) = (hosted, &state.tray, state.presence.clone()) {
            state.tray = Tray::new(&self.app, &presence);
        }
        // A window that only the tray could have brought back comes back by itself.
        let stranded = !hosted
            && state.presence.is_some()
            && self.main().is_some_and(|window| matches!(window.is_visible(), Ok(false)));
        drop(state);
        if stranded {
            self.show();
        }
        self.tell(ShellEvent::Tray { present: hosted });
    }

    /// The main window is being closed, or something else happens to it.
    pub fn on_window_event(&self, window: &Window, event: &WindowEvent) {
        let WindowEvent::CloseRequested { api, .. } = event else { return };
        if window.label() != MAIN {
            return;
        }
        let close = {
            let state = self.lock();
            let reachable = state.hosted && state.tray.is_some();
            state.presence.as_ref().filter(|_| reachable).map_or(Close::Quit, |presence| presence.close)
        };
        match close {
            // The small window would keep the app alive.
            Close::Quit => self.quit(),
            Close::Hide => {
                api.prevent_close();
                self.hide();
            }
            Close::Ask => {
                api.prevent_close();
                self.tell(ShellEvent::Closing {});
            }
        }
    }

    /// Whether there is a call, as the page says.
    pub fn in_call(&self) -> bool {
        self.lock().presence.as_ref().is_some_and(|presence| presence.in_call)
    }

    /// Ends the app.
    pub fn quit(&self) {
        self.remember_windows();
        self.app.exit(0);
    }

    /// Keeps size and place of the windows. When the app ends by itself it is too late to ask them.
    fn remember_windows(&self) {
        if let Err(error) = self.app.save_window_state(REMEMBERED) {
            tracing::warn!(%error, "the window's place is not kept");
        }
    }

    /// Hides the window; the tray brings it back.
    pub fn hide(&self) {
        self.remember_windows();
        if let Some(Err(error)) = self.main().map(|window| window.hide()) {
            tracing::warn!(%error, "the window does not hide");
        }
    }

    /// What there is here.
    pub fn facts(&self, storage: &Storage) -> Facts {
        let state = self.lock();
        let autostart = autostart::is_enabled(&self.app).unwrap_or(false);
        Facts {
            tray: state.hosted && (state.tray.is_some() || state.presence.is_none()),
            autostart,
            settings_broken: storage.settings.was_broken(),
            credentials_broken: storage.credentials.was_broken(),
            keychain_lack: storage.credentials.lack(),
        }
    }

    /// Starts the app with the system, or no longer.
    ///
    /// # Errors
    /// When the system does not take it.
    pub fn set_autostart(&self, enabled: bool) -> Result<(), AutostartError> {
        autostart::set(&self.app, enabled)
    }

    /// Opens the small window, or brings it to the front. It is made anew each time: who needs it
    /// seldom need not pay for a second page.
    pub fn open_mini(&self) {
        if let Some(window) = self.app.get_webview_window(MINI) {
            if let Err(error) = window.set_focus() {
                tracing::warn!(%error, "the small window does not come to the front");
            }
            return;
        }
        let app = self.app.clone();
        // Made on another thread: from a command of the main thread this would wait for itself.
        tauri::async_runtime::spawn(async move {
            let page = WebviewUrl::App("index.html#mini".into());
            let built = WebviewWindowBuilder::new(&app, MINI, page)
                .title("Voicehall")
                .inner_size(MINI_SIZE.0, MINI_SIZE.1)
                .decorations(false)
                .always_on_top(true)
                .visible_on_all_workspaces(true)
                .skip_taskbar(true)
                .focused(false)
                .resizable(false)
                .build();
            if let Err(error) = built {
                tracing::warn!(%error, "the small window does not open");
            }
        });
    }

    /// Closes the small window, if it is open.
    pub fn close_mini(&self) {
        if let Some(Err(error)) = self.app.get_webview_window(MINI).map(|window| window.close()) {
            tracing::warn!(%error, "the small window does not close");
        }
    }

    /// Passes on what the small window is to show; the page and the window know what it means.
    pub fn set_mini(&self, content: serde_json::Value) {
        if self.app.get_webview_window(MINI).is_some()
            && let Err(error) = self.app.emit_to(MINI, MINI_EVENT, &content)
        {
            tracing::warn!(%error, "the small window hears nothing");
        }
        self.lock().mini = content;
    }

    /// What the small window shows when it opens.
    pub fn mini(&self) -> serde_json::Value {
        self.lock().mini.clone()
    }

    fn main(&self) -> Option<WebviewWindow> {
        self.app.get_webview_window(MAIN)
    }
}
