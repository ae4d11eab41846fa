//! A moment of silence in each voice slot of a session that has just connected.
//!
//! A browser's jitter buffer starts each stream at a delay of 80 ms and stretches what it plays until
//! it gets there, and only then learns from half a second of packets how much less would do. Better
//! that it does so with silence than with the first words somebody says. Clients whose jitter buffer
//! needs none of that do not ask for it.

use crate::Outbox;
use crate::channel::Channel;
use crate::rtp::{AudioLevel, VoiceHeader};
use crate::stats::ShardStats;
use std::time::{Duration, Instant};
use voicehall_protocol::rtp::{SourceId, voice_slot_ssrc};

/// Packets of silence in each slot: 0.7 s, half a second for the delay to be learned, the rest to
/// come down to it.
pub(crate) const PACKETS: u8 = 35;

/// Time of each.
pub(crate) const INTERVAL: Duration = Duration::from_millis(20);

/// 20 ms of silence (RFC 6716): CELT, full band, mono, and a frame that says it is silent.
const SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];

/// The same without a frame: the talk spurt, here one without talk, is over.
const SILENCE_FOLLOWS: [u8; 1] = [0xf8];

/// Whose voice it is: nobody's.
const NOBODY: SourceId = SourceId(0);

/// Sends one packet in each slot that nobody speaks in. `left` says how many are still to come after
/// it. Whoever is deafened gets none.
pub(crate) fn send(
    channel: &mut Channel,
    receiver: u32,
    left: u8,
    now: Instant,
    outbox: &mut dyn Outbox,
    stats: &mut ShardStats,
) {
    let Some(receiver) = channel.receivers.get_mut(receiver as usize) else { return };
    if receiver.deafened {
        return;
    }
    let payload: &[u8] = if left == 0 { &SILENCE_FOLLOWS } else { &SILENCE };
    for (slot, stream) in channel.slots.iter().enumerate() {
        let Some(timestamp) = stream.idle_timestamp(now) else { continue };
        let mut header = VoiceHeader::new(voice_slot_ssrc(slot), NOBODY.0, timestamp, AudioLevel::SILENCE);
        if receiver.send_aside(slot, &mut header, payload, left + 1 == PACKETS, outbox) {
            stats.primed += 1;
        }
    }
}
