//! The one driver through which the tests enter: a real server on loopback with a directory of
//! its own, and real HTTP and WebSocket clients.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod call;

use futures_util::{SinkExt as _, StreamExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as Code;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use voicehall_protocol::PROTOCOL_VERSION;
use voicehall_protocol::gateway::{ClientMessage, CloseCode, Event, GuildChange, ServerMessage, Token};
use voicehall_protocol::ids::{ChannelId, GatewaySessionId, VoiceSessionId};
use voicehall_protocol::model::{ChannelKind, Guild};
use voicehall_protocol::rest::{ErrorBody, ErrorCode, GuestRequest, RegisterRequest, SignedIn};
use voicehall_protocol::voice::{Fingerprint, JoinAnswer, JoinRequest};
use voicehall_server::Server;
use voicehall_server::admin::Link;
use voicehall_server::config::{Config, Limits};

/// Nothing here takes as long as this, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A server without limits on rates, and an HTTP client.
pub struct Rig {
    pub server: Server,
    pub http: reqwest::Client,
    pub data: TempDir,
}

pub fn config() -> Config {
    let mut config = Config { limits: Limits::none(), ..Config::default() };
    config.http.listen = "127.0.0.1:0".parse().unwrap();
    config.voice.bind = "127.0.0.1".parse().unwrap();
    config.voice.port = 0;
    config
}

pub async fn start() -> Rig {
    start_with(|_| {}).await
}

pub async fn start_with(tune: impl FnOnce(&mut Config)) -> Rig {
    start_in(tempfile::tempdir().unwrap(), tune).await
}

pub async fn start_in(data: TempDir, tune: impl FnOnce(&mut Config)) -> Rig {
    let mut config = config();
    tune(&mut config);
    let server = Server::start(config, data.path()).await.unwrap();
    Rig { server, http: reqwest::Client::new(), data }
}

pub fn code(link: &str) -> String {
    link.rsplit('/').next().unwrap().to_owned()
}

impl Rig {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.http_address())
    }

    pub fn owner_code(&self) -> String {
        code(self.server.owner_link().unwrap())
    }

    pub async fn invite_code(&self) -> String {
        let link = Link::Invite { uses_max: None, lifetime_s: None };
        code(&self.server.link(link).await.unwrap())
    }

    pub async fn owner(&self) -> SignedIn {
        self.register(&self.owner_code(), "Owner").await.unwrap()
    }

    pub async fn guest(&self, name: &str) -> SignedIn {
        let request = GuestRequest { invite: self.invite_code().await, name: name.to_owned() };
        self.post("/api/guests", None, &request).await.unwrap()
    }

    pub async fn register(&self, invite: &str, name: &str) -> Result<SignedIn, ErrorCode> {
        let (invite, name) = (invite.to_owned(), name.to_owned());
        let request = RegisterRequest { invite, name, password: "correct horse".to_owned() };
        self.post("/api/accounts", None, &request).await
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        token: Option<&Token>,
        body: &impl Serialize,
    ) -> Result<T, ErrorCode> {
        answer(self.authorized(self.http.post(self.url(path)).json(body), token)).await
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str, token: &Token) -> Result<T, ErrorCode> {
        answer(self.authorized(self.http.get(self.url(path)), Some(token))).await
    }

    pub async fn delete(&self, path: &str, token: &Token) -> Result<(), ErrorCode> {
        let response = self.authorized(self.http.delete(self.url(path)), Some(token)).send().await.unwrap();
        if response.status() == 204 { Ok(()) } else { Err(response.json::<ErrorBody>().await.unwrap().code) }
    }

    fn authorized(&self, request: reqwest::RequestBuilder, token: Option<&Token>) -> reqwest::RequestBuilder {
        match token {
            Some(token) => request.bearer_auth(&token.0),
            None => request,
        }
    }

    pub async fn voice_join(&self, ticket: &str) -> Result<JoinAnswer, ErrorCode> {
        self.voice_join_as(ticket, Fingerprint([7; 32])).await
    }

    pub async fn voice_join_as(
        &self,
        ticket: &str,
        fingerprint: Fingerprint,
    ) -> Result<JoinAnswer, ErrorCode> {
        let request = JoinRequest { ticket: ticket.to_owned(), fingerprint, prime: false };
        println!("POST /voice/join {}", serde_json::to_string(&request).unwrap());
        self.post("/voice/join", None, &request).await
    }

    /// A connection that has been greeted.
    pub async fn connect(&self) -> Gateway {
        let (socket, _) = connect_async(self.url("/gateway").replace("http", "ws")).await.unwrap();
        let mut gateway = Gateway { socket, seq: 0 };
        assert!(matches!(gateway.receive().await, ServerMessage::Hello { protocol: PROTOCOL_VERSION, .. }));
        gateway
    }

    /// A connection with a new session.
    pub async fn identify(&self, token: &Token) -> (Gateway, GatewaySessionId, Guild) {
        let mut gateway = self.connect().await;
        gateway.identify(token).await;
        match gateway.receive().await {
            ServerMessage::Ready { session, mut guilds, .. } => (gateway, session, guilds.remove(0)),
            other => panic!("not ready: {other:?}"),
        }
    }

    /// A voice session: ticket, join, and the guild's word that it is there.
    pub async fn call(&self, gateway: &mut Gateway, channel: ChannelId) -> (VoiceSessionId, JoinAnswer) {
        let (session, ticket) = gateway.ticket(channel).await.unwrap();
        let answer = self.voice_join(&ticket).await.unwrap();
        gateway
            .until(|event| match event {
                Event::GuildChanged { change: GuildChange::VoiceStateSet { state }, .. } => {
                    (state.session == session).then_some(())
                }
                _ => None,
            })
            .await;
        (session, answer)
    }
}

