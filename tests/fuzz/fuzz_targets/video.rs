//! Video: payloads, frames out of packets, and frames for the decoders.
#![no_main]

#[path = "../video.rs"]
mod video;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    video::payloads(data);
    video::receiver(data);
    video::decoders(data);
});
