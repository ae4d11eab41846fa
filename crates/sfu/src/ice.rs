//! The ICE-lite side of a session (RFC 8445 §2.5): answers checks, makes none.
//!
//! The path, which is where media goes, moves only by an authenticated Binding request: one that
//! nominates, or any, once the present path has been quiet. Consent (RFC 7675) is the time of the
//! last one.

use crate::stun::{Class, Message, Password, Writer};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Length of a user-name fragment.
pub(crate) const UFRAG_CHARS: usize = 8;

/// Addresses of one client that are remembered: a machine has a few, a cheat would like many.
const ADDRESSES_MAX: usize = 4;

/// Without a check on it for this long, the path gives way to any other that is checked. Longer
/// than the pause between two checks of any client (Chromium 2.5 s, `webrtc` 2 s), shorter than
/// a person waits.
const PATH_QUIET: Duration = Duration::from_secs(6);

#[derive(Debug)]
pub(crate) struct IceLite {
    pub ufrag: [u8; UFRAG_CHARS],
    password: Password,
    addresses: [Option<SocketAddr>; ADDRESSES_MAX],
    next_address: usize,
    path: Option<SocketAddr>,
    path_checked: Instant,
    consent: Option<Instant>,
}

/// What a check changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Length of the answer in the buffer.
    pub answer_len: usize,
    /// An address that was not known before.
    pub new_address: Option<SocketAddr>,
    /// The address that it took the place of.
    pub old_address: Option<SocketAddr>,
    /// Whether media goes elsewhere now.
    pub path_moved: bool,
}

impl IceLite {
    pub fn new(ufrag: [u8; UFRAG_CHARS], password: &str, now: Instant) -> Self {
        Self {
            ufrag,
            password: Password::new(password),
            addresses: [None; ADDRESSES_MAX],
            next_address: 0,
            path: None,
            path_checked: now,
            consent: None,
        }
    }

    /// Where to send.
    pub fn path(&self) -> Option<SocketAddr> {
        self.path
    }

    /// When the client last consented.
    pub fn consent(&self) -> Option<Instant> {
        self.consent
    }

    /// Every address that was ever checked and is remembered.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.addresses.iter().flatten().copied()
    }

    /// Handles a Binding request and writes its answer; `None` when it is not from the client,
    /// who then gets nothing.
    pub fn check(
        &mut self,
        request: &Message<'_>,
        from: SocketAddr,
        now: Instant,
        answer: &mut [u8],
    ) -> Option<Checked> {
        let to_me = ufrag_of(request)? == self.ufrag;
        if request.class != Class::Request || !to_me || !request.authenticates(&self.password) {
            return None;
        }
        if request.controlled || request.unknown_attribute.is_some() {
            return Some(Checked { answer_len: self.refuse(request, answer), ..Checked::default() });
        }
        self.consent = Some(now);
        let mut checked = Checked {
            answer_len: Writer::new(answer, Class::Success, request.transaction)
                .xor_mapped(from)
                .finish(&self.password),
            ..Checked::default()
        };
        if !self.addresses.contains(&Some(from)) {
            checked.old_address = self.remember(from);
            checked.new_address = Some(from);
        }
        self.consider(from, request.use_candidate, now, &mut checked);
        Some(checked)
    }

    fn consider(&mut self, from: SocketAddr, nominates: bool, now: Instant, checked: &mut Checked) {
        if self.path != Some(from) {
            let quiet = now.saturating_duration_since(self.path_checked) >= PATH_QUIET;
            if self.path.is_some() && !nominates && !quiet {
                return;
            }
            self.path = Some(from);
            checked.path_moved = true;
        }
        self.path_checked = now;
    }

    /// Remembers an address, in the place of the oldest that is not the path; returns that one.
    fn remember(&mut self, address: SocketAddr) -> Option<SocketAddr> {
        if self.path.is_some() && self.addresses[self.next_address] == self.path {
            self.next_address = (self.next_address + 1) % ADDRESSES_MAX;
        }
        let old = self.addresses[self.next_address].replace(address);
        self.next_address = (self.next_address + 1) % ADDRESSES_MAX;
        old
    }

    /// A lite agent is always controlled: a client that thinks the same must change its mind
    /// (487, RFC 8445 §7.3.1.1). 420 is RFC 8489 §6.3.1.
    fn refuse(&self, request: &Message<'_>, answer: &mut [u8]) -> usize {
        let writer = Writer::new(answer, Class::Error, request.transaction);
        match request.unknown_attribute {
            Some(attribute) => writer.error(420).unknown_attribute(attribute).finish(&self.password),
            None => writer.error(487).finish(&self.password),
        }
    }
}

/// The receiver's fragment in a request's user name.
pub(crate) fn ufrag_of(request: &Message<'_>) -> Option<[u8; UFRAG_CHARS]> {
    let (ufrag, rest) = request.username?.split_first_chunk()?;
    (rest.first() == Some(&b':')).then_some(*ufrag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "a password";

    fn ice(now: Instant) -> IceLite {
        IceLite::new(*b"fragment", PASSWORD, now)
    }

    fn address(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn check(ice: &mut IceLite, port: u16, nominates: bool, now: Instant) -> Option<Checked> {
        let mut buffer = [0; 200];
        let mut writer =
            Writer::new(&mut buffer, Class::Request, [1; 12]).username("fragment:mine").controlling(1, 1);
        if nominates {
            writer = writer.use_candidate();
        }
        let len = writer.finish(&Password::new(PASSWORD));
        ice.check(&Message::parse(&buffer[..len]).unwrap(), address(port), now, &mut [0; 200])
    }

    #[test]
    fn the_path_moves_by_nomination_or_when_it_is_quiet() {
        let start = Instant::now();
        let mut ice = ice(start);
        assert!(check(&mut ice, 1, false, start).unwrap().path_moved, "the first will do");
        assert!(!check(&mut ice, 2, false, start).unwrap().path_moved);
        assert!(check(&mut ice, 2, true, start).unwrap().path_moved);
        assert_eq!(ice.path(), Some(address(2)));
        assert!(!check(&mut ice, 1, false, start + PATH_QUIET / 2).unwrap().path_moved);
        assert!(check(&mut ice, 1, false, start + PATH_QUIET).unwrap().path_moved);
    }

    #[test]
    fn addresses_are_bounded_and_the_path_is_kept() {
        let now = Instant::now();
        let mut ice = ice(now);
        check(&mut ice, 1, true, now);
        let forgotten: Vec<_> =
            (2..20).filter_map(|port| check(&mut ice, port, false, now).unwrap().old_address).collect();
        assert_eq!(ice.addresses().count(), ADDRESSES_MAX);
        assert_eq!(forgotten.len(), 18 + 1 - ADDRESSES_MAX);
        assert!(!forgotten.contains(&address(1)));
        assert!(ice.addresses().any(|known| known == address(1)));
    }

    #[test]
    fn strangers_get_no_answer_and_give_no_consent() {
        let now = Instant::now();
        let mut ice = ice(now);
        for (username, password) in
            [("fragment:mine", "guess"), ("another1:mine", PASSWORD), ("fragment", PASSWORD)]
        {
            let mut buffer = [0; 200];
            let len = Writer::new(&mut buffer, Class::Request, [1; 12])
                .username(username)
                .finish(&Password::new(password));
            let request = Message::parse(&buffer[..len]).unwrap();
            assert_eq!(ice.check(&request, address(1), now, &mut [0; 200]), None);
        }
        assert_eq!(ice.consent(), None);
    }
}
