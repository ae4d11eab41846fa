//! One gateway session: its events in order, kept until its client has them, while connections
//! come and go.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use voicehall_protocol::gateway::CloseCode;
use voicehall_protocol::ids::{GatewaySessionId, GuildId, LoginId};
use voicehall_protocol::model::User;

/// Most bytes of events kept for one session, whatever their number.
const BYTES_KEPT_MAX: usize = 4 * 1024 * 1024;

/// A gateway session.
pub struct Session {
    /// What the client resumes it by.
    pub id: GatewaySessionId,
    /// Whose.
    pub user: User,
    /// By which login.
    pub login: LoginId,
    events_kept: usize,
    state: Mutex<State>,
    wake: Notify,
}

struct State {
    /// Events that the client may not have, oldest first; their numbers have no gap.
    events: VecDeque<Arc<str>>,
    bytes: usize,
    /// Number of the last event, kept or not.
    last: u64,
    /// Number of the last event that was sent on the present connection.
    sent: u64,
    /// Grows with each connection; only the latest one is served.
    connection: u64,
    /// When the last connection was lost; none while one is there.
    lost: Option<Instant>,
    ended: Option<End>,
    guilds: Vec<GuildId>,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The client closed it, and will not come back.
    Left,
    /// It did not come back in time, or too much happened meanwhile.
    Lapsed(CloseCode),
    /// Its login was revoked.
    Revoked,
}

impl End {
    const fn close_code(self) -> CloseCode {
        match self {
            Self::Left => CloseCode::ShuttingDown,
            Self::Lapsed(code) => code,
            Self::Revoked => CloseCode::BadToken,
        }
    }
}

/// What a connection is to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Send this event, with its number.
    Send(u64, Arc<str>),
    /// Wait for [`Session::woken`].
    Wait,
    /// Close the connection.
    Close(CloseCode),
}

/// A session that cannot go on where the client left it.
#[derive(Debug, PartialEq, Eq)]
pub struct CannotResume;

impl Session {
    /// A session with its first connection, number 1.
    pub fn new(id: GatewaySessionId, user: User, login: LoginId, events_kept: usize) -> Self {
        let state = State {
            events: VecDeque::new(),
            bytes: 0,
            last: 0,
            sent: 0,
            connection: 1,
            lost: None,
            ended: None,
            guilds: Vec::new(),
        };
        Self { id, user, login, events_kept, state: Mutex::new(state), wake: Notify::new() }
    }

    /// Something happened that the client is to know.
    pub fn push(&self, event: Arc<str>) {
        let mut state = self.lock();
        if state.ended.is_some() {
            return;
        }
        state.last += 1;
        state.bytes += event.len();
        state.events.push_back(event);
        while state.events.len() > self.events_kept || state.bytes > BYTES_KEPT_MAX {
            if state.lost.is_some() || state.oldest() > state.sent {
                // The client has not been sent this event, or may have missed it: without it the
                // session cannot go on.
                state.ended = Some(End::Lapsed(CloseCode::TooSlow));
                state.events.clear();
                break;
            }
            state.forget_oldest();
        }
        drop(state);
        self.wake.notify_one();
    }

    /// What the connection with this number does next.
    pub fn next(&self, connection: u64) -> Next {
        self.next_until(connection, u64::MAX)
    }

    /// The same, but waits at the event with number `last`.
    pub fn next_until(&self, connection: u64, last: u64) -> Next {
        let mut state = self.lock();
        if let Some(end) = state.ended {
            return Next::Close(end.close_code());
        }
        if state.connection != connection {
            return Next::Close(CloseCode::Superseded);
        }
        if state.sent == state.last.min(last) {
            return Next::Wait;
        }
        state.sent += 1;
        let index = state.events.len() as u64 - 1 - (state.last - state.sent);
        Next::Send(state.sent, Arc::clone(&state.events[index as usize]))
    }

    /// Whether there are events that were not sent.
    pub fn has_more(&self) -> bool {
        let state = self.lock();
        state.sent < state.last
    }

