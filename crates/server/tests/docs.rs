//! The documents say what the code does.

use serde::Serialize;
use serde::de::DeserializeOwned;
use voicehall_protocol::gateway::{ClientMessage, CloseCode, ServerMessage};
use voicehall_protocol::rest::{ErrorBody, GuestRequest, SignedIn};
use voicehall_protocol::voice::{JoinAnswer, JoinRequest};
use voicehall_protocol::{rtp, video};
use voicehall_server::config;

const OPERATIONS: &str = include_str!("../../../docs/operations.md");
const PROTOCOL: &str = include_str!("../../../docs/protocol.md");

#[test]
fn the_manual_lists_every_key() {
    let start = OPERATIONS.find("<!-- keys").expect("the table's start");
    let table = &OPERATIONS[start..OPERATIONS.find("<!-- end of keys").expect("the table's end")];
    let table = table.split_once('\n').unwrap().1;
    let wanted = config::markdown();
    assert!(table == wanted, "put the output of `voicehall-server config keys` there:\n{wanted}");
}

/// An example is of the protocol when it is read and written back as it was.
fn example<T: DeserializeOwned + Serialize>(text: &str) {
    let read: T = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"));
    let again = serde_json::to_value(&read).unwrap();
    assert_eq!(again, serde_json::from_str::<serde_json::Value>(text).unwrap());
}

#[test]
fn every_example_is_of_the_protocol() {
    let mut count = 0;
    for block in PROTOCOL.split("```json ").skip(1) {
        let (what, rest) = block.split_once('\n').unwrap();
        let text = rest.split("```").next().unwrap();
        match what {
            "client" => example::<ClientMessage>(text),
            "server" => example::<ServerMessage>(text),
            "GuestRequest" => example::<GuestRequest>(text),
            "SignedIn" => example::<SignedIn>(text),
            "ErrorBody" => example::<ErrorBody>(text),
            "JoinRequest" => example::<JoinRequest>(text),
            "JoinAnswer" => example::<JoinAnswer>(text),
            "VideoClient" => example::<video::ClientMessage>(text),
            "VideoServer" => example::<video::ServerMessage>(text),
            other => panic!("an example of an unknown kind: {other}"),
        }
        count += 1;
    }
    assert!(count >= 22, "{count} examples");
}

#[test]
fn every_error_of_the_control_socket_is_explained() {
    use video::ErrorCode as Code;
    for code in [
        Code::Malformed,
        Code::BadCredentials,
        Code::OutOfOrder,
        Code::RateLimited,
        Code::SessionEnded,
        Code::Replaced,
        Code::TooSlow,
    ] {
        let row = format!("| `{}` |", serde_json::to_value(code).unwrap().as_str().unwrap());
        assert!(PROTOCOL.contains(&row), "no row {row}");
    }
}

#[test]
fn every_close_code_and_constant_is_explained() {
    for code in CloseCode::ALL {
        let row = format!("| {} | `{}` |", *code as u16, code.name());
        assert!(PROTOCOL.contains(&row), "no row {row}");
    }
    let constants = [
        format!("payload type {}", rtp::PT_OPUS),
        format!("id {}", rtp::EXT_AUDIO_LEVEL),
        format!("`{:#010x}`", rtp::VOICE_SLOT_SSRC),
        format!("{} voice slots", rtp::VOICE_SLOTS),
        format!("{} bytes", rtp::PACKET_BYTES_MAX),
        format!("payload type {}", rtp::PT_H264),
        format!("payload type {}", rtp::PT_AV1),
        format!("payload types {} and {}", rtp::PT_H264_RTX, rtp::PT_AV1_RTX),
        format!("{} video slots", rtp::VIDEO_SLOTS),
        format!("`{:#010x}`", rtp::VIDEO_SLOT_SSRC),
        format!("`{:#010x}`", rtp::VIDEO_SLOT_RTX_SSRC),
        format!("`{:#010x}`", rtp::SCREEN_AUDIO_SLOT_SSRC),
        format!("A camera is media line {}, a screen line {}", rtp::MID_CAMERA, rtp::MID_SCREEN),
        format!("`{}`", video::VIDEO_PATH),
        format!("{} bytes from\nthe client", video::MESSAGE_BYTES_MAX),
    ];
    for constant in constants {
        assert!(PROTOCOL.contains(&constant), "{constant}");
    }
}
