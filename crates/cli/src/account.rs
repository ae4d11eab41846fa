//! A guest's login: made by following the invite, and remembered for the next time.

use crate::Failure;
use crate::invite::Invite;
use etcetera::BaseStrategy as _;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use voicehall_protocol::gateway::Token;
use voicehall_protocol::rest::{ErrorBody, ErrorCode, GuestRequest, InviteAccepted, SignedIn};

/// The name of somebody who gave none.
const DEFAULT_NAME: &str = "voicehall-cli";

/// A login and how it was got.
pub(crate) struct Login {
    pub token: Token,
    /// Whether it is from an earlier run, and may have been revoked since.
    pub remembered: bool,
}

/// Logins by server.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Remembered(BTreeMap<String, Account>);

#[derive(Debug, Serialize, Deserialize)]
struct Account {
    name: String,
    token: Token,
}

/// The logins of earlier runs, in a file only their owner can read.
pub(crate) struct Accounts {
    path: Option<PathBuf>,
}

impl Accounts {
    /// Those in a file, or in the user's state directory.
    pub(crate) fn remembered(file: Option<PathBuf>) -> Self {
        if file.is_some() {
            return Self { path: file };
        }
        let directory = etcetera::choose_base_strategy()
            .ok()
            .and_then(|strategy| strategy.state_dir().or_else(|| Some(strategy.data_dir())));
        Self { path: directory.map(|directory| directory.join("voicehall").join("cli.json")) }
    }

    /// A login for the invite: the remembered one, unless another name is wanted, or a new guest's.
    pub(crate) async fn sign_in(
        &self,
        http: &reqwest::Client,
        invite: &Invite,
        name: Option<&str>,
    ) -> Result<Login, Failure> {
        let known = self.read().0.remove(&invite.origin);
        if let Some(account) = known.filter(|account| name.is_none_or(|name| name == account.name)) {
            accept(http, invite, &account.token).await?;
            return Ok(Login { token: account.token, remembered: true });
        }
        self.follow(http, invite, name).await
    }

    /// A new guest's login.
    pub(crate) async fn follow(
        &self,
        http: &reqwest::Client,
        invite: &Invite,
        name: Option<&str>,
    ) -> Result<Login, Failure> {
        let name = name.unwrap_or(DEFAULT_NAME).to_owned();
        let request = GuestRequest { invite: invite.code.clone(), name: name.clone() };
        let url = format!("{}/api/guests", invite.origin);
        let signed_in: SignedIn = call(invite, http.post(url).json(&request)).await?;
        self.remember(&invite.origin, Account { name, token: signed_in.token.clone() });
        Ok(Login { token: signed_in.token, remembered: false })
    }

    fn read(&self) -> Remembered {
        let text = self.path.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        // A file that is none any more is as good as none: a new guest is made.
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Best effort: without it the next run is another guest.
    fn remember(&self, origin: &str, account: Account) {
        let Some(path) = &self.path else { return };
        let mut remembered = self.read();
        remembered.0.insert(origin.to_owned(), account);
        if let Err(error) = write_private(path, &remembered) {
            tracing::warn!(%error, path = %path.display(), "the login is not remembered");
        }
    }
}

fn write_private(path: &Path, remembered: &Remembered) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Several may run at once: each writes a file of its own, and the last one wins.
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let text = serde_json::to_vec(remembered).map_err(std::io::Error::other)?;
    options.open(&draft)?.write_all(&text)?;
    std::fs::rename(&draft, path)
}

/// Makes sure that an account is in the invite's guild.
async fn accept(http: &reqwest::Client, invite: &Invite, token: &Token) -> Result<(), Failure> {
    let url = format!("{}/api/invites/{}/accept", invite.origin, invite.code);
    match call::<InviteAccepted>(invite, http.post(url).bearer_auth(&token.0)).await {
        Ok(_) => Ok(()),
        // A member may come back with a used link; and a revoked token is the gateway's to tell.
        Err(Failure::InviteInvalid | Failure::Refused { code: ErrorCode::Unauthorized, .. }) => Ok(()),
        Err(failure) => Err(failure),
    }
}

async fn call<T: DeserializeOwned>(invite: &Invite, request: reqwest::RequestBuilder) -> Result<T, Failure> {
    let unreachable =
        |error: reqwest::Error| Failure::Unreachable { origin: invite.origin.clone(), reason: cause(&error) };
    let response = request.send().await.map_err(unreachable)?;
    let refused = !response.status().is_success();
    let body = response.bytes().await.map_err(unreachable)?;
    let foreign = || Failure::Unreachable {
        origin: invite.origin.clone(),
        reason: "the answer is none of ours".to_owned(),
    };
    if !refused {
        return serde_json::from_slice(&body).map_err(|_| foreign());
    }
    let ErrorBody { code, message, .. } = serde_json::from_slice(&body).map_err(|_| foreign())?;
    Err(match code {
        ErrorCode::InviteInvalid => Failure::InviteInvalid,
        code => Failure::Refused { code, message },
    })
}

/// What happened at the bottom of an error: "connection refused", not "error sending request".
fn cause(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_remembered_by_server_for_their_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("voicehall/cli.json");
        let accounts = Accounts { path: Some(path.clone()) };
        let account = |name: &str| Account { name: name.to_owned(), token: Token(format!("{name}'s")) };
        accounts.remember("http://a", account("ann"));
        accounts.remember("http://b", account("bob"));
        accounts.remember("http://a", account("amy"));
        let read = accounts.read().0;
        assert_eq!(read["http://a"].token, Token("amy's".to_owned()));
        assert_eq!(read["http://b"].name, "bob");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&path, "{").unwrap();
        assert!(accounts.read().0.is_empty(), "a damaged file is none");
    }
}
