//! Typed identifiers. On the wire each is a decimal string, because JavaScript's numbers lose
//! integers above 2^53.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// Text that is not a decimal 64-bit id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is a decimal number below 2^64")]
pub struct InvalidId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(type = "string"))]
        pub struct $name(pub u64);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                // `u64::from_str` accepts a leading plus, which would give one id two spellings.
                if !text.starts_with(|c: char| c.is_ascii_digit()) {
                    return Err(InvalidId);
                }
                text.parse().map(Self).map_err(|_| InvalidId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A person's account on one server.
    UserId;
    /// A guild: a community with members, roles and channels.
    GuildId;
    /// A channel of a guild, voice or text.
    ChannelId;
    /// A role of a guild.
    RoleId;
    /// A text message.
    MessageId;
    /// One gateway session: survives reconnects of its WebSocket while it can be resumed.
    GatewaySessionId;
    /// One client in one voice channel, from the ticket to the end of its media.
    VoiceSessionId;
    /// One sign-in of an account on one device.
    LoginId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_strings_on_the_wire() {
        let id = UserId(u64::MAX);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, "\"18446744073709551615\"");
        assert_eq!(serde_json::from_str::<UserId>(&json).unwrap(), id);
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in ["\"\"", "\"-1\"", "\"+1\"", "\"0x1\"", "\" 1\"", "1", "null", "\"18446744073709551616\""]
        {
            assert!(serde_json::from_str::<UserId>(text).is_err(), "{text}");
        }
    }
}
