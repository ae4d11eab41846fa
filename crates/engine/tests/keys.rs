//! Keys, from the hand to the other end of a call.

mod common;

use common::signal::{hiss, likeness, tone};
use common::{Node, Person, raw, until};
use std::sync::Arc;
use voicehall_device::keys::{HotkeySource, Key, VirtualKeys};
use voicehall_protocol::engine::{AudioSettings, Command, Event, Gate, KeyAccess, KeyAction, KeyBinding};

/// Samples of a millisecond.
const MS: usize = 48;

fn key(id: &str) -> Key {
    id.parse().unwrap()
}

/// Somebody with a keyboard, in this talking mode. V talks, O overrides it, M with Control mutes.
fn person(gate: Gate) -> (Person, Arc<VirtualKeys>) {
    let keys = Arc::new(VirtualKeys::default());
    let source: Arc<dyn HotkeySource> = keys.clone();
    let person = Person::with_keys(AudioSettings { gate, ..raw() }, Some(source));
    let binding = |action, keys: &[&str]| {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        KeyBinding { action, keys }
    };
    let bindings = vec![
        binding(KeyAction::Talk, &["KeyV"]),
        binding(KeyAction::TalkOverride, &["KeyO"]),
        binding(KeyAction::Mute, &["ControlLeft", "KeyM"]),
    ];
    person.engine.send(Command::BindKeys { bindings }).unwrap();
    (person, keys)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_that_begins_before_the_key_and_ends_after_it_is_heard_whole() {
    let node = Node::start().await;
    let (mut speaker, keys) = person(Gate::PushToTalk { release_ms: 200 });
    speaker.join(&node).await;
    let listener = Person::joined(&node).await;
    let said = hiss(700 * MS);
    let (word, unsaid) = said.split_at(500 * MS);
    for _ in 0..3 {
        listener.sound.forget();
        speaker.sound.say(word);
        until(|| speaker.sound.left_to_say() <= word.len() - 60 * MS).await;
        keys.key(key("KeyV"), true);
        until(|| speaker.sound.left_to_say() <= 60 * MS).await;
        keys.key(key("KeyV"), false);
        until(|| listener.sound.heard().len() >= 1_500 * MS).await;
        let heard = listener.sound.heard();
        // What a codec leaves of a hiss is alike to 0.7 and more.
        let parts: Vec<f32> = word.chunks_exact(100 * MS).map(|part| likeness(part, &heard)).collect();
        assert!(parts.iter().all(|alike| *alike > 0.6), "its parts are heard as {parts:.2?}");
        assert!(likeness(unsaid, &heard) < 0.5, "{} tells nothing", likeness(unsaid, &heard));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_held_while_joining_talks_and_its_release_ends_it() {
    let node = Node::start().await;
    let (mut speaker, keys) = person(Gate::PushToTalk { release_ms: 0 });
    keys.key(key("KeyV"), true);
    speaker.join(&node).await;
    speaker.sound.say(&tone(300.0, 60_000 * MS));
    speaker.speaks(true).await;
    keys.key(key("KeyV"), false);
    speaker.speaks(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mode_does_with_the_key_what_it_says() {
    let node = Node::start().await;
    let (mut speaker, keys) = person(Gate::PushToMute { release_ms: 0 });
    speaker.join(&node).await;
    speaker.sound.say(&tone(300.0, 60_000 * MS));
    speaker.speaks(true).await;
    keys.key(key("KeyV"), true);
    speaker.speaks(false).await;
    keys.key(key("KeyV"), false);
    speaker.speaks(true).await;

    let settings = AudioSettings { gate: Gate::Toggle { release_ms: 0 }, ..raw() };
    speaker.engine.send(Command::SetAudio { settings }).unwrap();
    speaker.speaks(false).await;
    for on in [true, false, true] {
        keys.key(key("KeyV"), true);
        keys.key(key("KeyV"), false);
        speaker.speaks(on).await;
    }
    // The next call begins with it off.
    speaker.engine.send(Command::Leave {}).unwrap();
    speaker.join(&node).await;
    for _ in 0..2 {
        let sending = speaker.event(|event| match event {
            Event::Input { sending, .. } => Some(*sending),
            _ => None,
        });
        assert!(!sending.await);
    }
}

/// Presses the override, and waits until the engine says that it is on, or off.
async fn press_override(person: &mut Person, keys: &VirtualKeys, wanted: bool) {
    keys.key(key("KeyO"), true);
    keys.key(key("KeyO"), false);
    assert_eq!(overridden(person).await, wanted);
}

/// What the engine says next of the override.
async fn overridden(person: &mut Person) -> bool {
    person
        .event(|event| match event {
            Event::TalkOverride { on } => Some(*on),
            _ => None,
        })
        .await
}

/// Whoever mutes is not heard, and is again without another press.
async fn mute_and_unmute(person: &mut Person) {
    for muted in [true, false] {
        person.engine.send(Command::SetMuted { muted, deafened: false }).unwrap();
        person.speaks(!muted).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_override_keeps_the_microphone_open_until_it_is_pressed_again_or_the_call_ends() {
    let node = Node::start().await;
    let (mut speaker, keys) = person(Gate::PushToTalk { release_ms: 0 });
    // Without a call there is nothing to keep open.
    speaker.engine.send(Command::TalkOverride { on: true }).unwrap();
    assert!(!overridden(&mut speaker).await);
    speaker.join(&node).await;
    speaker.sound.say(&tone(300.0, 60_000 * MS));
    press_override(&mut speaker, &keys, true).await;
    speaker.speaks(true).await;
    keys.key(key("KeyV"), true);
    keys.key(key("KeyV"), false);
    mute_and_unmute(&mut speaker).await;
    press_override(&mut speaker, &keys, false).await;
    speaker.speaks(false).await;

    let settings = AudioSettings { gate: Gate::PushToMute { release_ms: 0 }, ..raw() };
    speaker.engine.send(Command::SetAudio { settings }).unwrap();
    speaker.speaks(true).await;
    press_override(&mut speaker, &keys, true).await;
    keys.key(key("KeyV"), true);
    mute_and_unmute(&mut speaker).await;
    press_override(&mut speaker, &keys, false).await;
    speaker.speaks(false).await;
    keys.key(key("KeyV"), false);
    speaker.speaks(true).await;

    // Another mode is a newer choice.
    press_override(&mut speaker, &keys, true).await;
    let settings = AudioSettings { gate: Gate::PushToTalk { release_ms: 0 }, ..raw() };
    speaker.engine.send(Command::SetAudio { settings }).unwrap();
    assert!(!overridden(&mut speaker).await);
    speaker.speaks(false).await;

    speaker.engine.send(Command::TalkOverride { on: true }).unwrap();
    speaker.speaks(true).await;
    speaker.engine.send(Command::Leave {}).unwrap();
    assert!(!overridden(&mut speaker).await);
    speaker.join(&node).await;
    for _ in 0..2 {
        let sending = speaker.event(|event| match event {
            Event::Input { sending, .. } => Some(*sending),
            _ => None,
        });
        assert!(!sending.await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_interface_hears_of_its_own_keys_and_of_recorded_ones() {
    let (mut person, keys) = person(Gate::Open);
    let access = person.event(|event| match event {
        Event::Keys { access, .. } => Some(*access),
        _ => None,
    });
    assert_eq!(access.await, KeyAccess::Everywhere);
    // The bindings are on their way: pressed until they are there.
    let pressed = |event: &Event| match event {
        Event::KeyPressed { action } => Some(*action),
        _ => None,
    };
    keys.key(key("ControlLeft"), true);
    let pressing = tokio::spawn({
        let keys = Arc::clone(&keys);
        async move {
            let mut ticks = tokio::time::interval(std::time::Duration::from_millis(5));
            loop {
                ticks.tick().await;
                keys.key(key("KeyM"), true);
                keys.key(key("KeyM"), false);
            }
        }
    });
    assert_eq!(person.event(pressed).await, KeyAction::Mute);

    person.engine.send(Command::RecordKeys { enabled: true }).unwrap();
    let recorded = person.event(|event| match event {
        Event::KeysRecorded { keys, complete: true } => Some(keys.clone()),
        _ => None,
    });
    assert_eq!(recorded.await, ["KeyM"], "Control was down before");
    pressing.abort();
}
