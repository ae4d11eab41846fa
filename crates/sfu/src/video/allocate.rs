//! What each of a receiver's views gets of what its line carries.
//!
//! A view has steps, from its smallest layer with half the pictures up to the layer that fills it. First
//! every view gets its first step, then each in turn is raised as far as possible; the larger priority
//! comes first, a screen before a camera, the lower slot before the higher. So a tile is small
//! before another is left out, and what cannot be had at all is left out from the end.
//!
//! The first step of the first view is kept somewhat longer than it fits ([`HELD`]): when a key frame has
//! filled the line for a moment, the only picture would be gone until the next one.
//!
//! A step up from what a view has must leave room ([`ROOM`]), a step that it has need not: that keeps
//! layers from going back and forth while the line stays as it is.

use voicehall_protocol::rtp::{VIDEO_LAYERS, VIDEO_SLOTS};

/// Share of a step's bits that is asked for before it is taken: more than what a layer's rate varies
/// by; less than the distance between two layers.
pub(crate) const ROOM: f64 = 1.15;

/// Share of the first step of the first view that the line has to carry for the view to keep it: what an
/// estimate falls to when a layer that just fits fills the line (85 %), and some.
pub(crate) const HELD: f64 = 0.75;

/// Left to voice, in bits a second: two who speak. What has been estimated was carried beside the voices
/// of that moment; this is for those who begin.
pub(crate) const VOICE: u64 = 64_000;

/// Two for each layer.
pub(crate) const STEPS_MAX: usize = 2 * VIDEO_LAYERS;

/// One way to serve a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Step {
    pub layer: u8,
    /// Without the pictures that no other refers to.
    pub thin: bool,
    /// That it takes in a second.
    pub bits: u64,
}

/// A view, as far as it matters here.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Want {
    pub priority: u8,
    pub screen: bool,
    steps: [Step; STEPS_MAX],
    count: usize,
    /// What it has, by its place among the steps.
    has: Option<usize>,
}

/// What the views of a receiver get, by slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Allocation {
    pub steps: [Option<Step>; VIDEO_SLOTS],
    /// Bits a second of the line with which no view would be short of anything; 0 when none is.
    pub short_of: u64,
}

impl Want {
    /// A view without any step, which gets nothing.
    pub fn new(priority: u8, screen: bool) -> Self {
        Self { priority, screen, ..Self::default() }
    }

    /// Adds the next better step. One is had when it is what the view was given last.
    pub fn add(&mut self, step: Step, had: bool) {
        if let Some(place) = self.steps.get_mut(self.count) {
            *place = step;
            if had {
                self.has = Some(self.count);
            }
            self.count += 1;
        }
    }

    fn steps(&self) -> &[Step] {
        &self.steps[..self.count]
    }

    /// Bits that have to be free for a step.
    fn needs(&self, number: usize) -> u64 {
        let bits = self.steps[number].bits;
        if self.has.is_some_and(|has| number <= has) { bits } else { (bits as f64 * ROOM) as u64 }
    }
}

