//! Nobody learns anybody's address: of everything that reaches one client, no byte is of another's.

use std::net::Ipv4Addr;
use voicehall_test_e2e::capture::{Capture, Captured};
use voicehall_test_e2e::command_line::{CommandLine, text};
use voicehall_test_e2e::network::Network;
use voicehall_test_e2e::rig::Rig;
use voicehall_test_e2e::server::Server;
use voicehall_test_e2e::speech::{Voice, speak};

/// The first four bytes of every STUN message's cookie (RFC 8489), with which addresses are
/// masked.
const STUN_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// The ways in which an address may be written.
fn spellings(address: Ipv4Addr) -> Vec<(&'static str, Vec<u8>)> {
    let octets = address.octets();
    let reversed: Vec<u8> = octets.iter().rev().copied().collect();
    let masked: Vec<u8> = octets.iter().zip(STUN_COOKIE).map(|(byte, mask)| byte ^ mask).collect();
    let hex = octets.map(|byte| format!("{byte:02x}")).concat();
    let colons = format!("{:02x}{:02x}:{:02x}{:02x}", octets[0], octets[1], octets[2], octets[3]);
    let dashes = address.to_string().replace('.', "-");
    vec![
        ("text", address.to_string().into_bytes()),
        ("text with dashes", dashes.into_bytes()),
        ("binary", octets.to_vec()),
        ("binary, the other way round", reversed),
        ("masked as in STUN", masked),
        ("hex", hex.into_bytes()),
        ("IPv6-mapped text", colons.into_bytes()),
        ("a decimal number", u32::from(address).to_string().into_bytes()),
    ]
}

fn assert_absent(captured: &Captured, whose: &str, address: Ipv4Addr) {
    for (spelling, bytes) in spellings(address) {
        assert_eq!(captured.count(&bytes), 0, "{whose}'s address {address} was sent, as {spelling}");
    }
}

#[test]
fn no_byte_that_reaches_one_client_tells_the_address_of_another() {
    let rig = Rig::new();
    let network = Network::new();
    let (near, far) = (network.client(), network.client());
    let server = Server::start_on(&rig, &network, &[&near, &far]);
    let speech = speak(&rig, Voice::Alice);
    let heard = rig.path("heard.wav");

    // Bob is there before Alice comes and after she leaves, and hears her in between.
    let capture = Capture::start(&far);
    let recording = ["--record", text(&heard)];
    let mut bob = CommandLine::join_from(&rig, &far, "Bob", &server.invite_at(far.server), recording);
    bob.see_connected();
    let playing = ["--raw", "--play", text(&speech.path)];
    let mut alice = CommandLine::join_from(&rig, &near, "Alice", &server.invite_at(near.server), playing);
    bob.see("speaking", |step| step["names"] == serde_json::json!(["Alice"]));
    assert!(alice.process().wait().success());
    bob.see_after(bob.steps().len() - 1, "present", |step| step["names"] == serde_json::json!(["Bob"]));
    bob.leave();
    let captured = capture.stop();

    // What was captured is the whole call, and what is looked for would be found in it.
    assert!(captured.udp_bytes() > 50_000, "{} bytes of media", captured.udp_bytes());
    assert!(captured.count(b"Alice") > 0, "the gateway names Alice");
    for (spelling, bytes) in spellings(far.address).into_iter().filter(|(name, _)| *name == "binary") {
        assert!(captured.count(&bytes) > 0, "Bob's own address is there, as {spelling}");
    }
    assert!(captured.count(far.server.to_string().as_bytes()) > 0, "the server tells its own address");
    assert_absent(&captured, "Alice", near.address);
}
