//! What is counted, and how Prometheus reads it.

use crate::app::App;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts that no other part keeps.
#[derive(Debug, Default)]
pub struct Counters {
    gateway_connections: Arc<AtomicUsize>,
}

impl Counters {
    /// Counts a gateway connection for as long as the answer lives.
    pub fn gateway_connection(&self) -> Counted {
        self.gateway_connections.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(&self.gateway_connections))
    }
}

/// One that is counted.
#[derive(Debug)]
pub struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Everything, in Prometheus' text format.
pub async fn render(app: &App) -> String {
    let mut out = String::new();
    gauge(
        &mut out,
        "voicehall_gateway_connections",
        "Open gateway connections.",
        app.counters.gateway_connections.load(Ordering::Relaxed),
    );
    gauge(
        &mut out,
        "voicehall_gateway_sessions",
        "Gateway sessions, with and without a connection.",
        app.sessions.count(),
    );
    gauge(
        &mut out,
        "voicehall_voice_sessions",
        "Voice sessions that guilds know of.",
        app.calls.open_count(),
    );
    out
}

fn gauge(out: &mut String, name: &str, help: &str, value: usize) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
}
