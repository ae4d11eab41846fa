//! Joining a voice channel: one round trip to the voice node, no SDP on the wire.
//!
//! The gateway answers [`crate::gateway::ClientMessage::VoiceJoin`] with a ticket and the voice
//! node's URL. The client posts [`JoinRequest`] there and gets [`JoinAnswer`]. Both sides then
//! build what they need from [`crate::rtp`]; the node is ICE-lite (RFC 8445 §2.5) and the passive
//! side of DTLS (RFC 5763), the client controls ICE and is the active side.

use crate::rtp::SourceId;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::net::SocketAddr;

/// Path of the join on a voice node's HTTP port.
pub const JOIN_PATH: &str = "/voice/join";

/// What a client sends to the voice node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[cfg_attr(feature = "bindings", ts(rename = "VoiceJoinRequest"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinRequest {
    /// The ticket from the gateway, as it came.
    pub ticket: String,
    /// Of the certificate that the client will use for DTLS.
    pub fingerprint: Fingerprint,
    /// Whether the node shall send some frames of silence in each voice slot once the session is
    /// connected: a browser's jitter buffer takes half a second to learn a stream's delay, and
    /// stretches what it plays until then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prime: bool,
}

/// What the voice node answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[cfg_attr(feature = "bindings", ts(rename = "VoiceJoinAnswer"))]
#[serde(rename_all = "camelCase")]
pub struct JoinAnswer {
    /// Where the shard listens, best first; at least one.
    #[cfg_attr(feature = "bindings", ts(type = "string[]"))]
    pub addresses: Vec<SocketAddr>,
    /// The shard's ICE user-name fragment for this session.
    pub ufrag: String,
    /// The shard's ICE password for this session.
    pub password: String,
    /// Of the certificate that the shard uses for DTLS.
    pub fingerprint: Fingerprint,
    /// The session's microphone; its other sources follow from it.
    pub source: SourceId,
}

/// SHA-256 of a DTLS certificate (RFC 8122). On the wire 43 characters of unpadded base64url;
/// `Display` gives the colon-separated hex that SDP uses.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(type = "string"))]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Reads the colon-separated hex of SDP's `a=fingerprint:sha-256 …`.
    pub fn from_sdp(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|part| part.len() == 2)?;
            *byte = u8::from_str_radix(part, 16).ok()?;
        }
        parts.next().is_none().then_some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if index == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD.decode(text.as_bytes()).map_err(de::Error::custom)?;
        let bytes = bytes.try_into().map_err(|_| de::Error::custom("a fingerprint has 32 bytes"))?;
        Ok(Self(bytes))
    }
}

/// Why a voice session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum EndReason {
    /// The client left.
    Left,
    /// The account joined from another client, or joined another channel.
    Replaced,
    /// A moderator disconnected them.
    Disconnected,
    /// They lost the permission or the membership.
    Forbidden,
    /// Media never connected, or its consent lapsed (RFC 7675).
    TimedOut,
    /// The DTLS handshake failed: the certificate was not the one whose fingerprint joined.
    HandshakeFailed,
    /// The channel was deleted.
    ChannelGone,
    /// The voice node is shutting down; join again.
    NodeStopping,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_has_one_spelling_on_the_wire_and_one_in_sdp() {
        let fingerprint = Fingerprint(std::array::from_fn(|index| index as u8 * 7));
        let json = serde_json::to_string(&fingerprint).unwrap();
        assert_eq!(json.len(), 45);
        assert_eq!(serde_json::from_str::<Fingerprint>(&json).unwrap(), fingerprint);
        assert_eq!(Fingerprint::from_sdp(&fingerprint.to_string()), Some(fingerprint));
    }

    #[test]
    fn malformed_fingerprints_are_refused() {
        let good = Fingerprint([9; 32]).to_string();
        for text in
            ["", "09", &good[1..], &good[..good.len() - 1], &format!("{good}:09"), &good.replace("09", "0x")]
        {
            assert_eq!(Fingerprint::from_sdp(text), None, "{text}");
        }
        assert!(serde_json::from_str::<Fingerprint>("\"AAAA\"").is_err());
    }
}
