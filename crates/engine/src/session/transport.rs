//! The connection to the voice node: ICE, DTLS and SRTP by `webrtc`, set up from a description
//! that never crossed a wire.

use super::Change;
use super::figures::Figures;
use super::tap::{Arrival, Tap};
use crate::MicrophonePacket;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::{ReceiverReportBuilder, SenderReportBuilder};
use rtc::peer_connection::certificate::CertificateParams;
use rtc::peer_connection::transport::{RTCDtlsRole, RTCDtlsTransportState};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use voicehall_protocol::rtp::{EXT_AUDIO_LEVEL_URI, OPUS_CLOCK_HZ, PT_OPUS};
use voicehall_protocol::voice::Fingerprint;
use webrtc::error::Result;
use webrtc::media_stream::track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP};
use webrtc::media_stream::{MediaStreamId, MediaStreamTrack, MediaStreamTrackId};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCCertificate,
    RTCConfigurationBuilder, RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder,
    Slot, SrtpProtectionProfile, StatsSelector, crypto,
};
use webrtc::rtp_transceiver::RtpSender;

/// Time between connectivity checks, and with them DTLS retransmissions. The first check comes a tick
/// late and DTLS takes some, so on a short path each tick less waited for is heard sooner; a hundred
/// checks are little traffic.
const ICE_CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// Checks of one candidate pair before it is given up: half a second of them.
const ICE_CHECKS_MAX: u16 = 100;

/// How often consent is renewed (RFC 7675) and the round trip measured.
const CONSENT_INTERVAL: Duration = Duration::from_secs(1);

/// Without an answer for this long the connection is lost: three checks, so that a short outage
/// does not cost a new join.
const SILENCE_MAX: Duration = Duration::from_secs(4);

/// How long a connection may take from the node's answer on.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(6);

/// How often the connection is looked after.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// How often receiver and sender reports go out: often enough that the node's answer lets the
/// encoder follow the loss.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Packets kept while the connection is being made.
const WAITING_PACKETS_MAX: usize = 2;

/// No certificate could be made.
#[derive(Debug, thiserror::Error)]
#[error("no DTLS certificate could be made: {0}")]
pub struct IdentityError(#[from] webrtc::error::Error);

/// The certificate that a client uses for DTLS, made once: joins then need no key generation.
pub(crate) struct Identity {
    certificate: RTCCertificate,
    fingerprint: Fingerprint,
}

impl Identity {
    pub(crate) fn generate() -> std::result::Result<Self, IdentityError> {
        let crypto_error = |error: crypto::CryptoError| webrtc::error::Error::Other(error.to_string());
        let provider = crypto::default_provider().map_err(crypto_error)?;
        let parameters = CertificateParams::new(vec!["voicehall".to_owned()])
            .map_err(|error| webrtc::error::Error::Other(error.to_string()))?;
        let scheme = crypto::SignatureScheme::EcdsaP256Sha256;
        let certificate = RTCCertificate::generate(provider.crypto(), scheme, parameters)?;
        let fingerprint = certificate
            .get_fingerprints(provider.crypto())?
            .first()
            .and_then(|fingerprint| Fingerprint::from_sdp(&fingerprint.value))
            .ok_or_else(|| webrtc::error::Error::Other("the certificate has no fingerprint".to_owned()))?;
        Ok(Self { certificate, fingerprint })
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// A connection and the tasks that serve it.
pub(super) struct Transport {
    connection: Arc<dyn PeerConnection>,
    tasks: [JoinHandle<()>; 2],
}

impl Transport {
    /// Connects to the node that `offer` describes, from the `local` addresses.
    pub(super) async fn start(
        identity: &Identity,
        offer: &str,
        local: &[SocketAddr],
        outgoing: mpsc::Receiver<MicrophonePacket>,
        arrived: rtrb::Producer<Arrival>,
        figures: Arc<Figures>,
    ) -> Result<(Self, mpsc::Receiver<Change>)> {
        let ssrc = rand::random();
        let (changes, changes_receiver) = mpsc::channel(8);
        let tap = Tap::new(arrived, Arc::clone(&figures), ssrc);
        let (connected_sender, connected) = watch::channel(false);
        let states = States { changes: changes.clone(), connected: connected_sender };
        let connection = build(identity, local, tap, states).await?;
        let track = Arc::new(TrackLocalStaticRTP::new(microphone(ssrc)));
        let sender = connection.add_track(Arc::clone(&track) as Arc<dyn TrackLocal>).await?;
        connection.set_remote_description(RTCSessionDescription::offer(offer.to_owned())?).await?;
        let answer = connection.create_answer(None).await?;
        connection.set_local_description(answer).await?;
        let tasks = [
            tokio::spawn(forward(outgoing, track, ssrc, connected, Arc::clone(&figures))),
            tokio::spawn(look_after(Arc::clone(&connection), sender, changes, figures)),
        ];
        Ok((Self { connection, tasks }, changes_receiver))
    }

    pub(super) async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "the connection did not close cleanly");
        }
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The microphone's line: Opus under an SSRC of our choice, and the shared header extension.
fn microphone(ssrc: u32) -> MediaStreamTrack {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        codec: opus(),
        ..Default::default()
    };
    let stream: MediaStreamId = "voice".to_owned();
    let track: MediaStreamTrackId = "microphone".to_owned();
    MediaStreamTrack::new(stream, track, "microphone".to_owned(), RtpCodecKind::Audio, vec![coding])
}

fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: "audio/opus".to_owned(),
        clock_rate: OPUS_CLOCK_HZ,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1;usedtx=1".to_owned(),
        rtcp_feedback: vec![],
    }
}

