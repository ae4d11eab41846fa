//! The jitter buffer in virtual time, over seeded bad networks.

mod signals;

use std::time::{Duration, Instant};

use proptest::prelude::*;
use signals::Random;
use voicehall_audio::{
    Decoder, Encoder, EncoderConfig, Frame, IncomingPacket, Insert, JitterBuffer, JitterConfig, JitterStats,
    PAYLOAD_BYTES_MAX,
};

const SOURCE: u32 = 7;

/// A packet on its way: when it arrives, in µs, and what is in it.
#[derive(Debug, Clone)]
struct Sent {
    arrival_us: u64,
    sequence: u16,
    timestamp: u32,
    source: u32,
    marker: bool,
    payload: Vec<u8>,
}

fn encode(samples: &[f32], config: &EncoderConfig, packet_samples: usize) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(config).unwrap();
    let mut payload = [0; PAYLOAD_BYTES_MAX];
    samples
        .chunks_exact(packet_samples)
        .map(|chunk| {
            let bytes = encoder.encode(chunk, &mut payload).unwrap();
            payload[..bytes].to_vec()
        })
        .collect()
}

/// Sends a voice of some seconds in 20 ms packets over a network that delays each packet by what
/// `delay_us` says, or loses it.
fn send(
    samples: &[f32],
    config: &EncoderConfig,
    mut delay_us: impl FnMut(usize) -> Option<u64>,
) -> Vec<Sent> {
    let mut sent: Vec<Sent> = encode(samples, config, 960)
        .into_iter()
        .enumerate()
        .filter_map(|(n, payload)| {
            Some(Sent {
                arrival_us: (n as u64 + 1) * 20_000 + delay_us(n)?,
                // Both wrap within the stream.
                sequence: (65_500 + n) as u16,
                timestamp: (u32::MAX - 48_000).wrapping_add(n as u32 * 960),
                source: SOURCE,
                marker: n == 0,
                payload,
            })
        })
        .collect();
    sent.sort_by_key(|packet| packet.arrival_us);
    sent
}

fn decode(sent: &[Sent]) -> Vec<f32> {
    let mut decoder = Decoder::new().unwrap();
    let mut out = [0.0; 960];
    sent.iter()
        .flat_map(|packet| {
            decoder.decode(&packet.payload, &mut out).unwrap();
            out
        })
        .collect()
}

struct Played {
    samples: Vec<f32>,
    /// Whether each frame had a voice.
    voiced: Vec<bool>,
    stats: JitterStats,
    /// `delay_current` after each pull, in ms.
    delays_ms: Vec<f64>,
    /// What was cut out to play sooner until each pull, in ms.
    cut_ms: Vec<f64>,
    sources: Vec<Vec<u32>>,
}

/// Plays every 10 ms, each pull late by up to `pull_jitter_us`.
fn play(sent: &[Sent], seconds: f64, phase_us: u64, pull_jitter_us: u64) -> Played {
    let mut random = Random::new(99);
    let pulls = (0..(seconds * 100.0) as u64)
        .map(|pull| pull * 10_000 + phase_us + (random.unit() * pull_jitter_us as f32) as u64);
    play_at(sent, pulls)
}

/// Plays 10 ms at each of these times, in µs.
fn play_at(sent: &[Sent], pulls: impl Iterator<Item = u64>) -> Played {
    let start = Instant::now();
    let at = |us| start + Duration::from_micros(us);
    let mut buffer = JitterBuffer::new(start, JitterConfig::default()).unwrap();
    let mut packets = sent.iter().peekable();
    let mut played = Played {
        samples: Vec::new(),
        voiced: Vec::new(),
        stats: JitterStats::default(),
        delays_ms: Vec::new(),
        cut_ms: Vec::new(),
        sources: Vec::new(),
    };
    let mut frame: Frame = [0.0; 480];
    for now_us in pulls {
        while let Some(packet) = packets.next_if(|packet| packet.arrival_us <= now_us) {
            insert(&mut buffer, at(packet.arrival_us), packet);
        }
        let voice = buffer.pull(at(now_us), &mut frame);
        played.samples.extend_from_slice(&frame);
        played.voiced.push(voice.is_some());
        played.sources.push(voice.iter().flat_map(|v| v.segments()).map(|s| s.source).collect());
        played.delays_ms.push(buffer.stats().delay_current.as_secs_f64() * 1e3);
        played.cut_ms.push(buffer.stats().accelerated_samples as f64 / 48.0);
    }
    played.stats = buffer.stats();
    played
}

