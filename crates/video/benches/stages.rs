//! What each stage of the video path costs, in µs per picture, on one core.

use std::hint::black_box;
use std::time::{Duration, Instant};
use voicehall_video::{
    Codec, ContentHint, EncoderConfig, IncomingPacket, Packetizer, Picture, Rate, Receiver, ReceiverConfig,
    Scaler, Size, VideoEncoder, pattern,
};

/// Pictures in one measurement.
const PICTURES: u32 = 60;

/// Measurements, of which the fastest counts: the others were disturbed.
const ROUNDS: usize = 3;

fn main() {
    let whole = Size::new(1280, 720);
    report("draw the test pattern, 720p", || {
        let mut picture = Picture::new(whole).expect("a usual size");
        move |n| pattern::draw(&mut picture, 1, n)
    });
    for side in [360, 180] {
        report(&format!("scale 720p to {side}p"), || {
            let source = drawn(whole, 1);
            let mut target = Picture::new(whole.limited_to(side)).expect("a usual size");
            let mut scaler = Scaler::default();
            move |_| scaler.scale(&source.view(), &mut target).expect("usual sizes")
        });
    }
    for (name, codec, size, bitrate, content) in [
        ("encode 180p, H.264", Codec::H264, Size::new(320, 180), 150_000, ContentHint::Motion),
        ("encode 360p, H.264", Codec::H264, Size::new(640, 360), 600_000, ContentHint::Motion),
        ("encode 720p, H.264", Codec::H264, whole, 1_900_000, ContentHint::Motion),
        ("encode 1080p motion, H.264", Codec::H264, Size::new(1920, 1080), 4_000_000, ContentHint::Motion),
        ("encode 1080p detail, H.264", Codec::H264, Size::new(1920, 1080), 4_000_000, ContentHint::Detail),
        ("encode 1080p detail, AV1", Codec::Av1, Size::new(1920, 1080), 2_000_000, ContentHint::Detail),
    ] {
        report(name, || encoding(codec, size, bitrate, content));
    }
    for (name, codec) in [("decode 720p, H.264", Codec::H264), ("decode 720p, AV1", Codec::Av1)] {
        let frames = encoded(codec, whole);
        report(name, || {
            let mut decoder = codec.decoder().expect("memory for a decoder");
            let mut picture = Picture::new(whole).expect("a usual size");
            let frames = &frames;
            move |n| {
                black_box(decoder.decode(&frames[n as usize], &mut picture)).expect("frames of an encoder");
            }
        });
    }
    for (name, codec) in [("cut and join 720p, H.264", Codec::H264), ("cut and join 720p, AV1", Codec::Av1)] {
        let frames = encoded(codec, whole);
        report(name, || carrying(codec, &frames));
    }
}

/// Builds a stage several times, runs it over all pictures and prints the fastest.
fn report<F: FnMut(u32)>(name: &str, build: impl Fn() -> F) {
    let fastest = (0..ROUNDS)
        .map(|_| {
            let mut stage = build();
            let start = Instant::now();
            (0..PICTURES).for_each(&mut stage);
            start.elapsed() / PICTURES
        })
        .min()
        .unwrap_or(Duration::ZERO);
    println!("{name:<40} {:>8.0} µs", fastest.as_secs_f64() * 1e6);
}

fn drawn(size: Size, counter: u32) -> Picture {
    let mut picture = Picture::new(size).expect("a usual size");
    pattern::draw(&mut picture, 1, counter);
    picture
}

fn encoder(codec: Codec, size: Size, bitrate: u32, content: ContentHint) -> Box<dyn VideoEncoder> {
    let rate = Rate { bitrate, frame_rate: 30 };
    let temporal_layers = if content == ContentHint::Motion { 2 } else { 1 };
    let config = EncoderConfig { size, rate, content, temporal_layers, threads: 1 };
    codec.encoder(&config).expect("usual settings")
}

fn encoding(codec: Codec, size: Size, bitrate: u32, content: ContentHint) -> impl FnMut(u32) {
    let mut encoder = encoder(codec, size, bitrate, content);
    // Drawn before, so that only the encoder is measured.
    let pictures: Vec<_> = (0..8).map(|counter| drawn(size, counter)).collect();
    let mut frame = Vec::new();
    move |n| {
        let at = Duration::from_secs(1) * n / 30;
        let picture = &pictures[n as usize % pictures.len()];
        black_box(encoder.encode(&picture.view(), at, &mut frame)).expect("pictures of its size");
    }
}

/// Frames of the test pattern, one for each picture.
fn encoded(codec: Codec, size: Size) -> Vec<Vec<u8>> {
    let mut encoder = encoder(codec, size, 50_000_000, ContentHint::Detail);
    (0..PICTURES)
        .map(|n| {
            let mut frame = Vec::new();
            let at = Duration::from_secs(1) * n / 30;
            encoder.encode(&drawn(size, n).view(), at, &mut frame).expect("pictures of its size");
            assert!(!frame.is_empty(), "no bit rate leaves a picture out");
            frame
        })
        .collect()
}

fn carrying(codec: Codec, frames: &[Vec<u8>]) -> impl FnMut(u32) {
    let start = Instant::now();
    let config = ReceiverConfig { codec, delay_min: Duration::from_millis(10) };
    let mut receiver = Receiver::new(&config, start);
    let mut packetizer = Packetizer::new(codec);
    let mut sequence = 0_u16;
    move |n| {
        let now = start + Duration::from_secs(1) * n / 30;
        let sent = packetizer.packetize(&frames[n as usize], 1100, |payload, marker| {
            let packet = IncomingPacket {
                sequence,
                timestamp: n * 3000,
                source: 1,
                marker,
                retransmitted: false,
                payload,
            };
            sequence = sequence.wrapping_add(1);
            receiver.insert(now, &packet);
        });
        sent.expect("frames of an encoder");
        assert!(receiver.poll_frame(now).is_some());
    }
}
