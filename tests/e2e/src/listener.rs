//! Somebody in a call who keeps all that reaches them there, in the clear.

use crate::network::Host;
use crate::server::Server;
use futures_util::{SinkExt, StreamExt};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use voicehall_protocol::PROTOCOL_VERSION;
use voicehall_protocol::gateway::{ClientMessage, GATEWAY_PATH, ServerMessage};
use voicehall_protocol::rest::{GuestRequest, SignedIn};
use voicehall_protocol::voice::{JOIN_PATH, JoinAnswer, JoinRequest};
use voicehall_test_peer::{Peer, PeerConfig, State};

/// How long connecting may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Well below what the server asks for.
const HEARTBEAT: Duration = Duration::from_secs(5);

const DATAGRAM_BYTES_MAX: usize = 1 << 16;

/// Somebody who listens.
#[derive(Debug)]
pub struct Listener {
    leave: oneshot::Sender<()>,
    heard: JoinHandle<Heard>,
}

/// What reached them by way of the voice node.
#[derive(Debug)]
pub struct Heard {
    /// Every datagram in the clear: STUN, DTLS, RTP, RTCP.
    pub datagrams: Vec<Vec<u8>>,
    /// How many of them are voice.
    pub voice: usize,
    /// How many RTCP reports there were in them.
    pub reports: usize,
    /// How many datagrams did not open, and are not among them.
    pub refused: u64,
}

impl Listener {
    /// Joins the first channel from a host, and waits until media may flow.
    ///
    /// # Panics
    /// When it does not come so far.
    pub fn join_from(host: &Host, server: &Server, name: &str) -> Self {
        let (leave, left) = oneshot::channel();
        let (connected, is_connected) = mpsc::channel();
        let (at, guest) =
            (host.server, GuestRequest { invite: server.invite_code().to_owned(), name: name.to_owned() });
        let origin = server.origin_at(at);
        // A thread begins on the host of the one that starts it.
        let heard = host.run(|| {
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime starts").block_on(async {
                    let mut call = Call::join(&origin, at, &guest).await;
                    call.attend(connected, left).await;
                    call.heard()
                })
            })
        });
        is_connected.recv_timeout(PATIENCE).expect("the listener connects");
        Self { leave, heard }
    }

    /// Leaves.
    ///
    /// # Panics
    /// When the call ended before.
    pub fn leave(self) -> Heard {
        self.leave.send(()).expect("the call goes on until then");
        self.heard.join().expect("the listener listens to the end")
    }
}

type Gateway = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Call {
    gateway: Gateway,
    socket: UdpSocket,
    peer: Peer,
    voice: usize,
}

impl Call {
    async fn join(origin: &str, at: Ipv4Addr, guest: &GuestRequest) -> Self {
        let http = reqwest::Client::new();
        let post = http.post(format!("{origin}/api/guests")).json(guest).send().await;
        let SignedIn { token, .. } =
            post.expect("the server answers").json().await.expect("guests are welcome");
        let url = format!("{}{GATEWAY_PATH}", origin.replacen("http", "ws", 1));
        let (mut gateway, _) = tokio_tungstenite::connect_async(url).await.expect("the gateway is open");
        say(&mut gateway, &ClientMessage::Identify { protocol: PROTOCOL_VERSION, token }).await;
        let ticket = ticket(&mut gateway).await;
        let (certificate, fingerprint) = voicehall_test_peer::certificate();
        let request = JoinRequest { ticket, fingerprint, prime: false };
        let post = http.post(format!("{origin}{JOIN_PATH}")).json(&request).send().await;
        let answer: JoinAnswer = post.expect("the node answers").json().await.expect("the ticket is good");
        let config = PeerConfig {
            ufrag: answer.ufrag,
            password: answer.password,
            node_fingerprint: answer.fingerprint,
            certificate,
            ssrc: answer.source.0,
            sequence: 1,
        };
        let own = |address: &&SocketAddr| address.ip() == IpAddr::from(at);
        let node = answer.addresses.iter().find(own).expect("the node tells the address for this host");
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.expect("there is a port");
        socket.connect(node).await.expect("the node's address is one");
        let mut peer = Peer::new(config, Instant::now());
        peer.keep_opened();
        Self { gateway, socket, peer, voice: 0 }
    }

    /// Carries datagrams until it is time to leave.
    async fn attend(&mut self, connected: mpsc::Sender<()>, mut left: oneshot::Receiver<()>) {
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        let mut connected = Some(connected);
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        loop {
            while let Some(datagram) = self.peer.poll_datagram() {
                self.socket.send(&datagram).await.expect("the node can be reached");
            }
            while self.peer.poll_voice().is_some() {
                self.voice += 1;
            }
            if self.peer.state() == State::Connected
                && let Some(connected) = connected.take()
            {
                connected.send(()).expect("it is waited for");
            }
            let due = self.peer.next_timeout().expect("checks never end").into();
            tokio::select! {
                _ = &mut left => return,
                length = self.socket.recv(&mut datagram) => {
                    let length = length.expect("the node can be reached");
                    self.peer.handle_datagram(&datagram[..length], Instant::now());
                }
                () = tokio::time::sleep_until(due) => self.peer.handle_timeout(Instant::now()),
                message = self.gateway.next() => {
                    message.expect("the gateway stays open").expect("it stays open");
                }
                _ = heartbeat.tick() => say(&mut self.gateway, &ClientMessage::Heartbeat { seq: 0 }).await,
            }
        }
    }

    fn heard(mut self) -> Heard {
        Heard {
            datagrams: self.peer.take_opened(),
            voice: self.voice,
            reports: self.peer.take_reports().len(),
            refused: self.peer.refused(),
        }
    }
}

async fn say(gateway: &mut Gateway, message: &ClientMessage) {
    let text = serde_json::to_string(message).expect("messages are JSON");
    gateway.send(Message::text(text)).await.expect("the gateway listens");
}

/// Asks for a ticket to the first channel as soon as the guild is known.
async fn ticket(gateway: &mut Gateway) -> String {
    while let Some(message) = gateway.next().await {
        let Message::Text(text) = message.expect("the gateway stays open") else { continue };
        match serde_json::from_str(&text).expect("the gateway speaks the protocol") {
            ServerMessage::Ready { guilds, .. } => {
                let channel = guilds[0].channels[0].id;
                let join = ClientMessage::VoiceJoin { nonce: 1, channel, self_mute: false, self_deaf: false };
                say(gateway, &join).await;
            }
            ServerMessage::VoiceTicket { ticket, .. } => return ticket,
            ServerMessage::Error { message, .. } => panic!("no ticket: {message}"),
            _ => {}
        }
    }
    panic!("the gateway closed");
}
