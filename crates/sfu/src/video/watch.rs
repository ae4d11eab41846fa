//! One receiver's side of video: its slots, and how packets get into them.

use super::cache::Packet;
use super::sniff::{Sniffed, sniff};
use super::source::{LayerId, Source};
use super::stream::{Placed, VideoStream};
use crate::Outbox;
use crate::congestion::estimate::Estimate;
use crate::limit::RateLimit;
use crate::random::Random;
use crate::rtp::{AudioLevel, VideoHeader, VoiceHeader};
use crate::slot::{SlotCursor, SlotStream};
use crate::srtp::Cipher;
use crate::stats::ShardStats;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use voicehall_protocol::rtp::{
    PACKET_BYTES_MAX, PT_AV1, PT_AV1_RTX, PT_H264, PT_H264_RTX, SCREEN_AUDIO_SLOTS, SourceId, VIDEO_SLOTS,
    screen_audio_slot_ssrc, video_slot_rtx_ssrc, video_slot_ssrc,
};
use voicehall_protocol::video::{SlotView, VideoCodec, View};

/// How long a new layer waits for the end of the picture that the slot is in the midst of.
const PICTURE_END_WAIT: Duration = Duration::from_millis(50);

/// A packet is not sent again within this time.
const RESEND_PAUSE: Duration = Duration::from_millis(30);

/// Packets sent again to one receiver.
const RESENT_PER_SECOND: u32 = 400;
const RESENT_BURST: u32 = 200;

/// What a hollow packet carries: one byte of padding.
const PADDING: [u8; 1] = [1];

/// What a packet of a probe carries: padding alone, near the most that RTP can tell (RFC 3550 §5.1).
const PADDING_LONG: [u8; 250] = {
    let mut padding = [0; 250];
    padding[249] = 250;
    padding
};

/// Where everything goes that comes of a packet.
pub(crate) struct Out<'a> {
    pub now: Instant,
    pub outbox: &'a mut dyn Outbox,
    pub stats: &'a mut ShardStats,
}

/// Where a receiver's packets go, and with which key.
pub(crate) struct Line<'a> {
    pub cipher: &'a Cipher,
    pub address: SocketAddr,
}

/// A receiver's slots. It comes to be with its first views.
pub(crate) struct Watch {
    pub slots: [WatchSlot; VIDEO_SLOTS],
    pub sounds: [SoundSlot; SCREEN_AUDIO_SLOTS],
    /// What its line carries, of which all video packets to it tell.
    pub estimate: Estimate,
    /// The estimate by which layers were chosen last, in bits a second.
    pub planned_bits: u64,
    /// With so many bits a second it would get all that it wants; 0 when it does.
    pub short_of: u64,
    resent: RateLimit,
}

/// A video slot.
pub(crate) struct WatchSlot {
    pub view: Option<View>,
    /// What it is to show, which waits for a key frame while the stream shows another.
    pub target: Option<LayerId>,
    pub thin: bool,
    /// Layer that it was given last, and whether thinned.
    pub given: Option<(u8, bool)>,
    pub stream: VideoStream,
    /// The target's key frame that begins once the present picture is whole, and since when.
    pending: Option<(u64, Instant)>,
    next_resent: u64,
    /// What its client was told.
    pub told: Option<SlotView>,
}

/// A slot for the sound of a screen.
pub(crate) struct SoundSlot {
    pub screen: Option<SourceId>,
    stream: SlotStream,
    pub cursor: SlotCursor,
}

/// A packet of a layer on its way to the slots.
pub(crate) struct Arrived<'a> {
    pub layer: LayerId,
    pub packet: Packet<'a>,
    pub sniffed: Sniffed,
}

/// A packet of a screen's sound.
pub(crate) struct Sound<'a> {
    pub source: SourceId,
    pub index: u64,
    pub timestamp: u32,
    pub marker: bool,
    pub level: AudioLevel,
    pub payload: &'a [u8],
}

impl Watch {
    pub fn new(random: &mut Random, now: Instant) -> Self {
        // In the lower half, so that a receiver who misses the first packets still counts the same
        // rollovers as we do (RFC 3711 §3.3.1).
        let sequence = |random: &mut Random| u16::from_ne_bytes(random.bytes()) >> 1;
        Self {
            slots: std::array::from_fn(|_| WatchSlot {
                view: None,
                target: None,
                thin: false,
                given: None,
                stream: VideoStream::new(sequence(random), u32::from_ne_bytes(random.bytes()), now),
                pending: None,
                next_resent: u64::from(sequence(random)),
                told: None,
            }),
            sounds: std::array::from_fn(|_| SoundSlot {
                screen: None,
                stream: SlotStream::new(now, u32::from_ne_bytes(random.bytes())),
                cursor: SlotCursor::new(sequence(random)),
            }),
            estimate: Estimate::new(now),
            planned_bits: 0,
            short_of: 0,
            resent: RateLimit::new(RESENT_PER_SECOND, RESENT_BURST, now),
        }
    }

