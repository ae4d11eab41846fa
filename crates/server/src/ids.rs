//! Fresh ids.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bits below the milliseconds: room for this many ids within one, as a power of two.
const COUNT_BITS: u32 = 20;

/// Makes ids that grow with time and fit into 63 bits, so that a signed column holds them.
#[derive(Debug, Default)]
pub struct Ids {
    last: AtomicU64,
}

impl Ids {
    /// The next id. Never the same twice, also after a restart unless the clock went back.
    pub fn next(&self) -> u64 {
        let floor = (now_ms() << COUNT_BITS) & (i64::MAX as u64);
        let next = |last: u64| Some(floor.max(last + 1));
        let last =
            self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_else(|last| last);
        floor.max(last + 1)
    }
}

/// An id that nobody can guess.
pub fn random() -> u64 {
    rand::random_range(1..=i64::MAX as u64)
}

/// The Unix time in milliseconds.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_and_fit_a_signed_column() {
        let ids = Ids::default();
        let many: Vec<u64> = (0..10_000).map(|_| ids.next()).collect();
        assert!(many.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(i64::try_from(*many.last().unwrap()).is_ok());
    }
}
