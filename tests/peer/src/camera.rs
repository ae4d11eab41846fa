//! A camera or a screen as a well-behaved client sends it: layers of pictures that say what they are.

use crate::Peer;
use voicehall_protocol::rtp::{
    EXT_MID, EXT_RID, EXT_TRANSPORT_CC, MID_CAMERA, MID_SCREEN, PT_H264, RIDS, SourceKind, VIDEO_LAYERS,
};
use voicehall_protocol::video::{Content, Sending, SentLayer, VideoCodec};

/// Packets of each picture.
pub const PACKETS_PER_PICTURE: usize = 3;

/// H.264 NAL units (RFC 6184 §5.2): a sequence parameter set, with which a key frame begins, a slice of
/// such a frame, and one of a frame that needs those before it.
const SEQUENCE_PARAMETERS: u8 = 0x67;
const KEY_SLICE: u8 = 0x65;
const OTHER_SLICE: u8 = 0x41;

/// Ticks of the 90 kHz clock between two pictures.
const PICTURE_TICKS: u32 = 3000;

/// An encoder for each layer, and what makes packets of their pictures.
pub struct Camera {
    mid: usize,
    layers: [Layer; VIDEO_LAYERS],
    transport: u16,
}

struct Layer {
    ssrc: u32,
    index: u64,
    timestamp: u32,
}

impl Camera {
    /// One with three layers. Each picture's payloads begin with a NAL unit header, the layer's number
    /// and the packet's number in the picture.
    pub fn new(kind: SourceKind) -> Self {
        let (mid, ssrc) =
            if kind == SourceKind::Screen { (MID_SCREEN, 0x2000) } else { (MID_CAMERA, 0x1000) };
        let layers = [0, 1, 2].map(|number| Layer { ssrc: ssrc + number, index: 65_000, timestamp: number });
        Self { mid, layers, transport: 65_000 }
    }

    /// What it says of itself.
    pub fn sending() -> Sending {
        let layers = [180, 360, 720].map(|height| SentLayer { height, frame_rate: 30 }).to_vec();
        Sending { codec: VideoCodec::H264, content: Content::Motion, layers }
    }

    /// Sends the next picture in one layer, 0 for the smallest. `None` while the peer is not connected.
    ///
    /// # Panics
    /// When there is no such layer.
    pub fn send(&mut self, peer: &mut Peer, number: usize, key: bool) -> Option<()> {
        let layer = &mut self.layers[number];
        layer.timestamp = layer.timestamp.wrapping_add(PICTURE_TICKS);
        for packet in 0..PACKETS_PER_PICTURE {
            self.transport = self.transport.wrapping_add(1);
            let unit = match (key, packet) {
                (true, 0) => SEQUENCE_PARAMETERS,
                (true, _) => KEY_SLICE,
                (false, _) => OTHER_SLICE,
            };
            let mut payload = vec![unit, number as u8, packet as u8];
            payload.resize(500, 7);
            let marker = u8::from(packet + 1 == PACKETS_PER_PICTURE) << 7;
            let mut head = vec![0x90, PT_H264 | marker];
            head.extend((layer.index as u16).to_be_bytes());
            head.extend(layer.timestamp.to_be_bytes());
            head.extend(layer.ssrc.to_be_bytes());
            head.extend(extensions(self.mid, number, self.transport));
            peer.send_with(&head, &payload, layer.index)?;
            layer.index += 1;
        }
        Some(())
    }
}

/// Header extensions (RFC 8285): the media line, the layer, and a transport-wide number.
fn extensions(mid: usize, layer: usize, transport: u16) -> Vec<u8> {
    let (mid, rid) = (mid.to_string(), RIDS[layer]);
    let mut elements = Vec::new();
    for (id, value) in [
        (EXT_MID, mid.as_bytes()),
        (EXT_RID, rid.as_bytes()),
        (EXT_TRANSPORT_CC, &transport.to_be_bytes()[..]),
    ] {
        elements.push(id << 4 | (value.len() - 1) as u8);
        elements.extend(value);
    }
    elements.resize(elements.len().next_multiple_of(4), 0);
    let words = (elements.len() / 4) as u16;
    [&[0xbe, 0xde][..], &words.to_be_bytes(), &elements].concat()
}
