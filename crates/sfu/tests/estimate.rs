//! Video over lines that carry less than is wanted, in virtual time and from a seed: each viewer tells
//! when packets came, as a browser does.

mod common;

use common::{Call, address, session, source};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use voicehall_protocol::rtp::{
    EXT_MID, EXT_RID, MID_CAMERA, PT_H264, RIDS, SourceId, SourceKind, VIDEO_LAYERS,
};
use voicehall_protocol::ticket::SessionBits;
use voicehall_protocol::video::{Content, Sending, SentLayer, SlotState, VideoCodec, View};
use voicehall_sfu::congestion::feedback;
use voicehall_sfu::rtcp::Report;
use voicehall_test_peer::{Place, Seen};

const STEP: Duration = Duration::from_millis(1);

/// Of the three layers, in bits a second.
const RATES: [u64; VIDEO_LAYERS] = [130_000, 500_000, 2_000_000];

/// Bytes of a packet's payload at most.
const PAYLOAD: usize = 1100;

/// A camera that sends what is demanded of it, 30 pictures a second.
struct Camera {
    peer: usize,
    index: [u64; VIDEO_LAYERS],
    key: [bool; VIDEO_LAYERS],
    pictures: u32,
}

impl Camera {
    fn ssrc(&self, layer: usize) -> u32 {
        (0x1000 + self.peer * 16 + layer) as u32
    }

    fn send(&mut self, call: &mut Call) {
        self.pictures += 1;
        for report in call.peers[self.peer].take_reports() {
            if let Report::PictureLoss { ssrc } = report {
                let layer = (0..VIDEO_LAYERS).find(|layer| self.ssrc(*layer) == ssrc).unwrap();
                self.key[layer] = true;
            }
        }
        let demand = call.shard.demand(session(self.peer)).camera;
        for layer in (0..VIDEO_LAYERS).filter(|layer| demand[*layer].is_some()) {
            let key = std::mem::take(&mut self.key[layer]);
            let mut left = RATES[layer] as usize / 8 / 30 * if key { 4 } else { 1 };
            let mut first = true;
            while left > 0 {
                let len = left.clamp(50, PAYLOAD);
                left -= len.min(left);
                let mut payload = vec![if key && first { 0x67 } else { 0x41 }, layer as u8, u8::from(key)];
                payload.extend(self.pictures.to_be_bytes());
                payload.push(u8::from(first));
                payload.resize(len, 7);
                let mut head = vec![0x90, PT_H264 | u8::from(left == 0) << 7];
                head.extend((self.index[layer] as u16).to_be_bytes());
                head.extend((self.pictures * 3000).to_be_bytes());
                head.extend(self.ssrc(layer).to_be_bytes());
                head.extend([0xbe, 0xde, 0, 2, EXT_MID << 4, b'0' + MID_CAMERA as u8, EXT_RID << 4]);
                head.extend(RIDS[layer].as_bytes());
                head.resize(24, 0);
                call.peers[self.peer].send_with(&head, &payload, self.index[layer]).unwrap();
                self.index[layer] += 1;
                first = false;
            }
        }
    }
}

/// A bottleneck with a queue, which any number of viewers are behind.
struct Line {
    bits_per_second: u64,
    /// Lost by chance, in a hundred.
    loss: u64,
    /// When the queue is empty again.
    free_at: Instant,
    queue: VecDeque<(Instant, usize, Vec<u8>)>,
    viewers: Vec<usize>,
    /// Bytes that left it.
    carried: BTreeMap<usize, u64>,
}

/// What a viewer will tell.
#[derive(Default)]
struct Telling {
    start: Option<u16>,
    came: BTreeMap<u64, u64>,
    next: u64,
}

struct World {
    call: Call,
    cameras: Vec<Camera>,
    lines: Vec<Line>,
    telling: BTreeMap<usize, Telling>,
    seen: BTreeMap<usize, Vec<Seen>>,
    started: Instant,
    seed: u64,
}

fn sending() -> Sending {
    let layers = [180, 360, 720].map(|height| SentLayer { height, frame_rate: 30 }).to_vec();
    Sending { codec: VideoCodec::H264, content: Content::Motion, layers }
}

fn camera(peer: usize) -> SourceId {
    source(peer).sibling(SourceKind::Camera)
}

impl World {
    /// Cameras first, then viewers, each on the line of its number.
    fn new(cameras: usize, lines: &[(u64, usize)]) -> Self {
        let viewers: usize = lines.iter().map(|(_, viewers)| viewers).sum();
        let mut call = Call::of(cameras + viewers);
        for peer in 0..cameras {
            call.shard.update(session(peer), SessionBits::SPEAK | SessionBits::VIDEO);
            assert!(call.shard.set_send(session(peer), Some(&sending()), None, call.now, &mut call.said));
        }
        let mut next = cameras;
        let lines = lines
            .iter()
            .map(|(bits_per_second, viewers)| {
                next += viewers;
                Line {
                    bits_per_second: *bits_per_second,
                    loss: 0,
                    free_at: call.now,
                    queue: VecDeque::new(),
                    viewers: (next - viewers..next).collect(),
                    carried: BTreeMap::new(),
                }
            })
            .collect();
        let cameras =
            (0..cameras).map(|peer| Camera { peer, index: [1000; 3], key: [true; 3], pictures: 0 }).collect();
        let started = call.now;
        Self { call, cameras, lines, telling: BTreeMap::new(), seen: BTreeMap::new(), started, seed: 11 }
    }

