//! From processed frames to Opus payloads with their RTP bookkeeping.

use super::chain::CaptureReport;
use super::gate::GateState;
use super::surroundings::ONSET_FRAMES_MAX;
use crate::codec::{PAYLOAD_BYTES_MAX, SILENCE_BYTES_MAX};
use crate::{AudioError, AudioLevel, Encoder, EncoderConfig, FRAME_SAMPLES, Frame, FrameDuration, Level};

/// Frames of pre-roll that are kept: 200 ms.
const PRE_ROLL_FRAMES_MAX: usize = ONSET_FRAMES_MAX;

/// Packets of digital silence that are still sent: the decoder's way into silence. After them even
/// Opus' own refreshes of it, every 400 ms, say nothing that the receiver does not do by itself.
const SILENT_PACKETS_MAX: u8 = 10;

/// The bits of an Opus packet's first byte that name its configuration (RFC 6716 §3.1).
const TOC_CONFIG: u8 = 0b1111_1000;

/// Settings of an [`UplinkEncoder`].
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct UplinkEncoderConfig {
    /// The codec's settings.
    pub codec: EncoderConfig,
    /// Time in one packet.
    pub duration: FrameDuration,
}

/// One RTP payload and what its header and extensions need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The Opus packet (RFC 7587).
    pub payload: &'a [u8],
    /// RTP timestamp of its first sample, on the 48 kHz clock. It advances in real time, through
    /// silence too.
    pub timestamp: u32,
    /// RTP marker bit: the first packet of a talk spurt.
    pub marker: bool,
    /// Level for the header extension of RFC 6464.
    pub audio_level: AudioLevel,
    /// Voice bit of that extension: false on the fading tail of a talk spurt.
    pub voice: bool,
}

/// Gathers frames into packets, and makes none while the gate is closed.
///
/// The last packet of a talk spurt is one that says "silence follows": an Opus packet without a
/// frame (RFC 6716 §3.2.1), one byte. Receivers know by it that nothing was lost, and browsers' jitter
/// buffers then start the next spurt at the right delay instead of stretching its first words.
#[derive(Debug)]
pub struct UplinkEncoder {
    encoder: Encoder,
    config: UplinkEncoderConfig,
    /// Timestamp of the next frame to come.
    timestamp: u32,
    pre_roll: PreRoll,
    gathered: [f32; FrameDuration::Ms20.samples()],
    gathered_samples: usize,
    gathered_voice: bool,
    in_spurt: bool,
    /// The next packet starts a talk spurt: nothing was sent yet, or silence was announced.
    marker: bool,
    silent_packets: u8,
    payload: Box<[u8; PAYLOAD_BYTES_MAX]>,
}

impl UplinkEncoder {
    /// An encoder whose first frame has the RTP timestamp `timestamp`, which RFC 3550 wants
    /// random.
    ///
    /// # Errors
    /// Those of [`Encoder::new`].
    pub fn new(config: UplinkEncoderConfig, timestamp: u32) -> Result<Self, AudioError> {
        Ok(Self {
            encoder: Encoder::new(&config.codec)?,
            pre_roll: PreRoll::default(),
            config,
            timestamp,
            gathered: [0.0; FrameDuration::Ms20.samples()],
            gathered_samples: 0,
            gathered_voice: false,
            in_spurt: false,
            marker: true,
            silent_packets: 0,
            payload: Box::new([0; PAYLOAD_BYTES_MAX]),
        })
    }

