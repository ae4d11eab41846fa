//! Secrets and starting points from one seed.

use aws_lc_rs::hmac;

/// A generator that nobody without the seed can predict: HMAC-SHA-256 over a counter.
pub(crate) struct Random {
    key: hmac::Key,
    counter: u64,
}

impl Random {
    pub fn new(seed: [u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &seed), counter: 0 }
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        const { assert!(N <= 32) };
        self.counter += 1;
        let block = hmac::sign(&self.key, &self.counter.to_be_bytes());
        std::array::from_fn(|at| block.as_ref()[at])
    }

    /// `N` characters of ICE's alphabet (RFC 8839 §5.4), six bits of chance in each.
    pub fn ice_chars<const N: usize>(&mut self) -> [u8; N] {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        self.bytes::<N>().map(|byte| ALPHABET[usize::from(byte % 64)])
    }
}
