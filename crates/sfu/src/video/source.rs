//! A camera or a screen that a session sends, and its layers.

use super::allocate::{Step, Want};
use super::cache::PacketCache;
use super::key::KeyRequests;
use super::meter::Meter;
use std::time::{Duration, Instant};
use voicehall_protocol::rtp::{SourceId, VIDEO_LAYERS};
use voicehall_protocol::video::{Sending, SentLayer, VideoCodec, View};

/// A layer that is needed and does not come for this long is made up for by a smaller one: a sender
/// whose processor or line is busy leaves out the large ones.
const STARVED: Duration = Duration::from_millis(1500);

/// Of a layer that is not sent yet: 1.9 Mb/s for 720p at 30 pictures a second.
const BITS_PER_PIXEL: f64 = 0.07;

/// What a layer is taken for of which its sender says nothing.
const UNKNOWN_LAYER: SentLayer = SentLayer { height: 360, frame_rate: 30 };

/// A layer is thinned to save bits only if no more than this share is left.
const WORTH_THINNING: f64 = 0.8;

/// One layer, wherever it is spoken of. A serial number tells a source from an earlier one in the
/// same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LayerId {
    /// Of its source in the channel.
    pub place: u32,
    /// Of its source.
    pub serial: u64,
    pub number: u8,
}

/// A slot that a layer's packets go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    /// Place among the channel's receivers.
    pub receiver: u32,
    pub slot: u8,
}

/// One simulcast layer.
#[derive(Default)]
pub(crate) struct Layer {
    /// What the sender says of it.
    pub sent: Option<SentLayer>,
    /// There once a packet came.
    pub ssrc: Option<u32>,
    pub cache: PacketCache,
    pub highest: u64,
    pub last_at: Option<Instant>,
    pub routes: Vec<Route>,
    pub key: KeyRequests,
    pub meter: Meter,
    /// Since when somebody has needed it.
    pub needed_at: Option<Instant>,
}

/// What goes on in a channel under one source id.
pub(crate) struct Source {
    pub serial: u64,
    /// Place of its session in the shard.
    pub owner: u32,
    pub id: SourceId,
    pub codec: VideoCodec,
    /// Whether its session may send it.
    pub allowed: bool,
    pub layers: [Layer; VIDEO_LAYERS],
    /// Where its sound goes, for a screen; the slot is one for screen audio.
    pub sound_routes: Vec<Route>,
    /// Pictures a second that anybody needs of each layer.
    pub demand: [Option<u8>; VIDEO_LAYERS],
    /// Who sees it: each one's microphone, in order.
    pub watchers: Vec<SourceId>,
    /// What was told last.
    pub demand_before: [Option<u8>; VIDEO_LAYERS],
    pub watchers_before: Vec<SourceId>,
}

/// Which layers a view comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    /// What it should get.
    pub wanted: u8,
    /// What it gets meanwhile.
    pub shown: u8,
}

impl Source {
    pub fn new(serial: u64, owner: u32, id: SourceId, codec: VideoCodec, allowed: bool) -> Self {
        Self {
            serial,
            owner,
            id,
            codec,
            allowed,
            layers: Default::default(),
            sound_routes: Vec::new(),
            demand: [None; VIDEO_LAYERS],
            watchers: Vec::new(),
            demand_before: [None; VIDEO_LAYERS],
            watchers_before: Vec::new(),
        }
    }

    /// Takes what its sender says of it.
    pub fn announce(&mut self, sending: &Sending) {
        self.codec = sending.codec;
        for (number, layer) in self.layers.iter_mut().enumerate() {
            layer.sent = sending.layers.get(number).copied();
        }
    }

    pub fn layer_id(&self, place: u32, number: u8) -> LayerId {
        LayerId { place, serial: self.serial, number }
    }

    /// The smallest layer that fills the view, or else the largest; `None` while there is none.
    fn fills(&self, view: &View) -> Option<u8> {
        let mut wanted = None;
        for (number, layer) in self.layers.iter().enumerate().filter(|(_, layer)| layer.is_there()) {
            wanted = Some(number as u8);
            if layer.sent.is_some_and(|sent| sent.height >= view.height) {
                break;
            }
        }
        wanted
    }

