//! The embedded database: one SQLite file in the data directory.

mod accounts;
mod guilds;

use super::*;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::path::Path;
use std::time::Duration;

/// SQLite has one writer at a time; a second connection lets reads pass it.
const CONNECTIONS_MAX: u32 = 2;

/// [`Store`] on SQLite.
pub struct SqliteStore {
    pool: SqlitePool,
}

impl SqliteStore {
    /// Opens the database, makes it if there is none, and brings its layout up to date.
    ///
    /// # Errors
    /// When the file cannot be opened or is of a newer version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // In WAL mode this loses no consistency; a power cut may lose the last moments.
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .statement_cache_capacity(48)
            // KiB, as a negative number.
            .pragma("cache_size", "-1024");
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options)
            .await?;
        sqlx::migrate!("migrations/sqlite").run(&pool).await?;
        Ok(Self { pool })
    }
}

/// Ids are below 2^63, so that nothing is lost either way.
const fn row(id: u64) -> i64 {
    id as i64
}

const fn id(row: i64) -> u64 {
    row as u64
}

fn message(row: (i64, i64, i64, String, i64)) -> Message {
    let (message, channel, author, text, sent_at) = row;
    Message {
        id: MessageId(id(message)),
        channel: ChannelId(id(channel)),
        author: UserId(id(author)),
        text,
        sent_at: id(sent_at),
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    async fn secret(&self, name: &'static str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        sqlx::query("INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(name)
            .bind(fresh.as_slice())
            .execute(&self.pool)
            .await?;
        let (value,): (Vec<u8>,) = sqlx::query_as("SELECT value FROM settings WHERE name = ?")
            .bind(name)
            .fetch_one(&self.pool)
            .await?;
        value.try_into().map_err(|_| StoreError::Unreadable("a secret"))
    }

    async fn count(&self, name: &'static str) -> Result<u32, StoreError> {
        let (value,) = sqlx::query_as(
            "INSERT INTO counters (name, value) VALUES (?, 1)
             ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
        )
        .bind(name)
        .fetch_one(&self.pool)
        .await?;
        Ok(value)
    }

    async fn guilds(&self) -> Result<Vec<Guild>, StoreError> {
        guilds::load(&self.pool).await
    }

    async fn add_guild(&self, guild: &Guild) -> Result<(), StoreError> {
        guilds::add(&self.pool, guild).await
    }

    async fn commit(&self, guild: GuildId, steps: &[Step]) -> Result<(), StoreError> {
        guilds::commit(&self.pool, guild, steps).await
    }

    async fn guilds_of(&self, user: UserId) -> Result<Vec<GuildId>, StoreError> {
        let rows: Vec<(i64,)> =
            sqlx::query_as("SELECT guild FROM members WHERE account = ? ORDER BY position")
                .bind(row(user.0))
                .fetch_all(&self.pool)
                .await?;
        Ok(rows.into_iter().map(|(guild,)| GuildId(id(guild))).collect())
    }

    async fn add_account(
        &self,
        account: &NewAccount,
        login: &NewLogin,
        invite: &str,
        now: u64,
    ) -> Result<Redeemed, StoreError> {
        accounts::add(&self.pool, account, login, invite, now).await
    }

    async fn accept_invite(&self, user: UserId, invite: &str, now: u64) -> Result<Redeemed, StoreError> {
        accounts::accept_invite(&self.pool, user, invite, now).await
    }

    async fn credentials(&self, name_key: &str) -> Result<Option<(User, String)>, StoreError> {
        accounts::credentials(&self.pool, name_key).await
    }

    async fn add_login(
        &self,
        user: UserId,
        login: &NewLogin,
        logins_max: u32,
        now: u64,
    ) -> Result<Vec<LoginId>, StoreError> {
        accounts::add_login(&self.pool, user, login, logins_max, now).await
    }

    async fn login(&self, token_hash: &TokenHash) -> Result<Option<(StoredLogin, User)>, StoreError> {
        accounts::login(&self.pool, token_hash).await
    }

    async fn touch_login(&self, login: LoginId, now: u64) -> Result<(), StoreError> {
        sqlx::query("UPDATE logins SET used_at = ? WHERE id = ?")
            .bind(row(now))
            .bind(row(login.0))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn logins(&self, user: UserId) -> Result<Vec<StoredLogin>, StoreError> {
        accounts::logins(&self.pool, user).await
    }

    async fn remove_login(&self, user: UserId, login: LoginId) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM logins WHERE id = ? AND account = ?")
            .bind(row(login.0))
            .bind(row(user.0))
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn add_invite(&self, invite: &StoredInvite) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO invites (code, guild, owner, uses_left, expires_at) VALUES (?, ?, ?, ?, ?)")
            .bind(&invite.code)
            .bind(row(invite.guild.0))
            .bind(invite.owner)
            .bind(invite.uses_left)
            .bind(invite.expires_at.map(row))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn invite(&self, code: &str, now: u64) -> Result<Option<StoredInvite>, StoreError> {
        let found: Option<(String, i64, bool, Option<u32>, Option<i64>)> = sqlx::query_as(
            "SELECT code, guild, owner, uses_left, expires_at FROM invites
             WHERE code = ?1 AND (uses_left IS NULL OR uses_left > 0)
                 AND (expires_at IS NULL OR expires_at > ?2)",
        )
        .bind(code)
        .bind(row(now))
        .fetch_optional(&self.pool)
        .await?;
        Ok(found.map(|(code, guild, owner, uses_left, expires_at)| StoredInvite {
            code,
            guild: GuildId(id(guild)),
            owner,
            uses_left,
            expires_at: expires_at.map(id),
        }))
    }

    async fn sweep_invites(&self, now: u64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM invites WHERE uses_left = 0 OR expires_at <= ?")
            .bind(row(now))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn add_message(&self, message: &Message) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO messages (id, channel, author, text, sent_at) VALUES (?, ?, ?, ?, ?)")
            .bind(row(message.id.0))
            .bind(row(message.channel.0))
            .bind(row(message.author.0))
            .bind(&message.text)
            .bind(row(message.sent_at))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn messages(
        &self,
        channel: ChannelId,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let rows: Vec<(i64, i64, i64, String, i64)> = sqlx::query_as(
            "SELECT id, channel, author, text, sent_at FROM messages
             WHERE channel = ? AND id < ? ORDER BY id DESC LIMIT ?",
        )
        .bind(row(channel.0))
        .bind(before.map_or(i64::MAX, |before| i64::try_from(before.0).unwrap_or(i64::MAX)))
        .bind(limit as i64)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().rev().map(message).collect())
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
