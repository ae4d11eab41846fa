//! `/api/guests`, `/api/accounts`, `/api/logins`.

use super::ApiError;
use super::extract::{Auth, Body, ClientAddress, Segments};
use crate::accounts;
use crate::app::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use std::sync::Arc;
use voicehall_protocol::ids::LoginId;
use voicehall_protocol::rest::{ErrorCode, GuestRequest, Login, LoginRequest, RegisterRequest, SignedIn};

pub(super) async fn guest(
    State(app): State<Arc<App>>,
    ClientAddress(address): ClientAddress,
    Body(request): Body<GuestRequest>,
) -> Result<Json<SignedIn>, ApiError> {
    app.limits.sign_ins.check(address.into())?;
    Ok(Json(accounts::guest(&app, request).await?))
}

pub(super) async fn register(
    State(app): State<Arc<App>>,
    ClientAddress(address): ClientAddress,
    Body(request): Body<RegisterRequest>,
) -> Result<Json<SignedIn>, ApiError> {
    app.limits.sign_ins.check(address.into())?;
    Ok(Json(accounts::register(&app, request).await?))
}

pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    ClientAddress(address): ClientAddress,
    Body(request): Body<LoginRequest>,
) -> Result<Json<SignedIn>, ApiError> {
    app.limits.sign_ins.check(address.into())?;
    app.limits.password_tries.check(accounts::names::key(&request.name))?;
    Ok(Json(accounts::sign_in(&app, request).await?))
}

pub(super) async fn logins(
    State(app): State<Arc<App>>,
    Auth(who): Auth,
) -> Result<Json<Vec<Login>>, ApiError> {
    let logins = app.store.logins(who.user.id).await?;
    let shown = logins.into_iter().map(|login| Login {
        id: login.id,
        created_at: login.created_at,
        used_at: login.used_at,
        current: login.id == who.login,
    });
    Ok(Json(shown.collect()))
}

pub(super) async fn sign_out(State(app): State<Arc<App>>, Auth(who): Auth) -> Result<StatusCode, ApiError> {
    end(&app, &who, who.login).await
}

pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Auth(who): Auth,
    Segments(login): Segments<LoginId>,
) -> Result<StatusCode, ApiError> {
    end(&app, &who, login).await
}

async fn end(app: &App, who: &accounts::SignedInAs, login: LoginId) -> Result<StatusCode, ApiError> {
    if !app.store.remove_login(who.user.id, login).await? {
        return Err(ApiError::new(ErrorCode::NotFound, "there is no such login"));
    }
    app.sessions.end_login(login);
    Ok(StatusCode::NO_CONTENT)
}