fn insert(buffer: &mut JitterBuffer, now: Instant, packet: &Sent) -> Insert {
    buffer.insert(
        now,
        &IncomingPacket {
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            source: packet.source,
            marker: packet.marker,
            payload: &packet.payload,
        },
    )
}

#[test]
fn a_clean_stream_is_whole_and_barely_waits() {
    let voice = signals::voice(48_000 * 6, 120.0, 1);
    // Wherever packets fall between two pulls, and with a media thread that is up to 1 ms late.
    for phase_us in [0, 2_500, 5_000, 7_500, 9_900] {
        let sent = send(&voice, &EncoderConfig::default(), |_| Some(3_000));
        let decoded = decode(&sent);
        let played = play(&sent, 6.0, phase_us, 1_000);
        assert_eq!(played.stats.lost, 0);
        assert_eq!(played.stats.concealed_samples, 0, "phase {phase_us}: {:?}", played.stats);
        let worst = played.delays_ms[200..].iter().copied().fold(0.0, f64::max);
        assert!(worst <= 14.0, "phase {phase_us}: waits {worst} ms, {:?}", played.stats);
        assert!(played.stats.delay_target <= Duration::from_millis(4), "{:?}", played.stats);
        // From the third second on it is what a decoder alone makes of the packets.
        let (likeness, _) = signals::align(&decoded[96_000..144_000], &played.samples[96_000..], 2_400);
        assert!(likeness > 0.999_9, "phase {phase_us}: {likeness}, {:?}", played.stats);
    }
}

/// Devices move 256 samples at once, so packets leave and frames are wanted in that rhythm.
#[test]
fn the_rhythm_of_devices_costs_a_few_milliseconds() {
    const PERIOD_US: u64 = 5_333;
    let voice = signals::voice(48_000 * 6, 120.0, 12);
    for (packet_samples, waits_max_ms) in [(960_usize, 20.0), (480, 20.0)] {
        for phase_us in [0, 1_000, 2_500, 4_000] {
            let packet_us = packet_samples as u64 * 1_000_000 / 48_000;
            let sent: Vec<Sent> = encode(&voice, &EncoderConfig::default(), packet_samples)
                .into_iter()
                .enumerate()
                .map(|(n, payload)| Sent {
                    arrival_us: ((n as u64 + 1) * packet_us).div_ceil(PERIOD_US) * PERIOD_US,
                    sequence: n as u16,
                    timestamp: (n * packet_samples) as u32,
                    source: SOURCE,
                    marker: n == 0,
                    payload,
                })
                .collect();
            let pulls = (0..600_u64).map(|n| (n * 10_000).div_ceil(PERIOD_US) * PERIOD_US + phase_us);
            let played = play_at(&sent, pulls);
            assert_eq!(played.stats.concealed_samples, 0, "{packet_samples} {:?}", played.stats);
            let settled = &played.delays_ms[200..];
            let mean = settled.iter().sum::<f64>() / settled.len() as f64;
            assert!(mean <= waits_max_ms, "{packet_samples}, phase {phase_us}: waits {mean} ms");
        }
    }
}

#[test]
fn the_delay_follows_jitter_up_and_down() {
    let voice = signals::voice(48_000 * 30, 140.0, 2);
    let mut random = Random::new(5);
    // Ten seconds clean, ten with up to 60 ms of jitter, ten clean again.
    let sent = send(&voice, &EncoderConfig::default(), |n| {
        let jitter = if (500..1000).contains(&n) { random.unit() * 60_000.0 } else { 0.0 };
        Some(1_000 + jitter as u64)
    });
    let played = play(&sent, 30.0, 4_000, 500);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (clean, rough, again) = (
        mean(&played.delays_ms[800..1000]),
        mean(&played.delays_ms[1600..2000]),
        mean(&played.delays_ms[2700..3000]),
    );
    assert!(clean < 14.0, "clean: {clean} ms");
    assert!((20.0..80.0).contains(&rough), "rough: {rough} ms");
    assert!(again < 16.0, "clean again: {again} ms");
    // Once it has adapted, a rough network costs little.
    let share = played.stats.concealed_samples as f64 / (30.0 * 48_000.0);
    assert!(share < 0.05, "{share} concealed");
    assert!(played.stats.accelerated_samples > 0);
}

