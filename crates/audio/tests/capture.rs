//! The capture chain and the packets it makes.

mod signals;

use voicehall_audio::{
    CaptureReport, Decoder, EncoderConfig, Frame, FrameDuration, GateMode, NoiseSuppression, Uplink,
    UplinkConfig, UplinkEncoder, UplinkEncoderConfig, VoiceActivity,
};

fn frames(samples: &[f32]) -> impl Iterator<Item = Frame> + '_ {
    samples.chunks_exact(480).map(|chunk| chunk.try_into().unwrap())
}

/// Runs a chain over samples and returns what comes out with each frame's report.
fn process(config: UplinkConfig, samples: &[f32]) -> (Vec<f32>, Vec<CaptureReport>) {
    let mut uplink = Uplink::new(config);
    let (mut out, mut reports) = (Vec::new(), Vec::new());
    for mut frame in frames(samples) {
        reports.push(uplink.process(&mut frame, None));
        out.extend_from_slice(&frame);
    }
    (out, reports)
}

#[derive(Debug, Clone, PartialEq)]
struct Kept {
    timestamp: u32,
    marker: bool,
    level: u8,
    voice: bool,
    payload: Vec<u8>,
    /// The frame that was pushed when it came out.
    frame: usize,
}

fn packets(
    uplink: &mut Uplink,
    config: UplinkEncoderConfig,
    samples: &[f32],
    mut before: impl FnMut(usize, &mut Uplink),
) -> Vec<Kept> {
    let mut encoder = UplinkEncoder::new(config, 1_000).unwrap();
    let mut kept = Vec::new();
    for (n, mut frame) in frames(samples).enumerate() {
        before(n, uplink);
        let report = uplink.process(&mut frame, None);
        encoder
            .push(&frame, &report, |packet| {
                kept.push(Kept {
                    timestamp: packet.timestamp,
                    marker: packet.marker,
                    level: packet.audio_level.get(),
                    voice: packet.voice,
                    payload: packet.payload.to_vec(),
                    frame: n,
                });
            })
            .unwrap();
    }
    kept
}

/// Silence with a voice from one time to another, in ms.
fn voice_between(total_ms: usize, from_ms: usize, to_ms: usize) -> Vec<f32> {
    let mut samples = signals::noise(total_ms * 48, 0.0005, 5);
    let voice = signals::voice((to_ms - from_ms) * 48, 130.0, 11);
    for (sum, sample) in samples[from_ms * 48..].iter_mut().zip(voice) {
        *sum += sample;
    }
    samples
}

#[test]
fn everything_off_changes_no_sample() {
    let samples = signals::voice(48_000, 120.0, 1);
    let (out, reports) = process(UplinkConfig::UNPROCESSED, &samples);
    assert_eq!(out, samples);
    assert!(reports.iter().all(|report| report.talking && report.input == report.output));
}

#[test]
fn echo_is_cancelled_by_more_than_20_db() {
    let played = signals::voice(48_000 * 12, 115.0, 21);
    // The room: 45 ms later, quieter, with two reflections and a little noise of its own.
    let noise = signals::noise(played.len(), 0.0003, 22);
    let echo = |n: usize, delay: usize| n.checked_sub(delay).map_or(0.0, |n| played[n]);
    let heard: Vec<f32> = (0..played.len())
        .map(|n| 0.3 * echo(n, 2_160) + 0.1 * echo(n, 2_700) + 0.05 * echo(n, 3_900) + noise[n])
        .collect();
    let config = UplinkConfig {
        echo_cancellation: true,
        noise_suppression: NoiseSuppression::Off,
        ..UplinkConfig::UNPROCESSED
    };
    let mut uplink = Uplink::new(config);
    let mut out = Vec::new();
    for (mut microphone, reference) in frames(&heard).zip(frames(&played)) {
        uplink.process(&mut microphone, Some(&reference));
        out.extend_from_slice(&microphone);
    }
    let last_seconds = 48_000 * 8..;
    let reduction = signals::power_db(&heard[last_seconds.clone()]) - signals::power_db(&out[last_seconds]);
    assert!(reduction >= 20.0, "{reduction} dB");
}

