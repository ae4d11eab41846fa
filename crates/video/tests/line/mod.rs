//! A sender, a line and a receiver in virtual time. Frames are no video, but they say which one
//! they are, and are cut and put together as video is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use voicehall_video::{
    Codec, H264Packetizer, IncomingPacket, NtpTime, Receiver, ReceiverConfig, ReceiverStats, nal_units,
};

/// Parameter sets of 1280 × 720.
const SPS: [u8; 9] = [0x67, 0x42, 0xc0, 0x1f, 0x95, 0xa0, 0x14, 0x01, 0x6e];
const PPS: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];

/// How far the clock goes each time.
const TICK: Duration = Duration::from_millis(5);

/// 30 frames a second, in ticks of 90 kHz.
pub const FRAME_TICKS: u32 = 3000;

/// What the line does to packets.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// The share of packets that are lost, of 1000.
    pub loss: u32,
    /// Each way.
    pub delay: Duration,
    /// Each packet is up to so much later.
    pub jitter: Duration,
    /// The share of packets that arrive twice, of 1000.
    pub doubled: u32,
}

/// A line that harms nothing.
pub const CLEAN: Line =
    Line { loss: 0, delay: Duration::from_millis(20), jitter: Duration::ZERO, doubled: 0 };

/// A frame that the receiver gave out.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub number: u32,
    pub key: bool,
    /// When it was given out, and when it is to be seen.
    pub given: Instant,
    pub render_at: Instant,
}

#[derive(Debug, Clone)]
struct Packet {
    sequence: u16,
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
}

enum Message {
    Packet(Packet, bool),
    Nack(Vec<u16>),
    KeyFrameRequest,
}

pub struct Call {
    pub now: Instant,
    pub start: Instant,
    pub line: Line,
    pub seen: Vec<Seen>,
    /// Bytes of a frame, and how many times that a key frame has.
    pub frame_bytes: usize,
    pub key_factor: usize,
    /// Frames that are lost as a whole, or without their last packet.
    pub swallow: fn(u32, bool) -> bool,
    receiver: Receiver,
    seed: u64,
    packetizer: H264Packetizer,
    number: u32,
    sequence: u16,
    sent: BTreeMap<u16, Packet>,
    key_wanted: bool,
    key_sent: Option<Instant>,
    last_reference: Option<u32>,
    due: BTreeMap<(Instant, u64), Message>,
    count: u64,
}

impl Call {
    pub fn new(seed: u64, line: Line) -> Self {
        let now = Instant::now();
        let config = ReceiverConfig { codec: Codec::H264, delay_min: Duration::from_millis(10) };
        let mut receiver = Receiver::new(&config, now);
        receiver.set_round_trip(line.delay * 2);
        Self {
            now,
            start: now,
            line,
            seen: Vec::new(),
            frame_bytes: 6_000,
            key_factor: 5,
            swallow: |_, _| false,
            receiver,
            seed: seed.wrapping_mul(2).wrapping_add(1),
            packetizer: H264Packetizer::default(),
            number: 0,
            // So that both wrap during a call.
            sequence: 65_000,
            sent: BTreeMap::new(),
            key_wanted: true,
            key_sent: None,
            last_reference: None,
            due: BTreeMap::new(),
            count: 0,
        }
    }

    pub fn receiver(&mut self) -> &mut Receiver {
        &mut self.receiver
    }

    pub fn stats(&self) -> ReceiverStats {
        self.receiver.stats()
    }

    /// The timestamp of a frame. It wraps soon.
    pub fn timestamp(number: u32) -> u32 {
        (number * FRAME_TICKS).wrapping_sub(20 * FRAME_TICKS)
    }

    /// When a frame is sent.
    pub fn sent_at(&self, number: u32) -> Instant {
        self.start + Duration::from_micros(u64::from(number) * 100_000 / 3)
    }

