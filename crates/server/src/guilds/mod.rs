//! The guilds that are running: each has one owner task, and everything that changes or asks goes
//! through its queue.

mod owner;

use crate::gateway::{Session, Sessions};
use crate::store::{Store, StoreError};
use crate::voice::VoiceNode;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{mpsc, oneshot};
use voicehall_guild::{Command, Guild, GuildError};
use voicehall_protocol::gateway::Event;
use voicehall_protocol::ids::{ChannelId, GatewaySessionId, GuildId, UserId};
use voicehall_protocol::model;

/// Requests that may wait for one guild; who comes then waits for a place.
const QUEUE: usize = 256;

/// Why a guild did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The guild's rules.
    #[error(transparent)]
    Guild(#[from] GuildError),
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

/// Why somebody with a valid invite did not become a member.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct JoinFailure(#[from] pub ApplyError);

/// What the owner tasks work with.
pub struct Shared {
    /// Where changes are kept.
    pub store: Arc<dyn Store>,
    /// To whom changes are told.
    pub sessions: Arc<Sessions>,
    /// Where changes take effect on voices.
    pub voice: VoiceNode,
    channels: RwLock<HashMap<ChannelId, GuildId>>,
}

/// Every guild of this server.
pub struct Guilds {
    shared: Arc<Shared>,
    handles: RwLock<HashMap<GuildId, GuildHandle>>,
}

impl Guilds {
    /// No guilds yet.
    pub fn new(store: Arc<dyn Store>, sessions: Arc<Sessions>, voice: VoiceNode) -> Self {
        let shared = Shared { store, sessions, voice, channels: RwLock::default() };
        Self { shared: Arc::new(shared), handles: RwLock::default() }
    }

    /// Starts a guild that is in the store.
    pub fn start(&self, guild: Guild) {
        for channel in &guild.snapshot().channels {
            self.shared.place(channel.id, guild.id());
        }
        let (asks, queue) = mpsc::channel(QUEUE);
        let handle = GuildHandle { asks };
        let mut handles = self.handles.write().unwrap_or_else(PoisonError::into_inner);
        handles.insert(guild.id(), handle);
        tokio::spawn(owner::run(guild, Arc::clone(&self.shared), queue));
    }

    /// A guild.
    pub fn get(&self, guild: GuildId) -> Option<GuildHandle> {
        self.handles.read().unwrap_or_else(PoisonError::into_inner).get(&guild).cloned()
    }

    /// The guild that has this channel.
    pub fn of_channel(&self, channel: ChannelId) -> Option<(GuildId, GuildHandle)> {
        let channels = self.shared.channels.read().unwrap_or_else(PoisonError::into_inner);
        let guild = *channels.get(&channel)?;
        drop(channels);
        Some((guild, self.get(guild)?))
    }

    /// Ends every owner task once its queue is empty.
    pub fn stop(&self) {
        self.handles.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Shared {
    fn place(&self, channel: ChannelId, guild: GuildId) {
        self.channels.write().unwrap_or_else(PoisonError::into_inner).insert(channel, guild);
    }

    fn displace(&self, channel: ChannelId) {
        self.channels.write().unwrap_or_else(PoisonError::into_inner).remove(&channel);
    }
}

/// What is asked of an owner task.
enum Ask {
    Apply { command: Command, reply: oneshot::Sender<Result<(), ApplyError>> },
    Read(Box<dyn FnOnce(&Guild) + Send>),
    Subscribe { session: Arc<Session>, reply: oneshot::Sender<Option<model::Guild>> },
    Unsubscribe { session: GatewaySessionId, user: UserId },
    Publish(Event),
}

/// The way to a guild's owner task.
#[derive(Clone)]
pub struct GuildHandle {
    asks: mpsc::Sender<Ask>,
}

impl GuildHandle {
    /// Carries out a command: kept in the store, told to everybody, in effect on voices. Goes on
    /// even when the caller no longer waits.
    ///
    /// # Errors
    /// See [`ApplyError`].
    pub async fn apply(&self, command: Command) -> Result<(), ApplyError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Ask::Apply { command, reply }).await?;
        answer.await.map_err(|_| ApplyError::Stopping)?
    }

    /// Looks at the present state.
    ///
    /// # Errors
    /// [`ApplyError::Stopping`].
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Guild) -> T + Send + 'static,
    ) -> Result<T, ApplyError> {
        let (reply, answer) = oneshot::channel();
        let look = move |guild: &Guild| {
            // The caller may be gone; nothing changed then.
            let _ = reply.send(look(guild));
        };
        self.ask(Ask::Read(Box::new(look))).await?;
        answer.await.map_err(|_| ApplyError::Stopping)
    }

    /// Tells a gateway session of everything from now on, and answers with the state until now;
    /// none when its account is not a member.
    ///
    /// # Errors
    /// [`ApplyError::Stopping`].
    pub async fn subscribe(&self, session: Arc<Session>) -> Result<Option<model::Guild>, ApplyError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Ask::Subscribe { session, reply }).await?;
        answer.await.map_err(|_| ApplyError::Stopping)
    }

    /// The opposite of [`Self::subscribe`].
    pub async fn unsubscribe(&self, session: &Session) {
        let ask = Ask::Unsubscribe { session: session.id, user: session.user.id };
        // When the server is stopping, nobody is told of anything any more.
        let _ = self.ask(ask).await;
    }

    /// Tells the members of something that is not part of the guild's state.
    ///
    /// # Errors
    /// [`ApplyError::Stopping`].
    pub async fn publish(&self, event: Event) -> Result<(), ApplyError> {
        self.ask(Ask::Publish(event)).await
    }

    async fn ask(&self, ask: Ask) -> Result<(), ApplyError> {
        self.asks.send(ask).await.map_err(|_| ApplyError::Stopping)
    }
}
