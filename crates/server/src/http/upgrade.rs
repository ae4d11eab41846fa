//! Who may open a WebSocket, how often, and how much of one is kept in memory.

use super::error::ApiError;
use super::origin;
use crate::app::App;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::HeaderMap;
use std::net::IpAddr;
use voicehall_protocol::rest::ErrorCode;

/// What one socket may hold, in bytes.
pub struct Bounds {
    /// Larger frames are not read at all.
    pub frame_max: usize,
    /// What waits for a client that does not read.
    pub unsent_max: usize,
}

/// The upgrade with its bounds, for a page or program that may have it.
///
/// # Errors
/// `Forbidden` for pages of other sites, `RateLimited` for an address that asks too often.
pub fn admit(
    app: &App,
    address: IpAddr,
    headers: &HeaderMap,
    upgrade: WebSocketUpgrade,
    bounds: &Bounds,
) -> Result<WebSocketUpgrade, ApiError> {
    if !origin::allowed(&app.config.http, headers) {
        return Err(ApiError::new(ErrorCode::Forbidden, "web pages of this origin may not open a socket"));
    }
    app.limits.socket_connects.check(address.into())?;
    Ok(upgrade
        .max_message_size(bounds.frame_max)
        .max_frame_size(bounds.frame_max)
        .write_buffer_size(0)
        .max_write_buffer_size(bounds.unsent_max))
}
