//! When a publisher is asked for a key frame: merged over all who need one, and throttled.

use std::time::{Duration, Instant};

/// Between two requests for the same layer: a key frame costs what ten other frames do.
const PAUSE: Duration = Duration::from_millis(500);

/// Requests for key frames of one layer.
#[derive(Debug, Default)]
pub(crate) struct KeyRequests {
    wanted: bool,
    asked: Option<Instant>,
}

impl KeyRequests {
    /// Somebody needs a key frame.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// One came: everybody has it.
    pub fn came(&mut self) {
        self.wanted = false;
    }

    /// Whether to ask for one now. It is asked for again until it comes.
    pub fn due(&mut self, now: Instant) -> bool {
        let due = self.wanted && self.asked.is_none_or(|at| now.saturating_duration_since(at) >= PAUSE);
        if due {
            self.asked = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_merged_throttled_and_repeated_until_a_key_frame_comes() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut key = KeyRequests::default();
        assert!(!key.due(at(0)));
        key.want();
        key.want();
        assert!(key.due(at(0)));
        assert!(!key.due(at(499)));
        assert!(key.due(at(500)));
        key.came();
        key.want();
        assert!(!key.due(at(999)));
        assert!(key.due(at(1000)));
        key.came();
        assert!(!key.due(at(5000)));
    }
}
