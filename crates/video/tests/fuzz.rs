//! The bodies of the fuzz targets that read video, with seeded bytes and a bound.

#[path = "../../../tests/fuzz/seeded.rs"]
mod seeded;
#[path = "../../../tests/fuzz/video.rs"]
mod video;

use proptest::prelude::*;
use seeded::run;

/// Bytes that start as payloads or frames do, most of the time.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let start = prop::sample::select(vec![
        vec![],
        vec![0x78, 0, 9, 0x67, 0x42, 0xc0, 0x1f, 0x95, 0xa0, 0x14, 0x01, 0x6e, 0, 2, 0x68, 1],
        vec![0x7c, 0x85],
        vec![0x7c, 0x45],
        vec![0x67, 0x64, 0],
        vec![0, 0, 0, 1, 0x67],
        vec![0x18, 0x08, 0x18, 0x0c, 0xff, 0xc0, 0],
        vec![0x50, 0x30],
        vec![0x90],
        vec![0x12, 0, 0x0a],
    ]);
    (start, proptest::collection::vec(any::<u8>(), 0..60)).prop_map(|(start, rest)| [start, rest].concat())
}

#[test]
fn payloads() {
    run(5_000, &bytes(), |bytes| video::payloads(&bytes));
}

#[test]
fn receiver() {
    let packets = proptest::collection::vec((any::<[u8; 4]>(), bytes()), 1..60).prop_map(|packets| {
        packets.iter().fold(Vec::new(), |mut stream, (header, payload)| {
            stream.push(payload.len() as u8);
            stream.extend(header);
            stream.extend(payload);
            stream
        })
    });
    run(500, &packets, |stream| video::receiver(&stream));
}

#[test]
fn decoders() {
    run(500, &bytes(), |bytes| video::decoders(&bytes));
}
