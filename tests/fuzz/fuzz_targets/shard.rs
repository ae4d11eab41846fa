//! A whole shard with a connected and a connecting session, and datagrams for both.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| voicehall_fuzz::shard(data));
