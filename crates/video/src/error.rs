/// What can go wrong with pictures and their codecs, as far as a caller can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VideoError {
    /// The codec could not be set up; `code` is its library's error number.
    #[error("the {codec} codec could not be set up (error {code})")]
    CodecSetup {
        /// Which codec.
        codec: &'static str,
        /// Its library's error number.
        code: i32,
    },
    /// The codec refused a setting.
    #[error("the {codec} codec refused the setting {setting} (error {code})")]
    CodecSetting {
        /// Which codec.
        codec: &'static str,
        /// Which setting.
        setting: &'static str,
        /// Its library's error number.
        code: i32,
    },
    /// A picture could not be encoded.
    #[error("a picture could not be encoded (error {code})")]
    Encode {
        /// The library's error number.
        code: i32,
    },
    /// The frame is damaged, or refers to one that never came: ask for a key frame.
    #[error("a frame could not be decoded (error {code})")]
    Decode {
        /// The library's error number.
        code: i32,
    },
    /// The picture is empty, larger than [`crate::Size::PIXELS_MAX`], or not of the size agreed on.
    #[error("a picture of {width} × {height} has no place here")]
    PictureSize {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// The payload is not what its format says; drop it.
    #[error("the payload is malformed")]
    InvalidPayload,
}
