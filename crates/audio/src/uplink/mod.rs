//! From the microphone to RTP payloads.

mod chain;
mod gate;
mod high_pass;
mod packetizer;
mod surroundings;

pub use chain::{CaptureReport, NoiseSuppression, Uplink, UplinkConfig};
pub use gate::{GateMode, VoiceActivity};
pub use packetizer::{Packet, UplinkEncoder, UplinkEncoderConfig};
