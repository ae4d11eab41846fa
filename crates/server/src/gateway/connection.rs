//! One WebSocket connection, from hello to close.

use super::requests;
use super::session::{End, Next, Session};
use crate::accounts;
use crate::app::{self, App};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use governor::DefaultDirectRateLimiter;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};
use voicehall_protocol::PROTOCOL_VERSION;
use voicehall_protocol::gateway::{CLIENT_MESSAGE_BYTES_MAX, ClientMessage, CloseCode, ServerMessage, Token};
use voicehall_protocol::ids::GatewaySessionId;

/// How long a client may take to accept the close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a connection ends.
enum Over {
    /// The client closed it for good: WebSocket close codes 1000 and 1001.
    Left,
    /// It is gone.
    Lost,
    /// The server closes it.
    Close(CloseCode),
}

impl From<CloseCode> for Over {
    fn from(code: CloseCode) -> Self {
        Self::Close(code)
    }
}

/// A session that this connection serves.
struct Served {
    session: Arc<Session>,
    /// The connection's number within the session.
    connection: u64,
}

/// Serves a connection to its end.
pub(super) async fn run(app: Arc<App>, socket: WebSocket) {
    let _counted = app.counters.gateway_connection();
    let (sink, stream) = socket.split();
    let write_timeout = Duration::from_millis(app.config.gateway.write_timeout_ms.into());
    let mut client = Client { sink, stream, limiter: app.limits.gateway_messages(), write_timeout };
    let mut served = None;
    let over = match serve(&app, &mut client, &mut served).await {
        Ok(never) => match never {},
        Err(over) => over,
    };
    if let Over::Close(code) = over {
        client.close(code).await;
    }
    if let Some(Served { session, connection }) = served {
        match over {
            Over::Left => app.sessions.end(&session, End::Left),
            Over::Lost | Over::Close(_) => session.lose(connection),
        }
    }
}

