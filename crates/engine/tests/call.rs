//! Whole calls against a real voice node.

mod common;

use common::signal::{amplitude, likeness, sweep, tone};
use common::{Node, Person, until};
use voicehall_protocol::engine::{Command, Event, Problem, SessionState};
use voicehall_protocol::rest::ErrorCode;

/// A second of samples.
const SECOND: usize = 48_000;

/// An amplitude that is no part of a tone: the codec's noise around it.
const SILENCE: f32 = 0.01;

/// An amplitude that a tone of 0.2 keeps through the codec, also on a busy machine.
const AUDIBLE: f32 = 0.1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_says_the_other_hears() {
    let node = Node::start().await;
    let (speaker, listener) = (Person::joined(&node).await, Person::joined(&node).await);
    let said = sweep(SECOND);
    // Three times, because a busy machine may lose a stretch of one.
    for _ in 0..3 {
        speaker.sound.say(&said);
    }
    let heard = listener.sound.listen(4 * SECOND).await;
    let likeness = likeness(&said, &heard);
    assert!(likeness > 0.9, "heard only {likeness} of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_at_once_are_heard_each_at_their_own_volume() {
    let node = Node::start().await;
    let mut listener = Person::joined(&node).await;
    let pitches = [400.0, 700.0, 1100.0];
    let mut speakers = Vec::new();
    for pitch in pitches {
        let speaker = Person::joined(&node).await;
        speaker.sound.say(&tone(pitch, 20 * SECOND));
        speakers.push(speaker);
    }
    let sources: Vec<_> = speakers.iter().map(|speaker| speaker.source).collect();
    listener
        .event(|event| match event {
            Event::Speaking { sources: heard } => {
                sources.iter().all(|source| heard.contains(source)).then_some(())
            }
            _ => None,
        })
        .await;
    let as_sent = listener.sound.listen(SECOND).await;
    let before = pitches.map(|pitch| amplitude(&as_sent, pitch));
    assert!(before.iter().all(|amplitude| *amplitude > AUDIBLE), "{before:?}");

    listener.engine.send(Command::SetVolume { source: sources[0], volume: 0.0 }).unwrap();
    listener.engine.send(Command::SetVolume { source: sources[1], volume: 2.0 }).unwrap();
    // What is in the speaker's ring already keeps its volume.
    listener.sound.listen(SECOND / 4).await;
    let heard = listener.sound.listen(SECOND).await;
    let after = pitches.map(|pitch| amplitude(&heard, pitch));
    assert!(after[0] < SILENCE, "at volume 0: {after:?}");
    assert!(after[1] > after[2] * 1.5, "at volume 2 and 1: {after:?}");
    assert!(after[2] > AUDIBLE, "untouched: {after:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_muted_are_silent_and_the_deafened_hear_nothing() {
    let node = Node::start().await;
    let (mut speaker, listener) = (Person::joined(&node).await, Person::joined(&node).await);
    speaker.sound.say(&tone(600.0, 40 * SECOND));
    until(|| amplitude(&listener.sound.heard_lately(), 600.0) > AUDIBLE).await;
    assert!(amplitude(&listener.sound.listen(SECOND).await, 600.0) > AUDIBLE);

    let mute = |muted, deafened| Command::SetMuted { muted, deafened };
    speaker.engine.send(mute(true, false)).unwrap();
    // What is on its way is still heard.
    listener.sound.listen(SECOND / 2).await;
    assert!(amplitude(&listener.sound.listen(SECOND).await, 600.0) < SILENCE);
    speaker.event(|event| matches!(event, Event::Input { sending: false, .. }).then_some(())).await;

    speaker.engine.send(mute(false, false)).unwrap();
    listener.sound.listen(SECOND / 2).await;
    assert!(amplitude(&listener.sound.listen(SECOND).await, 600.0) > AUDIBLE);

    listener.engine.send(mute(false, true)).unwrap();
    listener.sound.listen(SECOND / 2).await;
    assert!(amplitude(&listener.sound.listen(SECOND).await, 600.0) < SILENCE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_has_figures_and_closes_its_devices() {
    let node = Node::start().await;
    let (speaker, mut listener) = (Person::joined(&node).await, Person::joined(&node).await);
    speaker.sound.say(&tone(600.0, 20 * SECOND));
    let stats = listener
        .event(|event| match event {
            Event::Stats { stats } if stats.bitrate_down > 0 && stats.rtt_ms.is_some() => Some(*stats),
            _ => None,
        })
        .await;
    assert!(stats.rtt_ms.is_some_and(|rtt| (0.0..1000.0).contains(&rtt)), "{stats:?}");
    assert!((0.0..=1.0).contains(&stats.loss_down) && (0.0..=1.0).contains(&stats.loss_up), "{stats:?}");
    assert!(listener.sound.microphone.is_open() && listener.sound.speaker.is_open());
    listener.engine.send(Command::Leave {}).unwrap();
    listener.state(|state| *state == SessionState::Idle {}).await;
    until(|| !listener.sound.microphone.is_open() && !listener.sound.speaker.is_open()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_meter_runs_without_a_call() {
    let mut person = Person::new(common::raw());
    person.engine.send(Command::Monitor { enabled: true, playback: false }).unwrap();
    until(|| person.sound.microphone.is_open()).await;
    person.sound.say(&tone(600.0, 5 * SECOND));
    person
        .event(|event| match event {
            Event::Input { level_dbfs, sending: false, .. } if *level_dbfs > -30.0 => Some(()),
            _ => None,
        })
        .await;
    person.engine.send(Command::Monitor { enabled: false, playback: false }).unwrap();
    until(|| !person.sound.microphone.is_open()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_microphone_and_a_forbidden_one_are_told_apart() {
    let mut person = Person::new(common::raw());
    person.engine.send(Command::Monitor { enabled: true, playback: false }).unwrap();
    until(|| person.sound.microphone.is_open()).await;
    let problem = |event: &Event| match event {
        Event::Problem { problem } => Some(*problem),
        _ => None,
    };
    person.sound.microphone.plug(false);
    assert_eq!(person.event(problem).await, Problem::NoInput);
    person.sound.microphone.forbid();
    assert_eq!(person.event(problem).await, Problem::InputForbidden);
    person.sound.microphone.plug(true);
    person.event(|event| matches!(event, Event::Input { .. }).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_ends_the_call_and_another_takes_it() {
    let node = Node::start().await;
    let mut person = Person::joined(&node).await;
    node.stop().await;
    person.state(|state| matches!(state, SessionState::Ended { .. } | SessionState::Lost {})).await;
    let node = Node::start().await;
    person.join(&node).await;
    let listener = Person::joined(&node).await;
    person.sound.say(&tone(500.0, 10 * SECOND));
    until(|| amplitude(&listener.sound.heard_lately(), 500.0) > AUDIBLE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_vanishes_is_told_and_the_call_can_be_taken_up_again() {
    let node = Node::start().await;
    let (mut person, mut listener) = (Person::joined(&node).await, Person::joined(&node).await);
    node.relay.cut();
    person.state(|state| *state == SessionState::Lost {}).await;
    assert!(person.sound.microphone.is_open(), "the call is to come back at once");
    node.relay.mend();
    person.join(&node).await;
    listener.join(&node).await;
    person.sound.say(&tone(500.0, 20 * SECOND));
    until(|| amplitude(&listener.sound.heard_lately(), 500.0) > AUDIBLE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_outage_is_survived_without_a_new_join() {
    let node = Node::start().await;
    let (mut person, listener) = (Person::joined(&node).await, Person::joined(&node).await);
    person.sound.say(&tone(500.0, 40 * SECOND));
    until(|| amplitude(&listener.sound.heard_lately(), 500.0) > AUDIBLE).await;
    node.relay.cut();
    until(|| amplitude(&listener.sound.heard_lately(), 500.0) < SILENCE).await;
    node.relay.mend();
    until(|| amplitude(&listener.sound.heard_lately(), 500.0) > AUDIBLE).await;
    person.engine.send(Command::Leave {}).unwrap();
    // Nothing but the end that was asked for.
    let state = person.state(|_| true).await;
    assert_eq!(state, SessionState::Idle {});
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_is_good_once() {
    let node = Node::start().await;
    let ticket = node.join_command();
    let (mut first, mut second) = (Person::new(common::raw()), Person::new(common::raw()));
    first.engine.send(ticket.clone()).unwrap();
    first.state(|state| matches!(state, SessionState::Connected { .. })).await;
    second.engine.send(ticket).unwrap();
    second.state(|state| *state == SessionState::Refused { code: ErrorCode::TicketUsed }).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_at_the_other_end_is_unreachable() {
    let node = Node::start().await;
    let command = node.join_command();
    node.stop().await;
    let mut person = Person::new(common::raw());
    person.engine.send(command).unwrap();
    person.state(|state| *state == SessionState::Unreachable {}).await;
}
