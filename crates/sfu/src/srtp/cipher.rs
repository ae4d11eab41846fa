//! One session key: sealing and opening of whole packets.

use super::{Profile, SrtpError};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{constant_time, hmac};
use std::fmt;

/// By how many bytes protection lengthens an RTP packet at most.
pub const RTP_OVERHEAD_MAX: usize = GCM_TAG_BYTES;

/// By how many bytes protection lengthens an RTCP packet at most.
pub const RTCP_OVERHEAD_MAX: usize = GCM_TAG_BYTES + SRTCP_INDEX_BYTES;

const GCM_TAG_BYTES: usize = 16;
const SHA1_TAG_BYTES: usize = 10;
const SRTCP_INDEX_BYTES: usize = 4;
/// The part of an RTCP packet that stays clear: first header word and sender's SSRC.
const RTCP_CLEAR_BYTES: usize = 8;
/// Marks an SRTCP packet as encrypted.
const SRTCP_ENCRYPTED: u32 = 1 << 31;

/// One session key with its salt. It keeps no state: the packet index is the caller's, who must
/// never seal two packets with the same SSRC and index.
pub struct Cipher(Kind);

enum Kind {
    Gcm {
        key: LessSafeKey,
        salt: [u8; 12],
    },
    /// Boxed, for it is large and rare, and many ciphers lie in a row.
    CounterMode(Box<CounterMode>),
}

struct CounterMode {
    key: EncryptingKey,
    salt: [u8; 14],
    auth: hmac::Key,
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher(..)")
    }
}

