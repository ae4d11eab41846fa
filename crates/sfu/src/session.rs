//! One session: its ICE and DTLS side, and what comes in from it.

use crate::Outbox;
use crate::ice::IceLite;
use crate::limit::RateLimit;
use crate::prime;
use crate::reception::Reception;
use crate::selection::Speaker;
use crate::srtp::{DirectionKeys, Profile, ReplayWindow, SessionKeys};
use crate::stats::SessionStats;
use crate::video::inbound::Streams;
use dimpl::{Dtls, Output};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use voicehall_protocol::ids::VoiceSessionId;
use voicehall_protocol::rtp::SourceKind;
use voicehall_protocol::ticket::SessionBits;
use voicehall_protocol::voice::Fingerprint;

/// Authenticated voice packets a session may have forwarded: twice what 10 ms frames need, since
/// each costs a packet to everyone, and in bursts as a network that stalled lets them through.
const VOICE_PER_SECOND: u32 = 200;
const VOICE_BURST: u32 = 300;

/// Authenticated packets of video and its sound that a session may have forwarded: a screen of 15 Mb/s
/// beside a camera, and in bursts as large pictures make them.
const VIDEO_PER_SECOND: u32 = 3000;
const VIDEO_BURST: u32 = 2000;

/// Datagrams a session may send of any other kind, or that do not authenticate.
const OTHER_PER_SECOND: u32 = 200;
const OTHER_BURST: u32 = 400;

pub(crate) struct Session {
    pub id: VoiceSessionId,
    /// Tells this session's timers from those of an earlier one in the same place.
    pub serial: u64,
    /// Place of its channel in the shard.
    pub channel: u32,
    /// Place among the channel's receivers, once connected.
    pub receiver: Option<u32>,
    pub bits: SessionBits,
    pub ice: IceLite,
    fingerprint: Fingerprint,
    pub handshake: Handshake,
    /// Opens what it sends; there once connected.
    pub inbound: Option<Inbound>,
    pub speaker: Speaker,
    /// Packets were withheld since the last that was forwarded.
    pub withheld: bool,
    pub voice_limit: RateLimit,
    pub video_limit: RateLimit,
    /// Places of its camera and its screen in the channel.
    pub sources: [Option<u32>; 2],
    /// It says what it sends: nothing else is taken.
    pub announces: bool,
    pub other_limit: RateLimit,
    pub opened: Instant,
    /// Packets of silence that each of its slots is still to get.
    pub prime_left: u8,
    /// The earliest timer set for it.
    pub timer_at: Option<Instant>,
    pub stats: SessionStats,
}

/// The state of DTLS.
pub(crate) enum Handshake {
    /// Nothing came yet.
    Waiting,
    /// In progress or done.
    Running(Box<Running>),
    /// Done, and the connection has failed since: media goes on with the keys it has.
    Spent,
}

pub(crate) struct Running {
    dtls: Dtls,
    certificate_fits: bool,
    keys: Option<SessionKeys>,
    connected: bool,
    timeout: Option<Instant>,
}

/// What the client's packets are opened with.
pub(crate) struct Inbound {
    pub keys: DirectionKeys,
    pub rtcp_window: ReplayWindow,
    /// There once the first packet of the microphone has been authenticated.
    pub microphone: Option<Microphone>,
    /// Everything else that it sends.
    pub streams: Streams,
}

/// The stream of a session's voice.
pub(crate) struct Microphone {
    pub window: ReplayWindow,
    pub reception: Reception,
}

/// What DTLS came to.
pub(crate) enum Progress {
    /// Nothing of note.
    Going,
    /// The handshake is done; these are the keys of both directions.
    Connected(Box<SessionKeys>),
    /// The client said goodbye.
    Goodbye,
    /// The handshake failed.
    Failed,
}

/// What the session was opened with.
pub(crate) struct NewSession {
    pub id: VoiceSessionId,
    pub serial: u64,
    pub channel: u32,
    pub bits: SessionBits,
    pub ice: IceLite,
    pub fingerprint: Fingerprint,
    pub speaker: Speaker,
    pub prime: bool,
}

impl Session {
    pub fn new(new: NewSession, now: Instant) -> Self {
        Self {
            id: new.id,
            serial: new.serial,
            channel: new.channel,
            receiver: None,
            bits: new.bits,
            ice: new.ice,
            fingerprint: new.fingerprint,
            handshake: Handshake::Waiting,
            inbound: None,
            speaker: new.speaker,
            withheld: false,
            voice_limit: RateLimit::new(VOICE_PER_SECOND, VOICE_BURST, now),
            video_limit: RateLimit::new(VIDEO_PER_SECOND, VIDEO_BURST, now),
            sources: [None; 2],
            announces: false,
            other_limit: RateLimit::new(OTHER_PER_SECOND, OTHER_BURST, now),
            opened: now,
            prime_left: if new.prime { prime::PACKETS } else { 0 },
            timer_at: None,
            stats: SessionStats::default(),
        }
    }

