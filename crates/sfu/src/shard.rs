//! The shard: sessions and channels, and who each datagram is from.

mod control;
mod media;
mod video;

pub use video::{Demand, Watchers};

use crate::channel::Channel;
use crate::ice::{UFRAG_CHARS, ufrag_of};
use crate::random::Random;
use crate::rtcp::NtpTime;
use crate::rtp::RtpHeader;
use crate::session::{Progress, Session};
use crate::stats::ShardStats;
use crate::stun::Message;
use crate::timers::{Timer, Timers};
use crate::{Outbox, prime, report};
use dimpl::{Dtls, DtlsCertificate};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use voicehall_protocol::ids::{ChannelId, VoiceSessionId};
use voicehall_protocol::rtp::SourceId;
use voicehall_protocol::ticket::SessionBits;
use voicehall_protocol::voice::{EndReason, Fingerprint};

/// No session is looked at more often than this, whatever its DTLS asks for.
const TIMER_MIN: Duration = Duration::from_millis(5);

/// How a shard is set up.
#[derive(Debug, Clone)]
pub struct ShardConfig {
    /// What the node shows in DTLS; its fingerprint goes into every join answer.
    pub certificate: DtlsCertificate,
    /// A session ends when its client has not consented for this long (RFC 7675: 30 s).
    pub consent_timeout: Duration,
    /// A session ends when it has not connected within this time.
    pub connect_timeout: Duration,
    /// Sessions at once.
    pub sessions_max: usize,
    /// Of these, sessions that have not connected.
    pub half_open_max: usize,
}

impl ShardConfig {
    /// The defaults, with this certificate.
    pub fn new(certificate: DtlsCertificate) -> Self {
        Self {
            certificate,
            consent_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(15),
            // More than one thread can serve; about 20 MB of state.
            sessions_max: 10_000,
            // A whole channel that moves here at once, and a bound for a flood of joins.
            half_open_max: 4_000,
        }
    }
}

/// What a session is opened with, all from a checked ticket and join.
#[derive(Debug, Clone, Copy)]
pub struct Open {
    /// The session.
    pub session: VoiceSessionId,
    /// Its channel; it comes to be with its first session and goes with its last.
    pub channel: ChannelId,
    /// Its microphone's id, unique on the node.
    pub source: SourceId,
    /// What it may do.
    pub bits: SessionBits,
    /// Of the certificate that the client will show.
    pub fingerprint: Fingerprint,
    /// Whether it wants some silence in each slot once it is connected.
    pub prime: bool,
}

/// Why a session is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too many sessions, or too many that have not connected.
    #[error("the shard is full")]
    Full,
    /// There is such a session.
    #[error("the session is open")]
    Exists,
}

/// One shard. Places in `sessions` and `channels` are reused; serial numbers tell who is who.
pub struct Shard {
    config: ShardConfig,
    dtls: Arc<dimpl::Config>,
    started: Instant,
    random: Random,
    serial: u64,
    sessions: Vec<Option<Box<Session>>>,
    sessions_free: Vec<u32>,
    channels: Vec<Option<Channel>>,
    channels_free: Vec<u32>,
    by_id: HashMap<VoiceSessionId, u32>,
    by_channel: HashMap<ChannelId, u32>,
    by_address: HashMap<SocketAddr, u32>,
    by_ufrag: HashMap<[u8; UFRAG_CHARS], u32>,
    timers: Timers,
    stats: ShardStats,
}

impl Shard {
    /// An empty shard. All its secrets come from the seed.
    pub fn new(config: ShardConfig, now: Instant, seed: [u8; 32]) -> Self {
        Self {
            config,
            dtls: crate::session::dtls_config(),
            started: now,
            random: Random::new(seed),
            serial: 0,
            sessions: Vec::new(),
            sessions_free: Vec::new(),
            channels: Vec::new(),
            channels_free: Vec::new(),
            by_id: HashMap::new(),
            by_channel: HashMap::new(),
            by_address: HashMap::new(),
            by_ufrag: HashMap::new(),
            timers: Timers::default(),
            stats: ShardStats::default(),
        }
    }

