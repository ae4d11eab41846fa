//! What handlers take out of a request, each with its refusal.

use super::ApiError;
use crate::accounts::{self, SignedInAs};
use crate::app::App;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use voicehall_protocol::rest::ErrorCode;

/// The client's address: the connection's, or what a trusted proxy says.
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<Arc<App>> for ClientAddress {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let peer = peer(parts)?;
        Ok(Self(behind_proxies(peer, &parts.headers, &app.config.http.trusted_proxies)))
    }
}

/// The address at the other end of the connection.
pub(super) fn peer(parts: &Parts) -> Result<IpAddr, ApiError> {
    let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let connection = connection.ok_or_else(|| ApiError::new(ErrorCode::Internal, "no address"))?;
    Ok(connection.0.ip().to_canonical())
}

/// Each proxy adds the address it was called from at the end of `X-Forwarded-For`, so the last
/// one that is no proxy of ours is the client; all before it can be invented.
fn behind_proxies(peer: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> IpAddr {
    let listed = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<IpAddr> = listed
        .flat_map(|value| value.split(','))
        .map_while(|hop| hop.trim().parse().ok())
        .map(|hop: IpAddr| hop.to_canonical())
        .collect();
    let mut client = peer;
    for hop in hops.into_iter().rev() {
        if !proxies.contains(&client) {
            break;
        }
        client = hop;
    }
    client
}

/// A signed-in account.
pub struct Auth(pub SignedInAs);

impl FromRequestParts<Arc<App>> for Auth {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer "));
        let refused = || ApiError::new(ErrorCode::Unauthorized, "sign in: the token is missing or not valid");
        let found = accounts::authenticate(app, token.ok_or_else(refused)?).await?;
        found.map(Self).ok_or_else(refused)
    }
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        match Json::from_request(request, app).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(ApiError::new(ErrorCode::TooLarge, "the body is too large"))
            }
            Err(JsonRejection::MissingJsonContentType(_)) => {
                Err(ApiError::new(ErrorCode::Malformed, "send Content-Type: application/json"))
            }
            Err(rejection) => Err(ApiError::new(ErrorCode::Malformed, rejection.body_text())),
        }
    }
}

/// Ids and codes in the path. What is none leads nowhere.
pub struct Segments<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<App>> for Segments<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match Path::from_request_parts(parts, app).await {
            Ok(Path(segments)) => Ok(Self(segments)),
            Err(_) => Err(ApiError::new(ErrorCode::NotFound, "there is no such thing here")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let proxies = [ip("192.0.2.1"), ip("192.0.2.2")];
        let table = [
            ("198.51.100.7", "203.0.113.9", "198.51.100.7"),
            ("192.0.2.1", "203.0.113.9", "203.0.113.9"),
            ("192.0.2.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
            ("192.0.2.1", "203.0.113.9, 192.0.2.2", "203.0.113.9"),
            ("192.0.2.1", "", "192.0.2.1"),
            ("192.0.2.1", "garbage", "192.0.2.1"),
        ];
        for (peer, forwarded, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            assert_eq!(behind_proxies(ip(peer), &headers, &proxies), ip(expected), "{peer} {forwarded}");
        }
    }
}
