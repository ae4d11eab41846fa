//! New versions of the app (`docs/updates.md`): looked for, fetched and put in place when a person
//! asks for it, and never in a call. What is fetched must be signed with the key that the app was
//! built with, for the very version that the feed names.

use crate::desktop::Desktop;
use reqwest::Url;
use rustls::ClientConfig;
use serde::Serialize;
#[cfg(target_os = "linux")]
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tauri::{AppHandle, Manager};
use tauri_plugin_updater::{Error, Update, UpdaterBuilder, UpdaterExt};
use tokio::sync::Notify;

/// Where this run looks, in place of where the build says.
const FEED_VARIABLE: &str = "VOICEHALL_UPDATE_FEED";

/// By which key, in place of the build's.
const KEY_VARIABLE: &str = "VOICEHALL_UPDATE_KEY";

/// A feed that has not answered by then is away.
const CHECK_TIMEOUT: Duration = Duration::from_secs(30);

/// As long as a large app takes over a slow line.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// Largest update that is fetched, in bytes: it is held in memory until its signature is checked.
const UPDATE_BYTES_MAX: u64 = 512 << 20;

/// Characters of a version's notes that are shown.
const NOTES_CHARS_MAX: usize = 4000;

/// What looking for updates found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "found", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Found {
    /// There is no newer version.
    Newest {},
    /// There is.
    Newer {
        /// Its version.
        version: String,
        /// What is new in it, as its makers say.
        notes: Option<String>,
    },
}

/// Why there is no update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub enum UpdateError {
    /// The build names no feed or no key.
    #[error("this build has no feed for updates")]
    Unconfigured,
    /// A package manager put the app where it is, or somebody else may write there and this person
    /// may not.
    #[error("the app is kept up to date by whoever installed it")]
    Packaged,
    /// There is a call, which must not be disturbed.
    #[error("there is a call")]
    InCall,
    /// What was fetched is not signed with the right key, or for another version.
    #[error("the signature is wrong")]
    Signature,
    /// The feed or the file could not be fetched, read or put in place, or is too large.
    #[error("it could not be fetched or put in place")]
    Failed,
}

/// How far a download is.
#[derive(Debug, Clone, Serialize)]
pub struct Progress {
    /// Bytes fetched.
    fetched: u64,
    /// Bytes there are, where that is known.
    total: Option<u64>,
}

/// Looks for updates and fetches them.
pub struct Updates {
    app: AppHandle,
    tls: Arc<ClientConfig>,
    /// What was found last.
    newer: Mutex<Option<Update>>,
    /// The app ends to start again.
    restarts: AtomicBool,
}

impl Updates {
    /// Of a running app.
    pub fn new(app: AppHandle, tls: Arc<ClientConfig>) -> Self {
        Self { app, tls, newer: Mutex::default(), restarts: AtomicBool::new(false) }
    }

    /// Asks the feed.
    ///
    /// # Errors
    /// See [`UpdateError`].
    pub async fn look(&self) -> Result<Found, UpdateError> {
        let updater = self.builder()?.timeout(CHECK_TIMEOUT).build().map_err(failed)?;
        let mut newer = updater.check().await.map_err(failed)?;
        if let Some(update) = &mut newer {
            update.timeout = Some(DOWNLOAD_TIMEOUT);
        }
        let found = match &newer {
            None => Found::Newest {},
            Some(Update { version, body, .. }) => {
                let notes = body.as_ref().map(|notes| notes.chars().take(NOTES_CHARS_MAX).collect());
                Found::Newer { version: version.clone(), notes }
            }
        };
        *self.newer.lock().expect("nothing panics while holding it") = newer;
        Ok(found)
    }