    /// Adds what a view may be given of it, up to the layer that fills it. `had` is the layer that it
    /// was given last, and whether that was thinned.
    pub fn offer(&self, view: &View, had: Option<(u8, bool)>, want: &mut Want) {
        let Some(top) = self.fills(view) else { return };
        for number in 0..=top {
            let layer = &self.layers[usize::from(number)];
            if !layer.is_there() {
                continue;
            }
            let (bits, kept) = (layer.bits(), layer.meter.share_kept());
            let must_thin = self.is_thinned(number, view);
            if must_thin || kept < WORTH_THINNING {
                let bits = (bits as f64 * kept) as u64;
                want.add(Step { layer: number, thin: true, bits }, had == Some((number, true)));
            }
            if !must_thin {
                want.add(Step { layer: number, thin: false, bits }, had == Some((number, false)));
            }
        }
    }

    /// The layer for a view that was given this one, and what it gets while that does not come.
    pub fn choose(&self, given: u8, now: Instant) -> Choice {
        let there = |layer: &Layer| layer.is_there();
        let wanted = given;
        let fed = |number: &u8| !self.layers[usize::from(*number)].is_starved(now);
        let below = (0..wanted).rev().filter(|number| there(&self.layers[usize::from(*number)]));
        let shown = std::iter::once(wanted).chain(below).find(fed).unwrap_or(wanted);
        Choice { wanted, shown }
    }

    /// Whether a view of a layer is to be served without the pictures that no other refers to.
    fn is_thinned(&self, number: u8, view: &View) -> bool {
        let sent = self.layers[usize::from(number)].sent;
        sent.is_some_and(|sent| u16::from(view.frame_rate) * 2 <= u16::from(sent.frame_rate))
    }
}

impl Layer {
    pub fn is_there(&self) -> bool {
        self.sent.is_some() || self.last_at.is_some()
    }

    /// Bits a second, as measured or else as is usual.
    fn bits(&self) -> u64 {
        self.meter.bits().unwrap_or_else(|| {
            let SentLayer { height, frame_rate } = self.sent.unwrap_or(UNKNOWN_LAYER);
            let pixels = f64::from(height).powi(2) * 16.0 / 9.0;
            (pixels * f64::from(frame_rate) * BITS_PER_PIXEL) as u64
        })
    }

    fn is_starved(&self, now: Instant) -> bool {
        let long_ago = |at: Instant| now.saturating_duration_since(at) >= STARVED;
        self.needed_at.is_some_and(long_ago) && self.last_at.is_none_or(long_ago)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use voicehall_protocol::rtp::SourceKind;
    use voicehall_protocol::video::Content;

    fn camera() -> Source {
        let id = SourceId::new(1, SourceKind::Camera);
        let mut source = Source::new(1, 0, id, VideoCodec::H264, true);
        let layers = [180, 360, 720].map(|height| SentLayer { height, frame_rate: 30 }).to_vec();
        source.announce(&Sending { codec: VideoCodec::H264, content: Content::Motion, layers });
        source
    }

    fn view(height: u16, frame_rate: u8) -> View {
        View { slot: 0, source: SourceId::new(1, SourceKind::Camera), height, frame_rate, priority: 0 }
    }

    #[test]
    fn a_view_gets_the_smallest_layer_that_fills_it() {
        let (source, now) = (camera(), Instant::now());
        for (height, layer) in [(0, 0), (180, 0), (181, 1), (360, 1), (500, 2), (2000, 2)] {
            assert_eq!(source.fills(&view(height, 30)), Some(layer), "{height}");
            assert_eq!(source.choose(layer, now), Choice { wanted: layer, shown: layer });
        }
        let nothing = Source::new(1, 0, source.id, VideoCodec::H264, true);
        assert_eq!(nothing.fills(&view(360, 30)), None);
    }

    #[test]
    fn what_does_not_come_is_made_up_for() {
        let (mut source, now) = (camera(), Instant::now());
        source.layers[2].needed_at = Some(now);
        let at = |ms| now + Duration::from_millis(ms);
        assert_eq!(source.choose(2, at(1000)).shown, 2);
        assert_eq!(source.choose(2, at(1500)), Choice { wanted: 2, shown: 1 });
        source.layers[2].last_at = Some(at(1600));
        assert_eq!(source.choose(2, at(1700)).shown, 2);
    }

    #[test]
    fn half_the_pictures_are_wanted_or_all() {
        let source = camera();
        assert!(source.is_thinned(0, &view(180, 15)));
        assert!(!source.is_thinned(0, &view(180, 16)));
    }
}
