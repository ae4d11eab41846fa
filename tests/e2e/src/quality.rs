//! How good speech sounds: wide-band PESQ (ITU-T P.862.2), from 1 (bad) to 4.64 (the same).

use crate::measure::{find, overlap};
use crate::rig::Rig;
use crate::speech::resample;
use crate::{binaries, wav};
use std::path::Path;

/// What PESQ works at, in Hz.
const PESQ_RATE_HZ: u32 = 16_000;

/// Wide-band PESQ of a recording against what was said; the two are laid over each other first.
///
/// # Panics
/// When there is nothing to compare.
pub fn pesq(rig: &Rig, reference: &[f32], recorded: &[f32]) -> f32 {
    let (reference, recorded) = overlap(reference, recorded, find(reference, recorded).delay);
    let paths = ["pesq-reference.wav", "pesq-recorded.wav"].map(|name| rig.path(name));
    for (samples, path) in [reference, recorded].iter().zip(&paths) {
        wav::write(path, PESQ_RATE_HZ, &resample(samples, wav::RATE_HZ, PESQ_RATE_HZ));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("score.py");
    let output = rig.command(binaries::tool("python/bin/python")).arg(script).args(&paths).output();
    let output = output.expect("python can be started");
    let printed = String::from_utf8_lossy(&output.stdout);
    printed
        .trim()
        .parse()
        .unwrap_or_else(|_| panic!("no PESQ: {printed}{}", String::from_utf8_lossy(&output.stderr)))
}
