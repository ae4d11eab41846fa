//! What runs for every frame neither allocates nor frees, once it is built.

mod signals;

use std::time::{Duration, Instant};

use voicehall_audio::{
    Downlink, Encoder, EncoderConfig, Frame, IncomingPacket, JitterConfig, Meter, PAYLOAD_BYTES_MAX,
    Resampler, Uplink, UplinkConfig, UplinkEncoder, UplinkEncoderConfig,
};
use voicehall_test_realtime::allocations;

#[test]
fn capture_without_its_libraries_and_encoding_do_not_allocate() {
    let voice = signals::voice(48_000, 120.0, 1);
    let mut uplink = Uplink::new(UplinkConfig::UNPROCESSED);
    let mut encoder = UplinkEncoder::new(UplinkEncoderConfig::default(), 0).unwrap();
    let mut meter = Meter::default();
    let mut bytes = 0;
    let counted = allocations(|| {
        for chunk in voice.chunks_exact(480) {
            let mut frame: Frame = chunk.try_into().unwrap();
            let report = uplink.process(&mut frame, None);
            encoder.push(&frame, &report, |packet| bytes += packet.payload.len()).unwrap();
            meter.update(&frame);
        }
    });
    assert!(bytes > 5_000);
    assert_eq!(counted, 0);
}

#[test]
fn receiving_and_mixing_over_a_bad_network_do_not_allocate() {
    let start = Instant::now();
    let voice = signals::voice(48_000 * 10, 120.0, 2);
    let config = EncoderConfig { expected_loss_percent: 20, ..EncoderConfig::default() };
    let mut encoder = Encoder::new(&config).unwrap();
    let mut payload = [0; PAYLOAD_BYTES_MAX];
    let packets: Vec<Vec<u8>> = voice
        .chunks_exact(960)
        .map(|chunk| {
            let bytes = encoder.encode(chunk, &mut payload).unwrap();
            payload[..bytes].to_vec()
        })
        .collect();
    let mut downlink = Downlink::new(start, JitterConfig::default()).unwrap();
    downlink.set_levelling(true);
    downlink.set_priority_attenuation_db(-9.0);
    let mut random = signals::Random::new(3);
    let mut mix: Frame = [0.0; 480];
    let mut heard = 0;
    let counted = allocations(|| {
        for n in 0..1_000_usize {
            let now = start + Duration::from_millis(n as u64 * 10);
            // Lost, late and reordered packets, in a stop-and-go rhythm, from two sources in turn.
            for _ in 0..2 {
                let late = (random.unit() * 8.0) as usize;
                let Some(index) = (n / 2).checked_sub(late) else { continue };
                let packet = IncomingPacket {
                    sequence: index as u16,
                    timestamp: index as u32 * 960,
                    source: (index / 5) as u32,
                    marker: index % 100 == 0,
                    payload: &packets[index],
                };
                if random.unit() > 0.1 && n % 300 < 250 {
                    downlink.insert(1, now, &packet);
                }
            }
            downlink.set_volume(n as u32, 0.5);
            downlink.set_priority([n as u32 / 300].into_iter());
            downlink.set_levelling(n % 400 != 399);
            downlink.pull(now, &mut mix);
            heard += downlink.audible().len();
        }
    });
    let stats = downlink.stats(1).unwrap();
    assert!(heard > 300, "{heard}");
    assert!(stats.received > 200 && stats.lost > 5 && stats.duplicates > 100, "{stats:?}");
    assert_eq!(counted, 0);
}

#[test]
fn resampling_does_not_allocate() {
    let input = signals::tone(44_100, 440.0, 0.5);
    let mut resampler = Resampler::new(44_100, 48_000).unwrap();
    let mut samples = 0;
    let counted = allocations(|| {
        for chunk in input.chunks(256) {
            resampler.process(chunk, |out| samples += out.len());
        }
    });
    assert!(samples > 47_000);
    assert_eq!(counted, 0);
}
