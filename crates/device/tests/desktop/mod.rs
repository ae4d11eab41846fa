//! A Wayland desktop without a screen: a message bus of its own, on which a test plays the portal and
//! the person before it. As the real portal does, it answers calls at once and requests later, in
//! signals to whoever asked; and it serves requests and sessions as objects of their own.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use zbus::blocking::Connection;
use zbus::message::Header;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

/// How long anything may take to come true. Far more than it ever does.
pub const PATIENCE: Duration = Duration::from_secs(30);

const PORTAL: &str = "org.freedesktop.portal.Desktop";
const PATH: &str = "/org/freedesktop/portal/desktop";
const SHORTCUTS: &str = "org.freedesktop.portal.GlobalShortcuts";

type Dictionary = HashMap<String, OwnedValue>;

/// Runs `test` of this very program again, alone, with a bus that is both the session's and the
/// system's, for the environment of a process cannot be changed while other tests run in it. Within
/// that, runs `body`.
pub fn with_bus(test: &str, body: impl FnOnce()) {
    const INSIDE: &str = "VOICEHALL_TEST_BUS";
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let address = format!("unix:path={}/bus", folder.path().display());
    let _bus = start_bus(folder.path(), &address);
    let outcome = Command::new(std::env::current_exe().expect("this program"))
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .env("DBUS_SESSION_BUS_ADDRESS", &address)
        .env("DBUS_SYSTEM_BUS_ADDRESS", &address)
        .env("WAYLAND_DISPLAY", "wayland-test")
        .env_remove("DISPLAY")
        .status()
        .expect("this program runs");
    assert!(outcome.success(), "{test} failed on its bus");
}

struct Bus(Child);

impl Drop for Bus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A bus that starts nothing by itself.
fn start_bus(folder: &std::path::Path, address: &str) -> Bus {
    let configuration = folder.join("bus.conf");
    let text = format!(
        r#"<busconfig><type>session</type><listen>{address}</listen><auth>EXTERNAL</auth>
        <policy context="default"><allow send_destination="*" eavesdrop="true"/>
        <allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"#
    );
    std::fs::write(&configuration, text).expect("it can be written");
    let bus = Command::new("dbus-daemon")
        .args(["--nofork", &format!("--config-file={}", configuration.display())])
        .stdin(Stdio::null())
        .spawn()
        .expect("dbus-daemon is installed");
    let bus = Bus(bus);
    let started = Instant::now();
    while !folder.join("bus").exists() {
        assert!(started.elapsed() < PATIENCE, "the bus does not start");
        std::thread::yield_now();
    }
    bus
}

/// What the portal is asked for.
#[derive(Debug)]
pub enum Asked {
    /// The program says who it is.
    Register(String),
    /// A session, which gets this path.
    Session { request: OwnedObjectPath, session: OwnedObjectPath },
    /// Shortcuts in a session: id, name, and wish.
    Shortcuts {
        request: OwnedObjectPath,
        session: OwnedObjectPath,
        shortcuts: Vec<(String, String, Option<String>)>,
    },
    /// The window of a session's shortcuts.
    Configure { session: OwnedObjectPath },
    /// A request or a session is ended by who made it.
    Close(String),
}

/// The portal, and the person before it.
pub struct Desktop {
    connection: Connection,
    asked: Receiver<Asked>,
    sender: Sender<Asked>,
}

impl Desktop {
    /// Serves shortcuts of this version; without one, the portal has other things alone.
    pub fn start(version: Option<u32>) -> Self {
        let (sender, asked) = channel();
        let mut builder = zbus::blocking::connection::Builder::session().expect("there is a bus");
        builder = builder.serve_at(PATH, Registry(sender.clone())).expect("the path is free");
        if let Some(version) = version {
            let shortcuts = Shortcuts { version, sender: sender.clone() };
            builder = builder.serve_at(PATH, shortcuts).expect("the path is free");
        }
        let connection = builder.name(PORTAL).expect("it is a name").build().expect("the bus lets it serve");
        Self { connection, asked, sender }
    }

    /// What is asked for next. Requests and sessions exist from here on.
    pub fn asked(&self) -> Asked {
        let asked = self.asked.recv_timeout(PATIENCE).expect("something is asked for");
        let objects = self.connection.object_server();
        let sender = self.sender.clone();
        match &asked {
            Asked::Session { request, session } => {
                objects.at(request, Request(sender.clone())).expect("it is new");
                objects.at(session, Session(sender)).expect("it is new");
            }
            Asked::Shortcuts { request, .. } => {
                objects.at(request, Request(sender)).expect("it is new");
            }
            _ => {}
        }
        asked
    }

    /// Asserts that nothing was asked for.
    pub fn was_asked_nothing(&self) {
        assert!(self.asked.try_recv().is_err());
    }

    /// Answers a request.
    pub fn answer(&self, request: &OwnedObjectPath, answer: u32, results: HashMap<&str, Value<'_>>) {
        let removed = self.connection.object_server().remove::<Request, _>(request);
        assert!(removed.expect("requests are served"));
        self.tell(request, "org.freedesktop.portal.Request", "Response", &(answer, results));
    }

