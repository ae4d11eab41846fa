//! When a publisher's packets came, by their transport-wide sequence numbers, until it has been told.

use super::feedback::{self, BYTES_MAX, PACKETS_MAX};
use std::time::{Duration, Instant};

/// Numbers that are remembered: a tenth of a second of the fastest sender.
const REMEMBERED: usize = 1024;

/// A jump of numbers beyond this is a new beginning.
const JUMP_MAX: u64 = 512;

/// Between two feedbacks, which each sender steers by: as often as libwebrtc's own.
const PAUSE: Duration = Duration::from_millis(50);

/// Arrivals that are still to be told. It takes its memory with the first packet.
pub(crate) struct Arrivals {
    start: Instant,
    /// One more than the number, and when it came.
    ring: Vec<(u64, u64)>,
    /// The first number that was not told.
    base: u64,
    /// One more than the highest that came; 0 before the first.
    next: u64,
    told: u8,
    told_at: Instant,
}

impl Arrivals {
    pub fn new(start: Instant) -> Self {
        Self { start, ring: Vec::new(), base: 0, next: 0, told: 0, told_at: start }
    }

    /// Notes a packet.
    pub fn receive(&mut self, sequence: u16, now: Instant) {
        if self.ring.is_empty() {
            self.ring.resize(REMEMBERED, (0, 0));
            self.base = (1 << 16) + u64::from(sequence);
            self.next = self.base;
        }
        let ahead = i64::from(sequence.wrapping_sub(self.next as u16) as i16);
        let Some(number) = self.next.checked_add_signed(ahead) else { return };
        if number >= self.next {
            if number - self.next > JUMP_MAX {
                self.base = number;
            }
            self.next = number + 1;
            self.base = self.base.max(self.next.saturating_sub(REMEMBERED as u64));
        }
        let place = &mut self.ring[number as usize % REMEMBERED];
        if number >= self.base && place.0 != number + 1 {
            *place = (number + 1, now.saturating_duration_since(self.start).as_micros() as u64);
        }
    }

    /// Whether it is time to tell.
    pub fn is_due(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.told_at) >= PAUSE
    }

    /// Writes what is to be told next; see [`feedback::write`]. Returns the length.
    pub fn write(&mut self, now: Instant, out: &mut [u8; BYTES_MAX]) -> Option<usize> {
        let came = |number: u64| {
            let (kept, at) = self.ring[number as usize % REMEMBERED];
            (kept == number + 1).then_some(at)
        };
        let end = self.next.min(self.base + PACKETS_MAX as u64);
        let (len, count) = feedback::write(self.base as u16, (self.base..end).map(came), self.told, out)?;
        self.told = self.told.wrapping_add(1);
        self.told_at = now;
        self.base += count as u64;
        Some(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    struct Line {
        arrivals: Arrivals,
        start: Instant,
    }

    impl Line {
        fn new() -> Self {
            let start = Instant::now();
            Self { arrivals: Arrivals::new(start), start }
        }

        fn receive(&mut self, sequence: u16, at_ms: u64) {
            self.arrivals.receive(sequence, self.start + Duration::from_millis(at_ms));
        }

        /// Numbers and milliseconds.
        fn told(&mut self) -> Vec<(u16, Option<i64>)> {
            let mut out = [0; BYTES_MAX];
            let Some(len) = self.arrivals.write(self.start, &mut out) else { return Vec::new() };
            let mut told = Vec::new();
            feedback::read(&out[..len], |sequence, at| told.push((sequence, at.map(|at| at / 1000))))
                .expect("it is well formed");
            told
        }
    }

    #[test]
    fn each_packet_is_told_once_and_so_is_what_is_missing() {
        let mut line = Line::new();
        assert_eq!(line.told(), []);
        line.receive(65_534, 100);
        line.receive(0, 103);
        line.receive(65_535, 104);
        line.receive(3, 110);
        line.receive(3, 111);
        let expected =
            [(65_534, Some(100)), (65_535, Some(104)), (0, Some(103)), (1, None), (2, None), (3, Some(110))];
        assert_eq!(line.told(), expected);
        assert_eq!(line.told(), []);
        // What is told as missing is not told again.
        line.receive(2, 120);
        assert_eq!(line.told(), []);
        line.receive(4, 121);
        assert_eq!(line.told(), [(4, Some(121))]);
    }

    #[test]
    fn jumps_and_floods_are_bounded() {
        let mut line = Line::new();
        line.receive(10, 0);
        line.receive(10_000, 1);
        assert_eq!(line.told(), [(10_000, Some(1))]);
        (10_001..30_000).for_each(|sequence| line.receive(sequence, 2));
        let told: usize = std::iter::from_fn(|| Some(line.told().len()).filter(|len| *len > 0)).sum();
        assert_eq!(told, REMEMBERED);
    }
}
