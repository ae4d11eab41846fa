//! The virtual devices behave like real ones, as far as their users can tell.

use voicehall_audio::Frame;
use voicehall_device::{AudioSystem, DeviceChoice, DeviceEvent, Direction, VirtualAudio};

#[test]
fn what_is_said_is_read_and_what_is_written_is_heard() {
    let (audio, microphone_end, speaker_end) = VirtualAudio::new();
    let mut microphone = audio.open_microphone(DeviceChoice::SystemDefault);
    let mut speaker = audio.open_speaker(DeviceChoice::SystemDefault);
    let mut frame: Frame = [0.0; 480];
    assert!(!microphone.read(&mut frame));
    microphone_end.say(&[0.25; 300]);
    assert!(!microphone.read(&mut frame));
    assert_eq!(microphone.until_frame().as_micros(), 3_750);
    microphone_end.say(&[0.25; 300]);
    assert!(microphone.read(&mut frame));
    assert_eq!(frame, [0.25; 480]);

    let mut written = 0;
    while speaker.wants_frame() {
        speaker.write(&frame);
        written += 480;
    }
    assert!((480..=1_440).contains(&written), "{written}");
    let mut heard = vec![0.0; written + 100];
    speaker_end.hear(&mut heard);
    assert!(heard[..written].iter().all(|sample| *sample == 0.25));
    assert!(heard[written..].iter().all(|sample| *sample == 0.0));
}

#[test]
fn a_reader_that_slept_gets_what_is_new() {
    let (audio, microphone_end, _) = VirtualAudio::new();
    let mut microphone = audio.open_microphone(DeviceChoice::SystemDefault);
    let mut frame: Frame = [0.0; 480];
    for value in 0..20 {
        microphone_end.say(&[value as f32 / 100.0; 480]);
    }
    assert!(microphone.read(&mut frame));
    assert!(frame[0] >= 0.08, "the first 100 ms are gone: {}", frame[0]);
}

#[test]
fn plugs_are_told_and_the_ends_stay_the_same() {
    let (audio, microphone_end, speaker_end) = VirtualAudio::new();
    let events = audio.events();
    let mut microphone = audio.open_microphone(DeviceChoice::SystemDefault);
    let mut speaker = audio.open_speaker(DeviceChoice::SystemDefault);
    microphone_end.plug(false);
    speaker_end.plug(false);
    let lost = |direction| move |event: &DeviceEvent| matches!(event, DeviceEvent::Lost { direction: d, .. } if *d == direction);
    let told: Vec<DeviceEvent> = events.try_iter().collect();
    assert!(told.iter().any(lost(Direction::Input)) && told.iter().any(lost(Direction::Output)));
    assert!(audio.devices(Direction::Input).is_empty());
    assert!(!speaker.wants_frame(), "nothing to play on");
    microphone_end.plug(true);
    speaker_end.plug(true);
    let told: Vec<DeviceEvent> = events.try_iter().collect();
    assert!(told.iter().any(|event| matches!(event, DeviceEvent::Using { .. })));
    assert!(speaker.wants_frame());
    let mut frame: Frame = [0.0; 480];
    microphone_end.say(&[0.5; 480]);
    assert!(microphone.read(&mut frame));
    assert!(microphone_end.is_open());
    drop(microphone);
    assert!(!microphone_end.is_open());
}

#[test]
fn a_stream_that_is_closed_late_closes_no_other() {
    let (audio, microphone, speaker) = VirtualAudio::new();
    let first = (audio.open_microphone(DeviceChoice::default()), audio.open_speaker(DeviceChoice::default()));
    let second =
        (audio.open_microphone(DeviceChoice::default()), audio.open_speaker(DeviceChoice::default()));
    drop(first);
    assert!(microphone.is_open() && speaker.is_open());
    drop(second);
    assert!(!microphone.is_open() && !speaker.is_open());
}
