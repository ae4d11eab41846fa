//! Real devices of a real sound server, plugged in and out.
#![cfg(target_os = "linux")]

mod sound_server;

use sound_server::whistle::{Whistle, amplitude, loopback};
use sound_server::{wait, with_sound_server};
use voicehall_audio::Frame;
use voicehall_device::{
    AudioSystem, DeviceChoice, DeviceEvent, DeviceId, Direction, NativeAudio, Sound, UiSounds,
};

/// The id of the device with this name, once the system lists it.
fn id(audio: &NativeAudio, direction: Direction, name: &str) -> DeviceId {
    wait(&format!("{name} is listed"), || {
        let devices = audio.devices(direction);
        devices.into_iter().find(|device| device.id.as_str().ends_with(name)).map(|d| d.id)
    })
}

fn uses(direction: Direction, stand_in: bool) -> impl Fn(&DeviceEvent) -> bool {
    move |event| {
        matches!(event, DeviceEvent::Using { direction: d, stand_in: s, .. }
            if *d == direction && *s == stand_in)
    }
}

#[test]
fn devices_are_listed_by_what_they_are() {
    with_sound_server("devices_are_listed_by_what_they_are", |server| {
        let (speaker, microphone) = loopback(&server);
        let audio = NativeAudio::start().unwrap();
        id(&audio, Direction::Output, speaker.name);
        id(&audio, Direction::Input, microphone.name);
        let names = |direction| -> Vec<String> {
            let devices = audio.devices(direction);
            devices.iter().map(|device| device.id.as_str().to_owned()).collect()
        };
        let defaults = |direction| -> Vec<String> {
            let devices = audio.devices(direction).into_iter().filter(|device| device.is_default);
            devices.map(|device| device.id.as_str().to_owned()).collect()
        };
        assert_eq!(defaults(Direction::Input), ["pipewire:mike"]);
        assert_eq!(defaults(Direction::Output), ["pipewire:hall"]);
        let inputs = names(Direction::Input);
        assert!(!inputs.iter().any(|id| id.ends_with(speaker.name)), "{inputs:?}");
        let outputs = names(Direction::Output);
        assert!(!outputs.iter().any(|id| id.ends_with(microphone.name)), "{outputs:?}");
        server.unplug(speaker);
        wait("the speaker is gone from the list", || {
            (!names(Direction::Output).iter().any(|id| id.ends_with("hall"))).then_some(())
        });
    });
}

#[test]
fn what_is_played_is_heard() {
    with_sound_server("what_is_played_is_heard", |server| {
        let _devices = loopback(&server);
        let audio = NativeAudio::start().unwrap();
        let events = audio.events();
        let speaker = audio.open_speaker(DeviceChoice::SystemDefault);
        let microphone = audio.open_microphone(DeviceChoice::SystemDefault);
        let mut whistle = Whistle::new(speaker, microphone);
        whistle.until_event(&events, "the speaker runs", uses(Direction::Output, false));
        whistle.until_heard("at first");
        let status = whistle.speaker.status().unwrap();
        assert!(status.callbacks() > 0 && status.callback_frames_max() > 0);
        println!(
            "speaker: {:?} of latency, {} frames at once; microphone: {:?}",
            whistle.speaker.latency(),
            status.callback_frames_max(),
            whistle.microphone.latency(),
        );
    });
}

#[test]
fn a_chosen_device_is_unplugged_and_comes_back() {
    with_sound_server("a_chosen_device_is_unplugged_and_comes_back", |server| {
        let (_default, microphone) = loopback(&server);
        let headset = server.plug_speaker("headset");
        server.connect(&headset, &microphone);
        let audio = NativeAudio::start().unwrap();
        let events = audio.events();
        let chosen = DeviceChoice::Id(id(&audio, Direction::Output, headset.name));
        let mut whistle =
            Whistle::new(audio.open_speaker(chosen), audio.open_microphone(DeviceChoice::SystemDefault));
        whistle.until_event(&events, "the headset is used", uses(Direction::Output, false));
        whistle.until_heard("through the headset");

        server.unplug(headset);
        let stands_in = uses(Direction::Output, true);
        whistle.until_event(&events, "the default stands in for it", stands_in);
        whistle.until_heard("through the default");

        let headset = server.plug_speaker("headset");
        let back = uses(Direction::Output, false);
        whistle.until_event(&events, "the headset is used again", back);
        server.connect(&headset, &microphone);
        whistle.until_heard("through the headset again");
    });
}

#[test]
fn an_unplugged_microphone_comes_back() {
    with_sound_server("an_unplugged_microphone_comes_back", |server| {
        let (speaker, microphone) = loopback(&server);
        let audio = NativeAudio::start().unwrap();
        let events = audio.events();
        let chosen = DeviceChoice::Id(id(&audio, Direction::Input, microphone.name));
        let mut whistle =
            Whistle::new(audio.open_speaker(DeviceChoice::SystemDefault), audio.open_microphone(chosen));
        whistle.until_heard("at first");
        server.unplug(microphone);
        whistle.until_event(&events, "the microphone is missed", |event| {
            matches!(event, DeviceEvent::Lost { direction: Direction::Input, .. })
                || uses(Direction::Input, true)(event)
        });
        let microphone = server.plug_microphone("mike");
        whistle.until_event(&events, "the microphone is back", uses(Direction::Input, false));
        server.connect(&speaker, &microphone);
        whistle.until_heard("again");
    });
}

