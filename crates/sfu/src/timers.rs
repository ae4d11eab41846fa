//! When which session or channel wants to be looked at.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Whose timer it is. The serial number tells a reused place from the one that set the timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    Session { index: u32, serial: u64 },
    Channel { index: u32, serial: u64 },
    Video { index: u32, serial: u64 },
    Prime { index: u32, serial: u64 },
}

/// A queue of timers. One is not moved or cancelled: whoever is woken early looks at the clock
/// and asks again, which keeps the queue as short as there are sessions and channels.
#[derive(Debug, Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<(Instant, Timer)>>);

impl Timers {
    pub fn set(&mut self, at: Instant, timer: Timer) {
        self.0.push(Reverse((at, timer)));
    }

    pub fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    pub fn due(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse((_, timer))| timer)
    }
}
