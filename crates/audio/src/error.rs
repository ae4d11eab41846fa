/// What can go wrong in audio processing, as far as a caller can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AudioError {
    /// The codec could not be set up; `code` is libopus' error number.
    #[error("the Opus codec could not be set up (libopus error {code})")]
    CodecSetup {
        /// libopus' error number (`OPUS_BAD_ARG`, `OPUS_ALLOC_FAIL`, …).
        code: i32,
    },
    /// A setting is outside the range the codec accepts.
    #[error("the Opus codec refused the setting {setting} (libopus error {code})")]
    CodecSetting {
        /// Which setting.
        setting: &'static str,
        /// libopus' error number.
        code: i32,
    },
    /// A frame could not be encoded.
    #[error("a frame could not be encoded (libopus error {code})")]
    Encode {
        /// libopus' error number.
        code: i32,
    },
    /// The payload is not an Opus packet, or not one of at most 120 ms; drop it.
    #[error("the payload is not a valid Opus packet")]
    InvalidPacket,
    /// The sample rate of a device is outside what can be resampled to 48 kHz.
    #[error("{rate} Hz cannot be resampled to or from 48 kHz")]
    SampleRate {
        /// The rate that was asked for, in Hz.
        rate: u32,
    },
}
