//! Accounts, logins and the use of invites.

use super::*;
use sqlx::SqliteConnection;

/// Takes one use of an invite, if it has one.
async fn redeem(on: &mut SqliteConnection, invite: &str, now: u64) -> Result<Redeemed, StoreError> {
    let used: Option<(i64, bool)> = sqlx::query_as(
        "UPDATE invites SET uses_left = uses_left - 1
         WHERE code = ?1 AND (uses_left IS NULL OR uses_left > 0)
             AND (expires_at IS NULL OR expires_at > ?2)
         RETURNING guild, owner",
    )
    .bind(invite)
    .bind(row(now))
    .fetch_optional(on)
    .await?;
    let (guild, owner) = used.ok_or(StoreError::InviteInvalid)?;
    Ok(Redeemed { guild: GuildId(id(guild)), owner })
}

async fn add_member(on: &mut SqliteConnection, user: UserId, redeemed: Redeemed) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO members (guild, account) VALUES (?, ?) ON CONFLICT DO NOTHING")
        .bind(row(redeemed.guild.0))
        .bind(row(user.0))
        .execute(&mut *on)
        .await?;
    if redeemed.owner {
        sqlx::query("UPDATE guilds SET owner = ? WHERE id = ?")
            .bind(row(user.0))
            .bind(row(redeemed.guild.0))
            .execute(on)
            .await?;
    }
    Ok(())
}

async fn insert_login(
    on: &mut SqliteConnection,
    user: UserId,
    login: &NewLogin,
    now: u64,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO logins (id, account, token_hash, created_at, used_at) VALUES (?, ?, ?, ?4, ?4)")
        .bind(row(login.id.0))
        .bind(row(user.0))
        .bind(login.token_hash.as_slice())
        .bind(row(now))
        .execute(on)
        .await?;
    Ok(())
}

pub(super) async fn add(
    pool: &SqlitePool,
    account: &NewAccount,
    login: &NewLogin,
    invite: &str,
    now: u64,
) -> Result<Redeemed, StoreError> {
    let mut on = pool.begin_with("BEGIN IMMEDIATE").await?;
    let redeemed = redeem(&mut on, invite, now).await?;
    let (name_key, password_hash) = account.credentials.clone().unzip();
    let inserted = sqlx::query(
        "INSERT INTO accounts (id, name, name_key, password_hash, created_at) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(row(account.user.id.0))
    .bind(&account.user.name)
    .bind(name_key)
    .bind(password_hash)
    .bind(row(now))
    .execute(&mut *on)
    .await;
    inserted.map_err(|error| match error.as_database_error() {
        Some(refused) if refused.is_unique_violation() => StoreError::NameTaken,
        _ => error.into(),
    })?;
    add_member(&mut on, account.user.id, redeemed).await?;
    insert_login(&mut on, account.user.id, login, now).await?;
    on.commit().await?;
    Ok(redeemed)
}

pub(super) async fn accept_invite(
    pool: &SqlitePool,
    user: UserId,
    invite: &str,
    now: u64,
) -> Result<Redeemed, StoreError> {
    let mut on = pool.begin_with("BEGIN IMMEDIATE").await?;
    let redeemed = redeem(&mut on, invite, now).await?;
    let member: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM members WHERE guild = ? AND account = ?")
        .bind(row(redeemed.guild.0))
        .bind(row(user.0))
        .fetch_optional(&mut *on)
        .await?;
    if member.is_some() && !redeemed.owner {
        // Dropping the transaction gives the use back.
        return Ok(redeemed);
    }
    add_member(&mut on, user, redeemed).await?;
    on.commit().await?;
    Ok(redeemed)
}

pub(super) async fn credentials(
    pool: &SqlitePool,
    name_key: &str,
) -> Result<Option<(User, String)>, StoreError> {
    let found: Option<(i64, String, String)> =
        sqlx::query_as("SELECT id, name, password_hash FROM accounts WHERE name_key = ?")
            .bind(name_key)
            .fetch_optional(pool)
            .await?;
    Ok(found.map(|(account, name, hash)| (User { id: UserId(id(account)), name, guest: false }, hash)))
}

pub(super) async fn add_login(
    pool: &SqlitePool,
    user: UserId,
    login: &NewLogin,
    logins_max: u32,
    now: u64,
) -> Result<Vec<LoginId>, StoreError> {
    let mut on = pool.begin_with("BEGIN IMMEDIATE").await?;
    insert_login(&mut on, user, login, now).await?;
    let gone: Vec<(i64,)> = sqlx::query_as(
        "DELETE FROM logins WHERE id IN (
             SELECT id FROM logins WHERE account = ?1 ORDER BY used_at DESC, id DESC LIMIT -1 OFFSET ?2
         ) RETURNING id",
    )
    .bind(row(user.0))
    .bind(logins_max)
    .fetch_all(&mut *on)
    .await?;
    on.commit().await?;
    Ok(gone.into_iter().map(|(login,)| LoginId(id(login))).collect())
}

fn stored((login, created_at, used_at): (i64, i64, i64)) -> StoredLogin {
    StoredLogin { id: LoginId(id(login)), created_at: id(created_at), used_at: id(used_at) }
}

pub(super) async fn login(
    pool: &SqlitePool,
    token_hash: &TokenHash,
) -> Result<Option<(StoredLogin, User)>, StoreError> {
    let found: Option<(i64, i64, i64, i64, String, bool)> = sqlx::query_as(
        "SELECT l.id, l.created_at, l.used_at, a.id, a.name, a.password_hash IS NULL
         FROM logins l JOIN accounts a ON a.id = l.account WHERE l.token_hash = ?",
    )
    .bind(token_hash.as_slice())
    .fetch_optional(pool)
    .await?;
    Ok(found.map(|(login, created_at, used_at, account, name, guest)| {
        (stored((login, created_at, used_at)), User { id: UserId(id(account)), name, guest })
    }))
}

pub(super) async fn logins(pool: &SqlitePool, user: UserId) -> Result<Vec<StoredLogin>, StoreError> {
    let rows: Vec<(i64, i64, i64)> =
        sqlx::query_as("SELECT id, created_at, used_at FROM logins WHERE account = ? ORDER BY id")
            .bind(row(user.0))
            .fetch_all(pool)
            .await?;
    Ok(rows.into_iter().map(stored).collect())
}
