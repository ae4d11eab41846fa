//! What the app is on a desktop: opened by links, once; led by other programs.

use serde_json::json;
use voicehall_test_e2e::app::App;
use voicehall_test_e2e::control::{ctl, status};
use voicehall_test_e2e::place::{Headset, Place};
use voicehall_test_e2e::rig::Rig;
use voicehall_test_e2e::server::Server;
use voicehall_test_e2e::session::Session;
use voicehall_test_e2e::speech::{Voice, speak};
use voicehall_test_e2e::wait;

/// A link that opens the app, made of an invite.
fn app_link(invite: &str) -> String {
    let (_, place) = invite.split_once("://").expect("an invite is a link");
    format!("voicehall://join/{}", place.replace("/join/", "/"))
}

/// How many of the app's windows can be seen.
fn windows_seen(rig: &Rig) -> usize {
    let mut command = rig.command("xdotool");
    let output = command.args(["search", "--onlyvisible", "--name", "^Voicehall$"]).output();
    String::from_utf8_lossy(&output.expect("xdotool runs").stdout).lines().count()
}

#[tokio::test]
async fn a_link_leads_a_first_run_in_and_opens_the_app_that_runs() {
    let rig = Rig::new();
    let place = Place::new(&rig);
    let link = app_link(&place.server.invite());
    assert!(link.starts_with("voicehall://join/127.0.0.1:"), "{link}");
    let alice = App::open(&rig, "Alice").await;
    alice.see("[data-testid='invite-link']").await;

    // Started again with a link: nothing but a message to the one that runs.
    let open = || alice.session().product(&rig, "voicehall").arg(&link).output().expect("it runs");
    let second = open();
    assert!(second.status.success(), "{}", String::from_utf8_lossy(&second.stderr));
    alice.see("[data-testid='invite-preview']").await;
    alice.come_in_as("Alice").await;
    alice.see("[data-testid='channel'][data-name='Lobby']").await;

    // Who is in already is led there, and asked nothing.
    assert!(open().status.success());
    alice.see("[data-testid='main']").await;
    assert_eq!(windows_seen(&rig), 1);
}

/// Waits until the rail says of a server that it is in this state.
async fn see_connection(app: &App, server: &Server, state: &str) {
    let host = server.origin().replace("http://", "");
    app.see(&format!("[data-testid='rail-server'][data-server='{host}'][data-connection='{state}']")).await;
}

/// Waits until a server's guild is in the rail, with this attribute.
async fn see_door(app: &App, server: &Server, attribute: &str) {
    let host = server.origin().replace("http://", "");
    app.see(&format!("[data-testid='rail-guild'][data-server='{host}'][{attribute}]")).await;
}

#[tokio::test]
async fn two_servers_are_in_one_window_and_a_call_on_one_outlives_the_other() {
    let rig = Rig::new();
    let place = Place::new(&rig);
    let headset = Headset::new(&place.sound, "alice");
    let mut other = Server::start_another(&rig, "other");
    let alice = place.app(&rig, "Alice", &headset).await;

    // A link to another server, opened in the middle of a call.
    let link = app_link(&other.invite());
    let opened = alice.session().product(&rig, "voicehall").arg(&link).output().expect("it runs");
    assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
    alice.see("[data-testid='invite-preview']").await;
    alice.come_in_as("Alicia").await;
    see_door(&alice, &other, "aria-current='page'").await;
    see_door(&alice, &place.server, "data-call='true'").await;
    alice.see_voice_state("connected").await;
    for (server, calls) in [(&place.server, 1.0), (&other, 0.0)] {
        assert_eq!(server.metric("voicehall_gateway_connections").await, 1.0);
        assert_eq!(server.metric("voicehall_voice_sessions").await, calls);
    }

    // One goes away: it is said, and the call on the other goes on.
    other.stop();
    see_connection(&alice, &other, "offline").await;
    see_connection(&alice, &place.server, "online").await;
    alice.see_voice_state("connected").await;
    assert_eq!(place.server.metric("voicehall_voice_sessions").await, 1.0);

    // After a start both are there, though one does not answer yet.
    let session = alice.close().await;
    let alice = App::open_in(&rig, "Alice", session, &[]).await;
    see_connection(&alice, &place.server, "online").await;
    see_connection(&alice, &other, "offline").await;
    see_door(&alice, &other, "aria-current='page'").await;
    alice.see("[data-testid='server-pane'][data-connection='offline']").await;
    other.resume(&rig);
    see_connection(&alice, &other, "online").await;
    alice.see("[data-testid='channel'][data-name='Lobby']").await;
    alice.see("[data-testid='own-name'][title='Alicia']").await;
}

