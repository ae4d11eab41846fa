//! What outlives a restart: accounts, logins, guilds, invites, messages, settings.
//!
//! [`Store`] is the one door; each backend stands behind it, and one suite ([`suite`]) tests them
//! all. Every method is one transaction.

mod sqlite;
#[cfg(test)]
mod suite;

pub use sqlite::SqliteStore;

use async_trait::async_trait;
use voicehall_guild::{Guild, Step};
use voicehall_protocol::ids::{ChannelId, GuildId, LoginId, MessageId, UserId};
use voicehall_protocol::model::{Message, User};

/// SHA-256 of a login token.
pub type TokenHash = [u8; 32];

/// Why the store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The invite does not exist, has expired or is used up.
    #[error("the invite is not valid")]
    InviteInvalid,
    /// Another account with a password has this name.
    #[error("the name is taken")]
    NameTaken,
    /// The database failed.
    #[error("the database failed: {0}")]
    Backend(#[from] sqlx::Error),
    /// The database's layout could not be brought up to date.
    #[error("the database cannot be brought to this version's layout: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The database holds what this version never writes.
    #[error("the database holds something unreadable: {0}")]
    Unreadable(&'static str),
}

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its id and name.
    pub user: User,
    /// For an account that signs in: the name as it is compared, and the password's hash.
    pub credentials: Option<(String, String)>,
}

/// A login to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewLogin {
    /// Its id.
    pub id: LoginId,
    /// What the token hashes to.
    pub token_hash: TokenHash,
}

/// A stored login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredLogin {
    /// Its id.
    pub id: LoginId,
    /// When it was made, in Unix milliseconds.
    pub created_at: u64,
    /// When it was last used, in Unix milliseconds.
    pub used_at: u64,
}

/// An invite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredInvite {
    /// What stands in the link.
    pub code: String,
    /// The guild it leads to.
    pub guild: GuildId,
    /// Makes its user the owner.
    pub owner: bool,
    /// Uses left; none for no limit.
    pub uses_left: Option<u32>,
    /// When it ends, in Unix milliseconds.
    pub expires_at: Option<u64>,
}

/// What the use of an invite led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redeemed {
    /// The guild.
    pub guild: GuildId,
    /// Whether the account is its owner now.
    pub owner: bool,
}

/// The door to what is stored. `now` is the Unix time in milliseconds.
#[async_trait]
pub trait Store: Send + Sync {
    /// Answers when the database does.
    async fn ping(&self) -> Result<(), StoreError>;

    /// A secret of the installation: `fresh` the first time, the same ever after.
    async fn secret(&self, name: &'static str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError>;

    /// A counter that is one higher with each call, starting at 1.
    async fn count(&self, name: &'static str) -> Result<u32, StoreError>;

    /// Every guild.
    async fn guilds(&self) -> Result<Vec<Guild>, StoreError>;

    /// Keeps a new guild without members.
    async fn add_guild(&self, guild: &Guild) -> Result<(), StoreError>;

    /// Keeps what changed in a guild, as far as it outlives a restart.
    async fn commit(&self, guild: GuildId, steps: &[Step]) -> Result<(), StoreError>;

    /// The guilds that somebody is a member of.
    async fn guilds_of(&self, user: UserId) -> Result<Vec<GuildId>, StoreError>;

    /// Uses an invite to make an account, its first login and its membership, all or nothing.
    async fn add_account(
        &self,
        account: &NewAccount,
        login: &NewLogin,
        invite: &str,
        now: u64,
    ) -> Result<Redeemed, StoreError>;

    /// Uses an invite for an account that exists. A member who gains nothing uses nothing up.
    async fn accept_invite(&self, user: UserId, invite: &str, now: u64) -> Result<Redeemed, StoreError>;

    /// The account with this name (as it is compared) and its password's hash.
    async fn credentials(&self, name_key: &str) -> Result<Option<(User, String)>, StoreError>;

    /// Keeps a login of an account; beyond `logins_max` the longest unused ones go, and are
    /// returned.
    async fn add_login(
        &self,
        user: UserId,
        login: &NewLogin,
        logins_max: u32,
        now: u64,
    ) -> Result<Vec<LoginId>, StoreError>;

    /// Whose token this is.
    async fn login(&self, token_hash: &TokenHash) -> Result<Option<(StoredLogin, User)>, StoreError>;

    /// Notes that a login was used.
    async fn touch_login(&self, login: LoginId, now: u64) -> Result<(), StoreError>;

    /// The logins of an account, oldest first.
    async fn logins(&self, user: UserId) -> Result<Vec<StoredLogin>, StoreError>;

    /// Revokes a login; false if the account has no such login.
    async fn remove_login(&self, user: UserId, login: LoginId) -> Result<bool, StoreError>;

    /// Keeps an invite.
    async fn add_invite(&self, invite: &StoredInvite) -> Result<(), StoreError>;

    /// An invite that is still valid.
    async fn invite(&self, code: &str, now: u64) -> Result<Option<StoredInvite>, StoreError>;

    /// Forgets invites that have expired or are used up.
    async fn sweep_invites(&self, now: u64) -> Result<(), StoreError>;

    /// Keeps a message.
    async fn add_message(&self, message: &Message) -> Result<(), StoreError>;

    /// The last messages of a channel before `before`, newest last.
    async fn messages(
        &self,
        channel: ChannelId,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError>;

    /// Flushes and closes.
    async fn close(&self);
}
