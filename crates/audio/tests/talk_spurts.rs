//! A hundred times somebody says something, and each is heard whole, from the first syllable to the
//! last.

mod signals;
mod speech;

use voicehall_audio::{
    Decoder, Frame, NoiseSuppression, Uplink, UplinkConfig, UplinkEncoder, UplinkEncoderConfig,
};

const SPURTS: usize = 100;

/// About a syllable, in samples: 80 ms; and its edge: 20 ms.
const SYLLABLE: usize = 3_840;
const EDGE: usize = 960;

/// What the chain and the codec delay at most, in samples: 10 ms.
const DELAY_MAX: usize = 480;

/// What people say in a game, that begins and ends with every kind of sound.
const WORDS: [&str; 20] = [
    "Help me!",
    "Behind you.",
    "Fall back.",
    "Someone shot.",
    "Push now.",
    "Take cover.",
    "Yes.",
    "Follow that.",
    "Which house?",
    "Here's one left.",
    "Go, go!",
    "Keep quiet.",
    "Thanks.",
    "Shh.",
    "Four of them.",
    "Careful, they flank.",
    "Almost.",
    "No.",
    "Stop it.",
    "Good game.",
];

/// What others hear of a microphone, in the microphone's time.
fn heard(samples: &[f32], config: UplinkConfig) -> Vec<f32> {
    let mut uplink = Uplink::new(config);
    let mut encoder = UplinkEncoder::new(UplinkEncoderConfig::default(), 0).unwrap();
    let mut decoder = Decoder::new().unwrap();
    let mut heard = vec![0.0; samples.len() + 48_000];
    for chunk in samples.chunks_exact(480) {
        let mut frame: Frame = chunk.try_into().unwrap();
        let report = uplink.process(&mut frame, None);
        encoder
            .push(&frame, &report, |packet| {
                let mut out = [0.0; 960];
                let decoded = decoder.decode(packet.payload, &mut out).unwrap();
                let at = packet.timestamp as usize;
                heard[at..at + decoded].copy_from_slice(&out[..decoded]);
            })
            .unwrap();
    }
    heard
}

/// Where the voice of a spurt is loud enough to be missed: its first and last such place.
fn edges(spurt: &[f32]) -> (usize, usize) {
    let energies: Vec<f32> = spurt.chunks_exact(480).map(speech::energy).collect();
    let loudest = energies.iter().copied().fold(0.0, f32::max);
    let audible = |energy: &f32| *energy > loudest * 1e-3;
    let first = energies.iter().position(audible).unwrap();
    let last = energies.iter().rposition(audible).unwrap();
    (first * 480, (last + 1) * 480)
}

/// The syllables that are not heard as they were said: first and last of each spurt.
fn clipped(talk: &speech::Talk, heard: &[f32]) -> Vec<String> {
    let mut clipped = Vec::new();
    for (n, (from, to)) in talk.spurts.iter().enumerate() {
        let said = &talk.samples[from * 480..(to + 1) * 480];
        let (first, last) = edges(said);
        let (_, delay) = signals::align(said, &heard[from * 480..(to + 1) * 480 + DELAY_MAX], DELAY_MAX);
        let syllable = SYLLABLE.min(last - first);
        let parts = [
            ("first syllable", first, syllable, -6.0),
            ("first edge", first, EDGE, -10.0),
            ("last syllable", last - syllable, syllable, -6.0),
            ("last edge", last - EDGE, EDGE, -10.0),
        ];
        for (which, at, length, kept_db_min) in parts {
            // A codec keeps a hiss as loud as it was and nothing else of it, so loudness is compared.
            let heard = &heard[from * 480 + at + delay..][..length];
            let kept_db = signals::power_db(heard) - signals::power_db(&said[at..at + length]);
            if kept_db < kept_db_min {
                clipped.push(format!("{which} of {n} ({}): {kept_db:.1} dB", WORDS[n % WORDS.len()]));
            }
        }
    }
    clipped
}

#[test]
fn no_first_and_no_last_syllable_of_a_hundred_talk_spurts_is_clipped() {
    let spurts: Vec<Vec<f32>> = (0..SPURTS)
        .map(|n| speech::speak(speech::VOICES[n / 20 % speech::VOICES.len()], WORDS[n % WORDS.len()]))
        .collect();
    let talk = speech::talk(&spurts, 500, 0.25);
    // A room that is quiet but not silent.
    let hiss = signals::noise(talk.samples.len(), 0.0005, 9);
    let microphone: Vec<f32> = talk.samples.iter().zip(&hiss).map(|(voice, hiss)| voice + hiss).collect();
    let config = UplinkConfig {
        echo_cancellation: false,
        noise_suppression: NoiseSuppression::Off,
        ..UplinkConfig::default()
    };
    let mut heard = heard(&microphone, config);
    let found = clipped(&talk, &heard);
    assert!(found.is_empty(), "{found:#?}");

    // Whoever judges so would notice 30 ms that are missing.
    for (from, _) in &talk.spurts {
        heard[from * 480..from * 480 + 1_440 + DELAY_MAX / 2].fill(0.0);
    }
    assert!(clipped(&talk, &heard).len() >= SPURTS * 9 / 10);
}
