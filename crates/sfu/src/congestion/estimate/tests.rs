use super::*;
use crate::congestion::feedback::BYTES_MAX;
use proptest::prelude::*;
use std::collections::VecDeque;

const STEP: Duration = Duration::from_millis(5);
const TURN: Duration = Duration::from_millis(20);

/// A sender that keeps to its estimate, and a line with a queue, in virtual time.
struct Line {
    estimate: Estimate,
    now: Instant,
    start: Instant,
    bits_per_second: f64,
    /// Lost by chance, in a hundred.
    loss: u64,
    seed: u64,
    wanted: f64,
    credit: f64,
    /// When the queue is empty again.
    busy_us: i64,
    next: u64,
    base: u64,
    /// When each came, from `base` on.
    arrivals: VecDeque<Option<u64>>,
}

impl Line {
    fn new(bits_per_second: f64, wanted: f64) -> Self {
        let now = Instant::now();
        Self {
            estimate: Estimate::new(now),
            now,
            start: now,
            bits_per_second,
            loss: 0,
            seed: 7,
            wanted,
            credit: 0.0,
            busy_us: 0,
            next: 0,
            base: 0,
            arrivals: VecDeque::new(),
        }
    }

    fn send(&mut self, bytes: usize) {
        let now_us = (self.now - self.start).as_micros() as i64;
        assert_eq!(self.estimate.next_number(), self.next as u16);
        self.next += 1;
        self.estimate.note_sent(bytes, self.now);
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let begin = self.busy_us.max(now_us);
        // 300 ms of queue.
        let fits = begin - now_us < 300_000;
        if fits {
            self.busy_us = begin + (bytes as f64 * 8e6 / self.bits_per_second) as i64;
        }
        let arrives = fits && self.seed >> 33 & 0xffff >= self.loss * 65_536 / 100;
        self.arrivals.push_back(arrives.then_some(20_000 + self.busy_us as u64));
    }

    fn tell(&mut self) {
        let now_us = (self.now - self.start).as_micros() as u64;
        // What has come by now, and what is known to be missing before it.
        let came = self.arrivals.iter().rposition(|at| at.is_some_and(|at| at + 20_000 <= now_us));
        let Some(last) = came else { return };
        let mut told = 0;
        while told <= last {
            let mut out = [0; BYTES_MAX];
            let rest = self.arrivals.iter().copied().skip(told).take(last + 1 - told);
            let Some((len, count)) = feedback::write((self.base + told as u64) as u16, rest, 0, &mut out)
            else {
                break;
            };
            self.estimate.hear(&out[..len], self.now);
            told += count;
        }
        self.arrivals.drain(..told);
        self.base += told as u64;
    }

    fn run(&mut self, seconds: f64) {
        for _ in 0..(seconds * 200.0) as u32 {
            self.now += STEP;
            let elapsed = (self.now - self.start).as_millis();
            self.credit += (self.estimate.bits_per_second() as f64).min(self.wanted) / 8.0 / 200.0;
            while self.credit >= 1200.0 {
                self.credit -= 1200.0;
                self.send(1200);
            }
            if elapsed.is_multiple_of(20) {
                let due = self.estimate.padding_due(self.wanted as u64, self.now, TURN);
                (0..due / 250).for_each(|_| self.send(250));
            }
            if elapsed.is_multiple_of(50) {
                self.tell();
            }
            self.estimate.pass(self.now);
        }
    }

    fn kilobits(&self) -> u64 {
        self.estimate.bits_per_second() / 1000
    }
}

#[test]
fn it_falls_with_the_line_within_two_seconds_and_is_back_within_ten() {
    let mut line = Line::new(5e6, 6e6);
    line.run(10.0);
    assert!((3_000..=5_500).contains(&line.kilobits()), "{}", line.kilobits());
    line.bits_per_second = 3e5;
    line.run(2.0);
    assert!(line.kilobits() <= 330, "{}", line.kilobits());
    for _ in 0..20 {
        line.run(1.0);
        assert!((150..=450).contains(&line.kilobits()), "{}", line.kilobits());
    }
    line.bits_per_second = 5e6;
    line.run(10.0);
    assert!((3_500..=5_500).contains(&line.kilobits()), "{}", line.kilobits());
}

