//! Video: what sessions say of it, and what happens to its packets.

use super::{Shard, session};
use crate::Outbox;
use crate::channel::{Channel, Receiver};
use crate::congestion::feedback::BYTES_MAX;
use crate::report::{self, Feedback};
use crate::rtcp;
use crate::rtp::{AudioLevel, RtpHeader};
use crate::session::{Inbound, Session};
use crate::stats::ShardStats;
use crate::timers::Timer;
use crate::video::cache::Packet;
use crate::video::inbound::{Opened, Refused, Role, codec_of};
use crate::video::plan::plan;
use crate::video::sniff::sniff;
use crate::video::source::{LayerId, Source};
use crate::video::watch::{Arrived, Out, Sound, Watch, source_of};
use crate::video::{ChannelVideo, REVIEW, TURN, missing};
use std::time::Instant;
use voicehall_protocol::ids::VoiceSessionId;
use voicehall_protocol::rtp::{NODE_SSRC, PACKET_BYTES_MAX, SourceId, SourceKind, VIDEO_LAYERS, VIDEO_SLOTS};
use voicehall_protocol::video::{Sending, SlotView, VideoCodec, View};

/// Most pictures a second that a view may ask for.
const FRAME_RATE_MAX: u8 = 120;

/// What a session needs to send of its camera and of its screen: pictures a second for each layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demand {
    /// Of its camera, the smallest layer first.
    pub camera: [Option<u8>; VIDEO_LAYERS],
    /// Of its screen.
    pub screen: [Option<u8>; VIDEO_LAYERS],
}

/// Who sees a session's videos: each one's microphone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watchers {
    /// Its camera.
    pub camera: Vec<SourceId>,
    /// Its screen.
    pub screen: Vec<SourceId>,
}

impl Shard {
    /// Takes all that a session wants to see, instead of what it wanted before. Views of no slot, of
    /// no video, or in a slot that another view has, are left out. Before it is connected it sees
    /// nothing: then this does nothing and returns false.
    pub fn set_views(
        &mut self,
        id: VoiceSessionId,
        views: &[View],
        now: Instant,
        outbox: &mut dyn Outbox,
    ) -> bool {
        let Some((at, receiver)) = self.receiver_of(id) else { return false };
        if receiver.watch.is_none() {
            if views.is_empty() {
                return true;
            }
            let watch = Watch::new(&mut self.random, now);
            if let Some((_, receiver)) = self.receiver_of(id) {
                receiver.watch = Some(Box::new(watch));
            }
        }
        let Some((_, Receiver { watch: Some(watch), .. })) = self.receiver_of(id) else { return false };
        for (number, slot) in watch.slots.iter_mut().enumerate() {
            let view = views.iter().take(VIDEO_SLOTS).find(|view| usize::from(view.slot) == number);
            let view = view.filter(|view| is_video(view.source)).copied();
            let view = view.map(|view| View { frame_rate: view.frame_rate.clamp(1, FRAME_RATE_MAX), ..view });
            if slot.view.map(|view| view.source) != view.map(|view| view.source) {
                slot.stop();
            }
            slot.view = view;
        }
        self.video_turn(at, true, now, outbox);
        true
    }

    /// Takes all that a session sends or is ready to send. From then on nothing else of it is taken.
    pub fn set_send(
        &mut self,
        id: VoiceSessionId,
        camera: Option<&Sending>,
        screen: Option<&Sending>,
        now: Instant,
        outbox: &mut dyn Outbox,
    ) -> bool {
        let Some(&index) = self.by_id.get(&id) else { return false };
        let Some(session) = session(&mut self.sessions, index) else { return false };
        let Some(channel) = &mut self.channels[session.channel as usize] else { return false };
        session.announces = true;
        for (kind, sending) in [(SourceKind::Camera, camera), (SourceKind::Screen, screen)] {
            match (sending, session.sources[place_of(kind)]) {
                (Some(sending), Some(place)) => {
                    if let Some(source) = channel.video.sources[place as usize].as_deref_mut() {
                        source.announce(sending);
                    }
                }
                (Some(sending), None) => {
                    self.serial += 1;
                    add_source(session, index, channel, kind, sending.codec, self.serial).announce(sending);
                }
                (None, Some(place)) => {
                    channel.video.remove(place);
                    session.sources[place_of(kind)] = None;
                }
                (None, None) => {}
            }
        }
        let channel = session.channel;
        self.video_turn(channel, true, now, outbox);
        true
    }

    /// What anybody needs of a session's videos.
    pub fn demand(&self, id: VoiceSessionId) -> Demand {
        let demand = |kind| self.source_of(id, kind).map(|source| source.demand).unwrap_or_default();
        Demand { camera: demand(SourceKind::Camera), screen: demand(SourceKind::Screen) }
    }

