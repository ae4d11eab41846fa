//! What is encoded of a source: which layers, how large, how often and with how many bits, from
//! what anybody wants to see, what the line carries and what the processor keeps up with.
//!
//! A camera has three layers of half the size each, a screen two: what it is, and a small slow one
//! for thumbnails and thin lines. What nobody wants is not encoded. When the processor cannot keep
//! up, layers go before the frame rate ([`Load`]); when the line is too thin, layers go as well, and
//! then what the [`ContentHint`] holds cheap.

use crate::{ContentHint, Rate, Size};
use std::time::{Duration, Instant};

/// The most layers of a source.
pub const LAYERS_MAX: usize = 3;

/// The shorter side of a camera's largest layer.
const CAMERA_SIDE_MAX: u32 = 720;

/// A camera's layer with a smaller shorter side shows nobody anything.
const CAMERA_SIDE_MIN: u32 = 90;

/// The shorter side and frame rate of a screen's small layer.
const SMALL_SCREEN_SIDE: u32 = 360;
const SMALL_SCREEN_FRAME_RATE: u32 = 5;

/// The least frame rate that still looks like motion, and the least for a page that is read.
const MOTION_FRAME_RATE_MIN: u32 = 15;
const DETAIL_FRAME_RATE_MIN: u32 = 3;

/// A layer with less than this is not worth its headers, in b/s.
const BITRATE_MIN: u32 = 40_000;

/// What a source gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Whether it is a screen or window; a camera otherwise.
    pub screen: bool,
    /// Of its pictures.
    pub size: Size,
    /// In pictures a second.
    pub frame_rate: u32,
    /// What matters in its pictures.
    pub content: ContentHint,
}

/// What anybody needs of each layer, the smallest first: at most so many pictures a second, or
/// nothing.
pub type Demand = [Option<u32>; LAYERS_MAX];

/// What one encoder does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// Its place among the source's layers, the smallest being 0.
    pub index: usize,
    /// Of its pictures.
    pub size: Size,
    /// How much it may make.
    pub rate: Rate,
    /// See [`crate::EncoderConfig::temporal_layers`].
    pub temporal_layers: u8,
}

/// What is encoded of a source, the smallest layer first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Plan([Option<Layer>; LAYERS_MAX]);

impl Plan {
    /// The layers that are encoded.
    pub fn layers(&self) -> impl DoubleEndedIterator<Item = Layer> {
        self.0.into_iter().flatten()
    }

    /// The layer of this place, if it is encoded.
    pub fn layer(&self, index: usize) -> Option<Layer> {
        *self.0.get(index)?
    }

    /// Bits a second of all layers.
    pub fn bitrate(&self) -> u32 {
        self.layers().map(|layer| layer.rate.bitrate).sum()
    }
}

/// The sizes of a source's layers, the smallest first: what they are when all is well.
pub fn layer_sizes(source: &Source) -> impl DoubleEndedIterator<Item = Size> + use<> {
    let mut sizes = [None; LAYERS_MAX];
    if source.screen {
        let whole = source.size.scaled(1, 1);
        let small = whole.limited_to(SMALL_SCREEN_SIDE);
        sizes[0] = (small != whole).then_some(small);
        sizes[1] = Some(whole);
    } else {
        let whole = source.size.limited_to(CAMERA_SIDE_MAX);
        for (index, size) in sizes.iter_mut().rev().enumerate() {
            let layer = whole.scaled(1, 1 << index);
            let useful = index == 0 || layer.width.min(layer.height) >= CAMERA_SIDE_MIN;
            *size = useful.then_some(layer);
        }
    }
    sizes.into_iter().flatten()
}

/// Decides what is encoded.
///
/// `bitrate_max` is what the line carries for all layers together. `savings` is how much the
/// processor has to be spared, from [`Load`].
pub fn plan(source: &Source, demand: &Demand, bitrate_max: u32, savings: u8) -> Plan {
    let mut wanted = wanted_layers(source, demand);
    let savings = spare(&mut wanted, source.content, savings);
    let mut layers = [None; LAYERS_MAX];
    for (index, layer) in wanted.iter().enumerate() {
        let Some((size, frame_rate)) = *layer else { continue };
        let (size, frame_rate) = spare_layer(size, frame_rate, source.content, savings);
        let rate = Rate { bitrate: bitrate(size, frame_rate, source), frame_rate };
        let temporal_layers =
            if small_screen(source, index) || source.content == ContentHint::Detail { 1 } else { 2 };
        layers[index] = Some(Layer { index, size, rate, temporal_layers });
    }
    fit(&mut layers, source, bitrate_max);
    Plan(layers)
}

