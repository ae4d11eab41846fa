//! New versions of the app, from a feed on loopback.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use voicehall_test_e2e::app::App;
use voicehall_test_e2e::binaries;
use voicehall_test_e2e::control::{see_status, status};
use voicehall_test_e2e::feed::{Feed, Signer};
use voicehall_test_e2e::place::{Headset, Place};
use voicehall_test_e2e::processes::running;
use voicehall_test_e2e::rig::Rig;
use voicehall_test_e2e::screen::Screen;
use voicehall_test_e2e::server::Server;
use voicehall_test_e2e::session::Session;
use voicehall_test_e2e::wait;
use voicehall_test_e2e::windows::Windows;

/// Greater than any version of the app.
const NEXT: &str = "9999.0.0";

/// What the bundler writes into a program that goes into a package, and what is there before.
const PACKAGED: &[u8] = b"__TAURI_BUNDLE_TYPE_VAR_DEB";
const UNPACKAGED: &[u8] = b"__TAURI_BUNDLE_TYPE_VAR_UNK";

/// A copy of the app that may be replaced; `packaged` as if it came from a package.
fn copy_of_app(rig: &Rig, packaged: bool) -> PathBuf {
    let mut bytes = fs::read(binaries::product("voicehall")).expect("the app is there");
    if packaged {
        let mark = bytes.windows(UNPACKAGED.len()).position(|window| window == UNPACKAGED);
        let mark = mark.expect("the app says how it was bundled");
        bytes[mark..][..PACKAGED.len()].copy_from_slice(PACKAGED);
    }
    let path = rig.make_folder(&format!("app-{packaged}")).join("voicehall");
    fs::write(&path, bytes).expect("it can be copied");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it can be run");
    path
}

async fn open_help(app: &App) {
    app.press("settings-open").await;
    app.press("settings-help").await;
}

async fn see_phase(app: &App, attributes: &str) {
    app.see(&format!("[data-testid='updates']{attributes}")).await;
}

#[tokio::test]
async fn an_update_is_found_checked_and_put_in_place() {
    let rig = Rig::new();
    let _screen = Screen::start(&rig);
    let server = Server::start(&rig);
    let (signer, stranger) = (Signer::new(), Signer::new());
    let feed = Feed::serve(&signer);
    let program = copy_of_app(&rig, false);
    let before = fs::metadata(&program).expect("it is there").len();
    let session = Session::start(&rig, "Alice");
    let alice = App::open_program(&rig, "Alice", session, &program, &[], &feed.variables()).await;
    alice.come_in(&server.invite(), "Alice").await;
    open_help(&alice).await;
    let look = || async {
        alice.press("update-look").await;
    };

    // A feed with nothing in it, and one with an older version.
    look().await;
    see_phase(&alice, "[data-phase='newest']").await;
    // Any program will do as the new version: it is never started here.
    let next = fs::read("/usr/bin/env").expect("there is env");
    feed.publish("0.0.1", &next, &signer, "0.0.1");
    look().await;
    see_phase(&alice, "[data-phase='newest']").await;

    // What is no feed, one that names nothing for this system, and half an update.
    for broken in ["<html>", r#"{"version":"9999.0.0","platforms":{}}"#, r#"{"version":"newest"}"#] {
        feed.say(broken);
        look().await;
        see_phase(&alice, "[data-problem='failed']").await;
    }
    feed.publish(NEXT, &next, &signer, NEXT);
    feed.cut(true);
    look().await;
    alice.press("update-install").await;
    see_phase(&alice, "[data-problem='failed']").await;
    assert_eq!(fs::metadata(&program).expect("it is there").len(), before);
    feed.cut(false);

    // A stranger's signature, and one for another version, are refused.
    for (signer, signed) in [(&stranger, NEXT), (&signer, "0.0.1")] {
        feed.publish(NEXT, &next, signer, signed);
        look().await;
        see_phase(&alice, "[data-phase='newer']").await;
        see_phase(&alice, " [data-testid='update-notes']").await;
        alice.press("update-install").await;
        see_phase(&alice, "[data-problem='signature']").await;
        assert_eq!(fs::metadata(&program).expect("it is there").len(), before);
    }

    feed.publish(NEXT, &next, &signer, NEXT);
    look().await;
    alice.press("update-install").await;
    see_phase(&alice, "[data-phase='ready']").await;
    assert!(fs::read(&program).expect("it is there") == next, "the new version is in place");
}