    pub fn report(&mut self, ntp: NtpTime, number: u32) {
        self.receiver.sender_report(ntp, Self::timestamp(number));
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += TICK;
            while self.sent_at(self.number) <= self.now {
                self.send_frame();
            }
            while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let message = entry.remove();
                self.deliver(message);
            }
            self.poll();
        }
    }

    fn poll(&mut self) {
        while let Some(frame) = self.receiver.poll_frame(self.now) {
            let slice = nal_units(frame.data).last().expect("a slice");
            let number = u32::from_be_bytes(std::array::from_fn(|index| slice[2 + index] & 0x7f));
            let number = (0..4).fold(0, |value, index| value << 7 | number >> (24 - 8 * index) & 0x7f);
            assert_eq!(Self::timestamp(number), frame.timestamp);
            assert!(slice[6..].iter().all(|byte| *byte == 0x80 | number as u8), "frame {number} is harmed");
            assert_eq!(frame.source, 5);
            // Nothing is given out that refers to what was not.
            let reference = slice[0] & 0x60 != 0;
            assert_eq!(frame.content.discardable, !reference);
            assert_eq!(frame.content.key, slice[0] == 0x65);
            let needs = if number % 2 == 1 { number - 1 } else { number.wrapping_sub(2) };
            assert!(frame.content.key || self.last_reference == Some(needs), "{number} needs {needs}");
            if reference {
                self.last_reference = Some(number);
            }
            self.seen.push(Seen {
                number,
                key: frame.content.key,
                given: self.now,
                render_at: frame.render_at,
            });
        }
        let mut nack = Vec::new();
        if self.receiver.poll_feedback(self.now, &mut nack) {
            self.transmit(Message::KeyFrameRequest);
        }
        if !nack.is_empty() {
            self.transmit(Message::Nack(nack));
        }
    }

    fn send_frame(&mut self) {
        let number = self.number;
        self.number += 1;
        let may = self.key_sent.is_none_or(|sent| self.now - sent >= Duration::from_millis(500));
        // Frames that others refer to have even numbers, and key frames are some of these.
        let key = self.key_wanted && may && number.is_multiple_of(2);
        let header = if key {
            0x65
        } else if number.is_multiple_of(2) {
            0x61
        } else {
            0x01
        };
        if key {
            self.key_wanted = false;
            self.key_sent = Some(self.now);
        }
        let mut frame = Vec::new();
        if key {
            frame.extend([&[0, 0, 0, 1][..], &SPS, &[0, 0, 0, 1], &PPS].concat());
        }
        frame.extend([0, 0, 0, 1, header, 0x80]);
        frame.extend((0..4).rev().map(|group| 0x80 | (number >> (7 * group)) as u8 & 0x7f));
        let bytes = if key { self.frame_bytes * self.key_factor } else { self.frame_bytes };
        frame.extend(vec![0x80 | number as u8; bytes]);
        let mut packets = Vec::new();
        let mut packetizer = std::mem::take(&mut self.packetizer);
        packetizer.packetize(&frame, 1100, |payload, last| packets.push((payload.to_vec(), last)));
        self.packetizer = packetizer;
        for (payload, marker) in packets {
            let packet =
                Packet { sequence: self.sequence, timestamp: Self::timestamp(number), marker, payload };
            self.sequence = self.sequence.wrapping_add(1);
            self.sent.insert(packet.sequence, packet.clone());
            if !(self.swallow)(number, marker) {
                self.transmit(Message::Packet(packet, false));
            }
        }
    }

    fn transmit(&mut self, message: Message) {
        if self.random(1000) < self.line.loss {
            return;
        }
        let doubled = self.random(1000) < self.line.doubled;
        let copy = match &message {
            Message::Packet(packet, again) if doubled => Some(Message::Packet(packet.clone(), *again)),
            _ => None,
        };
        for message in [Some(message), copy].into_iter().flatten() {
            let jitter = self.random(self.line.jitter.as_millis() as u32 + 1);
            self.count += 1;
            let at = self.now + self.line.delay + Duration::from_millis(jitter.into());
            self.due.insert((at, self.count), message);
        }
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::Packet(packet, retransmitted) => {
                let packet = IncomingPacket {
                    sequence: packet.sequence,
                    timestamp: packet.timestamp,
                    source: 5,
                    marker: packet.marker,
                    retransmitted,
                    payload: &packet.payload,
                };
                self.receiver.insert(self.now, &packet);
            }
            Message::Nack(sequences) => {
                for packet in sequences
                    .iter()
                    .filter_map(|sequence| self.sent.get(sequence).cloned())
                    .collect::<Vec<_>>()
                {
                    self.transmit(Message::Packet(packet, true));
                }
            }
            Message::KeyFrameRequest => self.key_wanted = true,
        }
    }

    fn random(&mut self, below: u32) -> u32 {
        // xorshift64*
        self.seed ^= self.seed >> 12;
        self.seed ^= self.seed << 25;
        self.seed ^= self.seed >> 27;
        (self.seed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as u32 % below
    }

    /// The longest time between two frames that were given out, since `from`.
    pub fn longest_halt(&self, from: Duration) -> Duration {
        let from = self.start + from;
        let times: Vec<_> = self
            .seen
            .iter()
            .map(|seen| seen.given)
            .filter(|given| *given >= from)
            .chain([self.now])
            .collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(Duration::MAX)
    }
}
