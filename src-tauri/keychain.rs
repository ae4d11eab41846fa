//! The system's keychain: the Secret Service of a Linux desktop, macOS's Keychain, Windows's
//! Credential Manager. One secret of this app lies in it, which is one JSON document.

use keyring::{Entry, Error};
use serde::Serialize;
use serde_json::Value;

/// Under which the secret is found: the app, as the system knows it.
const SERVICE: &str = "org.voicehall.desktop";

/// Which of the app's secrets it is.
const ACCOUNT: &str = "logins";

/// Why a keychain cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Lack {
    /// There is none.
    Absent,
    /// It is locked, and was not opened.
    Locked,
    /// It has not answered yet, and perhaps asks the person.
    Unanswered,
    /// It did not take what it was given in time.
    Late,
    /// It does not take or give what it is asked for.
    Refused,
}

/// Where secrets lie. Both may wait long, as for a person who is asked for a password.
pub trait Vault: Send + Sync {
    /// The document; none if there is none yet.
    fn read(&self) -> Result<Option<Value>, Lack>;
    /// Replaces the document.
    fn write(&self, value: &Value) -> Result<(), Lack>;
}

/// The keychain of this system.
pub struct Keychain;

impl Vault for Keychain {
    fn read(&self) -> Result<Option<Value>, Lack> {
        match entry()?.get_secret() {
            // What is there and is not this app's is not overwritten.
            Ok(secret) => serde_json::from_slice(&secret).map(Some).map_err(|_| Lack::Refused),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(lack(&error)),
        }
    }

    fn write(&self, value: &Value) -> Result<(), Lack> {
        entry()?.set_secret(value.to_string().as_bytes()).map_err(|error| lack(&error))
    }
}

fn entry() -> Result<Entry, Lack> {
    Entry::new(SERVICE, ACCOUNT).map_err(|error| lack(&error))
}

/// The error itself is told nobody: some hold what was read.
fn lack(error: &Error) -> Lack {
    match error {
        Error::NoDefaultStore => Lack::Absent,
        Error::NoStorageAccess(_) => Lack::Locked,
        _ => Lack::Refused,
    }
}