    /// Grants what is asked for next, which has to be a session. Returns it.
    pub fn open_session(&self) -> OwnedObjectPath {
        let Asked::Session { request, session } = self.asked() else { panic!("a session is asked for") };
        // A text, as the real portal has it.
        self.answer(&request, 0, HashMap::from([("session_handle", Value::from(session.as_str()))]));
        session
    }

    /// Grants shortcuts, with keys in the desktop's words.
    pub fn grant(&self, request: &OwnedObjectPath, keys: &[(&str, &str)]) {
        self.answer(request, 0, HashMap::from([("shortcuts", Value::from(described(keys)))]));
    }

    /// The keys of a shortcut are pressed or let go.
    pub fn shortcut(&self, session: &OwnedObjectPath, id: &str, pressed: bool) {
        let member = if pressed { "Activated" } else { "Deactivated" };
        let nothing: HashMap<&str, Value<'_>> = HashMap::new();
        self.tell(PATH, SHORTCUTS, member, &(session, id, 1_u64, nothing));
    }

    /// The person changes keys.
    pub fn change(&self, session: &OwnedObjectPath, keys: &[(&str, &str)]) {
        self.tell(PATH, SHORTCUTS, "ShortcutsChanged", &(session, described(keys)));
    }

    /// The desktop ends a session.
    pub fn close(&self, session: &OwnedObjectPath) {
        let nothing: HashMap<&str, Value<'_>> = HashMap::new();
        self.tell(session, "org.freedesktop.portal.Session", "Closed", &(nothing,));
    }

    /// Something that is told to everybody.
    pub fn tell<'p, B>(
        &self,
        path: impl TryInto<zbus::zvariant::ObjectPath<'p>, Error: Into<zbus::Error>>,
        interface: &str,
        member: &str,
        body: &B,
    ) where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let to: Option<&str> = None;
        self.connection.emit_signal(to, path, interface, member, body).expect("it can be told");
    }
}

fn described(keys: &[(&str, &str)]) -> Vec<(String, HashMap<String, Value<'static>>)> {
    let words = |keys: &str| {
        HashMap::from([
            ("description".to_owned(), Value::from("what it does")),
            ("trigger_description".to_owned(), Value::from(keys.to_owned())),
        ])
    };
    keys.iter().map(|(id, keys)| ((*id).to_owned(), words(keys))).collect()
}

struct Registry(Sender<Asked>);

#[zbus::interface(name = "org.freedesktop.host.portal.Registry")]
impl Registry {
    fn register(&self, app_id: String, _options: Dictionary) {
        tell(&self.0, Asked::Register(app_id));
    }
}

struct Shortcuts {
    version: u32,
    sender: Sender<Asked>,
}

#[zbus::interface(name = "org.freedesktop.portal.GlobalShortcuts")]
impl Shortcuts {
    #[zbus(property, name = "version")]
    fn version(&self) -> u32 {
        self.version
    }

    fn create_session(&self, #[zbus(header)] header: Header<'_>, options: Dictionary) -> OwnedObjectPath {
        let request = path(&header, "request", &options, "handle_token");
        let session = path(&header, "session", &options, "session_handle_token");
        tell(&self.sender, Asked::Session { request: request.clone(), session });
        request
    }

    fn bind_shortcuts(
        &self,
        #[zbus(header)] header: Header<'_>,
        session: OwnedObjectPath,
        shortcuts: Vec<(String, Dictionary)>,
        _parent_window: String,
        options: Dictionary,
    ) -> OwnedObjectPath {
        let request = path(&header, "request", &options, "handle_token");
        let text = |words: &Dictionary, key: &str| words.get(key)?.downcast_ref::<String>().ok();
        let shortcuts = shortcuts
            .into_iter()
            .map(|(id, words)| {
                let name = text(&words, "description").expect("a shortcut has a name");
                (id, name, text(&words, "preferred_trigger"))
            })
            .collect();
        tell(&self.sender, Asked::Shortcuts { request: request.clone(), session, shortcuts });
        request
    }

    fn configure_shortcuts(&self, session: OwnedObjectPath, _parent_window: String, _options: Dictionary) {
        tell(&self.sender, Asked::Configure { session });
    }
}

struct Request(Sender<Asked>);

#[zbus::interface(name = "org.freedesktop.portal.Request")]
impl Request {
    fn close(&self, #[zbus(header)] header: Header<'_>) {
        tell(&self.0, Asked::Close(header.path().expect("calls have one").to_string()));
    }
}

struct Session(Sender<Asked>);

#[zbus::interface(name = "org.freedesktop.portal.Session")]
impl Session {
    fn close(&self, #[zbus(header)] header: Header<'_>) {
        tell(&self.0, Asked::Close(header.path().expect("calls have one").to_string()));
    }
}

fn tell(sender: &Sender<Asked>, asked: Asked) {
    // Nobody listens once the test is over.
    let _ = sender.send(asked);
}

/// Where the portal puts what a program asks for: the program knows it beforehand.
fn path(header: &Header<'_>, kind: &str, options: &Dictionary, token: &str) -> OwnedObjectPath {
    let sender = header.sender().expect("the bus says who calls").trim_start_matches(':').replace('.', "_");
    let token = options.get(token).expect("there is a token").downcast_ref::<String>();
    let token = token.expect("a token is a text");
    OwnedObjectPath::try_from(format!("{PATH}/{kind}/{sender}/{token}")).expect("it is a path")
}
