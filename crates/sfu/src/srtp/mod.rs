//! SRTP and SRTCP: RFC 3711, and RFC 7714 for the AEAD profiles.
//!
//! - [`Cipher`]: one direction's session key for RTP or RTCP; stateless, so that one key serves
//!   any number of SSRCs;
//! - [`ReplayWindow`]: for each received SSRC, its rollover counter and what was seen before.
//!
//! Absent: MKI, encrypted header extensions (RFC 6904), and unencrypted SRTCP.

mod cipher;
mod derivation;
mod replay;

pub use cipher::{Cipher, RTCP_OVERHEAD_MAX, RTP_OVERHEAD_MAX};
pub use replay::ReplayWindow;

/// Why a protected packet is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SrtpError {
    /// Too short, or not what it claims to be.
    #[error("malformed packet")]
    Malformed,
    /// Altered, or protected with another key.
    #[error("the packet does not authenticate")]
    Forged,
    /// Seen before, or older than the replay window.
    #[error("the packet was replayed")]
    Replayed,
}

/// The protection profiles in use (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// `SRTP_AEAD_AES_256_GCM`.
    AeadAes256Gcm,
    /// `SRTP_AEAD_AES_128_GCM`.
    AeadAes128Gcm,
    /// `SRTP_AES128_CM_HMAC_SHA1_80`, which every WebRTC client must know.
    Aes128CmSha1_80,
}

impl Profile {
    /// The profile that a DTLS handshake chose; `None` for one unknown here.
    pub fn from_dtls(profile: dimpl::SrtpProfile) -> Option<Self> {
        match profile {
            dimpl::SrtpProfile::AEAD_AES_256_GCM => Some(Self::AeadAes256Gcm),
            dimpl::SrtpProfile::AEAD_AES_128_GCM => Some(Self::AeadAes128Gcm),
            dimpl::SrtpProfile::AES128_CM_SHA1_80 => Some(Self::Aes128CmSha1_80),
            _ => None,
        }
    }

    const fn key_bytes(self) -> usize {
        match self {
            Self::AeadAes256Gcm => 32,
            Self::AeadAes128Gcm | Self::Aes128CmSha1_80 => 16,
        }
    }

    const fn salt_bytes(self) -> usize {
        match self {
            Self::AeadAes256Gcm | Self::AeadAes128Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }
}

/// The session keys of one direction.
#[derive(Debug)]
pub struct DirectionKeys {
    /// For RTP.
    pub rtp: Cipher,
    /// For RTCP.
    pub rtcp: Cipher,
}

/// The session keys of both directions, named by who sends.
#[derive(Debug)]
pub struct SessionKeys {
    /// For what the DTLS client sends.
    pub client: DirectionKeys,
    /// For what the DTLS server sends.
    pub server: DirectionKeys,
}

impl SessionKeys {
    /// Derives all session keys from what the DTLS handshake exported (RFC 5764 §4.2):
    /// client key, server key, client salt, server salt. `None` when its length does not fit.
    pub fn from_dtls(profile: Profile, material: &[u8]) -> Option<Self> {
        let (key, salt) = (profile.key_bytes(), profile.salt_bytes());
        if material.len() != 2 * (key + salt) {
            return None;
        }
        let (keys, salts) = material.split_at(2 * key);
        Some(Self {
            client: derivation::direction(profile, &keys[..key], &salts[..salt])?,
            server: derivation::direction(profile, &keys[key..], &salts[salt..])?,
        })
    }
}