    /// Returns when [`Self::next`] may answer something new.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// The client has every event up to this one. A number that was never sent is ignored.
    pub fn acknowledge(&self, seq: u64) {
        let mut state = self.lock();
        if seq > state.sent {
            return;
        }
        while !state.events.is_empty() && state.oldest() <= seq {
            state.forget_oldest();
        }
    }

    /// Takes the session over to a new connection, whose number is returned together with that of
    /// the last event, after which the client has missed nothing.
    ///
    /// # Errors
    /// When the session has ended, or events after `seq` are no longer kept.
    pub fn resume(&self, seq: u64) -> Result<(u64, u64), CannotResume> {
        let mut state = self.lock();
        let kept_after = state.last - state.events.len() as u64;
        if state.ended.is_some() || seq > state.last || seq < kept_after {
            return Err(CannotResume);
        }
        state.connection += 1;
        state.lost = None;
        state.sent = seq;
        let resumed = (state.connection, state.last);
        drop(state);
        self.wake_all();
        Ok(resumed)
    }

    /// The connection with this number is gone; the client may come back.
    pub fn lose(&self, connection: u64) {
        let mut state = self.lock();
        if state.connection == connection {
            state.lost = Some(Instant::now());
        }
    }

    /// Ends the session, if it has not ended. Answers with the guilds that it was told of.
    pub fn end(&self, end: End) -> (End, Vec<GuildId>) {
        let mut state = self.lock();
        let end = *state.ended.get_or_insert(end);
        state.events.clear();
        let guilds = std::mem::take(&mut state.guilds);
        drop(state);
        self.wake_all();
        (end, guilds)
    }

    /// Whether it has ended, or has been without a connection for so long that it should.
    pub fn is_over(&self, window: Duration) -> bool {
        let state = self.lock();
        state.ended.is_some() || state.lost.is_some_and(|lost| lost.elapsed() >= window)
    }

    /// Notes that a guild tells it what happens; false when it has ended.
    pub fn enter(&self, guild: GuildId) -> bool {
        let mut state = self.lock();
        if state.ended.is_some() {
            return false;
        }
        if !state.guilds.contains(&guild) {
            state.guilds.push(guild);
        }
        true
    }

