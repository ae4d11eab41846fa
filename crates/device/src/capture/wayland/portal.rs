//! The ScreenCast portal's words on the session bus. What it answers is read without trust.

use super::super::CaptureError;
use futures_util::StreamExt as _;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::time::Duration;
use zbus::message::Type;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};
use zbus::{Connection, MatchRule, Message, MessageStream};

const PORTAL: &str = "org.freedesktop.portal.Desktop";
const PATH: &str = "/org/freedesktop/portal/desktop";
const SCREEN_CAST: &str = "org.freedesktop.portal.ScreenCast";
const REQUEST: &str = "org.freedesktop.portal.Request";
const SESSION: &str = "org.freedesktop.portal.Session";

/// How long the portal may take to answer a call. It may have to be started first. What people are asked
/// has no limit, for it is no call.
const CALL_TIMEOUT: Duration = Duration::from_secs(25);

/// Signals that wait to be read while a call is answered. More would stop the connection until then.
const QUEUED_MAX: usize = 256;

/// From this version on, it remembers what was chosen.
const REMEMBERS: u32 = 4;

/// Monitors and windows.
const TYPES: u32 = 1 | 2;

/// The cursor is part of the picture.
const CURSOR_EMBEDDED: u32 = 2;

/// Until the person takes it back in the desktop's settings.
const PERSIST: u32 = 2;

type Dictionary = HashMap<String, OwnedValue>;

/// A desktop that shares screens.
pub(super) struct Portal {
    connection: Connection,
    responses: MessageStream,
    ends: MessageStream,
    version: u32,
    session: Option<OwnedObjectPath>,
    /// Makes the names of requests and sessions unlike each other.
    count: u32,
}

/// What the person has allowed.
pub(super) struct Granted {
    /// The stream's node.
    pub node: u32,
    /// The connection on which that node can be seen.
    pub remote: OwnedFd,
    /// Chooses the same again.
    pub token: Option<String>,
}

impl Portal {
    /// # Errors
    /// [`CaptureError::Unsupported`] where there is none.
    pub(super) async fn find() -> Result<Self, CaptureError> {
        let unsupported = |error: zbus::Error| CaptureError::Unsupported(error.to_string());
        let builder = zbus::connection::Builder::session().map_err(unsupported)?;
        let connection = builder.method_timeout(CALL_TIMEOUT).build().await.map_err(unsupported)?;
        let version = property(&connection, "version").await.map_err(unsupported)?;
        let responses = hear(&connection, REQUEST, "Response").await.map_err(unsupported)?;
        let ends = hear(&connection, SESSION, "Closed").await.map_err(unsupported)?;
        Ok(Self { connection, responses, ends, version, session: None, count: 0 })
    }

    /// Asks the person, unless the desktop still knows what the token stands for.
    pub(super) async fn ask(&mut self, token: &str) -> Result<Granted, CaptureError> {
        let options = HashMap::from([("session_handle_token", self.token()), self.handle()]);
        let results = self.request("CreateSession", &(options,)).await?;
        let session = session_of(&results)
            .ok_or_else(|| CaptureError::Failed("the desktop makes a session without a name".to_owned()))?;
        self.session = Some(session.clone());

        let mut options = HashMap::from([("types", Value::from(TYPES)), self.handle()]);
        options.insert("multiple", Value::from(false));
        let cursors = property(&self.connection, "AvailableCursorModes").await.unwrap_or_default();
        if cursors & CURSOR_EMBEDDED != 0 {
            options.insert("cursor_mode", Value::from(CURSOR_EMBEDDED));
        }
        if self.version >= REMEMBERS {
            options.insert("persist_mode", Value::from(PERSIST));
            options.extend((!token.is_empty()).then(|| ("restore_token", Value::from(token))));
        }
        self.request("SelectSources", &(&session, options)).await?;

        let options = HashMap::from([self.handle()]);
        let results = self.request("Start", &(&session, "", options)).await?;
        let node = node_of(&results)
            .ok_or_else(|| CaptureError::Failed("the desktop shares a stream without a number".to_owned()))?;
        let token = results.get("restore_token").and_then(|token| token.downcast_ref::<String>().ok());

        let nothing: HashMap<&str, Value<'_>> = HashMap::new();
        let answer = self.call("OpenPipeWireRemote", &(&session, nothing)).await?;
        let remote: zbus::zvariant::OwnedFd = answer.body().deserialize().map_err(CaptureError::failed)?;
        Ok(Granted { node, remote: remote.into(), token })
    }

