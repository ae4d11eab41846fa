//! The HTTP port: REST, the upgrades to gateway and control socket, the voice join, the web client, health, metrics.

mod accounts;
mod error;
mod extract;
mod guilds;
mod health;
mod listener;
mod messages;
mod origin;
mod upgrade;
mod voice;
mod web;

pub use error::ApiError;
pub use extract::ClientAddress;
pub use listener::{Listening, listen, tls_config};
pub use upgrade::{Bounds, admit};

use crate::app::App;
use crate::gateway;
use crate::video;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use axum::{Router, http::StatusCode};
use std::sync::Arc;
use voicehall_protocol::gateway::GATEWAY_PATH;
use voicehall_protocol::rest::ErrorCode;
use voicehall_protocol::video::VIDEO_PATH;
use voicehall_protocol::voice::JOIN_PATH;

/// Largest request body, in bytes: the longest text message in its JSON spelling fits.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Every route of the port.
pub fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route("/server", get(health::server_info))
        .route("/invites/{code}", get(guilds::preview_invite))
        .route("/invites/{code}/accept", post(guilds::accept_invite))
        .route("/guests", post(accounts::guest))
        .route("/accounts", post(accounts::register))
        .route("/logins", post(accounts::sign_in).get(accounts::logins))
        .route("/logins/current", delete(accounts::sign_out))
        .route("/logins/{login}", delete(accounts::revoke))
        .route("/guilds/{guild}/invites", post(guilds::create_invite))
        .route("/guilds/{guild}/channels", post(guilds::create_channel))
        .route("/guilds/{guild}/channels/{channel}", delete(guilds::delete_channel))
        .route("/guilds/{guild}/members/{user}", delete(guilds::remove_member))
        .route("/channels/{channel}/messages", post(messages::create).get(messages::history))
        .fallback(no_such_call)
        .method_not_allowed_fallback(wrong_method);
    let limited = Router::new()
        .nest("/api", api)
        .route(JOIN_PATH, post(voice::join))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), limit));
    Router::new()
        .merge(limited)
        .route(GATEWAY_PATH, get(gateway::upgrade))
        .route(VIDEO_PATH, get(video::upgrade))
        .route("/healthz", get(health::healthz))
        .route("/metrics", get(health::metrics))
        .fallback(get(web::serve))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(web::harden))
        .with_state(app)
}

async fn limit(
    State(app): State<Arc<App>>,
    ClientAddress(address): ClientAddress,
    request: Request,
    next: Next,
) -> Response {
    match app.limits.requests.check(address.into()) {
        Ok(()) => next.run(request).await,
        Err(too_many) => ApiError::from(too_many).into_response(),
    }
}

async fn no_such_call() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "there is no such call")
}

async fn wrong_method() -> ApiError {
    ApiError {
        status: StatusCode::METHOD_NOT_ALLOWED,
        ..ApiError::new(ErrorCode::Malformed, "this call has another method")
    }
}
