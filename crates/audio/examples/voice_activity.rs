//! How well voice activity tells speech from the noise of a fan, a keyboard and a street, at three
//! ratios of speech to noise, with the settings that people get who change none. Needs `espeak-ng`.
//!
//! Appends its figures to the file given after `--json`, one JSON object a line.

#[path = "../tests/signals/mod.rs"]
mod signals;
#[path = "../tests/speech/mod.rs"]
mod speech;

use std::io::Write;

use speech::verdict::Verdict;
use speech::{Noise, SENTENCES, Talk, VOICES, mix, speak, talk};
use voicehall_audio::UplinkConfig;

/// Sentences that each voice says.
const SPURTS: usize = 6;

/// Silence of voices between them, in ms.
const PAUSE_MS: usize = 1_600;

/// Loudest sample of a voice.
const PEAK: f32 = 0.25;

fn main() {
    let talks: Vec<Talk> = (0..VOICES.len())
        .map(|voice| {
            let sentences = (0..SPURTS).map(|n| SENTENCES[(voice * 5 + n) % SENTENCES.len()]);
            let spurts: Vec<Vec<f32>> = sentences.map(|text| speak(VOICES[voice], text)).collect();
            talk(&spurts, PAUSE_MS, PEAK)
        })
        .collect();
    // What the echo canceller does is another matter: nothing is played here.
    let config = UplinkConfig { echo_cancellation: false, ..UplinkConfig::default() };
    let mut all = Verdict::default();
    for noise in [Noise::Fan, Noise::Keyboard, Noise::Street] {
        for snr_db in [5.0, 10.0, 20.0] {
            let mut verdict = Verdict::default();
            for (seed, talk) in talks.iter().enumerate() {
                verdict.add(Verdict::of(talk, &mix(talk, noise, snr_db, 7 + seed as u64), config));
            }
            println!(
                "{noise:?} at {snr_db} dB: {:.1} % of speech heard, {:.1} % of noise; {} of {} onsets clipped",
                verdict.hit_pct(),
                verdict.false_pct(),
                verdict.clipped_onsets,
                verdict.spurts,
            );
            all.add(verdict);
        }
    }
    let figures = [
        ("gaming.clipped_pct", all.clipped_pct(), "1"),
        ("gaming.vad_hit_pct", all.hit_pct(), r#"{"at_least":99}"#),
        ("gaming.vad_false_pct", all.false_pct(), "10"),
    ]
    .map(|(name, value, goal)| format!(r#"{{"name":"{name}","value":{value},"unit":"%","goal":{goal}}}"#));
    figures.iter().for_each(|figure| println!("{figure}"));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [option, path] = &arguments[..]
        && option == "--json"
    {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        let written =
            file.and_then(|mut file| figures.iter().try_for_each(|figure| writeln!(file, "{figure}")));
        written.expect("the figures can be written");
    }
}
