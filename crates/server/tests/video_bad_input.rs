//! What a control socket must not take, each with a clear error, and a call that goes on.

mod rig;

use rig::call::{Caller, Control};
use voicehall_protocol::rtp::{SourceKind, VIDEO_SLOTS};
use voicehall_protocol::video::{ClientMessage, ErrorCode, MESSAGE_BYTES_MAX, VIDEO_PATH, View};
use voicehall_test_peer::Camera;

fn views(views: &[View]) -> String {
    serde_json::to_string(&ClientMessage::Views { views: views.to_vec() }).unwrap()
}

#[tokio::test]
async fn nobody_speaks_for_a_session_without_its_password() {
    let rig = rig::start().await;
    let ann = Caller::join(&rig, rig.guest("Ann").await).await;
    let bob = Caller::join(&rig, rig.guest("Bob").await).await;
    let mut good = ann.control(&rig).await;
    let shorter = ann.answer.password[1..].to_owned();
    for (ufrag, password) in [
        (&ann.answer.ufrag, &bob.answer.password),
        (&ann.answer.ufrag, &shorter),
        (&ann.answer.ufrag, &String::new()),
        (&"nobody".to_owned(), &ann.answer.password),
        (&String::new(), &String::new()),
    ] {
        let mut control = Control::connect(&rig).await;
        let (ufrag, password) = (ufrag.clone(), password.clone());
        control.send(&ClientMessage::Open { ufrag, password }).await;
        control.refused(ErrorCode::BadCredentials).await;
    }
    // The one that knew it has noticed nothing.
    good.views([bob.view(0, 180)]).await;
    good.until(|message| matches!(message, voicehall_protocol::video::ServerMessage::Slots { .. })).await;
}

#[tokio::test]
async fn messages_that_are_none_or_out_of_turn() {
    let rig = rig::start().await;
    let ann = Caller::join(&rig, rig.guest("Ann").await).await;
    let open = ClientMessage::Open { ufrag: ann.answer.ufrag.clone(), password: ann.answer.password.clone() };
    let open = serde_json::to_string(&open).unwrap();
    let view = ann.view(0, 180);
    let microphone = View { source: view.source.sibling(SourceKind::Microphone), ..view };
    let long = format!("{open:>width$}", width = MESSAGE_BYTES_MAX + 1);
    let huge = "x".repeat(1_000_000);
    let nested = "[".repeat(4000);
    let known = views(&[view]);
    let malformed = [
        "",
        "hello",
        "null",
        "{}",
        r#"{"op":"launch"}"#,
        r#"{"op":"demand","camera":[1,1,1],"screen":[1,1,1]}"#,
        &known.replace("\"priority\":1", "\"priority\":1,\"x\":1"),
        &known.replace("\"height\":180", "\"height\":-1"),
        &open.replace("\"ufrag\"", "\"x\":1,\"ufrag\""),
        &long,
        &huge,
        &nested,
    ];
    for text in malformed {
        let mut control = Control::connect(&rig).await;
        control.send_text(text).await;
        control.refused(ErrorCode::Malformed).await;
        let mut control = ann.control(&rig).await;
        control.send_text(text).await;
        control.refused(ErrorCode::Malformed).await;
    }
    let send = ClientMessage::Send { camera: Some(Camera::sending()), screen: None, screen_audio: false };
    for early in [views(&[]), serde_json::to_string(&send).unwrap()] {
        let mut control = Control::connect(&rig).await;
        control.send_text(&early).await;
        control.refused(ErrorCode::OutOfOrder).await;
    }
    let mut control = ann.control(&rig).await;
    control.send_text(&open).await;
    control.refused(ErrorCode::OutOfOrder).await;
    let slot = |slot: usize| View { slot: slot as u8, ..view };
    for impossible in [
        views(&[slot(VIDEO_SLOTS)]),
        views(&[slot(255)]),
        views(&[view, view]),
        views(&[microphone]),
        views(&(0..=VIDEO_SLOTS).map(slot).collect::<Vec<_>>()),
    ] {
        let mut control = ann.control(&rig).await;
        control.send_text(&impossible).await;
        control.refused(ErrorCode::Malformed).await;
    }
    let mut control = ann.control(&rig).await;
    control.send_binary(known.as_bytes()).await;
    control.refused(ErrorCode::Malformed).await;
    // A view in each slot is none too many.
    let mut control = ann.control(&rig).await;
    control.views((0..VIDEO_SLOTS).map(slot).collect::<Vec<_>>()).await;
    control.until(|message| matches!(message, voicehall_protocol::video::ServerMessage::Slots { slots } if slots.len() == VIDEO_SLOTS)).await;
}

#[tokio::test]
async fn a_flood_ends_the_socket_and_a_dragged_window_does_not() {
    let rig = rig::start().await;
    let ann = Caller::join(&rig, rig.guest("Ann").await).await;
    let bob = Caller::join(&rig, rig.guest("Bob").await).await;
    let mut control = ann.control(&rig).await;
    for height in 0..60 {
        control.views([bob.view(0, 100 + height)]).await;
    }
    control.until(|message| matches!(message, voicehall_protocol::video::ServerMessage::Slots { .. })).await;
    for height in 0..5000 {
        control.views([bob.view(0, height)]).await;
    }
    control.refused(ErrorCode::RateLimited).await;
}

#[tokio::test]
async fn a_camera_that_flickers_is_told_to_the_guild_as_often_as_the_gateway_allows() {
    let rig = rig::start_with(|config| config.limits.gateway_messages_per_minute = 10).await;
    let ann = Caller::join(&rig, rig.guest("Ann").await).await;
    let mut control = ann.control(&rig).await;
    for number in 0..12 {
        let camera = (number % 2 == 0).then(Camera::sending);
        control.send(&ClientMessage::Send { camera, screen: None, screen_audio: false }).await;
    }
    control.refused(ErrorCode::RateLimited).await;
}

#[tokio::test]
async fn whoever_says_nothing_is_let_go_and_few_of_them_are_let_in() {
    let rig = rig::start_with(|config| config.gateway.identify_timeout_ms = 3000).await;
    let ann = Caller::join(&rig, rig.guest("Ann").await).await;
    let mut silent = Vec::new();
    let refused = loop {
        match Control::try_connect(&rig).await {
            Ok(control) => silent.push(control),
            Err(error) => break error,
        }
        assert!(silent.len() < 100, "there is a bound");
    };
    let tokio_tungstenite::tungstenite::Error::Http(response) = refused else { panic!("{refused}") };
    assert_eq!(response.status(), 429);
    for mut control in silent {
        control.refused(ErrorCode::TooSlow).await;
    }
    let mut control = ann.control(&rig).await;
    control.views([ann.view(0, 180)]).await;
    control.until(|message| matches!(message, voicehall_protocol::video::ServerMessage::Slots { .. })).await;
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let rig = rig::start().await;
    let own = format!("http://{}", rig.server.http_address());
    for (origin, status) in [("https://evil.example", 403), (&*own, 101), ("tauri://localhost", 101)] {
        let request = rig.http.get(rig.url(VIDEO_PATH)).header("origin", origin);
        let request = request.header("connection", "upgrade").header("upgrade", "websocket");
        let request = request
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(request.send().await.unwrap().status(), status, "{origin}");
    }
}
