use super::*;
use crate::hex::bytes;
use crate::srtp::SessionKeys;
use proptest::prelude::*;

const KEY_128: &str = "000102030405060708090a0b0c0d0e0f";
const KEY_256: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const SALT: &str = "517569642070726f2071756f";
/// RFC 7714 §16: header and payload ("Gallia est omnis divisa in partes tres").
const RTP: &str = "8040f17b8041f8d35501a0b2\
    47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
/// RFC 7714 §17.
const RTCP: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61\
    deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

fn gcm(profile: Profile, key: &str) -> Cipher {
    Cipher::new(profile, &bytes(key), &bytes(SALT), &[]).unwrap()
}

#[test]
fn rtp_is_sealed_and_opened_as_in_rfc_7714() {
    let plain = bytes(RTP);
    let cases = [
        (
            Profile::AeadAes128Gcm,
            KEY_128,
            "8040f17b8041f8d35501a0b2\
             f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833\
             899d7f27beb16a9152cf765ee4390cce",
        ),
        (
            Profile::AeadAes256Gcm,
            KEY_256,
            "8040f17b8041f8d35501a0b2\
             32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b\
             7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ];
    for (profile, key, expected) in cases {
        let cipher = gcm(profile, key);
        let index = u64::from(u16::from_be_bytes([plain[2], plain[3]]));
        let mut out = [0; 100];
        let len = cipher.seal_rtp(&plain[..12], &plain[12..], index, &mut out).unwrap();
        assert_eq!(out[..len], bytes(expected), "{profile:?}");
        assert_eq!(cipher.open_rtp(&mut out[..len], 12, index), Ok(plain.len()));
        assert_eq!(out[..plain.len()], plain);
    }
}

#[test]
fn rtcp_is_sealed_and_opened_as_in_rfc_7714() {
    let plain = bytes(RTCP);
    let cipher = gcm(Profile::AeadAes128Gcm, KEY_128);
    let mut buffer = plain.clone();
    buffer.resize(plain.len() + RTCP_OVERHEAD_MAX, 0);
    let len = cipher.seal_rtcp(&mut buffer, plain.len(), 0x5d4).unwrap();
    let expected = "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32d\
        c676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4";
    assert_eq!(buffer[..len], bytes(expected));
    assert_eq!(cipher.open_rtcp(&mut buffer[..len]), Ok((plain.len(), 0x5d4)));
    assert_eq!(buffer[..plain.len()], plain);
}

/// RFC 3711 §B.2: with SSRC and index 0, the start of the key stream.
#[test]
fn counter_mode_gives_the_key_stream_of_rfc_3711() {
    let key = EncryptingKey::ctr(
        UnboundCipherKey::new(&AES_128, &bytes("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap(),
    )
    .unwrap();
    let salt = bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().unwrap();
    let mut stream = [0; 32];
    counter_mode(&key, &salt, [0; 4], 0, &mut stream).unwrap();
    assert_eq!(stream.to_vec(), bytes("E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB"));
}

fn ciphers() -> impl Strategy<Value = (Profile, SessionKeys)> {
    let profile = prop_oneof![
        Just(Profile::AeadAes256Gcm),
        Just(Profile::AeadAes128Gcm),
        Just(Profile::Aes128CmSha1_80)
    ];
    (profile, any::<[u8; 88]>()).prop_map(|(profile, material)| {
        let len = 2 * (profile.key_bytes() + profile.salt_bytes());
        (profile, SessionKeys::from_dtls(profile, &material[..len]).unwrap())
    })
}

proptest! {
    #[test]
    fn what_is_sealed_opens_and_what_is_altered_does_not(
        (_, keys) in ciphers(),
        payload in proptest::collection::vec(any::<u8>(), 0..200),
        index in 0u64..(1 << 48),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let mut header = [0x80; 12];
        header[2..4].copy_from_slice(&(index as u16).to_be_bytes());
        let mut out = vec![0; 12 + payload.len() + RTP_OVERHEAD_MAX];
        let len = keys.client.rtp.seal_rtp(&header, &payload, index, &mut out).unwrap();
        out.truncate(len);

        let mut altered = out.clone();
        altered[at.index(len)] ^= 1 << bit;
        prop_assert_eq!(keys.client.rtp.open_rtp(&mut altered, 12, index), Err(SrtpError::Forged));
        prop_assert_eq!(
            keys.client.rtp.open_rtp(&mut out.clone(), 12, index ^ (1 << 16)),
            Err(SrtpError::Forged),
            "another rollover counter"
        );
        prop_assert_eq!(keys.server.rtp.open_rtp(&mut out.clone(), 12, index), Err(SrtpError::Forged));

        let end = keys.client.rtp.open_rtp(&mut out, 12, index).unwrap();
        prop_assert_eq!(&out[12..end], &payload[..]);
    }

    #[test]
    fn rtcp_opens_unless_altered(
        (_, keys) in ciphers(),
        payload in proptest::collection::vec(any::<u8>(), 8..200),
        index in 0u32..(1 << 31),
        at in any::<prop::sample::Index>(),
    ) {
        let mut buffer = payload.clone();
        buffer.resize(payload.len() + RTCP_OVERHEAD_MAX, 0);
        let len = keys.server.rtcp.seal_rtcp(&mut buffer, payload.len(), index).unwrap();
        buffer.truncate(len);
        let mut altered = buffer.clone();
        altered[at.index(len)] ^= 0x40;
        prop_assert!(keys.server.rtcp.open_rtcp(&mut altered).is_err());
        prop_assert_eq!(keys.server.rtcp.open_rtcp(&mut buffer), Ok((payload.len(), index)));
        prop_assert_eq!(&buffer[..payload.len()], &payload[..]);
    }

    #[test]
    fn no_bytes_make_it_panic(
        (_, keys) in ciphers(),
        mut packet in proptest::collection::vec(any::<u8>(), 0..80),
        header_len in 0usize..100,
        index: u64,
    ) {
        prop_assert!(keys.client.rtp.open_rtp(&mut packet.clone(), header_len, index).is_err());
        prop_assert!(keys.client.rtcp.open_rtcp(&mut packet).is_err());
    }
}
