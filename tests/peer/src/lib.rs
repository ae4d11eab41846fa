//! A sans-I/O voice client for tests: STUN, DTLS and SRTP over packets that the test carries.
//!
//! [`Peer`] is the controlling side of ICE and the active side of DTLS, sends voice with an audio
//! level, and hands out what it hears in the clear. It has no jitter buffer and no codec: what
//! it receives is what was sent to it, in the order of arrival.

mod camera;
mod hearing;

pub use camera::{Camera, PACKETS_PER_PICTURE};
pub use dimpl::DtlsCertificate;
pub use hearing::{Hearing, Place, Seen, Voice};

use dimpl::{Dtls, Output};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use voicehall_protocol::rtp::{EXT_AUDIO_LEVEL, PT_OPUS};
use voicehall_protocol::voice::Fingerprint;
use voicehall_sfu::DATAGRAM_BYTES_MAX;
use voicehall_sfu::rtcp::{self, NtpTime, Report, ReportBlock, SenderInfo};
use voicehall_sfu::rtp::RtpHeader;
use voicehall_sfu::srtp::{Profile, SessionKeys};
use voicehall_sfu::stun::{Class, Message, Password, Writer};

/// Between checks before the first answer, and after it.
const CHECK_FIRST: Duration = Duration::from_millis(50);
const CHECK_LATER: Duration = Duration::from_secs(2);

/// One 20 ms frame on Opus' clock.
pub const FRAME_TICKS: u32 = 960;

/// What a peer joins with.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// The node's, from the join answer.
    pub ufrag: String,
    /// The node's, from the join answer.
    pub password: String,
    /// The node's, from the join answer.
    pub node_fingerprint: Fingerprint,
    /// The peer's own.
    pub certificate: DtlsCertificate,
    /// Of the microphone.
    pub ssrc: u32,
    /// Of the first voice packet.
    pub sequence: u16,
}

/// How far a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not connected yet.
    Connecting,
    /// Media flows.
    Connected,
    /// The node said goodbye, or the handshake failed.
    Closed,
}

/// An RTP packet to send, with everything that a well-behaved client would not choose freely.
#[derive(Debug, Clone)]
pub struct Rtp {
    /// First packet of a talk spurt.
    pub marker: bool,
    /// What the payload is.
    pub payload_type: u8,
    /// Rollover counter and sequence number in one.
    pub index: u64,
    /// On Opus' clock.
    pub timestamp: u32,
    /// The stream.
    pub ssrc: u32,
    /// Contributing sources, which the node must not believe.
    pub csrcs: Vec<u32>,
    /// Audio level (RFC 6464); `None` sends no extension.
    pub level: Option<u8>,
    /// What is carried.
    pub payload: Vec<u8>,
}

/// A voice client.
pub struct Peer {
    username: String,
    password: Password,
    node_fingerprint: Fingerprint,
    dtls: Dtls,
    dtls_timeout: Option<Instant>,
    started: Instant,
    transaction: u64,
    next_check: Option<Instant>,
    checked: bool,
    certificate_fits: bool,
    keys: Option<SessionKeys>,
    state: State,
    hearing: Hearing,
    next_voice: Rtp,
    voice_at: Option<Instant>,
    rtcp_index: u32,
    reports: Vec<Report>,
    opened: Option<Vec<Vec<u8>>>,
    refused: u64,
    outgoing: VecDeque<Vec<u8>>,
}

/// A fresh certificate for a peer, and its fingerprint for the join.
///
/// # Panics
/// When the system gives no randomness.
pub fn certificate() -> (DtlsCertificate, Fingerprint) {
    let certificate = dimpl::certificate::generate_self_signed_certificate().expect("a certificate");
    let fingerprint = Fingerprint(voicehall_sfu::fingerprint_of(&certificate.certificate));
    (certificate, fingerprint)
}

impl Peer {
    /// A client that starts to connect at once.
    ///
    /// # Panics
    /// When the DTLS library refuses its configuration.
    pub fn new(config: PeerConfig, now: Instant) -> Self {
        let dtls_config = dimpl::Config::builder().mtu(1200).build().expect("a valid configuration");
        let mut dtls = Dtls::new_12(Arc::new(dtls_config), config.certificate, now);
        dtls.set_active(true);
        Self {
            username: format!("{}:peer", config.ufrag),
            password: Password::new(&config.password),
            node_fingerprint: config.node_fingerprint,
            dtls,
            dtls_timeout: None,
            started: now,
            transaction: 0,
            next_check: Some(now),
            checked: false,
            certificate_fits: false,
            keys: None,
            state: State::Connecting,
            hearing: Hearing::default(),
            next_voice: Rtp {
                marker: true,
                payload_type: PT_OPUS,
                index: u64::from(config.sequence),
                timestamp: 0,
                ssrc: config.ssrc,
                csrcs: Vec::new(),
                level: None,
                payload: Vec::new(),
            },
            voice_at: None,
            rtcp_index: 0,
            reports: Vec::new(),
            opened: None,
            refused: 0,
            outgoing: VecDeque::new(),
        }
    }