#[tokio::test]
async fn other_programs_lead_the_app() {
    let rig = Rig::new();
    let place = Place::new(&rig);
    let headset = Headset::new(&place.sound, "alice");
    let session = Session::start(&rig, "nobody-runs");
    let refused = ctl(&rig, &session, &["status"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("does not run"));

    let alice = place.app(&rig, "Alice", &headset).await;
    let session = alice.session();
    let now = status(&rig, session, &["status"]);
    assert_eq!((&now["call"], &now["channel"]), (&json!("connected"), &json!("Lobby")));
    assert_eq!(status(&rig, session, &["mute"])["muted"], true);
    alice.see_person("Alice", "muted=true").await;
    assert_eq!(status(&rig, session, &["mute", "on"])["muted"], true);
    assert_eq!(status(&rig, session, &["deafen", "on"])["deafened"], true);
    alice.see_person("Alice", "deafened=true").await;
    let off = status(&rig, session, &["mute", "off"]);
    assert_eq!((&off["muted"], &off["deafened"]), (&json!(false), &json!(false)));
    assert_eq!(status(&rig, session, &["leave"])["call"], "idle");
    alice.see_voice_state("idle").await;
    assert_eq!(ctl(&rig, session, &["join", "Attic"]).status.code(), Some(2));
    assert_eq!(status(&rig, session, &["join", "lobby"])["call"], "connected");
    alice.see_voice_state("connected").await;
}

#[tokio::test]
async fn another_program_presses_the_talk_key_and_overrides_it() {
    let rig = Rig::new();
    let place = Place::new(&rig);
    let headset = Headset::new(&place.sound, "alice");
    let alice = place.app(&rig, "Alice", &headset).await;
    let speech = speak(&rig, Voice::Alice);
    alice.talk_by("pushToTalk", &[], |(): ()| {}).await;
    for order in ["down", "up", "down", "up"] {
        let mut speaking = place.sound.play(&speech, &headset.microphone);
        assert_eq!(status(&rig, alice.session(), &["ptt", order])["call"], "connected");
        alice.see_person("Alice", &format!("speaking={}", order == "down")).await;
        assert!(speaking.ended().is_none(), "she speaks all the while");
    }

    let session = alice.session();
    for on in [true, false] {
        let mut speaking = place.sound.play(&speech, &headset.microphone);
        assert_eq!(status(&rig, session, &["override"])["talkOverride"], on);
        alice.see_person("Alice", &format!("speaking={on}")).await;
        alice.see(&format!("[data-testid='talk-mark'][data-on='{on}']")).await;
        assert!(speaking.ended().is_none(), "she speaks all the while");
    }
    // It ends with the call, and without one there is nothing to keep open.
    assert_eq!(status(&rig, session, &["override", "on"])["talkOverride"], true);
    assert_eq!(status(&rig, session, &["leave"])["call"], "idle");
    assert_eq!(ctl(&rig, session, &["override", "on"]).status.code(), Some(3));
    assert_eq!(status(&rig, session, &["join", "Lobby"])["talkOverride"], false);
}

#[tokio::test]
async fn broken_settings_are_kept_aside_and_people_are_told() {
    let rig = Rig::new();
    let _place = Place::new(&rig);
    let session = Session::start(&rig, "Alice");
    let folder = rig.make_folder("home-Alice/config/org.voicehall.desktop");
    std::fs::write(folder.join("settings.json"), "{\"theme\":").expect("it can be written");
    let alice = App::open_in(&rig, "Alice", session, &[]).await;
    wait::until_async("the toast names the file", || async {
        alice.text("toast").await.contains("settings.json.broken").then_some(())
    })
    .await;
    assert!(folder.join("settings.json.broken").is_file());
}

#[tokio::test]
async fn the_small_window_shows_who_speaks_and_goes_with_the_call() {
    let rig = Rig::new();
    let place = Place::new(&rig);
    let headset = Headset::new(&place.sound, "alice");
    let alice = place.app(&rig, "Alice", &headset).await;
    let client = alice.client();
    let main = client.window().await.expect("a window");
    alice.press("mini-open").await;
    let mini = wait::until_async("there is a second window", || async {
        client.windows().await.ok()?.into_iter().find(|window| *window != main)
    })
    .await;
    client.switch_to_window(mini).await.expect("it can be looked at");
    alice.see("[data-testid='mini-person'][data-user='Alice']").await;
    alice.press("mini-mute").await;
    alice.see("[data-testid='mini-mute'][aria-pressed='true']").await;
    client.switch_to_window(main).await.expect("it is still there");
    alice.see_person("Alice", "muted=true").await;
    alice.press("leave").await;
    wait::until_async("the small window is gone", || async {
        (client.windows().await.ok()?.len() == 1).then_some(())
    })
    .await;
}
