//! STUN messages of ICE connectivity checks: RFC 8489 and RFC 8445 §7.
//!
//! Only Binding is known. [`Message::parse`] reads, [`Writer`] writes; integrity is HMAC-SHA1
//! with the ICE password as its key (short-term credentials).

use aws_lc_rs::hmac;
use std::fmt;
use std::net::SocketAddr;

/// RFC 8489 §5.
const MAGIC_COOKIE: u32 = 0x2112_a442;
const HEADER_BYTES: usize = 20;
const INTEGRITY_BYTES: usize = 20;
const FINGERPRINT_XOR: u32 = 0x5354_554e;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;
const ICE_CONTROLLING: u16 = 0x802a;

/// Attributes from here on may be ignored when unknown (RFC 8489 §14).
const COMPREHENSION_OPTIONAL: u16 = 0x8000;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A Binding request.
    Request,
    /// Its success response.
    Success,
    /// Its error response.
    Error,
}

impl Class {
    const fn method_and_class(self) -> u16 {
        match self {
            Self::Request => 0x0001,
            Self::Success => 0x0101,
            Self::Error => 0x0111,
        }
    }
}

/// An ICE password as a key.
#[derive(Clone)]
pub struct Password(hmac::Key);

impl Password {
    /// From its text.
    pub fn new(text: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A message as it came. Its integrity is the caller's to check, once it knows whose it is.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    /// What it is.
    pub class: Class,
    /// Ties a response to its request.
    pub transaction: [u8; 12],
    /// Of a request: receiver's and sender's user-name fragments, with a colon between.
    pub username: Option<&'a [u8]>,
    /// Of a request: whether the controlling side nominates this path.
    pub use_candidate: bool,
    /// Of a request: whether the sender believes that it is controlled.
    pub controlled: bool,
    /// Of a success response: where the request came from.
    pub mapped: Option<SocketAddr>,
    /// An attribute that must be understood and is not.
    pub unknown_attribute: Option<u16>,
    integrity_at: Option<usize>,
}

impl<'a> Message<'a> {
    /// Whether a datagram is STUN by its first byte (RFC 7983).
    pub fn is(datagram: &[u8]) -> bool {
        datagram.first().is_some_and(|first| *first < 4)
    }

    /// Reads a Binding message. `None` when it is not one, not well formed, or has no fitting
    /// fingerprint, which ICE requires (RFC 8445 §7.1).
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, mut rest) = bytes.split_at_checked(HEADER_BYTES)?;
        let class = [Class::Request, Class::Success, Class::Error]
            .into_iter()
            .find(|class| class.method_and_class() == be16(header, 0))?;
        if usize::from(be16(header, 2)) != rest.len()
            || !rest.len().is_multiple_of(4)
            || header[4..8] != MAGIC_COOKIE.to_be_bytes()
        {
            return None;
        }
        let transaction: [u8; 12] = header[8..].try_into().ok()?;
        let mut message = Self {
            bytes,
            class,
            transaction,
            username: None,
            use_candidate: false,
            controlled: false,
            mapped: None,
            unknown_attribute: None,
            integrity_at: None,
        };
        while let Some((head, tail)) = rest.split_at_checked(4) {
            let at = bytes.len() - rest.len();
            let (kind, len) = (be16(head, 0), usize::from(be16(head, 2)));
            let value = tail.get(..len)?;
            rest = tail.get(len.next_multiple_of(4)..)?;
            if kind == FINGERPRINT {
                let fits = rest.is_empty() && value == fingerprint(&bytes[..at]).to_be_bytes();
                return fits.then_some(message);
            }
            // Nothing but the fingerprint counts after the integrity (RFC 8489 §14.5).
            if message.integrity_at.is_none() {
                message.take(kind, value, at)?;
            }
        }
        None
    }

    fn take(&mut self, kind: u16, value: &'a [u8], at: usize) -> Option<()> {
        match kind {
            USERNAME => self.username = Some(value),
            USE_CANDIDATE => self.use_candidate = true,
            ICE_CONTROLLED => self.controlled = true,
            MESSAGE_INTEGRITY if value.len() == INTEGRITY_BYTES => self.integrity_at = Some(at),
            MESSAGE_INTEGRITY => return None,
            XOR_MAPPED_ADDRESS => self.mapped = Some(read_address(value, &self.transaction)?),
            PRIORITY | ERROR_CODE | UNKNOWN_ATTRIBUTES => {}
            kind if kind < COMPREHENSION_OPTIONAL => {
                self.unknown_attribute.get_or_insert(kind);
            }
            _ => {}
        }
        Some(())
    }

    /// Whether the message was written by someone who knows the password.
    pub fn authenticates(&self, password: &Password) -> bool {
        let Some(at) = self.integrity_at else {
            return false;
        };
        // The length field counts up to the integrity itself, whatever follows (RFC 8489 §14.5).
        let len = (at + 4 + INTEGRITY_BYTES - HEADER_BYTES) as u16;
        let mut context = hmac::Context::with_key(&password.0);
        context.update(&self.bytes[..2]);
        context.update(&len.to_be_bytes());
        context.update(&self.bytes[4..at]);
        let expected = context.sign();
        let received = &self.bytes[at + 4..at + 4 + INTEGRITY_BYTES];
        aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_ref(), received).is_ok()
    }
}

