//! The gateway: WebSocket connections, the sessions that outlive them, and what clients ask.
//!
//! - [`session`]: numbered events, kept until the client has them;
//! - [`sessions`]: all of them, by id and by account;
//! - [`connection`]: one WebSocket, from hello to close;
//! - [`origin`]: which web pages may open one;
//! - [`requests`]: what a client asks for over it.

mod connection;
pub(crate) mod origin;
mod requests;
mod session;
mod sessions;

pub use session::{End, Session};
pub use sessions::{Ended, Sessions};

use crate::app::App;
use crate::http::{ApiError, ClientAddress};
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::HeaderMap;
use axum::response::Response;
use std::sync::Arc;
use voicehall_protocol::gateway::Event;
use voicehall_protocol::rest::ErrorCode;

/// Frames larger than this are not read at all. Smaller ones that are still too large are
/// answered with a close code.
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// An event as it is sent, ready to be shared by all its receivers.
pub fn encode(event: &Event) -> Arc<str> {
    serde_json::to_string(event).expect("events are JSON").into()
}

/// `GET /gateway`
pub async fn upgrade(
    State(app): State<Arc<App>>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    if !origin::allowed(&app.config.http, &headers) {
        return Err(ApiError::new(ErrorCode::Forbidden, "web pages of this origin may not open the gateway"));
    }
    app.limits.gateway_connects.check(address.into())?;
    let upgrade = upgrade
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * 1024 * 1024);
    Ok(upgrade.on_upgrade(move |socket| connection::run(app, socket)))
}
