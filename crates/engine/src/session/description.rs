//! The session description that the voice node would send, if it sent any: `webrtc` wants to read
//! one, so it is written here, from the join's answer and the shared tables.

use voicehall_protocol::rtp::{
    EXT_AUDIO_LEVEL, EXT_AUDIO_LEVEL_URI, MID_MICROPHONE, OPUS_CLOCK_HZ, PT_OPUS, VOICE_SLOTS,
    voice_slot_ssrc,
};
use voicehall_protocol::voice::JoinAnswer;

use std::fmt::Write as _;
use std::net::SocketAddr;

/// Priority of a host candidate with the highest local preference (RFC 8445 §5.1.2.1).
const HOST_PRIORITY: u32 = (126 << 24) | (0xffff << 8) | 255;

/// The node's offer (RFC 8866, RFC 8829): an ICE-lite agent with a host candidate for each of
/// `addresses`, best first, that receives a microphone and sends the voice slots.
///
/// DTLS says `actpass`; the client takes the active role (RFC 5763 §5).
pub(super) fn offer(answer: &JoinAnswer, addresses: &[SocketAddr]) -> String {
    let mids = 0..=VOICE_SLOTS;
    let bundle: String = mids.clone().fold(String::new(), |mut text, mid| {
        let _ = write!(text, " {mid}");
        text
    });
    let mut sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
         a=group:BUNDLE{bundle}\r\na=ice-lite\r\na=fingerprint:sha-256 {}\r\n",
        answer.fingerprint
    );
    for mid in mids {
        media(&mut sdp, answer, addresses, mid);
    }
    sdp
}

fn media(sdp: &mut String, answer: &JoinAnswer, addresses: &[SocketAddr], mid: usize) {
    let direction = if mid == MID_MICROPHONE { "recvonly" } else { "sendonly" };
    // Writing to a string cannot fail.
    let _ = write!(
        sdp,
        "m=audio 9 UDP/TLS/RTP/SAVPF {PT_OPUS}\r\nc=IN IP4 0.0.0.0\r\n\
         a=mid:{mid}\r\na={direction}\r\na=rtcp-mux\r\n\
         a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=setup:actpass\r\n\
         a=extmap:{EXT_AUDIO_LEVEL} {EXT_AUDIO_LEVEL_URI}\r\n\
         a=rtpmap:{PT_OPUS} opus/{OPUS_CLOCK_HZ}/2\r\n\
         a=fmtp:{PT_OPUS} minptime=10;useinbandfec=1;usedtx=1\r\n",
        ufrag = answer.ufrag,
        password = answer.password,
    );
    if let Some(slot) = mid.checked_sub(MID_MICROPHONE + 1) {
        let ssrc = voice_slot_ssrc(slot);
        let _ = write!(sdp, "a=msid:voice slot{slot}\r\na=ssrc:{ssrc} cname:voicehall\r\n");
    }
    // Bundled: one transport, described once.
    if mid == MID_MICROPHONE {
        for (preference, address) in addresses.iter().enumerate() {
            let _ = write!(
                sdp,
                "a=candidate:{preference} 1 udp {} {} {} typ host\r\n",
                HOST_PRIORITY - ((preference as u32) << 8),
                address.ip(),
                address.port()
            );
        }
        sdp.push_str("a=end-of-candidates\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use voicehall_protocol::rtp::{SourceId, SourceKind};
    use voicehall_protocol::voice::Fingerprint;

    #[test]
    fn describes_the_microphone_and_every_slot_at_the_node() {
        let answer = JoinAnswer {
            addresses: vec![],
            ufrag: "frag".to_owned(),
            password: "pass".to_owned(),
            fingerprint: Fingerprint([7; 32]),
            source: SourceId::new(1, SourceKind::Microphone),
        };
        let sdp = offer(&answer, &["[2001:db8::1]:5000", "192.0.2.1:6000"].map(|text| text.parse().unwrap()));
        assert_eq!(sdp.matches("m=audio 9 ").count(), 1 + VOICE_SLOTS);
        assert_eq!(sdp.matches("a=recvonly").count(), 1);
        for slot in 0..VOICE_SLOTS {
            assert!(sdp.contains(&format!("a=ssrc:{} ", voice_slot_ssrc(slot))));
        }
        assert!(sdp.contains("a=group:BUNDLE 0 1 2 3 4 5 6 7 8\r\n"));
        assert!(sdp.contains("a=candidate:0 1 udp 2130706431 2001:db8::1 5000 typ host\r\n"));
        assert!(sdp.contains("a=candidate:1 1 udp 2130706175 192.0.2.1 6000 typ host\r\n"));
        assert!(sdp.contains(&format!("a=fingerprint:sha-256 {}\r\n", answer.fingerprint)));
        assert!(sdp.lines().all(|line| line.as_bytes()[1] == b'='), "{sdp}");
    }
}