#[test]
fn reordered_and_doubled_packets_are_put_right() {
    let voice = signals::voice(48_000 * 4, 110.0, 3);
    let mut sent = send(&voice, &EncoderConfig::default(), |n| {
        // Every fifth packet is overtaken by the next.
        Some(if n % 5 == 0 { 25_000 } else { 1_000 })
    });
    let copies: Vec<Sent> = sent.iter().step_by(3).cloned().collect();
    sent.extend(copies.into_iter().map(|mut copy| {
        copy.arrival_us += 500;
        copy
    }));
    sent.sort_by_key(|packet| packet.arrival_us);
    let played = play(&sent, 4.0, 0, 0);
    assert!(played.stats.duplicates + played.stats.late >= 60, "{:?}", played.stats);
    let early = played.stats.lost;
    assert!(early <= 3, "only until it has learned: {:?}", played.stats);
}

#[test]
fn the_copy_in_the_next_packet_beats_concealment() {
    let voice = signals::voice(48_000 * 8, 130.0, 4);
    let likeness = |fec: bool| {
        let config =
            EncoderConfig { bitrate: 32_000, fec, expected_loss_percent: 15, ..EncoderConfig::default() };
        // One packet in eight is lost, none next to another.
        let sent = send(&voice, &config, |n| (n % 8 != 5).then_some(1_000));
        let played = play(&sent, 8.0, 4_000, 500);
        assert!((45..=52).contains(&played.stats.lost), "{:?}", played.stats);
        let mut total = 0.0;
        // Second by second, since the delay may change by a stretch.
        for second in 3..7 {
            let part = &voice[second * 48_000..(second + 1) * 48_000];
            let out = &played.samples[second * 48_000..];
            total += signals::align(part, out, 6_000).0 / 4.0;
        }
        (total, played.stats.recovered)
    };
    let (with_fec, recovered) = likeness(true);
    let (without_fec, none) = likeness(false);
    assert_eq!(none, 0);
    assert!(recovered >= 30, "{recovered} recovered");
    assert!(with_fec > without_fec, "with FEC {with_fec}, without {without_fec}");
}

/// Pre-roll: what was said before the microphone opened comes all at once, and late.
#[test]
fn a_late_beginning_is_caught_up_on_without_swallowing_a_syllable() {
    const LATE: usize = 6;
    let late_us = |n: usize| 2_000 + LATE.saturating_sub(n) as u64 * 20_000;
    for pitch in [90.0, 130.0, 220.0] {
        let voice = signals::voice(96_000, pitch, 13);
        let sent = send(&voice, &EncoderConfig::default(), |n| Some(late_us(n)));
        let played = play(&sent, 2.0, 1_000, 0);
        let JitterStats { lost, concealed_samples, .. } = played.stats;
        assert_eq!((lost, concealed_samples), (0, 0));
        // A third faster at most: of 200 ms of the voice, 150 ms are heard, give or take a pitch period.
        for (pull, cut) in played.cut_ms.windows(16).enumerate() {
            let cut_ms = cut[15] - cut[0];
            assert!(cut_ms <= 50.0 + 15.0, "{pitch} Hz: {cut_ms} ms of 200 are cut out at {pull}");
        }
        let caught_up = played.cut_ms[80];
        assert!(caught_up > LATE as f64 * 20.0 - 30.0, "{pitch} Hz: {caught_up} ms are cut out");
    }
}

