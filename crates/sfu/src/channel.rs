//! One channel: its slots and its receivers, and the fan-out between them.

use crate::Outbox;
use crate::random::Random;
use crate::rtp::{AudioLevel, VoiceHeader};
use crate::selection::Selection;
use crate::slot::{Place, SlotCursor, SlotStream};
use crate::srtp::{Cipher, DirectionKeys};
use crate::stats::ShardStats;
use crate::video::ChannelVideo;
use crate::video::source::Route;
use crate::video::watch::{Line, Watch};
use std::net::SocketAddr;
use std::time::Instant;
use voicehall_protocol::ids::ChannelId;
use voicehall_protocol::rtp::{SourceId, VOICE_SLOTS, voice_slot_ssrc};

pub(crate) struct Channel {
    pub id: ChannelId,
    /// Tells this channel's timers from those of an earlier one in the same place.
    pub serial: u64,
    /// Sessions in it, connected or not.
    pub sessions: usize,
    pub selection: Selection,
    pub slots: [SlotStream; VOICE_SLOTS],
    /// Everything that fan-out needs, contiguous: it walks this and nothing else.
    pub receivers: Vec<Receiver>,
    /// Where the next fan-out starts, so that the wait for one's turn is shared fairly.
    start: usize,
    pub video: ChannelVideo,
    /// When media last came; reports follow it.
    pub media_at: Instant,
    pub reports_armed: bool,
    /// Which part of the receivers has its reports next.
    pub report_step: usize,
}

/// A connected session as a receiver.
pub(crate) struct Receiver {
    /// Place of its session in the shard.
    pub session: u32,
    pub address: SocketAddr,
    pub deafened: bool,
    rtp: Cipher,
    rtcp: Cipher,
    rtcp_index: u32,
    pub cursors: [SlotCursor; VOICE_SLOTS],
    /// Voice packets sent to it.
    pub forwarded: u64,
    /// What it sees; none before its first views.
    pub watch: Option<Box<Watch>>,
}

/// A voice packet, decrypted and without its sender's header.
pub(crate) struct Voice<'a> {
    pub source: SourceId,
    /// Place of the speaker's session: nobody gets their own voice.
    pub session: u32,
    pub level: AudioLevel,
    pub payload: &'a [u8],
}

impl Channel {
    pub fn new(id: ChannelId, serial: u64, random: &mut Random, now: Instant) -> Self {
        Self {
            id,
            serial,
            sessions: 0,
            selection: Selection::default(),
            slots: std::array::from_fn(|_| SlotStream::new(now, u32::from_ne_bytes(random.bytes()))),
            receivers: Vec::new(),
            start: 0,
            video: ChannelVideo::new(now),
            media_at: now,
            reports_armed: false,
            report_step: 0,
        }
    }

    /// Takes a receiver away; the last one stands in its place then, and video's routes follow it.
    /// Returns that one's session.
    pub fn remove_receiver(&mut self, place: u32) -> Option<u32> {
        self.receivers.swap_remove(place as usize);
        let last = self.receivers.len() as u32;
        let follow = |routes: &mut Vec<Route>| {
            routes.retain(|route| route.receiver != place);
            routes.iter_mut().filter(|route| route.receiver == last).for_each(|route| route.receiver = place);
        };
        for source in self.video.sources.iter_mut().flatten() {
            source.layers.iter_mut().for_each(|layer| follow(&mut layer.routes));
            follow(&mut source.sound_routes);
        }
        self.video.stale = true;
        self.receivers.get(place as usize).map(|moved| moved.session)
    }

    /// Sends a packet that has its place in a slot to everyone who may hear it. Returns to how
    /// many.
    pub fn forward(
        &mut self,
        slot: usize,
        place: &Place,
        voice: &Voice<'_>,
        outbox: &mut dyn Outbox,
        stats: &mut ShardStats,
    ) -> u64 {
        let mut header =
            VoiceHeader::new(voice_slot_ssrc(slot), voice.source.0, place.timestamp, voice.level);
        self.start = if self.start + 1 < self.receivers.len() { self.start + 1 } else { 0 };
        let (head, tail) = self.receivers.split_at_mut(self.start);
        let mut forwarded = 0;
        for receiver in tail.iter_mut().chain(head) {
            if receiver.deafened || receiver.session == voice.session {
                continue;
            }
            let Some((index, marker)) = receiver.cursors[slot].take(place, voice.payload.len()) else {
                continue;
            };
            let header = header.bytes(marker, index as u16);
            // Sealing fails for want of room only, and a datagram's payload fits a datagram.
            let Ok(len) = receiver.rtp.seal_rtp(header, voice.payload, index, outbox.buffer()) else {
                continue;
            };
            outbox.send(receiver.address, len);
            receiver.forwarded += 1;
            forwarded += 1;
            stats.bytes_forwarded += len as u64;
        }
        stats.voice_forwarded += forwarded;
        forwarded
    }
}

impl Receiver {
    pub fn new(
        session: u32,
        address: SocketAddr,
        deafened: bool,
        keys: DirectionKeys,
        random: &mut Random,
    ) -> Self {
        Self {
            session,
            address,
            deafened,
            rtp: keys.rtp,
            rtcp: keys.rtcp,
            rtcp_index: 0,
            // In the lower half, so that a receiver who misses the first packets still counts
            // the same rollovers as we do (RFC 3711 §3.3.1).
            cursors: std::array::from_fn(|_| SlotCursor::new(u16::from_ne_bytes(random.bytes()) >> 1)),
            forwarded: 0,
            watch: None,
        }
    }

    /// Its slots, and where their packets go.
    pub fn watching(&mut self) -> Option<(&mut Watch, Line<'_>)> {
        let line = Line { cipher: &self.rtp, address: self.address };
        Some((self.watch.as_deref_mut()?, line))
    }

    /// Deafens or undeafens.
    pub fn set_deafened(&mut self, deafened: bool) {
        self.deafened = deafened;
        if deafened {
            self.cursors.iter_mut().for_each(SlotCursor::interrupt);
        }
    }

    /// Sends a voice packet that this receiver alone gets. Returns whether there was room for it.
    pub fn send_aside(
        &mut self,
        slot: usize,
        header: &mut VoiceHeader,
        payload: &[u8],
        marker: bool,
        outbox: &mut dyn Outbox,
    ) -> bool {
        let index = self.cursors[slot].take_aside(payload.len());
        let header = header.bytes(marker, index as u16);
        let Ok(len) = self.rtp.seal_rtp(header, payload, index, outbox.buffer()) else { return false };
        outbox.send(self.address, len);
        true
    }

    /// Seals the RTCP packet in the outbox's buffer and sends it.
    pub fn send_rtcp(&mut self, len: usize, outbox: &mut dyn Outbox, stats: &mut ShardStats) {
        let index = self.rtcp_index;
        // 2^31 packets, at one a second, outlast any session.
        self.rtcp_index += 1;
        if let Ok(len) = self.rtcp.seal_rtcp(outbox.buffer(), len, index) {
            outbox.send(self.address, len);
            stats.rtcp_sent += 1;
        }
    }
}
