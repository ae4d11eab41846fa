//! What every encoder and decoder offers, whatever it is made of.

use crate::{Av1Decoder, Av1Encoder, H264Decoder, H264Encoder, Picture, PictureRef, Size, VideoError};
use std::time::Duration;

/// A video codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// H.264, constrained baseline: everybody decodes it.
    H264,
    /// AV1, main profile: a third of the bits for screens.
    Av1,
}

/// What matters in the pictures of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentHint {
    /// People and games: the frame rate is kept, at the cost of pixels.
    Motion,
    /// Text: the pixels are kept, at the cost of the frame rate.
    Detail,
}

/// How much an encoder may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In bits a second.
    pub bitrate: u32,
    /// In pictures a second.
    pub frame_rate: u32,
}

/// How an encoder is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderConfig {
    /// Of all pictures.
    pub size: Size,
    /// At first.
    pub rate: Rate,
    /// What matters in the pictures.
    pub content: ContentHint,
    /// 2: every other frame is one that no other refers to, so that a server can halve the frame
    /// rate for whom it is too much. 1: no frame is.
    pub temporal_layers: u8,
    /// How many threads the codec's library may use.
    pub threads: u8,
}

/// An encoded frame, beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodedFrame {
    /// It needs no frame before it.
    pub key: bool,
    /// No other frame refers to it: the upper temporal layer.
    pub discardable: bool,
}

/// Makes frames of pictures. A hardware encoder is one more of these.
pub trait VideoEncoder: Send {
    /// Encodes a picture that was taken at this time of the source's, replaces `out` with the frame
    /// and returns what it is; or leaves the picture out, where the bit rate has no room for it.
    ///
    /// # Errors
    /// [`VideoError::PictureSize`] when the picture is not of the configured size,
    /// [`VideoError::Encode`] when the encoder fails: a new one has to take its place.
    fn encode(
        &mut self,
        picture: &PictureRef<'_>,
        at: Duration,
        out: &mut Vec<u8>,
    ) -> Result<Option<EncodedFrame>, VideoError>;

    /// The next frame will be a key frame.
    fn request_key_frame(&mut self);

    /// What it may make from now on. Makes no key frame.
    ///
    /// # Errors
    /// [`VideoError::CodecSetting`] when the encoder refuses.
    fn set_rate(&mut self, rate: Rate) -> Result<(), VideoError>;
}

/// Makes pictures of frames.
pub trait VideoDecoder: Send {
    /// Decodes a frame into `out` and returns whether there is a picture in it.
    ///
    /// # Errors
    /// [`VideoError::Decode`] when the frame is damaged or refers to one that never came,
    /// [`VideoError::PictureSize`] when it claims too much: ask for a key frame.
    fn decode(&mut self, frame: &[u8], out: &mut Picture) -> Result<bool, VideoError>;
}

impl Codec {
    /// An encoder in software.
    ///
    /// # Errors
    /// When the size is not allowed or the library refuses the settings.
    pub fn encoder(self, config: &EncoderConfig) -> Result<Box<dyn VideoEncoder>, VideoError> {
        Ok(match self {
            Self::H264 => Box::new(H264Encoder::new(config)?),
            Self::Av1 => Box::new(Av1Encoder::new(config)?),
        })
    }

    /// A decoder in software.
    ///
    /// # Errors
    /// When the library cannot be set up.
    pub fn decoder(self) -> Result<Box<dyn VideoDecoder>, VideoError> {
        Ok(match self {
            Self::H264 => Box::new(H264Decoder::new()?),
            Self::Av1 => Box::new(Av1Decoder::new()?),
        })
    }
}
