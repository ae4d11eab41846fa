//! The receive path: RTP packets of the voice slots in, the mix out. It knows no socket and no
//! clock, so that a whole call can run in virtual time.

use crate::packet::SlotPacket;
use std::time::Instant;
use voicehall_audio::{AudioError, Downlink, Frame, Insert, JitterConfig};
use voicehall_protocol::rtp::{SourceId, VOICE_SLOTS};

pub use voicehall_audio::{Audible, JitterStats};

/// What one listener receives.
#[derive(Debug)]
pub struct Receiver {
    downlink: Downlink,
    payload_bytes: u64,
}

impl Receiver {
    /// Empty slots, whose time begins at `now`.
    ///
    /// # Errors
    /// [`AudioError::CodecSetup`] without memory for the decoders.
    pub fn new(now: Instant) -> Result<Self, AudioError> {
        Ok(Self { downlink: Downlink::new(now, JitterConfig::default())?, payload_bytes: 0 })
    }

    /// Takes an RTP packet, decrypted, that arrived at `now`. What is no voice packet of this
    /// protocol is [`Insert::Invalid`].
    pub fn push_rtp(&mut self, now: Instant, rtp: &[u8]) -> Insert {
        SlotPacket::parse(rtp).map_or(Insert::Invalid, |packet| self.push(now, &packet))
    }

    pub(crate) fn push(&mut self, now: Instant, packet: &SlotPacket) -> Insert {
        self.payload_bytes += packet.payload().len() as u64;
        self.downlink.insert(packet.slot, now, &packet.incoming())
    }

    /// Mixes the next 10 ms, to be handed out at `now`. Returns whether anybody is in it; if not,
    /// it is silence.
    pub fn mix(&mut self, now: Instant, mix: &mut Frame) -> bool {
        self.downlink.pull(now, mix)
    }

    /// Like [`Self::mix`], and shows each voice to `tap` before its volume is applied, as (source,
    /// first sample within the frame, samples).
    pub fn mix_with_tap(
        &mut self,
        now: Instant,
        mix: &mut Frame,
        mut tap: impl FnMut(SourceId, usize, &[f32]),
    ) -> bool {
        self.downlink.pull_with_tap(now, mix, |source, at, samples| tap(SourceId(source), at, samples))
    }

    /// Sets how loud a source is played, 0 to 2; before it is first heard too.
    pub fn set_volume(&mut self, source: SourceId, volume: f32) {
        self.downlink.set_volume(source.0, volume);
    }

    /// Who is heard now, with a short hold.
    pub fn audible(&mut self) -> impl Iterator<Item = SourceId> {
        self.downlink.audible().iter().map(|audible| SourceId(audible.source))
    }

    /// What the jitter buffer of each slot did since the start.
    pub fn slots(&self) -> impl Iterator<Item = JitterStats> {
        (0..VOICE_SLOTS).filter_map(|slot| self.downlink.stats(slot))
    }

    /// Opus bytes received since the start.
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }
}
