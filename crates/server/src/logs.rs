//! Log lines on standard error, for people or for machines. At the levels above `debug` they hold
//! neither secrets nor addresses of clients.

use crate::config::{Log, LogFormat};
use std::io::{IsTerminal as _, stderr};
use tracing_subscriber::EnvFilter;

/// Starts logging as configured. Once for each process.
pub fn start(config: &Log) {
    let filter = EnvFilter::new(&config.filter);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    match config.format {
        LogFormat::Human => lines.with_ansi(stderr().is_terminal()).with_target(false).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}
