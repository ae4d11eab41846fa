//! Packets of a received stream that have not come, and when to ask for them again (RFC 4585).

use std::time::{Duration, Instant};

/// Missing at once: more is not worth asking for, a key frame is.
const MISSING_MAX: usize = 64;

/// What is out of order comes by itself within this time.
const REORDERING: Duration = Duration::from_millis(5);

/// Between two questions for the same packet: a round trip on most lines.
const AGAIN: Duration = Duration::from_millis(60);

/// Then it is given up, since the receivers' buffers have moved on.
const ATTEMPTS_MAX: u8 = 6;

#[derive(Debug, Clone, Copy)]
struct Gap {
    index: u64,
    ask_at: Instant,
    asked: u8,
}

/// What is missing of one stream.
#[derive(Debug)]
pub(crate) struct Missing {
    highest: Option<u64>,
    gaps: Vec<Gap>,
}

impl Default for Missing {
    fn default() -> Self {
        Self { highest: None, gaps: Vec::with_capacity(MISSING_MAX) }
    }
}

impl Missing {
    /// Notes a packet that came, by itself or repeated. Returns whether too much is missing, which
    /// is then forgotten: only a key frame helps.
    pub fn receive(&mut self, index: u64, now: Instant) -> bool {
        let Some(highest) = self.highest else {
            self.highest = Some(index);
            return false;
        };
        if index <= highest {
            self.gaps.retain(|gap| gap.index != index);
            return false;
        }
        self.highest = Some(index);
        let gap = index - highest - 1;
        if gap > (MISSING_MAX - self.gaps.len()) as u64 {
            self.gaps.clear();
            return true;
        }
        let ask_at = now + REORDERING;
        self.gaps.extend((highest + 1..index).map(|index| Gap { index, ask_at, asked: 0 }));
        false
    }

    /// Puts the sequence numbers that are to be asked for now into `due`; returns how many.
    pub fn due(&mut self, now: Instant, due: &mut [u16; MISSING_MAX]) -> usize {
        let mut count = 0;
        self.gaps.retain_mut(|gap| {
            if gap.ask_at <= now {
                due[count] = gap.index as u16;
                count += 1;
                gap.ask_at = now + AGAIN;
                gap.asked += 1;
            }
            gap.asked < ATTEMPTS_MAX
        });
        count
    }
}

/// Room for everything that may be due at once.
pub(crate) const fn due() -> [u16; MISSING_MAX] {
    [0; MISSING_MAX]
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Line {
        missing: Missing,
        start: Instant,
    }

    impl Line {
        fn of(indices: &[u64]) -> Self {
            let mut line = Self { missing: Missing::default(), start: Instant::now() };
            indices.iter().for_each(|index| assert!(!line.missing.receive(*index, line.start)));
            line
        }

        fn due(&mut self, at_ms: u64) -> Vec<u16> {
            let mut numbers = due();
            let count = self.missing.due(self.start + Duration::from_millis(at_ms), &mut numbers);
            numbers[..count].to_vec()
        }
    }

    #[test]
    fn what_is_missing_is_asked_for_until_it_comes() {
        let mut line = Line::of(&[65_534, 65_538, 65_536]);
        assert_eq!(line.due(0), [0u16; 0], "it may come by itself");
        assert_eq!(line.due(5), [65_535, 1]);
        assert_eq!(line.due(6), [0u16; 0]);
        line.missing.receive(65_537, line.start);
        assert_eq!(line.due(70), [65_535]);
        let asked = (1..100).flat_map(|time| line.due(70 + time * 60)).count();
        assert_eq!(asked, 4, "and given up after six times");
    }

    #[test]
    fn what_is_too_much_is_not_asked_for() {
        let mut line = Line::of(&[10, 20]);
        assert!(line.missing.receive(90, line.start));
        assert_eq!(line.due(100), [0u16; 0]);
        assert!(!line.missing.receive(92, line.start));
        assert_eq!(line.due(200), [91]);
    }
}