#[test]
fn a_near_voice_survives_echo_cancellation() {
    let near = signals::voice(48_000 * 6, 180.0, 23);
    let config = UplinkConfig { echo_cancellation: true, ..UplinkConfig::UNPROCESSED };
    let (out, _) = process(config, &near);
    let loss = signals::power_db(&near[96_000..]) - signals::power_db(&out[96_000..]);
    assert!(loss.abs() < 3.0, "{loss} dB");
}

#[test]
fn noise_suppression_improves_the_signal_to_noise_ratio() {
    // Two seconds of voice and two of pause, in steady noise.
    let mut samples = signals::noise(48_000 * 12, 0.02, 31);
    let voice = signals::voice(samples.len(), 125.0, 32);
    for (n, (sum, sample)) in samples.iter_mut().zip(&voice).enumerate() {
        if n / 96_000 % 2 == 0 {
            *sum += sample;
        }
    }
    let ratio = |samples: &[f32]| {
        let part = |second: usize| &samples[second * 48_000 + 12_000..(second + 2) * 48_000 - 12_000];
        signals::power_db(part(8)) - signals::power_db(part(10))
    };
    let before = ratio(&samples);
    for (suppression, gained_min) in [(NoiseSuppression::Standard, 6.0), (NoiseSuppression::Strong, 12.0)] {
        let config = UplinkConfig { noise_suppression: suppression, ..UplinkConfig::UNPROCESSED };
        let gained = ratio(&process(config, &samples).0) - before;
        assert!(gained >= gained_min, "{suppression:?}: {gained} dB");
    }
}

#[test]
fn the_high_pass_takes_rumble_and_leaves_voices() {
    let config = UplinkConfig { high_pass: true, ..UplinkConfig::UNPROCESSED };
    let settled = |hertz| {
        let (out, _) = process(config, &signals::tone(96_000, hertz, 0.5));
        signals::amplitude_at(&out[48_000..], hertz) / 0.5
    };
    assert!(settled(20.0) < 0.1, "{}", settled(20.0));
    assert!((0.9..1.1).contains(&settled(1_000.0)), "{}", settled(1_000.0));
    assert!((0.8..1.1).contains(&settled(9_000.0)), "{}", settled(9_000.0));
}

#[test]
fn fixed_gain_is_exact_and_never_clips() {
    let gain = |gain_db| UplinkConfig { gain_db, ..UplinkConfig::UNPROCESSED };
    let (out, _) = process(gain(6.0), &signals::tone(48_000, 440.0, 0.1));
    let amplitude = signals::amplitude_at(&out[24_000..], 440.0);
    assert!((amplitude - 0.1995).abs() < 0.001, "{amplitude}");
    let (out, _) = process(gain(30.0), &signals::tone(48_000, 440.0, 0.5));
    assert!(out.iter().all(|sample| sample.abs() <= 1.0));
    process(gain(f32::NAN), &signals::tone(4_800, 440.0, 0.5));
}

#[test]
fn automatic_gain_brings_a_soft_voice_up() {
    let config = UplinkConfig { automatic_gain: true, ..UplinkConfig::UNPROCESSED };
    // A pause in every third second, from which the background is judged.
    let soft: Vec<f32> = signals::voice(48_000 * 10, 130.0, 41)
        .iter()
        .enumerate()
        .map(|(n, sample)| if n / 48_000 % 3 == 2 { 0.0 } else { sample * 0.02 })
        .collect();
    let (out, _) = process(config, &soft);
    let gained = signals::power_db(&out[432_000..]) - signals::power_db(&soft[432_000..]);
    assert!(gained > 6.0, "{gained} dB");
    assert!(out.iter().all(|sample| sample.abs() <= 1.0));
    // Who wants to be louder or softer still is.
    let (softer, _) = process(UplinkConfig { gain_db: -6.0, ..config }, &soft);
    let difference = signals::power_db(&softer[432_000..]) - signals::power_db(&out[432_000..]);
    assert!((difference + 6.0).abs() < 0.1, "{difference} dB");
}

#[test]
fn samples_that_are_no_numbers_do_not_stay() {
    let mut uplink = Uplink::new(UplinkConfig::default());
    let mut frame = [f32::NAN; 480];
    frame[7] = f32::INFINITY;
    uplink.process(&mut frame, None);
    let mut after = [0.1; 480];
    uplink.process(&mut after, None);
    assert!(frame.iter().chain(&after).all(|sample| sample.is_finite()));
}

