//! What a person is told while they look elsewhere; a click on it leads to the place that it is about.

use crate::desktop::Desktop;
use crate::presence::ShellEvent;
use serde::Deserialize;
use serde_json::Value;
use tauri::{AppHandle, Manager};
use tauri_plugin_notification::NotificationExt;

/// Characters of a notification that are shown.
const CHARS_MAX: usize = 300;

/// Under this name the system keeps the place beside a notification.
const PLACE: &str = "place";

/// A notification.
#[derive(Debug, Deserialize)]
pub struct Notification {
    title: String,
    body: String,
    /// Where a click leads. Only the page knows what it means.
    place: Value,
}

/// Listens from now on for clicks.
///
/// # Errors
/// When the system tells of none.
pub fn listen(app: &AppHandle) -> Result<(), tauri_plugin_notification::Error> {
    let handle = app.clone();
    app.notification().on_action(move |performed| {
        // Older servers name what was clicked in their own way; there is only one thing to click.
        let place = performed.notification().and_then(|clicked| clicked.extra().get(PLACE)).cloned();
        let desktop = handle.state::<Desktop>();
        desktop.show();
        if let Some(place) = place {
            desktop.tell(ShellEvent::Notified { place });
        }
    })
}

/// Shows a notification.
///
/// # Errors
/// When the system does not take it.
pub async fn show(
    app: &AppHandle,
    notification: Notification,
) -> Result<(), tauri_plugin_notification::Error> {
    let cut = |text: &str| text.chars().take(CHARS_MAX).collect::<String>();
    let Notification { title, body, place } = notification;
    let mut body = cut(&body);
    if markup::is_read().await {
        body = markup::escaped(&body);
    }
    app.notification().builder().title(cut(&title)).body(body).extra(PLACE, place).show()
}

/// Bodies that are read as markup, as the freedesktop.org's specification allows: somebody's message
/// could else draw pictures and links, and a lone `<` would hide the rest.
#[cfg(target_os = "linux")]
mod markup {
    use zbus::Connection;

    const SERVER: &str = "org.freedesktop.Notifications";
    const PATH: &str = "/org/freedesktop/Notifications";

    /// Whether the desktop reads bodies so. It is asked each time: desktops change while the app runs.
    pub async fn is_read() -> bool {
        let asked = async {
            let bus = Connection::session().await?;
            let answer = bus.call_method(Some(SERVER), PATH, Some(SERVER), "GetCapabilities", &()).await?;
            answer.body().deserialize::<Vec<String>>()
        };
        // One that does not say has to be taken for the more dangerous kind.
        asked.await.map_or(true, |capabilities| capabilities.iter().any(|one| one == "body-markup"))
    }

    pub fn escaped(text: &str) -> String {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    }
}

#[cfg(not(target_os = "linux"))]
mod markup {
    pub async fn is_read() -> bool {
        false
    }

    pub fn escaped(text: &str) -> String {
        text.to_owned()
    }
}