    fn watch(&mut self, peer: usize, views: &[View]) {
        assert!(self.call.shard.set_views(session(peer), views, self.call.now, &mut self.call.said));
    }

    fn run(&mut self, seconds: f64) {
        for _ in 0..(seconds * 1000.0) as u32 {
            let elapsed = (self.call.now - self.started).as_millis() as u64;
            if elapsed.is_multiple_of(33) {
                self.cameras.iter_mut().for_each(|camera| camera.send(&mut self.call));
            }
            if elapsed.is_multiple_of(20) {
                self.call.peers[0].send_voice(&common::payload(0), 30, self.call.now);
            }
            if elapsed.is_multiple_of(50) {
                self.tell();
            }
            self.step();
        }
    }

    fn step(&mut self) {
        self.call.now += STEP;
        let Call { shard, now, said, peers, .. } = &mut self.call;
        if shard.next_timeout().is_some_and(|at| at <= *now) {
            shard.handle_timeout(*now, said);
        }
        for (index, peer) in peers.iter_mut().enumerate() {
            peer.handle_timeout(*now);
            while let Some(mut datagram) = peer.poll_datagram() {
                shard.handle_datagram(address(index), &mut datagram, *now, said);
            }
        }
        let datagrams = std::mem::take(&mut said.datagrams);
        for (to, datagram) in datagrams {
            let Some(peer) = (0..self.call.peers.len()).find(|peer| address(*peer) == to) else { continue };
            self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let by_chance = self.seed >> 33 & 0xffff;
            match self.lines.iter_mut().find(|line| line.viewers.contains(&peer)) {
                Some(line) => line.take(peer, datagram, by_chance, self.call.now),
                None => self.call.peers[peer].handle_datagram(&datagram, self.call.now),
            }
        }
        self.arrive();
    }

    fn arrive(&mut self) {
        let now = self.call.now;
        for line in &mut self.lines {
            while line.queue.front().is_some_and(|(at, ..)| *at <= now) {
                let (_, peer, datagram) = line.queue.pop_front().unwrap();
                *line.carried.entry(peer).or_default() += datagram.len() as u64;
                self.call.peers[peer].handle_datagram(&datagram, now);
            }
            for peer in &line.viewers {
                let telling = self.telling.entry(*peer).or_default();
                while let Some(seen) = self.call.peers[*peer].poll_seen() {
                    let transport = seen.transport.unwrap();
                    let start = *telling.start.get_or_insert(transport);
                    let ahead = transport.wrapping_sub(start.wrapping_add(telling.next as u16)) as i16;
                    if let Some(number) = telling.next.checked_add_signed(i64::from(ahead)) {
                        telling.came.insert(number, (now - self.started).as_micros() as u64);
                    }
                    self.seen.entry(*peer).or_default().push(seen);
                }
            }
        }
    }

    fn tell(&mut self) {
        for (peer, telling) in &mut self.telling {
            while let Some(last) = telling.came.last_key_value().map(|(last, _)| *last) {
                let mut body = [0; feedback::BYTES_MAX];
                let arrivals = (telling.next..=last).map(|number| telling.came.get(&number).copied());
                let base = telling.start.unwrap().wrapping_add(telling.next as u16);
                let Some((len, count)) = feedback::write(base, arrivals, 0, &mut body) else { break };
                telling.next += count as u64;
                telling.came = telling.came.split_off(&telling.next);
                let tell = |writer: &mut voicehall_sfu::rtcp::Writer<'_>| {
                    writer.transport_feedback(1, 2, &body[..len]);
                };
                self.call.peers[*peer].send_rtcp(tell).unwrap();
            }
        }
    }

    /// The layer in a slot, and how it stands.
    fn slot(&self, peer: usize) -> (Option<u8>, SlotState) {
        let slots = self.call.shard.slots(session(peer));
        (slots[0].layer, slots[0].state)
    }

    /// Layers that came in the last seconds.
    fn layers(&mut self, peer: usize, seconds: u64) -> Vec<u8> {
        let since = self.call.now - Duration::from_secs(seconds);
        let recent = self.seen[&peer].iter().filter(|seen| seen.at >= since && !seen.payload.is_empty());
        let mut layers: Vec<_> = recent.map(|seen| seen.payload[1]).collect();
        layers.dedup();
        layers
    }
}

impl Line {
    fn take(&mut self, peer: usize, datagram: Vec<u8>, by_chance: u64, now: Instant) {
        let begin = self.free_at.max(now);
        // Half a second of queue; voice and control are as well in it as video.
        let full = begin - now > Duration::from_millis(500);
        if full || by_chance < self.loss * 65_536 / 100 {
            return;
        }
        let takes = datagram.len() as u64 * 8_000_000_000 / self.bits_per_second;
        self.free_at = begin + Duration::from_nanos(takes);
        self.queue.push_back((self.free_at + Duration::from_millis(20), peer, datagram));
    }
}

