//! The part of a desktop that shows notifications, as the freedesktop.org's specification has it.

use crate::session::Session;
use crate::wait;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use zbus::blocking::Connection;
use zbus::zvariant::OwnedValue;

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// A running one; it is gone when this is dropped.
pub struct Notifier {
    connection: Connection,
    shown: Arc<Mutex<Vec<Shown>>>,
}

/// A notification that it was asked to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    id: u32,
    /// Its first line.
    pub title: String,
    /// What it says, as it came.
    pub body: String,
    /// What can be done with it: each by a name and by what is written on its button.
    pub actions: Vec<String>,
}

struct Service {
    shown: Arc<Mutex<Vec<Shown>>>,
    capabilities: Vec<String>,
}

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Service {
    #[expect(clippy::too_many_arguments, reason = "so it is specified")]
    fn notify(
        &self,
        _app: &str,
        _replaces: u32,
        _icon: &str,
        title: String,
        body: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expires_ms: i32,
    ) -> u32 {
        let mut shown = self.shown.lock().expect("no holder panics");
        let id = u32::try_from(shown.len()).expect("few notifications") + 1;
        shown.push(Shown { id, title, body, actions });
        id
    }

    fn close_notification(&self, _id: u32) {}

    fn get_capabilities(&self) -> Vec<String> {
        self.capabilities.clone()
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        let [name, vendor, version, specification] = ["rig", "voicehall", "1", "1.2"].map(str::to_owned);
        (name, vendor, version, specification)
    }
}

impl Notifier {
    /// Puts it on somebody's desktop; with markup it reads bodies as such.
    pub fn start(session: &Session, markup: bool) -> Self {
        let shown = Arc::<Mutex<Vec<Shown>>>::default();
        let capabilities = ["body", "actions"].into_iter().chain(markup.then_some("body-markup"));
        let service =
            Service { shown: shown.clone(), capabilities: capabilities.map(str::to_owned).collect() };
        let connection = session.serve(NAME, PATH, service);
        Self { connection, shown }
    }

    /// All that it was asked to show, once there is this much of it.
    pub fn shown(&self, count: usize) -> Vec<Shown> {
        wait::until(&format!("{count} notifications are shown"), || {
            let shown = self.shown.lock().expect("no holder panics");
            (shown.len() >= count).then(|| shown.clone())
        })
    }

    /// Clicks one.
    pub fn click(&self, shown: &Shown) {
        let clicked = (shown.id, "default");
        self.connection
            .emit_signal(None::<&str>, PATH, NAME, "ActionInvoked", &clicked)
            .expect("the bus carries it");
    }
}
