//! People in a voice channel: a gateway, real UDP, and the control socket of their video.

use super::{Gateway, PATIENCE, Rig, channel};
use futures_util::{SinkExt as _, StreamExt as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use voicehall_protocol::gateway::GuildChange;
use voicehall_protocol::ids::VoiceSessionId;
use voicehall_protocol::model::{ChannelKind, Guild, VoiceState};
use voicehall_protocol::rest::SignedIn;
use voicehall_protocol::rtp::{SourceId, SourceKind};
use voicehall_protocol::video::{ClientMessage, ErrorCode, ServerMessage, VIDEO_PATH, View};
use voicehall_protocol::voice::JoinAnswer;
use voicehall_test_peer::{Peer, PeerConfig, State};

/// Between two looks at what is waited for.
const STEP: Duration = Duration::from_millis(2);

/// Waits until it is so.
pub async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    eventually_answers(what, async || so()).await;
}

/// Waits until the answer is yes.
pub async fn eventually_answers(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !so().await {
        assert!(start.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(STEP).await;
    }
}

/// Somebody whose media flows.
pub struct Caller {
    pub who: SignedIn,
    pub gateway: Gateway,
    pub guild: Guild,
    pub session: VoiceSessionId,
    pub answer: JoinAnswer,
    /// Where their packets come from.
    pub address: SocketAddr,
    peer: Arc<Mutex<Peer>>,
    media: JoinHandle<()>,
}

impl Caller {
    pub async fn join(rig: &Rig, who: SignedIn) -> Self {
        let mut caller = Self::join_unconnected(rig, who).await;
        caller.connect().await;
        caller
    }

    /// Lets media flow.
    pub async fn connect(&mut self) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        self.address = socket.local_addr().unwrap();
        socket.connect(self.answer.addresses[0]).await.unwrap();
        self.media = tokio::spawn(carry(socket, Arc::clone(&self.peer)));
        eventually("media flows", || self.peer().state() == State::Connected).await;
    }

    /// Somebody who has joined, and of whom no packet has come yet.
    pub async fn join_unconnected(rig: &Rig, who: SignedIn) -> Self {
        let (mut gateway, _, guild) = rig.identify(&who.token).await;
        let (certificate, fingerprint) = voicehall_test_peer::certificate();
        let (session, ticket) = gateway.ticket(channel(&guild, ChannelKind::Voice)).await.unwrap();
        let answer = rig.voice_join_as(&ticket, fingerprint).await.unwrap();
        gateway
            .until_change(|change| match change {
                GuildChange::VoiceStateSet { state } => (state.session == session).then_some(()),
                _ => None,
            })
            .await;
        let config = PeerConfig {
            ufrag: answer.ufrag.clone(),
            password: answer.password.clone(),
            node_fingerprint: answer.fingerprint,
            certificate,
            ssrc: 0x3000,
            sequence: 1,
        };
        let mut peer = Peer::new(config, Instant::now());
        peer.keep_opened();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let (peer, media) = (Arc::new(Mutex::new(peer)), tokio::spawn(async {}));
        Self { who, gateway, guild, session, answer, address, peer, media }
    }

    pub fn peer(&self) -> MutexGuard<'_, Peer> {
        self.peer.lock().unwrap()
    }

    pub fn camera(&self) -> SourceId {
        self.answer.source.sibling(SourceKind::Camera)
    }

    /// A view of their camera.
    pub fn view(&self, slot: u8, height: u16) -> View {
        View { slot, source: self.camera(), height, frame_rate: 30, priority: 1 }
    }

    /// A control socket that has said whose it is.
    pub async fn control(&self, rig: &Rig) -> Control {
        let mut control = Control::connect(rig).await;
        let (ufrag, password) = (self.answer.ufrag.clone(), self.answer.password.clone());
        control.send(&ClientMessage::Open { ufrag, password }).await;
        control
    }

    /// The next voice state of a session that is wanted, as this one's gateway tells it.
    pub async fn told(&mut self, session: VoiceSessionId, wanted: impl Fn(&VoiceState) -> bool) {
        self.gateway
            .until_change(|change| match change {
                GuildChange::VoiceStateSet { state } => {
                    (state.session == session && wanted(state)).then_some(())
                }
                _ => None,
            })
            .await;
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.media.abort();
    }
}

/// Carries a peer's datagrams.
async fn carry(socket: UdpSocket, peer: Arc<Mutex<Peer>>) {
    let mut datagram = [0; 2048];
    loop {
        let out: Vec<Vec<u8>> = {
            let mut peer = peer.lock().unwrap();
            peer.handle_timeout(Instant::now());
            std::iter::from_fn(|| peer.poll_datagram()).collect()
        };
        for packet in out {
            let _ = socket.send(&packet).await;
        }
        if let Ok(Ok(len)) = tokio::time::timeout(STEP, socket.recv(&mut datagram)).await {
            peer.lock().unwrap().handle_datagram(&datagram[..len], Instant::now());
        }
    }
}

/// A control socket, as a client has it.
pub struct Control {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Everything that came.
    pub received: String,
}

impl Control {
    pub async fn connect(rig: &Rig) -> Self {
        Self::try_connect(rig).await.expect("it is let in")
    }

    pub async fn try_connect(rig: &Rig) -> Result<Self, tokio_tungstenite::tungstenite::Error> {
        let (socket, _) = connect_async(rig.url(VIDEO_PATH).replace("http", "ws")).await?;
        Ok(Self { socket, received: String::new() })
    }

    pub async fn send(&mut self, message: &ClientMessage) {
        self.send_text(&serde_json::to_string(message).unwrap()).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        println!("VC: {text:.2000}");
        // The node may have closed meanwhile; the next receive tells.
        let _ = self.socket.send(Message::text(text)).await;
    }

    pub async fn send_binary(&mut self, bytes: &[u8]) {
        let _ = self.socket.send(Message::binary(bytes.to_vec())).await;
    }

    pub async fn views(&mut self, views: impl Into<Vec<View>>) {
        self.send(&ClientMessage::Views { views: views.into() }).await;
    }

    /// The next message, or the close code.
    pub async fn try_receive(&mut self) -> Result<ServerMessage, u16> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("the node answers");
            match message {
                Some(Ok(Message::Text(text))) => {
                    println!("VS: {text}");
                    self.received.push_str(&text);
                    return Ok(serde_json::from_str(&text).unwrap());
                }
                Some(Ok(Message::Close(frame))) => return Err(frame.expect("a close code").code.into()),
                Some(Ok(_)) => {}
                Some(Err(error)) => panic!("the socket broke: {error}"),
                None => panic!("the socket ended without a close frame"),
            }
        }
    }

    /// Skips to the message that is wanted.
    pub async fn until(&mut self, wanted: impl Fn(&ServerMessage) -> bool) {
        while !wanted(&self.try_receive().await.expect("the socket is open")) {}
    }

    /// The error before the close, and the close.
    pub async fn refused(&mut self, expected: ErrorCode) {
        loop {
            if let ServerMessage::Error { code } = self.try_receive().await.expect("an error comes first") {
                assert_eq!(code, expected);
                break;
            }
        }
        let close =
            if matches!(expected, ErrorCode::SessionEnded | ErrorCode::Replaced) { 1000 } else { 1008 };
        assert_eq!(self.try_receive().await, Err(close));
    }

    /// Closes, and waits for the node to do the same.
    pub async fn close(mut self) {
        let _ = self.socket.close(None).await;
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}