fn view(slot: u8, source: SourceId, height: u16) -> View {
    View { slot, source, height, frame_rate: 30, priority: 0 }
}

/// No slot goes on with another layer or source than by a key frame.
fn assert_decodable(packets: &[Seen]) {
    let mut last: BTreeMap<Place, &Seen> = BTreeMap::new();
    for packet in packets.iter().filter(|packet| matches!(packet.place, Place::Video(_))) {
        let before = last.insert(packet.place, packet);
        let goes_on =
            before.is_some_and(|last| last.payload[1] == packet.payload[1] && last.source == packet.source);
        // What the line dropped in between would be asked for again; these viewers do not.
        let dropped = before.is_some_and(|last| packet.index != last.index + 1);
        assert!(goes_on || dropped || packet.payload[0] == 0x67, "begun with a key frame");
        if let Some(last) = before {
            assert!(packet.index > last.index);
            assert!(packet.timestamp.wrapping_sub(last.timestamp) as i32 >= 0);
        }
    }
}

#[test]
fn a_line_that_gets_bad_gets_a_small_layer_and_the_large_one_once_it_is_good_again() {
    let mut world = World::new(1, &[(5_000_000, 1)]);
    world.watch(1, &[view(0, camera(0), 720)]);
    world.run(5.0);
    assert_eq!(world.layers(1, 2), [2]);
    world.lines[0].bits_per_second = 300_000;
    world.run(2.0);
    assert_eq!(world.slot(1), (Some(0), SlotState::Live));
    assert_eq!(world.call.shard.demand(session(0)).camera, [Some(30), None, None]);
    world.run(20.0);
    assert_eq!(world.layers(1, 10), [0]);
    world.lines[0].bits_per_second = 5_000_000;
    world.run(10.0);
    assert_eq!(world.slot(1), (Some(2), SlotState::Live));
    world.run(10.0);
    assert_eq!(world.layers(1, 8), [2], "and there it stays");
    assert!(world.call.shard.stats().video_padding > 0);
}

#[test]
fn loss_by_chance_alone_does_not_starve_a_view() {
    let mut world = World::new(1, &[(5_000_000, 1)]);
    world.lines[0].loss = 5;
    world.watch(1, &[view(0, camera(0), 720)]);
    world.run(30.0);
    assert_eq!(world.layers(1, 20), [2]);
}

#[test]
fn what_a_line_does_not_carry_is_left_out_from_the_end() {
    let mut world = World::new(3, &[(300_000, 1)]);
    world.watch(
        3,
        &[view(0, camera(0), 720), View { priority: 1, ..view(1, camera(1), 720) }, view(2, camera(2), 720)],
    );
    world.run(10.0);
    let slots = world.call.shard.slots(session(3));
    assert_eq!(slots.iter().map(|slot| slot.state).collect::<Vec<_>>()[1], SlotState::Live);
    assert_eq!(slots[2].state, SlotState::NoBandwidth);
    assert_eq!(world.call.shard.watchers(session(2)).camera, []);
    world.lines[0].bits_per_second = 20_000_000;
    world.run(20.0);
    let slots = world.call.shard.slots(session(3));
    assert!(slots.iter().all(|slot| (slot.layer, slot.state) == (Some(2), SlotState::Live)), "{slots:?}");
}

#[test]
fn two_on_one_line_share_it() {
    let mut world = World::new(1, &[(2_000_000, 2)]);
    world.watch(1, &[view(0, camera(0), 720)]);
    world.run(3.0);
    world.watch(2, &[view(0, camera(0), 720)]);
    world.run(10.0);
    world.lines[0].carried.clear();
    world.run(60.0);
    let carried: Vec<u64> = world.lines[0].carried.values().copied().collect();
    assert!(carried[0] <= 2 * carried[1] && carried[1] <= 2 * carried[0], "{carried:?}");
}

#[test]
fn slots_stay_decodable_and_voice_is_not_touched_while_a_line_goes_up_and_down() {
    let mut world = World::new(2, &[(5_000_000, 1)]);
    world.watch(2, &[view(0, camera(0), 720), view(1, camera(1), 360)]);
    for bits_per_second in [5_000_000, 800_000, 3_000_000, 400_000, 5_000_000] {
        world.lines[0].bits_per_second = bits_per_second;
        world.run(6.0);
        world.call.heard(2);
        let forwarded = world.call.shard.stats().voice_forwarded;
        world.run(4.0);
        // Each of the two others, 50 a second: none is held back by the shard.
        assert_eq!(world.call.shard.stats().voice_forwarded - forwarded, 2 * 200);
        let heard = world.call.heard(2).len();
        assert!(heard >= 195, "{heard} of 200 at {bits_per_second}");
    }
    assert_decodable(&world.seen[&2]);
    assert_eq!(world.call.peers[2].refused(), 0);
}
