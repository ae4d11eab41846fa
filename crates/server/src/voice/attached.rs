//! The control sockets of one shard's sessions, as its thread knows them.

use super::video::{Link, Told, Wish};
use std::collections::HashMap;
use std::sync::Arc;
use voicehall_protocol::ids::VoiceSessionId;
use voicehall_protocol::video::{ErrorCode, View};
use voicehall_sfu::Event;

/// All of them, by session: one each.
#[derive(Default)]
pub(super) struct Attached {
    sockets: HashMap<VoiceSessionId, Socket>,
    /// Sessions for which something changed, each of them once.
    changed: Vec<VoiceSessionId>,
}

struct Socket {
    link: Arc<Link>,
    /// All that the client wants to see: the shard takes it only once the session is connected.
    views: Vec<View>,
    /// Whether a camera and whether a screen is sent.
    sends: (bool, bool),
    changed: Changed,
}

/// What changed for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Changed {
    pub connected: bool,
    pub demand: bool,
    pub slots: bool,
    pub watchers: bool,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.link.end(ErrorCode::SessionEnded);
    }
}

impl Attached {
    /// A socket opened. It takes the place of an older one, whose words stand until it says otherwise.
    pub fn attach(&mut self, session: VoiceSessionId, link: Arc<Link>) {
        match self.sockets.get_mut(&session) {
            Some(socket) => std::mem::replace(&mut socket.link, link).end(ErrorCode::Replaced),
            None => {
                let (views, sends, changed) = Default::default();
                self.sockets.insert(session, Socket { link, views, sends, changed });
            }
        }
    }

    /// Whether this is the session's socket, and no other has taken its place.
    pub fn is_last(&self, session: VoiceSessionId, link: &Arc<Link>) -> bool {
        self.sockets.get(&session).is_some_and(|socket| Arc::ptr_eq(&socket.link, link))
    }

    /// The session's socket closed.
    pub fn detach(&mut self, session: VoiceSessionId) {
        self.sockets.remove(&session);
    }

    /// What a client says, which is nothing once its socket has been replaced.
    pub fn hear(&mut self, session: VoiceSessionId, link: &Arc<Link>) -> Wish {
        let wish = link.take();
        match self.sockets.get_mut(&session) {
            Some(socket) if Arc::ptr_eq(&socket.link, link) => {
                if let Some(views) = &wish.views {
                    socket.views.clone_from(views);
                }
                wish
            }
            _ => Wish::default(),
        }
    }

    /// All that a client wants to see.
    pub fn views(&self, session: VoiceSessionId) -> Option<Vec<View>> {
        self.sockets.get(&session).map(|socket| socket.views.clone())
    }

    /// Whether a camera and whether a screen is sent from now on; false if that is nothing new.
    pub fn set_sends(&mut self, session: VoiceSessionId, sends: (bool, bool)) -> bool {
        let socket = self.sockets.get_mut(&session);
        socket.is_some_and(|socket| std::mem::replace(&mut socket.sends, sends) != sends)
    }

    /// Remembers what an event says, for a session that has a socket.
    pub fn note(&mut self, event: Event) {
        let (Event::Connected { session }
        | Event::Demand { session }
        | Event::Slots { session }
        | Event::Watchers { session }
        | Event::Closed { session, .. }) = event;
        let Some(socket) = self.sockets.get_mut(&session) else { return };
        if socket.changed == Changed::default() {
            self.changed.push(session);
        }
        match event {
            Event::Connected { .. } => socket.changed.connected = true,
            Event::Demand { .. } => socket.changed.demand = true,
            Event::Slots { .. } => socket.changed.slots = true,
            Event::Watchers { .. } => socket.changed.watchers = true,
            Event::Closed { .. } => drop(self.sockets.remove(&session)),
        }
    }

    /// The next session for which something changed since it was last the next.
    pub fn next_changed(&mut self) -> Option<(VoiceSessionId, Changed)> {
        while let Some(session) = self.changed.pop() {
            if let Some(socket) = self.sockets.get_mut(&session) {
                return Some((session, std::mem::take(&mut socket.changed)));
            }
        }
        None
    }

    /// Tells a client.
    pub fn tell(&self, session: VoiceSessionId, news: Told) {
        if let Some(socket) = self.sockets.get(&session) {
            socket.link.tell(news);
        }
    }
}
