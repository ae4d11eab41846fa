//! A desktop's panel that shows tray icons, by the StatusNotifier specification: what is in them is
//! read, and chosen from, over the message bus, as panels do.

use crate::rig::Rig;
use crate::session::Session;
use crate::wait;
use std::path::Path;
use std::sync::{Arc, Mutex};
use zbus::blocking::{Connection, Proxy, connection::Builder};
use zbus::message::Header;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Structure, Value};

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const MENU: &str = "com.canonical.dbusmenu";

/// A panel; its icons are gone when it is dropped.
#[derive(Debug)]
pub struct Panel {
    connection: Connection,
    items: Items,
}

/// Bus name and object path of each icon.
type Items = Arc<Mutex<Vec<(String, String)>>>;

struct Watcher(Items);

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: String, #[zbus(header)] header: Header<'_>) {
        let sender = header.sender().expect("the bus says who calls").to_string();
        self.0.lock().expect("no holder panics").push((sender, service));
    }

    fn register_status_notifier_host(&self, _service: String) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }
}

impl Panel {
    /// Opens a panel in somebody's session.
    pub fn open(session: &Session) -> Self {
        let items = Items::default();
        let connection = Builder::address(session.bus_address())
            .and_then(|builder| builder.serve_at("/StatusNotifierWatcher", Watcher(items.clone())))
            .and_then(|builder| builder.name(WATCHER))
            .and_then(Builder::build)
            .expect("the bus takes the panel");
        Self { connection, items }
    }

    /// Waits until the icon is this one of the product's.
    pub fn see_icon(&self, rig: &Rig, name: &str) {
        let wanted = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../icons/tray/{name}.png"));
        wait::until(&format!("the tray shows {name}"), || {
            let shown: String = self.icon()?.get_property("IconName").ok()?;
            let folder: String = self.icon()?.get_property("IconThemePath").ok()?;
            let file = [shown.clone(), format!("{shown}.png"), format!("{folder}/{shown}.png")]
                .into_iter()
                .find(|file| Path::new(file).is_file())?;
            let mut compare = rig.command("compare");
            compare.args(["-metric", "AE"]).arg(&wanted).arg(file).arg("null:");
            compare.output().ok()?.status.success().then_some(())
        });
    }

    /// Chooses an entry of the icon's menu, once it is there.
    pub fn choose(&self, entry: &str) {
        wait::until(&format!("the tray's menu offers {entry}"), || {
            let menu = self.menu()?;
            let (_, root): (u32, OwnedValue) = {
                let properties: Vec<&str> = vec![];
                let reply = menu.call_method("GetLayout", &(0_i32, -1_i32, properties)).ok()?;
                let body = reply.body();
                let layout: Structure<'_> = body.deserialize().ok()?;
                let [revision, root] = layout.fields() else { return None };
                (u32::try_from(revision).ok()?, root.try_to_owned().ok()?)
            };
            let id = find(&root, entry)?;
            menu.call_method("Event", &(id, "clicked", Value::from(0_i32), 0_u32)).ok().map(drop)
        });
    }

    fn icon(&self) -> Option<Proxy<'static>> {
        let (name, path) = self.items.lock().expect("no holder panics").last()?.clone();
        Proxy::new(&self.connection, name, path, "org.kde.StatusNotifierItem").ok()
    }

    fn menu(&self) -> Option<Proxy<'static>> {
        let (name, _) = self.items.lock().expect("no holder panics").last()?.clone();
        let path: OwnedObjectPath = self.icon()?.get_property("Menu").ok()?;
        Proxy::new(&self.connection, name, path, MENU).ok()
    }
}

/// The number of the entry that says this: an entry is its number, its properties, its children.
fn find(entry: &Value<'_>, wanted: &str) -> Option<i32> {
    let entry = match entry {
        Value::Value(inner) => inner,
        other => other,
    };
    let Value::Structure(entry) = entry else { return None };
    let [Value::I32(id), Value::Dict(properties), Value::Array(children)] = entry.fields() else {
        return None;
    };
    let label: Option<String> = properties.get(&"label").ok().flatten();
    // An underscore marks a letter to be pressed.
    if label.is_some_and(|label| label.replace('_', "") == wanted) {
        return Some(*id);
    }
    children.iter().find_map(|child| find(child, wanted))
}
