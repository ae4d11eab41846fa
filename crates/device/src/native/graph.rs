//! PipeWire's graph, watched: the devices in it, the defaults, and which device a stream is
//! connected to.
//!
//! cpal lists devices only when asked, does not know the default by name, and does not see virtual
//! microphones (those of noise filters and of mixers). This does.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use pipewire as pw;
use pw::metadata::{Metadata, MetadataListener};
use pw::registry::RegistryRc;
use pw::spa::utils::dict::DictRef;
use pw::types::ObjectType;

use crate::{DeviceId, DeviceInfo, Direction};

/// Between two attempts to reach a sound server that is away.
const RECONNECT: Duration = Duration::from_millis(250);

/// How long the first look may take before devices are asked for without it.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// What cpal's PipeWire ids begin with.
const ID_PREFIX: &str = "pipewire:";

/// A node that is a device or a stream.
#[derive(Debug, Clone)]
struct Node {
    name: String,
    description: String,
    class: String,
    serial: String,
    /// The connection to the sound server that made it.
    client: Option<u32>,
}

impl Node {
    fn is_device(&self) -> bool {
        [Direction::Input, Direction::Output].into_iter().any(|direction| is_device(&self.class, direction))
    }
}

#[derive(Debug, Default)]
struct Seen {
    /// Whether the sound server has told everything it had to tell at first.
    complete: bool,
    nodes: BTreeMap<u32, Node>,
    default_source: Option<String>,
    default_sink: Option<String>,
}

enum Order {
    /// Connect this process' capture streams to the device of this name from now on, or to
    /// whatever they ask for themselves.
    Route(Option<String>),
    Stop,
}

