//! The demo guild: its owner, and an invite for others. Made on the first start, kept in the
//! folder for the next ones.

use super::process::{Child, Interrupt};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};
use tungstenite::Message;
use voicehall_protocol::PROTOCOL_VERSION;
use voicehall_protocol::gateway::{ClientMessage, GATEWAY_PATH, ServerMessage, Token};
use voicehall_protocol::ids::GuildId;
use voicehall_protocol::rest::{CreateInviteRequest, GuestRequest, Invite, SignedIn};

/// Where the app keeps its logins, below its configuration folder; see `src-tauri/storage.rs`.
const CREDENTIALS: &str = "org.voicehall.desktop/credentials.json";

/// How long the server may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A guild that people can be shown around in.
pub struct Demo {
    /// The app's configuration folder, in which the owner is signed in.
    pub app_config: PathBuf,
    /// For the owner, where there is no display for the app: a link to sign in with.
    pub owner_link: String,
    /// For anybody else.
    pub guest_link: String,
}

impl Demo {
    /// Signs the owner in, if that was not done by an earlier run, and makes an invite.
    ///
    /// # Errors
    /// What went wrong, for people.
    pub fn prepare(
        origin: &str,
        server: &mut Child,
        folder: &Path,
        interrupt: &Interrupt,
    ) -> Result<Self, String> {
        let app_config = folder.join("app");
        let credentials = app_config.join(CREDENTIALS);
        let link = wait_for_server(origin, server, interrupt)?;
        let token = match link.as_deref().and_then(|link| link.rsplit('/').next()) {
            Some(code) => sign_in_owner(origin, code, &credentials)?,
            None => kept_token(origin, &credentials)?,
        };
        let guild = own_guild(origin, &token)?;
        let invite = |uses_max| create_invite(origin, &token, guild, uses_max);
        Ok(Self { owner_link: invite(Some(1))?, guest_link: invite(None)?, app_config })
    }
}

/// Waits until the server answers. Returns the owner's one-time link if it printed one.
fn wait_for_server(
    origin: &str,
    server: &mut Child,
    interrupt: &Interrupt,
) -> Result<Option<String>, String> {
    let lines = server.lines.take().expect("the server's output is read");
    let deadline = Instant::now() + START_TIMEOUT;
    let mut link = None;
    let mut healthy = false;
    loop {
        match lines.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => link = link.or_else(|| link_in(&line, origin)),
            // It printed all that it prints at its start, and answers.
            Err(RecvTimeoutError::Timeout) if healthy => return Ok(link),
            Err(_) => healthy = call(origin, "GET", "/healthz", None, None).is_ok(),
        }
        if let Some(end) = server.ended() {
            return Err(format!("{end}\nIs another server on {origin}?"));
        }
        if interrupt.came() || Instant::now() > deadline {
            return Err("the server did not start".to_owned());
        }
    }
}

/// The first word of a line that is an invite link of this server.
fn link_in(line: &str, origin: &str) -> Option<String> {
    let start = format!("{origin}/join/");
    let words = line.split(|c: char| c.is_whitespace() || "\"'<>()".contains(c));
    words.into_iter().find(|word| word.starts_with(&start)).map(str::to_owned)
}

fn sign_in_owner(origin: &str, code: &str, credentials: &Path) -> Result<String, String> {
    let request = GuestRequest { invite: code.to_owned(), name: "Owner".to_owned() };
    let answer = call(origin, "POST", "/api/guests", None, Some(to_json(&request)))?;
    let signed_in: SignedIn = serde_json::from_value(answer).map_err(|error| error.to_string())?;
    let Token(token) = signed_in.token;
    let content = json!({ origin: { "token": token } }).to_string();
    fs::create_dir_all(credentials.parent().expect("it lies in a folder"))
        .and_then(|()| fs::write(credentials, content))
        .map_err(|error| format!("{}: {error}", credentials.display()))?;
    Ok(token)
}

fn kept_token(origin: &str, credentials: &Path) -> Result<String, String> {
    let text = fs::read_to_string(credentials).unwrap_or_default();
    let kept: Value = serde_json::from_str(&text).unwrap_or_default();
    let token = kept[origin]["token"].as_str().map(str::to_owned);
    token.ok_or_else(|| "the owner of the demo guild signed out: delete target/run to start anew".to_owned())
}

/// The guild that the owner is in, from the gateway's snapshot.
fn own_guild(origin: &str, token: &str) -> Result<GuildId, String> {
    let url = format!("{}{GATEWAY_PATH}", origin.replacen("http", "ws", 1));
    let fail = |error: tungstenite::Error| format!("{url}: {error}");
    let (mut socket, _) = tungstenite::connect(&url).map_err(fail)?;
    let identify = ClientMessage::Identify { protocol: PROTOCOL_VERSION, token: Token(token.to_owned()) };
    socket.send(Message::text(to_json(&identify).to_string())).map_err(fail)?;
    loop {
        let Message::Text(text) = socket.read().map_err(fail)? else { continue };
        if let Ok(ServerMessage::Ready { guilds, .. }) = serde_json::from_str(&text) {
            let _ = socket.close(None);
            return guilds.first().map(|guild| guild.id).ok_or_else(|| "the owner is in no guild".to_owned());
        }
    }
}

fn create_invite(origin: &str, token: &str, guild: GuildId, uses_max: Option<u32>) -> Result<String, String> {
    let request = CreateInviteRequest { uses_max, lifetime_s: None };
    let path = format!("/api/guilds/{guild}/invites");
    let answer = call(origin, "POST", &path, Some(token), Some(to_json(&request)))?;
    let invite: Invite = serde_json::from_value(answer).map_err(|error| error.to_string())?;
    Ok(format!("{origin}/join/{}", invite.code))
}

/// One REST call. Refusals are errors here.
fn call(
    origin: &str,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<Value>,
) -> Result<Value, String> {
    let fail = |error: ureq::Error| format!("{method} {path}: {error}");
    let mut request = ureq::http::Request::builder().method(method).uri(format!("{origin}{path}"));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let text = body.map(|body| body.to_string()).unwrap_or_default();
    if !text.is_empty() {
        request = request.header("content-type", "application/json");
    }
    let request = request.body(text).map_err(|error| error.to_string())?;
    let mut response = ureq::run(request).map_err(fail)?;
    let text = response.body_mut().read_to_string().map_err(fail)?;
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}

fn to_json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("protocol messages are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owners_link_is_found_in_a_line_of_the_log() {
        let origin = "http://127.0.0.1:8787";
        let link = Some("http://127.0.0.1:8787/join/aB-3".to_owned());
        for line in [
            "Owner link (once): http://127.0.0.1:8787/join/aB-3",
            "{\"message\":\"owner link\",\"link\":\"http://127.0.0.1:8787/join/aB-3\"}",
        ] {
            assert_eq!(link_in(line, origin), link);
        }
        assert_eq!(link_in("listening on http://127.0.0.1:8787", origin), None);
    }
}
