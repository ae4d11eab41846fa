//! One REST call to a server. The webview itself may connect nowhere (see the content security
//! policy in `tauri.conf.json`), and a native call needs no CORS.

use reqwest::redirect::Policy;
use reqwest::{Method, Url};
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// A server that has not answered by then is away.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What the UI asks for.
#[derive(Deserialize)]
pub struct Request {
    /// The server's origin: `http(s)://host:port`.
    base: String,
    /// GET, POST or DELETE.
    method: String,
    /// Begins with a slash; may have a query.
    path: String,
    /// Sent as `Authorization: Bearer`.
    #[serde(default)]
    token: Option<String>,
    /// Sent as JSON.
    #[serde(default)]
    body: Option<Value>,
}

/// What the server answered, whatever its status.
#[derive(Debug, Serialize)]
pub struct Answer {
    status: u16,
    /// Null where the answer had no JSON.
    body: Value,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Not a call that the UI may make.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// No connection, no answer in time, or one cut short.
    #[error("unreachable: {0}")]
    Unreachable(reqwest::Error),
    /// More than [`ANSWER_BYTES_MAX`].
    #[error("the answer is too large")]
    TooLarge,
}

/// The client that every call shares, for its connections.
pub struct Client(reqwest::Client);

impl Client {
    /// # Errors
    /// When the TLS configuration does not fit.
    pub fn new(tls: Arc<ClientConfig>) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(&tls))
            .timeout(TIMEOUT)
            // A redirect could carry the token elsewhere; our servers send none.
            .redirect(Policy::none())
            .tcp_nodelay(true)
            .build()?;
        Ok(Self(client))
    }

    /// The same client, which shares its connections, for others of the app.
    pub fn inner(&self) -> reqwest::Client {
        self.0.clone()
    }

    /// Sends one request and reads its answer.
    pub async fn send(&self, request: Request) -> Result<Answer, HttpError> {
        let method = Method::from_bytes(request.method.as_bytes())
            .ok()
            .filter(|method| [Method::GET, Method::POST, Method::DELETE].contains(method))
            .ok_or(HttpError::Refused("method"))?;
        let mut call = self.0.request(method, url(&request.base, &request.path)?);
        if let Some(token) = request.token {
            call = call.bearer_auth(token);
        }
        if let Some(body) = &request.body {
            call = call.json(body);
        }
        let mut response = call.send().await.map_err(HttpError::Unreachable)?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(HttpError::Unreachable)? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(HttpError::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }
}

/// The whole address, which the path cannot lead away from the server that was meant.
fn url(base: &str, path: &str) -> Result<Url, HttpError> {
    let base = Url::parse(base).map_err(|_| HttpError::Refused("server address"))?;
    if !matches!(base.scheme(), "http" | "https") {
        return Err(HttpError::Refused("scheme"));
    }
    let url = base.join(path).map_err(|_| HttpError::Refused("path"))?;
    if !path.starts_with('/') || url.origin() != base.origin() {
        return Err(HttpError::Refused("path"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    /// A server for one call: keeps what it was sent and answers with the given bytes.
    async fn answering(answer: Vec<u8>) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let heard = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = Vec::new();
            while !is_whole(&heard) {
                assert_ne!(stream.read_buf(&mut heard).await.unwrap(), 0);
            }
            // The client may hang up before it has read all of an answer that is too large.
            let _ = stream.write_all(&answer).await;
            String::from_utf8(heard).unwrap()
        });
        (base, heard)
    }

    fn is_whole(heard: &[u8]) -> bool {
        let text = String::from_utf8_lossy(heard);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        body.len() >= length.map_or(0, |length| length.parse().unwrap())
    }

    async fn call(request: Value) -> Result<Answer, HttpError> {
        let client = Client::new(crate::tls::client_config().unwrap()).unwrap();
        client.send(serde_json::from_value(request).unwrap()).await
    }

    #[tokio::test]
    async fn a_call_carries_token_and_body_and_brings_status_and_json() {
        let answer = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 20\r\n\r\n{\"code\":\"forbidden\"}".to_vec();
        let (base, heard) = answering(answer).await;
        let request =
            json!({"base": base, "method": "POST", "path": "/api/x?y=1", "token": "t0", "body": {"a": 1}});
        let answer = call(request).await.unwrap();
        assert_eq!((answer.status, answer.body), (403, json!({"code": "forbidden"})));
        let heard = heard.await.unwrap();
        assert!(heard.starts_with("POST /api/x?y=1 HTTP/1.1\r\n"), "{heard}");
        assert!(heard.contains("authorization: Bearer t0\r\n"), "{heard}");
        assert!(heard.ends_with("{\"a\":1}"), "{heard}");
    }

    #[tokio::test]
    async fn an_answer_without_json_has_a_null_body() {
        let (base, _) = answering(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()).await;
        let answer = call(json!({"base": base, "method": "DELETE", "path": "/api/x"})).await.unwrap();
        assert_eq!((answer.status, answer.body), (204, Value::Null));
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let (base, _) =
            answering(b"HTTP/1.1 302 Found\r\nlocation: /away\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
        let answer = call(json!({"base": base, "method": "GET", "path": "/"})).await.unwrap();
        assert_eq!(answer.status, 302);
    }

    #[tokio::test]
    async fn an_endless_answer_is_given_up() {
        let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        answer.resize(answer.len() + ANSWER_BYTES_MAX + 1, b' ');
        let (base, _) = answering(answer).await;
        let result = call(json!({"base": base, "method": "GET", "path": "/"})).await;
        assert!(matches!(result, Err(HttpError::TooLarge)), "{result:?}");
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_unreachable() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let result = call(json!({"base": base, "method": "GET", "path": "/"})).await;
        assert!(matches!(result, Err(HttpError::Unreachable(_))), "{result:?}");
    }

    #[tokio::test]
    async fn calls_that_lead_elsewhere_are_refused() {
        for (base, method, path) in [
            ("file:///etc", "GET", "/passwd"),
            ("ftp://a.example", "GET", "/"),
            ("a.example", "GET", "/"),
            ("http://a.example", "GET", "//b.example/"),
            ("http://a.example", "GET", "/\\b.example/"),
            ("http://a.example", "GET", "http://b.example/"),
            ("http://a.example", "GET", "api"),
            ("http://a.example", "PUT", "/"),
            ("http://a.example", "G ET", "/"),
        ] {
            let result = call(json!({"base": base, "method": method, "path": path})).await;
            assert!(matches!(result, Err(HttpError::Refused(_))), "{base} {method} {path}: {result:?}");
        }
    }
}