    /// Sends a packet in a slot, if it is the one that the slot waits for or goes on with. Returns
    /// whether the slot shows another layer now.
    pub fn forward(
        &mut self,
        slot: usize,
        arrived: &Arrived<'_>,
        sources: &[Option<Box<Source>>],
        line: &Line<'_>,
        out: &mut Out<'_>,
    ) -> bool {
        let place = &mut self.slots[slot];
        if place.stream.layer() == Some(arrived.layer) {
            let Some(source) = source_of(sources, arrived.layer) else { return false };
            let thin = place.thin;
            if let Some(placed) = place.stream.place(&arrived.packet, arrived.sniffed.discardable, thin) {
                self.send(slot, source, &arrived.packet, &placed, line, out);
            }
        } else if place.target == Some(arrived.layer) {
            if arrived.sniffed.starts_key && place.pending.is_none() {
                place.pending = Some((arrived.packet.index, out.now));
            }
        } else {
            return false;
        }
        let place = &self.slots[slot];
        match place.pending {
            Some((from, since))
                if place.stream.between_pictures()
                    || out.now.saturating_duration_since(since) >= PICTURE_END_WAIT =>
            {
                self.switch(slot, from, sources, line, out)
            }
            _ => false,
        }
    }

    /// Begins the target's run with the key frame that starts at `from`, and sends what has come of
    /// it so far.
    fn switch(
        &mut self,
        slot: usize,
        from: u64,
        sources: &[Option<Box<Source>>],
        line: &Line<'_>,
        out: &mut Out<'_>,
    ) -> bool {
        let place = &mut self.slots[slot];
        place.pending = None;
        let Some(target) = place.target else { return false };
        let Some(source) = source_of(sources, target) else { return false };
        let layer = &source.layers[usize::from(target.number)];
        let Some(first) = layer.cache.get(from) else { return false };
        place.stream.start(target, &first, out.now);
        for index in from..=layer.highest {
            let Some(packet) = layer.cache.get(index) else { continue };
            let place = &mut self.slots[slot];
            let discardable = sniff(source.codec, packet.payload).is_some_and(|sniffed| sniffed.discardable);
            if let Some(placed) = place.stream.place(&packet, discardable, place.thin) {
                self.send(slot, source, &packet, &placed, line, out);
            }
        }
        true
    }

    fn send(
        &mut self,
        slot: usize,
        source: &Source,
        packet: &Packet<'_>,
        placed: &Placed,
        line: &Line<'_>,
        out: &mut Out<'_>,
    ) {
        let header = VideoHeader {
            payload_type: match source.codec {
                VideoCodec::H264 => PT_H264,
                VideoCodec::Av1 => PT_AV1,
            },
            marker: packet.marker && !placed.hollow,
            padded: placed.hollow,
            sequence: placed.index as u16,
            timestamp: placed.timestamp,
            ssrc: video_slot_ssrc(slot),
            csrc: source.id.0,
            transport: self.estimate.next_number(),
        };
        let payload = if placed.hollow { &PADDING } else { packet.payload };
        let stream = &mut self.slots[slot].stream;
        stream.packets = stream.packets.wrapping_add(1);
        stream.octets = stream.octets.wrapping_add(payload.len() as u32);
        if let Some(len) = line.send(&header.bytes(), payload, placed.index, out.outbox) {
            self.estimate.note_sent(len, out.now);
            out.stats.video_forwarded += 1;
            out.stats.video_bytes_forwarded += len as u64;
        }
    }

