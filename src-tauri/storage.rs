//! What is kept on this device: JSON documents in the app's configuration folder
//! (`$XDG_CONFIG_HOME/org.voicehall.desktop` on Linux): `settings.json`, and `credentials.json` where
//! the logins cannot be in the keychain ([`crate::credentials`]).
//!
//! Their content is the UI's; the shell only keeps it safe. A document is replaced whole or not at
//! all, and one that cannot be read is moved aside to `….broken`, so that nothing is lost and the
//! app starts. Files are readable by their owner alone.
//!
//! The UI hands the settings over with every change. The disk follows a moment later, and at the latest
//! when the app ends.

use crate::credentials::Credentials;
use crate::keychain::Vault;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::NamedTempFile;

/// Largest document, in bytes: the app reads no file that it would not have written.
const DOCUMENT_BYTES_MAX: u64 = 1 << 20;

/// A slider that is dragged changes many times a second; the disk need not follow.
const WRITE_AFTER: Duration = Duration::from_millis(300);

/// Why a document was not kept or not brought.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The disk or its permissions.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// More than [`DOCUMENT_BYTES_MAX`].
    #[error("too large to be kept")]
    TooLarge,
}

/// The documents of one person on this device.
pub struct Storage {
    /// Settings of sound, windows and the like.
    pub settings: Deferred,
    /// The login token of each server.
    pub credentials: Arc<Credentials>,
}

impl Storage {
    /// Nothing is read or made before it is needed.
    pub fn new(folder: PathBuf, vault: Arc<dyn Vault>) -> Self {
        Self {
            settings: Deferred::new(Document::new(folder.join("settings.json"))),
            credentials: Arc::new(Credentials::new(Document::new(folder.join("credentials.json")), vault)),
        }
    }

    /// Puts everything on the disk, or into the keychain, for an app that ends.
    pub fn finish(&self) {
        self.settings.flush();
        tauri::async_runtime::block_on(self.credentials.settle());
    }
}

/// A document that changes often: it is on the disk [`WRITE_AFTER`] it was saved, or when that is asked
/// for.
pub struct Deferred {
    writer: Arc<Writer>,
    /// Wakes the thread that writes.
    changed: SyncSender<()>,
}

struct Writer {
    document: Document,
    newest: Mutex<Option<Value>>,
    /// Held from when the newest is taken until it is on the disk.
    turn: Mutex<()>,
}

impl Deferred {
    /// Nothing is read before it is needed. The thread that writes ends with this.
    pub fn new(document: Document) -> Self {
        let writer = Arc::new(Writer { document, newest: Mutex::default(), turn: Mutex::default() });
        let (changed, changes) = mpsc::sync_channel(1);
        let theirs = writer.clone();
        std::thread::spawn(move || {
            while let Ok(()) = changes.recv() {
                std::thread::sleep(WRITE_AFTER);
                theirs.write();
            }
        });
        Self { writer, changed }
    }

    /// Takes a version, which is written soon. This waits for no disk.
    pub fn save(&self, value: Value) {
        *self.writer.newest.lock().expect("nothing panics while holding it") = Some(value);
        // Where it is full, the thread wakes already.
        let _ = self.changed.try_send(());
    }

    /// Returns when what was saved is on the disk, or cannot be.
    pub fn flush(&self) {
        self.writer.write();
    }

    /// The document as it was saved last: see [`Document::load`].
    pub fn load(&self) -> Result<Option<Value>, StorageError> {
        self.flush();
        self.writer.document.load()
    }

    /// See [`Document::was_broken`].
    pub fn was_broken(&self) -> bool {
        self.writer.document.was_broken()
    }
}

impl Writer {
    fn write(&self) {
        let _turn = self.turn.lock().expect("nothing panics while holding it");
        let newest = self.newest.lock().expect("nothing panics while holding it").take();
        if let Some(Err(error)) = newest.map(|value| self.document.save(&value)) {
            tracing::error!(%error, "the settings are not kept");
        }
    }
}

/// One JSON file.
pub struct Document {
    path: PathBuf,
    /// Held while the file is read or replaced.
    turn: Mutex<()>,
    /// The file could not be read and was moved aside.
    broken: AtomicBool,
}

impl Document {
    /// Nothing is read before it is needed.
    pub fn new(path: PathBuf) -> Self {
        Self { path, turn: Mutex::new(()), broken: AtomicBool::new(false) }
    }

