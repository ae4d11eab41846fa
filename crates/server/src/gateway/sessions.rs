//! All gateway sessions, by id and by account.

use super::session::{End, Session};
use crate::config;
use crate::ids;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use voicehall_protocol::gateway::CloseCode;
use voicehall_protocol::ids::{GatewaySessionId, GuildId, LoginId, UserId};
use voicehall_protocol::model::User;

/// Most sessions of one account; the oldest ends when there are more.
const SESSIONS_PER_ACCOUNT_MAX: usize = 16;

/// A session that is over, for those who have to know.
pub struct Ended {
    /// The session.
    pub session: Arc<Session>,
    /// Why it ended.
    pub end: End,
    /// The guilds that it was told of.
    pub guilds: Vec<GuildId>,
}

/// Every gateway session of this server.
pub struct Sessions {
    events_kept: usize,
    window: Duration,
    inner: Mutex<Inner>,
    /// Unbounded, but each session ends once.
    ended: mpsc::UnboundedSender<Ended>,
}

#[derive(Default)]
struct Inner {
    by_id: HashMap<GatewaySessionId, Arc<Session>>,
    by_user: HashMap<UserId, Vec<Arc<Session>>>,
}

impl Sessions {
    /// No sessions yet; and where it is told of each that ends.
    pub fn new(config: &config::Gateway) -> (Self, mpsc::UnboundedReceiver<Ended>) {
        let (ended, receiver) = mpsc::unbounded_channel();
        let window = Duration::from_millis(config.resume_window_ms.into());
        (Self { events_kept: config.events_kept, window, inner: Mutex::default(), ended }, receiver)
    }

    /// A new session, connected.
    pub fn open(&self, user: User, login: LoginId) -> Arc<Session> {
        let id = GatewaySessionId(ids::random());
        let session = Arc::new(Session::new(id, user, login, self.events_kept));
        let mut inner = self.lock();
        inner.by_id.insert(id, Arc::clone(&session));
        let of_user = inner.by_user.entry(session.user.id).or_default();
        of_user.push(Arc::clone(&session));
        let oldest = (of_user.len() > SESSIONS_PER_ACCOUNT_MAX).then(|| Arc::clone(&of_user[0]));
        drop(inner);
        if let Some(oldest) = oldest {
            self.end(&oldest, End::Lapsed(CloseCode::Superseded));
        }
        session
    }

    /// A session.
    pub fn get(&self, id: GatewaySessionId) -> Option<Arc<Session>> {
        self.lock().by_id.get(&id).cloned()
    }

    /// The sessions of an account.
    pub fn of_user(&self, user: UserId) -> Vec<Arc<Session>> {
        self.lock().by_user.get(&user).cloned().unwrap_or_default()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().by_id.len()
    }

    /// Ends a session.
    pub fn end(&self, session: &Arc<Session>, end: End) {
        let mut inner = self.lock();
        if inner.by_id.remove(&session.id).is_none() {
            return;
        }
        let user = session.user.id;
        if let Some(of_user) = inner.by_user.get_mut(&user) {
            of_user.retain(|known| known.id != session.id);
            if of_user.is_empty() {
                inner.by_user.remove(&user);
            }
        }
        drop(inner);
        let (end, guilds) = session.end(end);
        // While the server stops nobody listens, and there is nobody to be told.
        let _ = self.ended.send(Ended { session: Arc::clone(session), end, guilds });
    }

    /// Ends the sessions of a login that was revoked.
    pub fn end_login(&self, login: LoginId) {
        self.end_where(End::Revoked, |session| session.login == login);
    }

    /// Ends the sessions whose clients did not come back, or cannot.
    pub fn sweep(&self) {
        self.end_where(End::Lapsed(CloseCode::TooSlow), |session| session.is_over(self.window));
    }

    /// Ends all sessions: the server stops.
    pub fn stop(&self) {
        self.end_where(End::Lapsed(CloseCode::ShuttingDown), |_| true);
    }

    fn end_where(&self, end: End, wanted: impl Fn(&Session) -> bool) {
        let found: Vec<_> = self.lock().by_id.values().filter(|session| wanted(session)).cloned().collect();
        for session in found {
            self.end(&session, end);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