#[test]
fn a_voice_opens_the_gate_and_nothing_else_does() {
    let config = UplinkConfig {
        gate: GateMode::VoiceActivity(VoiceActivity { threshold: Some(0.5), hangover_ms: 300 }),
        ..UplinkConfig::UNPROCESSED
    };
    let (_, reports) = process(config, &voice_between(4_000, 1_000, 3_000));
    let talking = |from_ms: usize, to_ms: usize| {
        let part = &reports[from_ms / 10..to_ms / 10];
        part.iter().filter(|report| report.talking).count() as f32 / part.len() as f32
    };
    assert_eq!(talking(0, 1_000), 0.0, "background noise is no voice");
    assert!(talking(1_100, 3_000) > 0.95, "{}", talking(1_100, 3_000));
    assert_eq!(talking(3_600, 4_000), 0.0);
}

#[test]
fn pre_roll_keeps_the_onset() {
    let samples = voice_between(3_000, 1_000, 2_500);
    let config = UplinkConfig { gate: GateMode::default(), ..UplinkConfig::UNPROCESSED };
    let by_voice = UplinkEncoderConfig::default();
    let sent = packets(&mut Uplink::new(config), by_voice, &samples, |_, _| {});
    let start_ms = (sent[0].timestamp - 1_000) / 48;
    assert!((950..=1_000).contains(&start_ms), "starts at {start_ms} ms");
    assert!(sent[0].frame > 100, "the detector alone is too late, or the test is void");

    let key = |pressed| GateMode::PushToTalk { pressed, release_ms: 0 };
    let config = UplinkConfig { gate: key(false), ..UplinkConfig::UNPROCESSED };
    let sent = |pressed_at: usize| {
        let codec = EncoderConfig { dtx: false, ..EncoderConfig::default() };
        let encoder = UplinkEncoderConfig { codec, ..UplinkEncoderConfig::default() };
        packets(&mut Uplink::new(config), encoder, &samples, |n, uplink| {
            if n == pressed_at {
                uplink.configure(UplinkConfig { gate: key(true), ..config });
            }
        })
    };
    let start_ms = |sent: &[Kept]| (sent[0].timestamp - 1_000) / 48;
    // Pressed before anything is said, only the packet is filled up.
    assert_eq!(start_ms(&sent(80)), 790);
    // Pressed in the first word, all that was said of it is sent; long after, no more than is worth it.
    let late = sent(104);
    assert!((950..=1_000).contains(&start_ms(&late)), "starts at {} ms", start_ms(&late));
    assert!((1_390..=1_400).contains(&start_ms(&sent(150))), "{}", start_ms(&sent(150)));
    // Packets follow each other without a hole, and only the first has the marker.
    for pair in late.windows(2) {
        assert_eq!(pair[1].timestamp - pair[0].timestamp, 960);
        assert!(!pair[1].marker);
    }
    assert!(late[0].marker);
}

#[test]
fn silence_makes_no_packets_and_time_goes_on() {
    let mut samples = voice_between(3_000, 500, 1_000);
    samples.extend(voice_between(3_000, 500, 1_000));
    let config = UplinkConfig { gate: GateMode::default(), ..UplinkConfig::UNPROCESSED };
    for duration in [FrameDuration::Ms10, FrameDuration::Ms20] {
        let encoder = UplinkEncoderConfig { duration, ..UplinkEncoderConfig::default() };
        let kept = packets(&mut Uplink::new(config), encoder, &samples, |_, _| {});
        let spurts: Vec<&Kept> = kept.iter().filter(|packet| packet.marker).collect();
        assert_eq!(spurts.len(), 2, "{duration:?}");
        let apart = spurts[1].timestamp - spurts[0].timestamp;
        assert!(apart.abs_diff(3_000 * 48) < 960 * 3, "{duration:?}: {apart}");
        for packet in &kept {
            let ms = packet.frame * 10 % 3_000;
            assert!((500..1_500).contains(&ms), "{duration:?}: a packet at {ms} ms");
            assert_eq!(packet.level == 127, packet.level > 90, "levels are those of the voice");
        }
        // Each spurt ends by fading into silence, and by saying so once.
        let announcements: Vec<usize> = (0..kept.len()).filter(|n| kept[*n].payload.len() <= 2).collect();
        let second = kept.iter().rposition(|packet| packet.marker).unwrap();
        assert_eq!(announcements, [second - 1, kept.len() - 1], "{duration:?}");
        for end in announcements {
            let [last, silence] = &kept[end - 1..=end] else { unreachable!() };
            assert!(last.level > 50, "{duration:?}: {}", last.level);
            assert_eq!(silence.timestamp - last.timestamp, duration.samples() as u32);
            assert_eq!((silence.level, silence.voice), (127, false));
        }
    }
}

