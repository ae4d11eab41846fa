//! The icon in the system's tray: says how one's call stands, and leads it without the window.

use crate::desktop::Desktop;
use crate::presence::{Look, Presence, ShellEvent};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tauri::image::Image;
use tauri::menu::{CheckMenuItem, IsMenuItem, Menu, MenuEvent, MenuItem, PredefinedMenuItem};
use tauri::tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager, Result, Wry};

const STATE: &str = "state";
const MUTE: &str = "mute";
const DEAFEN: &str = "deafen";
const LEAVE: &str = "leave";
const MINI: &str = "mini";
const SHOW: &str = "show";
const QUIT: &str = "quit";

/// The icon and the entries of its menu.
pub struct Tray {
    icon: TrayIcon,
    /// How things stand, in words: on Linux icons have no tooltip.
    state: MenuItem<Wry>,
    mute: CheckMenuItem<Wry>,
    deafen: CheckMenuItem<Wry>,
    leave: MenuItem<Wry>,
    mini: MenuItem<Wry>,
    show: MenuItem<Wry>,
    quit: MenuItem<Wry>,
    /// What it shows.
    shown: Presence,
}

impl Tray {
    /// Puts the icon into the tray. None where the system lacks the library for it, which is
    /// loaded only now.
    pub fn new(app: &AppHandle, presence: &Presence) -> Option<Self> {
        // The binding of libayatana-appindicator panics where that library is missing.
        match catch_unwind(AssertUnwindSafe(|| Self::build(app, presence))) {
            Ok(Ok(tray)) => Some(tray),
            Ok(Err(error)) => {
                tracing::warn!(%error, "no tray icon");
                None
            }
            Err(_) => {
                tracing::warn!("no tray icon: the system's library for it is missing");
                None
            }
        }
    }

    fn build(app: &AppHandle, presence: &Presence) -> Result<Self> {
        let Presence { texts, in_call, muted, deafened, .. } = presence;
        let item = |id, text: &str, enabled| MenuItem::with_id(app, id, text, enabled, None::<&str>);
        let check = |id, text: &str, on| CheckMenuItem::with_id(app, id, text, true, on, None::<&str>);
        let state = item(STATE, &texts.state, false)?;
        let mute = check(MUTE, &texts.mute, *muted)?;
        let deafen = check(DEAFEN, &texts.deafen, *deafened)?;
        let leave = item(LEAVE, &texts.leave, *in_call)?;
        let mini = item(MINI, &texts.mini, *in_call)?;
        let show = item(SHOW, &texts.show, true)?;
        let quit = item(QUIT, &texts.quit, true)?;
        let line = || PredefinedMenuItem::separator(app);
        let (above, below) = (line()?, line()?);
        let entries: [&dyn IsMenuItem<Wry>; 9] =
            [&state, &above, &mute, &deafen, &leave, &mini, &below, &show, &quit];
        let menu = Menu::with_items(app, &entries)?;
        let icon = TrayIconBuilder::with_id("voicehall")
            .icon(picture(presence.look())?)
            .tooltip(&texts.state)
            .menu(&menu)
            .show_menu_on_left_click(false)
            .on_menu_event(|app, event| chosen(app, &event))
            .on_tray_icon_event(|icon, event| {
                let (button, button_state) = (MouseButton::Left, MouseButtonState::Up);
                if let TrayIconEvent::Click { button: which, button_state: how, .. } = event
                    && (which, how) == (button, button_state)
                {
                    icon.app_handle().state::<Desktop>().show();
                }
            })
            .build(app)?;
        Ok(Self { icon, state, mute, deafen, leave, mini, show, quit, shown: presence.clone() })
    }

    /// Shows how things stand now.
    pub fn update(&mut self, presence: &Presence) {
        if let Err(error) = self.apply(presence) {
            tracing::warn!(%error, "the tray does not change");
        }
        self.shown = presence.clone();
    }

    fn apply(&self, new: &Presence) -> Result<()> {
        let old = &self.shown;
        // A choice in the menu has moved its check mark by itself.
        self.mute.set_checked(new.muted)?;
        self.deafen.set_checked(new.deafened)?;
        if new.look() != old.look() {
            self.icon.set_icon(Some(picture(new.look())?))?;
        }
        if new.in_call != old.in_call {
            self.leave.set_enabled(new.in_call)?;
            self.mini.set_enabled(new.in_call)?;
        }
        if new.texts != old.texts {
            let texts = &new.texts;
            self.icon.set_tooltip(Some(&texts.state))?;
            self.state.set_text(&texts.state)?;
            self.mute.set_text(&texts.mute)?;
            self.deafen.set_text(&texts.deafen)?;
            self.leave.set_text(&texts.leave)?;
            self.mini.set_text(&texts.mini)?;
            self.show.set_text(&texts.show)?;
            self.quit.set_text(&texts.quit)?;
        }
        Ok(())
    }
}

fn chosen(app: &AppHandle, event: &MenuEvent) {
    let desktop = app.state::<Desktop>();
    match event.id().as_ref() {
        MUTE => desktop.tell(ShellEvent::ToggleMute {}),
        DEAFEN => desktop.tell(ShellEvent::ToggleDeaf {}),
        LEAVE => desktop.tell(ShellEvent::Leave {}),
        MINI => desktop.open_mini(),
        SHOW => desktop.show(),
        QUIT => desktop.quit(),
        _ => {}
    }
}

fn picture(look: Look) -> Result<Image<'static>> {
    Image::from_bytes(match look {
        Look::Idle => include_bytes!("../icons/tray/idle.png"),
        Look::Call => include_bytes!("../icons/tray/call.png"),
        Look::Muted => include_bytes!("../icons/tray/muted.png"),
        Look::Deafened => include_bytes!("../icons/tray/deafened.png"),
    })
}
