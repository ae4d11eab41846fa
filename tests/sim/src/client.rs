//! A client: the engine's own send and receive paths over the sans-I/O peer.

use crate::network::Random;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use voicehall_audio::{FRAME_SAMPLES, Frame};
use voicehall_engine::{receive::Receiver, send::Sender};
use voicehall_protocol::engine::{AudioSettings, Gate, NoiseSuppression};
use voicehall_protocol::ids::VoiceSessionId;
use voicehall_protocol::rtp::{EXT_AUDIO_LEVEL, PT_OPUS, SourceId, voice_slot_ssrc};
use voicehall_sfu::rtp::RtpHeader;
use voicehall_test_peer::{Peer, Rtp, Voice};

const SAMPLE_RATE: f32 = 48_000.0;

/// What somebody says: a hum with harmonics, in spurts.
#[derive(Debug, Clone, Copy)]
pub struct Speech {
    /// When the first spurt starts, from the beginning of the call.
    pub from: Duration,
    /// How long they speak at a time.
    pub spurt: Duration,
    /// How long they are silent between; nothing means until the end of the call.
    pub pause: Duration,
    /// Loudness, linear, 0 to 1.
    pub amplitude: f32,
}

impl Speech {
    /// Whether there is sound at this time of the call.
    pub fn sounds_at(&self, time: Duration) -> bool {
        time.checked_sub(self.from).is_some_and(|since| {
            let period = (self.spurt + self.pause).as_micros().max(1);
            since.as_micros() % period < self.spurt.as_micros()
        })
    }
}

/// One client of the call.
pub struct Client {
    /// Where it sends from.
    pub address: SocketAddr,
    /// Its voice session.
    pub session: VoiceSessionId,
    /// Its microphone.
    pub source: SourceId,
    /// What it says, if anything.
    pub speech: Option<Speech>,
    /// Gone without a word: it neither sends nor receives any more.
    pub vanished: bool,
    /// The sans-I/O transport.
    pub peer: Peer,
    /// Frames of 10 ms mixed that had somebody in them.
    pub frames_heard: u64,
    /// Voice packets that arrived.
    pub packets_received: u64,
    /// Packets that its microphone sent.
    pub packets_sent: u64,
    /// When its microphone sent last.
    pub sent_at: Option<Instant>,
    /// Everybody it ever heard.
    pub heard: HashSet<SourceId>,
    /// Loudest sample of all its mixes.
    pub peak: f32,
    sender: Sender,
    receiver: Receiver,
    pitch_hz: f32,
    phase: f32,
    index: Option<u64>,
    ssrc: u32,
}

impl Client {
    /// A client that has joined and starts to connect.
    ///
    /// # Panics
    /// Without memory for codecs.
    pub fn new(
        address: SocketAddr,
        session: VoiceSessionId,
        source: SourceId,
        peer: Peer,
        ssrc: u32,
        random: &mut Random,
        now: Instant,
    ) -> Self {
        // What is said must reach the encoder as it is: the chain has tests of its own.
        let settings = AudioSettings {
            echo_cancellation: false,
            noise_suppression: NoiseSuppression::Off,
            automatic_gain: false,
            gate: Gate::Open,
            ..AudioSettings::default()
        };
        Self {
            address,
            session,
            source,
            speech: None,
            vanished: false,
            peer,
            frames_heard: 0,
            packets_received: 0,
            packets_sent: 0,
            sent_at: None,
            heard: HashSet::new(),
            peak: 0.0,
            sender: Sender::new(&settings, random.bits() as u16, random.bits() as u32).expect("an encoder"),
            receiver: Receiver::new(now).expect("decoders"),
            pitch_hz: 100.0 + 150.0 * random.unit() as f32,
            phase: 0.0,
            index: None,
            ssrc,
        }
    }

    /// Captures and plays 10 ms.
    pub fn tick(&mut self, time: Duration, now: Instant) {
        let mut frame = self.microphone(time);
        let mut packets = Vec::new();
        self.sender
            .capture(&mut frame, None, |packet| packets.push(packet.to_rtp(self.ssrc)))
            .expect("10 ms of sound can be encoded");
        for packet in packets {
            self.send(&packet, now);
        }
        let mut mix: Frame = [0.0; FRAME_SAMPLES];
        if self.receiver.mix(now, &mut mix) {
            self.frames_heard += 1;
        }
        self.peak = mix.iter().fold(self.peak, |peak, sample| peak.max(sample.abs()));
    }

    /// Takes what the transport has received, and returns it.
    pub fn hear(&mut self, now: Instant) -> Vec<Voice> {
        let voices: Vec<Voice> = std::iter::from_fn(|| self.peer.poll_voice()).collect();
        for voice in &voices {
            self.packets_received += 1;
            self.heard.insert(voice.source);
            self.receiver.push_rtp(now, &rtp_of(voice));
        }
        voices
    }

    fn send(&mut self, rtp: &[u8], now: Instant) {
        let header = RtpHeader::parse(rtp).expect("the engine makes valid RTP");
        let index = self.index.map_or(u64::from(header.sequence), |index| index + 1);
        assert_eq!(index as u16, header.sequence, "the engine's sequence numbers have no gaps");
        self.index = Some(index);
        let sent = self.peer.send_rtp(&Rtp {
            marker: header.marker,
            payload_type: PT_OPUS,
            index,
            timestamp: header.timestamp,
            ssrc: self.ssrc,
            csrcs: Vec::new(),
            level: header.level.map(|level| level.0),
            payload: rtp[header.len..].to_vec(),
        });
        if sent.is_some() {
            self.packets_sent += 1;
            self.sent_at = Some(now);
        }
    }

    fn microphone(&mut self, time: Duration) -> Frame {
        let Some(speech) = self.speech.filter(|speech| speech.sounds_at(time)) else {
            return [0.0; FRAME_SAMPLES];
        };
        std::array::from_fn(|_| {
            self.phase = (self.phase + self.pitch_hz / SAMPLE_RATE).fract();
            let turn = self.phase * std::f32::consts::TAU;
            let harmonics = turn.sin() + 0.5 * (2.0 * turn).sin() + 0.3 * (3.0 * turn).sin();
            speech.amplitude * harmonics / 1.8
        })
    }
}

/// The packet as the engine gets it from its transport: in the clear, under the slot's SSRC.
fn rtp_of(voice: &Voice) -> Vec<u8> {
    let mut rtp = vec![0x91, PT_OPUS | u8::from(voice.marker) << 7];
    rtp.extend((voice.index as u16).to_be_bytes());
    rtp.extend(voice.timestamp.to_be_bytes());
    rtp.extend(voice_slot_ssrc(voice.slot).to_be_bytes());
    rtp.extend(voice.source.0.to_be_bytes());
    rtp.extend([0xbe, 0xde, 0, 1, EXT_AUDIO_LEVEL << 4, voice.level, 0, 0]);
    rtp.extend(&voice.payload);
    rtp
}