    /// Who sees a session's videos.
    pub fn watchers(&self, id: VoiceSessionId) -> Watchers {
        let watchers = |kind| self.source_of(id, kind).map(|s| s.watchers.clone()).unwrap_or_default();
        Watchers { camera: watchers(SourceKind::Camera), screen: watchers(SourceKind::Screen) }
    }

    /// What is in the slots that a session has views for.
    pub fn slots(&self, id: VoiceSessionId) -> Vec<SlotView> {
        let session = self.by_id.get(&id).and_then(|index| self.sessions[*index as usize].as_deref());
        let channel = session.and_then(|session| self.channels[session.channel as usize].as_ref());
        let place = session.and_then(|session| session.receiver);
        let receiver = channel.zip(place).and_then(|(channel, place)| channel.receivers.get(place as usize));
        let watch = receiver.and_then(|receiver| receiver.watch.as_deref());
        watch.map(|watch| watch.slots.iter().filter_map(|slot| slot.told).collect()).unwrap_or_default()
    }

    /// A packet that is not of the microphone.
    pub(super) fn handle_video(
        &mut self,
        index: u32,
        header: &RtpHeader,
        packet: &mut [u8],
        now: Instant,
        outbox: &mut dyn Outbox,
    ) {
        let Some(session) = session(&mut self.sessions, index) else { return };
        let Some(Inbound { keys, streams, .. }) = &mut session.inbound else { return };
        let opened = match streams.open(keys, header, packet, now) {
            Ok(opened) => opened,
            Err(refused) => return count(refused, &mut self.stats),
        };
        self.stats.video_received += 1;
        self.stats.video_recovered += u64::from(opened.repeated);
        if !session.video_limit.allow(now) {
            self.stats.dropped_rate += 1;
            return;
        }
        let kind = match opened.role {
            Role::Layer(kind, _) | Role::Repair(kind, _) => kind,
            Role::Sound => SourceKind::Screen,
        };
        if !session.bits.may_send(kind) {
            self.stats.dropped_barred += 1;
            return;
        }
        let Some(channel) = &mut self.channels[session.channel as usize] else { return };
        if !channel.reports_armed {
            channel.reports_armed = true;
            let timer = Timer::Channel { index: session.channel, serial: channel.serial };
            self.timers.set(now + report::REPORT_STEP, timer);
        }
        channel.media_at = now;
        if !channel.video.armed {
            channel.video.armed = true;
            let timer = Timer::Video { index: session.channel, serial: channel.serial };
            self.timers.set(now + TURN, timer);
        }
        match opened.role {
            Role::Layer(_, number) => {
                let codec = codec_of(header.payload_type);
                if session.sources[place_of(kind)].is_none()
                    && let Some(codec) = codec.filter(|_| !session.announces)
                {
                    self.serial += 1;
                    add_source(session, index, channel, kind, codec, self.serial);
                }
                let Some(place) = session.sources[place_of(kind)] else { return };
                let out = &mut Out { now, outbox, stats: &mut self.stats };
                forward(channel, place, number, &opened, header, packet, out);
            }
            Role::Repair(..) => {}
            Role::Sound => {
                let Some(place) = session.sources[place_of(kind)] else { return };
                let source = session.speaker.source.sibling(SourceKind::ScreenAudio);
                let sound = Sound {
                    source,
                    index: opened.index,
                    timestamp: header.timestamp,
                    marker: header.marker,
                    level: header.level.unwrap_or(AudioLevel::UNKNOWN),
                    payload: &packet[opened.payload],
                };
                let out = &mut Out { now, outbox, stats: &mut self.stats };
                forward_sound(channel, place, &sound, out);
            }
        }
    }

    /// What a receiver says of the video that it gets.
    pub(super) fn handle_feedback(
        &mut self,
        index: u32,
        feedback: &Feedback,
        now: Instant,
        outbox: &mut dyn Outbox,
    ) {
        let Some(session) = session(&mut self.sessions, index) else { return };
        let Some(channel) = &mut self.channels[session.channel as usize] else { return };
        let Channel { receivers, video, .. } = channel;
        let receiver = session.receiver.and_then(|receiver| receivers.get_mut(receiver as usize));
        let Some((watch, line)) = receiver.and_then(Receiver::watching) else { return };
        let out = &mut Out { now, outbox, stats: &mut self.stats };
        for (slot, sequence) in feedback.missing() {
            if watch.resend(slot, sequence, &video.sources, &line, out) {
                out.stats.video_resent += 1;
            } else {
                out.stats.dropped_nack += 1;
            }
        }
        for slot in (0..VIDEO_SLOTS).filter(|slot| feedback.has_lost_picture(*slot)) {
            let layer = watch.slots[slot].stream.layer().or(watch.slots[slot].target);
            if let Some(LayerId { place, number, .. }) =
                layer.filter(|layer| source_of(&video.sources, *layer).is_some())
                && let Some(source) = video.sources[place as usize].as_deref_mut()
            {
                source.layers[usize::from(number)].key.want();
            }
        }
    }

