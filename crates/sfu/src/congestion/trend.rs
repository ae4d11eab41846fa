//! Whether a line's queue grows, by how packets are spread on arrival (draft-ietf-rmcat-gcc-02 §5).
//!
//! Packets that left together are one group. How much longer a group was on its way than the one before
//! adds up to the queue's delay; the slope of a line through the last of these sums says whether it
//! grows. The slope is held against a threshold that gives way slowly, so that traffic beside ours does
//! not starve us (§5.4).

/// Packets that leave within this time are one group.
const GROUP_US: i64 = 5_000;

/// Groups that the line is laid through: half a second of a camera.
const GROUPS: usize = 20;

/// Groups that are needed to say anything.
const GROUPS_MIN: usize = 6;

/// How much of each new sum is taken: less is smoother and later.
const SMOOTHING: f64 = 0.3;

/// The slope, in milliseconds of delay for each of time, as milliseconds over this time.
const HORIZON_MS: f64 = 200.0;

/// The threshold in milliseconds: where it starts, and its bounds (§5.4).
const THRESHOLD_MS: f64 = 12.5;
const THRESHOLD_MS_MIN: f64 = 6.0;
const THRESHOLD_MS_MAX: f64 = 600.0;

/// How fast the threshold follows upwards and downwards, for each millisecond (§5.4).
const FOLLOW_UP: f64 = 0.01;
const FOLLOW_DOWN: f64 = 0.00018;

/// A peak this far beyond the threshold does not move it (§5.4).
const PEAK_MS: f64 = 15.0;

/// The slope has to be above the threshold for this long (§5.4).
const OVERUSE_US: i64 = 10_000;

/// A step of either clock beyond this is a new beginning.
const STEP_MAX_US: i64 = 3_000_000;

/// What the line's queue does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    Normal,
    /// It grows.
    Over,
    /// It empties.
    Under,
}

/// Packets that left together: when the last of them left and came, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent: i64,
    sent: i64,
    arrived: i64,
}

/// The slope of the delays.
#[derive(Debug)]
pub(crate) struct Trend {
    group: Option<Group>,
    before: Option<Group>,
    sum_ms: f64,
    smoothed_ms: f64,
    /// Time of arrival and smoothed sum, in milliseconds.
    points: [(f64, f64); GROUPS],
    count: usize,
    threshold_ms: f64,
    over_since: Option<i64>,
    last_slope: f64,
    usage: Usage,
}

impl Trend {
    pub fn new() -> Self {
        Self {
            group: None,
            before: None,
            sum_ms: 0.0,
            smoothed_ms: 0.0,
            points: [(0.0, 0.0); GROUPS],
            count: 0,
            threshold_ms: THRESHOLD_MS,
            over_since: None,
            last_slope: 0.0,
            usage: Usage::Normal,
        }
    }

    /// What the queue did by the last packets.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Takes the next packet that arrived: when it left by our clock and when it came by the
    /// receiver's, in microseconds.
    pub fn packet(&mut self, sent: i64, arrived: i64) {
        let Some(group) = &mut self.group else {
            self.group = Some(Group { first_sent: sent, sent, arrived });
            return;
        };
        if arrived.saturating_sub(group.arrived).unsigned_abs() > STEP_MAX_US.unsigned_abs()
            || sent - group.sent > STEP_MAX_US
        {
            *self = Self { threshold_ms: self.threshold_ms, ..Self::new() };
            self.group = Some(Group { first_sent: sent, sent, arrived });
            return;
        }
        // Of an earlier group: it says nothing of the order in which groups left.
        if sent < group.first_sent {
            return;
        }
        if sent - group.first_sent < GROUP_US {
            group.sent = group.sent.max(sent);
            group.arrived = group.arrived.max(arrived);
            return;
        }
        let whole = std::mem::replace(group, Group { first_sent: sent, sent, arrived });
        if let Some(before) = self.before.replace(whole) {
            self.group_came(&before, &whole);
        }
    }

