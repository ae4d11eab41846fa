//! `/voice/join`: the one round trip to the voice node. The ticket is the permission.

use super::ApiError;
use super::extract::Body;
use crate::app::App;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;
use voicehall_protocol::voice::{JoinAnswer, JoinRequest};

pub(super) async fn join(
    State(app): State<Arc<App>>,
    Body(request): Body<JoinRequest>,
) -> Result<Json<JoinAnswer>, ApiError> {
    Ok(Json(app.voice.join(&request).await?))
}