    /// Fetches what was found last, and puts it in the place of this app if its signature is right.
    /// It runs from the next start on.
    ///
    /// # Errors
    /// See [`UpdateError`].
    pub async fn install(&self, tell: impl Fn(Progress)) -> Result<(), UpdateError> {
        let update = self.newer.lock().expect("nothing panics while holding it").clone();
        let update = update.ok_or(UpdateError::Failed)?;
        self.refuse_in_call()?;
        let (mut fetched, too_large) = (0, Notify::new());
        let download = update.download(
            |bytes, total| {
                fetched += bytes as u64;
                if fetched > UPDATE_BYTES_MAX {
                    too_large.notify_one();
                }
                tell(Progress { fetched, total });
            },
            || (),
        );
        let bytes = tokio::select! {
            biased;
            () = too_large.notified() => Err(UpdateError::Failed),
            bytes = download => bytes.map_err(failed),
        }?;
        // A call may have come meanwhile, and on Windows the installer ends the app.
        self.refuse_in_call()?;
        let install = tokio::task::spawn_blocking(move || update.install(bytes));
        install.await.map_err(|_| UpdateError::Failed)?.map_err(failed)
    }

    /// Ends the app, which then starts again, in its new version.
    ///
    /// # Errors
    /// [`UpdateError::InCall`].
    pub fn restart(&self) -> Result<(), UpdateError> {
        self.refuse_in_call()?;
        self.restarts.store(true, Ordering::Relaxed);
        self.app.state::<Desktop>().quit();
        Ok(())
    }

    /// Whether the app that ends now is to start again.
    pub fn restarts(&self) -> bool {
        self.restarts.load(Ordering::Relaxed)
    }

    fn refuse_in_call(&self) -> Result<(), UpdateError> {
        if self.app.state::<Desktop>().in_call() { Err(UpdateError::InCall) } else { Ok(()) }
    }

    fn builder(&self) -> Result<UpdaterBuilder, UpdateError> {
        let configured = self.app.config().plugins.0.get("updater");
        let endpoints = configured.and_then(|updater| updater["endpoints"].as_array());
        let variables = std::env::var(FEED_VARIABLE).ok().zip(std::env::var(KEY_VARIABLE).ok());
        if variables.is_none() && endpoints.is_none_or(Vec::is_empty) {
            return Err(UpdateError::Unconfigured);
        }
        if is_packaged() {
            return Err(UpdateError::Packaged);
        }
        let tls = self.tls.clone();
        let builder = self
            .app
            .updater_builder()
            .configure_client(move |client| client.tls_backend_preconfigured(ClientConfig::clone(&tls)));
        let Some((feed, key)) = variables else { return Ok(builder) };
        let feed = Url::parse(&feed).map_err(|_| UpdateError::Unconfigured)?;
        builder.pubkey(key).endpoints(vec![feed]).map_err(failed)
    }
}

/// The texts of errors may hold addresses: the log's door takes them out.
fn failed(error: Error) -> UpdateError {
    tracing::warn!(%error, "no update");
    match error {
        Error::Minisign(_)
        | Error::Base64(_)
        | Error::SignatureUtf8(_)
        | Error::SignedVersionMismatch { .. }
        | Error::MissingSignedVersion => UpdateError::Signature,
        _ => UpdateError::Failed,
    }
}

/// Whether the app's own file is not its own to replace: on Linux, packages are installed by the
/// system, and only an AppImage, or a lone program, in a folder of the person's is theirs.
#[cfg(target_os = "linux")]
fn is_packaged() -> bool {
    use tauri::utils::config::BundleType;
    use tauri::utils::platform::bundle_type;
    if matches!(bundle_type(), Some(BundleType::Deb | BundleType::Rpm)) {
        return true;
    }
    let image = std::env::var_os("APPIMAGE").map(Into::into);
    let Some(program) = image.or_else(|| std::env::current_exe().ok()) else { return true };
    program.parent().is_none_or(|folder| !is_writable(folder))
}

#[cfg(target_os = "linux")]
fn is_writable(folder: &Path) -> bool {
    // The system knows best, and leaves nothing behind.
    tempfile::tempfile_in(folder).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn is_packaged() -> bool {
    false
}
