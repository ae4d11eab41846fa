//! Limits on how often things may be asked, per address and per account.

use crate::config;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;
use voicehall_protocol::ids::UserId;

/// Most keys one limit remembers; with more in use at once, newcomers share the state of one.
const KEYS_MAX: usize = 50_000;

/// Messages a second on one control socket: whoever drags a window has another size for each of its
/// tiles some twenty times a second. A burst of twice as many may come at once.
const VIDEO_MESSAGES_PER_SECOND: NonZeroU32 = NonZeroU32::new(40).unwrap();
const VIDEO_MESSAGES_BURST: NonZeroU32 = NonZeroU32::new(80).unwrap();

/// Asked too often: when to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// Until then the answer stays the same.
    pub retry_after: Duration,
}

/// A limit for each key apart; without a quota, none.
pub struct Limit<K: Hash + Eq + Clone> {
    limiter: Option<DefaultKeyedRateLimiter<Option<K>>>,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(quota: Option<Quota>) -> Self {
        Self { limiter: quota.map(RateLimiter::keyed) }
    }

    /// Counts one.
    ///
    /// # Errors
    /// [`TooMany`] when it was one too many; it is not counted then.
    pub fn check(&self, key: K) -> Result<(), TooMany> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let key = Some(key).filter(|_| limiter.len() < KEYS_MAX);
        let checked = limiter.check_key(&key);
        checked.map_err(|until| TooMany { retry_after: until.wait_time_from(DefaultClock::default().now()) })
    }

    /// Forgets keys that have not been used for so long that their limit is whole again.
    fn sweep(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
        }
    }
}

/// The block of addresses that one subscriber has: an IPv4 address, or a /64 of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address(IpAddr);

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
            v4 => v4,
        })
    }
}

/// Every limit of the server.
pub struct Limits {
    /// HTTP requests.
    pub requests: Limit<Address>,
    /// Sign-ins, registrations, guests, looks at invites.
    pub sign_ins: Limit<Address>,
    /// Passwords tried on one account, by the name as it is compared.
    pub password_tries: Limit<String>,
    /// Text messages.
    pub messages: Limit<UserId>,
    /// Invites and channels made.
    pub invites: Limit<UserId>,
    /// Voice joins.
    pub voice_joins: Limit<UserId>,
    /// Connections to the gateway, and to the control socket.
    pub socket_connects: Limit<Address>,
    gateway_messages: Option<Quota>,
}

impl Limits {
    /// As configured.
    pub fn new(config: &config::Limits) -> Self {
        Self {
            requests: Limit::new(per_minute(config.requests_per_minute)),
            sign_ins: Limit::new(per_minute(config.sign_ins_per_minute)),
            password_tries: Limit::new(per_hour(config.password_tries_per_hour)),
            messages: Limit::new(per_minute(config.messages_per_minute)),
            invites: Limit::new(per_hour(config.invites_per_hour)),
            voice_joins: Limit::new(per_minute(config.voice_joins_per_minute)),
            socket_connects: Limit::new(per_minute(config.gateway_connects_per_minute)),
            gateway_messages: per_minute(config.gateway_messages_per_minute),
        }
    }

    /// The limit of one gateway connection.
    pub fn gateway_messages(&self) -> Option<DefaultDirectRateLimiter> {
        self.gateway_messages.map(RateLimiter::direct)
    }

    /// The limit of one control socket.
    pub fn video_messages(&self) -> DefaultDirectRateLimiter {
        RateLimiter::direct(Quota::per_second(VIDEO_MESSAGES_PER_SECOND).allow_burst(VIDEO_MESSAGES_BURST))
    }

    /// Forgets what is no longer needed.
    pub fn sweep(&self) {
        self.requests.sweep();
        self.sign_ins.sweep();
        self.password_tries.sweep();
        self.messages.sweep();
        self.invites.sweep();
        self.voice_joins.sweep();
        self.socket_connects.sweep();
    }
}

fn per_minute(times: u32) -> Option<Quota> {
    NonZeroU32::new(times).map(Quota::per_minute)
}

fn per_hour(times: u32) -> Option<Quota> {
    NonZeroU32::new(times).map(Quota::per_hour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_a_limit_of_its_own() {
        let limit = Limit::new(per_hour(2));
        assert!(limit.check("a").is_ok());
        assert!(limit.check("a").is_ok());
        let wait = limit.check("a").unwrap_err().retry_after;
        assert!(wait > Duration::from_secs(1700) && wait <= Duration::from_secs(1800), "{wait:?}");
        assert!(limit.check("b").is_ok());
    }

    #[test]
    fn zero_is_no_limit() {
        let limit = Limit::new(per_minute(0));
        assert!((0..10_000).all(|_| limit.check(1).is_ok()));
    }

    #[test]
    fn addresses_of_one_subscriber_count_together() {
        let address = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
    }
}
