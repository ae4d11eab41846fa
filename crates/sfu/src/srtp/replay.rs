//! Packet indices of one received SSRC: the rollover counter (RFC 3711 §3.3.1) and replay
//! protection (§3.3.2).

use super::SrtpError;

/// How many indices back a packet may come and still be told from a replay.
const WINDOW: u64 = 128;

/// What was received of one SSRC, or of one sender's SRTCP. It changes only by
/// [`accept`](Self::accept), which is for packets that have been authenticated.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReplayWindow {
    /// One more than the highest index accepted; 0 before the first.
    next: u64,
    /// Bit `n` is set when index `next - 1 - n` was accepted.
    seen: u128,
}

impl ReplayWindow {
    /// The 48-bit index that a sequence number most probably stands for (RFC 3711 appendix A).
    ///
    /// # Errors
    /// [`SrtpError::Replayed`] when it was accepted before or is too old to tell.
    pub fn index_of(&self, sequence: u16) -> Result<u64, SrtpError> {
        let sequence = u64::from(sequence);
        let Some(highest) = self.next.checked_sub(1) else {
            return Ok(sequence);
        };
        let (rollovers, last) = (highest >> 16, highest & 0xffff);
        let guess = if last < 0x8000 && sequence > last + 0x8000 {
            // From before the last rollover; without one there is no such packet.
            rollovers.checked_sub(1).ok_or(SrtpError::Replayed)?
        } else if last >= 0x8000 && sequence + 0x8000 < last {
            rollovers + 1
        } else {
            rollovers
        };
        let index = (guess << 16) | sequence;
        self.check(index)?;
        Ok(index)
    }

    /// Whether this index may still be accepted.
    ///
    /// # Errors
    /// [`SrtpError::Replayed`].
    pub fn check(&self, index: u64) -> Result<(), SrtpError> {
        let Some(back) = self.next.checked_sub(index + 1) else {
            return Ok(());
        };
        if back >= WINDOW || self.seen & (1 << back) != 0 { Err(SrtpError::Replayed) } else { Ok(()) }
    }

    /// Notes an authenticated packet.
    pub fn accept(&mut self, index: u64) {
        let next = index + 1;
        if next > self.next {
            let ahead = next - self.next;
            self.seen = if ahead >= WINDOW { 0 } else { self.seen << ahead };
            self.seen |= 1;
            self.next = next;
        } else {
            let back = self.next - next;
            if back < WINDOW {
                self.seen |= 1 << back;
            }
        }
    }

    /// The highest index accepted.
    pub fn highest(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_index_follows_the_rollover() {
        let mut window = ReplayWindow::default();
        for expected in [65_530, 65_535, 65_536, 65_534, 65_540] {
            let index = window.index_of(expected as u16).unwrap();
            assert_eq!(index, expected);
            window.accept(index);
        }
        assert_eq!(window.index_of(65_535), Err(SrtpError::Replayed));
        assert_eq!(window.index_of(65_533), Ok(65_533));
    }

    #[test]
    fn before_the_first_rollover_nothing_is_older() {
        let mut window = ReplayWindow::default();
        window.accept(5);
        assert_eq!(window.index_of(65_000), Err(SrtpError::Replayed));
    }

    proptest! {
        /// Against a model that remembers everything.
        #[test]
        fn each_index_is_accepted_once(steps in proptest::collection::vec(-200i64..200, 1..300)) {
            let mut window = ReplayWindow::default();
            let mut accepted = BTreeSet::new();
            let mut at = 1_000i64;
            for step in steps {
                at = (at + step).max(0);
                let index = at as u64;
                let highest = accepted.last().copied();
                let old = highest.is_some_and(|highest: u64| highest >= index + WINDOW);
                let fresh = !old && !accepted.contains(&index);
                prop_assert_eq!(window.check(index).is_ok(), fresh);
                if fresh {
                    window.accept(index);
                    accepted.insert(index);
                }
            }
        }
    }
}
