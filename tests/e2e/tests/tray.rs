//! The app in the tray: what its icon says and does, and that it goes on there without a window.

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::collections::HashSet;
use voicehall_test_e2e::app::App;
use voicehall_test_e2e::binaries;
use voicehall_test_e2e::command_line::CommandLine;
use voicehall_test_e2e::control::{see_status, status};
use voicehall_test_e2e::keyboard::{Keyboard, Press};
use voicehall_test_e2e::panel::Panel;
use voicehall_test_e2e::place::{Headset, Place};
use voicehall_test_e2e::processes::Process;
use voicehall_test_e2e::rig::Rig;
use voicehall_test_e2e::session::Session;
use voicehall_test_e2e::speech::{Voice, speak};
use voicehall_test_e2e::wait;
use voicehall_test_e2e::windows::{self, Windows};

const TITLE: &str = "Voicehall";

/// What the icon looks like once the menu's first entry says this.
fn look(panel: &Panel, state: &str) -> Vec<u8> {
    panel.see(state, |entry| !entry.enabled);
    panel.picture()
}

#[tokio::test]
async fn the_icon_says_how_things_stand_and_its_menu_leads_the_call() {
    let rig = Rig::new();
    let place = Place::new(&rig);
    let headset = Headset::new(&place.sound, "alice");
    let session = Session::start(&rig, "Alice");
    let panel = Panel::start(&session);
    let alice = place.app_in(&rig, "Alice", session, &headset).await;

    let in_call = look(&panel, "Voicehall: in a call");
    panel.choose("Mute");
    alice.see_person("Alice", "muted=true").await;
    panel.see("Mute", |entry| entry.checked == Some(true));
    let muted = look(&panel, "Voicehall: muted");
    panel.choose("Deafen");
    alice.see_person("Alice", "deafened=true").await;
    panel.see("Deafen", |entry| entry.checked == Some(true));
    let deafened = look(&panel, "Voicehall: deafened");
    panel.choose("Deafen");
    alice.see_person("Alice", "deafened=false").await;
    panel.choose("Mute");
    alice.see_person("Alice", "muted=false").await;
    assert_eq!(look(&panel, "Voicehall: in a call"), in_call);
    // What is done elsewhere is seen here.
    assert_eq!(status(&rig, alice.session(), &["mute", "on"])["muted"], true);
    panel.see("Mute", |entry| entry.checked == Some(true));
    assert_eq!(look(&panel, "Voicehall: muted"), muted);
    alice.press("mute").await;
    panel.see("Mute", |entry| entry.checked == Some(false));

    panel.choose("Small window");
    wait::until_async("there is a small window", || async {
        (alice.client().windows().await.ok()?.len() == 2).then_some(())
    })
    .await;
    panel.choose("Leave the call");
    alice.see_voice_state("idle").await;
    let idle = look(&panel, "Voicehall: not in a call");
    for label in ["Leave the call", "Small window"] {
        panel.see(label, |entry| !entry.enabled);
    }
    let looks = HashSet::from([in_call, muted, deafened, idle]);
    assert_eq!(looks.len(), 4, "each state has a picture of its own");
}

/// The app without a WebDriver, for somebody who came in before.
fn start(rig: &Rig, session: &Session, arguments: &[&str]) -> Process {
    let app = App::start_alone(rig, session, &binaries::product("voicehall"), arguments);
    see_status(rig, session, "its page is there", |_| true);
    app
}

