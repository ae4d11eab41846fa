//! The playback chain: several voices at once, each with its volume.

mod signals;

use std::time::{Duration, Instant};

use voicehall_audio::{
    Downlink, Encoder, EncoderConfig, Frame, IncomingPacket, Insert, JitterConfig, PAYLOAD_BYTES_MAX,
    VOICE_SLOTS,
};

/// Somebody who sounds a tone in a slot.
struct Speaker {
    slot: usize,
    source: u32,
    encoder: Encoder,
    hertz: f32,
    amplitude: f32,
    sequence: u16,
}

impl Speaker {
    fn new(slot: usize, hertz: f32, amplitude: f32) -> Self {
        let config = EncoderConfig { dtx: false, ..EncoderConfig::default() };
        Self {
            slot,
            source: 100 + slot as u32,
            encoder: Encoder::new(&config).unwrap(),
            hertz,
            amplitude,
            sequence: 0,
        }
    }

    fn speak(&mut self, downlink: &mut Downlink, now: Instant) {
        let start = usize::from(self.sequence) * 960;
        let tone = signals::tone(start + 960, self.hertz, self.amplitude);
        let mut payload = [0; PAYLOAD_BYTES_MAX];
        let bytes = self.encoder.encode(&tone[start..], &mut payload).unwrap();
        let packet = IncomingPacket {
            sequence: self.sequence,
            timestamp: start as u32,
            source: self.source,
            marker: self.sequence == 0,
            payload: &payload[..bytes],
        };
        assert_eq!(downlink.insert(self.slot, now, &packet), Insert::Queued);
        self.sequence += 1;
    }
}

/// One second of everybody speaking; `each_frame` sees the downlink before every pull.
fn run(speakers: &mut [Speaker], mut each_frame: impl FnMut(usize, &mut Downlink)) -> Vec<f32> {
    let start = Instant::now();
    let mut downlink = Downlink::new(start, JitterConfig::default()).unwrap();
    let mut out = Vec::new();
    let mut mix: Frame = [0.0; 480];
    for n in 0..100 {
        let now = start + Duration::from_millis(n as u64 * 10);
        if n % 2 == 0 {
            speakers.iter_mut().for_each(|speaker| speaker.speak(&mut downlink, now));
        }
        each_frame(n, &mut downlink);
        downlink.pull(now + Duration::from_millis(1), &mut mix);
        out.extend_from_slice(&mix);
    }
    out
}

fn three() -> [Speaker; 3] {
    [Speaker::new(0, 500.0, 0.1), Speaker::new(3, 900.0, 0.1), Speaker::new(7, 1_400.0, 0.1)]
}

/// How loud each of the three is in the settled half of what was heard.
fn loudness(out: &[f32]) -> [f32; 3] {
    [500.0, 900.0, 1_400.0].map(|hertz| signals::amplitude_at(&out[24_000..], hertz))
}

#[test]
fn three_at_once_are_all_heard() {
    for heard in loudness(&run(&mut three(), |_, _| {})) {
        assert!((0.085..0.115).contains(&heard), "{heard}");
    }
}

#[test]
fn a_volume_changes_only_its_person() {
    for (volume, expected) in [(0.0, 0.0), (0.5, 0.5), (2.0, 2.0), (9.0, 2.0)] {
        let before = loudness(&run(&mut three(), |_, _| {}));
        // Set before the person was ever heard.
        let after = loudness(&run(&mut three(), |n, downlink| {
            if n == 0 {
                downlink.set_volume(103, volume);
            }
        }));
        assert!((after[1] / before[1] - expected).abs() < 0.02, "{volume}: {after:?}");
        for other in [0, 2] {
            assert!((after[other] / before[other] - 1.0).abs() < 0.02, "{volume}: {after:?}");
        }
    }
}

#[test]
fn a_volume_follows_its_person_and_fades() {
    let out = run(&mut three()[..1], |n, downlink| {
        if n == 70 {
            downlink.set_volume(100, 0.0);
        }
    });
    assert!(out[48_000 * 80 / 100..].iter().all(|sample| sample.abs() < 1e-6));
    let steepest = |part: &[f32]| part.windows(2).map(|p| (p[1] - p[0]).abs()).fold(0.0_f32, f32::max);
    let (fade, before) = (&out[48_000 * 69 / 100..48_000 * 73 / 100], &out[24_000..28_800]);
    assert!(steepest(fade) <= steepest(before) * 1.1, "no click");
}

#[test]
fn eight_shouting_at_once_stay_below_full_scale() {
    let mut all: Vec<Speaker> =
        (0..VOICE_SLOTS).map(|slot| Speaker::new(slot, 300.0 + 70.0 * slot as f32, 0.9)).collect();
    let out = run(&mut all, |_, downlink| {
        (100..108).for_each(|source| downlink.set_volume(source, 2.0));
    });
    assert!(out.iter().all(|sample| sample.abs() <= 1.0));
    assert!(signals::power_db(&out[24_000..]) > -12.0);
}

#[test]
fn who_is_heard_is_known_and_forgotten() {
    let mut seen = Vec::new();
    run(&mut three(), |n, downlink| {
        if n == 50 {
            seen = downlink.audible().to_vec();
        }
    });
    let mut sources: Vec<u32> = seen.iter().map(|audible| audible.source).collect();
    sources.sort_unstable();
    assert_eq!(sources, [100, 103, 107]);
    assert!(seen.iter().all(|audible| (-25.0..-20.0).contains(&audible.level.rms_dbfs)));

    let start = Instant::now();
    let mut downlink = Downlink::new(start, JitterConfig::default()).unwrap();
    Speaker::new(0, 500.0, 0.1).speak(&mut downlink, start);
    let mut mix: Frame = [0.0; 480];
    for n in 1..200_u64 {
        downlink.pull(start + Duration::from_millis(n * 10), &mut mix);
    }
    assert!(downlink.audible().is_empty());
}

#[test]
fn a_tap_hears_everybody_apart_and_at_their_own_volume() {
    let start = Instant::now();
    let mut downlink = Downlink::new(start, JitterConfig::default()).unwrap();
    downlink.set_volume(100, 0.0);
    let mut speakers = three();
    let mut tracks = [const { Vec::new() }; 3];
    let mut mix: Frame = [0.0; 480];
    for n in 0..100_u64 {
        let now = start + Duration::from_millis(n * 10);
        if n % 2 == 0 {
            speakers.iter_mut().for_each(|speaker| speaker.speak(&mut downlink, now));
        }
        downlink.pull_with_tap(now + Duration::from_millis(1), &mut mix, |source, _, samples| {
            let track = [100, 103, 107].iter().position(|id| *id == source).unwrap();
            tracks[track].extend_from_slice(samples);
        });
    }
    for (track, hertz) in tracks.iter().zip([500.0, 900.0, 1_400.0]) {
        let own = signals::amplitude_at(&track[24_000..], hertz);
        assert!((0.085..0.115).contains(&own), "{hertz} Hz: {own}");
    }
    assert!(signals::amplitude_at(&tracks[1][24_000..], 500.0) < 0.001, "nobody else");
}

#[test]
fn there_is_no_ninth_slot() {
    let now = Instant::now();
    let mut downlink = Downlink::new(now, JitterConfig::default()).unwrap();
    let packet =
        IncomingPacket { sequence: 1, timestamp: 1, source: 1, marker: true, payload: &[0xF8, 0xFF, 0xFE] };
    assert_eq!(downlink.insert(VOICE_SLOTS, now, &packet), Insert::Invalid);
    assert!(downlink.stats(VOICE_SLOTS).is_none());
}
