//! Calls over bad networks: whatever is lost, late, doubled or out of order on the way, the slots
//! keep their promises and people hear each other.

use std::time::Duration;
use voicehall_protocol::rtp::VOICE_SLOTS;
use voicehall_protocol::ticket::SessionBits;
use voicehall_protocol::voice::EndReason;
use voicehall_sfu::Event;
use voicehall_test_sim::network::Path;
use voicehall_test_sim::{Call, Speech};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
/// For a start.
const NOW: Duration = Duration::ZERO;
/// For pauses: one long spurt.
const NEVER: Duration = Duration::ZERO;

const BAD: Path = Path {
    loss: 0.2,
    burst: 0.005,
    burst_packets: 8,
    delay: Duration::from_millis(30),
    jitter: Duration::from_millis(200),
    duplicate: 0.05,
};

fn clean() -> Path {
    Path { delay: 10 * MS, ..Path::default() }
}

fn assert_kept(call: &Call) {
    assert!(call.witness.forwarded > 0, "nothing was forwarded at all");
    assert!(call.witness.complaints.is_empty(), "{:#?}", call.witness.complaints);
}

/// Share of the frames that a client mixed over this time with somebody in them.
fn heard_share(call: &Call, client: usize, before: u64, duration: Duration) -> f64 {
    let frames = duration.as_millis() as f64 / 10.0;
    (call.clients[client].frames_heard - before) as f64 / frames
}

#[test]
fn on_a_clean_network_everybody_hears_the_one_who_speaks() {
    let mut call = Call::new(1, clean());
    for _ in 0..5 {
        call.join(SessionBits::SPEAK);
    }
    call.connect();
    call.speak(0, Speech { from: NOW, spurt: SECOND, pause: NEVER, amplitude: 0.3 });
    call.run(4 * SECOND);
    assert_kept(&call);
    let sent = call.clients[0].packets_sent;
    for client in &call.clients[1..] {
        // What is on the way at the end.
        assert!(client.packets_received + 2 >= sent, "{} of {sent}", client.packets_received);
        assert!(client.frames_heard > 380, "{} of 400 frames", client.frames_heard);
        assert!(client.peak > 0.1 && client.peak <= 1.0, "peak {}", client.peak);
    }
    assert_eq!(call.clients[0].packets_received, 0);
}

#[test]
fn fifty_people_on_a_bad_network_hear_each_other() {
    for seed in [11, 12] {
        let mut call = Call::new(seed, clean());
        for _ in 0..50 {
            call.join(SessionBits::SPEAK);
        }
        call.connect();
        call.path = BAD;
        for speaker in 0..12 {
            let speech = Speech {
                from: 137 * MS * speaker,
                spurt: 700 * MS + 90 * MS * speaker,
                pause: 900 * MS,
                amplitude: 0.1 + 0.02 * speaker as f32,
            };
            call.speak(speaker as usize, speech);
        }
        call.run(5 * SECOND);
        assert_kept(&call);
        assert!(call.witness.switches > 0, "12 speakers shared 8 slots");
        let before = call.clients[49].frames_heard;
        call.run(SECOND);
        assert!(heard_share(&call, 49, before, SECOND) > 0.9);
        assert!(call.clients.iter().all(|client| client.peak <= 1.0));
    }
}

#[test]
fn joins_get_through_loss() {
    let lossy = Path { loss: 0.1, delay: 30 * MS, jitter: 30 * MS, ..Path::default() };
    for seed in 20..25 {
        let mut call = Call::new(seed, lossy);
        for _ in 0..4 {
            call.join(SessionBits::SPEAK);
        }
        call.connect();
        assert_eq!(call.shard.stats().sessions_connected, 4);
    }
}

#[test]
fn silence_is_free_and_speech_after_it_is_heard() {
    let mut call = Call::new(3, clean());
    for _ in 0..4 {
        call.join(SessionBits::SPEAK);
    }
    call.connect();
    call.path = BAD;
    call.speak(1, Speech { from: NOW, spurt: SECOND, pause: 30 * SECOND, amplitude: 0.3 });
    call.run(2 * SECOND);
    let (forwarded, sent) = (call.witness.forwarded, call.clients[1].packets_sent);
    call.run(20 * SECOND);
    assert_eq!(call.clients[1].packets_sent, sent, "something was sent in silence");
    assert_eq!(call.witness.forwarded, forwarded, "something was forwarded in silence");
    let before = call.clients[3].frames_heard;
    call.run(11 * SECOND);
    assert_kept(&call);
    assert!(call.clients[3].frames_heard > before + 70, "the second spurt was not heard");
}

