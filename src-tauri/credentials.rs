//! The logins of this person on this device: in the system's keychain, or in a file beside the
//! settings where there is no keychain that can be used.
//!
//! What is kept is one JSON document of the UI's, an object with a login for each server. It is always
//! written to its new place before it goes from its old one. Where both hold something, because a run
//! without the keychain came between, both are joined, and the file, which is younger, wins.
//!
//! A keychain may ask the person to open it, for as long as they like. Nobody waits for that: until it has
//! answered, and when it has refused, the app goes on with what is in the file and keeps there what is new.
//!
//! Whoever signs out meanwhile takes a login out of a keychain that cannot be written. So the file
//! remembers which are gone, as `null`, until it has been joined. The UI says `null` itself.

use crate::keychain::{Lack, Vault};
use crate::storage::{Document, StorageError};
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// A keychain that is open mostly answers within this time, and then the page begins with its logins.
const PATIENCE: Duration = Duration::from_millis(150);

/// A keychain that was open takes what it is given within this time, or is left alone until the app
/// starts again.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

/// An app that ends waits so long for a keychain that is being written.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// The logins, wherever they are kept.
pub struct Credentials {
    file: Document,
    vault: Arc<dyn Vault>,
    patience: Duration,
    write_timeout: Duration,
    /// Changed only by who holds `kept`, except that it is asked.
    state: watch::Sender<State>,
    /// What is in the keychain, while it is open. One reads or writes at a time.
    kept: Mutex<Option<Value>>,
}

/// How it stands with the keychain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unasked,
    /// It has not answered yet.
    Asked,
    Open,
    /// It cannot be used.
    Lacking(Lack),
}

/// What can be brought now.
#[derive(Debug, PartialEq, Serialize)]
pub struct Loaded {
    /// Login by server; `null` for one that is gone, though the keychain that is shut may hold it.
    logins: Value,
    /// Why there may be more.
    shut: Option<Shut>,
}

/// Why a keychain does not give its logins now, and may later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Shut {
    /// It has not answered yet, and perhaps asks the person.
    Asked,
    /// It was not opened, and may be asked again.
    Locked,
}

impl Credentials {
    /// Nothing is read or asked before it is needed.
    pub fn new(file: Document, vault: Arc<dyn Vault>) -> Self {
        Self {
            file,
            vault,
            patience: PATIENCE,
            write_timeout: WRITE_TIMEOUT,
            state: watch::Sender::new(State::Unasked),
            kept: Mutex::default(),
        }
    }

    /// Why the logins are not in the keychain, since the app started.
    pub fn lack(&self) -> Option<Lack> {
        match *self.state.borrow() {
            State::Unasked | State::Open => None,
            State::Asked => Some(Lack::Unanswered),
            State::Lacking(lack) => Some(lack),
        }
    }

    /// Whether the file could not be read, and lies aside now.
    pub fn was_broken(&self) -> bool {
        self.file.was_broken()
    }

    /// Asks the keychain for what it has, unless it was asked, or refused for good. It may ask the person.
    pub fn ask(self: &Arc<Self>) {
        let asks = self.state.send_if_modified(|state| {
            let asks = matches!(state, State::Unasked | State::Lacking(Lack::Locked));
            if asks {
                *state = State::Asked;
            }
            asks
        });
        if !asks {
            return;
        }
        let this = self.clone();
        tauri::async_runtime::spawn(async move {
            let vault = this.vault.clone();
            // Elsewhere, for it may wait for a person.
            let read = tokio::task::spawn_blocking(move || vault.read()).await;
            let mut kept = this.kept.lock().await;
            match read.unwrap_or(Err(Lack::Refused)) {
                Ok(value) => {
                    *kept = value;
                    this.state.send_replace(State::Open);
                }
                Err(lack) => this.do_without(lack),
            }
        });
    }

