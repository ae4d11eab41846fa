//! Which ticket may open a session, and on which shard each session lives.

use super::JoinError;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use voicehall_protocol::ids::VoiceSessionId;
use voicehall_protocol::rtp::{SourceId, SourceKind};
use voicehall_protocol::ticket::Ticket;
use voicehall_sfu::Credentials;

/// Sessions and used tickets remembered at once. A used ticket is forgotten when it has expired
/// and its session is over, so only a flood of valid tickets reaches this.
const ENTRIES_MAX: usize = 100_000;

/// Session numbers are the upper 30 bits of a source id.
const SESSION_NUMBER_MAX: u32 = (1 << 30) - 1;

/// The node's memory of tickets and sessions.
#[derive(Debug, Default)]
pub(super) struct Admission {
    entries: HashMap<VoiceSessionId, Entry>,
    /// Of open sessions, by the node's ICE user-name fragment.
    by_ufrag: HashMap<String, Secret>,
    last_number: u32,
    stopping: bool,
}

#[derive(Debug)]
struct Entry {
    shard: usize,
    expires_s: u32,
    open: bool,
    ufrag: Option<String>,
}

/// What whoever speaks for a session has to know.
#[derive(Debug)]
struct Secret {
    session: VoiceSessionId,
    /// SHA-256 of the node's ICE password.
    password: [u8; 32],
}

impl Admission {
    /// Takes a ticket once and numbers its session.
    pub fn admit(&mut self, ticket: &Ticket, shard: usize, now_s: u64) -> Result<SourceId, JoinError> {
        if self.stopping {
            return Err(JoinError::Stopping);
        }
        if self.entries.contains_key(&ticket.session) {
            return Err(JoinError::Used);
        }
        if self.entries.len() >= ENTRIES_MAX {
            self.entries.retain(|_, entry| entry.open || u64::from(entry.expires_s) >= now_s);
            if self.entries.len() >= ENTRIES_MAX {
                return Err(JoinError::Full);
            }
        }
        self.entries
            .insert(ticket.session, Entry { shard, expires_s: ticket.expires_s, open: true, ufrag: None });
        self.last_number = if self.last_number >= SESSION_NUMBER_MAX { 1 } else { self.last_number + 1 };
        Ok(SourceId::new(self.last_number, SourceKind::Microphone))
    }

    /// The shard on which an open session lives.
    pub fn shard_of(&self, session: VoiceSessionId) -> Option<usize> {
        self.entries.get(&session).filter(|entry| entry.open).map(|entry| entry.shard)
    }

    /// The session is over; its ticket stays used.
    pub fn close(&mut self, session: VoiceSessionId) {
        if let Some(entry) = self.entries.get_mut(&session) {
            entry.open = false;
            let ufrag = entry.ufrag.take();
            ufrag.and_then(|ufrag| self.by_ufrag.remove(&ufrag));
        }
    }

    /// The session's credentials, from now until it is over.
    pub fn name(&mut self, session: VoiceSessionId, credentials: &Credentials) {
        // It may be over already.
        let Some(entry) = self.entries.get_mut(&session).filter(|entry| entry.open) else { return };
        entry.ufrag = Some(credentials.ufrag.clone());
        let password = Sha256::digest(&credentials.password).into();
        self.by_ufrag.insert(credentials.ufrag.clone(), Secret { session, password });
    }

    /// The open session that has these credentials.
    pub fn authenticate(&self, ufrag: &str, password: &str) -> Option<VoiceSessionId> {
        let given: [u8; 32] = Sha256::digest(password).into();
        let known = self.by_ufrag.get(ufrag)?;
        // Every byte is looked at, so that the time it takes tells nothing.
        let differ = given.iter().zip(known.password).fold(0, |differ, (a, b)| differ | (a ^ b));
        (std::hint::black_box(differ) == 0).then_some(known.session)
    }

    /// The session never opened for want of room: its ticket may be tried again.
    pub fn forget(&mut self, session: VoiceSessionId) {
        self.entries.remove(&session);
    }

    /// Admits nobody any more.
    pub fn stop(&mut self) {
        self.stopping = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use voicehall_protocol::ids::{ChannelId, UserId};
    use voicehall_protocol::ticket::SessionBits;

    fn ticket(session: u64) -> Ticket {
        Ticket {
            node: 0,
            epoch: 0,
            user: UserId(1),
            session: VoiceSessionId(session),
            channel: ChannelId(1),
            bits: SessionBits::SPEAK,
            expires_s: 100,
        }
    }

    #[test]
    fn a_ticket_is_taken_once_even_after_its_session() {
        let mut admission = Admission::default();
        let first = admission.admit(&ticket(1), 3, 0).unwrap();
        assert_eq!(admission.shard_of(VoiceSessionId(1)), Some(3));
        assert_eq!(admission.admit(&ticket(1), 3, 0), Err(JoinError::Used));
        admission.close(VoiceSessionId(1));
        assert_eq!(admission.shard_of(VoiceSessionId(1)), None);
        assert_eq!(admission.admit(&ticket(1), 3, 0), Err(JoinError::Used));
        assert_ne!(admission.admit(&ticket(2), 0, 0), Ok(first));
    }

    #[test]
    fn a_session_is_known_by_its_credentials_until_it_is_over() {
        let credentials = |ufrag: &str, password: &str| Credentials {
            ufrag: ufrag.to_owned(),
            password: password.to_owned(),
        };
        let mut admission = Admission::default();
        admission.admit(&ticket(1), 0, 0).unwrap();
        admission.admit(&ticket(2), 0, 0).unwrap();
        assert_eq!(admission.authenticate("one", ""), None);
        admission.name(VoiceSessionId(1), &credentials("one", "first"));
        admission.name(VoiceSessionId(2), &credentials("two", "second"));
        assert_eq!(admission.authenticate("one", "first"), Some(VoiceSessionId(1)));
        assert_eq!(admission.authenticate("two", "second"), Some(VoiceSessionId(2)));
        for (ufrag, password) in
            [("one", "second"), ("one", ""), ("one", "first "), ("", ""), ("One", "first")]
        {
            assert_eq!(admission.authenticate(ufrag, password), None, "{ufrag} {password}");
        }
        admission.close(VoiceSessionId(1));
        assert_eq!(admission.authenticate("one", "first"), None);
        assert_eq!(admission.authenticate("two", "second"), Some(VoiceSessionId(2)));
        admission.name(VoiceSessionId(1), &credentials("one", "first"));
        assert_eq!(admission.authenticate("one", "first"), None, "it ended before it was named");
    }

    #[test]
    fn the_memory_is_bounded_and_expired_tickets_make_room() {
        let mut admission = Admission::default();
        for session in 0..ENTRIES_MAX as u64 {
            admission.admit(&ticket(session), 0, 0).unwrap();
        }
        let next = ticket(u64::MAX);
        assert_eq!(admission.admit(&next, 0, 101), Err(JoinError::Full), "all sessions are open");
        admission.close(VoiceSessionId(7));
        assert_eq!(admission.admit(&next, 0, 100), Err(JoinError::Full), "its ticket has not expired");
        assert!(admission.admit(&next, 0, 101).is_ok());
    }

    #[test]
    fn a_stopping_node_admits_nobody() {
        let mut admission = Admission::default();
        admission.stop();
        assert_eq!(admission.admit(&ticket(1), 0, 0), Err(JoinError::Stopping));
    }
}
