//! The bodies of the fuzz targets in `tests/fuzz`, with seeded bytes and a bound.

#[path = "../../../tests/fuzz/bodies.rs"]
mod bodies;
#[path = "../../../tests/fuzz/seeded.rs"]
mod seeded;

use proptest::prelude::*;
use seeded::run;

/// Bytes that start as one of the protocols does, half of the time.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let start = prop::sample::select(vec![
        vec![],
        vec![0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42],
        vec![0x90, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0, 1],
        vec![0x81, 201, 0, 7],
        vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0],
    ]);
    (start, proptest::collection::vec(any::<u8>(), 0..200)).prop_map(|(start, rest)| [start, rest].concat())
}

#[test]
fn codecs() {
    run(3_000, &bytes(), |bytes| bodies::codecs(&bytes));
}

#[test]
fn shard() {
    let datagrams = proptest::collection::vec((any::<u8>(), bytes()), 1..40).prop_map(|datagrams| {
        datagrams.iter().fold(Vec::new(), |mut stream, (origin, datagram)| {
            stream.extend((datagram.len() as u16).to_be_bytes());
            stream.push(*origin);
            stream.extend(datagram);
            stream
        })
    });
    run(300, &datagrams, |stream| bodies::shard(&stream));
}
