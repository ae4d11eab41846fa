//! What each stage of the audio path costs, in µs per 10 ms of sound. 100 µs are 1 % of a core.

#[path = "../tests/signals/mod.rs"]
mod signals;

use std::hint::black_box;
use std::time::{Duration, Instant};

use voicehall_audio::{
    Downlink, Encoder, EncoderConfig, Frame, GateMode, IncomingPacket, JitterConfig, Limiter,
    NoiseSuppression, PAYLOAD_BYTES_MAX, Resampler, Uplink, UplinkConfig, UplinkEncoder, UplinkEncoderConfig,
};

/// Frames in one measurement: 5 s of sound.
const FRAMES: usize = 500;

/// Measurements, of which the fastest counts: the others were disturbed.
const ROUNDS: usize = 5;

fn main() {
    let voice = &signals::voice(FRAMES * 480, 120.0, 1)[..];
    let off = UplinkConfig::UNPROCESSED;
    let chains = [
        ("capture: everything off", off),
        ("capture: high-pass", UplinkConfig { high_pass: true, ..off }),
        ("capture: echo cancellation", UplinkConfig { echo_cancellation: true, ..off }),
        (
            "capture: noise suppression, standard",
            UplinkConfig { noise_suppression: NoiseSuppression::Standard, ..off },
        ),
        (
            "capture: noise suppression, strong",
            UplinkConfig { noise_suppression: NoiseSuppression::Strong, ..off },
        ),
        ("capture: automatic gain", UplinkConfig { automatic_gain: true, ..off }),
        ("capture: the default", UplinkConfig::default()),
        ("capture: muted", UplinkConfig { gate: GateMode::Closed, ..UplinkConfig::default() }),
    ];
    for (name, config) in chains {
        report(name, || {
            let mut uplink = Uplink::new(config);
            move |n| {
                let mut frame = frame(voice, n);
                let reference = frame;
                black_box(uplink.process(&mut frame, Some(&reference)));
            }
        });
    }
    report("encode, 64 kb/s", || encoding(voice));
    for speakers in [0, 1, 3, 8] {
        let packets = packets(voice);
        for (name, levelling) in [("receive and mix", false), ("receive, level and mix", true)] {
            report(&format!("{name} {speakers} speakers"), || {
                receiving(packets.clone(), speakers, levelling)
            });
        }
    }
    report("limit", || {
        let mut limiter = Limiter::default();
        move |n| limiter.process(&mut frame(voice, n).map(|sample| sample * 4.0))
    });
    report("resample 44.1 → 48 kHz", || {
        let mut resampler = Resampler::new(44_100, 48_000).expect("a usual rate");
        move |n| {
            resampler.process(&frame(voice, n)[..441], |out| {
                black_box(out);
            });
        }
    });
}

/// Builds a stage several times, runs it over all frames and prints the fastest.
fn report<F: FnMut(usize)>(name: &str, build: impl Fn() -> F) {
    let fastest = (0..ROUNDS)
        .map(|_| {
            let mut stage = build();
            let start = Instant::now();
            (0..FRAMES).for_each(&mut stage);
            start.elapsed() / FRAMES as u32
        })
        .min()
        .unwrap_or(Duration::ZERO);
    println!("{name:<40} {:>8.1} µs", fastest.as_secs_f64() * 1e6);
}

fn frame(samples: &[f32], n: usize) -> Frame {
    let mut frame = [0.0; 480];
    frame.copy_from_slice(&samples[n * 480..(n + 1) * 480]);
    frame
}

fn encoding(voice: &[f32]) -> impl FnMut(usize) {
    let mut uplink = Uplink::new(UplinkConfig::UNPROCESSED);
    let mut encoder = UplinkEncoder::new(UplinkEncoderConfig::default(), 0).expect("default settings");
    // The report is the same for every frame of an open gate.
    let report = uplink.process(&mut frame(voice, 0), None);
    move |n| {
        encoder
            .push(&frame(voice, n), &report, |packet| {
                black_box(packet.payload);
            })
            .expect("frames are whole");
    }
}

fn packets(voice: &[f32]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(&EncoderConfig::default()).expect("default settings");
    let mut payload = [0; PAYLOAD_BYTES_MAX];
    voice
        .chunks_exact(960)
        .map(|samples| {
            let bytes = encoder.encode(samples, &mut payload).expect("frames are whole");
            payload[..bytes].to_vec()
        })
        .collect()
}

fn receiving(packets: Vec<Vec<u8>>, speakers: usize, levelling: bool) -> impl FnMut(usize) {
    let start = Instant::now();
    let mut downlink = Downlink::new(start, JitterConfig::default()).expect("memory for decoders");
    downlink.set_levelling(levelling);
    let mut mix: Frame = [0.0; 480];
    move |n| {
        let now = start + Duration::from_millis(n as u64 * 10);
        for slot in (0..speakers).filter(|_| n % 2 == 0) {
            let packet = IncomingPacket {
                sequence: (n / 2) as u16,
                timestamp: n as u32 * 480,
                source: slot as u32,
                marker: n == 0,
                payload: &packets[n / 2],
            };
            downlink.insert(slot, now, &packet);
        }
        black_box(downlink.pull(now, &mut mix));
    }
}