impl Cipher {
    /// From session (not master) keys; `auth_key` matters to the SHA-1 profile only. `None` when
    /// a length does not fit the profile.
    pub fn new(profile: Profile, key: &[u8], salt: &[u8], auth_key: &[u8]) -> Option<Self> {
        let algorithm = match profile {
            Profile::AeadAes256Gcm => &AES_256_GCM,
            Profile::AeadAes128Gcm => &AES_128_GCM,
            Profile::Aes128CmSha1_80 => {
                return Some(Self(Kind::CounterMode(Box::new(CounterMode {
                    key: EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, key).ok()?).ok()?,
                    salt: salt.try_into().ok()?,
                    auth: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_key),
                }))));
            }
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
        Some(Self(Kind::Gcm { key, salt: salt.try_into().ok()? }))
    }

    /// Writes the protected packet of a whole RTP `header` and a `payload` to `out` and returns
    /// its length. `index` is rollover counter and sequence number in one (RFC 3711 §3.3.1).
    ///
    /// The payload is read once and left alone, so that one plain packet serves all receivers.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`] when `out` is too small or the header too short.
    pub fn seal_rtp(
        &self,
        header: &[u8],
        payload: &[u8],
        index: u64,
        out: &mut [u8],
    ) -> Result<usize, SrtpError> {
        let ssrc = ssrc_at(header, 8)?;
        let end = header.len() + payload.len();
        if out.len() < end + RTP_OVERHEAD_MAX {
            return Err(SrtpError::Malformed);
        }
        let (head, rest) = out.split_at_mut(header.len());
        head.copy_from_slice(header);
        let (body, tail) = rest.split_at_mut(payload.len());
        match &self.0 {
            Kind::Gcm { key, salt } => {
                let tag = &mut tail[..GCM_TAG_BYTES];
                key.seal_out_of_place_scatter(
                    gcm_nonce(salt, ssrc, index),
                    Aad::from(&*head),
                    payload,
                    body,
                    &[],
                    tag,
                )
                .map_err(|_| SrtpError::Malformed)?;
                Ok(end + GCM_TAG_BYTES)
            }
            Kind::CounterMode(mode) => {
                let CounterMode { key, salt, auth } = &**mode;
                body.copy_from_slice(payload);
                counter_mode(key, salt, ssrc, index, body)?;
                tail[..4].copy_from_slice(&((index >> 16) as u32).to_be_bytes());
                let tag = hmac::sign(auth, &out[..end + 4]);
                out[end..end + SHA1_TAG_BYTES].copy_from_slice(&tag.as_ref()[..SHA1_TAG_BYTES]);
                Ok(end + SHA1_TAG_BYTES)
            }
        }
    }

    /// Checks a protected RTP packet and decrypts it in place; returns where the payload ends.
    /// After an error the packet's bytes are undefined.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`] or [`SrtpError::Forged`].
    pub fn open_rtp(&self, packet: &mut [u8], header_len: usize, index: u64) -> Result<usize, SrtpError> {
        let ssrc = ssrc_at(packet, 8)?;
        match &self.0 {
            Kind::Gcm { key, salt } => {
                let end = packet.len().checked_sub(GCM_TAG_BYTES).ok_or(SrtpError::Malformed)?;
                let (header, body) = packet.split_at_mut_checked(header_len).ok_or(SrtpError::Malformed)?;
                if end < header_len {
                    return Err(SrtpError::Malformed);
                }
                key.open_in_place(gcm_nonce(salt, ssrc, index), Aad::from(&*header), body)
                    .map_err(|_| SrtpError::Forged)?;
                Ok(end)
            }
            Kind::CounterMode(mode) => {
                let CounterMode { key, salt, auth } = &**mode;
                let end = packet.len().checked_sub(SHA1_TAG_BYTES).ok_or(SrtpError::Malformed)?;
                if end < header_len {
                    return Err(SrtpError::Malformed);
                }
                // The rollover counter is authenticated as if it followed the packet.
                let tag: [u8; SHA1_TAG_BYTES] = packet[end..].try_into().map_err(|_| SrtpError::Malformed)?;
                packet[end..end + 4].copy_from_slice(&((index >> 16) as u32).to_be_bytes());
                verify_sha1(auth, &packet[..end + 4], &tag)?;
                counter_mode(key, salt, ssrc, index, &mut packet[header_len..end])?;
                Ok(end)
            }
        }
    }

    /// Protects the RTCP packet in the first `len` bytes of `buffer` and returns the new length.
    /// `index` is the SRTCP index, below 2^31.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`] when the buffer or the packet is too small.
    pub fn seal_rtcp(&self, buffer: &mut [u8], len: usize, index: u32) -> Result<usize, SrtpError> {
        let ssrc = ssrc_at(&buffer[..len.min(buffer.len())], 4)?;
        if buffer.len() < len + RTCP_OVERHEAD_MAX {
            return Err(SrtpError::Malformed);
        }
        let word = (SRTCP_ENCRYPTED | index).to_be_bytes();
        match &self.0 {
            Kind::Gcm { key, salt } => {
                let aad = srtcp_aad(buffer, word);
                let (_, body) = buffer.split_at_mut(RTCP_CLEAR_BYTES);
                let (body, tail) = body.split_at_mut(len - RTCP_CLEAR_BYTES);
                let tag = key
                    .seal_in_place_separate_tag(gcm_nonce(salt, ssrc, u64::from(index)), Aad::from(aad), body)
                    .map_err(|_| SrtpError::Malformed)?;
                tail[..GCM_TAG_BYTES].copy_from_slice(tag.as_ref());
                tail[GCM_TAG_BYTES..][..SRTCP_INDEX_BYTES].copy_from_slice(&word);
                Ok(len + GCM_TAG_BYTES + SRTCP_INDEX_BYTES)
            }
            Kind::CounterMode(mode) => {
                let CounterMode { key, salt, auth } = &**mode;
                counter_mode(key, salt, ssrc, u64::from(index), &mut buffer[RTCP_CLEAR_BYTES..len])?;
                buffer[len..len + SRTCP_INDEX_BYTES].copy_from_slice(&word);
                let end = len + SRTCP_INDEX_BYTES;
                let tag = hmac::sign(auth, &buffer[..end]);
                buffer[end..end + SHA1_TAG_BYTES].copy_from_slice(&tag.as_ref()[..SHA1_TAG_BYTES]);
                Ok(end + SHA1_TAG_BYTES)
            }
        }
    }

    /// Checks a protected RTCP packet and decrypts it in place; returns its plain length and its
    /// SRTCP index. After an error the packet's bytes are undefined.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`] (not encrypted at all among it) or [`SrtpError::Forged`].
    pub fn open_rtcp(&self, packet: &mut [u8]) -> Result<(usize, u32), SrtpError> {
        let ssrc = ssrc_at(packet, 4)?;
        let (index_at, body_end) = match &self.0 {
            Kind::Gcm { .. } => {
                let index_at = packet.len().checked_sub(SRTCP_INDEX_BYTES).ok_or(SrtpError::Malformed)?;
                (index_at, index_at)
            }
            Kind::CounterMode(_) => {
                let end = packet.len().checked_sub(SHA1_TAG_BYTES + SRTCP_INDEX_BYTES);
                let end = end.ok_or(SrtpError::Malformed)?;
                (end, end)
            }
        };
        if body_end < RTCP_CLEAR_BYTES {
            return Err(SrtpError::Malformed);
        }
        let word: [u8; 4] = packet[index_at..index_at + 4].try_into().map_err(|_| SrtpError::Malformed)?;
        let index = u32::from_be_bytes(word);
        if index & SRTCP_ENCRYPTED == 0 {
            return Err(SrtpError::Malformed);
        }
        let index = index & !SRTCP_ENCRYPTED;
        match &self.0 {
            Kind::Gcm { key, salt } => {
                if body_end < RTCP_CLEAR_BYTES + GCM_TAG_BYTES {
                    return Err(SrtpError::Malformed);
                }
                let aad = srtcp_aad(packet, word);
                key.open_in_place(
                    gcm_nonce(salt, ssrc, u64::from(index)),
                    Aad::from(aad),
                    &mut packet[RTCP_CLEAR_BYTES..body_end],
                )
                .map_err(|_| SrtpError::Forged)?;
                Ok((body_end - GCM_TAG_BYTES, index))
            }
            Kind::CounterMode(mode) => {
                let CounterMode { key, salt, auth } = &**mode;
                let (signed, tag) = packet.split_at(body_end + SRTCP_INDEX_BYTES);
                verify_sha1(auth, signed, tag)?;
                let body = &mut packet[RTCP_CLEAR_BYTES..body_end];
                counter_mode(key, salt, ssrc, u64::from(index), body)?;
                Ok((body_end, index))
            }
        }
    }
}

