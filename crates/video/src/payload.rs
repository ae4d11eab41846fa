//! RTP payloads, whatever the codec: cut for the network, and read as they come from it.

use crate::av1::{self, Av1Packetizer};
use crate::h264::{self, H264Packetizer};
use crate::{Codec, Size, VideoError};

/// What one payload says of its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadKind {
    /// A key frame begins with it, or so it seems.
    pub starts_key: bool,
    /// No other frame refers to the one that it belongs to. AV1 does not say it in its payloads.
    pub discardable: bool,
}

/// What is in a frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FrameContent {
    /// It needs no frame before it, and brings its parameter sets.
    pub key: bool,
    /// How large its pictures are, where it says so.
    pub size: Option<Size>,
    /// No other frame refers to it.
    pub discardable: bool,
}

/// Reads what a payload says of its frame without decoding; `None` when it is malformed.
pub fn inspect(codec: Codec, payload: &[u8]) -> Option<PayloadKind> {
    match codec {
        Codec::H264 => h264::payload::inspect(payload),
        Codec::Av1 => av1::payload::inspect(payload),
    }
}

/// Cuts encoded frames into RTP payloads.
#[derive(Debug)]
pub enum Packetizer {
    /// See [`H264Packetizer`].
    H264(H264Packetizer),
    /// See [`Av1Packetizer`].
    Av1(Av1Packetizer),
}

impl Packetizer {
    /// One for frames of this codec.
    pub fn new(codec: Codec) -> Self {
        match codec {
            Codec::H264 => Self::H264(H264Packetizer::default()),
            Codec::Av1 => Self::Av1(Av1Packetizer::default()),
        }
    }

    /// Hands out the payloads of a frame as its encoder made it, each at most `budget` bytes long,
    /// and whether it is the last one, which carries the RTP marker.
    ///
    /// # Errors
    /// [`VideoError::InvalidPayload`] when the frame is not what its codec's encoders make.
    pub fn packetize(
        &mut self,
        frame: &[u8],
        budget: usize,
        out: impl FnMut(&[u8], bool),
    ) -> Result<(), VideoError> {
        match self {
            Self::H264(packetizer) => {
                packetizer.packetize(frame, budget, out);
                Ok(())
            }
            Self::Av1(packetizer) => packetizer.packetize(frame, budget, out),
        }
    }
}

/// Puts the RTP payloads of a frame together again.
#[derive(Debug)]
pub struct Depacketizer(Format);

#[derive(Debug)]
enum Format {
    H264(h264::payload::Depacketizer),
    Av1(av1::payload::Depacketizer),
}

impl Depacketizer {
    /// One for payloads of this codec.
    pub fn new(codec: Codec) -> Self {
        Self(match codec {
            Codec::H264 => Format::H264(h264::payload::Depacketizer::default()),
            Codec::Av1 => Format::Av1(av1::payload::Depacketizer::default()),
        })
    }

    /// Replaces `out` with the frame whose payloads these are, in order: an access unit with start
    /// codes (H.264 Annex B), or a temporal unit in the low-overhead format (AV1 §5).
    ///
    /// # Errors
    /// [`VideoError::InvalidPayload`] when they are malformed or do not belong together.
    pub fn join<'a>(
        &mut self,
        payloads: impl IntoIterator<Item = &'a [u8]>,
        out: &mut Vec<u8>,
    ) -> Result<FrameContent, VideoError> {
        out.clear();
        let mut payloads = payloads.into_iter();
        let (joined, content) = match &mut self.0 {
            Format::H264(format) => {
                (payloads.try_for_each(|payload| format.push(payload, out)), format.finish())
            }
            Format::Av1(format) => {
                (payloads.try_for_each(|payload| format.push(payload, out)), format.finish())
            }
        };
        joined.and(content)
    }
}
