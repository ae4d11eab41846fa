//! Keys in the real app, while another program has the focus.

use serde_json::{Value, json};
use std::cell::Cell;
use voicehall_test_e2e::alignment::align;
use voicehall_test_e2e::app::App;
use voicehall_test_e2e::command_line::CommandLine;
use voicehall_test_e2e::keyboard::{Game, Keyboard, Press};
use voicehall_test_e2e::measure::{find, is_silent};
use voicehall_test_e2e::place::{Headset, Place};
use voicehall_test_e2e::rig::Rig;
use voicehall_test_e2e::speech::{Voice, Words, speak, words};
use voicehall_test_e2e::wait;
use voicehall_test_e2e::wav::RATE_HZ;
use voicehall_test_e2e::windows::Windows;

/// Silence between words: longer than a key's release delay and all that is on its way.
const PAUSE_S: f32 = 0.6;

/// When keys are pressed, in seconds after a word began: most people press first, some with the word,
/// some after it.
const PRESSED_S: [f32; 4] = [0.06, 0.0, -0.15, 0.03];

/// Talk spurts that are looked at, at least.
const SPURTS: usize = 100;

/// How far what is heard may be behind what is said.
const BEHIND_S: f32 = 0.4;

fn seconds(samples: usize) -> f32 {
    samples as f32 / RATE_HZ as f32
}

/// Says all the words, each with the next key. Returns what went into the microphone and what came out
/// of the other's speaker, and where in it the words begin.
fn say_with_keys(
    place: &Place<'_>,
    keyboard: &Keyboard,
    words: &Words,
    sets: [&Headset<'_>; 2],
    key_of: impl Fn(usize) -> (Press, f32),
) -> (Vec<Vec<f32>>, usize) {
    let recording = place.sound.record(&[&sets[0].microphone, &sets[1].speaker]);
    let from = recording.position();
    let mut speaking = place.sound.play(&words.speech, &sets[0].microphone);
    let onset = recording.wait_for_onset(0, from);
    for (number, word) in words.places.iter().enumerate() {
        let (key, pressed_s) = key_of(number);
        let begins_s = seconds(word.start - words.places[0].start);
        recording.wait_for(onset, begins_s + pressed_s);
        keyboard.act(key, true);
        recording.wait_for(onset, begins_s + seconds(word.len()));
        keyboard.act(key, false);
    }
    assert!(speaking.wait().success());
    let tracks = recording.stop();
    let start = usize::try_from(find(&words.speech.samples, &tracks[0]).delay).expect("it is recorded whole");
    (tracks, start)
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
    let speeches = [Voice::Alice, Voice::Bob, Voice::Carol].map(|voice| speak(&rig, voice));
    let words = words(&rig, &speeches, PAUSE_S);
    let game = Game::start(&place.screen);

    // Without a key, nothing is heard.
    let recording = place.sound.record(&[&bob_set.speaker]);
    let speaking = place.sound.play(&words.speech, &alice_set.microphone);
    recording.run_for(3.0);
    speaking.interrupt();
    recording.run_for(0.3);
    assert!(is_silent(&recording.stop()[0]));

    let keys = [Press::V, Press::CONTROL, Press::BACK];
    let mut clipped = Vec::new();
    for spoken in (0..SPURTS).step_by(words.places.len()) {
        // Only the first word's key cannot come before it: nobody knows yet when it is said.
        let pressed_s = |word: usize| if word == 0 { 0.06 } else { PRESSED_S[(spoken + word) % 4] };
        let key_of = |word: usize| (keys[(spoken + word) % keys.len()], pressed_s(word));
        let sets = [&alice_set, &bob_set];
        let (tracks, start) = say_with_keys(&place, &keyboard, &words, sets, key_of);
        // A key that is held repeats, as in any program.
        let got = game.got(2 * words.places.len());
        assert!(got.iter().all(|(what, _)| keys.contains(what)), "the game gets {got:?}");
        for key in keys {
            let mine: Vec<bool> =
                got.iter().filter(|(what, _)| *what == key).map(|(_, down)| *down).collect();
            assert_eq!((mine.first(), mine.last()), (Some(&true), Some(&false)), "the game gets {got:?}");
        }
        assert!(game.has_focus());
        for (number, word) in words.places.iter().enumerate() {
            let end = word.end + (BEHIND_S * RATE_HZ as f32) as usize;
            let heard = &tracks[1][start + word.start..(start + end).min(tracks[1].len())];
            let likeness = align(&words.speech.samples[word.clone()], heard);
            if !likeness.is_whole() {
                clipped.push((spoken + number, key_of(number), likeness));
            }
        }
    }
    assert!(clipped.is_empty(), "{} words are clipped: {clipped:#?}", clipped.len());
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

#[tokio::test]
async fn an_override_key_of_a_page_counts_once_however_long_it_is_held() {
    let rig = Rig::new();
    let place = Place::new(&rig);
    let set = Headset::new(&place.sound, "alice");
    let keyboard = Keyboard::new(&place.screen);
    let mut bob = CommandLine::join(&rig, "Bob", &place.server.invite(), []);
    let alice = place.browser(&rig, "Alice", &set).await;
    let windows = Windows::of(&place.screen);
    windows.activate(wait::until("the browser has a window", || windows.all().first().copied()));
    alice.talk_by("pushToTalk", &[], |(): ()| {}).await;
    // Once only: a page listens as soon as it asks for keys, and another press would do what it is for.
    let pressed = Cell::new(false);
    let press = |key| {
        if !pressed.replace(true) {
            keyboard.tap(key);
        }
    };
    alice.bind("talkOverride", &[Press::F8], press).await;
    alice.see("[data-testid='talk-mark'][data-on='false']").await;
    let speech = speak(&rig, Voice::Alice);
    let is_heard = |step: &Value| step["names"] == json!(["Alice"]);

    // While it is held it repeats, and the microphone stays open.
    let count = "window.repeats = 0;
        addEventListener('keydown', ({ repeat }) => { if (repeat) window.repeats++; });";
    alice.script(count, vec![]).await;
    let speaking = place.sound.play(&speech, &set.microphone);
    keyboard.act(Press::F8, true);
    bob.see("speaking", is_heard);
    wait::until_async("the key repeats", || async {
        (alice.script("return window.repeats >= 5", vec![]).await == json!(true)).then_some(())
    })
    .await;
    alice.see("[data-testid='talk-mark'][data-on='true']").await;
    keyboard.act(Press::F8, false);
    speaking.interrupt();

    // Nor does it shut it to let go.
    see_silence(&bob);
    let known = bob.steps().len();
    let speaking = place.sound.play(&speech, &set.microphone);
    bob.see_after(known, "speaking", is_heard);

    // The next press gives it back to the talk key, which nobody holds.
    keyboard.tap(Press::F8);
    alice.see("[data-testid='talk-mark'][data-on='false']").await;
    speaking.interrupt();
    see_silence(&bob);
    let known = bob.steps().len();
    assert!(place.sound.play(&speech, &set.microphone).wait().success());
    assert!(bob.steps().iter().skip(known).all(|step| step["type"] != "speaking"));
}

/// Waits until nobody speaks any more.
fn see_silence(listener: &CommandLine) {
    wait::until("nobody speaks", || {
        let steps = listener.steps();
        let last = steps.iter().rfind(|step| step["type"] == "speaking")?;
        (last["names"] == json!([])).then_some(())
    });
}
