//! The ticket that a gateway gives a client for a voice node: short-lived, single-use, bound to
//! user, session, channel, node, epoch and permissions, and signed.
//!
//! Laid out in big-endian order and encoded as unpadded base64url:
//!
//! ```text
//! version u8 | node u16 | epoch u32 | user u64 | session u64 | channel u64 |
//! bits u16 | expires u32 (Unix seconds) | first 16 bytes of HMAC-SHA-256 over all before
//! ```

use crate::ids::{ChannelId, UserId, VoiceSessionId};
use crate::rtp::SourceKind;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bitflags::bitflags;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How long a ticket is valid, in seconds: a client uses it at once, but its clock is not asked
/// and a slow first connection must fit.
pub const TICKET_LIFETIME_S: u32 = 30;

const VERSION: u8 = 1;
const BODY_BYTES: usize = 37;
const MAC_BYTES: usize = 16;

bitflags! {
    /// What a session may do at the voice node, and how it stands now. A change takes effect on
    /// the next packet.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct SessionBits: u16 {
        /// May send a microphone.
        const SPEAK = 1 << 0;
        /// May send a camera.
        const VIDEO = 1 << 1;
        /// May share a screen.
        const STREAM = 1 << 2;
        /// Is chosen before louder voices.
        const PRIORITY = 1 << 3;
        /// Muted, by themselves or by a moderator: nothing of their voice is forwarded. The sound of
        /// a screen goes with its picture.
        const MUTED = 1 << 4;
        /// Deafened, by themselves or by a moderator: no sound is forwarded to them.
        const DEAFENED = 1 << 5;
        /// Barred from video by a moderator: neither camera nor screen of theirs is forwarded.
        const VIDEO_BARRED = 1 << 6;
    }
}

impl SessionBits {
    /// Whether a source of theirs may be forwarded.
    pub const fn may_send(self, kind: SourceKind) -> bool {
        match kind {
            SourceKind::Microphone => self.contains(Self::SPEAK) && !self.contains(Self::MUTED),
            SourceKind::Camera => self.contains(Self::VIDEO) && !self.contains(Self::VIDEO_BARRED),
            SourceKind::Screen | SourceKind::ScreenAudio => {
                self.contains(Self::STREAM) && !self.contains(Self::VIDEO_BARRED)
            }
        }
    }
}

/// What a ticket says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The voice node that may accept it.
    pub node: u16,
    /// The channel's placement for which it was issued.
    pub epoch: u32,
    /// Who joins.
    pub user: UserId,
    /// The session it opens; a node accepts each session once.
    pub session: VoiceSessionId,
    /// The channel it opens.
    pub channel: ChannelId,
    /// Permissions and state at the start of the session.
    pub bits: SessionBits,
    /// Unix time in seconds after which it is refused.
    pub expires_s: u32,
}

/// Why a ticket is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Not a ticket at all, or of another version.
    #[error("the ticket is malformed")]
    Malformed,
    /// Altered, or signed with another key.
    #[error("the ticket's signature does not fit")]
    Forged,
    /// Too old.
    #[error("the ticket has expired")]
    Expired,
}

/// The secret that gateways and voice nodes of one installation share.
#[derive(Clone)]
pub struct TicketKey([u8; 32]);

impl std::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TicketKey(..)")
    }
}