/// Size and frame rate of each layer that anybody wants and the source has.
fn wanted_layers(source: &Source, demand: &Demand) -> [Option<(Size, u32)>; LAYERS_MAX] {
    let mut wanted = [None; LAYERS_MAX];
    for (index, size) in layer_sizes(source).enumerate() {
        let most = if small_screen(source, index) { SMALL_SCREEN_FRAME_RATE } else { u32::MAX };
        wanted[index] = demand[index]
            .map(|frame_rate| (size, frame_rate.min(most).min(source.frame_rate)))
            .filter(|(_, frame_rate)| *frame_rate > 0);
    }
    // Who wants more than there is gets the largest that there is.
    let largest = layer_sizes(source).count() - 1;
    let beyond = demand[largest + 1..].iter().flatten().max().copied().unwrap_or(0).min(source.frame_rate);
    let here = wanted[largest].map_or(0, |(_, frame_rate)| frame_rate);
    if beyond > here {
        wanted[largest] = layer_sizes(source).last().map(|size| (size, beyond));
    }
    wanted
}

/// Whether the layer is the small one of a screen that has two.
fn small_screen(source: &Source, index: usize) -> bool {
    source.screen && index == 0 && layer_sizes(source).count() > 1
}

/// Takes layers away, one for each step of savings while there are several, and returns the steps
/// that are left. Of a camera the largest goes: it costs most, and all see the next one instead. Of
/// a screen the small one goes: the other is what it is shared for.
fn spare(wanted: &mut [Option<(Size, u32)>; LAYERS_MAX], content: ContentHint, mut savings: u8) -> u8 {
    while savings > 0 && wanted.iter().flatten().count() > 1 {
        let mut present = (0..LAYERS_MAX).filter(|index| wanted[*index].is_some());
        let gone = match content {
            ContentHint::Motion => present.next_back(),
            ContentHint::Detail => present.next(),
        };
        if let Some(gone) = gone {
            wanted[gone] = None;
        }
        savings -= 1;
    }
    savings
}

/// With one layer left: half the frame rate for each step, down to what is bearable, and then half
/// the size.
fn spare_layer(mut size: Size, mut frame_rate: u32, content: ContentHint, savings: u8) -> (Size, u32) {
    let least = frame_rate_min(content).min(frame_rate);
    for _ in 0..savings {
        if frame_rate > least {
            frame_rate = (frame_rate / 2).max(least);
        } else if size.width.min(size.height) >= 2 * CAMERA_SIDE_MIN {
            size = size.scaled(1, 2);
        }
    }
    (size, frame_rate)
}

const fn frame_rate_min(content: ContentHint) -> u32 {
    match content {
        ContentHint::Motion => MOTION_FRAME_RATE_MIN,
        ContentHint::Detail => DETAIL_FRAME_RATE_MIN,
    }
}

/// What a layer needs to look well, in b/s: 0.07 bits for each pixel of a camera at 30 pictures a
/// second, and relatively less for more pixels and more pictures, which resemble each other.
fn bitrate(size: Size, frame_rate: u32, source: &Source) -> u32 {
    let pixels = f64::from(size.pixels());
    let per_picture = match source.content {
        ContentHint::Motion => 64_000.0 * (pixels / 921_600.0).powf(0.8),
        // Pictures of text change seldom, and then all at once.
        ContentHint::Detail => 60_000.0 * (pixels / 921_600.0).powf(0.9),
    };
    let pictures = 30.0 * (f64::from(frame_rate) / 30.0).powf(0.7);
    ((per_picture * pictures) as u32).max(BITRATE_MIN)
}

