//! The real desktop app, in a window of the rig's screen.

use crate::processes::Process;
use crate::session::Session;
use crate::webdriver::WebDriver;
use crate::window::Window;
use crate::{binaries, rig};
use serde_json::json;
use std::ops::Deref;
use std::path::Path;

/// An open app.
#[derive(Debug)]
pub struct App {
    window: Window,
    driver: WebDriver,
    session: Session,
}

impl App {
    /// Opens the app as on its first run, for somebody with a session and a home of their own.
    pub async fn open(rig: &rig::Rig, who: &str) -> Self {
        Self::open_in(rig, who, Session::start(rig, who), &[]).await
    }

    /// Opens the app in somebody's session, with arguments.
    pub async fn open_in(rig: &rig::Rig, who: &str, session: Session, arguments: &[&str]) -> Self {
        Self::open_program(rig, who, session, &binaries::product("voicehall"), arguments, &[]).await
    }

    /// Opens a copy of the app that lies elsewhere, with variables of its own.
    pub async fn open_program(
        rig: &rig::Rig,
        who: &str,
        session: Session,
        program: &Path,
        arguments: &[&str],
        more: &[(String, String)],
    ) -> Self {
        let mut variables = variables(&session);
        variables.extend_from_slice(more);
        let driver = WebDriver::of_app(rig, who, &variables);
        let options = json!({ "application": program, "args": arguments });
        let capabilities = json!({ "browserName": "wry", "tauri:options": options });
        Self { window: Window::new(driver.open(capabilities).await), driver, session }
    }

    /// Starts the app as a desktop does: no WebDriver holds its window open, and none can look into it.
    pub fn start_alone(rig: &rig::Rig, session: &Session, program: &Path, arguments: &[&str]) -> Process {
        let mut command = rig.command(program);
        command.args(arguments).envs(variables(session));
        rig.start(command, "app")
    }

    /// Ends the app, and leaves the session for another.
    pub async fn close(self) -> Session {
        let Self { window, driver, session } = self;
        // The driver ends it, and is gone itself before another is there.
        let _ = window.client().clone().close().await;
        drop(driver);
        session
    }

    /// What the app has logged.
    pub fn log(&self) -> String {
        self.driver.log()
    }

    /// The session that it runs in.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

/// What the app finds in its environment.
fn variables(session: &Session) -> Vec<(String, String)> {
    let mut variables = session.variables().to_vec();
    variables
        .push(("VOICEHALL_LOG".to_owned(), "info,voicehall_engine=debug,voicehall_device=debug".to_owned()));
    variables.push(("NO_COLOR".to_owned(), "1".to_owned()));
    // The rig has no accessibility bus, for which GTK would wait.
    variables.push(("GTK_A11Y".to_owned(), "none".to_owned()));
    variables.push(("NO_AT_BRIDGE".to_owned(), "1".to_owned()));
    variables
}

impl Deref for App {
    type Target = Window;
    fn deref(&self) -> &Window {
        &self.window
    }
}
