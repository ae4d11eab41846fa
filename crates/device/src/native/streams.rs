//! Building cpal streams around the callbacks.

use std::sync::Arc;
use std::time::Duration;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{
    BufferSize, Error, ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig, SupportedStreamConfig,
};
use rtrb::RingBuffer;
use voicehall_audio::{Resampler, SAMPLE_RATE};

use crate::callback::{CaptureCallback, PlaybackCallback};
use crate::microphone::InputRing;
use crate::realtime::with_raised_threads;
use crate::speaker::{OutputRing, ring_capacity};
use crate::{Direction, StreamStatus};

/// Frames the device is asked to move at once: 5.3 ms at 48 kHz. A shorter period costs wake-ups,
/// a longer one is heard as delay on both ends of a call.
const PERIOD_FRAMES: u32 = 256;

/// How long opening a device may take.
const OPEN_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens a microphone and starts it. `converts` says that the host mixes channels itself.
pub(super) fn open_input(
    device: &cpal::Device,
    converts: bool,
    on_error: impl Fn(Error) + Send + Clone + 'static,
) -> Result<(cpal::Stream, InputRing), Error> {
    let supported = mono_if_converted(config(device, Direction::Input)?, converts);
    let rate = supported.sample_rate();
    let resampler = Resampler::new(rate, SAMPLE_RATE).map_err(unsupported)?;
    with_short_period(&supported, |config| {
        let (producer, samples) = RingBuffer::new(ring_capacity(rate));
        let status = Arc::new(StreamStatus::default());
        let callback = CaptureCallback::new(producer, config.channels.into(), Arc::clone(&status));
        let on_error = on_error.clone();
        let stream = match supported.sample_format() {
            SampleFormat::I16 => capture::<i16>(device, config, callback, on_error),
            SampleFormat::I32 => capture::<i32>(device, config, callback, on_error),
            SampleFormat::U8 => capture::<u8>(device, config, callback, on_error),
            SampleFormat::U16 => capture::<u16>(device, config, callback, on_error),
            _ => capture::<f32>(device, config, callback, on_error),
        }?;
        stream.play()?;
        Ok((stream, samples, status))
    })
    .map(|(stream, samples, status)| (stream, InputRing { samples, resampler, status }))
}

/// Opens a speaker and starts it.
pub(super) fn open_output(
    device: &cpal::Device,
    on_error: impl Fn(Error) + Send + Clone + 'static,
) -> Result<(cpal::Stream, OutputRing), Error> {
    let supported = config(device, Direction::Output)?;
    let rate = supported.sample_rate();
    let resampler = Resampler::new(SAMPLE_RATE, rate).map_err(unsupported)?;
    with_short_period(&supported, |config| {
        let (samples, consumer) = RingBuffer::new(ring_capacity(rate));
        let status = Arc::new(StreamStatus::default());
        let callback = PlaybackCallback::new(consumer, config.channels.into(), rate, Arc::clone(&status));
        let on_error = on_error.clone();
        let stream = match supported.sample_format() {
            SampleFormat::I16 => playback::<i16>(device, config, callback, on_error),
            SampleFormat::I32 => playback::<i32>(device, config, callback, on_error),
            SampleFormat::U8 => playback::<u8>(device, config, callback, on_error),
            SampleFormat::U16 => playback::<u16>(device, config, callback, on_error),
            _ => playback::<f32>(device, config, callback, on_error),
        }?;
        stream.play()?;
        Ok((stream, samples, status))
    })
    .map(|(stream, samples, status)| (stream, OutputRing { samples, rate, resampler, status }))
}

/// 48 kHz where the device can do it in the format it likes best; else what it likes best.
fn config(device: &cpal::Device, direction: Direction) -> Result<SupportedStreamConfig, Error> {
    let (default, ranges): (_, Vec<_>) = match direction {
        Direction::Input => (device.default_input_config()?, device.supported_input_configs()?.collect()),
        Direction::Output => (device.default_output_config()?, device.supported_output_configs()?.collect()),
    };
    let same_shape = ranges.into_iter().filter(|range| {
        range.channels() == default.channels() && range.sample_format() == default.sample_format()
    });
    Ok(same_shape.filter_map(|range| range.try_with_sample_rate(SAMPLE_RATE)).next().unwrap_or(default))
}

/// One channel instead of several, where the host converts: asked for two, PipeWire leaves one of
/// them silent for a microphone that has one, and half of the voice would be lost in the mean.
fn mono_if_converted(supported: SupportedStreamConfig, converts: bool) -> SupportedStreamConfig {
    if !converts {
        return supported;
    }
    SupportedStreamConfig::new(
        1,
        supported.sample_rate(),
        *supported.buffer_size(),
        supported.sample_format(),
    )
}

/// Opens with a short period, and with the device's own if it does not like that.
fn with_short_period<T>(
    supported: &SupportedStreamConfig,
    mut open: impl FnMut(StreamConfig) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut config = supported.config();
    if let cpal::SupportedBufferSize::Range { min, max } = *supported.buffer_size() {
        // A range of zeros means that the sound server has not said yet.
        let frames = if max == 0 { PERIOD_FRAMES } else { PERIOD_FRAMES.clamp(min, max) };
        config.buffer_size = BufferSize::Fixed(frames);
        match open(config) {
            Err(error) if error.kind() == ErrorKind::UnsupportedConfig => {}
            opened => return opened,
        }
    }
    config.buffer_size = BufferSize::Default;
    open(config)
}

fn capture<T>(
    device: &cpal::Device,
    config: StreamConfig,
    mut callback: CaptureCallback,
    on_error: impl Fn(Error) + Send + 'static,
) -> Result<cpal::Stream, Error>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let run = move |samples: &[T], info: &cpal::InputCallbackInfo| {
        let timestamp = info.timestamp();
        callback.run(samples, timestamp.callback.duration_since(timestamp.capture).into());
    };
    with_raised_threads(|| device.build_input_stream::<T, _, _>(config, run, on_error, Some(OPEN_TIMEOUT)))
}

fn playback<T>(
    device: &cpal::Device,
    config: StreamConfig,
    mut callback: PlaybackCallback,
    on_error: impl Fn(Error) + Send + 'static,
) -> Result<cpal::Stream, Error>
where
    T: SizedSample + FromSample<f32>,
{
    let run = move |samples: &mut [T], info: &cpal::OutputCallbackInfo| {
        let timestamp = info.timestamp();
        callback.run(samples, timestamp.playback.duration_since(timestamp.callback).into());
    };
    with_raised_threads(|| device.build_output_stream::<T, _, _>(config, run, on_error, Some(OPEN_TIMEOUT)))
}

fn unsupported(error: voicehall_audio::AudioError) -> Error {
    Error::with_message(ErrorKind::UnsupportedConfig, error.to_string())
}
