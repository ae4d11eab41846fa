//! The app's log: to the standard error stream as it is, and its last lines kept in memory, without
//! addresses and secrets, for whoever asks for help.

use crate::redact::redact;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What is logged unless `VOICEHALL_LOG` says otherwise, in the syntax of `tracing_subscriber`'s
/// filters. The two libraries warn of what is ordinary with a server that is ICE-lite.
const FILTER: &str = "warn,voicehall=info,rtc_dtls=error,rtc_ice=error";

/// Lines kept: an evening of warnings, and less than people mind to paste.
const LINES_MAX: usize = 200;

/// Characters kept of a line.
const LINE_CHARS_MAX: usize = 300;

/// The last lines of the log. Clones share them.
#[derive(Clone, Default)]
pub struct LastLines {
    lines: Arc<Mutex<VecDeque<String>>>,
}

/// Starts logging. Called once, before anything is logged.
pub fn start() -> LastLines {
    let last = LastLines::default();
    let filter = EnvFilter::try_from_env("VOICEHALL_LOG").unwrap_or_else(|_| EnvFilter::new(FILTER));
    tracing_subscriber::registry()
        .with(filter)
        .with(tracing_subscriber::fmt::layer().with_writer(io::stderr))
        .with(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(last.clone()))
        .init();
    last
}

impl LastLines {
    /// The lines, oldest first.
    pub fn read(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    fn keep(&self, text: &str) {
        for line in text.lines() {
            // Redacted before it is cut, for half an address is not recognised.
            let line: String = redact(line).chars().take(LINE_CHARS_MAX).collect();
            let mut lines = self.lock();
            if lines.len() == LINES_MAX {
                lines.pop_front();
            }
            lines.push_back(line);
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.lines.lock().expect("nothing panics while holding it")
    }
}

impl<'a> MakeWriter<'a> for LastLines {
    type Writer = LineWriter;

    fn make_writer(&'a self) -> LineWriter {
        LineWriter { last: self.clone() }
    }
}

/// Takes the events of the log, each whole in one write.
pub struct LineWriter {
    last: LastLines,
}

impl Write for LineWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.last.keep(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_without_secrets_and_addresses() {
        let last = LastLines::default();
        let subscriber = tracing_subscriber::registry()
            .with(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(last.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(url = "https://voice.example.org/join/Xk29sQ", "cannot open");
            tracing::warn!(peer = "203.0.113.7:7600", token = "4fJ2nQ8vLx0aZb7cR1tY", "refused");
        });
        let text = last.read().join("\n");
        for hidden in ["example", "Xk29sQ", "203.0.113.7", "4fJ2nQ8vLx0aZb7cR1tY"] {
            assert!(!text.contains(hidden), "{text}");
        }
        assert!(text.contains("WARN") && text.contains("cannot open") && text.contains("refused"), "{text}");
    }

    #[test]
    fn it_does_not_grow() {
        let last = LastLines::default();
        for number in 0..3 * LINES_MAX {
            last.keep(&format!("line {number} {}", "ä".repeat(2 * LINE_CHARS_MAX)));
        }
        let lines = last.read();
        assert_eq!(lines.len(), LINES_MAX);
        assert!(lines[0].starts_with(&format!("line {} ", 2 * LINES_MAX)));
        assert!(lines.iter().all(|line| line.chars().count() == LINE_CHARS_MAX));
    }
}
