//! The logins of this person on this device: in the system's keychain, or in a file beside the
//! settings where there is no keychain that can be used.
//!
//! What is kept is one JSON document of the UI's, an object with a login for each server. It is always
//! written to its new place before it goes from its old one. Where both hold something, because a run
//! without the keychain came between, both are joined, and the file, which is younger, wins.
//!
//! Whoever signs out in such a run takes a login out of a keychain that cannot be written. So the file
//! remembers which are gone, as `null`, until it has been joined. The UI says `null` itself for those
//! that it never saw.

use crate::keychain::{Lack, Vault};
use crate::storage::{Document, StorageError};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A keychain may ask the person to open it, and they may need a moment for that. One that takes
/// longer than this is left alone until the app starts again, for the window waits for the logins.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The logins, wherever they are kept.
pub struct Credentials {
    file: Document,
    vault: Arc<dyn Vault>,
    timeout: Duration,
    /// Why they are in the file; none while they are in the keychain.
    lack: Mutex<Option<Lack>>,
    /// One reads or writes at a time, and knows which servers had a login in this run.
    turn: tokio::sync::Mutex<BTreeSet<String>>,
}

impl Credentials {
    /// Nothing is read or asked before it is needed.
    pub fn new(file: Document, vault: Arc<dyn Vault>) -> Self {
        Self { file, vault, timeout: TIMEOUT, lack: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// Why the logins are not in the keychain, since the app started.
    pub fn lack(&self) -> Option<Lack> {
        *self.lack.lock().expect("nothing panics while holding it")
    }

    /// Whether the file could not be read, and lies aside now.
    pub fn was_broken(&self) -> bool {
        self.file.was_broken()
    }

    /// The logins; none if there are none yet. Those of a file move into the keychain.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub async fn load(&self) -> Result<Option<Value>, StorageError> {
        let mut known = self.turn.lock().await;
        let filed = self.file.load()?;
        let kept = self.ask(|vault| vault.read()).await;
        let loaded = match (kept, filed) {
            (None, filed) => filed.map(without_gone),
            (Some(kept), None) => kept,
            (Some(kept), Some(filed)) => {
                let joined = join(kept, filed);
                note(&mut known, &joined);
                // In the file still if the keychain does not take them, with those that are gone.
                self.put(&joined, &known).await?;
                Some(without_gone(joined))
            }
        };
        loaded.iter().for_each(|value| note(&mut known, value));
        Ok(loaded)
    }

    /// Replaces the logins. Those that are `null`, or missing and were there before, are gone.
    ///
    /// # Errors
    /// When neither the keychain nor the disk takes them.
    pub async fn save(&self, value: &Value) -> Result<(), StorageError> {
        let mut known = self.turn.lock().await;
        note(&mut known, value);
        self.put(value, &known).await
    }

    async fn put(&self, value: &Value, known: &BTreeSet<String>) -> Result<(), StorageError> {
        let there = without_gone(value.clone());
        match self.ask(move |vault| vault.write(&there)).await {
            Some(()) => self.file.remove(),
            None => {
                let before = self.file.load()?.unwrap_or_default();
                self.file.save(&with_gone(value, names(&before).chain(known.iter())))
            }
        }
    }

    /// Asks the keychain, elsewhere, for it may wait for a person. None once it could not be used.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Vault) -> Result<T, Lack> + Send + 'static,
    ) -> Option<T> {
        if self.lack().is_some() {
            return None;
        }
        let vault = self.vault.clone();
        let asked = tokio::task::spawn_blocking(move || question(&*vault));
        let answer = match tokio::time::timeout(self.timeout, asked).await {
            Ok(answer) => answer.unwrap_or(Err(Lack::Refused)),
            Err(_) => Err(Lack::Late),
        };
        answer
            .inspect_err(|lack| {
                tracing::warn!(?lack, "the logins are kept in a file, not in the keychain");
                *self.lack.lock().expect("nothing panics while holding it") = Some(*lack);
            })
            .ok()
    }
}

