//! STUN, RTP, RTCP and SRTP from arbitrary bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| voicehall_fuzz::codecs(data));
