//! Which ticket may open a session, and on which shard each session lives.

use super::JoinError;
use std::collections::HashMap;
use voicehall_protocol::ids::VoiceSessionId;
use voicehall_protocol::rtp::{SourceId, SourceKind};
use voicehall_protocol::ticket::Ticket;

/// Sessions and used tickets remembered at once. A used ticket is forgotten when it has expired
/// and its session is over, so only a flood of valid tickets reaches this.
const ENTRIES_MAX: usize = 100_000;

/// Session numbers are the upper 30 bits of a source id.
const SESSION_NUMBER_MAX: u32 = (1 << 30) - 1;

/// The node's memory of tickets and sessions.
#[derive(Debug, Default)]
pub(super) struct Admission {
    entries: HashMap<VoiceSessionId, Entry>,
    last_number: u32,
    stopping: bool,
}

#[derive(Debug)]
struct Entry {
    shard: usize,
    expires_s: u32,
    open: bool,
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
        self.entries.insert(ticket.session, Entry { shard, expires_s: ticket.expires_s, open: true });
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
        }
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