    /// The logins, as far as they can be brought without waiting for a person.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub async fn load(self: &Arc<Self>) -> Result<Loaded, StorageError> {
        if *self.state.borrow() == State::Unasked {
            self.ask();
        }
        let _ = tokio::time::timeout(self.patience, self.answered()).await;
        self.loaded().await
    }

    /// The logins once the keychain has answered, however long that takes. One that was locked is asked
    /// again.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub async fn open(self: &Arc<Self>) -> Result<Loaded, StorageError> {
        self.ask();
        self.answered().await;
        self.loaded().await
    }

    /// Keeps these logins in place of those of the same servers. Those that are `null` are gone, and
    /// those that are missing stay as they are.
    ///
    /// # Errors
    /// When neither the keychain nor the disk takes them.
    pub async fn save(&self, changes: &Value) -> Result<(), StorageError> {
        let mut kept = self.kept.lock().await;
        self.collect(&mut kept).await?;
        if *self.state.borrow() == State::Open {
            let all = join(kept.clone(), changes.clone());
            self.put(&mut kept, &all).await
        } else {
            self.file.save(&join(self.file.load()?, changes.clone()))
        }
    }

    /// Waits until what is being kept is kept, for an app that ends. A keychain that takes long is left
    /// alone with it.
    pub async fn settle(&self) {
        if tokio::time::timeout(END_TIMEOUT, self.kept.lock()).await.is_err() {
            tracing::warn!("the app ends while the keychain is being written");
        }
    }

    async fn answered(&self) {
        let mut state = self.state.subscribe();
        let answered = state.wait_for(|state| !matches!(state, State::Unasked | State::Asked)).await;
        drop(answered.expect("its sender is in here"));
    }

    async fn loaded(&self) -> Result<Loaded, StorageError> {
        let mut kept = self.kept.lock().await;
        let logins = self.collect(&mut kept).await?.unwrap_or_else(|| Value::Object(Map::new()));
        let shut = match *self.state.borrow() {
            State::Unasked | State::Asked => Some(Shut::Asked),
            State::Lacking(Lack::Locked) => Some(Shut::Locked),
            State::Open | State::Lacking(_) => None,
        };
        Ok(Loaded { logins, shut })
    }

    /// Everything that can be had, and what is gone from where it cannot be taken. What is in a file moves
    /// into a keychain that is open.
    async fn collect(&self, kept: &mut Option<Value>) -> Result<Option<Value>, StorageError> {
        let filed = self.file.load()?;
        if *self.state.borrow() != State::Open {
            return Ok(filed);
        }
        let Some(filed) = filed else { return Ok(kept.clone()) };
        let joined = join(kept.clone(), filed);
        // In the file still if the keychain does not take them, with those that are gone.
        self.put(kept, &joined).await?;
        Ok(Some(without_gone(joined)))
    }

    /// Puts everything into the keychain, which is open, or else into the file.
    async fn put(&self, kept: &mut Option<Value>, all: &Value) -> Result<(), StorageError> {
        let there = without_gone(all.clone());
        let (vault, written) = (self.vault.clone(), there.clone());
        let asked = tokio::task::spawn_blocking(move || vault.write(&written));
        let answer = match tokio::time::timeout(self.write_timeout, asked).await {
            Ok(answer) => answer.unwrap_or(Err(Lack::Refused)),
            Err(_) => Err(Lack::Late),
        };
        match answer {
            Ok(()) => {
                *kept = Some(there);
                self.file.remove()
            }
            Err(lack) => {
                self.do_without(lack);
                self.file.save(all)
            }
        }
    }

    fn do_without(&self, lack: Lack) {
        tracing::warn!(?lack, "the logins are kept in a file, not in the keychain");
        self.state.send_replace(State::Lacking(lack));
    }
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
    use std::sync::{Mutex, mpsc};

    /// A keychain that does what is said.
    #[derive(Default)]
    struct Fake {
        kept: Mutex<Option<Value>>,
        read: Mutex<Option<Lack>>,
        write: Option<Lack>,
        /// Waited for before every answer, until nobody can answer any more.
        prompt: Option<Mutex<mpsc::Receiver<()>>>,
    }

    impl Vault for Fake {
        fn read(&self) -> Result<Option<Value>, Lack> {
            if let Some(prompt) = &self.prompt {
                let _ = prompt.lock().unwrap().recv();
            }
            let lack = *self.read.lock().unwrap();
            lack.map_or_else(|| Ok(self.kept.lock().unwrap().clone()), Err)
        }

        fn write(&self, value: &Value) -> Result<(), Lack> {
            if let Some(prompt) = &self.prompt {
                let _ = prompt.lock().unwrap().recv();
            }
            self.write.map_or(Ok(()), Err)?;
            *self.kept.lock().unwrap() = Some(value.clone());
            Ok(())
        }
    }

    fn keeps(value: &Value) -> Fake {
        Fake { kept: Mutex::new(Some(value.clone())), ..Fake::default() }
    }

    fn lacks(lack: Lack) -> Fake {
        Fake { read: Mutex::new(Some(lack)), ..Fake::default() }
    }

    struct Case {
        _folder: tempfile::TempDir,
        path: PathBuf,
        vault: Arc<Fake>,
        credentials: Arc<Credentials>,
    }

    impl Case {
        /// A start later, with this keychain.
        fn again(self, vault: Fake) -> Self {
            let vault = Arc::new(vault);
            let credentials = Credentials::new(Document::new(self.path.clone()), vault.clone());
            Self { vault, credentials: patient(credentials), ..self }
        }

        fn filed(&self) -> Option<Value> {
            Document::new(self.path.clone()).load().unwrap()
        }

        fn kept(&self) -> Option<Value> {
            self.vault.kept.lock().unwrap().clone()
        }
    }

    /// On a busy machine the answer of a keychain that is open may take longer.
    fn patient(credentials: Credentials) -> Arc<Credentials> {
        Arc::new(Credentials { patience: Duration::from_secs(20), ..credentials })
    }

    fn case(vault: Fake, filed: Option<&Value>) -> Case {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.json");
        if let Some(filed) = filed {
            Document::new(path.clone()).save(filed).unwrap();
        }
        let vault = Arc::new(vault);
        let credentials = patient(Credentials::new(Document::new(path.clone()), vault.clone()));
        Case { _folder: folder, path, vault, credentials }
    }

    fn login(server: &str, token: &str) -> Value {
        json!({ server: { "token": token } })
    }

    fn all(logins: Value) -> Loaded {
        Loaded { logins, shut: None }
    }

    #[tokio::test]
    async fn logins_are_in_the_keychain_and_in_no_file() {
        let case = case(Fake::default(), None);
        assert_eq!(case.credentials.load().await.unwrap(), all(json!({})));
        case.credentials.save(&login("a", "1")).await.unwrap();
        assert_eq!(case.credentials.load().await.unwrap(), all(login("a", "1")));
        case.credentials.save(&login("b", "2")).await.unwrap();
        case.credentials.save(&json!({ "a": null })).await.unwrap();
        assert_eq!(case.kept(), Some(login("b", "2")));
        assert!(!case.path.exists());
        assert_eq!(case.credentials.lack(), None);
    }

    #[tokio::test]
    async fn a_file_moves_into_the_keychain_and_wins() {
        let kept = json!({ "a": { "token": "old" }, "b": { "token": "2" } });
        let case = case(keeps(&kept), Some(&login("a", "new")));
        let both = json!({ "a": { "token": "new" }, "b": { "token": "2" } });
        assert_eq!(case.credentials.load().await.unwrap(), all(both.clone()));
        assert_eq!(case.kept(), Some(both));
        assert!(!case.path.exists());
    }

    #[tokio::test]
    async fn a_keychain_that_cannot_be_used_leaves_the_file() {
        for lack in [Lack::Absent, Lack::Locked, Lack::Refused] {
            for fake in [lacks(lack), Fake { write: Some(lack), ..Fake::default() }] {
                let case = case(fake, Some(&login("a", "1")));
                assert_eq!(case.credentials.load().await.unwrap().logins, login("a", "1"));
                assert_eq!(case.credentials.lack(), Some(lack));
                case.credentials.save(&login("b", "2")).await.unwrap();
                assert_eq!(case.filed(), Some(json!({ "a": { "token": "1" }, "b": { "token": "2" } })));
            }
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_a_keychain_that_asks_somebody_and_its_logins_come_once_it_is_open() {
        let (answer, prompt) = mpsc::channel();
        let kept = json!({ "a": { "token": "old" }, "b": { "token": "2" }, "c": { "token": "3" } });
        let fake = Fake { prompt: Some(Mutex::new(prompt)), ..keeps(&kept) };
        let case = case(fake, Some(&login("a", "1")));
        let impatient = Credentials::new(Document::new(case.path.clone()), case.vault.clone());
        let credentials = Arc::new(Credentials { patience: Duration::from_millis(1), ..impatient });
        let asked = |logins| Loaded { logins, shut: Some(Shut::Asked) };
        assert_eq!(credentials.load().await.unwrap(), asked(login("a", "1")));
        assert_eq!(credentials.lack(), Some(Lack::Unanswered));
        // Meanwhile people sign in and out.
        credentials.save(&json!({ "d": { "token": "4" }, "c": null })).await.unwrap();
        let now = json!({ "a": { "token": "1" }, "c": null, "d": { "token": "4" } });
        assert_eq!(credentials.load().await.unwrap(), asked(now));

        let waiting = tokio::spawn({
            let credentials = credentials.clone();
            async move { credentials.open().await.unwrap() }
        });
        drop(answer);
        let joined = json!({ "a": { "token": "1" }, "b": { "token": "2" }, "d": { "token": "4" } });
        assert_eq!(waiting.await.unwrap(), all(joined.clone()));
        assert_eq!(case.kept(), Some(joined));
        assert!(!case.path.exists());
        assert_eq!(credentials.lack(), None);
        // What a page says that has not heard of them takes none of them away.
        credentials.save(&login("e", "5")).await.unwrap();
        assert_eq!(case.kept().unwrap().as_object().unwrap().len(), 4);
    }

    #[tokio::test]
    async fn a_keychain_that_was_locked_is_asked_again_when_somebody_wants_it() {
        let fake = Fake { read: Mutex::new(Some(Lack::Locked)), ..keeps(&login("a", "1")) };
        let case = case(fake, None);
        let locked = Loaded { logins: json!({}), shut: Some(Shut::Locked) };
        assert_eq!(case.credentials.load().await.unwrap(), locked);
        assert_eq!(case.credentials.open().await.unwrap(), locked);
        *case.vault.read.lock().unwrap() = None;
        assert_eq!(case.credentials.load().await.unwrap(), locked, "not unasked");
        assert_eq!(case.credentials.open().await.unwrap(), all(login("a", "1")));
    }

    #[tokio::test]
    async fn a_keychain_that_takes_too_long_is_left_alone() {
        let (answer, prompt) = mpsc::channel();
        let case = case(Fake { prompt: Some(Mutex::new(prompt)), ..Fake::default() }, None);
        let hasty = Credentials::new(Document::new(case.path.clone()), case.vault.clone());
        let hasty = Credentials { write_timeout: Duration::from_millis(20), ..hasty };
        let credentials = Arc::new(hasty);
        answer.send(()).unwrap();
        assert_eq!(credentials.open().await.unwrap(), all(json!({})));
        credentials.save(&login("a", "1")).await.unwrap();
        assert_eq!(credentials.lack(), Some(Lack::Late));
        // Even once it is open: this run goes on without it.
        drop(answer);
        credentials.save(&login("b", "2")).await.unwrap();
        assert_eq!(credentials.open().await.unwrap().logins.as_object().unwrap().len(), 2);
        assert_eq!(case.filed(), Some(json!({ "a": { "token": "1" }, "b": { "token": "2" } })));
    }

    #[tokio::test]
    async fn who_signs_out_without_the_keychain_stays_signed_out_once_it_opens() {
        let kept = json!({ "a": { "token": "1" }, "b": { "token": "2" }, "c": { "token": "3" } });
        let case = case(Fake { write: Some(Lack::Locked), ..keeps(&kept) }, None);
        // It gives the logins, and is locked by the time that somebody signs out.
        case.credentials.load().await.unwrap();
        case.credentials.save(&json!({ "a": null })).await.unwrap();

        // A start later it gives nothing, and it is told that there is nothing of this server to come.
        let case = case.again(lacks(Lack::Locked));
        let without_a = json!({ "a": null, "b": { "token": "2" }, "c": { "token": "3" } });
        assert_eq!(case.credentials.load().await.unwrap().logins, without_a);
        case.credentials.save(&json!({ "b": null, "c": null, "d": { "token": "4" } })).await.unwrap();

        // It is open again, with all that it had.
        let case = case.again(keeps(&kept));
        assert_eq!(case.credentials.load().await.unwrap(), all(login("d", "4")));
        assert_eq!(case.kept(), Some(login("d", "4")));
        assert!(!case.path.exists());
    }

    #[tokio::test]
    async fn who_signs_in_again_without_the_keychain_is_signed_in() {
        let case = case(lacks(Lack::Locked), None);
        case.credentials.load().await.unwrap();
        case.credentials.save(&json!({ "a": null })).await.unwrap();
        assert_eq!(case.credentials.load().await.unwrap().logins, json!({ "a": null }));
        case.credentials.save(&login("a", "2")).await.unwrap();
        assert_eq!(case.credentials.load().await.unwrap().logins, login("a", "2"));
    }
}
