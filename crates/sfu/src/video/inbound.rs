//! What a session sends besides its microphone: which stream each packet is of.
//!
//! A stream is told by its MID and RID until its SSRC is known, which it is from its first packet that
//! authenticates. One that takes the place of another retires it for good: its replay window is kept,
//! so that nothing old can bring it back.

use super::missing::Missing;
use crate::congestion::arrivals::Arrivals;
use crate::reception::Reception;
use crate::rtp::RtpHeader;
use crate::srtp::{DirectionKeys, ReplayWindow, SrtpError};
use std::ops::Range;
use std::time::Instant;
use voicehall_protocol::rtp::{
    MID_CAMERA, MID_SCREEN, MID_SCREEN_AUDIO, OPUS_CLOCK_HZ, PT_AV1, PT_AV1_RTX, PT_H264, PT_H264_RTX,
    PT_OPUS, SourceKind, VIDEO_CLOCK_HZ, VIDEO_LAYERS,
};
use voicehall_protocol::video::VideoCodec;

/// SSRCs that a session may use in its life: some changes of each of its thirteen streams.
const STREAMS_MAX: usize = 64;

/// What a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A layer of a camera or a screen.
    Layer(SourceKind, u8),
    /// Packets of such a layer, repeated (RFC 4588).
    Repair(SourceKind, u8),
    /// The sound of the screen.
    Sound,
}

/// A stream that a session sends.
pub(crate) struct Stream {
    pub role: Role,
    retired: bool,
    window: ReplayWindow,
    pub reception: Reception,
    pub missing: Missing,
}

/// A packet that has been authenticated and decrypted.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub role: Role,
    /// Of the original's stream.
    pub ssrc: u32,
    pub index: u64,
    /// Of the payload in the datagram.
    pub payload: Range<usize>,
    /// So much is missing that only a key frame helps.
    pub broken: bool,
    /// It was sent again.
    pub repeated: bool,
}

/// Why a packet goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Srtp(SrtpError),
    /// No stream that a session may send, or one too many.
    Foreign,
    /// Of another payload type than its stream, or without a payload.
    Payload,
    /// Padding, or something repeated that is there already.
    Nothing,
}

/// All streams of a session.
pub(crate) struct Streams {
    streams: Vec<Stream>,
    /// When their packets came.
    pub arrivals: Arrivals,
}

impl Streams {
    pub fn new(now: Instant) -> Self {
        Self { streams: Vec::new(), arrivals: Arrivals::new(now) }
    }

    /// Whether it is one of these.
    pub fn knows(&self, ssrc: u32) -> bool {
        self.streams.iter().any(|stream| stream.reception.ssrc() == ssrc)
    }

    /// Those that were not retired.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.streams.iter_mut().filter(|stream| !stream.retired)
    }

    /// Authenticates and decrypts a packet.
    pub fn open(
        &mut self,
        keys: &DirectionKeys,
        header: &RtpHeader,
        packet: &mut [u8],
        now: Instant,
    ) -> Result<Opened, Refused> {
        let known = self.streams.iter().position(|stream| stream.reception.ssrc() == header.ssrc);
        let (role, window) = match known {
            Some(at) if self.streams[at].retired => return Err(Refused::Foreign),
            Some(at) => (self.streams[at].role, self.streams[at].window),
            None if self.streams.len() >= STREAMS_MAX => return Err(Refused::Foreign),
            None => (role_of(header).ok_or(Refused::Foreign)?, ReplayWindow::default()),
        };
        if !role.takes(header.payload_type) {
            return Err(Refused::Payload);
        }
        let index = window.index_of(header.sequence).map_err(Refused::Srtp)?;
        let end = keys.rtp.open_rtp(packet, header.len, index).map_err(Refused::Srtp)?;
        let at = known.unwrap_or_else(|| self.add(role, header.ssrc, index, now));
        if let Some(number) = header.transport {
            self.arrivals.receive(number, now);
        }
        let stream = &mut self.streams[at];
        stream.window.accept(index);
        stream.reception.receive(index, header.timestamp, role == Role::Sound && header.marker, now);
        let payload = header.payload(&packet[..end]).ok_or(Refused::Payload)?;
        let payload = header.len..header.len + payload.len();
        if payload.is_empty() {
            // It takes a number of its own all the same.
            stream.missing.receive(index, now);
            return Err(Refused::Nothing);
        }
        let Role::Repair(kind, layer) = role else {
            let broken = role != Role::Sound && stream.missing.receive(index, now);
            return Ok(Opened { role, ssrc: header.ssrc, index, payload, broken, repeated: false });
        };
        let Some(original) = packet[payload.clone()].first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
        else {
            return Err(Refused::Payload);
        };
        self.repair(Role::Layer(kind, layer), original, payload.start + 2..payload.end, now)
    }

    /// The original of a packet that was sent again.
    fn repair(
        &mut self,
        role: Role,
        original: u16,
        payload: Range<usize>,
        now: Instant,
    ) -> Result<Opened, Refused> {
        let stream = self.iter_mut().find(|stream| stream.role == role).ok_or(Refused::Foreign)?;
        let index = stream.window.index_of(original).map_err(|_| Refused::Nothing)?;
        // Nobody asks for what is yet to come.
        if payload.is_empty() || stream.window.highest().is_none_or(|highest| index > highest) {
            return Err(Refused::Nothing);
        }
        stream.window.accept(index);
        stream.missing.receive(index, now);
        let ssrc = stream.reception.ssrc();
        Ok(Opened { role, ssrc, index, payload, broken: false, repeated: true })
    }

    fn add(&mut self, role: Role, ssrc: u32, index: u64, now: Instant) -> usize {
        self.streams.iter_mut().filter(|stream| stream.role == role).for_each(|stream| stream.retired = true);
        let clock_hz = if role == Role::Sound { OPUS_CLOCK_HZ } else { VIDEO_CLOCK_HZ };
        self.streams.push(Stream {
            role,
            retired: false,
            window: ReplayWindow::default(),
            reception: Reception::with_clock(clock_hz, ssrc, index, now),
            missing: Missing::default(),
        });
        self.streams.len() - 1
    }
}

impl Role {
    fn takes(self, payload_type: u8) -> bool {
        match self {
            Self::Layer(..) => codec_of(payload_type).is_some(),
            Self::Repair(..) => matches!(payload_type, PT_H264_RTX | PT_AV1_RTX),
            Self::Sound => payload_type == PT_OPUS,
        }
    }
}

/// The codec of a payload type.
pub(crate) fn codec_of(payload_type: u8) -> Option<VideoCodec> {
    match payload_type {
        PT_H264 => Some(VideoCodec::H264),
        PT_AV1 => Some(VideoCodec::Av1),
        _ => None,
    }
}

fn role_of(header: &RtpHeader) -> Option<Role> {
    let kind = match usize::from(header.name.mid?) {
        MID_CAMERA => SourceKind::Camera,
        MID_SCREEN => SourceKind::Screen,
        MID_SCREEN_AUDIO => return (header.payload_type == PT_OPUS).then_some(Role::Sound),
        _ => return None,
    };
    let numbered = |number: Option<u8>| Some(number.unwrap_or(0)).filter(|n| usize::from(*n) < VIDEO_LAYERS);
    if matches!(header.payload_type, PT_H264_RTX | PT_AV1_RTX) {
        return Some(Role::Repair(kind, numbered(header.name.repaired.or(header.name.layer))?));
    }
    codec_of(header.payload_type)?;
    Some(Role::Layer(kind, numbered(header.name.layer)?))
}
