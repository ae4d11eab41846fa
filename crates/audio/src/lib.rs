//! Pure, realtime-safe audio processing: what happens to a voice between the microphone and the
//! network ([`Uplink`], [`UplinkEncoder`]) and between the network and the speaker
//! ([`Downlink`], [`JitterBuffer`]).
//!
//! There is no device, socket, thread or clock in here. Time is an argument, so a whole call can
//! be run in virtual time. Everything works on 48 kHz mono `f32` samples in frames of 10 ms
//! ([`Frame`]); [`Resampler`] is the door for devices that want something else.
//!
//! # Where it may run
//! [`Encoder`], [`Decoder`], [`JitterBuffer`], [`Downlink`], [`Resampler`], [`Limiter`] and
//! [`Meter`] allocate when they are built and never again. The processing of [`Uplink`] may
//! allocate inside its libraries. All of it belongs on a media thread; a device callback only
//! moves samples between the hardware and a lock-free ring.

mod codec;
mod downlink;
mod error;
mod level;
mod loudness;
mod resample;
mod uplink;
mod voice_detector;

pub use codec::{Decoder, Encoder, EncoderConfig, FrameDuration, PAYLOAD_BYTES_MAX};
pub use downlink::{
    Audible, Downlink, IncomingPacket, Insert, JitterBuffer, JitterConfig, JitterStats, Limiter, Segment,
    SourceId, VOICE_SLOTS, VOLUME_MAX, Voice,
};
pub use error::AudioError;
pub use level::{AudioLevel, Level, Meter};
pub use loudness::integrated_lufs;
pub use resample::{Resampler, mix_to_mono};
pub use uplink::{
    CaptureReport, GateMode, NoiseSuppression, Packet, Uplink, UplinkConfig, UplinkEncoder,
    UplinkEncoderConfig, VoiceActivity,
};

/// Samples per second of everything in this crate, in Hz.
pub const SAMPLE_RATE: u32 = 48_000;

/// Samples in one [`Frame`]: 10 ms, the tick of the media thread.
pub const FRAME_SAMPLES: usize = 480;

/// 10 ms of 48 kHz mono audio, full scale at ±1.0.
pub type Frame = [f32; FRAME_SAMPLES];