/// Writes one message into a buffer of at least 200 bytes.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    /// Starts a message.
    pub fn new(buffer: &'a mut [u8], class: Class, transaction: [u8; 12]) -> Self {
        buffer[..2].copy_from_slice(&class.method_and_class().to_be_bytes());
        buffer[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
        buffer[8..HEADER_BYTES].copy_from_slice(&transaction);
        Self { buffer, len: HEADER_BYTES }
    }

    /// The user name of a request: receiver's fragment, colon, sender's fragment.
    #[must_use]
    pub fn username(self, username: &str) -> Self {
        self.attribute(USERNAME, username.as_bytes())
    }

    /// Of a request: the sender controls, and breaks ties with this number.
    #[must_use]
    pub fn controlling(self, tie_breaker: u64, priority: u32) -> Self {
        self.attribute(ICE_CONTROLLING, &tie_breaker.to_be_bytes())
            .attribute(PRIORITY, &priority.to_be_bytes())
    }

    /// Of a request: nominates the path.
    #[must_use]
    pub fn use_candidate(self) -> Self {
        self.attribute(USE_CANDIDATE, &[])
    }

    /// Of a response: where the request came from.
    #[must_use]
    pub fn xor_mapped(self, address: SocketAddr) -> Self {
        let cookie = MAGIC_COOKIE.to_be_bytes();
        let mut value = [0; 20];
        value[2..4].copy_from_slice(&(address.port() ^ (MAGIC_COOKIE >> 16) as u16).to_be_bytes());
        // A socket that serves both families sees IPv4 peers as mapped addresses.
        let len = match address.ip().to_canonical() {
            std::net::IpAddr::V4(ip) => {
                value[1] = 1;
                value[4..8].copy_from_slice(&ip.octets());
                8
            }
            std::net::IpAddr::V6(ip) => {
                value[1] = 2;
                value[4..].copy_from_slice(&ip.octets());
                20
            }
        };
        let mask = cookie.iter().chain(&self.buffer[8..HEADER_BYTES]);
        for (byte, mask) in value[4..].iter_mut().zip(mask) {
            *byte ^= mask;
        }
        self.attribute(XOR_MAPPED_ADDRESS, &value[..len])
    }

    /// Of an error response: its code (RFC 8489 §14.8), without a reason phrase.
    #[must_use]
    pub fn error(self, code: u16) -> Self {
        self.attribute(ERROR_CODE, &[0, 0, (code / 100) as u8, (code % 100) as u8])
    }

    /// Of a 420 response: what was not understood.
    #[must_use]
    pub fn unknown_attribute(self, kind: u16) -> Self {
        self.attribute(UNKNOWN_ATTRIBUTES, &kind.to_be_bytes())
    }

    /// Adds integrity and fingerprint and returns the message's length.
    pub fn finish(mut self, password: &Password) -> usize {
        self.set_len(self.len + 4 + INTEGRITY_BYTES);
        let tag = hmac::sign(&password.0, &self.buffer[..self.len]);
        self = self.attribute(MESSAGE_INTEGRITY, tag.as_ref());
        self.set_len(self.len + 8);
        let fingerprint = fingerprint(&self.buffer[..self.len]);
        self = self.attribute(FINGERPRINT, &fingerprint.to_be_bytes());
        self.len
    }

    fn set_len(&mut self, end: usize) {
        self.buffer[2..4].copy_from_slice(&((end - HEADER_BYTES) as u16).to_be_bytes());
    }

    fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let padded = value.len().next_multiple_of(4);
        let out = &mut self.buffer[self.len..self.len + 4 + padded];
        out[..2].copy_from_slice(&kind.to_be_bytes());
        out[2..4].copy_from_slice(&(value.len() as u16).to_be_bytes());
        out[4..].fill(0);
        out[4..4 + value.len()].copy_from_slice(value);
        self.len += 4 + padded;
        self
    }
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn read_address(value: &[u8], transaction: &[u8; 12]) -> Option<SocketAddr> {
    let (head, ip) = value.split_at_checked(4)?;
    let mut ip_bytes = [0; 16];
    let ip_bytes = ip_bytes.get_mut(..ip.len())?;
    let cookie = MAGIC_COOKIE.to_be_bytes();
    for ((out, byte), mask) in ip_bytes.iter_mut().zip(ip).zip(cookie.iter().chain(transaction)) {
        *out = byte ^ mask;
    }
    let port = be16(head, 2) ^ (MAGIC_COOKIE >> 16) as u16;
    match (head[1], &*ip_bytes) {
        (1, ip) => Some((<[u8; 4]>::try_from(ip).ok()?, port).into()),
        (2, ip) => Some((<[u8; 16]>::try_from(ip).ok()?, port).into()),
        _ => None,
    }
}

