//! The part of a desktop that shows tray icons: the watcher and host of the StatusNotifier
//! specification, and hands on the icons' menus.

use crate::session::Session;
use crate::wait;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use zbus::blocking::Connection;
use zbus::message::Header;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Structure, Value};

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const WATCHER_PATH: &str = "/StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";

/// A running panel; it is gone when this is dropped.
pub struct Panel {
    connection: Connection,
    icons: Icons,
}

/// The icons that came, each by its owner and its path, the newest last.
type Icons = Arc<Mutex<Vec<(String, String)>>>;

type Node = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

/// An entry of an icon's menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    id: i32,
    /// What it says; nothing for a line.
    pub label: String,
    /// Whether it can be chosen.
    pub enabled: bool,
    /// Whether it has a mark, where it can have one.
    pub checked: Option<bool>,
}

struct Watcher(Icons);

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, #[zbus(header)] header: Header<'_>, service: &str) {
        let owner = header.sender().expect("a bus names who sends").to_string();
        // A path, or a name on the bus, whose icon then lies at the usual path.
        let path = if service.starts_with('/') { service } else { "/StatusNotifierItem" };
        self.0.lock().expect("no holder panics").push((owner, path.to_owned()));
    }

    fn register_status_notifier_host(&self, _service: &str) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        let icons = self.0.lock().expect("no holder panics");
        icons.iter().map(|(owner, path)| format!("{owner}{path}")).collect()
    }
}

impl Panel {
    /// Puts it on somebody's desktop.
    pub fn start(session: &Session) -> Self {
        let icons = Icons::default();
        let connection = session.serve(WATCHER, WATCHER_PATH, Watcher(icons.clone()));
        Self { connection, icons }
    }

    /// What the newest icon's picture is.
    ///
    /// # Panics
    /// When none comes.
    pub fn picture(&self) -> Vec<u8> {
        wait::until("there is an icon with a picture", || {
            let name: String = self.property("IconName")?.try_into().ok()?;
            // While it changes, the file may be gone for a moment.
            std::fs::read(name).ok()
        })
    }

    /// Waits until an entry of the menu is so.
    pub fn see(&self, label: &str, holds: impl Fn(&Entry) -> bool) {
        wait::until(&format!("the menu's '{label}' is as it should be"), || {
            let entries = self.entries()?;
            entries.iter().any(|entry| entry.label == label && holds(entry)).then_some(())
        });
    }

    /// Chooses an entry of the menu, once it can be chosen.
    pub fn choose(&self, label: &str) {
        let id = wait::until(&format!("'{label}' can be chosen"), || {
            let entries = self.entries()?;
            entries.iter().find(|entry| entry.label == label && entry.enabled).map(|entry| entry.id)
        });
        let (owner, _) = self.icon().expect("there is an icon");
        let menu = self.menu_path().expect("it has a menu");
        let arguments = (id, "clicked", Value::from(0_i32), 0_u32);
        self.connection
            .call_method(Some(owner.as_str()), menu.as_str(), Some(MENU), "Event", &arguments)
            .expect("the menu hears of it");
    }

    fn icon(&self) -> Option<(String, String)> {
        self.icons.lock().expect("no holder panics").last().cloned()
    }

    fn property(&self, name: &str) -> Option<OwnedValue> {
        let (owner, path) = self.icon()?;
        let interface = Some("org.freedesktop.DBus.Properties");
        let answer =
            self.connection.call_method(Some(owner.as_str()), path.as_str(), interface, "Get", &(ITEM, name));
        answer.ok()?.body().deserialize::<OwnedValue>().ok()
    }

    fn menu_path(&self) -> Option<OwnedObjectPath> {
        self.property("Menu")?.try_into().ok()
    }

    fn entries(&self) -> Option<Vec<Entry>> {
        let (owner, _) = self.icon()?;
        let menu = self.menu_path()?;
        let arguments = (0_i32, -1_i32, Vec::<&str>::new());
        let answer = self.connection.call_method(
            Some(owner.as_str()),
            menu.as_str(),
            Some(MENU),
            "GetLayout",
            &arguments,
        );
        let answer = answer.ok()?;
        let (_, (_, _, children)): (u32, Node) = answer.body().deserialize().ok()?;
        children.iter().map(entry).collect()
    }
}

/// An entry as the menu's layout has it: id, properties, children.
fn entry(node: &OwnedValue) -> Option<Entry> {
    let structure = Structure::try_from(node.try_clone().ok()?).ok()?;
    let (id, properties, _): Node = structure.try_into().ok()?;
    let text = |name: &str| properties.get(name).and_then(|value| <&str>::try_from(value).ok());
    let number = |name: &str| properties.get(name).and_then(|value| i32::try_from(value).ok());
    let is = |name: &str| properties.get(name).and_then(|value| bool::try_from(value).ok());
    let checkable = text("toggle-type").is_some_and(|kind| !kind.is_empty());
    Some(Entry {
        id,
        // An underscore marks the letter that chooses it.
        label: text("label").unwrap_or_default().replace('_', ""),
        // What is not said is so.
        enabled: is("enabled").unwrap_or(true),
        checked: checkable.then(|| number("toggle-state") == Some(1)),
    })
}
