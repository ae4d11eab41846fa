//! `/api/channels/{id}/messages`.

use super::ApiError;
use super::extract::{Auth, Body, Segments};
use crate::app::App;
use crate::guilds::GuildHandle;
use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use std::sync::Arc;
use voicehall_guild::GuildError;
use voicehall_protocol::gateway::Event;
use voicehall_protocol::ids::{ChannelId, GuildId, MessageId, UserId};
use voicehall_protocol::model::{ChannelKind, Message, Permissions};
use voicehall_protocol::rest::{CreateMessageRequest, ErrorCode, HISTORY_PAGE, MESSAGE_CHARS_MAX};

pub(super) async fn create(
    State(app): State<Arc<App>>,
    Auth(who): Auth,
    Segments(channel): Segments<ChannelId>,
    Body(CreateMessageRequest { text }): Body<CreateMessageRequest>,
) -> Result<Json<Message>, ApiError> {
    let author = who.user.id;
    let (guild, handle) = text_channel(&app, author, channel, Permissions::SEND_MESSAGES).await?;
    // A zero byte would end the text in some databases.
    if text.trim().is_empty() || text.chars().count() > MESSAGE_CHARS_MAX || text.contains('\0') {
        return Err(ApiError::new(ErrorCode::TextInvalid, "a message has 1 to 4000 characters"));
    }
    app.limits.messages.check(author)?;
    let message = Message { id: MessageId(app.ids.next()), channel, author, text, sent_at: app.now_ms() };
    app.store.add_message(&message).await?;
    handle.publish(Event::MessageCreated { guild, message: message.clone() }).await?;
    Ok(Json(message))
}

/// Which page of history.
#[derive(Deserialize)]
pub(super) struct Page {
    before: Option<MessageId>,
}

pub(super) async fn history(
    State(app): State<Arc<App>>,
    Auth(who): Auth,
    Segments(channel): Segments<ChannelId>,
    page: Result<Query<Page>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Vec<Message>>, ApiError> {
    let Query(Page { before }) =
        page.map_err(|_| ApiError::new(ErrorCode::Malformed, "`before` is a message id"))?;
    text_channel(&app, who.user.id, channel, Permissions::VIEW).await?;
    Ok(Json(app.store.messages(channel, before, HISTORY_PAGE).await?))
}

async fn text_channel(
    app: &App,
    user: UserId,
    channel: ChannelId,
    needed: Permissions,
) -> Result<(GuildId, GuildHandle), ApiError> {
    let (guild, handle) = app.guilds.of_channel(channel).ok_or(GuildError::NoSuchChannel)?;
    let check = move |guild: &voicehall_guild::Guild| {
        guild.require_channel(user, channel, ChannelKind::Text, needed).map(drop)
    };
    handle.read(check).await??;
    Ok((guild, handle))
}
