//! The gateway session: identify, heartbeat, resume, and reconnecting without losing an event.

use crate::Failure;
use crate::invite::Invite;
use futures_util::{SinkExt as _, StreamExt as _};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use voicehall_protocol::PROTOCOL_VERSION;
use voicehall_protocol::gateway::{ClientMessage, CloseCode, Event, GATEWAY_PATH, ServerMessage, Token};
use voicehall_protocol::ids::{GatewaySessionId, VoiceSessionId};
use voicehall_protocol::model::{Guild, User};
use voicehall_protocol::rest::ErrorCode;

/// Wait before the first new try; doubles with each.
const BACKOFF_MIN: Duration = Duration::from_millis(250);

/// Longest wait between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(15);

/// Tries before a server that never answered counts as unreachable.
const FIRST_TRIES: u32 = 3;

/// How long the server may take for its hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// News that may wait for the call's task, which does little.
const NEWS_MAX: usize = 1024;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What the gateway tells.
#[derive(Debug)]
pub(crate) enum News {
    /// A new session: everything anew.
    Ready { user: User, guilds: Vec<Guild> },
    /// A change.
    Event(Event),
    /// A ticket that was asked for.
    Ticket { session: VoiceSessionId, node: String, ticket: String },
    /// A request was refused.
    Refused { code: ErrorCode, message: String },
    /// The connection is gone, and is being made again.
    Reconnecting,
    /// The login is not valid.
    BadToken,
    /// There is no use in trying again.
    Failed(Failure),
}

/// A session that keeps itself up. Dropping it ends it.
pub(crate) struct Gateway {
    requests: mpsc::Sender<ClientMessage>,
    pub(crate) news: mpsc::Receiver<News>,
    task: JoinHandle<()>,
}

impl Gateway {
    pub(crate) fn open(invite: &Invite, token: Token) -> Self {
        let (requests, requests_receiver) = mpsc::channel(64);
        let (news_sender, news) = mpsc::channel(NEWS_MAX);
        let session = Session {
            url: invite.websocket(GATEWAY_PATH),
            origin: invite.origin.clone(),
            token,
            resumable: None,
            news: news_sender,
        };
        Self { requests, news, task: tokio::spawn(session.run(requests_receiver)) }
    }

    /// Asks for something. Lost if the connection is gone, as requests are.
    pub(crate) async fn request(&self, request: ClientMessage) {
        // Closed only after `News::Failed`, which says more.
        let _ = self.requests.send(request).await;
    }

    /// Closes the connection once what was requested has been sent.
    pub(crate) async fn close(self) {
        drop(self.requests);
        drop(self.news);
        // A server that does not take its leave is left anyway.
        let _ = tokio::time::timeout(Duration::from_secs(2), self.task).await;
    }
}

struct Session {
    url: String,
    origin: String,
    token: Token,
    /// The session's id and the last dispatch that was processed.
    resumable: Option<(GatewaySessionId, u64)>,
    news: mpsc::Sender<News>,
}

/// Why a connection ended.
enum Ending {
    /// The network, or a close code that asks to come back.
    Again(String),
    /// Nobody needs it any more.
    Done,
    /// For good.
    Final(Box<News>),
}

impl Session {
    async fn run(mut self, mut requests: mpsc::Receiver<ClientMessage>) {
        let mut tries = 0;
        loop {
            let had_session = self.resumable.is_some();
            let ending = self.connection(&mut requests, &mut tries).await;
            match ending {
                Ending::Done => return,
                Ending::Final(news) => {
                    let _ = self.news.send(*news).await;
                    return;
                }
                Ending::Again(reason)
                    if !had_session && self.resumable.is_none() && tries + 1 >= FIRST_TRIES =>
                {
                    let origin = self.origin.clone();
                    let _ = self.news.send(News::Failed(Failure::Unreachable { origin, reason })).await;
                    return;
                }
                Ending::Again(reason) => tracing::debug!(reason, "gateway connection lost"),
            }
            if tries == 0 && self.news.send(News::Reconnecting).await.is_err() {
                return;
            }
            tokio::time::sleep(backoff(tries)).await;
            tries += 1;
        }
    }

    async fn connection(&mut self, requests: &mut mpsc::Receiver<ClientMessage>, tries: &mut u32) -> Ending {
        let mut socket = match connect_async(&self.url).await {
            Ok((socket, _)) => socket,
            Err(error) => return Ending::Again(error.to_string()),
        };
        let interval = match self.hello(&mut socket).await {
            Ok(interval) => interval,
            Err(ending) => return ending,
        };
        let mut heartbeats = tokio::time::interval(interval);
        heartbeats.reset();
        let mut answered = true;
        loop {
            let said = tokio::select! {
                message = socket.next() => match received(message) {
                    Ok(Some(message)) => {
                        answered |= matches!(message, ServerMessage::HeartbeatAck {});
                        match self.handle(message, &mut socket, tries).await {
                            Ok(()) => continue,
                            Err(ending) => return ending,
                        }
                    }
                    Ok(None) => continue,
                    Err(ending) => return ending,
                },
                request = requests.recv() => match request {
                    Some(request) => say(&mut socket, &request).await,
                    None => {
                        // Whether the server heard the farewell does not matter.
                        let _ = socket.close(None).await;
                        return Ending::Done;
                    }
                },
                _ = heartbeats.tick() => {
                    if !std::mem::take(&mut answered) {
                        return Ending::Again("no answer to a heartbeat".to_owned());
                    }
                    let seq = self.resumable.map_or(0, |(_, seq)| seq);
                    say(&mut socket, &ClientMessage::Heartbeat { seq }).await
                }
            };
            if let Err(error) = said {
                return Ending::Again(error.to_string());
            }
        }
    }

