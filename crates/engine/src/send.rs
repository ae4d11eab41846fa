//! The send path: the microphone's frames in, RTP packets out. It knows no socket and no clock.

pub use crate::keys::Talk;
use crate::packet::MicrophonePacket;
use std::time::Duration;
use voicehall_audio::{
    AudioError, EncoderConfig, Frame, FrameDuration, GateMode, NoiseSuppression, Uplink, UplinkConfig,
    UplinkEncoder, UplinkEncoderConfig, VoiceActivity,
};
use voicehall_protocol::engine::{self as protocol, AudioSettings, Gate, UnheardReason};

pub use voicehall_audio::CaptureReport;

/// Expected loss that the encoder is told at most, in percent: beyond it in-band FEC leaves too
/// little of the bitrate for the frame itself.
const EXPECTED_LOSS_PERCENT_MAX: u8 = 30;

/// What the codec looks ahead (libopus at 48 kHz, in every mode but the restricted one): the packet
/// that holds a sound leaves that much later.
const CODEC_LOOKAHEAD: Duration = Duration::from_micros(6_500);

/// What strong noise suppression holds back, at most: its frames overlap by half.
const STRONG_SUPPRESSION: Duration = Duration::from_millis(10);

/// One microphone on its way to the network.
#[derive(Debug)]
pub struct Sender {
    uplink: Uplink,
    encoder: UplinkEncoder,
    settings: AudioSettings,
    muted: bool,
    talk: Talk,
    sequence: u16,
}

impl Sender {
    /// A microphone whose RTP stream starts with this sequence number and timestamp, which
    /// RFC 3550 wants random.
    ///
    /// # Errors
    /// [`AudioError::CodecSetup`] without memory for the encoder.
    pub fn new(settings: &AudioSettings, sequence: u16, timestamp: u32) -> Result<Self, AudioError> {
        let encoder = UplinkEncoderConfig { duration: duration(settings), ..Default::default() };
        Ok(Self {
            uplink: Uplink::new(uplink_config(settings, false, Talk::Rest)),
            encoder: UplinkEncoder::new(encoder, timestamp)?,
            settings: settings.clone(),
            muted: false,
            talk: Talk::Rest,
            sequence,
        })
    }

    /// Processes 10 ms of the microphone in place, and hands every packet that is ready to `send`:
    /// none in silence, a few at the start of a talk spurt. `reference` is what the speaker was
    /// given to play since the last call.
    ///
    /// # Errors
    /// [`AudioError::Encode`]; the frame is then lost, and the next may be captured.
    pub fn capture(
        &mut self,
        frame: &mut Frame,
        reference: Option<&Frame>,
        mut send: impl FnMut(MicrophonePacket),
    ) -> Result<CaptureReport, AudioError> {
        let report = self.uplink.process(frame, reference);
        let sequence = &mut self.sequence;
        self.encoder.push(frame, &report, |packet| {
            if let Some(packet) = MicrophonePacket::new(*sequence, &packet) {
                *sequence = sequence.wrapping_add(1);
                send(packet);
            }
        })?;
        Ok(report)
    }

    /// Processes 10 ms for a meter alone: nothing is encoded.
    pub fn meter(&mut self, frame: &mut Frame, reference: Option<&Frame>) -> CaptureReport {
        self.uplink.process(frame, reference)
    }

    /// Voice in one packet.
    #[must_use]
    pub fn packet(&self) -> Duration {
        match duration(&self.settings) {
            FrameDuration::Ms10 => Duration::from_millis(10),
            FrameDuration::Ms20 => Duration::from_millis(20),
        }
    }

    /// From the moment a sample is captured until the packet that holds it is ready.
    #[must_use]
    pub fn delay(&self) -> Duration {
        let strong = self.settings.noise_suppression == protocol::NoiseSuppression::Strong;
        self.packet() + CODEC_LOOKAHEAD + if strong { STRONG_SUPPRESSION } else { Duration::ZERO }
    }

    /// Lets time pass without a frame, for a microphone that was closed meanwhile.
    pub fn skip(&mut self, samples: u32) {
        self.encoder.skip(samples);
    }

