//! H.264 (ITU-T H.264): its NAL units, its RTP payload format (RFC 6184, packetization mode 1),
//! and an encoder and a decoder on OpenH264.

mod decoder;
mod encoder;
pub(crate) mod nal;
mod packetizer;
pub(crate) mod payload;
mod sps;

pub use decoder::H264Decoder;
pub use encoder::H264Encoder;
pub use nal::{NalUnits, nal_units};
pub use packetizer::H264Packetizer;
pub use sps::SequenceParameters;
