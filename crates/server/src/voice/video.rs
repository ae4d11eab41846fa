//! What a session's control socket and its shard have to say to each other: always the newest, and
//! never a queue, however slow either of them is.

use super::VoiceNode;
use super::shard_thread::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use voicehall_protocol::ids::VoiceSessionId;
use voicehall_protocol::video::{ErrorCode, Sending, ServerMessage, SlotView, View};
use voicehall_sfu::{Demand, Watchers};

/// The end of a control socket: a voice session whose credentials it knew. Dropping it takes back all
/// that was said, unless another socket has taken its place.
pub struct VideoControl {
    node: VoiceNode,
    session: VoiceSessionId,
    link: Arc<Link>,
}

impl VideoControl {
    pub(super) fn attach(node: VoiceNode, session: VoiceSessionId) -> Self {
        let link = Arc::new(Link::default());
        if !node.send(session, Command::AttachVideo { session, link: Arc::clone(&link) }) {
            link.end(ErrorCode::SessionEnded);
        }
        Self { node, session, link }
    }

    /// All that the client wants to see.
    pub fn set_views(&self, views: Vec<View>) {
        self.wish(|wish| wish.views = Some(views));
    }

    /// All that the client sends.
    pub fn set_send(&self, camera: Option<Sending>, screen: Option<Sending>) {
        self.wish(|wish| wish.send = Some(Sends { camera, screen }));
    }

    /// What has to be told to the client and has not been; or why it is over.
    pub fn next(&self) -> Next {
        self.link.next()
    }

    /// Returns once there may be something [next](Self::next).
    pub async fn woken(&self) {
        self.link.woken.notified().await;
    }

    fn wish(&self, say: impl FnOnce(&mut Wish)) {
        let mut state = self.link.lock();
        say(&mut state.wish);
        // The shard takes all at once: one command is enough for any number of wishes.
        let waits = std::mem::replace(&mut state.wish.waits, true);
        drop(state);
        if !waits {
            self.node.send(
                self.session,
                Command::HearVideo { session: self.session, link: Arc::clone(&self.link) },
            );
        }
    }
}

impl Drop for VideoControl {
    fn drop(&mut self) {
        let link = Arc::clone(&self.link);
        self.node.send(self.session, Command::DetachVideo { session: self.session, link });
    }
}

/// What comes next for a client.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// These, at most one of a kind.
    Tell(Vec<ServerMessage>),
    /// Nothing yet.
    Wait,
    /// Nothing any more.
    Over(ErrorCode),
}

/// What is between a socket and a shard. The shard holds its lock for as long as it takes to swap a
/// few words, and only when something changes: never for a packet.
#[derive(Default)]
pub(super) struct Link {
    state: Mutex<State>,
    woken: Notify,
}

#[derive(Default)]
struct State {
    wish: Wish,
    told: Told,
    over: Option<ErrorCode>,
}

/// What the client said and the shard has not taken.
#[derive(Default)]
pub(super) struct Wish {
    pub views: Option<Vec<View>>,
    pub send: Option<Sends>,
    /// Whether the shard has been sent a command to take it.
    waits: bool,
}

impl Wish {
    /// To send and to see nothing.
    pub fn nothing() -> Self {
        Self { views: Some(Vec::new()), send: Some(Sends::default()), waits: false }
    }
}

/// All that a client sends.
#[derive(Default)]
pub(super) struct Sends {
    pub camera: Option<Sending>,
    pub screen: Option<Sending>,
}

/// What the shard said and the socket has not taken.
#[derive(Default)]
pub(super) struct Told {
    pub demand: Option<Demand>,
    pub slots: Option<Vec<SlotView>>,
    pub watchers: Option<Watchers>,
}

impl Link {
    /// What the client said since the last time.
    pub fn take(&self) -> Wish {
        std::mem::take(&mut self.lock().wish)
    }

    /// Tells the client what there is, instead of what it has not taken of the same.
    pub fn tell(&self, news: Told) {
        let told = &mut self.lock().told;
        told.demand = news.demand.or(told.demand.take());
        told.slots = news.slots.or(told.slots.take());
        told.watchers = news.watchers.or(told.watchers.take());
        self.woken.notify_one();
    }

    fn next(&self) -> Next {
        let mut state = self.lock();
        if let Some(code) = state.over {
            return Next::Over(code);
        }
        let Told { demand, slots, watchers } = std::mem::take(&mut state.told);
        let demand = demand.map(|Demand { camera, screen }| ServerMessage::Demand { camera, screen });
        let slots = slots.map(|slots| ServerMessage::Slots { slots });
        let watchers = watchers.map(|Watchers { camera, screen }| ServerMessage::Watchers { camera, screen });
        let messages: Vec<_> = demand.into_iter().chain(slots).chain(watchers).collect();
        if messages.is_empty() { Next::Wait } else { Next::Tell(messages) }
    }

    /// Ends the socket. The first reason stays.
    pub fn end(&self, code: ErrorCode) {
        self.lock().over.get_or_insert(code);
        self.woken.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_waits_for_whoever_does_not_take_it() {
        let link = Link::default();
        for rate in 0..100_000u32 {
            let demand = Demand { camera: [Some(rate as u8), None, None], ..Demand::default() };
            link.tell(Told { demand: Some(demand), ..Told::default() });
        }
        link.tell(Told { slots: Some(Vec::new()), ..Told::default() });
        let camera = [Some(99_999u32 as u8), None, None];
        let newest = vec![
            ServerMessage::Demand { camera, screen: [None; 3] },
            ServerMessage::Slots { slots: Vec::new() },
        ];
        assert_eq!(link.next(), Next::Tell(newest));
        assert_eq!(link.next(), Next::Wait, "each is told once");
        link.end(ErrorCode::Replaced);
        link.end(ErrorCode::SessionEnded);
        link.tell(Told { slots: Some(Vec::new()), ..Told::default() });
        assert_eq!(link.next(), Next::Over(ErrorCode::Replaced), "the first reason, and nothing after it");
    }
}
