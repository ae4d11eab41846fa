//! Guilds: loading them whole, and keeping the steps by which they change.

use super::*;
use sqlx::SqliteConnection;
use voicehall_guild::{MemberRecord, Moderation};
use voicehall_protocol::gateway::GuildChange;
use voicehall_protocol::ids::RoleId;
use voicehall_protocol::model::{self, Channel, ChannelKind, Permissions, Role};

pub(super) async fn load(pool: &SqlitePool) -> Result<Vec<Guild>, StoreError> {
    let rows: Vec<(i64, String, Option<i64>)> =
        sqlx::query_as("SELECT id, name, owner FROM guilds ORDER BY id").fetch_all(pool).await?;
    let mut guilds = Vec::with_capacity(rows.len());
    for (guild, name, owner) in rows {
        let state = model::Guild {
            id: GuildId(id(guild)),
            name,
            owner: owner.map(|owner| UserId(id(owner))),
            version: 0,
            roles: roles(pool, guild).await?,
            channels: channels(pool, guild).await?,
            members: Vec::new(),
            voice_states: Vec::new(),
        };
        guilds.push(Guild::from_parts(state, members(pool, guild).await?));
    }
    Ok(guilds)
}

async fn roles(pool: &SqlitePool, guild: i64) -> Result<Vec<Role>, StoreError> {
    let rows: Vec<(i64, String, u32)> =
        sqlx::query_as("SELECT id, name, permissions FROM roles WHERE guild = ? ORDER BY position")
            .bind(guild)
            .fetch_all(pool)
            .await?;
    let role = |(role, name, bits)| Role {
        id: RoleId(id(role)),
        name,
        permissions: Permissions::from_bits_truncate(bits),
    };
    Ok(rows.into_iter().map(role).collect())
}

async fn channels(pool: &SqlitePool, guild: i64) -> Result<Vec<Channel>, StoreError> {
    let rows: Vec<(i64, String, i64, u32)> =
        sqlx::query_as("SELECT id, name, kind, bitrate FROM channels WHERE guild = ? ORDER BY id")
            .bind(guild)
            .fetch_all(pool)
            .await?;
    let channel = |(channel, name, kind, bitrate)| Channel {
        id: ChannelId(id(channel)),
        name,
        kind: if kind == 0 { ChannelKind::Voice } else { ChannelKind::Text },
        bitrate,
    };
    Ok(rows.into_iter().map(channel).collect())
}

async fn members(pool: &SqlitePool, guild: i64) -> Result<Vec<MemberRecord>, StoreError> {
    let rows: Vec<(i64, String, bool, String, bool, bool, bool)> = sqlx::query_as(
        "SELECT a.id, a.name, a.password_hash IS NULL, m.roles, m.server_mute, m.server_deaf,
                m.video_barred
         FROM members m JOIN accounts a ON a.id = m.account WHERE m.guild = ? ORDER BY m.position",
    )
    .bind(guild)
    .fetch_all(pool)
    .await?;
    let member = |(account, name, guest, roles, mute, deaf, video_barred): (i64, _, _, String, _, _, _)| {
        Ok(MemberRecord {
            user: User { id: UserId(id(account)), name, guest },
            roles: serde_json::from_str(&roles).map_err(|_| StoreError::Unreadable("a member's roles"))?,
            moderation: Moderation { mute, deaf, video_barred },
        })
    };
    rows.into_iter().map(member).collect()
}

pub(super) async fn add(pool: &SqlitePool, guild: &Guild) -> Result<(), StoreError> {
    let state = guild.snapshot();
    let mut on = pool.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("INSERT INTO guilds (id, name) VALUES (?, ?)")
        .bind(row(state.id.0))
        .bind(&state.name)
        .execute(&mut *on)
        .await?;
    for (position, role) in state.roles.iter().enumerate() {
        sqlx::query("INSERT INTO roles (id, guild, position, name, permissions) VALUES (?, ?, ?, ?, ?)")
            .bind(row(role.id.0))
            .bind(row(state.id.0))
            .bind(position as i64)
            .bind(&role.name)
            .bind(role.permissions.bits())
            .execute(&mut *on)
            .await?;
    }
    for channel in &state.channels {
        set_channel(&mut on, state.id, channel).await?;
    }
    on.commit().await?;
    Ok(())
}

pub(super) async fn commit(pool: &SqlitePool, guild: GuildId, steps: &[Step]) -> Result<(), StoreError> {
    let mut on = pool.begin_with("BEGIN IMMEDIATE").await?;
    for step in steps {
        keep(&mut on, guild, &step.change).await?;
    }
    on.commit().await?;
    Ok(())
}

async fn keep(on: &mut SqliteConnection, guild: GuildId, change: &GuildChange) -> Result<(), StoreError> {
    let guild_row = row(guild.0);
    let query = match change {
        GuildChange::ChannelSet { channel } => return set_channel(on, guild, channel).await,
        // Nobody is in a voice channel after a restart.
        GuildChange::VoiceStateRemoved { .. } => return Ok(()),
        GuildChange::MemberSet { member } => sqlx::query(
            "INSERT INTO members (guild, account, roles) VALUES (?, ?, ?)
             ON CONFLICT (guild, account) DO UPDATE SET roles = excluded.roles",
        )
        .bind(guild_row)
        .bind(row(member.user.id.0))
        .bind(serde_json::to_string(&member.roles).expect("a list of strings is JSON")),
        GuildChange::MemberRemoved { user } => {
            sqlx::query("DELETE FROM members WHERE guild = ? AND account = ?")
                .bind(guild_row)
                .bind(row(user.0))
        }
        GuildChange::ChannelRemoved { channel } => {
            sqlx::query("DELETE FROM channels WHERE guild = ? AND id = ?")
                .bind(guild_row)
                .bind(row(channel.0))
        }
        // What a moderator did outlasts the voice session, and so the restart.
        GuildChange::VoiceStateSet { state } => sqlx::query(
            "UPDATE members SET server_mute = ?, server_deaf = ?, video_barred = ?
                 WHERE guild = ? AND account = ?",
        )
        .bind(state.server_mute)
        .bind(state.server_deaf)
        .bind(state.video_barred)
        .bind(guild_row)
        .bind(row(state.user.0)),
        GuildChange::Renamed { name } => {
            sqlx::query("UPDATE guilds SET name = ? WHERE id = ?").bind(name.clone()).bind(guild_row)
        }
        GuildChange::OwnerSet { owner } => {
            sqlx::query("UPDATE guilds SET owner = ? WHERE id = ?").bind(row(owner.0)).bind(guild_row)
        }
    };
    query.execute(on).await?;
    Ok(())
}

async fn set_channel(on: &mut SqliteConnection, guild: GuildId, channel: &Channel) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO channels (id, guild, name, kind, bitrate) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, bitrate = excluded.bitrate",
    )
    .bind(row(channel.id.0))
    .bind(row(guild.0))
    .bind(&channel.name)
    .bind(match channel.kind {
        ChannelKind::Voice => 0i64,
        ChannelKind::Text => 1,
    })
    .bind(channel.bitrate)
    .execute(on)
    .await?;
    Ok(())
}
