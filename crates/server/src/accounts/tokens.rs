//! Secrets that people carry: login tokens and invite codes.

use crate::store::TokenHash;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use voicehall_protocol::gateway::Token;

/// A fresh login token: 256 random bits.
pub fn new_token() -> Token {
    Token(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

/// A fresh invite code: 96 random bits, so that none can be found by trying.
pub fn new_code() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 12]>())
}

/// What is kept of a token. It has full entropy, so a plain hash is enough.
pub fn token_hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}