/// The graph as it is now.
pub(super) struct Graph {
    /// Whether somebody has waited for the first look already.
    looked: AtomicBool,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    orders: pw::channel::Sender<Order>,
    /// Read between two attempts to connect, when nobody reads orders.
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Graph {
    /// Starts to watch. `changed` is called on a thread of its own whenever devices or defaults
    /// change.
    pub(super) fn watch(changed: impl Fn() + 'static + Send) -> std::io::Result<Self> {
        let seen = Arc::new((Mutex::new(Seen::default()), Condvar::new()));
        let (orders, received) = pw::channel::channel();
        let stop = Arc::<AtomicBool>::default();
        let (shared, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = thread::Builder::new()
            .name("pipewire-graph".to_owned())
            .spawn(move || watch(&shared, received, &stopped, changed))?;
        Ok(Self { looked: AtomicBool::new(false), seen, orders, stop, thread: Some(thread) })
    }

    /// The devices for people to choose from, or `None` while there is no sound server.
    pub(super) fn devices(&self, direction: Direction) -> Option<Vec<DeviceInfo>> {
        let seen = self.seen()?;
        let default = seen.default_device(direction);
        let mut devices: Vec<DeviceInfo> = seen
            .nodes
            .values()
            .filter(|node| is_device(&node.class, direction))
            .map(|node| DeviceInfo {
                id: DeviceId::new(format!("{ID_PREFIX}{}", node.name)),
                name: node.description.clone(),
                is_default: default == Some(&node.name),
            })
            .collect();
        devices.sort_by(|a, b| a.name.cmp(&b.name));
        Some(devices)
    }

    /// The name for people of the system's default.
    pub(super) fn default_name(&self, direction: Direction) -> Option<String> {
        self.devices(direction)?.into_iter().find(|device| device.is_default).map(|d| d.name)
    }

    /// Connects the capture stream that this process opens next to a device that cpal does not
    /// know; `None` leaves it to cpal.
    pub(super) fn route_capture(&self, device: Option<&DeviceId>) {
        let name = device.and_then(|device| device.as_str().strip_prefix(ID_PREFIX));
        // Without a watcher there is nothing to connect to.
        let _ = self.orders.send(Order::Route(name.map(str::to_owned)));
    }

    fn seen(&self) -> Option<MutexGuard<'_, Seen>> {
        let (seen, told) = &*self.seen;
        let mut seen = lock(seen);
        // Only at first: later, whoever keeps streams has better things to do than to wait.
        if !self.looked.swap(true, Ordering::Relaxed) {
            (seen, _) = told
                .wait_timeout_while(seen, FIRST_LOOK, |seen| !seen.complete)
                .unwrap_or_else(PoisonError::into_inner);
        }
        seen.complete.then_some(seen)
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A watcher that is gone needs no telling.
        let _ = self.orders.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl Seen {
    fn default_device(&self, direction: Direction) -> Option<&String> {
        match direction {
            Direction::Input => self.default_source.as_ref(),
            Direction::Output => self.default_sink.as_ref(),
        }
    }
}

/// Whether a node of this class is a device: a microphone, real or virtual, or a speaker. The
/// monitors of speakers are no nodes of their own and so no microphones.
fn is_device(class: &str, direction: Direction) -> bool {
    let wanted = match direction {
        Direction::Input => ["Audio/Source", "Audio/Source/Virtual", "Audio/Duplex"],
        Direction::Output => ["Audio/Sink", "Audio/Sink/Virtual", "Audio/Duplex"],
    };
    wanted.contains(&class)
}

/// Watches until it is told to stop, through any number of sound servers.
fn watch(
    shared: &Arc<(Mutex<Seen>, Condvar)>,
    mut orders: pw::channel::Receiver<Order>,
    stop: &AtomicBool,
    changed: impl Fn() + 'static,
) {
    pw::init();
    let watcher = Rc::new(Watcher {
        shared: Arc::clone(shared),
        changed: Box::new(changed),
        metadata: RefCell::default(),
        route: RefCell::default(),
        own_clients: RefCell::default(),
    });
    while !stop.load(Ordering::Relaxed) {
        let (ended, returned) = watcher.watch_once(orders);
        orders = returned;
        *lock(&shared.0) = Seen::default();
        watcher.metadata.take();
        watcher.own_clients.take();
        if ended.is_ok() && !stop.load(Ordering::Relaxed) {
            (watcher.changed)();
        }
        // Whoever stops it wakes it.
        thread::park_timeout(RECONNECT);
    }
}

/// What the callbacks of one connection share.
struct Watcher {
    shared: Arc<(Mutex<Seen>, Condvar)>,
    changed: Box<dyn Fn()>,
    metadata: RefCell<Option<(Metadata, MetadataListener)>>,
    route: RefCell<Option<String>>,
    /// This process' connections to the sound server. Their streams have no name to be known by.
    own_clients: RefCell<BTreeSet<u32>>,
}

type Orders = pw::channel::Receiver<Order>;

impl Watcher {
    /// Watches one sound server until it is gone, and gives the orders back.
    fn watch_once(self: &Rc<Self>, orders: Orders) -> (Result<(), pw::Error>, Orders) {
        let connected = (|| {
            let mainloop = pw::main_loop::MainLoopRc::new(None)?;
            let context = pw::context::ContextRc::new(&mainloop, None)?;
            let core = context.connect_rc(None)?;
            let registry = core.get_registry_rc()?;
            Ok((mainloop, context, core, registry))
        })();
        let (mainloop, _context, core, registry) = match connected {
            Ok(connected) => connected,
            Err(error) => return (Err(error), orders),
        };
        let _registry_listener = self.listen(&registry);
        // What there is comes first, then what is asked for with each of it, then this.
        let (quit, asked, watcher) = (mainloop.clone(), Cell::new(core.sync(0).ok()), Rc::clone(self));
        let weak = core.downgrade();
        let rounds = Cell::new(0);
        let _core_listener = core
            .add_listener_local()
            .done(move |id, sequence| {
                if id != pw::core::PW_ID_CORE || Some(sequence) != asked.get() {
                    return;
                }
                rounds.set(rounds.get() + 1);
                if rounds.get() == 1 {
                    asked.set(weak.upgrade().and_then(|core| core.sync(0).ok()));
                } else {
                    lock(&watcher.shared.0).complete = true;
                    watcher.shared.1.notify_all();
                    (watcher.changed)();
                }
            })
            .error(move |id, _, _, _| {
                if id == pw::core::PW_ID_CORE {
                    quit.quit();
                }
            })
            .register();
        let (quit, watcher) = (mainloop.clone(), Rc::clone(self));
        let attached = orders.attach(mainloop.loop_(), move |order| match order {
            Order::Route(device) => {
                *watcher.route.borrow_mut() = device;
            }
            Order::Stop => quit.quit(),
        });
        mainloop.run();
        (Ok(()), attached.deattach())
    }

    fn listen(self: &Rc<Self>, registry: &RegistryRc) -> pw::registry::Listener {
        let (binder, watcher, remover) = (registry.clone(), Rc::clone(self), Rc::clone(self));
        let own_pid = std::process::id().to_string();
        registry
            .add_listener_local()
            .global(move |global| match (&global.type_, global.props) {
                (ObjectType::Node, Some(properties)) => {
                    if let Some(node) = node(properties) {
                        watcher.appeared(global.id, node);
                    }
                }
                (ObjectType::Client, Some(properties))
                    if properties.get("pipewire.sec.pid") == Some(own_pid.as_str()) =>
                {
                    watcher.own_clients.borrow_mut().insert(global.id);
                }
                (ObjectType::Metadata, Some(properties))
                    if properties.get("metadata.name") == Some("default") =>
                {
                    let Ok(metadata) = binder.bind::<Metadata, _>(global) else { return };
                    let listener = watcher.listen_to_defaults(&metadata);
                    *watcher.metadata.borrow_mut() = Some((metadata, listener));
                }
                _ => {}
            })
            .global_remove(move |id| {
                remover.own_clients.borrow_mut().remove(&id);
                let removed = lock(&remover.shared.0).nodes.remove(&id);
                if removed.is_some_and(|node| node.is_device()) {
                    (remover.changed)();
                }
            })
            .register()
    }

    fn listen_to_defaults(self: &Rc<Self>, metadata: &Metadata) -> MetadataListener {
        let watcher = Rc::clone(self);
        metadata
            .add_listener_local()
            .property(move |_, key, _, value| {
                if note_default(&mut lock(&watcher.shared.0), key, value) {
                    (watcher.changed)();
                }
                0
            })
            .register()
    }

    fn appeared(&self, id: u32, node: Node) {
        let is_ours = node.class == "Stream/Input/Audio"
            && node.client.is_some_and(|client| self.own_clients.borrow().contains(&client));
        let mut seen = lock(&self.shared.0);
        if let Some(device) = self.route.borrow().as_ref().filter(|_| is_ours)
            && let Some(target) = seen.nodes.values().find(|node| node.name == *device)
            && let Some((metadata, _)) = &*self.metadata.borrow()
        {
            metadata.set_property(id, "target.object", Some("Spa:Id"), Some(&target.serial));
        }
        let is_device = node.is_device();
        seen.nodes.insert(id, node);
        drop(seen);
        // Streams come and go with every sound that some program plays.
        if is_device {
            (self.changed)();
        }
    }
}

fn node(properties: &DictRef) -> Option<Node> {
    let name = properties.get("node.name")?.to_owned();
    let class = properties.get("media.class").filter(|class| class.contains("Audio"))?.to_owned();
    let description = properties.get("node.description").or(properties.get("node.nick")).unwrap_or(&name);
    let serial = properties.get("object.serial").unwrap_or_default().to_owned();
    let client = properties.get("client.id").and_then(|id| id.parse().ok());
    Some(Node { description: description.to_owned(), name, class, serial, client })
}

/// Takes down a property of the metadata, and says whether a default is another one now.
fn note_default(seen: &mut Seen, key: Option<&str>, value: Option<&str>) -> bool {
    let name = value.and_then(json_name).map(str::to_owned);
    let before = (seen.default_source.clone(), seen.default_sink.clone());
    match key {
        Some("default.audio.source") => seen.default_source = name,
        Some("default.audio.sink") => seen.default_sink = name,
        // All properties at once.
        None => (seen.default_source, seen.default_sink) = (None, None),
        Some(_) => {}
    }
    before != (seen.default_source.clone(), seen.default_sink.clone())
}

/// The name in `{"name":"…"}`, which is all the session manager writes there.
fn json_name(value: &str) -> Option<&str> {
    let after = value.split_once("\"name\"")?.1.trim_start().strip_prefix(':')?;
    after.trim_start().strip_prefix('"')?.split('"').next()
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    // Nothing is left half-done by a panic in here.
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_whether_or_not_there_is_a_sound_server() {
        let (ended, end) = std::sync::mpsc::channel();
        thread::spawn(move || {
            drop(Graph::watch(|| ()).expect("a thread"));
            ended.send(()).expect("the test waits");
        });
        end.recv_timeout(Duration::from_secs(30)).expect("the watcher ends");
    }

    #[test]
    fn defaults_change_when_they_are_others() {
        let mut seen = Seen::default();
        let (sink, other) = (Some(r#"{"name":"a"}"#), Some(r#"{"name":"b"}"#));
        let mut note = |key, value| note_default(&mut seen, key, value);
        assert!(note(Some("default.audio.sink"), sink));
        assert!(!note(Some("default.audio.sink"), sink));
        assert!(note(Some("default.audio.sink"), other));
        assert!(!note(Some("default.configured.audio.sink"), sink));
        assert!(note(None, None));
        assert!(!note(None, None));
    }

    #[test]
    fn names_are_read_from_metadata() {
        let table = [
            (r#"{"name":"alsa_output.pci"}"#, Some("alsa_output.pci")),
            (r#"{ "name" : "a b" }"#, Some("a b")),
            ("{}", None),
            ("", None),
            (r#"{"name":7}"#, None),
        ];
        for (value, name) in table {
            assert_eq!(json_name(value), name, "{value}");
        }
    }
}