    /// Handles one datagram, decrypting it in place.
    pub fn handle_datagram(
        &mut self,
        from: SocketAddr,
        datagram: &mut [u8],
        now: Instant,
        outbox: &mut dyn Outbox,
    ) {
        self.stats.datagrams_received += 1;
        self.stats.bytes_received += datagram.len() as u64;
        let known = self.by_address.get(&from).copied();
        if Message::is(datagram) {
            return self.handle_stun(known, from, datagram, now, outbox);
        }
        let Some(index) = known else {
            self.stats.dropped_unknown += 1;
            return;
        };
        if RtpHeader::is_media(datagram) {
            if RtpHeader::is_rtcp(datagram) {
                self.handle_rtcp(index, datagram, now, outbox);
            } else {
                self.handle_rtp(index, datagram, now, outbox);
            }
        } else if matches!(datagram.first(), Some(20..64)) {
            self.handle_dtls(index, datagram, now, outbox);
        } else {
            self.stats.dropped_malformed += 1;
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant, outbox: &mut dyn Outbox) {
        while let Some(timer) = self.timers.due(now) {
            match timer {
                Timer::Session { index, serial } => self.session_timeout(index, serial, now, outbox),
                Timer::Channel { index, serial } => self.channel_timeout(index, serial, now, outbox),
                Timer::Video { index, serial } => self.video_timeout(index, serial, now, outbox),
                Timer::Prime { index, serial } => self.prime(index, serial, now, outbox),
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next, at the latest.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn handle_stun(
        &mut self,
        known: Option<u32>,
        from: SocketAddr,
        datagram: &[u8],
        now: Instant,
        outbox: &mut dyn Outbox,
    ) {
        let Some(request) = Message::parse(datagram) else {
            self.stats.dropped_malformed += 1;
            return;
        };
        // Whoever is not a session's client gets no answer, so that nothing is amplified and
        // nobody learns which sessions there are.
        let Some(ufrag) = ufrag_of(&request) else {
            self.stats.dropped_stun += 1;
            return;
        };
        let known =
            known.filter(|index| session(&mut self.sessions, *index).is_some_and(|s| s.ice.ufrag == ufrag));
        let Some(index) = known.or_else(|| self.by_ufrag.get(&ufrag).copied()) else {
            self.stats.dropped_unknown += 1;
            return;
        };
        let Some(session) = session(&mut self.sessions, index) else { return };
        let Some(checked) = session.ice.check(&request, from, now, outbox.buffer()) else {
            self.stats.dropped_stun += 1;
            return;
        };
        if session.other_limit.allow(now) {
            outbox.send(from, checked.answer_len);
        } else {
            self.stats.dropped_rate += 1;
        }
        if checked.path_moved
            && let Some(receiver) = session.receiver
            && let Some(channel) = &mut self.channels[session.channel as usize]
        {
            channel.receivers[receiver as usize].address = from;
        }
        if let Some(old) = checked.old_address
            && self.by_address.get(&old) == Some(&index)
        {
            self.by_address.remove(&old);
        }
        // Also when another session had it: a client may use one socket for its next session.
        if checked.answer_len > 0 && session.ice.addresses().any(|address| address == from) {
            self.by_address.insert(from, index);
        }
    }

    fn handle_dtls(&mut self, index: u32, datagram: &[u8], now: Instant, outbox: &mut dyn Outbox) {
        let Some(session) = session(&mut self.sessions, index) else { return };
        if !session.other_limit.allow(now) {
            self.stats.dropped_rate += 1;
            return;
        }
        let (config, certificate) = (&self.dtls, &self.config.certificate);
        let progress = session.handle_dtls(
            datagram,
            now,
            || Dtls::new_12(config.clone(), certificate.clone(), now),
            outbox,
        );
        self.after_dtls(index, progress, now, outbox);
    }

    fn after_dtls(&mut self, index: u32, progress: Progress, now: Instant, outbox: &mut dyn Outbox) {
        match progress {
            Progress::Going => {}
            Progress::Connected(keys) => self.connect(index, *keys, now, outbox),
            Progress::Goodbye => return self.end(index, EndReason::Left, outbox),
            Progress::Failed => {
                self.stats.handshakes_failed += 1;
                return self.end(index, EndReason::HandshakeFailed, outbox);
            }
        }
        self.set_session_timer(index, now);
    }

    fn session_timeout(&mut self, index: u32, serial: u64, now: Instant, outbox: &mut dyn Outbox) {
        let Some(session) = session(&mut self.sessions, index).filter(|session| session.serial == serial)
        else {
            return;
        };
        if session.timer_at.is_some_and(|at| at <= now) {
            session.timer_at = None;
        }
        let end = session.ends_at(self.config.connect_timeout, self.config.consent_timeout);
        if end <= now {
            self.stats.sessions_timed_out += 1;
            return self.end(index, EndReason::TimedOut, outbox);
        }
        let progress = session.handle_timeout(now, outbox);
        self.after_dtls(index, progress, now, outbox);
    }

    fn set_session_timer(&mut self, index: u32, now: Instant) {
        let Some(session) = session(&mut self.sessions, index) else { return };
        let end = session.ends_at(self.config.connect_timeout, self.config.consent_timeout);
        let at = session.dtls_timeout().map_or(end, |at| at.min(end)).max(now + TIMER_MIN);
        if session.timer_at.is_none_or(|set| at < set) {
            session.timer_at = Some(at);
            self.timers.set(at, Timer::Session { index, serial: session.serial });
        }
    }

    fn channel_timeout(&mut self, index: u32, serial: u64, now: Instant, outbox: &mut dyn Outbox) {
        let ntp = self.ntp(now);
        let Some(channel) = self.channels[index as usize].as_mut().filter(|channel| channel.serial == serial)
        else {
            return;
        };
        if report::send_reports(channel, &mut self.sessions, ntp, now, outbox, &mut self.stats) {
            self.timers.set(now + report::REPORT_STEP, Timer::Channel { index, serial });
        } else {
            channel.reports_armed = false;
        }
    }

    fn prime(&mut self, index: u32, serial: u64, now: Instant, outbox: &mut dyn Outbox) {
        let Some(session) = session(&mut self.sessions, index).filter(|session| session.serial == serial)
        else {
            return;
        };
        let Some((receiver, channel)) =
            session.receiver.zip(self.channels[session.channel as usize].as_mut())
        else {
            return;
        };
        let pause = prime::send(channel, receiver, session.prime_left, now, outbox, &mut self.stats);
        session.prime_left -= 1;
        if session.prime_left > 0 {
            self.timers.set(now + pause, Timer::Prime { index, serial });
        }
    }

    /// Our clock in reports counts from the shard's start: RFC 3550 §6.4.1 allows that, and no
    /// client needs to know our wall clock.
    fn ntp(&self, now: Instant) -> NtpTime {
        NtpTime::since_zero(now.saturating_duration_since(self.started) + Duration::from_secs(1))
    }
}

/// The session in a place. A function of the field, so that others stay free to borrow.
fn session(sessions: &mut [Option<Box<Session>>], index: u32) -> Option<&mut Session> {
    sessions.get_mut(index as usize)?.as_deref_mut()
}
