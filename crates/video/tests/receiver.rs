//! Whole calls over bad lines, in virtual time.

mod line;

use line::{CLEAN, Call, FRAME_TICKS, Line};
use proptest::prelude::*;
use std::time::{Duration, Instant};
use voicehall_video::{Codec, IncomingPacket, Insert, NtpTime, Playout, Receiver, ReceiverConfig};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn on_a_clean_line_every_frame_comes_at_once_and_nothing_is_asked_for() {
    let mut call = Call::new(1, CLEAN);
    call.run(Duration::from_secs(60));
    let stats = call.stats();
    assert!(call.seen.len() >= 1798, "{}", call.seen.len());
    assert_eq!((stats.packets_asked, stats.key_frames_asked, stats.frames_skipped), (0, 0, 0));
    assert_eq!(stats.key_frames, 1);
    for seen in &call.seen {
        let sent = call.sent_at(seen.number);
        assert!(seen.given - sent <= ms(30), "{seen:?}");
        let shown = seen.render_at.saturating_duration_since(sent);
        assert!(shown >= ms(20) && shown <= ms(45), "{} is shown after {shown:?}", seen.number);
    }
}

#[test]
fn five_percent_loss_and_fifty_ms_of_jitter_halt_nothing_for_long() {
    for seed in 0..10 {
        let line = Line { loss: 50, jitter: ms(50), ..CLEAN };
        let mut call = Call::new(seed, line);
        call.run(Duration::from_secs(120));
        let halt = call.longest_halt(ms(1000));
        assert!(halt <= ms(500), "seed {seed}: {halt:?}, {:?}", call.stats());
        assert!(call.seen.len() >= 3500, "seed {seed}: {} frames, {:?}", call.seen.len(), call.stats());
    }
}

#[test]
fn what_is_lost_is_asked_for_before_a_key_frame_is() {
    let mut call = Call::new(3, Line { loss: 10, ..CLEAN });
    call.run(Duration::from_secs(60));
    let stats = call.stats();
    assert!(stats.packets_recovered > 80, "{stats:?}");
    assert!(stats.key_frames_asked <= 1, "{stats:?}");
    assert!(stats.packets_asked < 2 * stats.packets_recovered, "{stats:?}");
}

#[test]
fn after_an_outage_a_key_frame_is_asked_for_and_frames_go_on() {
    let mut call = Call::new(4, CLEAN);
    call.run(Duration::from_secs(5));
    call.line.loss = 1000;
    call.run(Duration::from_secs(3));
    assert!(call.longest_halt(ms(1000)) >= ms(2900));
    call.line.loss = 0;
    let back = call.now;
    call.run(Duration::from_secs(2));
    let first = call.seen.iter().find(|seen| seen.given > back).expect("frames go on");
    assert!(first.key);
    assert!(first.given - back <= ms(700), "{:?}", first.given - back);
    assert!(call.longest_halt(first.given - call.start) <= ms(60));
}

