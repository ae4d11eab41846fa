//! Passwords: Argon2id, off the runtime's threads, a few at a time.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use std::sync::{Arc, LazyLock};
use tokio::sync::Semaphore;
use voicehall_protocol::rest::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};

/// Hashes at once: each takes 19 MiB for a moment.
const HASHES_AT_ONCE: usize = 2;

/// Requests that may wait for their turn; more are told to come back.
const WAITING_MAX: usize = 64;

/// A password that is too short or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidPassword;

/// # Errors
/// [`InvalidPassword`].
pub fn check(password: &str) -> Result<(), InvalidPassword> {
    let fits = password.len() <= PASSWORD_BYTES_MAX && password.chars().count() >= PASSWORD_CHARS_MIN;
    if fits { Ok(()) } else { Err(InvalidPassword) }
}

/// Hashes and checks passwords.
pub struct Passwords {
    places: Arc<Semaphore>,
    queue: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(HASHES_AT_ONCE)), queue: Semaphore::new(WAITING_MAX) }
    }
}

impl Passwords {
    /// The hash to keep, with its salt and parameters; none when too many are waiting.
    pub async fn hash(&self, password: String) -> Option<String> {
        self.run(move || hash(&password)).await
    }

    /// Whether the password fits the hash; none when too many are waiting. Without a hash it
    /// takes as long, and does not fit.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Option<bool> {
        /// Stands in for the hash of an account that does not exist.
        static NOBODY: LazyLock<String> = LazyLock::new(|| self::hash("nobody has this password"));
        self.run(move || {
            let known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(&NOBODY);
            let fits = password.len() <= PASSWORD_BYTES_MAX
                && PasswordHash::new(hash)
                    .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
            fits && known
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let _waiting = self.queue.try_acquire().ok()?;
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let work = move || {
            // Kept until the work is done, even if the request is gone by then.
            let _place = place;
            work()
        };
        tokio::task::spawn_blocking(work).await.ok()
    }
}

fn hash(password: &str) -> String {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.expect("the default parameters are valid and the system has randomness").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_alone() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(passwords.verify("correct horse".to_owned(), Some(hash.clone())).await, Some(true));
        assert_eq!(passwords.verify("correct hors".to_owned(), Some(hash)).await, Some(false));
        assert_eq!(passwords.verify("nobody has this password".to_owned(), None).await, Some(false));
    }

    #[test]
    fn length_is_bounded_both_ways() {
        assert!(check("123456789").is_err());
        assert!(check("1234567890").is_ok());
        assert!(check(&"x".repeat(PASSWORD_BYTES_MAX)).is_ok());
        assert!(check(&"x".repeat(PASSWORD_BYTES_MAX + 1)).is_err());
    }
}
