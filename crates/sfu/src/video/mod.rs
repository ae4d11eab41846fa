//! Cameras and screens: what sessions send of them, what receivers want of them, and what goes where.
//!
//! A packet's way: `inbound` opens it and says of which layer it is, a repeated one in the place of
//! the original → it is kept (`cache`) → for each slot that shows the layer it gets its place in
//! the slot's stream (`stream`) and goes out (`watch`). Who needs which layer is worked out only
//! when that changes (`plan`), never for a packet: what a receiver's line carries is divided among its
//! views (`allocate`) by what each layer comes with (`meter`).

pub(crate) mod allocate;
pub(crate) mod cache;
pub(crate) mod inbound;
pub(crate) mod key;
pub(crate) mod meter;
pub(crate) mod missing;
pub(crate) mod plan;
pub(crate) mod sniff;
pub(crate) mod source;
pub(crate) mod stream;
pub(crate) mod watch;

use source::Source;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use voicehall_protocol::rtp::SourceId;

/// Between two looks at a channel's video, while there is any.
pub(crate) const TURN: Duration = Duration::from_millis(20);

/// What changes by time alone is looked at this often.
pub(crate) const REVIEW: Duration = Duration::from_millis(500);

/// A channel's video.
pub(crate) struct ChannelVideo {
    /// Places are reused; serial numbers tell who is who.
    pub sources: Vec<Option<Box<Source>>>,
    pub places: HashMap<SourceId, u32>,
    /// Something changed since the last plan.
    pub stale: bool,
    pub planned_at: Instant,
    /// Its timer is set.
    pub armed: bool,
}

impl ChannelVideo {
    pub fn new(now: Instant) -> Self {
        Self { sources: Vec::new(), places: HashMap::new(), stale: false, planned_at: now, armed: false }
    }

    /// Places a source.
    pub fn add(&mut self, source: Source) -> u32 {
        let place = self.sources.iter().position(Option::is_none).unwrap_or_else(|| {
            self.sources.push(None);
            self.sources.len() - 1
        });
        self.places.insert(source.id, place as u32);
        self.sources[place] = Some(Box::new(source));
        self.stale = true;
        place as u32
    }

    /// Takes a source away.
    pub fn remove(&mut self, place: u32) {
        if let Some(source) = self.sources[place as usize].take() {
            self.places.remove(&source.id);
            self.stale = true;
        }
    }
}