#[test]
fn a_frame_that_nothing_refers_to_is_left_out_instead_of_a_key_frame() {
    let mut call = Call::new(5, CLEAN);
    call.run(Duration::from_secs(1));
    // The receiver sees the begin and the end of these, and what is between is never answered.
    call.receiver().set_round_trip(Duration::from_secs(10));
    let before = call.stats();
    let mut receiver = Receiver::new(&ReceiverConfig { codec: Codec::H264, delay_min: ms(10) }, call.now);
    let key: &[&[u8]] = &[&[0x67, 0x42, 0xc0, 0x1f, 0x95, 0xa0, 0x14, 0x01, 0x6e], &[0x68, 1], &[0x65, 1]];
    let now = call.now;
    let insert = |receiver: &mut Receiver, at, sequence, frame: u32, marker, payload: &[u8]| {
        let packet = IncomingPacket {
            sequence,
            timestamp: frame * FRAME_TICKS,
            source: 1,
            marker,
            retransmitted: false,
            payload,
        };
        receiver.insert(at, &packet)
    };
    for (index, payload) in key.iter().enumerate() {
        insert(&mut receiver, now, index as u16, 0, index == 2, payload);
    }
    assert!(receiver.poll_frame(now).is_some_and(|frame| frame.content.key));
    // Three fragments of which the second is missing, and then a frame that refers to the first.
    insert(&mut receiver, now, 3, 1, false, &[0x1c, 0x81, 1]);
    insert(&mut receiver, now, 5, 1, true, &[0x1c, 0x41, 1]);
    insert(&mut receiver, now, 6, 2, true, &[0x41, 1]);
    assert!(receiver.poll_frame(now).is_none());
    assert!(receiver.poll_frame(now + ms(199)).is_none());
    let later = now + ms(500);
    assert_eq!(receiver.poll_frame(later).map(|frame| frame.timestamp), Some(2 * FRAME_TICKS));
    assert!(!receiver.poll_feedback(later, &mut Vec::new()), "no key frame is needed");
    assert_eq!(receiver.stats().frames_skipped, 1);
    assert_eq!(call.stats(), before);
}

#[test]
fn a_last_packet_whose_loss_nothing_shows_is_asked_for() {
    let mut call = Call::new(6, CLEAN);
    // The sender falls silent after frame 60, whose last packet is lost.
    call.swallow = |number, last| number > 60 || number == 60 && last;
    call.run(Duration::from_secs(3));
    assert_eq!(call.seen.last().map(|seen| seen.number), Some(60));
    assert!(call.seen.last().unwrap().given - call.sent_at(60) < ms(200));
    // Nobody asks for what was never announced.
    assert!(call.stats().packets_asked <= 2, "{:?}", call.stats());
}

#[test]
fn a_stream_that_is_joined_late_begins_with_a_key_frame() {
    let mut call = Call::new(7, CLEAN);
    call.swallow = |number, _| number < 40;
    call.run(Duration::from_secs(4));
    let first = call.seen.first().expect("frames");
    assert!(first.key && first.number >= 40);
    assert!(call.stats().key_frames_asked >= 1);
    assert!(first.given - call.sent_at(40) < ms(150), "{:?}", first.given - call.sent_at(40));
}

#[test]
fn a_key_frame_on_a_thin_line_is_waited_for() {
    // It takes longer than anything missing is waited for, but nothing is missing.
    let mut receiver =
        Receiver::new(&ReceiverConfig { codec: Codec::H264, delay_min: ms(10) }, Instant::now());
    let start = Instant::now();
    let mut asked = Vec::new();
    let mut key_asked = 0;
    for sequence in 0..40_u16 {
        let payload: &[u8] = match sequence {
            0 => &[0x67, 0x42, 0xc0, 0x1f, 0x95, 0xa0, 0x14, 0x01, 0x6e],
            1 => &[0x68, 1],
            2 => &[0x7c, 0x85, 1],
            39 => &[0x7c, 0x45, 1],
            _ => &[0x7c, 0x05, 1],
        };
        let at = start + ms(40 * u64::from(sequence));
        let packet = IncomingPacket {
            sequence,
            timestamp: 0,
            source: 1,
            marker: sequence == 39,
            retransmitted: false,
            payload,
        };
        receiver.insert(at, &packet);
        for tick in 0..4 {
            let whole = receiver.poll_frame(at + ms(10 * tick)).is_some();
            assert_eq!(whole, sequence == 39 && tick == 0);
            key_asked += u32::from(receiver.poll_feedback(at + ms(10 * tick), &mut asked));
        }
    }
    assert_eq!((asked.len(), key_asked), (0, 0));
}

