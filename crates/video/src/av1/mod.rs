//! AV1 (AV1 Bitstream & Decoding Process Specification): its units, its RTP payload format (RTP
//! Payload Format For AV1, v1.0), and an encoder and a decoder on libaom.

mod decoder;
mod encoder;
mod obu;
mod packetizer;
pub(crate) mod payload;

pub use decoder::Av1Decoder;
pub use encoder::Av1Encoder;
pub use packetizer::Av1Packetizer;