async fn answer<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T, ErrorCode> {
    let response = request.send().await.unwrap();
    let good = response.status().is_success();
    let text = response.text().await.unwrap();
    println!("  -> {text}");
    if good {
        return Ok(serde_json::from_str(&text).unwrap());
    }
    Err(serde_json::from_str::<ErrorBody>(&text).unwrap().code)
}

/// The channel of a kind in a guild fresh from the template.
pub fn channel(guild: &Guild, kind: ChannelKind) -> ChannelId {
    guild.channels.iter().find(|channel| channel.kind == kind).unwrap().id
}

/// A gateway connection, as a client has it.
pub struct Gateway {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The last dispatch.
    pub seq: u64,
}

impl Gateway {
    pub async fn send(&mut self, message: &ClientMessage) {
        self.send_text(&serde_json::to_string(message).unwrap()).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        println!("C: {text}");
        // The server may have closed meanwhile; the next receive tells.
        let _ = self.socket.send(Message::text(text)).await;
    }

    pub async fn send_binary(&mut self, bytes: &[u8]) {
        let _ = self.socket.send(Message::binary(bytes.to_vec())).await;
    }

    pub async fn identify(&mut self, token: &Token) {
        self.send(&ClientMessage::Identify { protocol: PROTOCOL_VERSION, token: token.clone() }).await;
    }

    pub async fn resume(&mut self, token: &Token, session: GatewaySessionId, seq: u64) {
        let token = token.clone();
        self.send(&ClientMessage::Resume { protocol: PROTOCOL_VERSION, token, session, seq }).await;
    }

    /// The next message, or the close code.
    pub async fn try_receive(&mut self) -> Result<ServerMessage, u16> {
        loop {
            let message =
                tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("the server answers");
            match message {
                Some(Ok(Message::Text(text))) => {
                    println!("S: {text:.2000}");
                    let message = serde_json::from_str(&text).unwrap();
                    if let ServerMessage::Dispatch { seq, .. } = message {
                        assert_eq!(seq, self.seq + 1, "dispatches have no gap");
                        self.seq = seq;
                    }
                    return Ok(message);
                }
                Some(Ok(Message::Close(frame))) => return Err(frame.expect("a close code").code.into()),
                Some(Ok(_)) => {}
                Some(Err(error)) => panic!("the connection broke: {error}"),
                None => panic!("the connection ended without a close frame"),
            }
        }
    }

    pub async fn receive(&mut self) -> ServerMessage {
        self.try_receive().await.expect("the connection is open")
    }

    pub async fn closed(&mut self, expected: CloseCode) {
        loop {
            if let Err(code) = self.try_receive().await {
                assert_eq!(code, expected as u16, "{expected:?}");
                return;
            }
        }
    }

    /// The first event that is wanted.
    pub async fn until<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            if let ServerMessage::Dispatch { event, .. } = self.receive().await
                && let Some(found) = wanted(&event)
            {
                return found;
            }
        }
    }

    pub async fn until_change<T>(&mut self, wanted: impl Fn(&GuildChange) -> Option<T>) -> T {
        self.until(|event| match event {
            Event::GuildChanged { change, .. } => wanted(change),
            _ => None,
        })
        .await
    }

    /// The answer to a request, whatever happens before it.
    pub async fn answer(&mut self) -> ServerMessage {
        loop {
            match self.receive().await {
                ServerMessage::Dispatch { .. } => {}
                answer => return answer,
            }
        }
    }

    pub async fn ticket(&mut self, channel: ChannelId) -> Result<(VoiceSessionId, String), ErrorCode> {
        let join = ClientMessage::VoiceJoin { nonce: 7, channel, self_mute: false, self_deaf: false };
        self.send(&join).await;
        match self.answer().await {
            ServerMessage::VoiceTicket { nonce: 7, session, ticket, .. } => Ok((session, ticket)),
            ServerMessage::Error { nonce: Some(7), code, .. } => Err(code),
            other => panic!("no ticket: {other:?}"),
        }
    }

    /// Closes for good.
    pub async fn leave(mut self) {
        let frame = CloseFrame { code: Code::Normal, reason: "".into() };
        let _ = self.socket.close(Some(frame)).await;
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}