/// Makes the layers fit the line: first each may have as little as half, then the largest go, then
/// the last one gives up what its content holds cheap.
fn fit(layers: &mut [Option<Layer>; LAYERS_MAX], source: &Source, bitrate_max: u32) {
    let sum = |layers: &[Option<Layer>; LAYERS_MAX]| {
        layers.iter().flatten().map(|layer| layer.rate.bitrate).sum::<u32>()
    };
    while sum(layers) / 2 > bitrate_max && layers.iter().flatten().count() > 1 {
        let largest = (0..LAYERS_MAX).rev().find(|index| layers[*index].is_some());
        let smallest = (0..LAYERS_MAX).find(|index| layers[*index].is_some());
        // Whoever shares a page shares it to be read.
        let gone = if source.content == ContentHint::Detail { smallest } else { largest };
        if let Some(gone) = gone {
            layers[gone] = None;
        }
    }
    let all = sum(layers);
    if all <= bitrate_max {
        return;
    }
    let share = f64::from(bitrate_max) / f64::from(all);
    let count = layers.iter().flatten().count();
    let mut left = bitrate_max;
    for (index, layer) in layers.iter_mut().flatten().enumerate() {
        // The largest gets what the others leave.
        let fair = ((f64::from(layer.rate.bitrate) * share) as u32).max(BITRATE_MIN).min(left);
        layer.rate.bitrate = if index + 1 == count { left } else { fair };
        left -= layer.rate.bitrate;
        if count == 1 {
            thin(layer, source);
        }
    }
}

/// Lowers frame rate or size until the bits that it has are at least half of what it takes.
fn thin(layer: &mut Layer, source: &Source) {
    while bitrate(layer.size, layer.rate.frame_rate, source) / 2 > layer.rate.bitrate {
        let rate_min = frame_rate_min(source.content);
        let slower = (layer.rate.frame_rate * 2 / 3).max(rate_min);
        let smaller = layer.size.scaled(3, 4);
        let can_slow = layer.rate.frame_rate > rate_min;
        let can_shrink = smaller.width.min(smaller.height) >= CAMERA_SIDE_MIN;
        match source.content {
            ContentHint::Motion if can_shrink => layer.size = smaller,
            ContentHint::Detail if can_slow => layer.rate.frame_rate = slower,
            _ if can_slow => layer.rate.frame_rate = slower,
            _ if can_shrink => layer.size = smaller,
            _ => return,
        }
    }
}

/// Encoding busier than this is about to be late.
const BUSY: f64 = 0.85;

/// Encoding less busy than this could do what it was last spared: twice as much.
const IDLE: f64 = 0.4;

/// For how long it must have been so before something is done.
const BUSY_FOR: Duration = Duration::from_millis(1000);
const IDLE_FOR: Duration = Duration::from_secs(8);

/// How long a step back is kept from being tried again, after it has failed once more.
const IDLE_FOR_MAX: Duration = Duration::from_secs(128);

/// The most that the processor can be spared: more changes nothing.
const SAVINGS_MAX: u8 = 8;

/// Watches whether the processor keeps up with what is encoded, and says how much it has to be
/// spared.
#[derive(Debug)]
pub struct Load {
    savings: u8,
    /// How busy it is, smoothed.
    busy: f64,
    /// Since when it is too busy, or idle enough for more.
    since: Option<(Instant, bool)>,
    idle_for: Duration,
    /// When it was last given more to do.
    raised: Option<Instant>,
}

impl Default for Load {
    fn default() -> Self {
        Self { savings: 0, busy: 0.0, since: None, idle_for: IDLE_FOR, raised: None }
    }
}

impl Load {
    /// Takes how long the encoders worked on a picture, and how long there is until the next one.
    pub fn note(&mut self, now: Instant, worked: Duration, interval: Duration) {
        let share = worked.as_secs_f64() / interval.as_secs_f64().max(1e-3);
        self.busy += (share.min(4.0) - self.busy) * 0.1;
        let state = (self.busy > BUSY).then_some(true).or((self.busy < IDLE).then_some(false));
        let Some(too_busy) = state else {
            self.since = None;
            return;
        };
        let since = match self.since {
            Some((since, before)) if before == too_busy => since,
            _ => {
                self.since = Some((now, too_busy));
                return;
            }
        };
        let lasted = now.saturating_duration_since(since);
        if too_busy && lasted >= BUSY_FOR && self.savings < SAVINGS_MAX {
            // It was given more than it can do: next time it waits longer.
            if self.raised.is_some_and(|raised| now.saturating_duration_since(raised) < self.idle_for) {
                self.idle_for = (self.idle_for * 2).min(IDLE_FOR_MAX);
            }
            self.savings += 1;
            self.begin_anew();
        } else if !too_busy && lasted >= self.idle_for && self.savings > 0 {
            self.savings -= 1;
            self.raised = Some(now);
            self.begin_anew();
        }
    }

    /// What was measured was measured of another plan.
    fn begin_anew(&mut self) {
        self.busy = f64::midpoint(IDLE, BUSY);
        self.since = None;
    }

    /// How much the processor has to be spared: 0 is nothing.
    pub fn savings(&self) -> u8 {
        self.savings
    }
}

#[cfg(test)]
mod tests;
