//! Opus (RFC 6716): a thin safe wrapper around libopus for mono voice at 48 kHz.

use std::ffi::c_int;
use std::ptr::NonNull;

use opusic_sys as sys;

use crate::{AudioError, SAMPLE_RATE};

/// The largest Opus frame, and so the largest voice payload this crate makes, in bytes
/// (RFC 6716 §3.4).
pub const PAYLOAD_BYTES_MAX: usize = 1275;

/// The longest time one Opus packet can hold, in samples per channel: 120 ms (RFC 6716 §3.2.5).
pub(crate) const PACKET_SAMPLES_MAX: usize = 5760;

/// A packet of at most this size holds no sound: it says that silence follows (DTX).
pub(crate) const SILENCE_BYTES_MAX: usize = 2;

/// Decoder complexity from which libopus conceals losses with its neural network (deep PLC).
const COMPLEXITY_DEEP_PLC: c_int = 5;

/// How much time one Opus packet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FrameDuration {
    /// 10 ms: 10 ms less delay, for about twice the packets.
    Ms10,
    /// 20 ms, the usual one.
    #[default]
    Ms20,
}

impl FrameDuration {
    /// Samples at 48 kHz.
    #[must_use]
    pub const fn samples(self) -> usize {
        match self {
            Self::Ms10 => 480,
            Self::Ms20 => 960,
        }
    }
}

/// Settings of an [`Encoder`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderConfig {
    /// Target bit rate in bits per second, 6 000 to 510 000.
    pub bitrate: u32,
    /// Carry a coarse copy of the previous frame in each packet (in-band FEC, LBRR). libopus
    /// spends bits on it only when `expected_loss_percent` is above zero.
    pub fec: bool,
    /// Discontinuous transmission: let the encoder say that a frame needs no packet.
    pub dtx: bool,
    /// The loss to expect, in percent, 0 to 100; fed from receiver reports.
    pub expected_loss_percent: u8,
    /// CPU against quality, 0 to 10.
    pub complexity: u8,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self { bitrate: 64_000, fec: true, dtx: true, expected_loss_percent: 0, complexity: 9 }
    }
}

/// An Opus encoder for one voice.
#[derive(Debug)]
pub struct Encoder {
    state: NonNull<sys::OpusEncoder>,
}

// SAFETY: the state is owned by this value alone, libopus keeps no thread-local data in it, and
// every use needs `&mut self`.
unsafe impl Send for Encoder {}

impl Encoder {
    /// Allocates an encoder.
    ///
    /// # Errors
    /// [`AudioError::CodecSetup`] without memory, [`AudioError::CodecSetting`] for a value
    /// outside the ranges of [`EncoderConfig`].
    pub fn new(config: &EncoderConfig) -> Result<Self, AudioError> {
        let mut code = sys::OPUS_OK;
        // SAFETY: plain values and a pointer to a live local.
        let state = unsafe {
            sys::opus_encoder_create(SAMPLE_RATE as i32, 1, sys::OPUS_APPLICATION_VOIP, &raw mut code)
        };
        let state = NonNull::new(state).ok_or(AudioError::CodecSetup { code })?;
        let mut encoder = Self { state };
        encoder.set("signal", sys::OPUS_SET_SIGNAL_REQUEST, sys::OPUS_SIGNAL_VOICE)?;
        encoder.configure(config)?;
        Ok(encoder)
    }

    /// Applies settings to a running encoder, without a click.
    ///
    /// # Errors
    /// [`AudioError::CodecSetting`] for a value outside the ranges of [`EncoderConfig`].
    pub fn configure(&mut self, config: &EncoderConfig) -> Result<(), AudioError> {
        let bitrate = c_int::try_from(config.bitrate).unwrap_or(c_int::MAX);
        self.set("bitrate", sys::OPUS_SET_BITRATE_REQUEST, bitrate)?;
        self.set("in-band FEC", sys::OPUS_SET_INBAND_FEC_REQUEST, c_int::from(config.fec))?;
        self.set("DTX", sys::OPUS_SET_DTX_REQUEST, c_int::from(config.dtx))?;
        self.set("complexity", sys::OPUS_SET_COMPLEXITY_REQUEST, c_int::from(config.complexity))?;
        self.set_expected_loss(config.expected_loss_percent)
    }

    /// Tells the encoder how much loss to prepare for, in percent, 0 to 100.
    ///
    /// # Errors
    /// [`AudioError::CodecSetting`] above 100.
    pub fn set_expected_loss(&mut self, percent: u8) -> Result<(), AudioError> {
        self.set("expected loss", sys::OPUS_SET_PACKET_LOSS_PERC_REQUEST, c_int::from(percent))
    }

