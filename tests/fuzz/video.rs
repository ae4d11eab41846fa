//! What the fuzz targets for video do with their bytes. `crates/video/tests/fuzz.rs` runs the same
//! with seeded bytes.

use std::time::{Duration, Instant};
use voicehall_video::{
    Codec, Depacketizer, IncomingPacket, Packetizer, Picture, Receiver, ReceiverConfig, SequenceParameters,
    Size, inspect, nal_units, rtx,
};

const CODECS: [Codec; 2] = [Codec::H264, Codec::Av1];

/// Reads bytes as payloads, and as frames to be cut into payloads.
pub fn payloads(data: &[u8]) {
    SequenceParameters::parse(data);
    rtx::original(data);
    assert!(nal_units(data).all(|unit| !unit.is_empty()));
    for codec in CODECS {
        let mut joined = Vec::new();
        let alone = Depacketizer::new(codec).join([data], &mut joined);
        // What is refused at once never makes a frame.
        assert!(inspect(codec, data).is_some() || alone.is_err());
        let (first, second) = data.split_at(data.len() / 2);
        let both = Depacketizer::new(codec).join([first, second], &mut joined);
        assert!(both.is_err() || joined.len() <= 8 * data.len());
        let mut cut = Vec::new();
        let packetized = Packetizer::new(codec).packetize(data, 16, |payload, last| {
            assert!(payload.len() <= 16);
            assert!(inspect(codec, payload).is_some() || payload[0] & 0x1f == 0 || payload[0] & 0x1f >= 24);
            cut.push((payload.to_vec(), last));
        });
        if packetized.is_ok() {
            let last = cut.iter().filter(|(_, last)| *last).count();
            assert!(last <= 1 && (last == 1) != cut.is_empty());
        }
    }
}

/// Feeds a receiver packets: of each, a byte of length, two of sequence, one of time and one of
/// flags, and its payload.
pub fn receiver(data: &[u8]) {
    for codec in CODECS {
        let start = Instant::now();
        let config = ReceiverConfig { codec, delay_min: Duration::from_millis(10) };
        let mut receiver = Receiver::new(&config, start);
        let (mut now, mut rest, mut nack) = (start, data, Vec::new());
        while let Some(([len, high, low, time, flags], after)) = rest.split_first_chunk::<5>() {
            let (payload, after) = after.split_at(usize::from(*len).min(after.len()));
            rest = after;
            now += Duration::from_millis(u64::from(*flags >> 4) * 8);
            // Most of the time near to the others.
            let high = if flags & 1 == 0 { 0 } else { *high };
            let packet = IncomingPacket {
                sequence: u16::from_be_bytes([high, *low]),
                timestamp: u32::from(*time >> 2) << (flags & 6),
                source: u32::from(flags >> 7),
                marker: flags & 2 != 0,
                retransmitted: flags & 4 != 0,
                payload,
            };
            receiver.insert(now, &packet);
            for _ in 0..1000 {
                let Some(frame) = receiver.poll_frame(now) else { break };
                assert!(frame.content.size.is_none_or(Size::is_allowed));
            }
            assert!(receiver.poll_frame(now).is_none(), "frames come to an end");
            nack.clear();
            receiver.poll_feedback(now, &mut nack);
            assert!(nack.len() <= 512);
        }
    }
}

/// Decodes bytes as frames.
pub fn decoders(data: &[u8]) {
    let mut picture = Picture::new(Size::new(2, 2)).expect("a size that is allowed");
    for codec in CODECS {
        let mut decoder = codec.decoder().expect("memory for a decoder");
        let mut frame = vec![0, 0, 0, 1];
        frame.extend_from_slice(data);
        for frame in [data, &frame] {
            if decoder.decode(frame, &mut picture).is_ok() {
                assert!(picture.size().is_allowed());
            }
        }
    }
}
