//! What the app tells people who look elsewhere.

use voicehall_test_e2e::app::App;
use voicehall_test_e2e::command_line::CommandLine;
use voicehall_test_e2e::keyboard::Game;
use voicehall_test_e2e::notifier::{Notifier, Shown};
use voicehall_test_e2e::place::{Headset, Place};
use voicehall_test_e2e::rig::Rig;
use voicehall_test_e2e::session::Session;
use voicehall_test_e2e::windows::Windows;
use voicehall_test_e2e::writer::Writer;

const UNREAD: &str = "[data-testid='channel'][data-name='general'].unread";

async fn switch(app: &App, handle: &str) {
    app.press("settings-open").await;
    app.press("settings-desktop").await;
    app.press(handle).await;
    app.close_settings().await;
}

/// The bodies, which are all different.
fn bodies(shown: &[Shown]) -> Vec<&str> {
    shown.iter().map(|one| one.body.as_str()).collect()
}

#[tokio::test]
async fn people_hear_of_messages_and_of_who_joins_and_a_click_leads_there() {
    let rig = Rig::new();
    let place = Place::new(&rig);
    let headset = Headset::new(&place.sound, "alice");
    let session = Session::start(&rig, "Alice");
    let notifier = Notifier::start(&session, true);
    let alice = place.app_in(&rig, "Alice", session, &headset).await;
    let windows = Windows::of(&place.screen);
    let window = windows.see("Voicehall");
    let bob = Writer::come_in(&place.server, "Bob").await;

    // Of those who join, one is told only if one wants to be.
    switch(&alice, "notify-joins").await;

    // Who looks at the app sees it there, and is not told twice.
    windows.activate(window);
    bob.write("seen").await;
    alice.see(UNREAD).await;

    let game = Game::start(&place.screen);
    bob.write("<b>1 & 2</b> <img src='http://a.example/'>").await;
    let shown = notifier.shown(1);
    assert_eq!(shown[0].title, "Bob in general");
    assert_eq!(bodies(&shown), ["&lt;b&gt;1 &amp; 2&lt;/b&gt; &lt;img src='http://a.example/'&gt;"]);
    assert_eq!(shown[0].actions.first().map(String::as_str), Some("default"));

    let mut carol = CommandLine::join(&rig, "Carol", &place.server.invite(), []);
    carol.see_connected();
    let shown = notifier.shown(2);
    assert_eq!((shown[1].title.as_str(), shown[1].body.as_str()), ("Lobby", "Carol joined"));

    assert!(game.has_focus() && !windows.is_active(window));
    alice.see("[data-testid='channel'][data-name='Lobby'][aria-current]").await;
    notifier.click(&shown[0]);
    windows.see_active(window);
    alice.see("[data-testid='channel'][data-name='general'][aria-current]").await;
    notifier.click(&shown[1]);
    alice.see("[data-testid='channel'][data-name='Lobby'][aria-current]").await;

    // Switched off, nothing is told; what comes after it is switched on again tells that nothing was.
    for handle in ["notify-messages", "notify-joins"] {
        switch(&alice, handle).await;
    }
    drop(game);
    let game = Game::start(&place.screen);
    bob.write("untold").await;
    carol.leave();
    alice.see_gone("Carol").await;
    let mut carol = CommandLine::join(&rig, "Carol", &place.server.invite(), []);
    carol.see_connected();
    alice.see_person("Carol", "speaking=false").await;
    windows.activate(window);
    switch(&alice, "notify-messages").await;
    drop(game);
    let _game = Game::start(&place.screen);
    bob.write("told").await;
    assert_eq!(bodies(&notifier.shown(3)[2..]), ["told"]);
}

#[tokio::test]
async fn a_desktop_without_markup_is_sent_the_text_as_it_is() {
    let rig = Rig::new();
    let place = Place::new(&rig);
    let headset = Headset::new(&place.sound, "alice");
    let session = Session::start(&rig, "Alice");
    let notifier = Notifier::start(&session, false);
    let _alice = place.app_in(&rig, "Alice", session, &headset).await;
    let bob = Writer::come_in(&place.server, "Bob").await;
    let _game = Game::start(&place.screen);
    bob.write("1 < 2 & 3").await;
    assert_eq!(notifier.shown(1)[0].body, "1 < 2 & 3");
}
