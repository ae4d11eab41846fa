//! The gateway: WebSocket connections, the sessions that outlive them, and what clients ask.
//!
//! - [`session`]: numbered events, kept until the client has them;
//! - [`sessions`]: all of them, by id and by account;
//! - [`connection`]: one WebSocket, from hello to close;
//! - [`requests`]: what a client asks for over it.

mod connection;
mod requests;
mod session;
mod sessions;

pub use session::{End, Session};
pub use sessions::{Ended, Sessions};

use crate::app::App;
use crate::http::{self, ApiError, Bounds, ClientAddress};
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::HeaderMap;
use axum::response::Response;
use std::sync::Arc;
use voicehall_protocol::gateway::Event;

/// Frames within these that are still too large are answered with a close code.
const BOUNDS: Bounds = Bounds { frame_max: 64 * 1024, unsent_max: 4 * 1024 * 1024 };

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
    let upgrade = http::admit(&app, address, &headers, upgrade, &BOUNDS)?;
    Ok(upgrade.on_upgrade(move |socket| connection::run(app, socket)))
}