    /// Encodes 10 or 20 ms of audio and returns the payload's length in bytes. A length of 2 or
    /// less means that the frame is silence: after one such packet no more need be sent (DTX).
    ///
    /// # Errors
    /// [`AudioError::Encode`] if `samples` is no Opus frame length or `payload` is too small.
    pub fn encode(&mut self, samples: &[f32], payload: &mut [u8]) -> Result<usize, AudioError> {
        let payload_bytes = payload.len().min(PAYLOAD_BYTES_MAX) as i32;
        // SAFETY: the state is live; libopus reads `samples.len()` mono samples and writes at
        // most `payload_bytes` bytes.
        let written = unsafe {
            sys::opus_encode_float(
                self.state.as_ptr(),
                samples.as_ptr(),
                samples.len() as c_int,
                payload.as_mut_ptr(),
                payload_bytes,
            )
        };
        usize::try_from(written).map_err(|_| AudioError::Encode { code: written })
    }

    fn set(&mut self, setting: &'static str, request: c_int, value: c_int) -> Result<(), AudioError> {
        // SAFETY: the state is live, and each request used here takes one integer by value.
        let code = unsafe { sys::opus_encoder_ctl(self.state.as_ptr(), request, value) };
        if code == sys::OPUS_OK { Ok(()) } else { Err(AudioError::CodecSetting { setting, code }) }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: created by `opus_encoder_create`, destroyed once.
        unsafe { sys::opus_encoder_destroy(self.state.as_ptr()) };
    }
}

/// An Opus decoder for one voice. Losses are concealed by libopus' neural network (deep PLC).
#[derive(Debug)]
pub struct Decoder {
    state: NonNull<sys::OpusDecoder>,
}

// SAFETY: as for `Encoder`.
unsafe impl Send for Decoder {}

impl Decoder {
    /// Allocates a decoder.
    ///
    /// # Errors
    /// [`AudioError::CodecSetup`] without memory.
    pub fn new() -> Result<Self, AudioError> {
        let mut code = sys::OPUS_OK;
        // SAFETY: plain values and a pointer to a live local.
        let state = unsafe { sys::opus_decoder_create(SAMPLE_RATE as i32, 1, &raw mut code) };
        let state = NonNull::new(state).ok_or(AudioError::CodecSetup { code })?;
        let decoder = Self { state };
        // SAFETY: the state is live, and the request takes one integer by value.
        let code = unsafe {
            sys::opus_decoder_ctl(
                decoder.state.as_ptr(),
                sys::OPUS_SET_COMPLEXITY_REQUEST,
                COMPLEXITY_DEEP_PLC,
            )
        };
        if code == sys::OPUS_OK { Ok(decoder) } else { Err(AudioError::CodecSetup { code }) }
    }

    /// Decodes one packet into the start of `out` and returns the number of samples.
    ///
    /// # Errors
    /// [`AudioError::InvalidPacket`] for anything that is no Opus packet or does not fit `out`.
    pub fn decode(&mut self, payload: &[u8], out: &mut [f32]) -> Result<usize, AudioError> {
        if payload.is_empty() {
            return Err(AudioError::InvalidPacket);
        }
        self.decode_raw(payload, out, false)
    }

    /// Recovers the `out.len()` samples *before* `payload` from its in-band FEC; what the packet
    /// does not carry is concealed. `out` must hold exactly the missing time.
    ///
    /// # Errors
    /// [`AudioError::InvalidPacket`] for anything that is no Opus packet, or if `out` is not a
    /// multiple of 2.5 ms.
    pub fn decode_fec(&mut self, payload: &[u8], out: &mut [f32]) -> Result<usize, AudioError> {
        if payload.is_empty() {
            return Err(AudioError::InvalidPacket);
        }
        self.decode_raw(payload, out, true)
    }

    /// Continues the voice through a loss for `out.len()` samples, a multiple of 2.5 ms.
    ///
    /// # Errors
    /// [`AudioError::InvalidPacket`] if the length is no multiple of 2.5 ms.
    pub fn conceal(&mut self, out: &mut [f32]) -> Result<usize, AudioError> {
        self.decode_raw(&[], out, false)
    }

    /// Forgets the voice: the next packet is another one's, or comes after a silence.
    pub fn reset(&mut self) {
        // SAFETY: the state is live; this request takes no argument and cannot fail.
        unsafe { sys::opus_decoder_ctl(self.state.as_ptr(), sys::OPUS_RESET_STATE) };
    }

    fn decode_raw(&mut self, payload: &[u8], out: &mut [f32], fec: bool) -> Result<usize, AudioError> {
        // libopus reads a null payload as "lost".
        let data = if payload.is_empty() { std::ptr::null() } else { payload.as_ptr() };
        let bytes = i32::try_from(payload.len()).map_err(|_| AudioError::InvalidPacket)?;
        let capacity = out.len().min(PACKET_SAMPLES_MAX) as c_int;
        // SAFETY: the state is live; libopus reads `bytes` bytes and writes at most `capacity`
        // mono samples.
        let decoded = unsafe {
            sys::opus_decode_float(
                self.state.as_ptr(),
                data,
                bytes,
                out.as_mut_ptr(),
                capacity,
                c_int::from(fec),
            )
        };
        usize::try_from(decoded).map_err(|_| AudioError::InvalidPacket)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: created by `opus_decoder_create`, destroyed once.
        unsafe { sys::opus_decoder_destroy(self.state.as_ptr()) };
    }
}

