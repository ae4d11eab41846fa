//! Refusals: which status and code each reason has.

use crate::accounts::AccountError;
use crate::guilds::{ApplyError, JoinFailure};
use crate::limits::TooMany;
use crate::store::StoreError;
use crate::voice::JoinError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use voicehall_guild::GuildError;
use voicehall_protocol::rest::{ErrorBody, ErrorCode};
use voicehall_protocol::ticket::TicketError;

/// A refusal, as it is answered.
#[derive(Debug)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// What clients act on.
    pub body: ErrorBody,
}

impl ApiError {
    /// With the status that fits the code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let body = ErrorBody { code, message: message.into(), retry_after_ms: None };
        Self { status: status(code), body }
    }
}

const fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Malformed
        | ErrorCode::NameInvalid
        | ErrorCode::PasswordInvalid
        | ErrorCode::TextInvalid
        | ErrorCode::WrongChannelKind => StatusCode::BAD_REQUEST,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::NotFound | ErrorCode::InviteInvalid => StatusCode::NOT_FOUND,
        ErrorCode::Unauthorized | ErrorCode::CredentialsWrong => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden
        | ErrorCode::TicketInvalid
        | ErrorCode::TicketExpired
        | ErrorCode::TicketForeign => StatusCode::FORBIDDEN,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::ProtocolMismatch => StatusCode::UPGRADE_REQUIRED,
        ErrorCode::NameTaken | ErrorCode::NotInVoice | ErrorCode::TicketUsed => StatusCode::CONFLICT,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry_after_s = self.body.retry_after_ms.map(|ms| ms.div_ceil(1000));
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some(seconds) = retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<TooMany> for ApiError {
    fn from(too_many: TooMany) -> Self {
        let mut error = Self::new(ErrorCode::RateLimited, "too many requests, try again later");
        let ms = u32::try_from(too_many.retry_after.as_millis()).unwrap_or(u32::MAX);
        error.body.retry_after_ms = Some(ms.max(1));
        error
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::InviteInvalid => Self::new(ErrorCode::InviteInvalid, error.to_string()),
            StoreError::NameTaken => Self::new(ErrorCode::NameTaken, error.to_string()),
            StoreError::Backend(_) | StoreError::Migration(_) | StoreError::Unreadable(_) => {
                tracing::error!(%error, "the store failed");
                Self::new(ErrorCode::Internal, "the server failed; its log says more")
            }
        }
    }
}

impl From<GuildError> for ApiError {
    fn from(error: GuildError) -> Self {
        let code = match error {
            // Whoever is not a member does not learn whether a guild or channel exists.
            GuildError::NotMember | GuildError::NoSuchMember | GuildError::NoSuchChannel => {
                ErrorCode::NotFound
            }
            GuildError::Forbidden(_)
            | GuildError::TargetIsOwner
            | GuildError::TooManyChannels
            | GuildError::TooManyMembers => ErrorCode::Forbidden,
            GuildError::WrongChannelKind => ErrorCode::WrongChannelKind,
            GuildError::NotInVoice => ErrorCode::NotInVoice,
            GuildError::ChannelExists => ErrorCode::Internal,
        };
        let message = match code {
            ErrorCode::NotFound => "there is no such thing here".to_owned(),
            _ => error.to_string(),
        };
        Self::new(code, message)
    }
}

impl From<ApplyError> for ApiError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Guild(error) => error.into(),
            ApplyError::Store(error) => error.into(),
            ApplyError::Stopping => Self::new(ErrorCode::Unavailable, error.to_string()),
        }
    }
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        let code = match error {
            AccountError::Name => ErrorCode::NameInvalid,
            AccountError::Password => ErrorCode::PasswordInvalid,
            AccountError::Credentials => ErrorCode::CredentialsWrong,
            AccountError::Busy => ErrorCode::Unavailable,
            AccountError::Store(error) => return error.into(),
            AccountError::Guild(JoinFailure(error)) => return error.into(),
        };
        Self::new(code, error.to_string())
    }
}

impl From<JoinError> for ApiError {
    fn from(error: JoinError) -> Self {
        let code = match error {
            JoinError::Ticket(TicketError::Expired) => ErrorCode::TicketExpired,
            JoinError::Ticket(TicketError::Malformed | TicketError::Forged) => ErrorCode::TicketInvalid,
            JoinError::Used => ErrorCode::TicketUsed,
            JoinError::Foreign => ErrorCode::TicketForeign,
            JoinError::Full | JoinError::Stopping => ErrorCode::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}