    /// Sends a packet again that the receiver says it misses.
    pub fn resend(
        &mut self,
        slot: usize,
        sequence: u16,
        sources: &[Option<Box<Source>>],
        line: &Line<'_>,
        out: &mut Out<'_>,
    ) -> bool {
        let Some(place) = self.slots.get_mut(slot) else { return false };
        let Some(sent) = place.stream.resend(sequence, RESEND_PAUSE, out.now) else { return false };
        let Some(source) = source_of(sources, sent.layer) else { return false };
        let layer = &source.layers[usize::from(sent.layer.number)];
        let Some(packet) = layer.cache.get(sent.index).filter(|_| self.resent.allow(out.now)) else {
            return false;
        };
        let header = VideoHeader {
            payload_type: repeated_type(source.codec),
            marker: packet.marker,
            padded: false,
            sequence: place.next_resent as u16,
            timestamp: sent.timestamp,
            ssrc: video_slot_rtx_ssrc(slot),
            csrc: source.id.0,
            transport: self.estimate.next_number(),
        };
        // RFC 4588 §4: the original's number goes in front.
        let mut payload = [0; 2 + PACKET_BYTES_MAX];
        payload[..2].copy_from_slice(&sequence.to_be_bytes());
        payload[2..2 + packet.payload.len()].copy_from_slice(packet.payload);
        let payload = &payload[..2 + packet.payload.len()];
        let index = place.next_resent;
        place.next_resent += 1;
        let Some(len) = line.send(&header.bytes(), payload, index, out.outbox) else { return false };
        self.estimate.note_sent(len, out.now);
        true
    }

    /// Sends so many bytes of padding, as repeated packets of nothing in a slot that shows something.
    pub fn pad(&mut self, bytes: u64, sources: &[Option<Box<Source>>], line: &Line<'_>, out: &mut Out<'_>) {
        let shows = self.slots.iter().enumerate().find_map(|(slot, place)| {
            Some((slot, source_of(sources, place.stream.layer()?)?, place.stream.timestamp_at(out.now)))
        });
        let Some((slot, source, timestamp)) = shows else { return };
        let mut left = bytes;
        while left >= PADDING_LONG.len() as u64 {
            let place = &mut self.slots[slot];
            let header = VideoHeader {
                payload_type: repeated_type(source.codec),
                marker: false,
                padded: true,
                sequence: place.next_resent as u16,
                timestamp,
                ssrc: video_slot_rtx_ssrc(slot),
                csrc: source.id.0,
                transport: self.estimate.next_number(),
            };
            let index = place.next_resent;
            place.next_resent += 1;
            let Some(len) = line.send(&header.bytes(), &PADDING_LONG, index, out.outbox) else { return };
            self.estimate.note_sent(len, out.now);
            out.stats.video_padding += 1;
            left = left.saturating_sub(len as u64);
        }
    }

    /// Sends a packet of a screen's sound in a slot.
    pub fn forward_sound(
        &mut self,
        slot: usize,
        sound: &Sound<'_>,
        line: &Line<'_>,
        out: &mut Out<'_>,
    ) -> bool {
        let place = &mut self.sounds[slot];
        let at = place.stream.place(sound.source, false, sound.index, sound.timestamp, sound.marker, out.now);
        let Some((at, (index, marker))) =
            at.and_then(|at| Some((at, place.cursor.take(&at, sound.payload.len())?)))
        else {
            return false;
        };
        let mut header =
            VoiceHeader::new(screen_audio_slot_ssrc(slot), sound.source.0, at.timestamp, sound.level);
        line.send(header.bytes(marker, index as u16), sound.payload, index, out.outbox).is_some()
    }
}

impl WatchSlot {
    /// Shows nothing from now on.
    pub fn stop(&mut self) {
        self.stream.stop();
        self.given = None;
        self.aim(None);
    }

    /// Waits for another layer.
    pub fn aim(&mut self, target: Option<LayerId>) {
        if self.target != target {
            self.target = target;
            self.pending = None;
        }
    }

    /// Whether its target's next key frame is still to come.
    pub fn waits(&self) -> bool {
        self.target.is_some() && self.target != self.stream.layer() && self.pending.is_none()
    }
}

impl SoundSlot {
    /// The stream's clock at a moment, for sender reports.
    pub fn timestamp_at(&self, now: Instant) -> u32 {
        self.stream.timestamp_at(now)
    }
}

impl Line<'_> {
    fn send(&self, header: &[u8], payload: &[u8], index: u64, outbox: &mut dyn Outbox) -> Option<usize> {
        // Sealing fails for want of room only.
        let len = self.cipher.seal_rtp(header, payload, index, outbox.buffer()).ok()?;
        outbox.send(self.address, len);
        Some(len)
    }
}

/// Payload type of packets that are sent again (RFC 4588).
fn repeated_type(codec: VideoCodec) -> u8 {
    match codec {
        VideoCodec::H264 => PT_H264_RTX,
        VideoCodec::Av1 => PT_AV1_RTX,
    }
}

/// The source of a layer, unless it has gone.
pub(crate) fn source_of(sources: &[Option<Box<Source>>], layer: LayerId) -> Option<&Source> {
    sources.get(layer.place as usize)?.as_deref().filter(|source| source.serial == layer.serial)
}
