//! The join: one HTTP round trip to the voice node.

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use std::time::Duration;
use voicehall_protocol::rest::{ErrorBody, ErrorCode};
use voicehall_protocol::voice::{JoinAnswer, JoinRequest};

/// How long a join may take. A node that has not answered by then is not worth waiting for: the
/// gateway places the channel elsewhere when asked again.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long an unused connection is kept, so that a join some minutes after the sign-in needs no
/// handshake.
const IDLE_MAX: Duration = Duration::from_secs(600);

/// Largest answer read, in bytes; a real one has some 250.
const ANSWER_BYTES_MAX: usize = 8 * 1024;

/// Why a join failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JoinError {
    /// The voice node said no.
    #[error("the voice node refused the join: {0:?}")]
    Refused(ErrorCode),
    /// No answer, or none of this protocol.
    #[error("the voice node could not be reached")]
    Unreachable,
}

impl From<reqwest::Error> for JoinError {
    fn from(error: reqwest::Error) -> Self {
        // Without its URL, which may be a secret of the installation.
        tracing::debug!(error = %error.without_url(), "join failed");
        Self::Unreachable
    }
}

/// An HTTP client for joins that keeps its connection and sends few headers. Whoever pins a
/// server's certificate configures a client of their own.
///
/// # Errors
/// When the system's TLS roots cannot be read.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder().tcp_nodelay(true).http1_only().pool_idle_timeout(IDLE_MAX).build()
}

pub(crate) async fn join(
    http: &reqwest::Client,
    url: &str,
    request: &JoinRequest,
) -> Result<JoinAnswer, JoinError> {
    let body = serde_json::to_vec(request).map_err(|_| JoinError::Unreachable)?;
    let mut response = http
        .post(url)
        .timeout(TIMEOUT)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .body(body)
        .send()
        .await?;
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if answer.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(JoinError::Unreachable);
        }
        answer.extend_from_slice(&chunk);
    }
    if !response.status().is_success() {
        let refusal = serde_json::from_slice::<ErrorBody>(&answer).map_err(|_| JoinError::Unreachable)?;
        tracing::debug!(code = ?refusal.code, message = refusal.message, "join refused");
        return Err(JoinError::Refused(refusal.code));
    }
    let answer: JoinAnswer = serde_json::from_slice(&answer).map_err(|_| JoinError::Unreachable)?;
    if answer.addresses.is_empty() { Err(JoinError::Unreachable) } else { Ok(answer) }
}
