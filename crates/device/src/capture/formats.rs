//! Which of a camera's formats fits best, and how often pictures are taken.

use super::Wanted;
use std::time::{Duration, Instant};
use voicehall_video::Size;

/// How a camera packs its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Packing {
    /// Costs least to convert.
    Nv12,
    Yuyv,
    /// Has to be decoded, and lost something already.
    Jpeg,
}

/// A format that a camera offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    pub size: Size,
    pub frame_rate: u32,
    pub packing: Packing,
}

/// The offer that is large enough, fast enough, and no more than that; or else comes nearest, size
/// before rate.
pub(super) fn choose(offers: &[Offer], wanted: Wanted) -> Option<Offer> {
    let loss = |offer: &Offer| {
        let is_large = offer.size.width >= wanted.size.width && offer.size.height >= wanted.size.height;
        let is_fast = offer.frame_rate >= wanted.frame_rate;
        let (pixels, rate) = (i64::from(offer.size.pixels()), i64::from(offer.frame_rate));
        (
            !is_large,
            !is_fast,
            if is_large { pixels } else { -pixels },
            if is_fast { rate } else { -rate },
            offer.packing,
        )
    };
    offers.iter().filter(|offer| offer.size.is_allowed()).min_by_key(|offer| loss(offer)).copied()
}

/// Lets through so many pictures a second and no more.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    due: Option<Instant>,
}

impl Pace {
    pub(super) fn new(frame_rate: u32) -> Self {
        Self { interval: Duration::from_secs(1) / frame_rate.max(1), due: None }
    }

    /// How long it is until the next picture may be taken.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        self.due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now))
    }

    /// A picture is taken now.
    pub(super) fn take(&mut self, now: Instant) {
        // What comes late is not made up for, but a little late is on time.
        let due = self.due.filter(|due| now.saturating_duration_since(*due) < self.interval);
        self.due = Some(due.unwrap_or(now) + self.interval);
    }

    /// Whether a picture that comes by itself is taken. One that comes a little early is.
    pub(super) fn takes(&mut self, now: Instant) -> bool {
        let takes = self.wait(now) <= self.interval / 4;
        if takes {
            self.take(now);
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(width: u32, height: u32, frame_rate: u32, packing: Packing) -> Offer {
        Offer { size: Size::new(width, height), frame_rate, packing }
    }

    #[test]
    fn the_smallest_that_suffices_is_chosen() {
        use Packing::{Jpeg, Nv12, Yuyv};
        let webcam = [
            offer(640, 480, 30, Yuyv),
            offer(1280, 720, 10, Yuyv),
            offer(1280, 720, 60, Jpeg),
            offer(1280, 720, 30, Jpeg),
            offer(1920, 1080, 30, Jpeg),
            offer(100_000, 100_000, 30, Jpeg),
        ];
        for (width, height, frame_rate, best) in [
            (1280, 720, 30, 3),
            (1280, 720, 60, 2),
            (1280, 720, 5, 1),
            (320, 180, 30, 0),
            (960, 540, 30, 3),
            (1280, 720, 90, 2),
            (2560, 1440, 30, 4),
        ] {
            let wanted = Wanted { size: Size::new(width, height), frame_rate };
            assert_eq!(choose(&webcam, wanted), Some(webcam[best]), "{wanted:?}");
        }
        let wanted = Wanted { size: Size::new(640, 480), frame_rate: 30 };
        let equal = [offer(640, 480, 30, Jpeg), offer(640, 480, 30, Nv12), offer(640, 480, 30, Yuyv)];
        assert_eq!(choose(&equal, wanted), Some(equal[1]));
        assert_eq!(choose(&[], wanted), None);
    }

    #[test]
    fn sixty_pictures_become_thirty_and_thirty_stay() {
        for (given, wanted, taken) in [(60, 30, 30), (30, 30, 30), (25, 30, 25), (90, 30, 30)] {
            let start = Instant::now();
            let mut pace = Pace::new(wanted);
            // Cameras tremble.
            let tremble = |n: u32| Duration::from_millis(u64::from(n % 3));
            let times = (0..given * 10).map(|n| start + Duration::from_secs(1) * n / given + tremble(n));
            let count = times.filter(|time| pace.takes(*time)).count();
            let per_second = count as f64 / 10.0;
            assert!((per_second - f64::from(taken)).abs() < 1.0, "{given} to {wanted}: {per_second}");
        }
    }
}