    /// Changes bit rate, FEC, DTX and expected loss while it runs.
    ///
    /// # Errors
    /// [`AudioError::CodecSetting`] for a value out of range; the old settings then stay.
    pub fn configure(&mut self, codec: EncoderConfig) -> Result<(), AudioError> {
        if let Err(error) = self.encoder.configure(&codec) {
            self.encoder.configure(&self.config.codec)?;
            return Err(error);
        }
        self.config.codec = codec;
        Ok(())
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> &UplinkEncoderConfig {
        &self.config
    }

    /// RTP timestamp of the next frame to be pushed.
    #[must_use]
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// Lets time pass without a frame, for a microphone that was closed meanwhile. Ends the talk
    /// spurt; call it with the gap before pushing again.
    pub fn skip(&mut self, samples: u32) {
        self.stop();
        self.timestamp = self.timestamp.wrapping_add(samples);
    }

    /// Takes the next 10 ms and what [`Uplink::process`](crate::Uplink::process) said of it, and
    /// hands every packet that is ready to `send`: usually none or one, a few at the start of a
    /// talk spurt.
    ///
    /// # Errors
    /// [`AudioError::Encode`]; the frame is then lost, and the next one may be pushed.
    pub fn push(
        &mut self,
        frame: &Frame,
        report: &CaptureReport,
        mut send: impl FnMut(Packet<'_>),
    ) -> Result<(), AudioError> {
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(FRAME_SAMPLES as u32);
        match report.gate {
            GateState::Open => {
                if !self.in_spurt {
                    self.start(timestamp, report.onset_frames, &mut send)?;
                }
                self.gather(frame, timestamp, true, &mut send)
            }
            GateState::Listening if !self.in_spurt => {
                self.pre_roll.keep(frame);
                Ok(())
            }
            GateState::Listening => {
                let mut tail = *frame;
                fade_out(&mut tail);
                self.finish(&tail, timestamp, &mut send)
            }
            GateState::Shut => {
                // What was said before may be heard to its end; of this frame, nothing.
                let ended = if self.in_spurt {
                    self.finish(&[0.0; FRAME_SAMPLES], timestamp, &mut send)
                } else {
                    Ok(())
                };
                self.pre_roll.clear();
                ended
            }
        }
    }

    /// Begins a talk spurt with the pre-roll: as many frames as belong to the voice, and those that fill
    /// its last packet up with the frame that opened the gate, which then leaves at once.
    fn start(
        &mut self,
        timestamp: u32,
        onset: usize,
        send: &mut impl FnMut(Packet<'_>),
    ) -> Result<(), AudioError> {
        self.in_spurt = true;
        self.marker = true;
        let before = self.pre_roll.clone();
        self.pre_roll.clear();
        let frames = self.config.duration.samples() / FRAME_SAMPLES;
        let pre_roll = (onset + 1).next_multiple_of(frames) - 1;
        let first = before.kept.saturating_sub(pre_roll);
        for index in first..before.kept {
            let mut frame = before.frames[index];
            if index == first {
                fade_in(&mut frame);
            }
            let age = ((before.kept - index) * FRAME_SAMPLES) as u32;
            self.gather(&frame, timestamp.wrapping_sub(age), true, send)?;
        }
        Ok(())
    }

    /// Ends the talk spurt: the fading tail, silence until the packet is full, and nothing more.
    fn finish(
        &mut self,
        tail: &Frame,
        timestamp: u32,
        send: &mut impl FnMut(Packet<'_>),
    ) -> Result<(), AudioError> {
        // A tail that fills up a packet in progress is heard as part of it; otherwise it starts
        // one of its own, which ends in silence.
        let mut next = timestamp.wrapping_add(FRAME_SAMPLES as u32);
        let sent = self.gather(tail, timestamp, false, send).and_then(|()| {
            if self.gathered_samples == 0 {
                return Ok(());
            }
            let silence = next;
            next = next.wrapping_add(FRAME_SAMPLES as u32);
            self.gather(&[0.0; FRAME_SAMPLES], silence, false, send)
        });
        self.announce_silence(next, send);
        self.stop();
        sent
    }

    /// Says that nothing follows after the packet before `timestamp`, unless that was said already.
    fn announce_silence(&mut self, timestamp: u32, send: &mut impl FnMut(Packet<'_>)) {
        if std::mem::replace(&mut self.marker, true) {
            return;
        }
        // The configuration of the packet before it, mono, code 0: one frame, of no bytes.
        let payload = [self.payload[0] & TOC_CONFIG];
        send(Packet {
            payload: &payload,
            timestamp,
            marker: false,
            audio_level: AudioLevel::SILENCE,
            voice: false,
        });
    }

    fn stop(&mut self) {
        self.in_spurt = false;
        self.gathered_samples = 0;
        self.gathered_voice = false;
        self.pre_roll.clear();
    }

    /// Appends a frame that starts at `timestamp`, and encodes when a packet is full.
    fn gather(
        &mut self,
        frame: &Frame,
        timestamp: u32,
        voice: bool,
        send: &mut impl FnMut(Packet<'_>),
    ) -> Result<(), AudioError> {
        let start = self.gathered_samples;
        let end = start + FRAME_SAMPLES;
        self.gathered[start..end].copy_from_slice(frame);
        self.gathered_samples = end;
        self.gathered_voice |= voice;
        let duration = self.config.duration.samples();
        if end < duration {
            return Ok(());
        }
        self.gathered_samples = 0;
        let voice = std::mem::take(&mut self.gathered_voice);
        let samples = &self.gathered[..duration];
        let bytes = self.encoder.encode(samples, &mut self.payload[..])?;
        let audio_level = Level::of(samples).audio_level();
        self.silent_packets =
            if audio_level == AudioLevel::SILENCE { self.silent_packets.saturating_add(1) } else { 0 };
        let silent = self.config.codec.dtx && self.silent_packets > SILENT_PACKETS_MAX;
        let timestamp = timestamp.wrapping_sub((duration - FRAME_SAMPLES) as u32);
        // libopus says "send nothing" with a packet of at most two bytes (DTX).
        if silent || bytes <= SILENCE_BYTES_MAX {
            self.announce_silence(timestamp, send);
            return Ok(());
        }
        send(Packet {
            payload: &self.payload[..bytes],
            timestamp,
            marker: std::mem::take(&mut self.marker),
            audio_level,
            voice,
        });
        Ok(())
    }
}

/// The last frames before somebody spoke.
#[derive(Debug, Clone)]
struct PreRoll {
    frames: [Frame; PRE_ROLL_FRAMES_MAX],
    kept: usize,
}

impl Default for PreRoll {
    fn default() -> Self {
        Self { frames: [[0.0; FRAME_SAMPLES]; PRE_ROLL_FRAMES_MAX], kept: 0 }
    }
}

impl PreRoll {
    fn keep(&mut self, frame: &Frame) {
        if self.kept == PRE_ROLL_FRAMES_MAX {
            self.frames.rotate_left(1);
            self.kept -= 1;
        }
        self.frames[self.kept] = *frame;
        self.kept += 1;
    }

    fn clear(&mut self) {
        self.kept = 0;
    }
}

fn fade_in(frame: &mut Frame) {
    for (n, sample) in frame.iter_mut().enumerate() {
        *sample *= n as f32 / FRAME_SAMPLES as f32;
    }
}

fn fade_out(frame: &mut Frame) {
    for (n, sample) in frame.iter_mut().enumerate() {
        *sample *= 1.0 - n as f32 / FRAME_SAMPLES as f32;
    }
}