#[test]
fn loss_by_chance_alone_does_not_starve() {
    let mut line = Line::new(5e6, 2e6);
    line.loss = 5;
    for _ in 0..60 {
        line.run(1.0);
        assert!(line.kilobits() >= 1_500, "{}", line.kilobits());
    }
}

#[test]
fn a_line_of_which_most_is_lost_is_sent_little() {
    let mut line = Line::new(5e6, 2e6);
    line.loss = 60;
    line.run(5.0);
    assert!(line.kilobits() <= 300, "{}", line.kilobits());
}

#[test]
fn silence_halves_it_down_to_the_floor() {
    let mut line = Line::new(5e6, 2e6);
    line.run(1.0);
    let before = line.kilobits();
    for _ in 0..10 {
        line.estimate.note_sent(1200, line.now);
        line.now += Duration::from_secs(2);
        line.estimate.pass(line.now);
    }
    assert!(before > 1_000 && line.estimate.bits_per_second() == FLOOR as u64);
}

#[test]
fn a_line_that_is_not_used_is_tried_again() {
    let mut line = Line::new(5e6, 2e6);
    line.loss = 95;
    line.run(20.0);
    let before = line.kilobits();
    line.run(1.0);
    let base = line.estimate.next_number().wrapping_sub(1);
    let mut out = [0; BYTES_MAX];
    let (len, _) = feedback::write(base, [Some(60_000_000)], 0, &mut out).unwrap();
    line.estimate.hear(&out[..len], line.now);
    for _ in 0..500 {
        line.now += TURN;
        line.estimate.pass(line.now);
    }
    assert!(before < 150 && (200..=500).contains(&line.kilobits()), "{before} {}", line.kilobits());
}

#[test]
fn a_pause_is_no_silence() {
    let mut line = Line::new(5e6, 2e6);
    line.run(3.0);
    line.tell();
    // The last ones were lost: one halving, and no more.
    line.estimate.note_sent(1200, line.now);
    let before = line.kilobits();
    for _ in 0..1500 {
        line.now += TURN;
        line.estimate.pass(line.now);
    }
    assert_eq!(line.kilobits(), before / 2);
    // The first packet after the pause has its time to be told of.
    line.estimate.note_sent(1200, line.now);
    line.now += TURN;
    line.estimate.pass(line.now);
    assert_eq!(line.kilobits(), before / 2);
}

#[test]
fn who_says_nothing_or_wants_no_more_is_not_probed() {
    let mut line = Line::new(5e6, 2e6);
    assert_eq!(line.estimate.padding_due(9_000_000, line.now, TURN), 0);
    line.run(3.0);
    assert_eq!(line.estimate.padding_due(1_000_000, line.now, TURN), 0);
}

#[test]
fn who_lies_about_arrivals_gets_no_more_than_what_left_allows() {
    let mut line = Line::new(5e6, 3e5);
    line.run(10.0);
    let before = line.kilobits();
    // Everything came, and all at one moment.
    for _ in 0..200 {
        line.now += Duration::from_millis(50);
        line.arrivals.clear();
        line.base = line.next;
        (0..2).for_each(|_| line.send(1000));
        let mut out = [0; BYTES_MAX];
        let (len, _) = feedback::write(line.base as u16, [Some(5_000_000); 2], 0, &mut out).unwrap();
        line.estimate.hear(&out[..len], line.now);
        line.estimate.hear(&out[..len], line.now);
    }
    assert!(line.kilobits() <= before.max(320 * 3 / 2), "{} {before}", line.kilobits());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_leave_its_bounds(
        bodies in proptest::collection::vec((0u8..40, 0u64..200, proptest::collection::vec(any::<u8>(), 0..60)), 0..60),
    ) {
        let mut now = Instant::now();
        let mut estimate = Estimate::new(now);
        for (packets, wait_ms, mut body) in bodies {
            now += Duration::from_millis(wait_ms);
            (0..packets).for_each(|_| estimate.note_sent(1200, now));
            estimate.padding_due(5_000_000, now, TURN);
            if body.len() >= 4 {
                // Of packets that did leave, at times.
                let base = estimate.next_number().wrapping_sub(u16::from(body[0] % 64));
                body[..2].copy_from_slice(&base.to_be_bytes());
                body[2] = 0;
            }
            estimate.hear(&body, now);
            estimate.pass(now);
            let rate = estimate.bits_per_second();
            prop_assert!(rate >= FLOOR as u64 && rate <= CEILING as u64, "{rate}");
        }
    }
}