    /// Waits until the desktop ends the session, or is gone.
    pub(super) async fn closed(&self) {
        let mut ends = self.ends.clone();
        while let Some(message) = ends.next().await {
            let Ok(message) = message else { return };
            if message
                .header()
                .path()
                .is_some_and(|path| Some(path.as_str()) == self.session.as_deref().map(|s| s.as_str()))
            {
                return;
            }
        }
    }

    /// Gives the session back.
    pub(super) async fn close(&self) {
        let Some(session) = &self.session else { return };
        let closed = self.connection.call_method(Some(PORTAL), session, Some(SESSION), "Close", &()).await;
        if let Err(error) = closed {
            tracing::debug!(%error, "the session was over already");
        }
    }

    /// Calls, and waits for what the person says.
    async fn request<B>(&mut self, method: &str, body: &B) -> Result<Dictionary, CaptureError>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let answer = self.call(method, body).await?;
        let request: OwnedObjectPath = answer.body().deserialize().map_err(CaptureError::failed)?;
        while let Some(message) = self.responses.next().await {
            let message = message.map_err(CaptureError::failed)?;
            if message.header().path().is_none_or(|path| path.as_str() != request.as_str()) {
                continue;
            }
            let (answer, results): (u32, Dictionary) =
                message.body().deserialize().map_err(CaptureError::failed)?;
            return if answer == 0 { Ok(results) } else { Err(CaptureError::Declined) };
        }
        Err(CaptureError::Failed("the message bus is gone".to_owned()))
    }

    async fn call<B>(&self, method: &str, body: &B) -> Result<Message, CaptureError>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let answer = self.connection.call_method(Some(PORTAL), PATH, Some(SCREEN_CAST), method, body).await;
        answer.map_err(CaptureError::failed)
    }

    fn handle(&mut self) -> (&'static str, Value<'static>) {
        ("handle_token", self.token())
    }

    fn token(&mut self) -> Value<'static> {
        self.count += 1;
        Value::from(format!("voicehall{}", self.count))
    }
}

async fn hear(
    connection: &Connection,
    interface: &'static str,
    member: &'static str,
) -> Result<MessageStream, zbus::Error> {
    let rule = MatchRule::builder().msg_type(Type::Signal).sender(PORTAL)?;
    let rule = rule.interface(interface)?.member(member)?.build();
    MessageStream::for_match_rule(rule, connection, Some(QUEUED_MAX)).await
}

async fn property(connection: &Connection, name: &str) -> Result<u32, zbus::Error> {
    let properties = "org.freedesktop.DBus.Properties";
    let answer =
        connection.call_method(Some(PORTAL), PATH, Some(properties), "Get", &(SCREEN_CAST, name)).await?;
    let value: OwnedValue = answer.body().deserialize()?;
    Ok(value.try_into()?)
}

/// Portals name a session by a text, though it should be a path.
fn session_of(results: &Dictionary) -> Option<OwnedObjectPath> {
    let handle = results.get("session_handle")?;
    let text = handle.downcast_ref::<&str>().ok().and_then(|text| ObjectPath::try_from(text).ok());
    Some(text.or_else(|| handle.downcast_ref::<ObjectPath<'_>>().ok())?.into())
}

/// The first stream's node: we ask for one alone.
fn node_of(results: &Dictionary) -> Option<u32> {
    let streams = results.get("streams")?.try_clone().ok()?;
    let streams: Vec<(u32, Dictionary)> = streams.try_into().ok()?;
    streams.first().map(|(node, _)| *node)
}
