//! A whole shard with a connected and a connecting session, and datagrams for both.
//!
//! `cargo +nightly fuzz run shard` in `tests/`.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::shard(data));