    /// Mutes: nothing of what comes is sent, now or later.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
        self.uplink.configure(uplink_config(&self.settings, muted, self.talk));
    }

    /// Does what the talk keys do in the present mode ([`Gate`]): opens the microphone, or shuts it.
    pub fn set_talk(&mut self, talk: Talk) {
        self.talk = talk;
        self.uplink.configure(uplink_config(&self.settings, self.muted, talk));
    }

    /// Why nothing is sent now, whatever is said; none while speech is sent.
    #[must_use]
    pub fn unheard(&self) -> Option<UnheardReason> {
        let keyed_shut = match self.settings.gate {
            Gate::Open | Gate::Voice { .. } => false,
            Gate::PushToTalk { .. } | Gate::Toggle { .. } => self.talk == Talk::Rest,
            Gate::PushToMute { .. } => self.talk == Talk::Pressed,
        };
        if self.muted { Some(UnheardReason::Muted) } else { keyed_shut.then_some(UnheardReason::Key) }
    }

    /// Applies settings to the running stream.
    ///
    /// # Errors
    /// [`AudioError::CodecSetup`] without memory for another encoder; the old one goes on.
    pub fn set_audio(&mut self, settings: &AudioSettings) -> Result<(), AudioError> {
        self.settings = settings.clone();
        self.uplink.configure(uplink_config(settings, self.muted, self.talk));
        let old = self.encoder.config();
        if old.duration != duration(settings) {
            let config = UplinkEncoderConfig { duration: duration(settings), ..old.clone() };
            self.encoder = UplinkEncoder::new(config, self.encoder.timestamp())?;
        }
        Ok(())
    }

    /// Sets the Opus bitrate in bits per second.
    pub fn set_bitrate(&mut self, bitrate: u32) {
        self.configure(|codec| codec.bitrate = bitrate);
    }

    /// Tells the encoder how many of its packets get lost, 0 to 1, from receiver reports.
    pub fn set_expected_loss(&mut self, loss: f32) {
        let percent = (loss * 100.0).ceil().clamp(0.0, f32::from(EXPECTED_LOSS_PERCENT_MAX)) as u8;
        self.configure(|codec| codec.expected_loss_percent = percent);
    }

    fn configure(&mut self, change: impl FnOnce(&mut EncoderConfig)) {
        let mut codec = self.encoder.config().codec.clone();
        change(&mut codec);
        if codec != self.encoder.config().codec {
            // Out of range is only a bitrate from elsewhere; the old settings then stay.
            if let Err(error) = self.encoder.configure(codec) {
                tracing::warn!(%error, "the encoder keeps its settings");
            }
        }
    }
}

fn duration(settings: &AudioSettings) -> FrameDuration {
    if settings.low_latency { FrameDuration::Ms10 } else { FrameDuration::Ms20 }
}

/// A microphone that is kept open is that in the mode's own terms where it has some: so the mode's
/// release delay lets the last syllable through when that ends.
fn gate_mode(gate: Gate, talk: Talk) -> GateMode {
    match gate {
        Gate::Open => GateMode::Open,
        Gate::Voice { .. } if talk == Talk::Overridden => GateMode::Open,
        Gate::Voice { threshold, release_ms } => {
            GateMode::VoiceActivity(VoiceActivity { threshold, hangover_ms: release_ms })
        }
        Gate::PushToTalk { release_ms } | Gate::Toggle { release_ms } => {
            GateMode::PushToTalk { pressed: talk != Talk::Rest, release_ms }
        }
        Gate::PushToMute { release_ms } => {
            GateMode::PushToMute { pressed: talk == Talk::Pressed, release_ms }
        }
    }
}

