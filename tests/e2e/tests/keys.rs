//! Keys in the real app, while another program has the focus.

use voicehall_test_e2e::app::App;
use voicehall_test_e2e::keyboard::{Game, Keyboard, Press};
use voicehall_test_e2e::measure::{find, is_silent, level_dbfs, median};
use voicehall_test_e2e::place::{Headset, Place};
use voicehall_test_e2e::rig::Rig;
use voicehall_test_e2e::sound::Recording;
use voicehall_test_e2e::speech::{Speech, Voice, speak, word};
use voicehall_test_e2e::wav::RATE_HZ;

/// Length of the word that is said, and how much of it is over when the key is pressed.
const WORD_S: f32 = 0.6;
const BEFORE_KEY_S: f32 = 0.06;

/// How alike the first 100 ms of the word, the last, and half of all must be where they are heard. A
/// codec keeps no waveform of hisses, and a jitter buffer that catches up on pre-roll cuts single pitch
/// periods out of the middle.
const ALIKE: f32 = 0.75;

/// What is this much quieter than the loudest part is a pause within the word.
const PAUSE_DB: f32 = 15.0;

/// Says the word and presses the key a little late; returns what went in and what came out.
fn say_late(
    place: &Place<'_>,
    keyboard: &Keyboard,
    what: Press,
    word: &Speech,
    sets: [&Headset<'_>; 2],
) -> [Vec<f32>; 2] {
    let recording: Recording = place.sound.record(&[&sets[0].microphone, &sets[1].speaker]);
    let start = recording.position();
    let mut speaking = place.sound.play(word, &sets[0].microphone);
    recording.wait_for_part(0, start, BEFORE_KEY_S);
    keyboard.act(what, true);
    recording.wait_for_part(0, start, WORD_S);
    keyboard.act(what, false);
    assert!(speaking.wait().success());
    recording.run_for(0.5);
    let tracks = recording.stop();
    tracks.try_into().expect("there are two tracks")
}

/// How alike each 100 ms of the word are to what was heard; the pauses in it are left out.
fn likeness(said: &[f32], heard: &[f32]) -> Vec<f32> {
    let part = RATE_HZ as usize / 10;
    let onset = said.iter().position(|sample| sample.abs() > 0.02).expect("the word was said");
    let word = &said[onset..][..(WORD_S * RATE_HZ as f32) as usize];
    let loudest = word.chunks_exact(part).map(level_dbfs).fold(f32::MIN, f32::max);
    let sounding = word.chunks_exact(part).filter(|part| level_dbfs(part) > loudest - PAUSE_DB);
    sounding.map(|part| find(part, heard).correlation).collect()
}

fn is_whole(alike: &[f32]) -> bool {
    let parts = [alike.first().copied(), median(alike), alike.last().copied()];
    parts.into_iter().all(|alike| alike.is_some_and(|alike| alike >= ALIKE))
}

async fn talking_by_keys(rig: &Rig, place: &Place<'_>, set: &Headset<'_>, keyboard: &Keyboard) -> App {
    let alice = place.app(rig, "Alice", set).await;
    alice.talk_by("pushToTalk", &[Press::V, Press::CONTROL, Press::BACK], |what| keyboard.tap(what)).await;
    alice
}

#[tokio::test]
async fn push_to_talk_works_from_within_a_game_which_gets_the_keys_too() {
    let rig = Rig::new();
    let place = Place::new(&rig);
    let [alice_set, bob_set] = ["alice", "bob"].map(|who| Headset::new(&place.sound, who));
    let keyboard = Keyboard::new(&place.screen);
    let _bob = place.app(&rig, "Bob", &bob_set).await;
    let _alice = talking_by_keys(&rig, &place, &alice_set, &keyboard).await;
    let word = word(&rig, &speak(&rig, Voice::Alice), 0.5, WORD_S);
    let game = Game::start(&place.screen);

    // Without a key, nothing is heard.
    let recording = place.sound.record(&[&bob_set.speaker]);
    assert!(place.sound.play(&word, &alice_set.microphone).wait().success());
    recording.run_for(0.3);
    assert!(is_silent(&recording.stop()[0]));

    for what in [Press::V, Press::CONTROL, Press::BACK] {
        // Again where a busy machine lost some of it.
        for attempt in 0.. {
            let sets = [&alice_set, &bob_set];
            let [said, heard] = say_late(&place, &keyboard, what, &word, sets);
            // A key that is held repeats, as in any program.
            let got = game.got(2);
            assert!(got.iter().all(|(pressed, _)| *pressed == what), "the game gets {got:?}");
            assert_eq!((got[0].1, got[got.len() - 1].1), (true, false), "the game gets {got:?}");
            assert!(game.has_focus());
            let alike = likeness(&said, &heard);
            println!("{what:?}: heard as {alike:.2?}");
            if is_whole(&alike) {
                break;
            }
            assert!(attempt < 5, "{what:?}: heard as {alike:.2?}");
        }
    }
}

#[tokio::test]
async fn who_speaks_without_the_key_is_told() {
    let rig = Rig::new();
    let place = Place::new(&rig);
    let set = Headset::new(&place.sound, "alice");
    let keyboard = Keyboard::new(&place.screen);
    let alice = talking_by_keys(&rig, &place, &set, &keyboard).await;
    let speech = speak(&rig, Voice::Alice);
    let _speaking = place.sound.play(&speech, &set.microphone);
    alice.see("[data-testid=toast].unheard").await;
}
