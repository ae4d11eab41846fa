//! STUN, RTP, RTCP and SRTP from arbitrary bytes.
//!
//! `cargo +nightly fuzz run codecs` in `tests/`.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::codecs(data));
