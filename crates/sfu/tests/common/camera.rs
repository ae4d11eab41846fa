//! A camera or a screen as a well-behaved client sends it: three layers with pictures that say what
//! they are.

use super::Call;
use voicehall_protocol::rtp::{
    EXT_MID, EXT_REPAIRED_RID, EXT_RID, EXT_TRANSPORT_CC, MID_CAMERA, MID_SCREEN, MID_SCREEN_AUDIO, PT_H264,
    PT_H264_RTX, PT_OPUS, RIDS, SourceKind,
};
use voicehall_protocol::video::{Content, Sending, SentLayer, VideoCodec};

/// Packets of each picture.
pub const PACKETS: usize = 3;

/// One layer's encoder and packetizer.
struct Layer {
    ssrc: u32,
    index: u64,
    timestamp: u32,
    key_next: bool,
    sent: Vec<(u64, Vec<u8>)>,
    repeated: u64,
}

pub struct Camera {
    peer: usize,
    mid: usize,
    layers: Vec<Layer>,
    pictures: u32,
    transport: u16,
}

pub fn sending() -> Sending {
    let layers = [180, 360, 720].map(|height| SentLayer { height, frame_rate: 30 }).to_vec();
    Sending { codec: VideoCodec::H264, content: Content::Motion, layers }
}

impl Camera {
    pub fn new(peer: usize, kind: SourceKind) -> Self {
        let (mid, base) =
            if kind == SourceKind::Screen { (MID_SCREEN, 0x2000) } else { (MID_CAMERA, 0x1000) };
        let layers = (0..3)
            .map(|number| Layer {
                ssrc: base + peer as u32 * 0x1_0000 + number,
                index: 65_500 - u64::from(number) * 1000,
                timestamp: number * 1_000_000,
                key_next: true,
                sent: Vec::new(),
                repeated: 10,
            })
            .collect();
        Self { peer, mid, layers, pictures: 0, transport: 65_000 }
    }

    /// The next picture asks for no other before it, in this layer.
    pub fn key(&mut self, number: usize) {
        self.layers[number].key_next = true;
    }

    /// Sends the next picture in these layers; every other one is referred to by none.
    pub fn send(&mut self, call: &mut Call, numbers: &[usize]) {
        self.send_but(call, numbers, |_| false);
    }

    /// The same, with some packets lost on their way, by their number in the picture.
    pub fn send_but(&mut self, call: &mut Call, numbers: &[usize], lost: impl Fn(usize) -> bool) {
        self.pictures += 1;
        for number in numbers {
            let layer = &mut self.layers[*number];
            let key = std::mem::take(&mut layer.key_next);
            layer.timestamp = layer.timestamp.wrapping_add(3000);
            for packet in 0..PACKETS {
                self.transport = self.transport.wrapping_add(1);
                let header = match (key, packet, self.pictures % 2) {
                    (true, 0, _) => 0x67,
                    (true, ..) => 0x65,
                    (false, _, 0) => 0x01,
                    _ => 0x41,
                };
                let mut payload = vec![header, *number as u8, packet as u8];
                payload.extend(self.pictures.to_be_bytes());
                payload.resize(500, 7);
                let marker = u8::from(packet == PACKETS - 1) << 7;
                let mut head = vec![0x90, PT_H264 | marker];
                head.extend((layer.index as u16).to_be_bytes());
                head.extend(layer.timestamp.to_be_bytes());
                head.extend(layer.ssrc.to_be_bytes());
                head.extend(names(self.mid, EXT_RID, *number, self.transport));
                if !lost(packet) {
                    call.peers[self.peer].send_with(&head, &payload, layer.index).expect("it is connected");
                }
                layer.sent.push((layer.index, [head, payload].concat()));
                layer.index += 1;
            }
        }
    }

    /// Sends a packet of a layer again.
    pub fn repeat(&mut self, call: &mut Call, number: usize, sequence: u16) {
        let layer = &mut self.layers[number];
        let (_, original) =
            layer.sent.iter().rev().find(|(index, _)| *index as u16 == sequence).expect("it was sent");
        let mut head = vec![0x90, PT_H264_RTX | original[1] & 0x80];
        head.extend((layer.repeated as u16).to_be_bytes());
        head.extend(&original[4..8]);
        head.extend((layer.ssrc + 0x100).to_be_bytes());
        self.transport = self.transport.wrapping_add(1);
        head.extend(names(self.mid, EXT_REPAIRED_RID, number, self.transport));
        let header_len = 12 + 4 + 8;
        let payload = [&sequence.to_be_bytes()[..], &original[header_len..]].concat();
        call.peers[self.peer].send_with(&head, &payload, layer.repeated).expect("it is connected");
        layer.repeated += 1;
    }

    pub fn ssrc(&self, number: usize) -> u32 {
        self.layers[number].ssrc
    }
}

/// 20 ms of a screen's sound.
pub fn send_sound(call: &mut Call, peer: usize, index: u64) {
    let mut head = vec![0x90, PT_OPUS];
    head.extend((index as u16).to_be_bytes());
    head.extend((index as u32 * 960).to_be_bytes());
    head.extend(0x7777u32.to_be_bytes());
    head.extend(names(MID_SCREEN_AUDIO, EXT_RID, 0, index as u16));
    call.peers[peer].send_with(&head, &[0x78; 60], index).expect("it is connected");
}

/// Header extensions with a media line of two digits or one, a layer, and a transport-wide number.
fn names(mid: usize, layer_id: u8, layer: usize, transport: u16) -> Vec<u8> {
    let mid = mid.to_string();
    let mut out = vec![0xbe, 0xde, 0, 2, EXT_MID << 4 | (mid.len() - 1) as u8];
    out.extend(mid.as_bytes());
    out.push(layer_id << 4);
    out.extend(RIDS[layer].as_bytes());
    out.push(EXT_TRANSPORT_CC << 4 | 1);
    out.extend(transport.to_be_bytes());
    out.resize(12, 0);
    out
}