#[test]
fn a_priority_speaker_is_heard_over_a_full_channel() {
    let mut call = Call::new(4, clean());
    let quiet = call.join(SessionBits::SPEAK | SessionBits::PRIORITY);
    for _ in 0..VOICE_SLOTS + 6 {
        call.join(SessionBits::SPEAK);
    }
    call.connect();
    for loud in 1..call.clients.len() {
        let amplitude = 0.2 + 0.03 * loud as f32;
        call.speak(loud, Speech { from: NOW, spurt: 10 * SECOND, pause: NEVER, amplitude });
    }
    call.run(SECOND);
    let before = call.shard.session_stats(call.clients[quiet].session).expect("the session is open");
    call.speak(quiet, Speech { from: NOW, spurt: 10 * SECOND, pause: NEVER, amplitude: 0.02 });
    call.run(3 * SECOND);
    assert_kept(&call);
    let stats = call.shard.session_stats(call.clients[quiet].session).expect("the session is open");
    let received = stats.voice_received - before.voice_received;
    assert!(received > 140, "{received} packets in three seconds");
    let forwarded = stats.voice_forwarded_from - before.voice_forwarded_from;
    assert_eq!(forwarded, received, "a priority speaker lost packets");
    // The clean path loses nothing: whoever is not in a slot is not forwarded at all.
    assert!(call.shard.stats().dropped_not_chosen > 0);
}

#[test]
fn mute_deafen_and_their_end_take_effect_on_the_next_packet() {
    let mut call = Call::new(5, clean());
    let (speaker, listener) = (call.join(SessionBits::SPEAK), call.join(SessionBits::SPEAK));
    call.join(SessionBits::SPEAK);
    call.connect();
    call.speak(speaker, Speech { from: NOW, spurt: 100 * SECOND, pause: NEVER, amplitude: 0.3 });
    call.run(SECOND);
    let session = call.clients[speaker].session;

    call.shard.update(session, SessionBits::SPEAK | SessionBits::MUTED);
    let forwarded = call.witness.forwarded;
    call.run(SECOND);
    assert_eq!(call.witness.forwarded, forwarded, "a muted voice was forwarded");
    call.shard.update(session, SessionBits::SPEAK);
    call.run(SECOND);
    assert!(call.witness.forwarded > forwarded + 90, "two listeners, fifty packets a second");

    let deaf = call.clients[listener].session;
    call.shard.update(deaf, SessionBits::SPEAK | SessionBits::DEAFENED);
    // What was sent before is still on the way.
    call.run(20 * MS);
    let received = call.clients[listener].packets_received;
    call.run(SECOND);
    assert_eq!(call.clients[listener].packets_received, received, "a deafened client got voice");
    call.shard.update(deaf, SessionBits::SPEAK);
    call.run(SECOND);
    assert!(call.clients[listener].packets_received > received + 45);
    assert_kept(&call);
}

#[test]
fn a_client_that_vanishes_ends_by_itself_and_harms_nobody() {
    let mut call = Call::new(6, clean());
    for _ in 0..4 {
        call.join(SessionBits::SPEAK);
    }
    call.connect();
    call.path = BAD;
    call.speak(0, Speech { from: NOW, spurt: 2 * SECOND, pause: SECOND, amplitude: 0.3 });
    call.speak(1, Speech { from: NOW, spurt: 2 * SECOND, pause: SECOND, amplitude: 0.3 });
    call.run(2 * SECOND);
    call.clients[1].vanished = true;
    call.run(40 * SECOND);
    let gone = Event::Closed { session: call.clients[1].session, reason: EndReason::TimedOut };
    assert!(call.events.contains(&gone), "{:?}", call.events);
    assert_eq!(call.shard.stats().sessions, 3);
    let before = call.clients[2].packets_received;
    call.run(6 * SECOND);
    assert!(call.clients[2].packets_received > before + 100);
    assert_kept(&call);
}
