//! The portal's words on the session bus, and other things there that matter to whoever holds keys.
//!
//! Spoken directly rather than by a library for portals: what comes from outside is read without
//! trust here, so a portal that answers nonsense costs the keys and not the program.

use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, empty, select_all};
use std::collections::HashMap;
use std::time::Duration;
use zbus::fdo::DBusProxy;
use zbus::message::Type;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};
use zbus::{Connection, MatchRule, Message, MessageStream, Result};

const PORTAL: &str = "org.freedesktop.portal.Desktop";
const PATH: &str = "/org/freedesktop/portal/desktop";
const SHORTCUTS: &str = "org.freedesktop.portal.GlobalShortcuts";
const REQUEST: &str = "org.freedesktop.portal.Request";
const SESSION: &str = "org.freedesktop.portal.Session";

/// Those who say that the screen is locked: KDE and others, and GNOME.
const SCREEN_SAVERS: [&str; 2] = ["org.freedesktop.ScreenSaver", "org.gnome.ScreenSaver"];

/// How long the portal may take to answer a call. It may have to be started first. What people are asked
/// has no limit, for it is no call.
const CALL_TIMEOUT: Duration = Duration::from_secs(25);

/// Signals that wait to be read while a call is answered. More would stop the connection until then.
const QUEUED_MAX: usize = 256;

/// A key and what is known of it, in the portal's dictionaries.
type Dictionary = HashMap<String, OwnedValue>;

/// Something that is said to us.
#[derive(Debug)]
pub(super) enum Word {
    /// The answer to a request.
    Response { request: OwnedObjectPath, granted: bool, results: Dictionary },
    /// A shortcut is held, or no longer.
    Shortcut { session: OwnedObjectPath, id: String, pressed: bool },
    /// The person has changed keys.
    Changed { session: OwnedObjectPath, keys: Vec<(String, String)> },
    /// The desktop ended the session.
    Closed { session: OwnedObjectPath },
    /// The portal has this name on the bus now, or is gone.
    Owner(Option<String>),
    /// The screen was locked or the machine is about to sleep: a release may go unheard.
    Interrupted,
}

/// A shortcut that is asked for.
pub(super) struct Shortcut<'a> {
    /// What the desktop remembers it by.
    pub id: &'static str,
    /// What it shows to people.
    pub name: &'a str,
    /// The keys we would like.
    pub wish: Option<String>,
}

/// The session bus, with the portal on it.
pub(super) struct Bus {
    connection: Connection,
    /// Makes the names of requests and sessions unlike each other.
    count: u32,
}

impl Bus {
    pub(super) async fn connect() -> Result<Self> {
        let connection = zbus::connection::Builder::session()?.method_timeout(CALL_TIMEOUT).build().await?;
        Ok(Self { connection, count: 0 })
    }