async fn serve(
    app: &Arc<App>,
    client: &mut Client,
    served: &mut Option<Served>,
) -> Result<std::convert::Infallible, Over> {
    let heartbeat_interval_ms = app.config.gateway.heartbeat_interval_ms;
    client.send(&ServerMessage::Hello { protocol: PROTOCOL_VERSION, heartbeat_interval_ms }).await?;
    let Served { session, connection } = served.insert(open(app, client).await?);
    let patience = Duration::from_millis(u64::from(heartbeat_interval_ms) * 2);
    let mut deadline = Instant::now() + patience;
    let mut stopping = app.stopping.subscribe();
    loop {
        match session.next(*connection) {
            Next::Send(seq, event) => {
                client.send_text(format!(r#"{{"op":"dispatch","seq":{seq},"event":{event}}}"#)).await?;
                // A client is heard even while there is always something to tell it.
                if seq % 16 != 0 {
                    continue;
                }
            }
            Next::Wait => {}
            Next::Close(code) => return Err(code.into()),
        }
        tokio::select! {
            biased;
            () = app::stopped(&mut stopping) => return Err(CloseCode::ShuttingDown.into()),
            message = client.receive() => match message? {
                ClientMessage::Heartbeat { seq } => {
                    session.acknowledge(seq);
                    deadline = Instant::now() + patience;
                    client.send(&ServerMessage::HeartbeatAck {}).await?;
                }
                request => {
                    if let Some(answer) = requests::answer(app, session, request).await? {
                        client.send(&answer).await?;
                    }
                }
            },
            () = tokio::time::sleep_until(deadline) => return Err(CloseCode::HeartbeatMissed.into()),
            () = session.woken() => {}
            // Only where the loop came here to listen while there is more to send.
            () = std::future::ready(()), if session.has_more() => {}
        }
    }
}

/// From hello to an open session.
async fn open(app: &Arc<App>, client: &mut Client) -> Result<Served, Over> {
    let patience = Duration::from_millis(app.config.gateway.identify_timeout_ms.into());
    let mut deadline = Instant::now() + patience;
    loop {
        let message = timeout_at(deadline, client.receive()).await;
        match message.map_err(|_| CloseCode::NotIdentified)?? {
            ClientMessage::Identify { protocol, token } => {
                return identify(app, client, protocol, &token).await;
            }
            ClientMessage::Resume { protocol, token, session, seq } => {
                if let Some(served) = resume(app, client, protocol, &token, session, seq).await? {
                    return Ok(served);
                }
                client.send(&ServerMessage::InvalidSession {}).await?;
                deadline = Instant::now() + patience;
            }
            _ => return Err(CloseCode::NotIdentified.into()),
        }
    }
}

async fn authenticate(app: &App, protocol: u32, token: &Token) -> Result<accounts::SignedInAs, CloseCode> {
    if protocol != PROTOCOL_VERSION {
        return Err(CloseCode::ProtocolMismatch);
    }
    let found = accounts::authenticate(app, &token.0).await.map_err(|error| {
        tracing::error!(%error, "cannot look up a token");
        CloseCode::Internal
    })?;
    found.ok_or(CloseCode::BadToken)
}

async fn identify(app: &Arc<App>, client: &mut Client, protocol: u32, token: &Token) -> Result<Served, Over> {
    let signed_in = authenticate(app, protocol, token).await?;
    let user = signed_in.user.clone();
    let session = app.sessions.open(signed_in.user, signed_in.login);
    // From here on the session hears of everything; what it hears before `Ready` waits.
    let guilds = match snapshots(app, &session).await {
        Ok(guilds) => guilds,
        Err(code) => {
            app.sessions.end(&session, End::Left);
            return Err(code.into());
        }
    };
    let served = Served { session: Arc::clone(&session), connection: 1 };
    let ready = ServerMessage::Ready { session: session.id, user, guilds };
    if let Err(over) = client.send(&ready).await {
        // Nobody knows this session's id, so nobody can resume it.
        app.sessions.end(&session, End::Left);
        return Err(over);
    }
    Ok(served)
}

async fn snapshots(
    app: &App,
    session: &Arc<Session>,
) -> Result<Vec<voicehall_protocol::model::Guild>, CloseCode> {
    let of_user = app.store.guilds_of(session.user.id).await.map_err(|error| {
        tracing::error!(%error, "cannot look up memberships");
        CloseCode::Internal
    })?;
    let mut guilds = Vec::with_capacity(of_user.len());
    for guild in of_user.into_iter().filter_map(|guild| app.guilds.get(guild)) {
        let snapshot = guild.subscribe(Arc::clone(session)).await.map_err(|_| CloseCode::ShuttingDown)?;
        guilds.extend(snapshot);
    }
    Ok(guilds)
}

/// None when the session cannot go on; the client may identify instead.
async fn resume(
    app: &App,
    client: &mut Client,
    protocol: u32,
    token: &Token,
    session: GatewaySessionId,
    seq: u64,
) -> Result<Option<Served>, Over> {
    let signed_in = authenticate(app, protocol, token).await?;
    let known = app.sessions.get(session).filter(|session| session.login == signed_in.login);
    let Some(session) = known else { return Ok(None) };
    let Ok((connection, last)) = session.resume(seq) else { return Ok(None) };
    let served = Served { session, connection };
    // Sends what was missed and nothing newer, so that the client knows where the past ends.
    let missed = async {
        loop {
            match served.session.next_until(connection, last) {
                Next::Send(seq, event) => {
                    client.send_text(format!(r#"{{"op":"dispatch","seq":{seq},"event":{event}}}"#)).await?;
                }
                Next::Wait => return client.send(&ServerMessage::Resumed { seq: last }).await,
                Next::Close(code) => return Err(code.into()),
            }
        }
    };
    if let Err(over) = missed.await {
        served.session.lose(connection);
        return Err(over);
    }
    Ok(Some(served))
}

/// The client's end of the connection, with its bounds.
struct Client {
    sink: SplitSink<WebSocket, Message>,
    stream: SplitStream<WebSocket>,
    limiter: Option<DefaultDirectRateLimiter>,
    write_timeout: Duration,
}

impl Client {
    async fn send(&mut self, message: &ServerMessage) -> Result<(), Over> {
        self.send_text(serde_json::to_string(message).expect("messages are JSON")).await
    }

    async fn send_text(&mut self, text: String) -> Result<(), Over> {
        match timeout(self.write_timeout, self.sink.send(Message::Text(text.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Over::Lost),
            Err(_) => Err(CloseCode::TooSlow.into()),
        }
    }

    /// The next message. May be dropped at any await without losing one.
    async fn receive(&mut self) -> Result<ClientMessage, Over> {
        loop {
            let message = self.stream.next().await.ok_or(Over::Lost)?;
            if self.limiter.as_ref().is_some_and(|limiter| limiter.check().is_err()) {
                return Err(CloseCode::RateLimited.into());
            }
            match message {
                Ok(Message::Text(text)) if text.len() <= CLIENT_MESSAGE_BYTES_MAX => {
                    return serde_json::from_str(&text).map_err(|_| CloseCode::Malformed.into());
                }
                Ok(Message::Text(_) | Message::Binary(_)) => return Err(CloseCode::Malformed.into()),
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(Message::Close(frame)) => {
                    let for_good = frame.is_some_and(|frame| matches!(frame.code, 1000 | 1001));
                    return Err(if for_good { Over::Left } else { Over::Lost });
                }
                // A frame that breaks RFC 6455, or is too large to be read; or the connection is
                // gone, and then the close frame goes nowhere.
                Err(_) => return Err(CloseCode::Malformed.into()),
            }
        }
    }

    async fn close(&mut self, code: CloseCode) {
        let frame = CloseFrame { code: code as u16, reason: code.name().into() };
        let closing = async {
            self.sink.send(Message::Close(Some(frame))).await?;
            // Data that was not read when a socket closes would reset it, and the client might
            // never see the code.
            while let Some(Ok(_)) = self.stream.next().await {}
            Ok::<(), axum::Error>(())
        };
        // The connection ends either way.
        let _ = timeout(CLOSE_TIMEOUT, closing).await;
    }
}