#[tokio::test]
async fn a_closed_window_leaves_the_call_in_the_tray_which_brings_it_back() {
    let rig = Rig::new();
    let place = Place::new(&rig);
    let headset = Headset::new(&place.sound, "alice");
    let mut bob = CommandLine::join(&rig, "Bob", &place.server.invite(), []);
    let session = Session::start(&rig, "Alice");
    let panel = Panel::start(&session);
    let alice = place.app_in(&rig, "Alice", session, &headset).await;
    alice.press("leave").await;
    let session = alice.close().await;

    let windows = Windows::of(&place.screen);
    let mut app = start(&rig, &session, &[]);
    assert_eq!(status(&rig, &session, &["join", "Lobby"])["call"], "connected");

    // The first time it asks.
    let keyboard = Keyboard::new(&place.screen);
    let window = windows.see(TITLE);
    let before = windows.picture(window, 40);
    windows.activate(window);
    windows.close(window);
    wait::until("it asks", || (windows.picture(window, 40) != before).then_some(()));
    assert_eq!(status(&rig, &session, &["status"])["call"], "connected");
    // From the button that takes the question back, by the one that quits, to the one that keeps it.
    keyboard.tap(Press::TAB);
    keyboard.tap(Press::TAB);
    keyboard.tap(Press::ENTER);
    windows.see_none(TITLE);

    // Nobody sees it, and it is heard.
    let speech = speak(&rig, Voice::Alice);
    let _speaking = place.sound.play(&speech, &headset.microphone);
    bob.see("speaking", |step| step["names"] == json!(["Alice"]));
    assert_eq!(status(&rig, &session, &["status"])["call"], "connected");

    panel.choose("Show Voicehall");
    windows.see_active(windows.see(TITLE));
    // And now it does not ask.
    windows.close(windows.see(TITLE));
    windows.see_none(TITLE);
    let again = session.product(&rig, "voicehall").output().expect("it runs");
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    windows.see_active(windows.see(TITLE));
    windows.close(windows.see(TITLE));
    windows.see_none(TITLE);

    // Without a tray nothing could bring it back.
    drop(panel);
    windows.see(TITLE);
    let panel = Panel::start(&session);
    panel.see("Voicehall: in a call", |_| true);
    assert_eq!(status(&rig, &session, &["status"])["call"], "connected");
    assert!(app.ended().is_none());
    panel.choose("Quit Voicehall");
    assert!(app.wait().success());
    let alone = |step: &Value| step["names"] == json!(["Bob"]);
    wait::until("Bob is alone", || {
        let steps = bob.steps();
        steps.iter().rfind(|step| step["type"] == "present").filter(|step| alone(step)).map(|_| ())
    });
}

#[tokio::test]
async fn what_was_chosen_a_moment_before_the_end_is_kept_however_the_app_ends() {
    type End<'a> = &'a dyn Fn(&Process);
    let rig = Rig::new();
    let place = Place::new(&rig);
    let session = Session::start(&rig, "Alice");
    let windows = Windows::of(&place.screen);
    let panel = Panel::start(&session);
    let file = rig.path("home-Alice/config/org.voicehall.desktop/settings.json");
    let from_the_tray: End = &|_| panel.choose("Quit Voicehall");
    let by_the_system: End = &|app| app.signal(Signal::SIGTERM);
    // As a session that closes does: the page cannot be asked any more.
    let with_its_page: End = &|app| app.signal_all(Signal::SIGTERM);
    let ends = [from_the_tray, by_the_system, with_its_page];
    for (round, end) in ends.into_iter().enumerate() {
        let on = round % 2 == 0;
        let mut app = start(&rig, &session, &[]);
        panel.see("Quit Voicehall", |_| true);
        windows.see(TITLE);
        assert_eq!(status(&rig, &session, &["mute", if on { "on" } else { "off" }])["muted"], on);
        end(&app);
        assert!(app.wait().success());
        let kept = std::fs::read(&file).expect("there are settings");
        let kept: Value = serde_json::from_slice(&kept).expect("they are whole");
        assert_eq!(kept["selfMute"], on, "round {round}");
    }

    // Without a tray, closing the window ends it.
    drop(panel);
    let mut app = start(&rig, &session, &[]);
    let window = windows.see(TITLE);
    assert_eq!(status(&rig, &session, &["mute", "off"])["muted"], false);
    windows.close(window);
    assert!(app.wait().success());
    let kept: Value =
        serde_json::from_slice(&std::fs::read(&file).expect("there are settings")).expect("whole");
    assert_eq!(kept["selfMute"], false);
}

#[tokio::test]
async fn a_window_comes_back_where_it_was() {
    let rig = Rig::new();
    let place = Place::new(&rig);
    let session = Session::start(&rig, "Alice");
    let windows = Windows::of(&place.screen);
    let put = windows::Place { x: 300, y: 120, width: 900, height: 640 };
    // Without a tray, closing ends it.
    for round in 0..2 {
        let mut app = start(&rig, &session, &[]);
        let window = windows.see(TITLE);
        if round == 0 {
            assert_ne!(windows.place_of(window), put);
            windows.place(window, put);
        } else {
            wait::until("it is where it was", || (windows.place_of(window) == put).then_some(()));
        }
        windows.close(window);
        assert!(app.wait().success());
    }
}