    /// What is said from now on.
    pub(super) async fn words(&self) -> Result<BoxStream<'static, Word>> {
        let mut streams = Vec::new();
        for interface in [SHORTCUTS, REQUEST, SESSION] {
            let rule = MatchRule::builder().msg_type(Type::Signal).sender(PORTAL)?.interface(interface)?;
            streams.push(hear(&self.connection, rule.build()).await?);
        }
        for interface in SCREEN_SAVERS {
            let rule = MatchRule::builder().msg_type(Type::Signal).interface(interface)?;
            streams.push(hear(&self.connection, rule.member("ActiveChanged")?.build()).await?);
        }
        let bus = DBusProxy::new(&self.connection).await?;
        let owners = bus.receive_name_owner_changed_with_args(&[(0, PORTAL)]).await?;
        let owner = |changed: zbus::fdo::NameOwnerChanged| async move {
            Some(Word::Owner(changed.args().ok()?.new_owner().as_ref().map(ToString::to_string)))
        };
        streams.push(owners.filter_map(owner).boxed());
        streams.push(Self::sleep().await.unwrap_or_else(|_| empty().boxed()));
        Ok(select_all(streams).boxed())
    }

    /// The system's own bus tells of sleep; not every system has one.
    async fn sleep() -> Result<BoxStream<'static, Word>> {
        let system = Connection::system().await?;
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .interface("org.freedesktop.login1.Manager")?
            .member("PrepareForSleep")?;
        hear(&system, rule.build()).await
    }

    /// Who the portal is on the bus, and the version of its shortcuts. None where it has none.
    pub(super) async fn portal(&self) -> Option<(String, u32)> {
        let properties = "org.freedesktop.DBus.Properties";
        let answer =
            self.connection.call_method(Some(PORTAL), PATH, Some(properties), "Get", &(SHORTCUTS, "version"));
        let version: OwnedValue = answer.await.ok()?.body().deserialize().ok()?;
        let bus = DBusProxy::new(&self.connection).await.ok()?;
        let owner = bus.get_name_owner(PORTAL.try_into().ok()?).await.ok()?;
        Some((owner.to_string(), version.try_into().ok()?))
    }

    /// Says which program this is. A portal that knows it by other means, or not at all, refuses.
    pub(super) async fn register(&self, app: &str) -> Result<()> {
        let nothing: HashMap<&str, Value<'_>> = HashMap::new();
        self.call("org.freedesktop.host.portal.Registry", "Register", &(app, nothing)).await.map(drop)
    }

    /// Returns the request that will be answered with a session.
    pub(super) async fn create_session(&mut self) -> Result<OwnedObjectPath> {
        let options = HashMap::from([("handle_token", self.token()), ("session_handle_token", self.token())]);
        self.call(SHORTCUTS, "CreateSession", &(options,)).await?.body().deserialize()
    }

    /// Asks for shortcuts. Returns the request that will be answered with those that there are then.
    pub(super) async fn bind(
        &mut self,
        session: &ObjectPath<'_>,
        shortcuts: &[Shortcut<'_>],
    ) -> Result<OwnedObjectPath> {
        let shortcuts: Vec<(&str, HashMap<&str, Value<'_>>)> = shortcuts
            .iter()
            .map(|Shortcut { id, name, wish }| {
                let mut words = HashMap::from([("description", Value::from(*name))]);
                words.extend(wish.as_deref().map(|wish| ("preferred_trigger", Value::from(wish))));
                (*id, words)
            })
            .collect();
        let options = HashMap::from([("handle_token", self.token())]);
        self.call(SHORTCUTS, "BindShortcuts", &(session, shortcuts, "", options)).await?.body().deserialize()
    }

    /// Opens the desktop's window for the session's shortcuts.
    pub(super) async fn configure(&self, session: &ObjectPath<'_>) -> Result<()> {
        let nothing: HashMap<&str, Value<'_>> = HashMap::new();
        self.call(SHORTCUTS, "ConfigureShortcuts", &(session, "", nothing)).await.map(drop)
    }

    /// Ends what was asked, with the window that asks.
    pub(super) async fn close_request(&self, request: &ObjectPath<'_>) -> Result<()> {
        self.close(request, REQUEST).await
    }

    /// Gives all shortcuts back.
    pub(super) async fn close_session(&self, session: &ObjectPath<'_>) -> Result<()> {
        self.close(session, SESSION).await
    }

    async fn close(&self, path: &ObjectPath<'_>, interface: &str) -> Result<()> {
        self.connection.call_method(Some(PORTAL), path, Some(interface), "Close", &()).await.map(drop)
    }

    async fn call<B>(&self, interface: &str, method: &str, body: &B) -> Result<Message>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        self.connection.call_method(Some(PORTAL), PATH, Some(interface), method, body).await
    }

    fn token(&mut self) -> Value<'static> {
        self.count += 1;
        Value::from(format!("voicehall{}", self.count))
    }
}

async fn hear(connection: &Connection, rule: MatchRule<'_>) -> Result<BoxStream<'static, Word>> {
    let messages = MessageStream::for_match_rule(rule, connection, Some(QUEUED_MAX)).await?;
    // What does not read as it should is not for us.
    let read = |message: Result<Message>| async move { read(&message.ok()?) };
    Ok(messages.filter_map(read).boxed())
}

fn read(message: &Message) -> Option<Word> {
    let header = message.header();
    let body = message.body();
    let path = || header.path().map(|path| OwnedObjectPath::from(path.to_owned()));
    Some(match (header.interface()?.as_str(), header.member()?.as_str()) {
        (REQUEST, "Response") => {
            let (answer, results): (u32, Dictionary) = body.deserialize().ok()?;
            Word::Response { request: path()?, granted: answer == 0, results }
        }
        (SHORTCUTS, member @ ("Activated" | "Deactivated")) => {
            let (session, id, _, _): (_, _, u64, Dictionary) = body.deserialize().ok()?;
            Word::Shortcut { session, id, pressed: member == "Activated" }
        }
        (SHORTCUTS, "ShortcutsChanged") => {
            let (session, shortcuts): (_, Vec<(String, Dictionary)>) = body.deserialize().ok()?;
            Word::Changed { session, keys: named(shortcuts) }
        }
        (SESSION, "Closed") => Word::Closed { session: path()? },
        (_, "ActiveChanged" | "PrepareForSleep") => {
            body.deserialize::<bool>().ok()?.then_some(Word::Interrupted)?
        }
        _ => return None,
    })
}

/// The session that a request made. Portals name it by a text, though it should be a path.
pub(super) fn session_of(results: &Dictionary) -> Option<OwnedObjectPath> {
    let handle = results.get("session_handle")?;
    let text = handle.downcast_ref::<&str>().ok().and_then(|text| ObjectPath::try_from(text).ok());
    let path = text.or_else(|| handle.downcast_ref::<ObjectPath<'_>>().ok())?;
    Some(path.into())
}

/// The shortcuts that a request left us with, and what the desktop calls their keys.
pub(super) fn keys_of(results: &Dictionary) -> Option<Vec<(String, String)>> {
    let shortcuts = results.get("shortcuts")?.try_clone().ok()?;
    Some(named(shortcuts.try_into().ok()?))
}

fn named(shortcuts: Vec<(String, Dictionary)>) -> Vec<(String, String)> {
    let keys = |words: &Dictionary| {
        words.get("trigger_description").and_then(|keys| keys.downcast_ref::<String>().ok())
    };
    shortcuts.into_iter().map(|(id, words)| (id, keys(&words).unwrap_or_default())).collect()
}
