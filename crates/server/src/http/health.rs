//! `/api/server`, `/healthz`, `/metrics`.

use super::ApiError;
use super::extract::peer;
use crate::app::App;
use crate::metrics;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;
use voicehall_protocol::PROTOCOL_VERSION;
use voicehall_protocol::rest::{ErrorCode, ServerInfo};

/// A part that takes longer than this to answer is not well.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn server_info() -> Json<ServerInfo> {
    Json(ServerInfo {
        software: "voicehall".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: PROTOCOL_VERSION,
    })
}

/// 200 when the database and every voice shard answer, 503 and what is wrong otherwise.
pub(super) async fn healthz(State(app): State<Arc<App>>) -> Response {
    let store = tokio::time::timeout(PATIENCE, app.store.ping());
    let voice = tokio::time::timeout(PATIENCE, app.voice.stats());
    let (store, voice) = tokio::join!(store, voice);
    let mut ills = Vec::new();
    if !matches!(store, Ok(Ok(()))) {
        ills.push("the database does not answer");
    }
    if voice.is_err() {
        ills.push("a voice shard does not answer");
    }
    if *app.stopping.borrow() {
        ills.push("the server is stopping");
    }
    if ills.is_empty() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, ills.join("\n") + "\n").into_response()
}

/// Prometheus' text format.
pub(super) async fn metrics(State(app): State<Arc<App>>, parts: Parts) -> Result<Response, ApiError> {
    // A request that came through a proxy is not from this machine, wherever the proxy is.
    let proxied = parts.headers.contains_key("x-forwarded-for") || parts.headers.contains_key("forwarded");
    if !app.config.metrics.public && (proxied || !peer(&parts)?.is_loopback()) {
        return Err(ApiError::new(ErrorCode::NotFound, "there is no such thing here"));
    }
    let text = metrics::render(&app).await;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}
