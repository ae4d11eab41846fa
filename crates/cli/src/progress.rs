//! What is told while it happens: for people on standard error, for programs on standard output.

use serde::Serialize;

/// Something that happened.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Step<'a> {
    /// Signed in.
    SignedIn { name: &'a str },
    /// In the channel; media flows.
    Connected { channel: &'a str, source: u32, join_ms: u64 },
    /// The connection is gone and is being made again.
    Reconnecting { what: &'a str },
    /// Who is heard now.
    Speaking { names: Vec<&'a str> },
    /// Who is in the channel, oneself included.
    Present { names: Vec<&'a str> },
    /// The call's quality over the last second.
    Stats { stats: voicehall_protocol::engine::CallStats },
    /// The file is over.
    Played {},
    /// Left.
    Left {},
}

/// Tells steps.
pub(crate) struct Progress {
    pub json: bool,
}

impl Progress {
    pub(crate) fn tell(&self, step: &Step<'_>) {
        if self.json {
            // Steps are plain data, which always is JSON.
            if let Ok(line) = serde_json::to_string(step) {
                println!("{line}");
            }
            return;
        }
        match step {
            Step::SignedIn { name } => eprintln!("signed in as {name}"),
            Step::Connected { channel, join_ms, .. } => eprintln!("in {channel} after {join_ms} ms"),
            Step::Reconnecting { what } => eprintln!("{what} lost, connecting again …"),
            Step::Present { names } => eprintln!("here: {}", names.join(", ")),
            Step::Played {} => eprintln!("played"),
            Step::Left {} => eprintln!("left"),
            // Too many for people to read.
            Step::Speaking { .. } | Step::Stats { .. } => {}
        }
    }
}
