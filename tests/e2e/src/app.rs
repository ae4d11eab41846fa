//! The real desktop app, in a window of the rig's screen.

use crate::rig::Rig;
use crate::webdriver::WebDriver;
use crate::window::Window;
use crate::{binaries, rig};
use serde_json::json;
use std::ops::Deref;

/// An open app.
#[derive(Debug)]
pub struct App {
    window: Window,
    driver: WebDriver,
}

impl App {
    /// Opens the app as on its first run, for somebody with a home of their own.
    pub async fn open(rig: &rig::Rig, who: &str) -> Self {
        let mut variables = rig.home(who);
        variables.push(("VOICEHALL_LOG".to_owned(), "info,voicehall_engine=debug".to_owned()));
        // The rig has no accessibility bus, for which GTK would wait.
        variables.push(("GTK_A11Y".to_owned(), "none".to_owned()));
        variables.push(("NO_AT_BRIDGE".to_owned(), "1".to_owned()));
        Self::open_with(rig, who, &variables).await
    }

    async fn open_with(rig: &Rig, who: &str, variables: &[(String, String)]) -> Self {
        let driver = WebDriver::of_app(rig, who, variables);
        let capabilities = json!({ "browserName": "wry", "tauri:options": { "application": binaries::product("voicehall") } });
        Self { window: Window::new(driver.open(capabilities).await), driver }
    }

    /// What the app has logged.
    pub fn log(&self) -> String {
        self.driver.log()
    }
}

impl Deref for App {
    type Target = Window;
    fn deref(&self) -> &Window {
        &self.window
    }
}
