//! Sound in files: 48 kHz unless a name says otherwise, samples from -1 to 1.

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use std::path::Path;

/// Sample rate of everything that is played, recorded and measured, in Hz.
pub const RATE_HZ: u32 = 48_000;

/// Reads a WAV file: its rate, and one vector for each channel.
///
/// # Panics
/// When it is not a WAV file that can be read.
pub fn read(path: &Path) -> (u32, Vec<Vec<f32>>) {
    let mut reader =
        WavReader::open(path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
    let spec = reader.spec();
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().map(|sample| sample.expect("a whole file")).collect(),
        SampleFormat::Int => {
            let scale = 1.0 / (1_i64 << (spec.bits_per_sample - 1)) as f32;
            reader.samples::<i32>().map(|sample| sample.expect("a whole file") as f32 * scale).collect()
        }
    };
    let channels = usize::from(spec.channels);
    let tracks = (0..channels).map(|n| samples.iter().skip(n).step_by(channels).copied().collect()).collect();
    (spec.sample_rate, tracks)
}

/// Writes one channel as 16-bit WAV.
///
/// # Panics
/// When the file cannot be written.
pub fn write(path: &Path, rate_hz: u32, samples: &[f32]) {
    let spec =
        WavSpec { channels: 1, sample_rate: rate_hz, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(path, spec).expect("the file can be written");
    for sample in samples {
        let value = (sample * 32767.0).round().clamp(-32768.0, 32767.0) as i16;
        writer.write_sample(value).expect("the file can be written");
    }
    writer.finalize().expect("the file can be written");
}
