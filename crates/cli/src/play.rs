//! A sound file as a stream of 48 kHz mono samples: Ogg/Opus, FLAC or WAV, whatever its rate.

use crate::Failure;
use std::fs::File;
use std::path::{Path, PathBuf};
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;
use voicehall_engine::audio::{Decoder, Resampler, SAMPLE_RATE, mix_to_mono};

/// Samples in the longest Opus packet, 120 ms at 48 kHz.
const OPUS_PACKET_SAMPLES_MAX: usize = 5760;

/// An open file.
pub(crate) struct Player {
    path: PathBuf,
    reader: Box<dyn FormatReader>,
    track: u32,
    decoding: Decoding,
    /// Opus' pre-skip (RFC 7845 §4.2) that is still to be left out, in samples.
    skip: usize,
    samples: Vec<f32>,
    resampled: Vec<f32>,
}

enum Decoding {
    Opus(Decoder),
    Other { decoder: Box<dyn AudioDecoder>, resampler: Option<(u32, Resampler)> },
}

impl Player {
    /// Opens a file and finds out what it is.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |reason: String| Failure::File { path: path.to_owned(), reason };
        let file = File::open(path).map_err(|error| failed(error.to_string()))?;
        let stream = MediaSourceStream::new(Box::new(file), Default::default());
        let mut hint = Hint::new();
        if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
            hint.with_extension(extension);
        }
        let unknown =
            |_| failed("not a sound file that can be played: Ogg/Opus, FLAC and WAV can".to_owned());
        let reader = symphonia::default::get_probe()
            .probe(&hint, stream, Default::default(), Default::default())
            .map_err(unknown)?;
        let track = reader.default_track(TrackType::Audio);
        let parameters = track.and_then(|track| Some((track.id, track.codec_params.as_ref()?.audio()?)));
        let (track, parameters) = parameters.ok_or_else(|| failed("there is no sound in it".to_owned()))?;
        let skip = if parameters.codec == CODEC_ID_OPUS { pre_skip(parameters) } else { 0 };
        let decoding = decoding(parameters).ok_or_else(|| {
            failed("its codec is not known: convert it to Ogg/Opus, FLAC or WAV".to_owned())
        })?;
        Ok(Self {
            path: path.to_owned(),
            reader,
            track,
            decoding,
            skip,
            samples: Vec::new(),
            resampled: Vec::new(),
        })
    }

    /// The same file from its beginning.
    pub(crate) fn reopen(&self) -> Result<Self, Failure> {
        Self::open(&self.path)
    }

    /// Appends some more of the file to `out`, and returns whether there was any.
    pub(crate) fn read(&mut self, out: &mut Vec<f32>) -> Result<bool, Failure> {
        loop {
            let packet = match self.reader.next_packet() {
                Ok(Some(packet)) => packet,
                // Another stream chained to the first is the end of what was opened.
                Ok(None) | Err(Error::ResetRequired) => return Ok(false),
                Err(Error::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Ok(false);
                }
                Err(error) => return Err(self.failed(&error)),
            };
            if packet.track_id != self.track {
                continue;
            }
            self.decode(&packet)?;
            let skipped = self.skip.min(self.resampled.len());
            self.skip -= skipped;
            if self.resampled.len() > skipped {
                out.extend(&self.resampled[skipped..]);
                return Ok(true);
            }
        }
    }

    /// Makes `resampled` of a packet; nothing of a damaged one.
    fn decode(&mut self, packet: &Packet) -> Result<(), Failure> {
        self.resampled.clear();
        match &mut self.decoding {
            Decoding::Opus(decoder) => {
                self.resampled.resize(OPUS_PACKET_SAMPLES_MAX, 0.0);
                let decoded = decoder.decode(&packet.data, &mut self.resampled).unwrap_or(0);
                self.resampled.truncate(decoded);
            }
            Decoding::Other { decoder, resampler } => {
                let decoded = match decoder.decode(packet) {
                    Ok(decoded) => decoded,
                    Err(Error::DecodeError(_)) => return Ok(()),
                    Err(error) => return Err(self.failed(&error)),
                };
                let (rate, channels) = (decoded.spec().rate(), decoded.num_planes());
                decoded.copy_to_vec_interleaved(&mut self.samples);
                let mono: Vec<f32> = to_mono(&self.samples, channels);
                if resampler.as_ref().is_none_or(|(from, _)| *from != rate) {
                    let unfit = |error: &dyn std::fmt::Display| Failure::File {
                        path: self.path.clone(),
                        reason: error.to_string(),
                    };
                    *resampler =
                        Some((rate, Resampler::new(rate, SAMPLE_RATE).map_err(|error| unfit(&error))?));
                }
                if let Some((_, resampler)) = resampler {
                    resampler.process(&mono, |samples| self.resampled.extend(samples));
                }
            }
        }
        Ok(())
    }

    fn failed(&self, error: &Error) -> Failure {
        Failure::File { path: self.path.clone(), reason: error.to_string() }
    }
}

fn to_mono(interleaved: &[f32], channels: usize) -> Vec<f32> {
    let mut mono = Vec::with_capacity(interleaved.len() / channels.max(1));
    mix_to_mono(interleaved, channels, |sample| mono.push(sample));
    mono
}

fn decoding(parameters: &AudioCodecParameters) -> Option<Decoding> {
    if parameters.codec == CODEC_ID_OPUS {
        return Decoder::new().ok().map(Decoding::Opus);
    }
    let decoder =
        symphonia::default::get_codecs().make_audio_decoder(parameters, &Default::default()).ok()?;
    Some(Decoding::Other { decoder, resampler: None })
}

/// The pre-skip of an Opus identification header (RFC 7845 §5.1).
fn pre_skip(parameters: &AudioCodecParameters) -> usize {
    let header = parameters.extra_data.as_deref().unwrap_or_default();
    header.get(10..12).map_or(0, |bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])))
}