    /// How far it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// Stops or resumes connectivity checks, which are also its consent.
    pub fn set_consent(&mut self, consent: bool, now: Instant) {
        self.next_check = consent.then_some(now);
    }

    /// Says goodbye.
    pub fn leave(&mut self) {
        // A handshake that is not done just ends.
        let _ = self.dtls.close();
        self.poll_dtls();
        self.state = State::Closed;
    }

    /// Takes a datagram from the node.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        if Message::is(datagram) {
            self.keep(datagram);
            self.handle_stun(datagram, now);
        } else if RtpHeader::is_media(datagram) {
            self.handle_media(&mut datagram.to_vec(), now);
        } else {
            self.keep(datagram);
            let handled = self.dtls.handle_timeout(now).and_then(|()| self.dtls.handle_packet(datagram));
            match handled {
                Ok(()) => self.poll_dtls(),
                Err(_) => {
                    self.state = State::Closed;
                    self.dtls_timeout = None;
                }
            }
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.next_check.is_some_and(|at| at <= now) {
            self.check(!self.checked);
            self.next_check = Some(now + if self.checked { CHECK_LATER } else { CHECK_FIRST });
        }
        if self.checked && self.dtls_timeout.is_some_and(|at| at <= now) {
            match self.dtls.handle_timeout(now) {
                Ok(()) => self.poll_dtls(),
                Err(_) => {
                    self.state = State::Closed;
                    self.dtls_timeout = None;
                }
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.next_check.into_iter().chain(self.dtls_timeout.filter(|_| self.checked)).min()
    }

    /// The next datagram for the node.
    pub fn poll_datagram(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    /// The next voice packet that came.
    pub fn poll_voice(&mut self) -> Option<Voice> {
        self.hearing.pop()
    }

    /// The next packet of video or of a screen's sound that came.
    pub fn poll_seen(&mut self) -> Option<Seen> {
        self.hearing.pop_seen()
    }

    /// Sends a packet with this very header. `index` is rollover counter and sequence number in one.
    /// `None` while not connected.
    pub fn send_with(&mut self, header: &[u8], payload: &[u8], index: u64) -> Option<()> {
        let keys = self.keys.as_ref().filter(|_| self.state == State::Connected)?;
        let mut out = vec![0; DATAGRAM_BYTES_MAX];
        let len = keys.client.rtp.seal_rtp(header, payload, index, &mut out).ok()?;
        out.truncate(len);
        self.outgoing.push_back(out);
        Some(())
    }

    /// Sends an RTCP packet of what `write` writes. `None` while not connected.
    pub fn send_rtcp(&mut self, write: impl FnOnce(&mut rtcp::Writer<'_>)) -> Option<()> {
        let keys = self.keys.as_ref().filter(|_| self.state == State::Connected)?;
        let mut out = vec![0; DATAGRAM_BYTES_MAX];
        let mut writer = rtcp::Writer::new(&mut out);
        write(&mut writer);
        let len = writer.finish();
        let len = keys.client.rtcp.seal_rtcp(&mut out, len, self.rtcp_index).ok()?;
        self.rtcp_index += 1;
        out.truncate(len);
        self.outgoing.push_back(out);
        Some(())
    }

    /// RTCP reports that came since the last call.
    pub fn take_reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// Keeps every datagram from now on, for [`take_opened`](Self::take_opened).
    pub fn keep_opened(&mut self) {
        self.opened = Some(Vec::new());
    }

    /// Every datagram since the last call, whole and in the clear: STUN and DTLS as they came, RTP
    /// and RTCP without their encryption. Nothing unless they are [kept](Self::keep_opened).
    pub fn take_opened(&mut self) -> Vec<Vec<u8>> {
        self.opened.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// How many datagrams of media did not open, were repeated, or are not of the kind that a node
    /// sends.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Sends the next frame of 20 ms, as an Opus encoder with silence suppression would: the
    /// sequence number goes on by one, the timestamp by the real time since the last, and the
    /// marker is set after a pause. Returns what was sent; `None` while not connected.
    pub fn send_voice(&mut self, payload: &[u8], level: u8, now: Instant) -> Option<Rtp> {
        let since = self.voice_at.map(|at| now.saturating_duration_since(at));
        let frames = since.map_or(1, |since| ((since.as_millis() + 10) / 20).max(1) as u32);
        let rtp = Rtp {
            marker: since.is_none() || frames > 5,
            level: Some(level),
            payload: payload.to_vec(),
            timestamp: self.next_voice.timestamp.wrapping_add((frames - 1) * FRAME_TICKS),
            ..self.next_voice.clone()
        };
        self.send_rtp(&rtp)?;
        self.voice_at = Some(now);
        self.next_voice.index = rtp.index + 1;
        self.next_voice.timestamp = rtp.timestamp.wrapping_add(FRAME_TICKS);
        Some(rtp)
    }

    /// Sends this very packet. `None` while not connected.
    pub fn send_rtp(&mut self, rtp: &Rtp) -> Option<()> {
        self.send_with(&header(rtp), &rtp.payload, rtp.index)
    }

    /// Sends a sender report for its microphone and receiver reports on these streams.
    pub fn send_reports(&mut self, blocks: &[ReportBlock], now: Instant) -> Option<()> {
        let info = SenderInfo {
            ssrc: self.next_voice.ssrc,
            ntp: NtpTime::since_zero(now.saturating_duration_since(self.started)),
            timestamp: self.next_voice.timestamp,
            packets: 0,
            octets: 0,
        };
        self.send_rtcp(|writer| {
            writer.sender_report(&info);
            blocks.iter().for_each(|block| writer.receiver_report(info.ssrc, Some(block)));
        })
    }

    fn check(&mut self, nominate: bool) {
        self.transaction += 1;
        let mut transaction = [0; 12];
        transaction[4..].copy_from_slice(&self.transaction.to_be_bytes());
        let mut out = vec![0; 200];
        let mut writer = Writer::new(&mut out, Class::Request, transaction)
            .username(&self.username)
            .controlling(1, 0x7e00_00ff);
        if nominate {
            writer = writer.use_candidate();
        }
        let len = writer.finish(&self.password);
        out.truncate(len);
        self.outgoing.push_back(out);
    }

    fn handle_stun(&mut self, datagram: &[u8], now: Instant) {
        let fits = Message::parse(datagram)
            .is_some_and(|message| message.class == Class::Success && message.authenticates(&self.password));
        if fits && !self.checked {
            self.checked = true;
            self.next_check = Some(now + CHECK_LATER);
            match self.dtls.handle_timeout(now) {
                Ok(()) => self.poll_dtls(),
                Err(_) => self.state = State::Closed,
            }
        }
    }

    fn handle_media(&mut self, datagram: &mut [u8], now: Instant) {
        let opened = match &self.keys {
            Some(keys) if RtpHeader::is_rtcp(datagram) => {
                keys.server.rtcp.open_rtcp(datagram).ok().map(|(end, _)| end)
            }
            Some(keys) => self.hearing.receive(datagram, &keys.server.rtp, now),
            None => None,
        };
        let Some(end) = opened else {
            self.refused += 1;
            return;
        };
        let plain = &datagram[..end];
        if RtpHeader::is_rtcp(plain) {
            rtcp::read(plain, |report| self.reports.push(report));
        }
        self.keep(plain);
    }

    fn keep(&mut self, plain: &[u8]) {
        if let Some(opened) = &mut self.opened {
            opened.push(plain.to_vec());
        }
    }

    fn poll_dtls(&mut self) {
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => self.outgoing.push_back(packet.to_vec()),
                Output::PeerCert(certificate) => {
                    self.certificate_fits =
                        voicehall_sfu::fingerprint_of(certificate) == self.node_fingerprint.0;
                }
                Output::KeyingMaterial(material, profile) => {
                    self.keys = Profile::from_dtls(profile)
                        .and_then(|profile| SessionKeys::from_dtls(profile, &material));
                }
                Output::Connected if self.certificate_fits => self.state = State::Connected,
                Output::Connected | Output::CloseNotify => self.state = State::Closed,
                Output::Timeout(at) => {
                    self.dtls_timeout = Some(at);
                    return;
                }
                _ => {}
            }
        }
    }
}

fn header(rtp: &Rtp) -> Vec<u8> {
    let extension = u8::from(rtp.level.is_some()) << 4;
    let mut header = vec![0x80 | extension | rtp.csrcs.len() as u8];
    header.push(rtp.payload_type | u8::from(rtp.marker) << 7);
    header.extend((rtp.index as u16).to_be_bytes());
    header.extend(rtp.timestamp.to_be_bytes());
    header.extend(rtp.ssrc.to_be_bytes());
    rtp.csrcs.iter().for_each(|csrc| header.extend(csrc.to_be_bytes()));
    if let Some(level) = rtp.level {
        header.extend([0xbe, 0xde, 0, 1, EXT_AUDIO_LEVEL << 4, level, 0, 0]);
    }
    header
}