    /// Waits for the server's hello and introduces itself.
    async fn hello(&self, socket: &mut Socket) -> Result<Duration, Ending> {
        let silent = |_| Ending::Again("the server says nothing".to_owned());
        let first = tokio::time::timeout(HELLO_TIMEOUT, socket.next()).await.map_err(silent)?;
        let Some(ServerMessage::Hello { protocol, heartbeat_interval_ms }) = received(first)? else {
            return Err(Ending::Again("the server does not say hello".to_owned()));
        };
        if protocol != PROTOCOL_VERSION {
            return Err(Ending::Final(Box::new(News::Failed(Failure::ProtocolMismatch(protocol)))));
        }
        let introduction = match self.resumable {
            Some((session, seq)) => {
                ClientMessage::Resume { protocol, token: self.token.clone(), session, seq }
            }
            None => self.identify(),
        };
        say(socket, &introduction).await.map_err(|error| Ending::Again(error.to_string()))?;
        Ok(Duration::from_millis(heartbeat_interval_ms.max(1000).into()))
    }

    fn identify(&self) -> ClientMessage {
        ClientMessage::Identify { protocol: PROTOCOL_VERSION, token: self.token.clone() }
    }

    async fn handle(
        &mut self,
        message: ServerMessage,
        socket: &mut Socket,
        tries: &mut u32,
    ) -> Result<(), Ending> {
        let news = match message {
            ServerMessage::Ready { session, user, guilds } => {
                self.resumable = Some((session, 0));
                *tries = 0;
                News::Ready { user, guilds }
            }
            ServerMessage::Dispatch { seq, event } => {
                if let Some((_, last)) = &mut self.resumable {
                    *last = seq;
                }
                News::Event(event)
            }
            ServerMessage::InvalidSession {} => {
                self.resumable = None;
                return say(socket, &self.identify()).await.map_err(|error| Ending::Again(error.to_string()));
            }
            ServerMessage::VoiceTicket { session, node, ticket, .. } => {
                News::Ticket { session, node, ticket }
            }
            ServerMessage::Error { code, message, .. } => News::Refused { code, message },
            ServerMessage::Resumed { .. } => {
                *tries = 0;
                return Ok(());
            }
            ServerMessage::Hello { .. } | ServerMessage::HeartbeatAck {} | ServerMessage::Ack { .. } => {
                return Ok(());
            }
        };
        self.news.send(news).await.map_err(|_| Ending::Done)
    }
}

async fn say(socket: &mut Socket, message: &ClientMessage) -> Result<(), tungstenite::Error> {
    let text = serde_json::to_string(message).map_err(|error| tungstenite::Error::Io(error.into()))?;
    socket.send(Message::text(text)).await
}

/// The message in a frame, if it holds one.
fn received(frame: Option<Result<Message, tungstenite::Error>>) -> Result<Option<ServerMessage>, Ending> {
    match frame {
        Some(Ok(Message::Text(text))) => {
            serde_json::from_str(&text).map(Some).map_err(|error| Ending::Again(error.to_string()))
        }
        Some(Ok(Message::Close(frame))) => Err(closed(frame.map(|frame| u16::from(frame.code)))),
        Some(Ok(_)) => Ok(None),
        Some(Err(error)) => Err(Ending::Again(error.to_string())),
        None => Err(Ending::Again("the connection was closed".to_owned())),
    }
}

fn closed(code: Option<u16>) -> Ending {
    let Some(code) = CloseCode::ALL.iter().find(|known| Some(**known as u16) == code) else {
        return Ending::Again("the connection was closed".to_owned());
    };
    match code {
        CloseCode::BadToken => Ending::Final(Box::new(News::BadToken)),
        CloseCode::Malformed
        | CloseCode::AlreadyIdentified
        | CloseCode::ProtocolMismatch
        | CloseCode::Superseded => Ending::Final(Box::new(News::Failed(Failure::Closed(*code)))),
        CloseCode::Internal
        | CloseCode::NotIdentified
        | CloseCode::RateLimited
        | CloseCode::HeartbeatMissed
        | CloseCode::TooSlow
        | CloseCode::ShuttingDown => Ending::Again(code.name().to_owned()),
    }
}

/// Doubling, with half of it random, so that a thousand clients do not come back at once.
pub(crate) fn backoff(tries: u32) -> Duration {
    let whole = BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(tries)).min(BACKOFF_MAX);
    whole / 2 + (whole / 2).mul_f64(rand::random())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit() {
        for tries in 0..100 {
            let wait = backoff(tries);
            assert!(wait >= BACKOFF_MIN / 2 && wait <= BACKOFF_MAX, "{tries}: {wait:?}");
        }
        assert!(backoff(90) >= BACKOFF_MAX / 2);
    }

    #[test]
    fn only_what_cannot_get_better_is_final() {
        let bad_token = closed(Some(CloseCode::BadToken as u16));
        assert!(matches!(bad_token, Ending::Final(news) if matches!(*news, News::BadToken)));
        assert!(matches!(closed(Some(CloseCode::ProtocolMismatch as u16)), Ending::Final(_)));
        for code in [None, Some(1006), Some(CloseCode::ShuttingDown as u16)] {
            assert!(matches!(closed(code), Ending::Again(_)), "{code:?}");
        }
    }
}
