//! Calls between `voicehall-cli`s through a real server: what is said is heard.

use serde_json::{Value, json};
use voicehall_test_e2e::command_line::{CommandLine, text};
use voicehall_test_e2e::machine::Machine;
use voicehall_test_e2e::measure::{gains, is_silent};
use voicehall_test_e2e::network::Network;
use voicehall_test_e2e::quality::{Takes, pesq};
use voicehall_test_e2e::rig::Rig;
use voicehall_test_e2e::server::Server;
use voicehall_test_e2e::speech::{Voice, speak};
use voicehall_test_e2e::wav;

#[test]
fn what_one_says_another_hears_unharmed() {
    let mut takes = Takes::allowing(1);
    while !takes.are_enough() {
        let machine = Machine::watch();
        let quality = file_to_file();
        let stalled = machine.stalled();
        println!("PESQ, file to file: {quality:.2}; the machine stood still for {stalled:.1?}");
        takes.add(quality, stalled);
    }
    takes.judge("file to file");
}

/// PESQ of what one says from a file and another records.
fn file_to_file() -> f32 {
    let rig = Rig::new();
    let server = Server::start(&rig);
    let speech = speak(&rig, Voice::Alice);
    let heard = rig.path("heard.wav");
    let mut bob = CommandLine::join(&rig, "Bob", &server.invite(), ["--record", text(&heard)]);
    bob.see_connected();
    let mut alice =
        CommandLine::join(&rig, "Alice", &server.invite(), ["--raw", "--play", text(&speech.path)]);
    alice.see_connected();
    bob.see_present(&["Alice", "Bob"]);
    bob.see("speaking", |step| step["names"] == json!(["Alice"]));
    assert!(alice.process().wait().success(), "Alice leaves when her file is over");
    bob.see_present(&["Bob"]);
    bob.leave();

    let recorded = wav::read(&heard).1.remove(0);
    pesq(&rig, &speech.samples, &recorded)
}

#[test]
fn three_people_who_speak_at_once_are_all_heard() {
    let rig = Rig::new();
    let server = Server::start(&rig);
    let (mix, each) = (rig.path("mix.wav"), rig.make_folder("each"));
    let recording = ["--record", text(&mix), "--per-user", text(&each)];
    let mut listener = CommandLine::join(&rig, "Listener", &server.invite(), recording);
    listener.see_connected();
    let voices = [Voice::Alice, Voice::Bob, Voice::Carol];
    let speeches = voices.map(|voice| speak(&rig, voice));
    let mut speakers: Vec<_> = voices
        .iter()
        .zip(&speeches)
        .map(|(voice, speech)| {
            let options = ["--raw", "--play", text(&speech.path)];
            CommandLine::join(&rig, &format!("{voice:?}"), &server.invite(), options)
        })
        .collect();
    listener.see("speaking", |step| step["names"].as_array().is_some_and(|names| names.len() == 3));
    for speaker in &mut speakers {
        assert!(speaker.process().wait().success());
    }
    listener.leave();

    let recorded = wav::read(&mix).1.remove(0);
    let mixed = gains(&speeches.each_ref().map(|speech| speech.samples.as_slice()), &recorded);
    println!("gains of three voices at once: {mixed:.2?}");
    assert!(mixed.iter().all(|gain| (0.7..1.2).contains(gain)), "{mixed:?}");
    for (voice, speech) in voices.iter().zip(&speeches) {
        let own = wav::read(&each.join(format!("{voice:?}.wav"))).1.remove(0);
        let gain = gains(&[&speech.samples], &own)[0];
        assert!((0.7..1.2).contains(&gain), "{voice:?}'s own file has a gain of {gain}");
    }
}

#[test]
fn a_call_comes_back_by_itself_when_the_network_does() {
    let rig = Rig::new();
    let network = Network::new();
    let (near, far) = (network.client(), network.client());
    let server = Server::start_on(&rig, &network, &[&near, &far]);
    let speech = speak(&rig, Voice::Alice);
    let heard = rig.path("heard.wav");
    let playing = ["--raw", "--loop", "--play", text(&speech.path)];
    let mut alice = CommandLine::join_from(&rig, &near, "Alice", &server.invite_at(near.server), playing);
    alice.see_connected();
    let recording = ["--record", text(&heard)];
    let mut bob = CommandLine::join_from(&rig, &far, "Bob", &server.invite_at(far.server), recording);
    let hears_alice = |step: &Value| step["names"] == json!(["Alice"]);
    bob.see("speaking", hears_alice);

    far.pull_cable();
    let known = bob.steps().len();
    bob.see_after(known, "speaking", |step| step["names"] == json!([]));
    far.replug_cable();
    let known = bob.steps().len();
    bob.see_after(known, "speaking", hears_alice);
    bob.leave();
    alice.leave();
    let recorded = wav::read(&heard).1.remove(0);
    assert!(!is_silent(&recorded));
}

#[test]
fn a_call_comes_back_by_itself_when_the_server_does() {
    let rig = Rig::new();
    let mut server = Server::start(&rig);
    let speech = speak(&rig, Voice::Alice);
    let playing = ["--raw", "--loop", "--play", text(&speech.path)];
    let mut alice = CommandLine::join(&rig, "Alice", &server.invite(), playing);
    alice.see_connected();
    let mut bob = CommandLine::join(&rig, "Bob", &server.invite(), []);
    let hears_alice = |step: &Value| step["names"] == json!(["Alice"]);
    bob.see("speaking", hears_alice);
    let known = bob.steps().len();
    server.restart(&rig);
    bob.see_after(known, "speaking", |step| step["names"] == json!([]));
    bob.see_after(known, "connected", |_| true);
    let known = bob.steps().len();
    bob.see_after(known, "speaking", hears_alice);
    bob.leave();
    alice.leave();
}