    fn group_came(&mut self, before: &Group, group: &Group) {
        let step_ms = (group.arrived - before.arrived) as f64 / 1000.0;
        self.sum_ms += step_ms - (group.sent - before.sent) as f64 / 1000.0;
        self.smoothed_ms += SMOOTHING * (self.sum_ms - self.smoothed_ms);
        self.points.rotate_left(1);
        self.points[GROUPS - 1] = (group.arrived as f64 / 1000.0, self.smoothed_ms);
        self.count = (self.count + 1).min(GROUPS);
        if self.count < GROUPS_MIN {
            return;
        }
        let slope = slope(&self.points[GROUPS - self.count..]) * HORIZON_MS;
        self.judge(slope, group.arrived);
        self.follow(slope, step_ms);
        self.last_slope = slope;
    }

    fn judge(&mut self, slope: f64, at: i64) {
        if slope > self.threshold_ms {
            let since = *self.over_since.get_or_insert(at);
            if at - since >= OVERUSE_US && slope >= self.last_slope {
                self.usage = Usage::Over;
            }
            return;
        }
        self.over_since = None;
        self.usage = if slope < -self.threshold_ms { Usage::Under } else { Usage::Normal };
    }

    fn follow(&mut self, slope: f64, step_ms: f64) {
        let beyond = slope.abs() - self.threshold_ms;
        if beyond > PEAK_MS {
            return;
        }
        let speed = if beyond > 0.0 { FOLLOW_UP } else { FOLLOW_DOWN };
        let moved = self.threshold_ms + beyond * speed * step_ms.clamp(0.0, 100.0);
        self.threshold_ms = moved.clamp(THRESHOLD_MS_MIN, THRESHOLD_MS_MAX);
    }
}

/// Of the line with the least squares through these points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x_mean, y_mean) = (
        points.iter().map(|(x, _)| x).sum::<f64>() / count,
        points.iter().map(|(_, y)| y).sum::<f64>() / count,
    );
    let above: f64 = points.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    let below: f64 = points.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
    if below > 0.0 { above / below } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Groups every 20 ms whose delay changes by this much from one to the next.
    fn run(trend: &mut Trend, from: i64, groups: i64, step_us: i64) -> Usage {
        for group in from..from + groups {
            let sent = group * 20_000;
            trend.packet(sent, 7_000_000 + sent + (group - from) * step_us);
            trend.packet(sent + 100, 7_000_200 + sent + (group - from) * step_us);
        }
        trend.usage()
    }

    #[test]
    fn a_growing_queue_is_overuse_and_one_that_empties_underuse() {
        for (step_us, usage) in
            [(0, Usage::Normal), (100, Usage::Normal), (5_000, Usage::Over), (-5_000, Usage::Under)]
        {
            assert_eq!(run(&mut Trend::new(), 0, 40, step_us), usage, "{step_us}");
        }
    }

    #[test]
    fn overuse_is_over_once_the_queue_stands() {
        let mut trend = Trend::new();
        assert_eq!(run(&mut trend, 0, 40, 5_000), Usage::Over);
        assert_ne!(run(&mut trend, 40, 60, 0), Usage::Over);
    }

    #[test]
    fn another_clock_is_a_new_beginning() {
        let mut trend = Trend::new();
        run(&mut trend, 0, 40, 0);
        trend.packet(40 * 20_000, -1_000_000_000_000);
        trend.packet(41 * 20_000, i64::MAX);
        assert_eq!(trend.usage(), Usage::Normal);
    }

    proptest! {
        #[test]
        fn no_arrivals_make_it_panic(steps in proptest::collection::vec((0i64..100_000, any::<i64>(), any::<bool>()), 0..200)) {
            let (mut trend, mut sent) = (Trend::new(), 0);
            for (step, arrived, wild) in steps {
                sent += step;
                // What a feedback can hold: 24 bits of 64 ms, and some.
                let arrived = if wild { arrived >> 22 } else { sent + arrived % 50_000 };
                trend.packet(sent, arrived);
                prop_assert!(trend.threshold_ms >= THRESHOLD_MS_MIN && trend.threshold_ms <= THRESHOLD_MS_MAX);
            }
        }
    }
}
