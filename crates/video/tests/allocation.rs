//! What runs for every packet neither allocates nor frees, once it has met frames as large.

use std::time::{Duration, Instant};
use voicehall_test_realtime::allocations;
use voicehall_video::{Codec, H264Packetizer, IncomingPacket, Receiver, ReceiverConfig};

#[test]
fn packets_are_made_and_put_together_without_allocating() {
    let key = [
        &[0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x95, 0xa0, 0x14, 0x01, 0x6e][..],
        &[0, 0, 0, 1, 0x68, 1, 0, 0, 0, 1, 0x65],
        &[7; 30_000],
    ]
    .concat();
    let delta = [&[0, 0, 0, 1, 0x61][..], &[7; 20_000]].concat();
    let now = Instant::now();
    let config = ReceiverConfig { codec: Codec::H264, delay_min: Duration::from_millis(10) };
    let mut receiver = Receiver::new(&config, now);
    let mut packetizer = H264Packetizer::default();
    let mut sequence = 65_500_u16;
    let mut frames = 0;
    let mut nack = Vec::with_capacity(16);
    let mut send = |number: u32, frame: &[u8]| {
        let now = now + Duration::from_millis(u64::from(number) * 33);
        packetizer.packetize(frame, 1100, |payload, marker| {
            let packet = IncomingPacket {
                sequence,
                timestamp: number * 3000,
                source: 1,
                marker,
                retransmitted: false,
                payload,
            };
            sequence = sequence.wrapping_add(1);
            receiver.insert(now, &packet);
            frames += usize::from(receiver.poll_frame(now).is_some());
            receiver.poll_feedback(now, &mut nack);
        });
    };
    send(0, &key);
    send(1, &key);
    let allocations = allocations(|| (2..200).for_each(|number| send(number, &delta)));
    assert_eq!((allocations, frames), (0, 200));
}