fn ssrc_at(packet: &[u8], at: usize) -> Result<[u8; 4], SrtpError> {
    packet.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or(SrtpError::Malformed)
}

/// RFC 7714 §8.1 for RTP, where the index has 48 bits, and §9.1 for RTCP, where it has 31: both
/// lie at the end of the nonce after the SSRC.
fn gcm_nonce(salt: &[u8; 12], ssrc: [u8; 4], index: u64) -> Nonce {
    let mut nonce = *salt;
    for (byte, ssrc) in nonce[2..6].iter_mut().zip(ssrc) {
        *byte ^= ssrc;
    }
    for (byte, index) in nonce[6..].iter_mut().zip(&index.to_be_bytes()[2..]) {
        *byte ^= index;
    }
    Nonce::assume_unique_for_key(nonce)
}

/// RFC 7714 §9.2: the clear header, then the SRTCP index with its flag.
fn srtcp_aad(packet: &[u8], word: [u8; 4]) -> [u8; RTCP_CLEAR_BYTES + 4] {
    let mut aad = [0; RTCP_CLEAR_BYTES + 4];
    aad[..RTCP_CLEAR_BYTES].copy_from_slice(&packet[..RTCP_CLEAR_BYTES]);
    aad[RTCP_CLEAR_BYTES..].copy_from_slice(&word);
    aad
}

/// RFC 3711 §4.1.1.
fn counter_mode(
    key: &EncryptingKey,
    salt: &[u8; 14],
    ssrc: [u8; 4],
    index: u64,
    data: &mut [u8],
) -> Result<(), SrtpError> {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    for (byte, ssrc) in iv[4..8].iter_mut().zip(ssrc) {
        *byte ^= ssrc;
    }
    for (byte, index) in iv[8..14].iter_mut().zip(&index.to_be_bytes()[2..]) {
        *byte ^= index;
    }
    key.less_safe_encrypt(data, EncryptionContext::Iv128(FixedLength::from(iv)))
        .map(|_| ())
        .map_err(|_| SrtpError::Malformed)
}

fn verify_sha1(key: &hmac::Key, data: &[u8], tag: &[u8]) -> Result<(), SrtpError> {
    let expected = hmac::sign(key, data);
    constant_time::verify_slices_are_equal(&expected.as_ref()[..SHA1_TAG_BYTES], tag)
        .map_err(|_| SrtpError::Forged)
}

#[cfg(test)]
mod tests;
