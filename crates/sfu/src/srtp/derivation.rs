//! Session keys from master keys: RFC 3711 §4.3, with a key derivation rate of 0. The AEAD
//! profiles derive the same way, with their salt padded by zeros to 112 bits (RFC 7714 §11).

use super::{Cipher, DirectionKeys, Profile};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

const SALT_BYTES_MAX: usize = 14;

/// RFC 3711 §4.3.2.
#[derive(Clone, Copy)]
enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

pub(super) fn direction(profile: Profile, key: &[u8], salt: &[u8]) -> Option<DirectionKeys> {
    let prf = Prf::new(key, salt)?;
    let cipher = |encryption, authentication, salt| {
        let mut session_key = [0; 32];
        let session_key = &mut session_key[..profile.key_bytes()];
        prf.fill(encryption, session_key)?;
        let mut session_salt = [0; SALT_BYTES_MAX];
        let session_salt = &mut session_salt[..profile.salt_bytes()];
        prf.fill(salt, session_salt)?;
        let mut auth_key = [0; 20];
        prf.fill(authentication, &mut auth_key)?;
        Cipher::new(profile, session_key, session_salt, &auth_key)
    };
    Some(DirectionKeys {
        rtp: cipher(Label::RtpEncryption, Label::RtpAuthentication, Label::RtpSalt)?,
        rtcp: cipher(Label::RtcpEncryption, Label::RtcpAuthentication, Label::RtcpSalt)?,
    })
}

/// AES in counter mode as a pseudo-random function (RFC 3711 §4.3.3).
struct Prf {
    key: EncryptingKey,
    salt: [u8; SALT_BYTES_MAX],
}

impl Prf {
    fn new(key: &[u8], salt: &[u8]) -> Option<Self> {
        let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
        let mut padded = [0; SALT_BYTES_MAX];
        padded.get_mut(..salt.len())?.copy_from_slice(salt);
        let key = EncryptingKey::ctr(UnboundCipherKey::new(algorithm, key).ok()?).ok()?;
        Some(Self { key, salt: padded })
    }

    fn fill(&self, label: Label, out: &mut [u8]) -> Option<()> {
        let mut iv = [0; 16];
        iv[..SALT_BYTES_MAX].copy_from_slice(&self.salt);
        iv[7] ^= label as u8;
        out.fill(0);
        self.key.less_safe_encrypt(out, EncryptionContext::Iv128(FixedLength::from(iv))).ok()?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex::bytes;

    /// RFC 3711 §B.3.
    #[test]
    fn derives_the_keys_of_the_rfc() {
        let prf =
            Prf::new(&bytes("E1F97A0D3E018BE0D64FA32C06DE4139"), &bytes("0EC675AD498AFEEBB6960B3AABE6"))
                .unwrap();
        let expected = [
            (Label::RtpEncryption, "C61E7A93744F39EE10734AFE3FF7A087"),
            (Label::RtpSalt, "30CBBC08863D8C85D49DB34A9AE1"),
            (Label::RtpAuthentication, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"),
        ];
        for (label, expected) in expected {
            let expected = bytes(expected);
            let mut out = vec![0; expected.len()];
            prf.fill(label, &mut out).unwrap();
            assert_eq!(out, expected);
        }
    }
}
