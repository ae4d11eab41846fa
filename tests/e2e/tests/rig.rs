//! The rig itself: what the other tests measure with is measured here first.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;
use voicehall_test_e2e::capture::Capture;
use voicehall_test_e2e::measure::{delays_ms, find, gains, is_silent, median};
use voicehall_test_e2e::network::Network;
use voicehall_test_e2e::quality::pesq;
use voicehall_test_e2e::rig::Rig;
use voicehall_test_e2e::sound::SoundServer;
use voicehall_test_e2e::speech::{Voice, speak};
use voicehall_test_e2e::wait;

#[test]
fn pesq_tells_the_same_from_the_noisy_and_the_wrong() {
    let rig = Rig::new();
    let alice = speak(&rig, Voice::Alice).samples;
    let bob = speak(&rig, Voice::Bob).samples;
    let same = pesq(&rig, &alice, &alice);
    assert!(same > 4.6, "the same scores {same}");
    let noisy: Vec<f32> = alice.iter().zip(bob.iter().cycle()).map(|(a, b)| a + b * 0.2).collect();
    let disturbed = pesq(&rig, &alice, &noisy);
    assert!((1.0..3.0).contains(&disturbed), "with another voice behind it scores {disturbed}");
    let wrong = pesq(&rig, &alice, &bob);
    assert!(wrong < 1.5, "another's speech scores {wrong}");
}

/// Takes of which one must be whole.
const TAKES_MAX: usize = 5;

#[test]
fn a_microphone_and_a_speaker_are_recorded_on_one_clock() {
    let rig = Rig::new();
    let sound = SoundServer::start(&rig);
    let microphone = sound.microphone("alice-microphone");
    let speaker = sound.speaker("bob-speaker");
    let silent = sound.speaker("carol-speaker");
    let loopback = |name: &str| {
        let mut command = rig.realtime_command("pw-loopback");
        command.args(["--capture-props", "target.object=alice-microphone"]);
        command.args(["--playback-props", "target.object=bob-speaker", "--latency", "10"]);
        rig.start(command, name)
    };
    let _line = loopback("line");

    let speech = speak(&rig, Voice::Alice);
    let record = || {
        let recording = sound.record(&[&microphone, &speaker, &silent]);
        recording.run_for(0.5);
        assert!(sound.play(&speech, &microphone).wait().success());
        recording.run_for(0.5);
        <[Vec<f32>; 3]>::try_from(recording.stop()).expect("three tracks")
    };
    // A machine that stands still for a period of the sound server tears a hole into any recording.
    let unharmed = |[heard, played, _]: &[Vec<f32>; 3]| {
        find(&speech.samples, heard).correlation > 0.999 && pesq(&rig, heard, played) > 4.5
    };
    let [heard, played, nothing] =
        (0..TAKES_MAX).map(|_| record()).find(unharmed).expect("one take is whole");

    assert!((gains(&[&speech.samples], &played)[0] - 1.0).abs() < 0.01);
    assert!(is_silent(&nothing));
    let delay = median(&delays_ms(&heard, &played)).expect("speech was heard");
    assert!((0.0..200.0).contains(&delay), "{delay} ms");
}

#[test]
fn devices_come_and_go() {
    let rig = Rig::new();
    let sound = SoundServer::start(&rig);
    let mut speaker = sound.speaker("bob-speaker");
    speaker.unplug();
    speaker.replug();
    sound.set_default(&speaker);
}

#[test]
fn nothing_outlives_its_rig() {
    let rig = Rig::new();
    let folder = rig.path("").to_string_lossy().trim_end_matches('/').to_owned();
    // `setsid` leaves the process group, as browsers do with their children. Its parent may end
    // before the child has left, so the child says when it has.
    let left = rig.path("left");
    let mut command = rig.command("setsid");
    command.args(["--fork", "sh", "-c", "touch \"$0\"; sleep 1000"]).arg(&left);
    let mut leaver = rig.start(command, "leaver");
    assert!(leaver.wait().success());
    wait::until("the child has left the group", || left.exists().then_some(()));
    drop(leaver);
    assert!(anybody_in(&folder), "a process that left its group outlives its parent");
    drop(rig);
    assert!(!anybody_in(&folder), "but not its rig");
}

/// Whether a process runs with this folder in its environment.
fn anybody_in(folder: &str) -> bool {
    std::fs::read_dir("/proc").expect("there is /proc").flatten().any(|entry| {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(folder)
    })
}

#[test]
fn hosts_reach_the_server_alone_and_all_they_receive_is_captured() {
    let _rig = Rig::new();
    let network = Network::new();
    let (alice, bob) = (network.client(), network.client());
    let listener = network.server().run(|| TcpListener::bind("0.0.0.0:0").expect("a free port"));
    let port = listener.local_addr().expect("it is bound").port();
    let capture = Capture::start(&bob);
    let mut to_bob = bob.run(|| TcpStream::connect((bob.server, port)).expect("the server is reached"));
    listener.accept().expect("bob calls").0.write_all(b"you are 10.1.2.3, bob").expect("bob listens");
    let mut text = String::new();
    to_bob.read_to_string(&mut text).expect("the server speaks");

    let to_alice = SocketAddr::from((alice.address, port));
    let reached = bob.run(|| TcpStream::connect_timeout(&to_alice, Duration::from_millis(300)));
    assert!(reached.is_err(), "hosts see only the server");
    bob.pull_cable();
    let to_server = SocketAddr::from((bob.server, port));
    let reached = bob.run(|| TcpStream::connect_timeout(&to_server, Duration::from_millis(300)));
    assert!(reached.is_err(), "a pulled cable carries nothing");
    bob.replug_cable();
    wait::until("the cable carries again", || {
        bob.run(|| TcpStream::connect_timeout(&to_server, Duration::from_millis(300))).ok()
    });

    let captured = capture.stop();
    assert!(captured.count(&bob.address.octets()) > 0);
    // Once in its frame, once in its stream.
    assert_eq!(captured.count(b"10.1.2.3, bob"), 2);
}
