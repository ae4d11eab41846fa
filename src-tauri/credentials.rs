//! The logins of this person on this device: in the system's keychain, or in a file beside the
//! settings where there is no keychain that can be used.
//!
//! What is kept is one JSON document of the UI's. It is always written to its new place before it
//! goes from its old one. Where both hold something, because a run without the keychain came
//! between, both are joined, and the file, which is younger, wins.

use crate::keychain::{Lack, Vault};
use crate::storage::{Document, StorageError};
use serde_json::{Map, Value};
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
    /// One reads or writes at a time.
    turn: tokio::sync::Mutex<()>,
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
        let _turn = self.turn.lock().await;
        let filed = self.file.load()?;
        let Some(kept) = self.ask(|vault| vault.read()).await else { return Ok(filed) };
        let Some(filed) = filed else { return Ok(kept) };
        let joined = join(kept, filed);
        // In the file still if the keychain does not take them.
        self.put(&joined).await?;
        Ok(Some(joined))
    }

    /// Replaces the logins.
    ///
    /// # Errors
    /// When neither the keychain nor the disk takes them.
    pub async fn save(&self, value: &Value) -> Result<(), StorageError> {
        let _turn = self.turn.lock().await;
        self.put(value).await
    }

    async fn put(&self, value: &Value) -> Result<(), StorageError> {
        let copy = value.clone();
        match self.ask(move |vault| vault.write(&copy)).await {
            Some(()) => self.file.remove(),
            None => self.file.save(value),
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
                case.credentials.save(&login("b", "2")).await.unwrap();
                assert_eq!(Document::new(case.path.clone()).load().unwrap(), Some(login("b", "2")));
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
}