/// RFC 8489 §14.7: CRC-32 of ITU V.42, XOR-ed so that it differs from other protocols' own.
/// The message's length field must already count the fingerprint.
fn fingerprint(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut crc = byte as u32;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
                bit += 1;
            }
            table[byte] = crc;
            byte += 1;
        }
        table
    };
    let crc =
        bytes.iter().fold(!0u32, |crc, byte| TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8));
    !crc ^ FINGERPRINT_XOR
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex::bytes;
    use proptest::prelude::*;

    /// RFC 5769 §2.1.
    const SAMPLE_REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae\
        802200105354554e207465737420636c69656e74\
        002400046e0001ff80290008932ff9b151263b36\
        000600096576746a3a68367659202020\
        000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2\
        80280004e57a3bcf";
    /// RFC 5769 §2.2.
    const SAMPLE_RESPONSE: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae\
        8022000b7465737420766563746f7220\
        002000080001a147e112a643\
        000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7\
        80280004c07d4c96";
    const SAMPLE_PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

    #[test]
    fn reads_the_samples_of_rfc_5769() {
        let request = bytes(SAMPLE_REQUEST);
        let message = Message::parse(&request).unwrap();
        assert_eq!(message.class, Class::Request);
        assert_eq!(message.username, Some(&b"evtj:h6vY"[..]));
        assert!(message.controlled);
        assert!(message.authenticates(&Password::new(SAMPLE_PASSWORD)));
        assert!(!message.authenticates(&Password::new("another password")));

        let response = bytes(SAMPLE_RESPONSE);
        let message = Message::parse(&response).unwrap();
        assert_eq!(message.class, Class::Success);
        assert_eq!(message.mapped, Some("192.0.2.1:32853".parse().unwrap()));
        assert!(message.authenticates(&Password::new(SAMPLE_PASSWORD)));
    }

    #[test]
    fn what_is_written_is_read() {
        let password = Password::new("a password of some length");
        for address in ["127.0.0.1:1", "[2001:db8::7]:65535"] {
            let mut buffer = [0; 200];
            let len = Writer::new(&mut buffer, Class::Success, [7; 12])
                .xor_mapped(address.parse().unwrap())
                .finish(&password);
            let message = Message::parse(&buffer[..len]).unwrap();
            assert_eq!(message.mapped, Some(address.parse().unwrap()));
            assert_eq!(message.transaction, [7; 12]);
            assert!(message.authenticates(&password));
        }
    }

    #[test]
    fn a_mapped_ipv4_address_is_answered_as_ipv4() {
        let mut buffer = [0; 200];
        let len = Writer::new(&mut buffer, Class::Success, [0; 12])
            .xor_mapped("[::ffff:192.0.2.9]:5".parse().unwrap())
            .finish(&Password::new("p"));
        assert_eq!(Message::parse(&buffer[..len]).unwrap().mapped, Some("192.0.2.9:5".parse().unwrap()));
    }

    #[test]
    fn an_attribute_that_must_be_understood_is_named() {
        let mut buffer = [0; 200];
        let len = Writer::new(&mut buffer, Class::Request, [0; 12])
            .username("a:b")
            .attribute(0x7abc, &[1])
            .attribute(0x8abc, &[1])
            .finish(&Password::new("p"));
        assert_eq!(Message::parse(&buffer[..len]).unwrap().unknown_attribute, Some(0x7abc));
    }

    proptest! {
        #[test]
        fn any_altered_bit_is_noticed(at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut request = bytes(SAMPLE_REQUEST);
            request[at.index(bytes(SAMPLE_REQUEST).len())] ^= 1 << bit;
            let password = Password::new(SAMPLE_PASSWORD);
            prop_assert!(!Message::parse(&request).is_some_and(|message| message.authenticates(&password)));
        }

        #[test]
        fn no_bytes_make_it_panic(
            header in prop::sample::select(vec![vec![], bytes(&SAMPLE_REQUEST[..40])]),
            rest in proptest::collection::vec(any::<u8>(), 0..120),
        ) {
            let mut message = [header, rest].concat();
            if message.len() >= 20 {
                let len = (message.len() - 20) as u16;
                message[2..4].copy_from_slice(&len.to_be_bytes());
            }
            if let Some(message) = Message::parse(&message) {
                message.authenticates(&Password::new("p"));
            }
        }
    }
}