#[test]
fn a_chosen_microphone_is_heard_while_another_is_the_default() {
    with_sound_server("a_chosen_microphone_is_heard_while_another_is_the_default", |server| {
        let (speaker, other) = loopback(&server);
        let chosen = server.plug_microphone("headset");
        let audio = NativeAudio::start().unwrap();
        let by_id = DeviceChoice::Id(id(&audio, Direction::Input, chosen.name));
        let microphone = audio.open_microphone(by_id);
        let mut whistle = Whistle::new(audio.open_speaker(DeviceChoice::SystemDefault), microphone);
        // The default hears the speaker and the chosen one nothing, so nothing may be heard.
        wait("the chosen microphone is captured", || {
            whistle.turn();
            let start = whistle.heard.len().checked_sub(48_000)?;
            Some(()).filter(|()| amplitude(&whistle.heard[start..]) < 0.01)
        });
        server.unplug(other);
        server.connect(&speaker, &chosen);
        whistle.until_heard("through the chosen one");
    });
}

#[test]
fn the_default_is_followed() {
    with_sound_server("the_default_is_followed", |server| {
        let (_first, microphone) = loopback(&server);
        let second = server.plug_speaker("balcony");
        let audio = NativeAudio::start().unwrap();
        let events = audio.events();
        let mut whistle = Whistle::new(
            audio.open_speaker(DeviceChoice::SystemDefault),
            audio.open_microphone(DeviceChoice::SystemDefault),
        );
        whistle.until_heard("through the first");
        server.make_default("set-default-sink", &second);
        whistle.until_event(&events, "the new name is told", |event| {
            matches!(event, DeviceEvent::Using { direction: Direction::Output, name: Some(name), .. }
                if name.contains("balcony"))
        });
        wait("the first speaker falls silent", || {
            whistle.turn();
            let start = whistle.heard.len().checked_sub(4_800)?;
            (amplitude(&whistle.heard[start..]) < 0.01).then_some(())
        });
        server.connect(&second, &microphone);
        whistle.until_heard("through the second");
    });
}

#[test]
fn the_sound_server_dies_and_returns() {
    with_sound_server("the_sound_server_dies_and_returns", |mut server| {
        loopback(&server);
        let audio = NativeAudio::start().unwrap();
        let events = audio.events();
        let mut whistle = Whistle::new(
            audio.open_speaker(DeviceChoice::SystemDefault),
            audio.open_microphone(DeviceChoice::SystemDefault),
        );
        whistle.until_heard("at first");
        server.kill();
        let mut missed = Vec::new();
        wait("both are missed", || {
            whistle.turn();
            missed.extend(events.try_iter().filter_map(|event| match event {
                DeviceEvent::Lost { direction, .. } => Some(direction),
                _ => None,
            }));
            [Direction::Input, Direction::Output].iter().all(|d| missed.contains(d)).then_some(())
        });
        server.start_parts();
        loopback(&server);
        whistle.until_heard("again");
    });
}

#[test]
fn a_closed_microphone_is_closed() {
    with_sound_server("a_closed_microphone_is_closed", |server| {
        let _devices = loopback(&server);
        let audio = NativeAudio::start().unwrap();
        let recorders = || {
            let listed = std::process::Command::new("pactl")
                .args(["list", "short", "source-outputs"])
                .output()
                .expect("pactl is installed");
            String::from_utf8_lossy(&listed.stdout).lines().count()
        };
        assert_eq!(recorders(), 0);
        let microphone = audio.open_microphone(DeviceChoice::SystemDefault);
        wait("the system sees it open", || (recorders() == 1).then_some(()));
        drop(microphone);
        wait("the system sees it closed", || (recorders() == 0).then_some(()));
    });
}

#[test]
fn sounds_are_heard_where_they_shall_be_and_the_speaker_is_closed_after_them() {
    let test = "sounds_are_heard_where_they_shall_be_and_the_speaker_is_closed_after_them";
    with_sound_server(test, |server| {
        let (_default, microphone_end) = loopback(&server);
        let audio = NativeAudio::start().unwrap();
        let mut microphone = audio.open_microphone(DeviceChoice::SystemDefault);
        let sounds = UiSounds::start().unwrap();
        let mut frame: Frame = [0.0; 480];
        wait("the microphone hears", || microphone.read(&mut frame).then_some(()));
        let mut until_heard_and_over = || {
            wait("the sound is heard", || {
                let mut loud = false;
                while microphone.read(&mut frame) {
                    loud |= frame.iter().any(|sample| sample.abs() > 0.02);
                }
                loud.then_some(())
            });
            wait("nobody plays any more", || {
                let players =
                    std::process::Command::new("pactl").args(["list", "short", "sink-inputs"]).output();
                players.expect("pactl is installed").stdout.is_empty().then_some(())
            });
            while microphone.read(&mut frame) {}
        };
        sounds.play(Sound::Join, 1.0);
        until_heard_and_over();
        // The default falls silent: what is heard from now on comes from the chosen one.
        let silent = server.plug_speaker("silent");
        server.make_default("set-default-sink", &silent);
        let headset = server.plug_speaker("headset");
        server.connect(&headset, &microphone_end);
        sounds.choose(DeviceChoice::Id(id(&audio, Direction::Output, headset.name)));
        sounds.play(Sound::Leave, 1.0);
        until_heard_and_over();
    });
}