    /// What a receiver says of when its video came.
    pub(super) fn handle_arrivals(&mut self, index: u32, body: &[u8], now: Instant) {
        let Some(session) = session(&mut self.sessions, index) else { return };
        let Some(channel) = &mut self.channels[session.channel as usize] else { return };
        let Channel { receivers, video, .. } = channel;
        let receiver = session.receiver.and_then(|receiver| receivers.get_mut(receiver as usize));
        let Some((watch, _)) = receiver.and_then(Receiver::watching) else { return };
        watch.estimate.hear(body, now);
        // What no longer fits is changed at once, what might fit again at the next review.
        video.stale |= watch.estimate.bits_per_second() * 10 < watch.planned_bits * 9;
    }

    pub(super) fn video_timeout(&mut self, index: u32, serial: u64, now: Instant, outbox: &mut dyn Outbox) {
        let Some(channel) = self.channels[index as usize].as_mut().filter(|channel| channel.serial == serial)
        else {
            return;
        };
        channel.video.armed = false;
        let due = channel.video.stale || now.saturating_duration_since(channel.video.planned_at) >= REVIEW;
        self.video_turn(index, due, now, outbox);
    }

    /// Plans a channel's video anew where that is `due`, asks publishers for what is missing, and sets
    /// its timer while there is any video.
    fn video_turn(&mut self, index: u32, due: bool, now: Instant, outbox: &mut dyn Outbox) {
        let Some(channel) = &mut self.channels[index as usize] else { return };
        if due {
            channel.video.stale = false;
            channel.video.planned_at = now;
            plan(channel, &self.sessions, now, outbox);
        }
        for place in 0..channel.video.sources.len() {
            let out = &mut Out { now, outbox, stats: &mut self.stats };
            ask(channel, place, &mut self.sessions, out);
        }
        let Channel { receivers, video, .. } = channel;
        for (watch, line) in receivers.iter_mut().filter_map(Receiver::watching) {
            watch.estimate.pass(now);
            let bytes = watch.estimate.padding_due(watch.short_of, now, TURN);
            if bytes > 0 {
                let out = &mut Out { now, outbox, stats: &mut self.stats };
                watch.pad(bytes, &video.sources, &line, out);
            }
        }
        let any = !channel.video.places.is_empty()
            || channel.video.stale
            || channel.receivers.iter().any(|receiver| receiver.watch.is_some());
        if any && !channel.video.armed {
            channel.video.armed = true;
            self.timers.set(now + TURN, Timer::Video { index, serial: channel.serial });
        }
    }

    /// The place of a connected session's channel, and itself as a receiver.
    fn receiver_of(&mut self, id: VoiceSessionId) -> Option<(u32, &mut Receiver)> {
        let session = self.sessions.get(*self.by_id.get(&id)? as usize)?.as_deref()?;
        let channel = self.channels[session.channel as usize].as_mut()?;
        Some((session.channel, channel.receivers.get_mut(session.receiver? as usize)?))
    }

    fn source_of(&self, id: VoiceSessionId, kind: SourceKind) -> Option<&Source> {
        let session = self.sessions.get(*self.by_id.get(&id)? as usize)?.as_deref()?;
        let channel = self.channels[session.channel as usize].as_ref()?;
        channel.video.sources.get(session.sources[place_of(kind)]? as usize)?.as_deref()
    }
}

/// Keeps a packet of a layer and sends it to all slots that show it or wait for it.
fn forward(
    channel: &mut Channel,
    place: u32,
    number: u8,
    opened: &Opened,
    header: &RtpHeader,
    datagram: &[u8],
    out: &mut Out<'_>,
) {
    let Channel { receivers, video: ChannelVideo { sources, stale, .. }, .. } = channel;
    let Some(source) = sources[place as usize].as_deref_mut() else { return };
    let payload = &datagram[opened.payload.clone()];
    let sniffed = sniff(source.codec, payload).filter(|_| payload.len() <= PACKET_BYTES_MAX);
    // A repeated packet has the type of repeated ones.
    let fits = opened.repeated || codec_of(header.payload_type) == Some(source.codec);
    let Some(sniffed) = sniffed.filter(|_| fits) else {
        out.stats.dropped_payload += 1;
        return;
    };
    let id = source.layer_id(place, number);
    let layer = &mut source.layers[usize::from(number)];
    if layer.ssrc != Some(opened.ssrc) {
        // Another stream counts otherwise: what is kept and what is shown of the old one is over.
        if layer.ssrc.replace(opened.ssrc).is_some() {
            layer.cache.clear();
            for route in &layer.routes {
                let receiver = receivers.get_mut(route.receiver as usize);
                if let Some((watch, _)) = receiver.and_then(Receiver::watching)
                    && watch.slots[usize::from(route.slot)].stream.layer() == Some(id)
                {
                    watch.slots[usize::from(route.slot)].stream.stop();
                }
            }
        }
        layer.highest = opened.index;
        *stale = true;
    }
    layer.last_at = Some(out.now);
    layer.meter.count(payload.len(), sniffed.discardable, out.now);
    layer.highest = layer.highest.max(opened.index);
    if layer.routes.is_empty() {
        return;
    }
    if opened.broken {
        layer.key.want();
    }
    if sniffed.starts_key {
        layer.key.came();
    }
    let packet = Packet { index: opened.index, timestamp: header.timestamp, marker: header.marker, payload };
    layer.cache.keep(&packet);
    let arrived = Arrived { layer: id, packet, sniffed };
    let Some(source) = source_of(sources, id) else { return };
    for route in &source.layers[usize::from(number)].routes {
        let receiver = receivers.get_mut(route.receiver as usize);
        let Some((watch, line)) = receiver.and_then(Receiver::watching) else { continue };
        *stale |= watch.forward(usize::from(route.slot), &arrived, sources, &line, out);
    }
}

