//! What people choose about sound does what it says, through the engine's own door.

mod common;

use common::signal::{amplitude, tone};
use common::{Node, Person, raw, until};
use voicehall_protocol::engine::{AudioSettings, Command, Event, PlaybackPhase};

/// A second of samples.
const SECOND: usize = 48_000;

/// An amplitude that a tone of 0.2 keeps through the codec, also on a busy machine.
const AUDIBLE: f32 = 0.1;

/// Levels along the processing chain, in dBFS.
type Stages = [f32; 4];

/// The next levels with a sound in them.
async fn stages(person: &mut Person) -> Stages {
    person
        .event(|event| match *event {
            Event::Processing { microphone_dbfs, cleaned_dbfs, levelled_dbfs, sent_dbfs }
                if microphone_dbfs > -30.0 =>
            {
                Some([microphone_dbfs, cleaned_dbfs, levelled_dbfs, sent_dbfs])
            }
            _ => None,
        })
        .await
}

async fn phase(person: &mut Person) -> PlaybackPhase {
    person
        .event(|event| match event {
            Event::Playback { phase } => Some(*phase),
            _ => None,
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_turned_down_while_a_priority_speaker_talks_and_only_then() {
    let node = Node::start().await;
    let listener = Person::joined(&node).await;
    let (plain, priority) = (Person::joined(&node).await, Person::joined(&node).await);
    listener.engine.send(Command::SetPriority { sources: vec![priority.source] }).unwrap();
    plain.sound.say(&tone(400.0, 60 * SECOND));
    let heard = |hertz| amplitude(&listener.sound.heard_lately(), hertz);
    until(|| heard(400.0) > AUDIBLE).await;
    let before = amplitude(&listener.sound.listen(SECOND).await, 400.0);

    priority.sound.say(&tone(900.0, 3 * SECOND));
    // 9 dB are a factor of 0.35.
    until(|| heard(900.0) > AUDIBLE && (0.3..0.42).contains(&(heard(400.0) / before))).await;
    until(|| heard(900.0) < 0.01 && heard(400.0) > 0.9 * before).await;

    let settings = AudioSettings { priority_attenuation: 0.0, ..raw() };
    listener.engine.send(Command::SetAudio { settings }).unwrap();
    priority.sound.say(&tone(900.0, 3 * SECOND));
    until(|| heard(900.0) > AUDIBLE).await;
    assert!(amplitude(&listener.sound.listen(SECOND).await, 400.0) > 0.9 * before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_hears_oneself_first_recorded_then_played_and_the_speaker_closes_after_it() {
    let mut person = Person::new(raw());
    // Muted people test their microphones too.
    person.engine.send(Command::SetMuted { muted: true, deafened: true }).unwrap();
    person.engine.send(Command::Monitor { enabled: true, playback: true }).unwrap();
    assert_eq!(phase(&mut person).await, PlaybackPhase::Recording);
    person.sound.say(&tone(600.0, 3 * SECOND));
    stages(&mut person).await;
    assert!(amplitude(&person.sound.heard_lately(), 600.0) < 0.01, "not while it records");
    assert_eq!(phase(&mut person).await, PlaybackPhase::Playing);
    until(|| amplitude(&person.sound.heard_lately(), 600.0) > AUDIBLE).await;
    assert_eq!(phase(&mut person).await, PlaybackPhase::Over);
    until(|| !person.sound.speaker.is_open()).await;
    assert!(person.sound.microphone.is_open(), "the meter goes on");

    person.engine.send(Command::Monitor { enabled: true, playback: true }).unwrap();
    assert_eq!(phase(&mut person).await, PlaybackPhase::Recording);
    person.engine.send(Command::Monitor { enabled: false, playback: false }).unwrap();
    assert_eq!(phase(&mut person).await, PlaybackPhase::Over, "stopped half-way");
    until(|| !person.sound.microphone.is_open() && !person.sound.speaker.is_open()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gains_do_what_they_say_and_what_is_off_changes_nothing() {
    let node = Node::start().await;
    let (mut speaker, listener) = (Person::joined(&node).await, Person::joined(&node).await);
    speaker.engine.send(Command::Monitor { enabled: true, playback: false }).unwrap();
    speaker.sound.say(&tone(500.0, 60 * SECOND));
    let [microphone, cleaned, levelled, sent] = stages(&mut speaker).await;
    for stage in [cleaned, levelled, sent] {
        assert!((stage - microphone).abs() < 0.01, "everything is off: {stage} of {microphone} dBFS");
    }
    let heard = || amplitude(&listener.sound.heard_lately(), 500.0);
    until(|| heard() > AUDIBLE).await;
    let before = amplitude(&listener.sound.listen(SECOND).await, 500.0);

    let settings = AudioSettings { input_gain: 0.5, ..raw() };
    speaker.engine.send(Command::SetAudio { settings }).unwrap();
    until(|| (0.45..0.55).contains(&(heard() / before))).await;
    // 6 dB; what was told before the change is still to be read.
    speaker
        .event(|event| match *event {
            Event::Processing { levelled_dbfs, sent_dbfs, .. } => {
                ((levelled_dbfs - sent_dbfs - 6.02).abs() < 0.1).then_some(())
            }
            _ => None,
        })
        .await;

    let settings = AudioSettings { output_gain: 0.5, ..raw() };
    listener.engine.send(Command::SetAudio { settings }).unwrap();
    until(|| (0.22..0.28).contains(&(heard() / before))).await;
    let settings = AudioSettings { output_gain: 0.0, ..raw() };
    listener.engine.send(Command::SetAudio { settings }).unwrap();
    until(|| heard() < 1e-4).await;
}
