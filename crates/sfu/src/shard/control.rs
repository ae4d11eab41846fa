//! Sessions come, change and go.

use super::{Open, OpenError, Shard, session};
use crate::channel::{Channel, Receiver};
use crate::ice::{IceLite, UFRAG_CHARS};
use crate::selection::Speaker;
use crate::session::{Inbound, NewSession, Session};
use crate::srtp::{ReplayWindow, SessionKeys};
use crate::stats::{SessionStats, ShardStats};
use crate::timers::Timer;
use crate::video::inbound::Streams;
use crate::{Credentials, Event, Outbox};
use std::time::Instant;
use voicehall_protocol::ids::{ChannelId, VoiceSessionId};
use voicehall_protocol::ticket::SessionBits;
use voicehall_protocol::voice::EndReason;

/// 144 bits of chance; RFC 8445 §5.3 asks for 128.
const PASSWORD_CHARS: usize = 24;

impl Shard {
    /// Opens a session, which then has [`connect_timeout`](super::ShardConfig::connect_timeout)
    /// to connect.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&mut self, open: Open, now: Instant) -> Result<Credentials, OpenError> {
        if self.by_id.contains_key(&open.session) {
            return Err(OpenError::Exists);
        }
        let half_open = self.by_id.len() - self.stats.sessions_connected as usize;
        if self.by_id.len() >= self.config.sessions_max || half_open >= self.config.half_open_max {
            return Err(OpenError::Full);
        }
        let ufrag = loop {
            let ufrag = self.random.ice_chars::<UFRAG_CHARS>();
            if !self.by_ufrag.contains_key(&ufrag) {
                break ufrag;
            }
        };
        let password = self.random.ice_chars::<PASSWORD_CHARS>();
        let credentials = Credentials { ufrag: text(&ufrag), password: text(&password) };