fn forward_sound(channel: &mut Channel, place: u32, sound: &Sound<'_>, out: &mut Out<'_>) {
    let Channel { receivers, video, .. } = channel;
    let Some(source) = video.sources[place as usize].as_deref() else { return };
    for route in &source.sound_routes {
        let receiver = receivers.get_mut(route.receiver as usize).filter(|receiver| !receiver.deafened);
        let Some((watch, line)) = receiver.and_then(Receiver::watching) else { continue };
        let sent = watch.forward_sound(usize::from(route.slot), sound, &line, out);
        out.stats.screen_audio_forwarded += u64::from(sent);
    }
}

/// Asks a publisher for packets that are missing of a source and for key frames that are due, and tells
/// it when its packets came.
fn ask(channel: &mut Channel, place: usize, sessions: &mut [Option<Box<Session>>], out: &mut Out<'_>) {
    let Some(source) = channel.video.sources[place].as_deref_mut() else { return };
    let Some(owner) = session(sessions, source.owner) else { return };
    let Some((inbound, receiver)) = owner.inbound.as_mut().zip(owner.receiver) else { return };
    let mut writer = rtcp::Writer::new(out.outbox.buffer());
    for stream in inbound.streams.iter_mut() {
        let Role::Layer(kind, number) = stream.role else { continue };
        if kind != source.id.kind() {
            continue;
        }
        let layer = &mut source.layers[usize::from(number)];
        let mut due = missing::due();
        let count = stream.missing.due(out.now, &mut due);
        // What nobody sees need not be whole.
        if !layer.routes.is_empty() {
            writer.nack(NODE_SSRC, stream.reception.ssrc(), &due[..count]);
            out.stats.video_nacked += count as u64;
        }
        if layer.key.due(out.now) {
            writer.picture_loss(NODE_SSRC, stream.reception.ssrc());
            out.stats.key_frames_requested += 1;
        }
    }
    if inbound.streams.arrivals.is_due(out.now) {
        let mut body = [0; BYTES_MAX];
        let media = inbound.streams.iter_mut().next().map(|stream| stream.reception.ssrc());
        if let Some((len, media)) = inbound.streams.arrivals.write(out.now, &mut body).zip(media) {
            writer.transport_feedback(NODE_SSRC, media, &body[..len]);
        }
    }
    if !writer.is_empty() {
        let len = writer.finish();
        channel.receivers[receiver as usize].send_rtcp(len, out.outbox, out.stats);
    }
}

fn add_source<'a>(
    session: &mut Session,
    index: u32,
    channel: &'a mut Channel,
    kind: SourceKind,
    codec: VideoCodec,
    serial: u64,
) -> &'a mut Source {
    let id = session.speaker.source.sibling(kind);
    let place = channel.video.add(Source::new(serial, index, id, codec, session.bits.may_send(kind)));
    session.sources[place_of(kind)] = Some(place);
    channel.video.sources[place as usize].as_deref_mut().expect("it was just placed")
}

/// Where a session keeps the place of its camera or its screen.
fn place_of(kind: SourceKind) -> usize {
    usize::from(kind == SourceKind::Screen)
}

fn is_video(source: SourceId) -> bool {
    matches!(source.kind(), SourceKind::Camera | SourceKind::Screen)
}

fn count(refused: Refused, stats: &mut ShardStats) {
    match refused {
        Refused::Srtp(error) => super::media::count(error, stats),
        Refused::Foreign => stats.dropped_foreign_ssrc += 1,
        Refused::Payload => stats.dropped_payload += 1,
        Refused::Nothing => stats.dropped_repeated += 1,
    }
}