fn uplink_config(settings: &AudioSettings, muted: bool, talk: Talk) -> UplinkConfig {
    let noise_suppression = match settings.noise_suppression {
        protocol::NoiseSuppression::Off => NoiseSuppression::Off,
        protocol::NoiseSuppression::Standard => NoiseSuppression::Standard,
        protocol::NoiseSuppression::Strong => NoiseSuppression::Strong,
    };
    let gate = if muted { GateMode::Closed } else { gate_mode(settings.gate, talk) };
    UplinkConfig {
        // Everything off leaves the samples alone, for music and measurements.
        high_pass: settings.echo_cancellation || noise_suppression != NoiseSuppression::Off,
        echo_cancellation: settings.echo_cancellation,
        noise_suppression,
        automatic_gain: settings.automatic_gain,
        gain_db: 20.0 * settings.input_gain.clamp(0.001, 4.0).log10(),
        gate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use voicehall_protocol::engine::{Gate, NoiseSuppression};

    fn raw() -> AudioSettings {
        AudioSettings {
            echo_cancellation: false,
            noise_suppression: NoiseSuppression::Off,
            automatic_gain: false,
            gate: Gate::Open,
            ..Default::default()
        }
    }

    fn tone(sender: &mut Sender, frames: usize) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        for frame in 0..frames {
            let mut samples = std::array::from_fn(|n| ((frame * 480 + n) as f32 * 0.05).sin() * 0.3);
            sender.capture(&mut samples, None, |packet| packets.push(packet.to_rtp(5))).unwrap();
        }
        packets
    }

    /// Bytes of a header with an audio level.
    const HEADER: usize = 12 + 4 + 4;

    fn sequence(rtp: &[u8]) -> u16 {
        u16::from_be_bytes([rtp[2], rtp[3]])
    }

    fn timestamp(rtp: &[u8]) -> u32 {
        u32::from_be_bytes([rtp[4], rtp[5], rtp[6], rtp[7]])
    }

    #[test]
    fn sequence_numbers_are_continuous_and_time_goes_on_through_a_mute() {
        let mut sender = Sender::new(&raw(), u16::MAX, 0).unwrap();
        let before = tone(&mut sender, 10);
        sender.set_muted(true);
        let muted = tone(&mut sender, 20);
        sender.set_muted(false);
        let after = tone(&mut sender, 10);
        let (announcements, frames): (Vec<_>, Vec<_>) = muted.iter().partition(|rtp| rtp.len() == HEADER + 1);
        assert!(frames.len() <= 1, "muted, {} packets were sent", frames.len());
        assert_eq!(announcements.len(), 1, "silence is announced");
        let all: Vec<_> = before.iter().chain(&muted).chain(&after).collect();
        for (n, packet) in all.iter().enumerate() {
            assert_eq!(sequence(packet), u16::MAX.wrapping_add(n as u16));
        }
        assert_eq!(timestamp(&before[0]), 0);
        assert!(timestamp(&after[0]) >= 30 * 480, "time stood still: {}", timestamp(&after[0]));
        assert_eq!(after[0][1], 0x80 | 111, "a talk spurt starts with the marker");
    }

    #[test]
    fn a_key_opens_or_shuts_the_microphone_as_the_mode_says() {
        const MUTED: Option<UnheardReason> = Some(UnheardReason::Muted);
        const KEY: Option<UnheardReason> = Some(UnheardReason::Key);
        for (gate, untouched, held) in [
            (Gate::PushToTalk { release_ms: 0 }, KEY, None),
            (Gate::Toggle { release_ms: 0 }, KEY, None),
            (Gate::PushToMute { release_ms: 0 }, None, KEY),
            (Gate::Open, None, None),
        ] {
            let mut sender = Sender::new(&AudioSettings { gate, ..raw() }, 0, 0).unwrap();
            let turns = [
                (Talk::Rest, untouched),
                (Talk::Pressed, held),
                (Talk::Overridden, None),
                (Talk::Rest, untouched),
            ];
            for (talk, unheard) in turns {
                sender.set_talk(talk);
                // A spurt that ends does so with the first of these frames, which fade out.
                tone(&mut sender, 4);
                let packets = tone(&mut sender, 20).len();
                assert_eq!(packets, if unheard.is_some() { 0 } else { 10 }, "{gate:?}, {talk:?}");
                assert_eq!(sender.unheard(), unheard, "{gate:?}, {talk:?}");
            }
            sender.set_talk(Talk::Overridden);
            sender.set_muted(true);
            assert_eq!(sender.unheard(), MUTED);
            tone(&mut sender, 4);
            assert_eq!(tone(&mut sender, 20).len(), 0, "who is muted is not heard, {gate:?}");
        }
    }

    #[test]
    fn whoever_keeps_it_open_needs_not_sound_like_a_voice() {
        let gate = Gate::Voice { threshold: Some(1.1), release_ms: 0 };
        let mut sender = Sender::new(&AudioSettings { gate, ..raw() }, 0, 0).unwrap();
        assert_eq!(tone(&mut sender, 20).len(), 0);
        sender.set_talk(Talk::Overridden);
        tone(&mut sender, 4);
        assert_eq!(tone(&mut sender, 20).len(), 10);
        sender.set_talk(Talk::Pressed);
        tone(&mut sender, 4);
        assert_eq!(tone(&mut sender, 20).len(), 0);
    }

    #[test]
    fn what_is_said_before_the_key_comes_with_it() {
        let mut sender = Sender::new(&raw(), 0, 0).unwrap();
        let gate = Gate::PushToTalk { release_ms: 0 };
        sender.set_audio(&AudioSettings { gate, ..raw() }).unwrap();
        assert_eq!(tone(&mut sender, 20).len(), 0);
        sender.set_talk(Talk::Pressed);
        let packets = tone(&mut sender, 1);
        assert_eq!(packets.len(), 6, "100 ms of what was said before come with the first frame");
        assert_eq!(timestamp(&packets[0]), 9 * 480);
    }

    #[test]
    fn low_latency_halves_the_packets_without_breaking_the_stream() {
        let mut sender = Sender::new(&raw(), 0, 0).unwrap();
        assert_eq!(tone(&mut sender, 20).len(), 10);
        sender.set_audio(&AudioSettings { low_latency: true, ..raw() }).unwrap();
        let packets = tone(&mut sender, 20);
        assert_eq!(packets.len(), 20);
        assert_eq!((sequence(&packets[0]), timestamp(&packets[0])), (10, 20 * 480));
    }
}