#[test]
fn a_key_frame_with_a_hole_is_asked_for_anew() {
    let start = Instant::now();
    let mut receiver = Receiver::new(&ReceiverConfig { codec: Codec::H264, delay_min: ms(10) }, start);
    let payloads: [&[u8]; 3] =
        [&[0x67, 0x42, 0xc0, 0x1f, 0x95, 0xa0, 0x14, 0x01, 0x6e], &[0x7c, 0x85, 1], &[0x7c, 0x45, 1]];
    // Packet 1 never comes, whoever is asked.
    for (sequence, payload) in [0, 2, 3].into_iter().zip(payloads) {
        let packet = IncomingPacket {
            sequence,
            timestamp: 0,
            source: 1,
            marker: sequence == 3,
            retransmitted: false,
            payload,
        };
        receiver.insert(start, &packet);
    }
    let asked = (0..100).map(|tick| start + ms(10 * tick)).find(|now| {
        assert!(receiver.poll_frame(*now).is_none());
        receiver.poll_feedback(*now, &mut Vec::new())
    });
    let asked = asked.expect("a key frame is asked for") - start;
    assert!(asked >= ms(200) && asked <= ms(500), "{asked:?}");
}

#[test]
fn padding_fills_its_place_and_is_no_frame() {
    let now = Instant::now();
    let mut receiver = Receiver::new(&ReceiverConfig { codec: Codec::H264, delay_min: ms(10) }, now);
    let key: &[u8] =
        &[24, 0, 9, 0x67, 0x42, 0xc0, 0x1f, 0x95, 0xa0, 0x14, 0x01, 0x6e, 0, 2, 0x68, 1, 0, 2, 0x65, 1];
    let mut shown = Vec::new();
    for (sequence, timestamp, payload) in [
        (9, 0, key),
        (10, 0, &[][..]),
        (11, 0, &[]),
        (12, 3000, &[0x41, 1]),
        (13, 3000, &[]),
        (14, 6000, &[0x41, 1]),
    ] {
        let packet = IncomingPacket {
            sequence,
            timestamp,
            source: 1,
            marker: !payload.is_empty(),
            retransmitted: false,
            payload,
        };
        assert_eq!(receiver.insert(now, &packet), Insert::Queued);
        shown.extend(receiver.poll_frame(now).map(|frame| frame.timestamp));
    }
    assert_eq!(shown, [0, 3000, 6000]);
    assert!(!receiver.poll_feedback(now + ms(100), &mut Vec::new()));
}

#[test]
fn pictures_follow_the_sound_of_their_moment() {
    let mut call = Call::new(8, CLEAN);
    let captured = NtpTime(1 << 40);
    call.report(captured, 0);
    call.run(ms(100));
    call.report(captured, 0);
    // What was said at the start is heard 200 ms after it.
    let playout = Playout { captured, at: call.start + ms(200) };
    call.receiver().set_playout(Some(playout));
    call.run(Duration::from_secs(10));
    let last = call.seen.last().unwrap();
    let seen_after = last.render_at - call.sent_at(last.number);
    assert!(seen_after.abs_diff(ms(200)) < ms(10), "{seen_after:?}");
    assert_eq!(call.receiver().behind_sound(), Duration::ZERO);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever the line does: frames are whole, in order, and decodable (asserted as they are seen),
    /// and when it is well again, so are they.
    #[test]
    fn frames_are_whole_and_in_order_and_go_on(
        seed: u64,
        loss in 0u32..400,
        jitter in 0u64..200,
        delay in 1u64..150,
        doubled in 0u32..300,
        frame_bytes in 10usize..20_000,
    ) {
        let line = Line { loss, delay: ms(delay), jitter: ms(jitter), doubled };
        let mut call = Call::new(seed, line);
        call.frame_bytes = frame_bytes;
        call.run(Duration::from_secs(8));
        let numbers: Vec<_> = call.seen.iter().map(|seen| seen.number).collect();
        prop_assert!(numbers.is_sorted_by(|a, b| a < b));
        call.line = Line { loss: 0, jitter: Duration::ZERO, doubled: 0, ..line };
        call.run(Duration::from_secs(3));
        let well = call.now - call.start;
        call.run(Duration::from_secs(2));
        prop_assert!(call.longest_halt(well) <= ms(60), "{:?} {:?}", call.longest_halt(well), call.stats());
    }
}
