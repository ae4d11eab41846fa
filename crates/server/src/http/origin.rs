//! Which web pages may open a socket. A page of another site could otherwise use a visitor's
//! network position; programs that are no browsers send no `Origin`.

use crate::config;
use axum::http::{HeaderMap, Uri, header};

/// The origins of the desktop app's own pages, on its platforms.
const APP_ORIGINS: [&str; 3] = ["tauri://localhost", "http://tauri.localhost", "https://tauri.localhost"];

pub(super) fn allowed(config: &config::Http, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let known = APP_ORIGINS.contains(&origin)
        || origin == config.public_url
        || config.allowed_origins.iter().any(|allowed| allowed == origin);
    known || same_host(origin, headers)
}

/// Whether the page came from the host and port that the connection was made to.
fn same_host(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let Ok(origin) = origin.parse::<Uri>() else { return false };
    matches!((host, origin.authority()), (Some(host), Some(of)) if of.as_str().eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_sites_are_refused() {
        let config = config::Http {
            public_url: "https://voice.example.org".to_owned(),
            allowed_origins: vec!["https://chat.example.org".to_owned()],
            ..config::Http::default()
        };
        let table = [
            (None, true),
            (Some("http://127.0.0.1:7600"), true),
            (Some("https://voice.example.org"), true),
            (Some("https://chat.example.org"), true),
            (Some("tauri://localhost"), true),
            (Some("http://127.0.0.1:7601"), false),
            (Some("https://evil.example"), false),
            (Some("https://voice.example.org.evil.example"), false),
            (Some("null"), false),
            (Some(""), false),
        ];
        for (origin, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "127.0.0.1:7600".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(allowed(&config, &headers), expected, "{origin:?}");
        }
    }
}
