//! Between a device's sample rate and ours.

use audioadapter_buffers::direct::SequentialSlice;
use rubato::{
    Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType, WindowFunction,
};

use crate::AudioError;

/// Samples taken into the resampler at once. Small, because up to this many wait for their
/// chunk to fill: 64 is 1.3 ms at 48 kHz.
const CHUNK_SAMPLES: usize = 64;

/// The filter's length in input samples. 64 keeps the pass band flat to 0.9 of the band, for
/// half its length (0.7 ms) of delay.
const FILTER_SAMPLES: usize = 64;

/// Resamples one mono stream by a fixed ratio. That devices' clocks drift is left to the jitter
/// buffers, which know the clock of each speaker: 100 ppm are a pitch period in a minute.
pub struct Resampler {
    /// `None` if input and output rate are the same: samples pass through.
    inner: Option<Box<Async<f32>>>,
    from: u32,
    to: u32,
    waiting: Vec<f32>,
    out: Vec<f32>,
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler").field("from", &self.from).field("to", &self.to).finish()
    }
}

impl Resampler {
    /// A resampler between two rates in Hz. Rates from 8 to 384 kHz are accepted.
    ///
    /// # Errors
    /// [`AudioError::SampleRate`] outside that range.
    pub fn new(from: u32, to: u32) -> Result<Self, AudioError> {
        for rate in [from, to] {
            if !(8_000..=384_000).contains(&rate) {
                return Err(AudioError::SampleRate { rate });
            }
        }
        let inner = if from == to { None } else { Some(Self::build(from, to)?) };
        let out_max = inner.as_ref().map_or(CHUNK_SAMPLES, |inner| inner.output_frames_max());
        Ok(Self { inner, from, to, waiting: Vec::with_capacity(CHUNK_SAMPLES), out: vec![0.0; out_max] })
    }

    /// Takes any number of samples and hands the resampled ones to `sink`, in pieces.
    pub fn process(&mut self, mut input: &[f32], mut sink: impl FnMut(&[f32])) {
        let Some(inner) = self.inner.as_mut() else {
            sink(input);
            return;
        };
        while !input.is_empty() {
            let taken = input.len().min(CHUNK_SAMPLES - self.waiting.len());
            self.waiting.extend_from_slice(&input[..taken]);
            input = &input[taken..];
            if self.waiting.len() < CHUNK_SAMPLES {
                return;
            }
            let capacity = self.out.len();
            let written = SequentialSlice::new(&self.waiting, 1, CHUNK_SAMPLES)
                .ok()
                .zip(SequentialSlice::new_mut(&mut self.out, 1, capacity).ok())
                .and_then(|(from, mut to)| inner.process_into_buffer(&from, &mut to, None).ok())
                .map_or(0, |(_, written)| written);
            self.waiting.clear();
            sink(&self.out[..written]);
        }
    }

    fn build(from: u32, to: u32) -> Result<Box<Async<f32>>, AudioError> {
        let parameters = SincInterpolationParameters {
            sinc_len: FILTER_SAMPLES,
            f_cutoff: Some(0.92),
            oversampling_factor: 128,
            interpolation: SincInterpolationType::Linear,
            window: WindowFunction::BlackmanHarris2,
        };
        let ratio = f64::from(to) / f64::from(from);
        // The ratio stays as it is.
        let range = 1.0;
        Async::new_sinc(ratio, range, &parameters, CHUNK_SAMPLES, 1, FixedAsync::Input)
            .map(Box::new)
            .map_err(|_| AudioError::SampleRate { rate: from })
    }
}

/// Averages interleaved channels into one, frame by frame. Allocation-free, so that it may run in
/// a device callback.
pub fn mix_to_mono(interleaved: &[f32], channels: usize, mut sink: impl FnMut(f32)) {
    if channels == 0 {
        return;
    }
    let scale = 1.0 / channels as f32;
    for frame in interleaved.chunks_exact(channels) {
        sink(frame.iter().sum::<f32>() * scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, samples: usize) -> Vec<f32> {
        let step = std::f64::consts::TAU * 1000.0 / f64::from(rate);
        (0..samples).map(|n| (n as f64 * step).sin() as f32).collect()
    }

    /// The amplitude of 1 kHz in `samples`.
    fn amplitude_at_1_khz(samples: &[f32], rate: u32) -> f64 {
        let step = std::f64::consts::TAU * 1000.0 / f64::from(rate);
        let (re, im) = samples.iter().enumerate().fold((0.0, 0.0), |(re, im), (n, s)| {
            let phase = n as f64 * step;
            (re + f64::from(*s) * phase.cos(), im + f64::from(*s) * phase.sin())
        });
        2.0 * f64::hypot(re, im) / samples.len() as f64
    }

    #[test]
    fn a_tone_keeps_pitch_and_amplitude() {
        for (from, to) in [(44_100, 48_000), (16_000, 48_000), (48_000, 44_100), (96_000, 48_000)] {
            let mut resampler = Resampler::new(from, to).unwrap();
            let mut out = Vec::new();
            for piece in tone(from, from as usize).chunks(441) {
                resampler.process(piece, |samples| out.extend_from_slice(samples));
            }
            let settled = &out[to as usize / 10..to as usize * 9 / 10];
            let amplitude = amplitude_at_1_khz(settled, to);
            assert!((amplitude - 1.0).abs() < 0.01, "{from} → {to}: {amplitude}");
            assert!(out.len().abs_diff(to as usize) < 200, "{from} → {to}: {}", out.len());
        }
    }

    #[test]
    fn equal_rates_pass_through() {
        let mut resampler = Resampler::new(48_000, 48_000).unwrap();
        let mut out = Vec::new();
        resampler.process(&[0.5, -0.5], |samples| out.extend_from_slice(samples));
        assert_eq!(out, [0.5, -0.5]);
        assert!(Resampler::new(1, 48_000).is_err());
    }

    #[test]
    fn channels_are_averaged() {
        let mut mono = Vec::new();
        mix_to_mono(&[1.0, 0.0, -1.0, -1.0, 0.7], 2, |sample| mono.push(sample));
        assert_eq!(mono, [0.5, -1.0]);
        mix_to_mono(&[1.0], 0, |_| unreachable!());
    }
}
