//! From RTP payloads to the speaker.

mod baseline;
mod delay;
mod jitter;
mod levelling;
mod limiter;
mod mixer;
mod packets;
mod playout;
mod priority;
mod slack;
mod stretch;
mod volumes;

pub use jitter::{JitterBuffer, JitterConfig, JitterStats, Segment, Voice};
pub use limiter::Limiter;
pub use mixer::{Audible, Downlink, VOICE_SLOTS};
pub use packets::{IncomingPacket, Insert};
pub use volumes::VOLUME_MAX;

/// Who a voice belongs to: the CSRC of its RTP packets.
pub type SourceId = u32;
