//! The browser's side of the rig: its user's own microphone goes in, its own speaker comes out.

use voicehall_test_e2e::browser::Browser;
use voicehall_test_e2e::measure::is_silent;
use voicehall_test_e2e::quality::pesq;
use voicehall_test_e2e::rig::Rig;
use voicehall_test_e2e::screen::Screen;
use voicehall_test_e2e::sound::SoundServer;
use voicehall_test_e2e::speech::{Voice, speak};

/// Plays the microphone back, unprocessed, and says when it does.
const ECHO: &str = r#"
    const done = arguments[arguments.length - 1];
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    navigator.mediaDevices.getUserMedia({ audio: plain }).then(async (stream) => {
        window.context = new AudioContext();
        window.context.createMediaStreamSource(stream).connect(window.context.destination);
        await window.context.resume();
        done(window.context.state);
    }, (error) => done(String(error)));
"#;

#[tokio::test]
async fn a_browser_hears_its_own_microphone_and_plays_on_its_own_speaker() {
    let rig = Rig::new();
    let sound = SoundServer::start(&rig);
    let _screen = Screen::start(&rig);
    // The first devices become the system's default; the browser has others.
    let (_other_microphone, other_speaker) = (sound.microphone("other-mic"), sound.speaker("other-speaker"));
    let (microphone, speaker) = (sound.microphone("carol-mic"), sound.speaker("carol-speaker"));
    let browser = Browser::open(&rig, "carol", &microphone, &speaker).await;
    browser.client().goto("chrome://version").await.expect("the page opens");
    assert_eq!(browser.client().execute_async(ECHO, vec![]).await.expect("the script runs"), "running");

    let speech = speak(&rig, Voice::Carol);
    let recording = sound.record(&[&microphone, &speaker, &other_speaker]);
    assert!(sound.play(&speech, &microphone).wait().success());
    recording.run_for(0.5);
    let [heard, played, other] = <[Vec<f32>; 3]>::try_from(recording.stop()).expect("three tracks");
    assert!(pesq(&rig, &heard, &played) > 4.3);
    assert!(is_silent(&other));
}