#[tokio::test]
async fn an_update_waits_for_the_end_of_a_call_and_starts_when_it_is_told_to() {
    let rig = Rig::new();
    let place = Place::new(&rig);
    let headset = Headset::new(&place.sound, "alice");
    let signer = Signer::new();
    let feed = Feed::serve(&signer);
    let program = copy_of_app(&rig, false);
    let old = fs::read(&program).expect("it is there");
    // The app itself, and yet another file.
    let next = [&old[..], b"next"].concat();
    let session = Session::start(&rig, "Alice");
    // What it was started with is not done again: the link is used up by then.
    let arguments = ["--link", &place.server.invite()];
    let alice = App::open_program(&rig, "Alice", session, &program, &arguments, &feed.variables()).await;
    alice.come_in_as("Alice").await;
    alice.sound_as_it_is(headset.microphone.name(), headset.speaker.name()).await;

    // The call comes while the update is on its way: it is not put in place.
    feed.publish(NEXT, &next, &signer, NEXT);
    open_help(&alice).await;
    alice.press("update-look").await;
    feed.hold(true);
    alice.press("update-install").await;
    see_phase(&alice, "[data-phase='fetching']").await;
    alice.close_settings().await;
    alice.enter("Lobby").await;
    feed.hold(false);
    open_help(&alice).await;
    see_phase(&alice, "[data-phase='newer'] [data-testid='update-waits']").await;
    assert!(fs::read(&program).expect("it is there") == old, "nothing changes in a call");
    assert_eq!(status(&rig, alice.session(), &["leave"])["call"], "idle");
    alice.press("update-install").await;
    see_phase(&alice, "[data-phase='ready'] [data-testid='update-restart']").await;
    assert!(fs::read(&program).expect("it is there") == next, "the new version is in place");

    // Nor does it start in a call.
    assert_eq!(status(&rig, alice.session(), &["join", "Lobby"])["call"], "connected");
    see_phase(&alice, "[data-phase='ready'] [data-testid='update-waits']").await;
    assert_eq!(status(&rig, alice.session(), &["leave"])["call"], "idle");
    assert!(running(&program).is_empty(), "the old version has no file any more");
    alice.press("update-restart").await;
    wait::until("the new version runs", || (running(&program).len() == 1).then_some(()));
    see_status(&rig, alice.session(), "its page is there", |_| true);
    Windows::of(&place.screen).see("Voicehall");
    assert_eq!(status(&rig, alice.session(), &["join", "Lobby"])["call"], "connected");
}

#[tokio::test]
async fn a_packaged_app_leaves_updates_to_the_package_manager() {
    let rig = Rig::new();
    let _screen = Screen::start(&rig);
    let server = Server::start(&rig);
    let feed = Feed::serve(&Signer::new());
    let program = copy_of_app(&rig, true);
    let session = Session::start(&rig, "Alice");
    let alice = App::open_program(&rig, "Alice", session, &program, &[], &feed.variables()).await;
    alice.come_in(&server.invite(), "Alice").await;
    open_help(&alice).await;
    alice.press("update-look").await;
    see_phase(&alice, "[data-problem='packaged']").await;
    let session = alice.close().await;

    // And this one was told nothing of a feed.
    let alice = App::open_in(&rig, "Alice", session, &[]).await;
    open_help(&alice).await;
    alice.press("update-look").await;
    see_phase(&alice, "[data-problem='unconfigured']").await;
}
