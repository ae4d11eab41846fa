//! What every part of a running server shares.

use crate::accounts::Passwords;
use crate::calls::Calls;
use crate::config::Config;
use crate::gateway::Sessions;
use crate::guilds::Guilds;
use crate::ids::{self, Ids};
use crate::limits::Limits;
use crate::metrics::Counters;
use crate::store::Store;
use crate::video::Door;
use crate::voice::VoiceNode;
use std::sync::Arc;
use tokio::sync::watch;
use voicehall_protocol::ticket::TicketKey;

/// The voice node that tickets are for. This server has one.
#[derive(Debug, Clone)]
pub struct Placement {
    /// Its number.
    pub node: u16,
    /// Grows with each start, so that tickets of the last run are foreign.
    pub epoch: u32,
    /// What tickets are signed with.
    pub key: TicketKey,
}

/// A running server's parts.
pub struct App {
    /// As configured.
    pub config: Config,
    /// What outlives a restart.
    pub store: Arc<dyn Store>,
    /// The guilds that are running.
    pub guilds: Guilds,
    /// The gateway sessions.
    pub sessions: Arc<Sessions>,
    /// The voice sessions.
    pub calls: Calls,
    /// The voice node.
    pub voice: VoiceNode,
    /// Where control sockets wait for their first message.
    pub video_door: Door,
    /// What tickets say.
    pub placement: Placement,
    /// Hashes passwords.
    pub passwords: Passwords,
    /// How often things may be asked.
    pub limits: Limits,
    /// What is counted.
    pub counters: Counters,
    /// Fresh ids.
    pub ids: Ids,
    /// True once the server stops.
    pub stopping: watch::Sender<bool>,
}

/// Returns once the server stops.
pub async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // The sender is part of the server, and outlives every connection.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

impl App {
    /// The Unix time in milliseconds.
    pub fn now_ms(&self) -> u64 {
        ids::now_ms()
    }
}