impl TicketKey {
    /// A key from 32 random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Signs a ticket.
    pub fn seal(&self, ticket: &Ticket) -> String {
        let mut bytes = Vec::with_capacity(BODY_BYTES + MAC_BYTES);
        bytes.push(VERSION);
        bytes.extend(ticket.node.to_be_bytes());
        bytes.extend(ticket.epoch.to_be_bytes());
        bytes.extend(ticket.user.0.to_be_bytes());
        bytes.extend(ticket.session.0.to_be_bytes());
        bytes.extend(ticket.channel.0.to_be_bytes());
        bytes.extend(ticket.bits.bits().to_be_bytes());
        bytes.extend(ticket.expires_s.to_be_bytes());
        let mac = self.mac(&bytes).finalize().into_bytes();
        bytes.extend(&mac[..MAC_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Checks a ticket and reads it. `now_s` is the Unix time in seconds.
    ///
    /// That it is for this node and was not used before is the caller's to check.
    ///
    /// # Errors
    /// See [`TicketError`].
    pub fn open(&self, text: &str, now_s: u64) -> Result<Ticket, TicketError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TicketError::Malformed)?;
        if bytes.len() != BODY_BYTES + MAC_BYTES || bytes[0] != VERSION {
            return Err(TicketError::Malformed);
        }
        let (body, mac) = bytes.split_at(BODY_BYTES);
        // Compares in constant time.
        self.mac(body).verify_truncated_left(mac).map_err(|_| TicketError::Forged)?;
        let ticket = read(body);
        if now_s > u64::from(ticket.expires_s) {
            return Err(TicketError::Expired);
        }
        Ok(ticket)
    }

    fn mac(&self, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(body);
        mac
    }
}

fn read(body: &[u8]) -> Ticket {
    fn take<const N: usize>(body: &mut &[u8]) -> [u8; N] {
        let (head, rest) = body.split_first_chunk::<N>().expect("the length was checked");
        *body = rest;
        *head
    }
    let rest = &mut &body[1..];
    Ticket {
        node: u16::from_be_bytes(take(rest)),
        epoch: u32::from_be_bytes(take(rest)),
        user: UserId(u64::from_be_bytes(take(rest))),
        session: VoiceSessionId(u64::from_be_bytes(take(rest))),
        channel: ChannelId(u64::from_be_bytes(take(rest))),
        bits: SessionBits::from_bits_truncate(u16::from_be_bytes(take(rest))),
        expires_s: u32::from_be_bytes(take(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: TicketKey = TicketKey::new([3; 32]);

    fn ticket() -> Ticket {
        Ticket {
            node: 1,
            epoch: 2,
            user: UserId(3),
            session: VoiceSessionId(u64::MAX),
            channel: ChannelId(5),
            bits: SessionBits::SPEAK | SessionBits::DEAFENED,
            expires_s: 1000,
        }
    }

    #[test]
    fn a_ticket_opens_until_it_expires() {
        let text = KEY.seal(&ticket());
        assert_eq!(text.len(), 71);
        assert_eq!(KEY.open(&text, 1000), Ok(ticket()));
        assert_eq!(KEY.open(&text, 1001), Err(TicketError::Expired));
    }

    #[test]
    fn who_is_barred_from_video_still_speaks() {
        let all = SessionBits::SPEAK | SessionBits::VIDEO | SessionBits::STREAM;
        let may = |bits: SessionBits| {
            [SourceKind::Microphone, SourceKind::Camera, SourceKind::Screen, SourceKind::ScreenAudio]
                .map(|kind| bits.may_send(kind))
        };
        assert_eq!(may(all), [true; 4]);
        assert_eq!(may(all | SessionBits::VIDEO_BARRED), [true, false, false, false]);
        assert_eq!(may(all | SessionBits::MUTED), [false, true, true, true]);
        assert_eq!(may(SessionBits::VIDEO), [false, true, false, false]);
        assert_eq!(may(SessionBits::empty()), [false; 4]);
    }

    #[test]
    fn a_foreign_key_is_refused() {
        let text = TicketKey::new([4; 32]).seal(&ticket());
        assert_eq!(KEY.open(&text, 0), Err(TicketError::Forged));
    }

    proptest! {
        #[test]
        fn any_altered_character_is_refused(at in 0usize..71, to in "[A-Za-z0-9_-]") {
            let text = KEY.seal(&ticket());
            let mut altered = text.clone();
            altered.replace_range(at..=at, &to);
            prop_assume!(altered != text);
            prop_assert!(KEY.open(&altered, 0).is_err());
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*", now_s: u64) {
            prop_assert!(KEY.open(&text, now_s).is_err());
        }
    }
}