/// The servers in a document, those whose login is gone among them.
fn names(value: &Value) -> impl Iterator<Item = &String> {
    value.as_object().into_iter().flat_map(Map::keys)
}

fn note(known: &mut BTreeSet<String>, value: &Value) {
    known.extend(names(value).cloned());
}

/// The document, which says of every one of these servers that it does not name that its login is gone.
fn with_gone<'a>(value: &Value, servers: impl Iterator<Item = &'a String>) -> Value {
    let mut all: Map<_, _> = servers.map(|server| (server.clone(), Value::Null)).collect();
    all.extend(value.as_object().cloned().unwrap_or_default());
    Value::Object(all)
}

/// The logins that there are.
fn without_gone(mut value: Value) -> Value {
    if let Value::Object(logins) = &mut value {
        logins.retain(|_, login| !login.is_null());
    }
    value
}

/// Both, and of a server that is in both the second.
fn join(first: Option<Value>, second: Value) -> Value {
    match (first, second) {
        (Some(Value::Object(mut first)), Value::Object(second)) => {
            first.extend(second);
            Value::Object(first)
        }
        (_, second @ Value::Object(_)) => second,
        (first, _) => first.unwrap_or_else(|| Value::Object(Map::new())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::path::PathBuf;
    use std::sync::mpsc;

    /// A keychain that does what is said.
    #[derive(Default)]
    struct Fake {
        kept: Mutex<Option<Value>>,
        read: Option<Lack>,
        write: Option<Lack>,
        /// Waited for before every answer.
        prompt: Option<Mutex<mpsc::Receiver<()>>>,
    }

    impl Vault for Fake {
        fn read(&self) -> Result<Option<Value>, Lack> {
            if let Some(prompt) = &self.prompt {
                let _ = prompt.lock().unwrap().recv();
            }
            self.read.map_or_else(|| Ok(self.kept.lock().unwrap().clone()), Err)
        }

        fn write(&self, value: &Value) -> Result<(), Lack> {
            self.write.map_or(Ok(()), Err)?;
            *self.kept.lock().unwrap() = Some(value.clone());
            Ok(())
        }
    }

    struct Case {
        _folder: tempfile::TempDir,
        path: PathBuf,
        vault: Arc<Fake>,
        credentials: Credentials,
    }

    fn case(vault: Fake, filed: Option<&Value>) -> Case {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.json");
        if let Some(filed) = filed {
            Document::new(path.clone()).save(filed).unwrap();
        }
        let vault = Arc::new(vault);
        let credentials = Credentials::new(Document::new(path.clone()), vault.clone());
        Case { _folder: folder, path, vault, credentials }
    }

    fn login(server: &str, token: &str) -> Value {
        json!({ server: { "token": token } })
    }

    #[tokio::test]
    async fn logins_are_in_the_keychain_and_in_no_file() {
        let case = case(Fake::default(), None);
        assert_eq!(case.credentials.load().await.unwrap(), None);
        case.credentials.save(&login("a", "1")).await.unwrap();
        assert_eq!(case.credentials.load().await.unwrap(), Some(login("a", "1")));
        assert!(!case.path.exists());
        assert_eq!(case.credentials.lack(), None);
    }

    #[tokio::test]
    async fn a_file_moves_into_the_keychain_and_wins() {
        let kept = json!({ "a": { "token": "old" }, "b": { "token": "2" } });
        let fake = Fake { kept: Mutex::new(Some(kept)), ..Fake::default() };
        let case = case(fake, Some(&login("a", "new")));
        let both = json!({ "a": { "token": "new" }, "b": { "token": "2" } });
        assert_eq!(case.credentials.load().await.unwrap(), Some(both.clone()));
        assert_eq!(*case.vault.kept.lock().unwrap(), Some(both));
        assert!(!case.path.exists());
    }

    #[tokio::test]
    async fn a_keychain_that_cannot_be_used_leaves_the_file() {
        for lack in [Lack::Absent, Lack::Locked, Lack::Refused] {
            for fake in
                [Fake { read: Some(lack), ..Fake::default() }, Fake { write: Some(lack), ..Fake::default() }]
            {
                let case = case(fake, Some(&login("a", "1")));
                assert_eq!(case.credentials.load().await.unwrap(), Some(login("a", "1")));
                assert_eq!(case.credentials.lack(), Some(lack));
                case.credentials
                    .save(&json!({ "a": { "token": "1" }, "b": { "token": "2" } }))
                    .await
                    .unwrap();
                let filed = Document::new(case.path.clone()).load().unwrap();
                assert_eq!(filed, Some(json!({ "a": { "token": "1" }, "b": { "token": "2" } })));
            }
        }
    }

    #[tokio::test]
    async fn a_keychain_that_waits_for_somebody_is_left_alone() {
        let (answered, prompt) = mpsc::channel();
        let fake = Fake { prompt: Some(Mutex::new(prompt)), ..Fake::default() };
        let mut case = case(fake, Some(&login("a", "1")));
        case.credentials.timeout = Duration::from_millis(20);
        assert_eq!(case.credentials.load().await.unwrap(), Some(login("a", "1")));
        assert_eq!(case.credentials.lack(), Some(Lack::Late));
        // Even once it is open: this run has begun without it.
        drop(answered);
        case.credentials.save(&login("b", "2")).await.unwrap();
        assert_eq!(*case.vault.kept.lock().unwrap(), None);
        assert!(case.path.exists());
    }

    #[tokio::test]
    async fn who_signs_out_without_the_keychain_stays_signed_out_once_it_opens() {
        let kept = json!({ "a": { "token": "1" }, "b": { "token": "2" }, "c": { "token": "3" } });
        let mut vault = Fake { kept: Mutex::new(Some(kept)), write: Some(Lack::Locked), ..Fake::default() };
        let case = case(vault, None);
        // It gives the logins, and is locked by the time that somebody signs out.
        case.credentials.load().await.unwrap();
        case.credentials.save(&json!({ "b": { "token": "2" }, "c": { "token": "3" } })).await.unwrap();

        // A start later it gives nothing. The UI remembers a server that it has no login for.
        let locked = Arc::new(Fake { read: Some(Lack::Locked), ..Fake::default() });
        let next = Credentials::new(Document::new(case.path.clone()), locked);
        let without_a = json!({ "b": { "token": "2" }, "c": { "token": "3" } });
        assert_eq!(next.load().await.unwrap(), Some(without_a));
        next.save(&json!({ "b": null, "d": { "token": "4" } })).await.unwrap();

        // It is open again, with all that it had.
        let kept = case.vault.kept.lock().unwrap().clone();
        vault = Fake { kept: Mutex::new(kept), ..Fake::default() };
        let vault = Arc::new(vault);
        let open = Credentials::new(Document::new(case.path.clone()), vault.clone());
        assert_eq!(open.load().await.unwrap(), Some(login("d", "4")));
        assert_eq!(*vault.kept.lock().unwrap(), Some(login("d", "4")));
        assert!(!case.path.exists());
    }

    #[tokio::test]
    async fn who_signs_in_again_without_the_keychain_is_signed_in() {
        let locked = Fake { read: Some(Lack::Locked), ..Fake::default() };
        let case = case(locked, None);
        case.credentials.load().await.unwrap();
        case.credentials.save(&json!({ "a": null })).await.unwrap();
        assert_eq!(case.credentials.load().await.unwrap(), Some(json!({})));
        case.credentials.save(&login("a", "2")).await.unwrap();
        assert_eq!(case.credentials.load().await.unwrap(), Some(login("a", "2")));
    }
}