    fn wake_all(&self) {
        // A connection that was superseded and the one that took over may both be waiting.
        self.wake.notify_waiters();
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Number of the oldest event that is kept, or of the next one when none is.
    fn oldest(&self) -> u64 {
        self.last + 1 - self.events.len() as u64
    }

    fn forget_oldest(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.bytes -= event.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use voicehall_protocol::ids::UserId;

    fn session(kept: usize) -> Session {
        let user = User { id: UserId(1), name: "Ann".to_owned(), guest: true };
        Session::new(GatewaySessionId(1), user, LoginId(1), kept)
    }

    fn drain(session: &Session, connection: u64) -> Vec<u64> {
        let mut numbers = Vec::new();
        while let Next::Send(seq, event) = session.next(connection) {
            assert_eq!(*event, *seq.to_string(), "each number carries its own event");
            numbers.push(seq);
        }
        numbers
    }

    fn push(session: &Session, from: u64, to: u64) {
        (from..=to).for_each(|number| session.push(number.to_string().into()));
    }

    #[test]
    fn events_are_numbered_from_one() {
        let session = session(16);
        push(&session, 1, 3);
        assert_eq!(drain(&session, 1), [1, 2, 3]);
        assert_eq!(session.next(1), Next::Wait);
    }

    #[test]
    fn resuming_sends_what_was_missed() {
        let session = session(16);
        push(&session, 1, 5);
        drain(&session, 1);
        session.acknowledge(2);
        session.lose(1);
        push(&session, 6, 7);
        assert_eq!(session.resume(1), Err(CannotResume), "events up to 2 are gone");
        assert_eq!(session.resume(8), Err(CannotResume), "there is no 8th event");
        assert_eq!(session.resume(3), Ok((2, 7)));
        assert_eq!(drain(&session, 2), [4, 5, 6, 7]);
        assert_eq!(session.next(1), Next::Close(CloseCode::Superseded));
    }

    #[test]
    fn a_client_that_reads_nothing_is_closed() {
        let session = session(16);
        push(&session, 1, 17);
        assert_eq!(session.next(1), Next::Close(CloseCode::TooSlow));
        assert_eq!(session.resume(0), Err(CannotResume));
    }

    #[test]
    fn a_client_that_reads_and_never_acknowledges_stays() {
        let session = session(16);
        for number in 1..=100 {
            push(&session, number, number);
            assert_eq!(drain(&session, 1), [number]);
        }
        session.lose(1);
        assert_eq!(session.resume(83), Err(CannotResume));
        assert_eq!(session.resume(84), Ok((2, 100)));
    }

    #[test]
    fn too_much_while_away_ends_the_session() {
        let session = session(16);
        session.lose(1);
        push(&session, 1, 17);
        assert_eq!(session.resume(17), Err(CannotResume));
        assert!(session.is_over(Duration::MAX));
    }

    #[test]
    fn an_ended_session_is_told_nothing() {
        let session = session(16);
        assert!(session.enter(GuildId(1)));
        assert_eq!(session.end(End::Revoked), (End::Revoked, vec![GuildId(1)]));
        assert!(!session.enter(GuildId(2)));
        assert_eq!(session.next(1), Next::Close(CloseCode::BadToken));
    }

    #[derive(Debug, Clone)]
    enum Act {
        Push(u8),
        Send(u8),
        Acknowledge(u8),
        Reconnect { lost_in_flight: u8 },
    }

    fn any_act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (1u8..4).prop_map(Act::Push),
            (1u8..8).prop_map(Act::Send),
            any::<u8>().prop_map(Act::Acknowledge),
            (0u8..5).prop_map(|lost_in_flight| Act::Reconnect { lost_in_flight }),
        ]
    }

    proptest! {
        /// Whatever the order of events, lost connections and acknowledgements, a client that
        /// resumes gets each event once and in order, or is told that it cannot resume.
        #[test]
        fn no_event_is_lost_or_doubled(acts in prop::collection::vec(any_act(), 1..80)) {
            let session = session(16);
            let (mut connection, mut pushed) = (1, 0u64);
            // What the client has, and what is on its way to it.
            let (mut has, mut flight) = (0u64, VecDeque::new());
            for act in acts {
                match act {
                    Act::Push(count) => for _ in 0..count {
                        pushed += 1;
                        session.push(pushed.to_string().into());
                    },
                    Act::Send(count) => for _ in 0..count {
                        match session.next(connection) {
                            Next::Send(seq, event) => {
                                prop_assert_eq!(event.to_string(), seq.to_string());
                                flight.push_back(seq);
                            }
                            Next::Wait => prop_assert_eq!(has + flight.len() as u64, pushed),
                            Next::Close(code) => {
                                prop_assert_eq!(code, CloseCode::TooSlow);
                                return Ok(());
                            }
                        }
                    },
                    Act::Acknowledge(count) => {
                        for _ in 0..count.min(flight.len() as u8) {
                            let seq = flight.pop_front().unwrap();
                            prop_assert_eq!(seq, has + 1);
                            has = seq;
                        }
                        session.acknowledge(has);
                    }
                    Act::Reconnect { lost_in_flight } => {
                        flight.truncate(flight.len().saturating_sub(lost_in_flight.into()));
                        while let Some(seq) = flight.pop_front() {
                            prop_assert_eq!(seq, has + 1);
                            has = seq;
                        }
                        session.lose(connection);
                        match session.resume(has) {
                            Ok((next, last)) => {
                                prop_assert_eq!(last, pushed);
                                connection = next;
                            }
                            Err(CannotResume) => return Ok(()),
                        }
                    }
                }
            }
        }
    }
}