    /// The document; none if there is none yet, or if it was broken and is now aside.
    pub fn load(&self) -> Result<Option<Value>, StorageError> {
        let _turn = self.turn.lock().expect("nothing panics while holding it");
        let bytes = match read_bounded(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        match serde_json::from_slice(&bytes) {
            Ok(value) if bytes.len() as u64 <= DOCUMENT_BYTES_MAX => Ok(Some(value)),
            _ => self.set_aside().map(|()| None),
        }
    }

    /// Replaces the document. After a crash or a full disk the old one is still whole.
    pub fn save(&self, value: &Value) -> Result<(), StorageError> {
        let text = serde_json::to_string_pretty(value).expect("a JSON value is JSON");
        if text.len() as u64 > DOCUMENT_BYTES_MAX {
            return Err(StorageError::TooLarge);
        }
        let _turn = self.turn.lock().expect("nothing panics while holding it");
        replace(&self.path, text.as_bytes()).map_err(|error| self.failed(error))
    }

    /// Takes the document away, if there is one.
    pub fn remove(&self) -> Result<(), StorageError> {
        let _turn = self.turn.lock().expect("nothing panics while holding it");
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    /// Whether what was kept could not be read, since the app started, and lies aside now.
    pub fn was_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    fn set_aside(&self) -> Result<(), StorageError> {
        let mut aside = self.path.clone().into_os_string();
        aside.push(".broken");
        std::fs::rename(&self.path, &aside).map_err(|error| self.failed(error))?;
        self.broken.store(true, Ordering::Relaxed);
        tracing::warn!(file = %self.path.display(), kept_as = ?aside, "cannot be read; starting without it");
        Ok(())
    }

    fn failed(&self, source: io::Error) -> StorageError {
        StorageError::Io { path: self.path.clone(), source }
    }
}

/// Reads one byte more than is allowed, so that the caller sees that a file is too large.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes beside the file and renames over it. On Unix a temporary file has mode 0600.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().expect("a document lies in a folder");
    std::fs::create_dir_all(folder)?;
    let mut fresh = NamedTempFile::new_in(folder)?;
    fresh.write_all(bytes)?;
    fresh.as_file().sync_all()?;
    fresh.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> (tempfile::TempDir, Document) {
        let folder = tempfile::tempdir().unwrap();
        let document = Document::new(folder.path().join("not/there/yet/settings.json"));
        (folder, document)
    }

    #[test]
    fn a_document_comes_back_as_it_was_saved() {
        let (_folder, settings) = document();
        assert_eq!(settings.load().unwrap(), None);
        settings.save(&json!({"sounds": 0.5})).unwrap();
        settings.save(&json!({"sounds": 1})).unwrap();
        assert_eq!(settings.load().unwrap(), Some(json!({"sounds": 1})));
        settings.remove().unwrap();
        settings.remove().unwrap();
        assert_eq!(settings.load().unwrap(), None);
    }

    #[test]
    fn a_deferred_document_is_on_the_disk_soon_and_at_once_when_asked() {
        let (folder, document) = document();
        let path = folder.path().join("not/there/yet/settings.json");
        let on_disk = || Document::new(path.clone()).load().unwrap();
        let settings = Deferred::new(document);
        for round in 0..50 {
            settings.save(json!(round));
            settings.save(json!({ "round": round }));
            settings.flush();
            assert_eq!(on_disk(), Some(json!({ "round": round })));
        }
        settings.save(json!("read"));
        assert_eq!(settings.load().unwrap(), Some(json!("read")));
        settings.save(json!("left alone"));
        while on_disk() != Some(json!("left alone")) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_broken_document_is_kept_aside() {
        let (folder, settings) = document();
        settings.save(&json!({})).unwrap();
        assert!(!settings.was_broken());
        let path = folder.path().join("not/there/yet/settings.json");
        for broken in [&b"{\"sounds\":"[..], b"", b"\xff\xfe", &vec![b' '; 2 << 20]] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(settings.load().unwrap(), None);
            assert!(!path.exists() && settings.was_broken());
            assert_eq!(std::fs::read(path.with_extension("json.broken")).unwrap(), broken);
        }
        settings.save(&json!({"sounds": 1})).unwrap();
        assert_eq!(settings.load().unwrap(), Some(json!({"sounds": 1})));
    }

    #[test]
    fn what_is_too_large_leaves_the_old_document() {
        let (_folder, settings) = document();
        settings.save(&json!(1)).unwrap();
        let large = json!("x".repeat(DOCUMENT_BYTES_MAX as usize));
        assert!(matches!(settings.save(&large), Err(StorageError::TooLarge)));
        assert_eq!(settings.load().unwrap(), Some(json!(1)));
    }

    #[test]
    fn a_failed_save_leaves_the_old_document_and_no_litter() {
        let (folder, settings) = document();
        let place = folder.path().join("not/there/yet/settings.json");
        std::fs::create_dir_all(place.join("in the way")).unwrap();
        assert!(matches!(settings.save(&json!(1)), Err(StorageError::Io { .. })));
        assert_eq!(std::fs::read_dir(place.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn readers_see_one_whole_version_while_it_is_replaced() {
        let (folder, settings) = document();
        let path = folder.path().join("not/there/yet/settings.json");
        settings.save(&json!("0".repeat(50_000))).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for round in 1..50 {
                    settings.save(&json!((round % 10).to_string().repeat(50_000))).unwrap();
                }
            });
            while !writer.is_finished() {
                let text: String = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                assert_eq!(text, text[..1].repeat(50_000));
            }
        });
    }

    #[cfg(unix)]
    #[test]
    fn others_cannot_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, settings) = document();
        settings.save(&json!({})).unwrap();
        let path = folder.path().join("not/there/yet/settings.json");
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
