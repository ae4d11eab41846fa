//! How good speech sounds: wide-band PESQ (ITU-T P.862.2), from 1 (bad) to 4.64 (the same).

use crate::measure::{find, overlap};
use crate::rig::Rig;
use crate::speech::resample;
use crate::{binaries, wav};
use std::path::Path;
use std::time::Duration;

/// What every way without processing must reach on a clean network.
pub const PESQ_MIN: f32 = 4.2;

/// What the best of a few takes reaches even on a machine that stood still in all of them.
const PESQ_ANYWHERE: f32 = 3.5;

/// A machine that stood still for longer took away what a jitter buffer on a clean network keeps ready:
/// such a take judges the machine.
const STALL_MAX: Duration = Duration::from_millis(2);

/// As many takes, while the machine stands still in all of them.
const TAKES_MAX: usize = 5;

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

/// What was heard in a few takes of the same, and what that says.
#[derive(Debug)]
pub struct Takes {
    lows_allowed: usize,
    taken: usize,
    best: f32,
    /// Takes that sounded worse than they must while the machine was there all the time.
    lows: usize,
}

impl Takes {
    /// None yet. More low takes than this are a failure, if the machine was there in them.
    #[must_use]
    pub fn allowing(lows: usize) -> Self {
        Self { lows_allowed: lows, taken: 0, best: 0.0, lows: 0 }
    }

    /// Takes down the quality of a take, and for how long the machine stood still in it at most.
    pub fn add(&mut self, quality: f32, stalled: Duration) {
        self.taken += 1;
        self.best = self.best.max(quality);
        self.lows += usize::from(quality < PESQ_MIN && stalled <= STALL_MAX);
    }

    /// Whether another take would say nothing new: one was good, too many were low, or there were
    /// enough.
    #[must_use]
    pub fn are_enough(&self) -> bool {
        self.best >= PESQ_MIN || self.lows > self.lows_allowed || self.taken >= TAKES_MAX
    }

    /// Judges them.
    ///
    /// # Panics
    /// When it did not sound as it must.
    pub fn judge(&self, what: &str) {
        let Self { best, lows, .. } = self;
        if *best >= PESQ_MIN {
            return;
        }
        assert!(
            *lows <= self.lows_allowed,
            "{what}: PESQ {best} at best, {lows} times on a machine that was there"
        );
        assert!(*best >= PESQ_ANYWHERE, "{what}: PESQ {best} at best, even for a machine that stood still");
        println!("{what}: the machine stood still in most takes; only the worst can be told from them");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn takes_are_judged_by_those_in_which_the_machine_was_there() {
        const STILL: u64 = 5;
        for (takes, enough, passed) in [
            (&[(4.3, 0)][..], true, true),
            (&[(4.3, STILL)], true, true),
            (&[(4.1, 0)], false, true),
            (&[(4.1, 0), (4.1, 0)], true, false),
            (&[(4.1, 0), (3.9, STILL)], false, true),
            (&[(3.9, STILL), (4.25, STILL)], true, true),
            (&[(3.4, STILL); 5], true, false),
            (&[(3.4, STILL), (3.4, STILL), (3.6, STILL), (3.4, STILL), (3.4, STILL)], true, true),
        ] {
            let mut judged = Takes::allowing(1);
            takes.iter().for_each(|(quality, ms)| judged.add(*quality, Duration::from_millis(*ms)));
            assert_eq!(judged.are_enough(), enough, "{takes:?}");
            assert_eq!(catch_unwind(|| judged.judge("it")).is_ok(), passed, "{takes:?}");
        }
    }
}
