//! The demo guild: its owner, signed in to the app, and an invite for others.

use super::process::{Child, Interrupt};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use voicehall_protocol::gateway::Token;
use voicehall_protocol::rest::{GuestRequest, SignedIn};

/// Where the app keeps its logins, below its configuration folder; see `src-tauri/storage.rs`.
const CREDENTIALS: &str = "org.voicehall.desktop/credentials.json";

/// How long the server may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How often the server is looked for while it starts.
const LOOK: Duration = Duration::from_millis(50);

/// The files into which the server writes fresh links when it starts.
pub struct LinkFiles {
    /// For the guild's owner, once.
    pub owner: PathBuf,
    /// For anybody else.
    pub invite: PathBuf,
}

impl LinkFiles {
    /// None of an earlier run is left.
    ///
    /// # Errors
    /// When the folder cannot be made, or an old file not removed.
    pub fn fresh(folder: &Path) -> Result<Self, String> {
        let files = Self { owner: folder.join("owner-link"), invite: folder.join("invite-link") };
        let cleared = fs::create_dir_all(folder).and_then(|()| {
            let mut stale = [&files.owner, &files.invite].into_iter().filter(|file| file.exists());
            stale.try_for_each(fs::remove_file)
        });
        cleared.map(|()| files).map_err(|error| format!("{}: {error}", folder.display()))
    }
}

/// The links of a server that has started.
pub struct Links {
    /// For the guild's owner, once.
    pub owner: String,
    /// For anybody else.
    pub invite: String,
}

impl Links {
    /// Waits until the server has written them and answers.
    ///
    /// # Errors
    /// When it ends instead, takes too long, or somebody presses Ctrl-C.
    pub fn wait(
        files: &LinkFiles,
        origin: &str,
        server: &mut Child,
        interrupt: &Interrupt,
    ) -> Result<Self, String> {
        let read = |file: &Path| {
            let text = fs::read_to_string(file).ok()?;
            Some(text.strip_suffix('\n')?.to_owned())
        };
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if let (Some(owner), Some(invite)) = (read(&files.owner), read(&files.invite))
                && ureq::get(format!("{origin}/healthz")).call().is_ok()
            {
                return Ok(Self { owner, invite });
            }
            if let Some(end) = server.ended() {
                return Err(format!("{end}. Does something else listen on {origin}?"));
            }
            if interrupt.came() || Instant::now() > deadline {
                return Err("the server did not start".to_owned());
            }
            thread::sleep(LOOK);
        }
    }
}

/// Signs the app in as the guild's owner, unless an earlier run did.
///
/// # Errors
/// When the server refuses, or the login cannot be kept.
pub fn sign_in_owner(origin: &str, links: &Links, app_config: &Path) -> Result<(), String> {
    let file = app_config.join(CREDENTIALS);
    let kept: Value =
        serde_json::from_str(&fs::read_to_string(&file).unwrap_or_default()).unwrap_or_default();
    if kept[origin]["token"].is_string() {
        return Ok(());
    }
    let code = links.owner.rsplit('/').next().unwrap_or_default().to_owned();
    let request = GuestRequest { invite: code, name: "Owner".to_owned() };
    let Token(token) = post_guest(origin, &request)?.token;
    let content = json!({ origin: { "token": token } }).to_string();
    fs::create_dir_all(file.parent().expect("it lies in a folder"))
        .and_then(|()| fs::write(&file, content))
        .map_err(|error| format!("{}: {error}", file.display()))
}

fn post_guest(origin: &str, request: &GuestRequest) -> Result<SignedIn, String> {
    let fail = |error: ureq::Error| format!("signing the owner in: {error}");
    let body = serde_json::to_string(request).expect("a request is JSON");
    let call = ureq::post(format!("{origin}/api/guests")).content_type("application/json");
    let text = call.send(body).map_err(fail)?.body_mut().read_to_string().map_err(fail)?;
    serde_json::from_str(&text).map_err(|error| format!("signing the owner in: {error}"))
}
