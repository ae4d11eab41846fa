//! What is counted, and how Prometheus reads it.

use crate::app::App;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use voicehall_sfu::ShardStats;

/// How many of [`ShardStats`]' entries are not counters.
const GAUGES: usize = 3;

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
    voice(&mut out, &app.voice.stats().await);
    out
}

/// The counters of each shard.
fn voice(out: &mut String, shards: &[ShardStats]) {
    for (index, (name, _)) in ShardStats::default().entries().enumerate() {
        // The first ones go up and down.
        let (kind, suffix) = if index < GAUGES { ("gauge", "") } else { ("counter", "_total") };
        let _ = writeln!(out, "# TYPE voicehall_shard_{name}{suffix} {kind}");
        for (shard, stats) in shards.iter().enumerate() {
            let value = stats.entries().nth(index).map_or(0, |(_, value)| value);
            let _ = writeln!(out, "voicehall_shard_{name}{suffix}{{shard=\"{shard}\"}} {value}");
        }
    }
}

fn gauge(out: &mut String, name: &str, help: &str, value: usize) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
}
