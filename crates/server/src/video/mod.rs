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
use crate::http::{self, ApiError, Bounds, ClientAddress};
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::HeaderMap;
use axum::response::Response;
use std::sync::Arc;
use voicehall_protocol::rest::ErrorCode;

/// Frames within these that are still too large are answered.
const BOUNDS: Bounds = Bounds { frame_max: 16 * 1024, unsent_max: 64 * 1024 };

/// `GET /voice/video`
pub async fn upgrade(
    State(app): State<Arc<App>>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let upgrade = http::admit(&app, address, &headers, upgrade, &BOUNDS)?;
    let Some(place) = app.video_door.enter(address.into()) else {
        return Err(ApiError::new(ErrorCode::RateLimited, "too many that have not said who they are"));
    };
    Ok(upgrade.on_upgrade(move |socket| connection::run(app, socket, place)))
}
