//! Where logins are kept on a device: a keychain that comes, is locked, and is opened again.

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use voicehall_test_e2e::app::App;
use voicehall_test_e2e::keyring::Keyring;
use voicehall_test_e2e::rig::Rig;
use voicehall_test_e2e::screen::Screen;
use voicehall_test_e2e::server::Server;
use voicehall_test_e2e::session::Session;
use voicehall_test_e2e::wait;

/// The settings say why the logins are not in the keychain, or `none`.
async fn see_lack(app: &App, lack: &str) {
    app.press("settings-open").await;
    app.press("settings-account").await;
    app.see(&format!("[data-testid='logins-place'][data-lack='{lack}']")).await;
}

/// Files below a folder in which this is written.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let inside = |path: &Path| match fs::read(path) {
        Ok(bytes) => bytes.windows(text.len()).any(|window| window == text.as_bytes()),
        Err(_) => false,
    };
    entries
        .flat_map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_with(&entry.path(), text),
            Ok(kind) if kind.is_file() && inside(&entry.path()) => vec![entry.path().display().to_string()],
            _ => vec![],
        })
        .collect()
}

#[tokio::test]
async fn logins_follow_the_keychain_and_none_is_lost() {
    let rig = Rig::new();
    let _screen = Screen::start(&rig);
    let server = Server::start(&rig);
    let main = "[data-testid='main']";

    // Without a keychain: a file for the owner's eyes.
    let alice = App::open(&rig, "Alice").await;
    alice.come_in(&server.invite(), "Alice").await;
    let file = rig.path("home-Alice/config/org.voicehall.desktop/credentials.json");
    let kept: Value =
        wait::until("the login is kept", || serde_json::from_slice(&fs::read(&file).ok()?).ok());
    assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
    let token = kept[server.origin()]["token"].as_str().expect("a token").to_owned();
    see_lack(&alice, "absent").await;
    let session = alice.close().await;

    // There is one now: the login moves into it.
    let keyring = Keyring::start(&rig, &session, true);
    let alice = App::open_in(&rig, "Alice", session, &[]).await;
    alice.see(main).await;
    assert!(!file.exists());
    see_lack(&alice, "none").await;
    let session = alice.close().await;
    assert_eq!(files_with(&rig.path(""), &token), Vec::<String>::new(), "the token is legible");
    drop(keyring);

    // It is locked, and nobody opens it: the app starts without the login.
    let keyring = Keyring::start(&rig, &session, false);
    let alice = App::open_in(&rig, "Alice", session, &[]).await;
    // Asked again, it is as it was.
    alice.press("keychain-open").await;
    alice.see("[data-testid='keychain-open']").await;
    alice.press("without-keychain").await;
    alice.come_in(&server.invite(), "Ada").await;
    wait::until("the new login is in the file", || file.exists().then_some(()));
    see_lack(&alice, "locked").await;
    let session = alice.close().await;
    drop(keyring);

    // It is open again: the younger login of this server is in it now.
    let _keyring = Keyring::start(&rig, &session, true);
    let alice = App::open_in(&rig, "Alice", session, &[]).await;
    alice.see(main).await;
    assert!(!file.exists());
    see_lack(&alice, "none").await;
}

#[tokio::test]
async fn the_window_waits_for_no_keychain_and_logins_come_when_it_answers() {
    let rig = Rig::new();
    let _screen = Screen::start(&rig);
    let server = Server::start(&rig);
    let session = Session::start(&rig, "Alice");
    let keyring = Keyring::start(&rig, &session, true);
    let alice = App::open_in(&rig, "Alice", session, &[]).await;
    alice.come_in(&server.invite(), "Alice").await;
    let settings = rig.path("home-Alice/config/org.voicehall.desktop/settings.json");
    wait::until("the server is remembered", || {
        fs::read_to_string(&settings).ok()?.contains("Alice").then_some(())
    });
    see_lack(&alice, "none").await;
    let session = alice.close().await;

    keyring.set_silent(true);
    let alice = App::open_in(&rig, "Alice", session, &[]).await;
    alice.see("[data-testid='server-pane'][data-connection='locked']").await;
    assert_eq!(server.metric("voicehall_gateway_connections").await, 0.0);
    keyring.set_silent(false);
    alice.see("[data-testid='channel'][data-name='Lobby']").await;
    see_lack(&alice, "none").await;
    assert!(!rig.path("home-Alice/config/org.voicehall.desktop/credentials.json").exists());
}