        let channel = self.enter_channel(open.channel, now);
        self.serial += 1;
        let index = place(&mut self.sessions, &mut self.sessions_free);
        let mut new = Session::new(
            NewSession {
                id: open.session,
                serial: self.serial,
                channel,
                bits: open.bits,
                ice: IceLite::new(ufrag, &credentials.password, now),
                fingerprint: open.fingerprint,
                speaker: Speaker::new(open.source),
                prime: open.prime,
            },
            now,
        );
        new.speaker.priority = open.bits.contains(SessionBits::PRIORITY);
        self.sessions[index as usize] = Some(Box::new(new));
        self.by_id.insert(open.session, index);
        self.by_ufrag.insert(ufrag, index);
        self.set_session_timer(index, now);
        Ok(credentials)
    }

    /// Changes what a session may do, from its next packet on. An unknown session is none.
    pub fn update(&mut self, id: VoiceSessionId, bits: SessionBits) {
        let Some(session) = self.by_id.get(&id).and_then(|index| session(&mut self.sessions, *index)) else {
            return;
        };
        session.bits = bits;
        session.speaker.priority = bits.contains(SessionBits::PRIORITY);
        let Some(channel) = &mut self.channels[session.channel as usize] else { return };
        if !session.may_speak() {
            channel.selection.release(session.speaker.source);
        }
        for place in session.sources.iter().flatten() {
            if let Some(source) = channel.video.sources[*place as usize].as_deref_mut() {
                source.allowed = bits.may_send(source.id.kind());
                channel.video.stale = true;
            }
        }
        if let Some(receiver) = session.receiver {
            channel.receivers[receiver as usize].set_deafened(bits.contains(SessionBits::DEAFENED));
        }
    }

    /// Ends a session. An unknown session is none.
    pub fn close(&mut self, id: VoiceSessionId, reason: EndReason, outbox: &mut dyn Outbox) {
        if let Some(index) = self.by_id.get(&id) {
            self.end(*index, reason, outbox);
        }
    }

    /// Ends all sessions.
    pub fn close_all(&mut self, reason: EndReason, outbox: &mut dyn Outbox) {
        for index in 0..self.sessions.len() as u32 {
            self.end(index, reason, outbox);
        }
    }

    /// The shard's counters.
    pub fn stats(&self) -> ShardStats {
        ShardStats { sessions: self.by_id.len() as u64, channels: self.by_channel.len() as u64, ..self.stats }
    }

    /// A session's counters; `None` when there is no such session.
    pub fn session_stats(&self, id: VoiceSessionId) -> Option<SessionStats> {
        let session = self.sessions[*self.by_id.get(&id)? as usize].as_deref()?;
        let mut stats = session.stats;
        let receiver = session.receiver.zip(self.channels[session.channel as usize].as_ref());
        if let Some((receiver, channel)) = receiver {
            stats.voice_forwarded_to = channel.receivers[receiver as usize].forwarded;
        }
        let microphone = session.inbound.as_ref().and_then(|inbound| inbound.microphone.as_ref());
        if let Some(microphone) = microphone {
            stats.uplink_lost = microphone.reception.lost();
            stats.uplink_jitter_ms = microphone.reception.jitter_ms();
        }
        Some(stats)
    }

    /// The handshake is done: it speaks and hears from now on.
    pub(super) fn connect(&mut self, index: u32, keys: SessionKeys, now: Instant, outbox: &mut dyn Outbox) {
        let Some(session) = session(&mut self.sessions, index) else { return };
        let (Some(channel), Some(path)) = (&mut self.channels[session.channel as usize], session.ice.path())
        else {
            return;
        };
        let deafened = session.bits.contains(SessionBits::DEAFENED);
        session.inbound = Some(Inbound {
            keys: keys.client,
            rtcp_window: ReplayWindow::default(),
            microphone: None,
            streams: Streams::new(now),
        });
        session.receiver = Some(channel.receivers.len() as u32);
        channel.receivers.push(Receiver::new(index, path, deafened, keys.server, &mut self.random));
        self.stats.sessions_connected += 1;
        if session.prime_left > 0 {
            self.timers.set(now, Timer::Prime { index, serial: session.serial });
        }
        outbox.event(Event::Connected { session: session.id });
    }

    /// Ends the session in a place, if there is one.
    pub(super) fn end(&mut self, index: u32, reason: EndReason, outbox: &mut dyn Outbox) {
        let Some(mut session) = self.sessions[index as usize].take() else { return };
        if reason != EndReason::Left {
            session.say_goodbye(outbox);
        }
        self.sessions_free.push(index);
        self.by_id.remove(&session.id);
        self.by_ufrag.remove(&session.ice.ufrag);
        for address in session.ice.addresses() {
            if self.by_address.get(&address) == Some(&index) {
                self.by_address.remove(&address);
            }
        }
        self.leave_channel(&session);
        outbox.event(Event::Closed { session: session.id, reason });
    }

    fn enter_channel(&mut self, id: ChannelId, now: Instant) -> u32 {
        let index = match self.by_channel.get(&id) {
            Some(index) => *index,
            None => {
                self.serial += 1;
                let index = place(&mut self.channels, &mut self.channels_free);
                self.channels[index as usize] = Some(Channel::new(id, self.serial, &mut self.random, now));
                self.by_channel.insert(id, index);
                index
            }
        };
        if let Some(channel) = &mut self.channels[index as usize] {
            channel.sessions += 1;
        }
        index
    }

    fn leave_channel(&mut self, session: &Session) {
        let place = &mut self.channels[session.channel as usize];
        let Some(channel) = place else { return };
        channel.selection.release(session.speaker.source);
        if let Some(receiver) = session.receiver {
            self.stats.sessions_connected -= 1;
            let moved = channel.remove_receiver(receiver);
            if let Some(moved) = moved.and_then(|moved| super::session(&mut self.sessions, moved)) {
                moved.receiver = Some(receiver);
            }
        }
        session.sources.iter().flatten().for_each(|place| channel.video.remove(*place));
        channel.sessions -= 1;
        if channel.sessions == 0 {
            self.by_channel.remove(&channel.id);
            *place = None;
            self.channels_free.push(session.channel);
        }
    }
}

/// A free place, a new one if need be.
fn place<T>(places: &mut Vec<Option<T>>, free: &mut Vec<u32>) -> u32 {
    free.pop().unwrap_or_else(|| {
        places.push(None);
        places.len() as u32 - 1
    })
}

fn text(chars: &[u8]) -> String {
    chars.iter().map(|c| char::from(*c)).collect()
}