#[test]
fn silence_is_no_loss_and_the_next_spurt_starts_afresh() {
    let voice = signals::voice(48_000 * 9, 125.0, 6);
    // Spurts of one second and pauses of two, in which nothing is sent and no number is used.
    let mut sent = send(&voice, &EncoderConfig::default(), |_| Some(2_000));
    sent.retain(|packet| packet.arrival_us / 1_000_000 % 3 == 0);
    for (n, packet) in sent.iter_mut().enumerate() {
        packet.sequence = n as u16;
        packet.marker = n % 49 == 0;
    }
    let played = play(&sent, 9.0, 1_000, 0);
    assert_eq!(played.stats.lost, 0, "{:?}", played.stats);
    let spurts = played.voiced.windows(2).filter(|pair| !pair[0] && pair[1]).count();
    assert_eq!(spurts, 3);
    for silent_second in [1.3, 2.0, 4.3, 5.0, 7.3] {
        let start = (silent_second * 48_000.0) as usize;
        let part = &played.samples[start..start + 24_000];
        assert!(part.iter().all(|sample| *sample == 0.0), "at {silent_second} s");
    }
    assert!(played.delays_ms.iter().all(|delay| *delay < 20.0));
}

#[test]
fn a_spurt_that_says_it_ends_is_not_continued() {
    let mut sent = send(&signals::voice(96_000, 125.0, 6), &EncoderConfig::default(), |_| Some(2_000));
    // Each second of the voice ends in the middle of a vowel, as when somebody lets a key go; between
    // them there is a second of nothing.
    for (n, packet) in sent.iter_mut().enumerate().skip(50) {
        packet.arrival_us += 1_000_000;
        packet.sequence = packet.sequence.wrapping_add(1);
        packet.timestamp = packet.timestamp.wrapping_add(48_000);
        packet.marker = n == 50;
    }
    for last in [99, 49] {
        let mut announcement = sent[last].clone();
        announcement.arrival_us += 20_000;
        announcement.sequence = announcement.sequence.wrapping_add(1);
        announcement.timestamp = announcement.timestamp.wrapping_add(960);
        announcement.payload.truncate(1);
        sent.insert(last + 1, announcement);
    }
    let played = play(&sent, 3.5, 1_000, 0);
    let JitterStats { received, lost, concealed_samples, .. } = played.stats;
    assert_eq!((received, lost, concealed_samples), (102, 0, 0));
    let voiced = |from_ms: usize, to_ms: usize| &played.voiced[from_ms / 10..to_ms / 10];
    assert!(voiced(100, 1_000).iter().all(|voiced| *voiced));
    assert!(voiced(1_060, 2_000).iter().all(|voiced| !*voiced));
    assert!(voiced(2_060, 3_000).iter().all(|voiced| *voiced));
    assert!(voiced(3_060, 3_500).iter().all(|voiced| !*voiced));
}

#[test]
fn another_source_in_the_slot_follows_without_a_gap() {
    let (first, second) = (signals::voice(96_000, 110.0, 7), signals::voice(96_000, 210.0, 8));
    let mut sent = send(&first, &EncoderConfig::default(), |_| Some(1_000));
    sent.truncate(50);
    let taken_over = send(&second, &EncoderConfig::default(), |_| Some(1_000));
    for (n, mut packet) in taken_over.into_iter().enumerate().take(50) {
        packet.sequence = packet.sequence.wrapping_add(50);
        packet.timestamp = packet.timestamp.wrapping_add(50 * 960);
        packet.arrival_us += 1_000_000;
        packet.source = 8;
        packet.marker = n == 0;
        sent.push(packet);
    }
    let played = play(&sent, 2.0, 5_000, 0);
    assert_eq!(played.stats.lost, 0);
    assert_eq!(played.stats.concealed_samples, 0);
    let first_voice = played.voiced.iter().position(|v| *v).unwrap();
    assert!(played.voiced[first_voice..190].iter().all(|v| *v), "no gap");
    let sources: Vec<u32> = played.sources.concat();
    let mut order = sources.clone();
    order.dedup();
    assert_eq!(order, [SOURCE, 8]);
    let (likeness, _) = signals::align(&second[9_600..38_400], &played.samples[57_600..], 4_800);
    assert!(likeness > 0.9, "the second voice is itself: {likeness}");
}