/// Divides the bits a second that a line carries among the views in the slots.
pub(crate) fn allocate(wants: &[Want; VIDEO_SLOTS], line: u64) -> Allocation {
    let mut order: [usize; VIDEO_SLOTS] = std::array::from_fn(|slot| slot);
    order
        .sort_unstable_by_key(|slot| (std::cmp::Reverse(wants[*slot].priority), !wants[*slot].screen, *slot));
    let mut free = line.saturating_sub(VOICE);
    let mut given = [None; VIDEO_SLOTS];
    let first = order.into_iter().find(|slot| wants[*slot].count > 0);
    for slot in order.into_iter().filter(|slot| wants[*slot].count > 0) {
        let want = &wants[slot];
        let held = want.has.is_some() && (want.steps[0].bits as f64 * HELD) as u64 <= line;
        if want.needs(0) <= free || (Some(slot) == first && held) {
            given[slot] = Some(0);
            free = free.saturating_sub(want.steps[0].bits);
        }
    }
    for slot in order {
        let (want, Some(least)) = (&wants[slot], given[slot]) else { continue };
        let without = free + want.steps[least].bits;
        let best = (least + 1..want.count).rev().find(|number| want.needs(*number) <= without);
        if let Some(best) = best {
            given[slot] = Some(best);
            free = without - want.steps[best].bits;
        }
    }
    let is_short = |slot: usize| wants[slot].count > given[slot].map_or(0, |given: usize| given + 1);
    let all: u64 = wants.iter().filter_map(|want| want.steps().last()).map(|step| step.bits).sum();
    let short_of = if (0..VIDEO_SLOTS).any(is_short) { VOICE + (all as f64 * ROOM) as u64 } else { 0 };
    let steps = std::array::from_fn(|slot| given[slot].map(|number| wants[slot].steps[number]));
    Allocation { steps, short_of }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Three layers, whole, of so many kilobits.
    fn want(priority: u8, screen: bool, kilobits: [u64; 3]) -> Want {
        let mut want = Want::new(priority, screen);
        for (layer, kilobits) in kilobits.into_iter().enumerate() {
            want.add(Step { layer: layer as u8, thin: false, bits: kilobits * 1000 }, false);
        }
        want
    }

    fn layers(wants: &[Want], kilobits: u64) -> Vec<Option<u8>> {
        let mut all = [Want::default(); VIDEO_SLOTS];
        all[..wants.len()].copy_from_slice(wants);
        let allocation = allocate(&all, kilobits * 1000 + VOICE);
        allocation.steps[..wants.len()].iter().map(|step| step.map(|step| step.layer)).collect()
    }

    #[test]
    fn all_get_something_before_one_gets_more_and_the_important_ones_come_first() {
        let camera = want(0, false, [100, 500, 2000]);
        let screen = want(0, true, [100, 500, 2000]);
        let important = want(1, false, [100, 500, 2000]);
        for (kilobits, expected) in [
            (5000, [Some(1), Some(2), Some(2)]),
            (3200, [Some(1), Some(1), Some(2)]),
            (1200, [Some(0), Some(1), Some(1)]),
            (800, [Some(0), Some(0), Some(1)]),
            (320, [Some(0), Some(0), Some(0)]),
            (220, [None, Some(0), Some(0)]),
            (120, [None, None, Some(0)]),
            (90, [None, None, None]),
        ] {
            assert_eq!(layers(&[camera, screen, important], kilobits), expected, "{kilobits}");
        }
    }

    #[test]
    fn a_step_up_needs_room_and_what_one_has_is_kept() {
        let mut has = Want::new(0, false);
        for (layer, bits) in [(0, 100_000), (1, 500_000)] {
            has.add(Step { layer, thin: false, bits }, layer == 1);
        }
        let new = want(0, false, [100, 500, 2000]);
        assert_eq!(layers(&[has], 500), [Some(1)]);
        assert_eq!(layers(&[new], 500), [Some(0)]);
        assert_eq!(layers(&[new], 580), [Some(1)]);
        assert_eq!(layers(&[has], 499), [Some(0)]);
        // With what is left to voice, 75 and 74 of 100.
        assert_eq!(layers(&[has, has], 11), [Some(0), None], "the only picture is held");
        assert_eq!(layers(&[has], 10), [None]);
        assert_eq!(layers(&[new], 11), [None]);
    }

    fn any_wants() -> impl Strategy<Value = Vec<(u8, bool, Vec<u64>, usize)>> {
        let steps = proptest::collection::vec(1_000u64..5_000_000, 0..=STEPS_MAX);
        proptest::collection::vec((0u8..3, any::<bool>(), steps, 0usize..10), 0..=VIDEO_SLOTS)
    }

    fn build(raw: &[(u8, bool, Vec<u64>, usize)], had: impl Fn(usize, usize) -> bool) -> [Want; VIDEO_SLOTS] {
        let mut wants = [Want::default(); VIDEO_SLOTS];
        for (slot, (priority, screen, steps, _)) in raw.iter().enumerate() {
            wants[slot] = Want::new(*priority, *screen);
            for (number, bits) in steps.iter().enumerate() {
                let step = Step { layer: (number / 2) as u8, thin: number % 2 == 0, bits: *bits };
                wants[slot].add(step, had(slot, number));
            }
        }
        wants
    }

    proptest! {
        /// It fits; nobody is left out for one who comes later; and the same line gives the same again.
        #[test]
        fn what_is_given_fits_and_stays(raw in any_wants(), line in 0u64..20_000_000) {
            let wants = build(&raw, |slot, number| raw[slot].3 == number);
            let given = allocate(&wants, line);
            let sum: u64 = given.steps.iter().flatten().map(|step| step.bits).sum();
            let most = given.steps.iter().flatten().count() == 1;
            let held = (line as f64 / HELD) as u64 + 1;
            prop_assert!(sum <= line.saturating_sub(VOICE) || (most && sum <= held), "{sum} {line}");
            let again = build(&raw, |slot, number| {
                given.steps[slot].is_some_and(|step| step == wants[slot].steps[number])
            });
            prop_assert_eq!(allocate(&again, line), given);
            let top: u64 = wants.iter().filter_map(|want| want.steps().last()).map(|step| step.bits).sum();
            prop_assert!(given.short_of == 0 || given.short_of >= VOICE + top);
            for slot in 0..raw.len() {
                for later in 0..raw.len() {
                    let key = |slot: usize| (std::cmp::Reverse(raw[slot].0), !raw[slot].1, slot);
                    let same = raw[slot].2 == raw[later].2 && wants[slot].has == wants[later].has;
                    if same && key(slot) < key(later) {
                        let bits = |slot: usize| given.steps[slot].map(|step| wants[slot].steps().iter().rposition(|s| *s == step));
                        prop_assert!(bits(slot) >= bits(later));
                    }
                }
            }
        }
    }
}