    /// Whether its voice may be forwarded.
    pub fn may_speak(&self) -> bool {
        self.bits.may_send(SourceKind::Microphone)
    }

    /// Handles a DTLS datagram. `start` makes the connection for the first one.
    pub fn handle_dtls(
        &mut self,
        datagram: &[u8],
        now: Instant,
        start: impl FnOnce() -> Dtls,
        outbox: &mut dyn Outbox,
    ) -> Progress {
        if matches!(self.handshake, Handshake::Waiting) {
            self.handshake = Handshake::Running(Box::new(Running {
                dtls: start(),
                certificate_fits: false,
                keys: None,
                connected: false,
                timeout: None,
            }));
        }
        self.drive(outbox, |dtls| {
            dtls.handle_timeout(now)?;
            dtls.handle_packet(datagram)
        })
    }

    /// Lets DTLS send again what was not answered.
    pub fn handle_timeout(&mut self, now: Instant, outbox: &mut dyn Outbox) -> Progress {
        self.drive(outbox, |dtls| dtls.handle_timeout(now))
    }

    /// Says goodbye, as far as there is someone to say it to.
    pub fn say_goodbye(&mut self, outbox: &mut dyn Outbox) {
        self.drive(outbox, Dtls::close);
    }

    fn drive(
        &mut self,
        outbox: &mut dyn Outbox,
        step: impl FnOnce(&mut Dtls) -> Result<(), dimpl::Error>,
    ) -> Progress {
        let (Handshake::Running(running), Some(path)) = (&mut self.handshake, self.ice.path()) else {
            return Progress::Going;
        };
        let progress = match step(&mut running.dtls) {
            Ok(()) => running.poll(&self.fingerprint, path, outbox),
            Err(_) => Progress::Failed,
        };
        if matches!(progress, Progress::Failed) && self.inbound.is_some() {
            // Whoever can break DTLS after the handshake by a forged datagram shall not thereby
            // end the call.
            self.handshake = Handshake::Spent;
            return Progress::Going;
        }
        progress
    }

    /// When it ends, unless its client connects or consents again before.
    pub fn ends_at(&self, connect: Duration, consent: Duration) -> Instant {
        match (&self.inbound, self.ice.consent()) {
            (Some(_), Some(at)) => at + consent,
            _ => self.opened + connect,
        }
    }

    /// When DTLS wants to be looked at.
    pub fn dtls_timeout(&self) -> Option<Instant> {
        match &self.handshake {
            Handshake::Running(running) => running.timeout,
            Handshake::Waiting | Handshake::Spent => None,
        }
    }
}

impl Running {
    fn poll(&mut self, expected: &Fingerprint, path: SocketAddr, outbox: &mut dyn Outbox) -> Progress {
        loop {
            match self.dtls.poll_output(outbox.buffer()) {
                // It is written to the start of the buffer.
                Output::Packet(packet) => {
                    let len = packet.len();
                    outbox.send(path, len);
                }
                Output::PeerCert(certificate) => {
                    self.certificate_fits = crate::fingerprint_of(certificate) == expected.0;
                    if !self.certificate_fits {
                        return Progress::Failed;
                    }
                }
                Output::KeyingMaterial(material, profile) => {
                    self.keys = Profile::from_dtls(profile)
                        .and_then(|profile| SessionKeys::from_dtls(profile, &material));
                }
                Output::Connected => self.connected = true,
                Output::Timeout(at) => {
                    self.timeout = Some(at);
                    break;
                }
                Output::CloseNotify => return Progress::Goodbye,
                // No data channels.
                Output::ApplicationData(_) => {}
                Output::BufferTooSmall { .. } => return Progress::Failed,
                _ => {}
            }
        }
        if !self.connected {
            return Progress::Going;
        }
        match (self.certificate_fits, self.keys.take()) {
            (true, Some(keys)) => Progress::Connected(Box::new(keys)),
            // Before, with keys; now there are only timers.
            (true, None) if self.timeout.is_some() => Progress::Going,
            _ => Progress::Failed,
        }
    }
}

/// DTLS as this node speaks it, for all sessions.
pub(crate) fn dtls_config() -> Arc<dimpl::Config> {
    let config = dimpl::Config::builder()
        // Who gets this far has answered an ICE check: a cookie would prove the same again.
        .use_server_cookie(false)
        .mtu(1200)
        // A lost flight costs this much of the time until someone is heard.
        .flight_start_rto(Duration::from_millis(200))
        .flight_retries(6)
        .build();
    Arc::new(config.expect("the configuration is constant"))
}
