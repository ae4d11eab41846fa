//! Pure video: what happens to pictures between a camera or screen and the network, and between
//! the network and a viewer.
//!
//! On the way out: what shall be encoded ([`simulcast`]), pictures of the right size ([`Scaler`]),
//! frames ([`VideoEncoder`]), RTP payloads ([`Packetizer`]). On the way in: payloads in any order
//! become whole frames in order, each with the time at which it is to be seen ([`Receiver`]), and
//! pictures where nobody else decodes them ([`VideoDecoder`]).
//!
//! There is no device, socket, thread or clock in here. Time is an argument, so a whole call can
//! be run in virtual time. Everything works on I420 in BT.709, limited range ([`Picture`]).
//!
//! # Where it may run
//! Encoders, decoders and the scaler belong on threads of their own: a picture takes milliseconds.
//! The libraries below them allocate when they like. The rest may run on the media thread; it
//! allocates while it meets larger frames than before.

mod av1;
mod bits;
mod codec;
mod error;
mod frame;
mod h264;
pub mod pattern;
mod payload;
mod receive;
mod scale;
pub mod simulcast;

pub use av1::{Av1Decoder, Av1Encoder, Av1Packetizer};
pub use codec::{Codec, ContentHint, EncodedFrame, EncoderConfig, Rate, VideoDecoder, VideoEncoder};
pub use error::VideoError;
pub use frame::{Picture, PictureRef, Plane, Size};
pub use h264::{H264Decoder, H264Encoder, H264Packetizer, NalUnits, SequenceParameters, nal_units};
pub use payload::{Depacketizer, FrameContent, Packetizer, PayloadKind, inspect};
pub use receive::{
    IncomingPacket, Insert, NtpTime, Playout, ReceivedFrame, Receiver, ReceiverConfig, ReceiverStats, rtx,
};
pub use scale::Scaler;

/// The clock of video's RTP timestamps, in Hz.
pub const CLOCK_HZ: u32 = 90_000;
