//! Invite links.

use crate::Failure;
use reqwest::Url;

/// An invite: where, and the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invite {
    /// The server's origin, `http(s)://host:port` without a slash at its end.
    pub origin: String,
    /// The code.
    pub code: String,
}

impl Invite {
    /// Reads `http(s)://host:port/join/CODE`.
    pub(crate) fn parse(link: &str) -> Result<Self, Failure> {
        let no_invite = || Failure::NoInvite(link.to_owned());
        let url = Url::parse(link).map_err(|_| no_invite())?;
        let mut segments = url.path_segments().ok_or_else(no_invite)?;
        let (Some("join"), Some(code), None) = (segments.next(), segments.next(), segments.next()) else {
            return Err(no_invite());
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !matches!(url.scheme(), "http" | "https") || code.is_empty() || !code.chars().all(fits) {
            return Err(no_invite());
        }
        Ok(Self { origin: url.origin().ascii_serialization(), code: code.to_owned() })
    }

    /// The server's WebSocket at this path.
    pub(crate) fn websocket(&self, path: &str) -> String {
        // `http` becomes `ws`, `https` becomes `wss`.
        format!("ws{}{path}", &self.origin["http".len()..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read() {
        let invite = Invite::parse("https://talk.example:8443/join/aB-3_x").unwrap();
        assert_eq!(invite.origin, "https://talk.example:8443");
        assert_eq!(invite.code, "aB-3_x");
        assert_eq!(invite.websocket("/gateway"), "wss://talk.example:8443/gateway");
        assert_eq!(Invite::parse("http://localhost/join/x").unwrap().websocket("/g"), "ws://localhost/g");
    }

    #[test]
    fn everything_else_is_none() {
        for link in [
            "",
            "aB3x",
            "ftp://localhost/join/x",
            "http://localhost/",
            "http://localhost/join/",
            "http://localhost/join/x/y",
            "http://localhost/invite/x",
            "http://localhost/join/a%20b",
        ] {
            assert!(matches!(Invite::parse(link), Err(Failure::NoInvite(_))), "{link}");
        }
    }
}
