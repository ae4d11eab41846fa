//! What a client with an open session asks for.

use super::session::Session;
use crate::app::App;
use crate::calls::Call;
use crate::guilds::ApplyError;
use crate::http::ApiError;
use crate::ids;
use std::time::Instant;
use voicehall_guild::{Command, GuildError};
use voicehall_protocol::gateway::{ClientMessage, CloseCode, ServerMessage};
use voicehall_protocol::ids::{ChannelId, VoiceSessionId};
use voicehall_protocol::rest::ErrorCode;
use voicehall_protocol::ticket::{TICKET_LIFETIME_S, Ticket};

/// The answer, if the request has one; or why the connection ends.
pub(super) async fn answer(
    app: &App,
    session: &Session,
    request: ClientMessage,
) -> Result<Option<ServerMessage>, CloseCode> {
    let user = session.user.id;
    let (nonce, result) = match request {
        ClientMessage::Identify { .. } | ClientMessage::Resume { .. } => {
            return Err(CloseCode::AlreadyIdentified);
        }
        ClientMessage::Heartbeat { .. } => return Ok(None),
        ClientMessage::VoiceJoin { nonce, channel, self_mute, self_deaf } => {
            let wish = Wish { nonce, channel, self_mute, self_deaf };
            (Some(nonce), voice_join(app, session, wish).await.map(Some))
        }
        ClientMessage::VoiceState { self_mute, self_deaf } => {
            let command = Command::VoiceSelf { user, self_mute, self_deaf };
            let prepared = app.calls.prepare(user, self_mute, self_deaf);
            let applied = in_voice(app, session, command).await;
            // Before the voice node has the session, the wish for it is all there is to change.
            (None, if prepared { Ok(None) } else { applied.map(|()| None) })
        }
        ClientMessage::VoiceLeave {} => {
            (None, in_voice(app, session, Command::VoiceLeave { user }).await.map(|()| None))
        }
        ClientMessage::VoiceModerate { nonce, guild, user: target, action } => {
            let command = Command::VoiceModerate { by: user, user: target, action };
            let applied = match app.guilds.get(guild) {
                Some(guild) => guild.apply(command).await.map_err(ApiError::from),
                None => Err(GuildError::NotMember.into()),
            };
            (Some(nonce), applied.map(|()| Some(ServerMessage::Ack { nonce })))
        }
    };
    Ok(result.unwrap_or_else(|error| {
        Some(ServerMessage::Error { nonce, code: error.body.code, message: error.body.message })
    }))
}

struct Wish {
    nonce: u32,
    channel: ChannelId,
    self_mute: bool,
    self_deaf: bool,
}

/// Checks the permission, and gives a ticket to the voice node.
async fn voice_join(app: &App, session: &Session, wish: Wish) -> Result<ServerMessage, ApiError> {
    let Wish { nonce, channel, self_mute, self_deaf } = wish;
    let user = session.user.id;
    app.limits.voice_joins.check(user)?;
    let (guild, handle) = app.guilds.of_channel(channel).ok_or(GuildError::NoSuchChannel)?;
    let bits = handle
        .read(move |guild| {
            guild.may_connect(user, channel)?;
            guild.session_bits(user, self_mute, self_deaf).ok_or(GuildError::NotMember)
        })
        .await??;
    let opens = VoiceSessionId(ids::random());
    let call = Call { user, guild, gateway: session.id, self_mute, self_deaf, issued: Instant::now() };
    app.calls.expect(opens, call);
    let expires_s = u32::try_from(app.now_ms() / 1000).unwrap_or(u32::MAX).saturating_add(TICKET_LIFETIME_S);
    let (node, epoch) = (app.placement.node, app.placement.epoch);
    let ticket = Ticket { node, epoch, user, session: opens, channel, bits, expires_s };
    // An empty origin is this server's own.
    let ticket = app.placement.key.seal(&ticket);
    Ok(ServerMessage::VoiceTicket { nonce, session: opens, node: String::new(), ticket })
}

/// Applies a command where the account is in voice.
async fn in_voice(app: &App, session: &Session, command: Command) -> Result<(), ApiError> {
    let (guild, _) = app.calls.present(session.user.id).ok_or_else(not_in_voice)?;
    let guild = app.guilds.get(guild).ok_or_else(not_in_voice)?;
    guild.apply(command).await.map_err(|error| match error {
        ApplyError::Guild(GuildError::NotInVoice) => not_in_voice(),
        other => other.into(),
    })
}

fn not_in_voice() -> ApiError {
    ApiError::new(ErrorCode::NotInVoice, "join a voice channel first")
}
