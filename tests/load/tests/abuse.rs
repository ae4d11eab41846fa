//! A node under abuse from loopback, with a call in progress that must go on.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};
use voicehall_server::voice::JoinError;
use voicehall_test_load::Rig;
use voicehall_test_peer::{Peer, State};

const FLOOD: usize = 10_000;
/// As many datagrams between two frames of the call as its socket's buffer holds by default.
const BURST: usize = 100;

/// Resident memory of this process in MiB.
fn resident_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1024
}

/// Speaks until a packet arrives at the other side.
fn assert_heard(rig: &mut Rig) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while rig.peers[1].poll_voice().is_some() {}
    loop {
        rig.peers[0].send_voice(&[1; 80], 30, Instant::now()).expect("the speaker is still connected");
        let heard = |rig: &mut Rig| rig.peers[1].poll_voice().is_some();
        if rig.run_until(Duration::from_millis(200), heard).expect("sockets") {
            return;
        }
        assert!(Instant::now() < deadline, "the call did not go on");
    }
}

fn stranger() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")
}

#[test]
fn a_call_goes_on_under_half_open_connections_and_floods() {
    let mut rig = Rig::start().expect("a node");
    rig.add(2).expect("a call");
    assert_heard(&mut rig);
    let memory = resident_mib();

    // Joins that never connect, each with a good first check from a port of its own.
    let (mut opened, mut refused) = (0, 0);
    for count in 0..FLOOD {
        match rig.join() {
            Ok(answer) => {
                opened += 1;
                let mut peer = Peer::new(rig.peer_config(&answer), Instant::now());
                peer.handle_timeout(Instant::now());
                let check = peer.poll_datagram().expect("a check");
                // A flood may be lost on the way.
                let _ = stranger().send_to(&check, rig.address);
            }
            Err(JoinError::Full) => refused += 1,
            Err(error) => panic!("{error}"),
        }
        if count % BURST == 0 {
            rig.run(Duration::ZERO).expect("sockets");
        }
    }
    assert!(opened > 0 && refused > 0, "{opened} opened, {refused} refused");
    assert_heard(&mut rig);

    // Garbage of every kind from ports that nobody knows.
    for count in 0..FLOOD {
        let mut datagram = [count as u8; 200];
        datagram[0] = [0, 22, 0x80, 0x81, 0xff][count % 5];
        let _ = stranger().send_to(&datagram[..20 + count % 180], rig.address);
        if count % BURST == 0 {
            rig.run(Duration::ZERO).expect("sockets");
        }
    }
    assert_heard(&mut rig);

    // The call's own packets again and again, from its own address.
    rig.peers[0].send_voice(&[2; 80], 30, Instant::now()).expect("connected");
    let replayed = rig.peers[0].poll_datagram().expect("it was queued");
    for count in 0..FLOOD {
        let _ = rig.sockets[0].send(&replayed);
        if count % BURST == 0 {
            rig.run(Duration::ZERO).expect("sockets");
        }
    }
    assert_heard(&mut rig);

    let stats = rig.wait(rig.node.stats())[0];
    assert!(stats.dropped_unknown > 0 && stats.dropped_replayed > 0, "{stats:?}");
    assert!(rig.peers.iter().all(|peer| peer.state() == State::Connected));
    let grown = resident_mib().saturating_sub(memory);
    assert!(grown < 200, "{grown} MiB more than before");
    rig.wait(rig.node.stop());
    // Checks that go to a closed port meanwhile must not hide the goodbye.
    for (peer, socket) in rig.peers.iter_mut().zip(&rig.sockets) {
        peer.set_consent(true, Instant::now());
        peer.handle_timeout(Instant::now());
        let check = peer.poll_datagram().expect("a check");
        let _ = socket.send(&check);
    }
    let closed = |rig: &mut Rig| rig.peers.iter().all(|peer| peer.state() == State::Closed);
    assert!(rig.run_until(Duration::from_secs(10), closed).expect("sockets"), "they are told of the end");
}
