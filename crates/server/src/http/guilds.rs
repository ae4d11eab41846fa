//! `/api/invites` and `/api/guilds`.

use super::ApiError;
use super::extract::{Auth, Body, ClientAddress, Segments};
use crate::accounts::{self, names};
use crate::app::App;
use crate::guilds::GuildHandle;
use crate::store::{StoreError, StoredInvite};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use std::sync::Arc;
use voicehall_guild::{Command, GuildError};
use voicehall_protocol::ids::{ChannelId, GuildId, UserId};
use voicehall_protocol::model::{Channel, Permissions};
use voicehall_protocol::rest::{
    CreateChannelRequest, CreateInviteRequest, ErrorCode, Invite, InviteAccepted, InvitePreview,
};

pub(super) async fn preview_invite(
    State(app): State<Arc<App>>,
    ClientAddress(address): ClientAddress,
    Segments(code): Segments<String>,
) -> Result<Json<InvitePreview>, ApiError> {
    app.limits.sign_ins.check(address.into())?;
    let invite = app.store.invite(&code, app.now_ms()).await?.ok_or(StoreError::InviteInvalid)?;
    let guild = app.guilds.get(invite.guild).ok_or(StoreError::InviteInvalid)?;
    let preview = guild.read(move |guild| {
        let guild = guild.snapshot();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        InvitePreview {
            guild: guild.id,
            guild_name: guild.name.clone(),
            member_count: count(guild.members.len()),
            online_count: count(guild.members.iter().filter(|member| member.online).count()),
            owner: invite.owner,
        }
    });
    Ok(Json(preview.await?))
}

pub(super) async fn accept_invite(
    State(app): State<Arc<App>>,
    ClientAddress(address): ClientAddress,
    Auth(who): Auth,
    Segments(code): Segments<String>,
) -> Result<Json<InviteAccepted>, ApiError> {
    app.limits.sign_ins.check(address.into())?;
    let guild = accounts::accept_invite(&app, &who.user, &code).await?;
    Ok(Json(InviteAccepted { guild }))
}

pub(super) async fn create_invite(
    State(app): State<Arc<App>>,
    Auth(who): Auth,
    Segments(guild): Segments<GuildId>,
    Body(request): Body<CreateInviteRequest>,
) -> Result<Json<Invite>, ApiError> {
    let by = who.user.id;
    find(&app, guild)?.read(move |guild| guild.require(by, Permissions::INVITE)).await??;
    if request.uses_max == Some(0) || request.lifetime_s == Some(0) {
        return Err(ApiError::new(ErrorCode::Malformed, "an invite without uses or time is none"));
    }
    app.limits.invites.check(by)?;
    let invite = StoredInvite {
        code: accounts::new_code(),
        guild,
        owner: false,
        uses_left: request.uses_max,
        expires_at: request.lifetime_s.map(|seconds| app.now_ms() + u64::from(seconds) * 1000),
    };
    app.store.add_invite(&invite).await?;
    let StoredInvite { code, expires_at, uses_left, .. } = invite;
    Ok(Json(Invite { code, guild, expires_at, uses_left }))
}

pub(super) async fn create_channel(
    State(app): State<Arc<App>>,
    Auth(who): Auth,
    Segments(guild): Segments<GuildId>,
    Body(request): Body<CreateChannelRequest>,
) -> Result<Json<Channel>, ApiError> {
    let name = names::check(&request.name)
        .map_err(|_| ApiError::new(ErrorCode::NameInvalid, "a name has 1 to 32 visible characters"))?;
    app.limits.invites.check(who.user.id)?;
    let guild = find(&app, guild)?;
    let id = ChannelId(app.ids.next());
    guild.apply(Command::CreateChannel { by: who.user.id, id, name, kind: request.kind }).await?;
    let channel = guild.read(move |guild| guild.channel(id).cloned()).await?;
    Ok(Json(channel.ok_or(GuildError::NoSuchChannel)?))
}

pub(super) async fn delete_channel(
    State(app): State<Arc<App>>,
    Auth(who): Auth,
    Segments((guild, channel)): Segments<(GuildId, ChannelId)>,
) -> Result<StatusCode, ApiError> {
    find(&app, guild)?.apply(Command::DeleteChannel { by: who.user.id, channel }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove_member(
    State(app): State<Arc<App>>,
    Auth(who): Auth,
    Segments((guild, user)): Segments<(GuildId, UserId)>,
) -> Result<StatusCode, ApiError> {
    find(&app, guild)?.apply(Command::Remove { by: who.user.id, user }).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn find(app: &App, guild: GuildId) -> Result<GuildHandle, GuildError> {
    app.guilds.get(guild).ok_or(GuildError::NotMember)
}
