//! A voice session: the join, the connection to the voice node, and packets both ways.
//!
//! [`Identity`] is made once. [`Session::open`] posts the join, writes the node's description from
//! the answer, and lets `webrtc` connect to it; what then happens is told by [`Change`].

mod description;
mod figures;
mod join;
mod tap;
mod transport;

pub(crate) use figures::Figures;
pub(crate) use join::JoinError;
pub use join::http_client;
pub(crate) use tap::Arrival;
pub(crate) use transport::Identity;
pub use transport::IdentityError;

use crate::MicrophonePacket;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use tokio::sync::mpsc;
use transport::Transport;
use voicehall_protocol::rtp::SourceId;
use voicehall_protocol::voice::{JoinAnswer, JoinRequest};

/// Packets of the microphone that may wait for the network, more than half a second of them.
const OUTGOING_PACKETS_MAX: usize = 32;

/// Packets of all slots that may wait for the media thread, 160 ms at eight voices.
const ARRIVED_PACKETS_MAX: usize = 64;

/// Addresses of the voice node that are tried.
const ADDRESSES_MAX: usize = 4;

/// What becomes of a session once it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Media flows.
    Connected,
    /// No answer from the voice node for some seconds, or never one.
    Lost,
    /// The voice node closed the session.
    Closed,
}

/// What the media thread needs of a session.
pub(crate) struct Link {
    /// Where the microphone's packets go. Never blocks; what does not fit is lost.
    pub outgoing: mpsc::Sender<MicrophonePacket>,
    /// Where the slots' packets come from.
    pub arrived: rtrb::Consumer<Arrival>,
}

/// An open session.
pub(crate) struct Session {
    /// The own microphone.
    pub source: SourceId,
    /// Measurements.
    pub figures: Arc<Figures>,
    /// What becomes of the session; ends with it.
    pub changes: mpsc::Receiver<Change>,
    transport: Transport,
}

impl Session {
    /// Joins at `url` and starts to connect.
    pub(crate) async fn open(
        http: &reqwest::Client,
        url: &str,
        ticket: String,
        identity: &Identity,
    ) -> Result<(Self, Link), JoinError> {
        let request = JoinRequest { ticket, fingerprint: identity.fingerprint(), prime: false };
        let answer = join::join(http, url, &request).await?;
        let (outgoing, outgoing_packets) = mpsc::channel(OUTGOING_PACKETS_MAX);
        let (arrived_packets, arrived) = rtrb::RingBuffer::new(ARRIVED_PACKETS_MAX);
        let figures = Arc::new(Figures::default());
        let (transport, changes) = connect(identity, &answer, outgoing_packets, arrived_packets, &figures)
            .await
            .map_err(|error| {
                tracing::warn!(%error, "no connection could be set up");
                JoinError::Unreachable
            })?;
        let session = Self { source: answer.source, figures, changes, transport };
        Ok((session, Link { outgoing, arrived }))
    }

    /// Tells the voice node that the session is over, and ends it.
    pub(crate) async fn close(self) {
        self.transport.close().await;
    }
}

async fn connect(
    identity: &Identity,
    answer: &JoinAnswer,
    outgoing: mpsc::Receiver<MicrophonePacket>,
    arrived: rtrb::Producer<Arrival>,
    figures: &Arc<Figures>,
) -> Result<(Transport, mpsc::Receiver<Change>), webrtc::error::Error> {
    let mut remote = Vec::new();
    let mut local = Vec::new();
    for &address in answer.addresses.iter().take(ADDRESSES_MAX) {
        let Some(ip) = local_address_towards(address) else { continue };
        remote.push(address);
        if !local.contains(&ip) {
            local.push(ip);
        }
    }
    let offer = description::offer(answer, &remote);
    Transport::start(identity, &offer, &local, outgoing, arrived, Arc::clone(figures)).await
}

/// The local address from which the system would send to `remote`, port 0; `None` without a route.
/// Binding to it alone keeps every other interface's address out of the session. Sends nothing.
fn local_address_towards(remote: SocketAddr) -> Option<SocketAddr> {
    let any: SocketAddr = if remote.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(remote).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    Some(SocketAddr::new(ip, 0))
}
