//! Nobody learns anybody's address: of everything that reaches one client, no byte is of another's.

use std::net::Ipv4Addr;
use voicehall_sfu::stun::Message;
use voicehall_test_e2e::capture::{Capture, Captured};
use voicehall_test_e2e::command_line::{CommandLine, text};
use voicehall_test_e2e::listener::Listener;
use voicehall_test_e2e::network::Network;
use voicehall_test_e2e::rig::Rig;
use voicehall_test_e2e::server::Server;
use voicehall_test_e2e::speech::{Voice, speak};

/// With it STUN masks addresses (RFC 8489 §14.2).
const STUN_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// The ways in which an address may be written.
fn spellings(address: Ipv4Addr) -> Vec<(&'static str, Vec<u8>)> {
    let octets = address.octets();
    let hex = octets.map(|byte| format!("{byte:02x}")).concat();
    let colons = format!("{:02x}{:02x}:{:02x}{:02x}", octets[0], octets[1], octets[2], octets[3]);
    let dashes = address.to_string().replace('.', "-");
    let text = [
        ("text", address.to_string()),
        ("text with dashes", dashes),
        ("hex", hex),
        ("IPv6-mapped text", colons),
        ("a decimal number", u32::from(address).to_string()),
    ];
    let mut spellings: Vec<_> = text.map(|(name, text)| (name, text.into_bytes())).into();
    spellings.extend(orders(octets).map(|bytes| ("binary", bytes)));
    spellings.extend(orders(masked(address, STUN_COOKIE)).map(|bytes| ("masked as in STUN", bytes)));
    spellings
}

/// The ways in which an address may be written in this datagram: STUN masks the last bytes of an
/// IPv6 address, which an IPv4 address can be mapped to, with the last bytes of its header.
fn spellings_in(datagram: &[u8], address: Ipv4Addr) -> Vec<(&'static str, Vec<u8>)> {
    let mut found = spellings(address);
    if let Some(header) = datagram.get(4..20).filter(|_| Message::is(datagram)) {
        let masks = header.chunks_exact(4).map(|mask| mask.try_into().expect("four bytes"));
        found.extend(masks.flat_map(|mask| orders(masked(address, mask))).map(|bytes| ("masked", bytes)));
    }
    found
}

fn masked(address: Ipv4Addr, mask: [u8; 4]) -> [u8; 4] {
    (u32::from(address) ^ u32::from_be_bytes(mask)).to_be_bytes()
}

/// Bytes in both orders.
fn orders(bytes: [u8; 4]) -> [Vec<u8>; 2] {
    let reversed = bytes.into_iter().rev().collect();
    [bytes.into(), reversed]
}

fn assert_absent(captured: &Captured, whose: &str, address: Ipv4Addr) {
    for (spelling, bytes) in spellings(address) {
        assert_eq!(captured.count(&bytes), 0, "{whose}'s address {address} was sent, as {spelling}");
    }
}

/// The datagrams in which an address stands in any spelling.
fn telling(datagrams: &[Vec<u8>], address: Ipv4Addr) -> Vec<&Vec<u8>> {
    let tells = |datagram: &&Vec<u8>| {
        spellings_in(datagram, address)
            .iter()
            .any(|(_, bytes)| datagram.windows(bytes.len()).any(|window| window == bytes))
    };
    datagrams.iter().filter(tells).collect()
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
    let own = captured.count(&far.address.octets());
    assert!(own > 0, "the frames' headers tell Bob's own address");
    assert!(captured.count(far.server.to_string().as_bytes()) > 0, "the server tells its own address");
    assert_absent(&captured, "Alice", near.address);
}

/// What is encrypted on the way to Carol, Carol herself can read.
#[test]
fn nothing_that_one_client_decrypts_tells_the_address_of_another() {
    let rig = Rig::new();
    let network = Network::new();
    let (near, far) = (network.client(), network.client());
    let server = Server::start_on(&rig, &network, &[&near, &far]);
    let speech = speak(&rig, Voice::Alice);

    let carol = Listener::join_from(&far, &server, "Carol");
    let playing = ["--raw", "--play", text(&speech.path)];
    let mut alice = CommandLine::join_from(&rig, &near, "Alice", &server.invite_at(near.server), playing);
    assert!(alice.process().wait().success());
    let heard = carol.leave();

    // It is the whole call, and what is looked for would be found in it.
    assert!(heard.voice > 100 && heard.reports > 0 && heard.refused == 0, "{heard:?}");
    let own = telling(&heard.datagrams, far.address);
    assert!(
        !own.is_empty() && own.iter().all(|datagram| Message::is(datagram)),
        "STUN tells her own address"
    );
    assert_eq!(telling(&heard.datagrams, near.address), [&[0_u8; 0]; 0], "Alice's address {}", near.address);
}