#[test]
fn a_burst_of_loss_fades_instead_of_buzzing() {
    let voice = signals::voice(48_000 * 4, 120.0, 9);
    let sent = send(&voice, &EncoderConfig::default(), |n| (!(100..150).contains(&n)).then_some(1_000));
    let played = play(&sent, 4.0, 0, 0);
    // The second half of the missing second is silent.
    let silent = &played.samples[48_000 * 25 / 10..48_000 * 29 / 10];
    assert!(silent.iter().all(|s| s.abs() < 1e-3));
    assert_eq!(played.stats.lost, 50);
    let after = &played.samples[48_000 * 32 / 10..48_000 * 38 / 10];
    assert!(signals::power_db(after) > -40.0, "the voice is back");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// 20 % loss, 200 ms of jitter, reordering, duplicates: it never panics, never grows without
    /// bound, and plays on.
    #[test]
    fn no_network_is_bad_enough(seed in any::<u64>(), loss in 0.0_f32..0.3, jitter_ms in 0_u64..200) {
        let voice = signals::voice(48_000 * 5, 120.0, seed);
        let mut random = Random::new(seed);
        let mut sent = send(&voice, &EncoderConfig::default(), |_| {
            (random.unit() >= loss).then(|| (random.unit() * (jitter_ms * 1_000) as f32) as u64)
        });
        let copies: Vec<Sent> = sent.iter().filter(|_| random.unit() < 0.1).cloned().collect();
        sent.extend(copies.into_iter().map(|mut copy| {
            copy.arrival_us += (random.unit() * 300_000.0) as u64;
            copy
        }));
        sent.sort_by_key(|packet| packet.arrival_us);
        let played = play(&sent, 5.5, 3_000, 2_000);
        prop_assert!(played.samples.iter().all(|s| s.is_finite()));
        prop_assert!(played.stats.delay_target <= Duration::from_millis(400));
        let worst = played.delays_ms.iter().copied().fold(0.0, f64::max);
        prop_assert!(worst < 700.0, "waited {worst} ms");
        // From the first to the last packet somebody is heard nearly all the time.
        let voiced = played.voiced[60..480].iter().filter(|v| **v).count();
        prop_assert!(voiced >= 360, "{voiced} of 420 frames, {:?}", played.stats);
    }

    /// Whatever a hostile peer writes into headers and payloads.
    #[test]
    fn rubbish_is_survived(
        packets in prop::collection::vec(
            (any::<u16>(), any::<u32>(), 0_u32..3, any::<bool>(), prop::collection::vec(any::<u8>(), 0..40), 0_u64..50_000),
            1..300,
        ),
    ) {
        let start = Instant::now();
        let mut buffer = JitterBuffer::new(start, JitterConfig::default()).unwrap();
        let mut frame: Frame = [0.0; 480];
        let mut now = start;
        for (sequence, timestamp, source, marker, payload, pause_us) in &packets {
            now += Duration::from_micros(*pause_us);
            let (sequence, timestamp) = (*sequence % 64, *timestamp);
            buffer.insert(now, &IncomingPacket {
                sequence, timestamp, source: *source, marker: *marker, payload,
            });
            buffer.pull(now, &mut frame);
            prop_assert!(frame.iter().all(|s| s.is_finite()));
        }
        // And then it falls silent.
        for _ in 0..400 {
            now += Duration::from_millis(10);
            buffer.pull(now, &mut frame);
        }
        prop_assert!(buffer.pull(now, &mut frame).is_none());
    }
}

#[test]
fn what_is_no_packet_is_refused() {
    let now = Instant::now();
    let mut buffer = JitterBuffer::new(now, JitterConfig::default()).unwrap();
    let packet =
        |sequence, payload| IncomingPacket { sequence, timestamp: 0, source: 1, marker: false, payload };
    assert_eq!(buffer.insert(now, &packet(1, &[])), Insert::Invalid);
    assert_eq!(buffer.insert(now, &packet(1, &[0x03, 0x00])), Insert::Invalid);
    assert_eq!(buffer.insert(now, &packet(1, &[0; 1500])), Insert::Invalid);
    assert_eq!(buffer.insert(now, &packet(1, &[0xF8, 0xFF, 0xFE])), Insert::Queued);
    assert_eq!(buffer.insert(now, &packet(1, &[0xF8, 0xFF, 0xFE])), Insert::Duplicate);
}
