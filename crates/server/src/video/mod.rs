//! The control socket of a voice session: who wants to see what, over a WebSocket of its own at the
//! voice node (`voicehall_protocol::video`).
//!
//! - this file: the upgrade;
//! - [`connection`]: one socket, from its first message to its close;
//! - [`door`]: how many may wait for their first message.

mod connection;
mod door;

pub use door::Door;

use crate::app::App;
use crate::gateway::origin;
use crate::http::{ApiError, ClientAddress};
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::HeaderMap;
use axum::response::Response;
use std::sync::Arc;
use voicehall_protocol::rest::ErrorCode;

/// Frames larger than this are not read at all. Smaller ones that are still too large are answered.
const FRAME_BYTES_MAX: usize = 16 * 1024;

/// `GET /voice/video`
pub async fn upgrade(
    State(app): State<Arc<App>>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    if !origin::allowed(&app.config.http, &headers) {
        return Err(ApiError::new(ErrorCode::Forbidden, "web pages of this origin may not speak for a call"));
    }
    app.limits.gateway_connects.check(address.into())?;
    let Some(place) = app.video_door.enter(address.into()) else {
        return Err(ApiError::new(ErrorCode::RateLimited, "too many that have not said who they are"));
    };
    let upgrade = upgrade
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .write_buffer_size(0)
        .max_write_buffer_size(64 * 1024);
    Ok(upgrade.on_upgrade(move |socket| connection::run(app, socket, place)))
}
