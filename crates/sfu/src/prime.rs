//! Some silence in each voice slot of a session that has just connected.
//!
//! A browser's jitter buffer starts each stream at a delay of 80 ms and stretches what it plays until
//! it gets there. It looks at how late packets are once in half a second, and so learns only then
//! how much less would do. Better that this happens before somebody speaks: frames of silence half
//! a second apart, each with the word that silence follows, so that nothing is stretched in between.
//! Clients whose jitter buffer needs none of that do not ask for it.

use crate::Outbox;
use crate::channel::Channel;
use crate::rtp::{AudioLevel, VoiceHeader};
use crate::stats::ShardStats;
use std::time::{Duration, Instant};
use voicehall_protocol::rtp::{SourceId, voice_slot_ssrc};

/// Packets in each slot: three frames of silence, should one be late because the browser is still
/// busy with itself, and the end of each.
pub(crate) const PACKETS: u8 = 6;

/// 20 ms of silence (RFC 6716): CELT, full band, mono, and a frame that says it is silent.
const SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];

/// The same without a frame: the talk spurt, here one without talk, is over.
const SILENCE_FOLLOWS: [u8; 1] = [0xf8];

/// From a frame of silence to its end.
const FRAME: Duration = Duration::from_millis(20);

/// From there to the next: more than half a second in all.
const PAUSE: Duration = Duration::from_millis(520);

/// Whose voice it is: nobody's.
const NOBODY: SourceId = SourceId(0);

/// Sends one packet in each slot that nobody speaks in; `left` says how many are still to come, this
/// one among them. Returns how long after it the next one follows. Whoever is deafened gets none.
pub(crate) fn send(
    channel: &mut Channel,
    receiver: u32,
    left: u8,
    now: Instant,
    outbox: &mut dyn Outbox,
    stats: &mut ShardStats,
) -> Duration {
    let ends = left % 2 == 1;
    let payload: &[u8] = if ends { &SILENCE_FOLLOWS } else { &SILENCE };
    let receiver = channel.receivers.get_mut(receiver as usize);
    if let Some(receiver) = receiver.filter(|receiver| !receiver.deafened) {
        for (slot, stream) in channel.slots.iter().enumerate() {
            let Some(timestamp) = stream.idle_timestamp(now) else { continue };
            let mut header =
                VoiceHeader::new(voice_slot_ssrc(slot), NOBODY.0, timestamp, AudioLevel::SILENCE);
            let sent = receiver.send_aside(slot, &mut header, payload, !ends, outbox);
            stats.primed += u64::from(sent);
        }
    }
    if ends { PAUSE } else { FRAME }
}
