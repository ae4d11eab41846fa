//! The app that starts with the system.

use std::path::Path;
use voicehall_test_e2e::app::App;
use voicehall_test_e2e::binaries;
use voicehall_test_e2e::control::see_status;
use voicehall_test_e2e::panel::Panel;
use voicehall_test_e2e::processes::Process;
use voicehall_test_e2e::rig::Rig;
use voicehall_test_e2e::screen::Screen;
use voicehall_test_e2e::server::Server;
use voicehall_test_e2e::session::Session;
use voicehall_test_e2e::wait;
use voicehall_test_e2e::windows::Windows;

const TITLE: &str = "Voicehall";

async fn switch(app: &App, on: bool) {
    app.press("settings-open").await;
    app.press("settings-desktop").await;
    app.press("autostart").await;
    let css = if on {
        "input[data-testid='autostart']:checked"
    } else {
        "input[data-testid='autostart']:not(:checked)"
    };
    app.see(css).await;
}

/// Starts what an entry says, as a desktop does.
fn start_entry(rig: &Rig, session: &Session, entry: &Path) -> Process {
    let mut command = rig.command("gio");
    command.arg("launch").arg(entry).envs(session.variables().iter().cloned());
    rig.start(command, "gio")
}

#[tokio::test]
async fn the_entry_starts_the_app_unseen_and_goes_when_it_is_switched_off() {
    let rig = Rig::new();
    let screen = Screen::start(&rig);
    let server = Server::start(&rig);
    // A path that has to be written with care. (A percent sign is one too, but what starts the entry
    // here looks for the program before it reads those.)
    let program = rig.make_folder("my \"own\" $HOME").join("voice hall");
    std::fs::copy(binaries::product("voicehall"), &program).expect("the app can be copied");
    let session = Session::start(&rig, "Alice");
    let panel = Panel::start(&session);
    let alice = App::open_program(&rig, "Alice", session, &program, &[], &[]).await;
    alice.come_in(&server.invite(), "Alice").await;
    let entry = rig.path("home-Alice/config/autostart/Voicehall.desktop");
    assert!(!entry.exists());
    switch(&alice, true).await;
    wait::until("the entry is there", || entry.exists().then_some(()));
    let session = alice.close().await;

    let windows = Windows::of(&screen);
    windows.see_none(TITLE);
    let mut starter = start_entry(&rig, &session, &entry);
    assert!(starter.wait().success());
    see_status(&rig, &session, "its page is there", |_| true);
    panel.see("Voicehall: not in a call", |_| true);
    assert!(windows.titled(TITLE).is_empty(), "no window is shown");
    panel.choose("Show Voicehall");
    windows.see(TITLE);
    panel.choose("Quit Voicehall");
    windows.see_none(TITLE);
    wait::until("the app has ended", || (!session.has_service(&rig, SINGLE)).then_some(()));

    // Where there is no tray after all, the window comes by itself.
    drop(panel);
    let mut starter = start_entry(&rig, &session, &entry);
    assert!(starter.wait().success());
    see_status(&rig, &session, "its page is there", |_| true);
    assert!(windows.titled(TITLE).is_empty(), "it still waits for a tray");
    let window = windows.see(TITLE);
    windows.close(window);
    wait::until("the app has ended", || (!session.has_service(&rig, SINGLE)).then_some(()));

    let alice = App::open_program(&rig, "Alice", session, &program, &[], &[]).await;
    alice.see("[data-testid='main']").await;
    switch(&alice, false).await;
    wait::until("the entry is gone", || (!entry.exists()).then_some(()));
}

/// The name by which the app that runs is found.
const SINGLE: &str = "org.voicehall.desktop.SingleInstance";