async fn build(
    identity: &Identity,
    local: &[SocketAddr],
    tap: Tap,
    states: States,
) -> Result<Arc<dyn PeerConnection>> {
    let mut media = MediaEngine::default();
    let codec = RTCRtpCodecParameters { rtp_codec: opus(), payload_type: PT_OPUS };
    media.register_codec(codec, RtpCodecKind::Audio)?;
    let level = RTCRtpHeaderExtensionCapability { uri: EXT_AUDIO_LEVEL_URI.to_owned() };
    media.register_header_extension(level, RtpCodecKind::Audio, None)?;
    let settings = SettingEngineBuilder::new()
        // The node is ICE-lite and waits for the client's hello.
        .with_answering_dtls_role(RTCDtlsRole::Client)
        // The node's addresses are numbers. Asking for names would join multicast groups, which fails on
        // a host without a default route, and would tell the local network of the call.
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_include_loopback_candidate(local.iter().any(|address| address.ip().is_loopback()))
        .with_ice_connection_attempts(Some(ICE_CHECK_INTERVAL), Some(ICE_CHECKS_MAX))
        .with_ice_timeouts(Some(SILENCE_MAX), Some(SILENCE_MAX), Some(CONSENT_INTERVAL))
        .with_srtp_protection_profiles(vec![
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
        ])
        .build();
    // Application-most, where every report has been made of a packet before it leaves.
    let interceptors = Registry::new()
        .with(Slot::ReceiverReport, ReceiverReportBuilder::new().with_interval(REPORT_INTERVAL).build())
        .with(Slot::SenderReport, SenderReportBuilder::new().with_interval(REPORT_INTERVAL).build())
        .with(Slot::from(14_000), tap);
    let configuration =
        RTCConfigurationBuilder::new().with_certificates(vec![identity.certificate.clone()]).build();
    let connection = PeerConnectionBuilder::new()
        .with_configuration(configuration)
        .with_media_engine(media)
        .with_setting_engine(settings)
        .with_interceptor_registry(interceptors)
        .with_handler(Arc::new(states))
        .with_udp_addrs(local.to_vec())
        .build()
        .await?;
    Ok(Arc::new(connection))
}

/// Turns `webrtc`'s states into changes of the session. Called on the connection's own task, so
/// nothing here waits.
struct States {
    changes: mpsc::Sender<Change>,
    connected: watch::Sender<bool>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for States {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        tracing::debug!(%state, "connection");
        let change = match state {
            RTCPeerConnectionState::Connected => {
                self.connected.send_replace(true);
                Change::Connected
            }
            RTCPeerConnectionState::Disconnected | RTCPeerConnectionState::Failed => Change::Lost,
            _ => return,
        };
        // Full only if nobody has read the changes before it, and the first loss is enough.
        let _ = self.changes.try_send(change);
    }
}

/// Sends the microphone's packets. What is said while the connection is being made waits, the last
/// of it, so that the first packet leaves the moment it can.
async fn forward(
    mut outgoing: mpsc::Receiver<MicrophonePacket>,
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    mut connected: watch::Receiver<bool>,
    figures: Arc<Figures>,
) {
    let mut waiting = VecDeque::with_capacity(WAITING_PACKETS_MAX);
    while !*connected.borrow_and_update() {
        tokio::select! {
            packet = outgoing.recv() => {
                let Some(packet) = packet else { return };
                if waiting.len() == WAITING_PACKETS_MAX {
                    waiting.pop_front();
                }
                waiting.push_back(packet);
            }
            changed = connected.changed() => if changed.is_err() { return },
        }
    }
    loop {
        let packet = match waiting.pop_front() {
            Some(packet) => packet,
            None => match outgoing.recv().await {
                Some(packet) => packet,
                None => return,
            },
        };
        figures.sent(packet.payload_bytes());
        if let Err(error) = track.write_rtp(packet.to_packet(ssrc)).await {
            tracing::debug!(%error, "a packet was not sent");
        }
    }
}

/// What the node answered to connectivity checks so far.
struct Answers {
    count: u64,
    round_trip: Duration,
}

async fn answers(connection: &dyn PeerConnection) -> Option<Answers> {
    let report = connection.get_stats(Instant::now(), StatsSelector::None).await;
    let pair = report
        .candidate_pairs()
        .filter(|pair| pair.responses_received > 0)
        .max_by_key(|pair| pair.nominated)?;
    Some(Answers {
        count: pair.responses_received,
        round_trip: Duration::try_from_secs_f64(pair.current_round_trip_time).ok()?,
    })
}

/// Notices what `webrtc` tells nobody: a DTLS `close_notify`, a connection that never comes about,
/// and its own task's death.
async fn look_after(
    connection: Arc<dyn PeerConnection>,
    sender: Arc<dyn RtpSender>,
    changes: mpsc::Sender<Change>,
    figures: Arc<Figures>,
) {
    let start = Instant::now();
    let mut heard = (0, start);
    let mut ticks = tokio::time::interval(WATCH_INTERVAL);
    loop {
        ticks.tick().await;
        let state = match sender.transport().await {
            Ok(Some(dtls)) => dtls.state().await.ok(),
            _ => None,
        };
        if state == Some(RTCDtlsTransportState::Closed) {
            let _ = changes.send(Change::Closed).await;
            return;
        }
        if let Some(answers) = answers(&*connection).await
            && answers.count != heard.0
        {
            figures.set_round_trip(answers.round_trip);
            heard = (answers.count, Instant::now());
        }
        let connected = state == Some(RTCDtlsTransportState::Connected);
        let overdue =
            if connected { heard.1.elapsed() > SILENCE_MAX } else { start.elapsed() > CONNECT_TIMEOUT };
        if overdue {
            let _ = changes.send(Change::Lost).await;
            return;
        }
    }
}
