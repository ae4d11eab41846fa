//! A real Chromium, with a microphone and a speaker of its user's own.

use crate::rig::Rig;
use crate::sound::Device;
use crate::usage;
use crate::webdriver::WebDriver;
use crate::window::Window;
use serde_json::json;
use std::ops::Deref;

/// What Chromium is told.
///
/// It runs as root in tests, so without its sandbox; it plays without a click and opens the
/// microphone without a question, which no test could answer; its media may flow over loopback;
/// and it calls nobody by itself.
const ARGUMENTS: &[&str] = &[
    "--no-sandbox",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // Several windows lie over each other; none may be throttled for that.
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--window-size=1280,900",
];

/// An open browser.
#[derive(Debug)]
pub struct Browser {
    window: Window,
    driver: WebDriver,
}

impl Browser {
    /// Opens a browser with an empty profile.
    pub async fn open(rig: &Rig, who: &str, microphone: &Device<'_>, speaker: &Device<'_>) -> Self {
        let mut variables = rig.home(who);
        variables.push(("PULSE_SOURCE".to_owned(), microphone.name().to_owned()));
        variables.push(("PULSE_SINK".to_owned(), speaker.name().to_owned()));
        let driver = WebDriver::of_chromium(rig, who, &variables);
        let profile = rig.make_folder(&format!("profile-{who}"));
        let mut arguments: Vec<_> = ARGUMENTS.iter().map(|argument| (*argument).to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", profile.display()));
        let capabilities = json!({ "goog:chromeOptions": { "args": arguments } });
        Self { window: Window::new(driver.open(capabilities).await), driver }
    }

    /// Its processes.
    pub fn processes(&self) -> Vec<u32> {
        usage::descendants(self.driver.process().id())
    }
}

impl Deref for Browser {
    type Target = Window;
    fn deref(&self) -> &Window {
        &self.window
    }
}