#[test]
fn an_open_gate_in_silence_is_stopped_by_dtx() {
    let mut samples = signals::voice(48_000, 130.0, 51);
    samples.extend(vec![0.0; 48_000 * 4]);
    let kept = packets(
        &mut Uplink::new(UplinkConfig::UNPROCESSED),
        UplinkEncoderConfig::default(),
        &samples,
        |_, _| {},
    );
    let (last, before) = kept.split_last().unwrap();
    assert!(last.frame < 200, "a packet after {} frames", last.frame);
    assert_eq!((last.payload.len(), last.level, last.marker), (1, 127, false), "silence is announced");
    assert!(before.iter().all(|packet| packet.payload.len() > 2), "and only once");
    assert_eq!(last.timestamp - before.last().unwrap().timestamp, 960);
    assert!(kept.iter().filter(|packet| packet.frame < 100).count() >= 49);
}

#[test]
fn what_is_said_while_muted_is_never_sent() {
    // A loud tone while muted, quiet afterwards; then somebody presses the key.
    let mut samples = signals::tone(48_000, 700.0, 0.8);
    samples.extend(vec![0.0; 48_000]);
    let gate = |gate| UplinkConfig { gate, ..UplinkConfig::UNPROCESSED };
    let mut uplink = Uplink::new(gate(GateMode::Closed));
    let talk = GateMode::PushToTalk { pressed: true, release_ms: 0 };
    let config = UplinkEncoderConfig::default();
    let kept = packets(&mut uplink, config, &samples, |n, uplink| {
        if n == 100 {
            uplink.configure(gate(talk));
        }
    });
    let mut decoder = Decoder::new().unwrap();
    let mut out = [0.0; 960];
    for packet in &kept {
        assert!(packet.frame >= 100);
        decoder.decode(&packet.payload, &mut out).unwrap();
        assert!(signals::power_db(&out) < -60.0, "{} dB", signals::power_db(&out));
    }
}

#[test]
fn a_voice_is_noticed_while_muted_and_nothing_of_it_is_left() {
    for gate in [GateMode::Closed, GateMode::PushToMute { pressed: true, release_ms: 0 }] {
        let config = UplinkConfig { gate, ..UplinkConfig::UNPROCESSED };
        let (out, reports) = process(config, &voice_between(2_000, 500, 1_500));
        assert!(out.iter().all(|sample| *sample == 0.0));
        let voiced = reports[60..150].iter().filter(|report| report.voice_probability > 0.5).count();
        assert!(voiced > 80, "noticed in {voiced} of 90 frames");
        assert!(reports.iter().all(|report| !report.talking && report.audio_level.get() == 127));
    }
}

#[test]
fn what_was_said_just_before_the_key_is_sent_with_it() {
    let samples = signals::tone(96_000, 700.0, 0.3);
    let mode = |pressed| UplinkConfig {
        gate: GateMode::PushToTalk { pressed, release_ms: 0 },
        ..UplinkConfig::UNPROCESSED
    };
    let mut uplink = Uplink::new(mode(false));
    let config = UplinkEncoderConfig::default();
    let kept = packets(&mut uplink, config, &samples, |n, uplink| {
        if n == 100 {
            uplink.configure(mode(true));
        }
    });
    assert_eq!((kept[0].timestamp - 1_000) / 48, 890, "100 ms before the key, and a whole packet");
    // All of it leaves with the key's own frame: nothing waits for its own time to pass.
    assert_eq!(kept.iter().filter(|packet| packet.frame == 100).count(), 6);
}

#[test]
fn a_closed_microphone_does_not_stop_time() {
    let mut encoder = UplinkEncoder::new(UplinkEncoderConfig::default(), u32::MAX - 100).unwrap();
    encoder.skip(480);
    assert_eq!(encoder.timestamp(), 379);
}