/// How much time an Opus packet holds, in samples at 48 kHz; `None` if it is no valid packet.
pub(crate) fn packet_samples(payload: &[u8]) -> Option<usize> {
    if payload.is_empty() {
        return None;
    }
    let bytes = i32::try_from(payload.len()).ok()?;
    // SAFETY: libopus reads at most `bytes` bytes.
    let samples = unsafe { sys::opus_packet_get_nb_samples(payload.as_ptr(), bytes, SAMPLE_RATE as i32) };
    usize::try_from(samples).ok().filter(|samples| (1..=PACKET_SAMPLES_MAX).contains(samples))
}

/// Whether an Opus packet carries a copy of the frame before it (LBRR).
pub(crate) fn packet_has_fec(payload: &[u8]) -> bool {
    if payload.is_empty() {
        return false;
    }
    let Ok(bytes) = i32::try_from(payload.len()) else { return false };
    // SAFETY: libopus reads at most `bytes` bytes.
    unsafe { sys::opus_packet_has_lbrr(payload.as_ptr(), bytes) == 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(samples: usize) -> Vec<f32> {
        (0..samples).map(|n| (n as f32 * 0.05).sin() * 0.3).collect()
    }

    #[test]
    fn a_tone_survives_both_frame_durations() {
        for duration in [FrameDuration::Ms10, FrameDuration::Ms20] {
            let mut encoder = Encoder::new(&EncoderConfig::default()).unwrap();
            let mut decoder = Decoder::new().unwrap();
            let (mut payload, mut out) = ([0; PAYLOAD_BYTES_MAX], [0.0; PACKET_SAMPLES_MAX]);
            let mut energy = 0.0;
            for frame in tone(48_000).chunks_exact(duration.samples()) {
                let bytes = encoder.encode(frame, &mut payload).unwrap();
                assert_eq!(packet_samples(&payload[..bytes]), Some(duration.samples()));
                let samples = decoder.decode(&payload[..bytes], &mut out).unwrap();
                assert_eq!(samples, duration.samples());
                energy = out[..samples].iter().map(|s| s * s).sum::<f32>() / samples as f32;
            }
            assert!((energy - 0.045).abs() < 0.01, "the tone came out with energy {energy}");
        }
    }

    #[test]
    fn refuses_what_is_no_packet() {
        let mut decoder = Decoder::new().unwrap();
        let mut out = [0.0; PACKET_SAMPLES_MAX];
        assert_eq!(decoder.decode(&[], &mut out), Err(AudioError::InvalidPacket));
        // Code 3 with a frame count of zero (RFC 6716 §3.2.5).
        assert_eq!(decoder.decode(&[0x03, 0x00], &mut out), Err(AudioError::InvalidPacket));
        assert_eq!(packet_samples(&[0x03, 0x00]), None);
        assert_eq!(packet_samples(&[]), None);
        assert!(!packet_has_fec(&[]));
    }

    #[test]
    fn refuses_settings_out_of_range() {
        let config = EncoderConfig { expected_loss_percent: 101, ..EncoderConfig::default() };
        assert!(matches!(
            Encoder::new(&config),
            Err(AudioError::CodecSetting { setting: "expected loss", .. })
        ));
    }

    #[test]
    fn the_linked_library_conceals_with_its_network() {
        // Plain PLC repeats a pitch period exactly and ends in silence; only a libopus built with
        // deep PLC gives different samples at complexity 5 than at complexity 0.
        let conceal = |complexity: c_int| {
            let mut encoder = Encoder::new(&EncoderConfig::default()).unwrap();
            let mut decoder = Decoder::new().unwrap();
            // SAFETY: the state is live, and the request takes one integer by value.
            unsafe {
                sys::opus_decoder_ctl(decoder.state.as_ptr(), sys::OPUS_SET_COMPLEXITY_REQUEST, complexity)
            };
            let (mut payload, mut out) = ([0; PAYLOAD_BYTES_MAX], vec![0.0; 960]);
            for frame in tone(48_000).chunks_exact(960) {
                let bytes = encoder.encode(frame, &mut payload).unwrap();
                decoder.decode(&payload[..bytes], &mut out).unwrap();
            }
            decoder.conceal(&mut out).unwrap();
            out
        };
        assert_ne!(conceal(COMPLEXITY_DEEP_PLC), conceal(0));
    }
}
