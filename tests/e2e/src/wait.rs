//! Waiting for conditions. Tests never sleep for a guessed time: they wait until something is so.

use std::time::{Duration, Instant};

/// How long a condition may take before a test gives up: long enough for a slow, busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// For what is done at a moment.
const POLL_INTERVAL_SHORT: Duration = Duration::from_millis(1);

/// Blocks until `found` gives something.
///
/// # Panics
/// After [`PATIENCE`], naming `what`.
pub fn until<T>(what: &str, found: impl FnMut() -> Option<T>) -> T {
    poll(POLL_INTERVAL, what, found)
}

/// Blocks like [`until`], and looks every millisecond.
///
/// # Panics
/// After [`PATIENCE`], naming `what`.
pub fn often<T>(what: &str, found: impl FnMut() -> Option<T>) -> T {
    poll(POLL_INTERVAL_SHORT, what, found)
}

fn poll<T>(interval: Duration, what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain until {what}");
        std::thread::sleep(interval);
    }
}

/// Waits until `found` gives something, leaving the runtime to others meanwhile.
///
/// # Panics
/// After [`PATIENCE`], naming `what`.
pub async fn until_async<T, F: Future<Output = Option<T>>>(what: &str, mut found: impl FnMut() -> F) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = found().await {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain until {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
