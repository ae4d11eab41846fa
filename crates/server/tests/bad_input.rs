//! What must not be taken, each with a clear error, and a server that goes on.

mod rig;

use reqwest::header::CONTENT_TYPE;
use rig::{Rig, channel};
use voicehall_protocol::gateway::{CLIENT_MESSAGE_BYTES_MAX, ClientMessage, CloseCode, Token};
use voicehall_protocol::ids::VoiceSessionId;
use voicehall_protocol::model::ChannelKind;
use voicehall_protocol::rest::{ErrorBody, ErrorCode, GuestRequest, LoginRequest, SignedIn};
use voicehall_protocol::ticket::{SessionBits, Ticket, TicketKey};

async fn unharmed(rig: &Rig) {
    let health = rig.http.get(rig.url("/healthz")).send().await.unwrap();
    assert_eq!(health.status(), 200);
}

#[tokio::test]
async fn gateway_messages_that_are_none() {
    let rig = rig::start().await;
    let ann = rig.guest("Ann").await;
    let long = "x".repeat(CLIENT_MESSAGE_BYTES_MAX + 1);
    let huge = "x".repeat(1_000_000);
    let nested = "[".repeat(10_000);
    let table: &[(&str, CloseCode)] = &[
        ("", CloseCode::Malformed),
        ("hello", CloseCode::Malformed),
        ("null", CloseCode::Malformed),
        ("{}", CloseCode::Malformed),
        (r#"{"op":"launch"}"#, CloseCode::Malformed),
        (r#"{"op":"heartbeat","seq":-1}"#, CloseCode::Malformed),
        (r#"{"op":"heartbeat","seq":1,"extra":1}"#, CloseCode::Malformed),
        (
            r#"{"op":"voiceJoin","nonce":1,"channel":7,"selfMute":false,"selfDeaf":false}"#,
            CloseCode::Malformed,
        ),
        (&long, CloseCode::Malformed),
        (&huge, CloseCode::Malformed),
        (&nested, CloseCode::Malformed),
    ];
    for (text, code) in table {
        let mut gateway = rig.connect().await;
        gateway.send_text(text).await;
        gateway.closed(*code).await;
        let (mut gateway, _, _) = rig.identify(&ann.token).await;
        gateway.send_text(text).await;
        gateway.closed(*code).await;
    }
    let mut gateway = rig.connect().await;
    gateway.send_binary(b"{}").await;
    gateway.closed(CloseCode::Malformed).await;
    unharmed(&rig).await;
}

#[tokio::test]
async fn gateway_messages_out_of_turn() {
    let rig = rig::start().await;
    let ann = rig.guest("Ann").await;
    let mut gateway = rig.connect().await;
    gateway.send(&ClientMessage::Heartbeat { seq: 0 }).await;
    gateway.closed(CloseCode::NotIdentified).await;
    for token in ["", "x", &"x".repeat(1000)] {
        let mut gateway = rig.connect().await;
        gateway.identify(&Token(token.to_owned())).await;
        gateway.closed(CloseCode::BadToken).await;
    }
    let mut gateway = rig.connect().await;
    gateway.send(&ClientMessage::Identify { protocol: 999, token: ann.token.clone() }).await;
    gateway.closed(CloseCode::ProtocolMismatch).await;
    let (mut gateway, _, _) = rig.identify(&ann.token).await;
    gateway.identify(&ann.token).await;
    gateway.closed(CloseCode::AlreadyIdentified).await;
    unharmed(&rig).await;
}

#[tokio::test]
async fn silence_on_the_gateway_is_not_waited_out() {
    let rig = rig::start_with(|config| {
        config.gateway.identify_timeout_ms = 2000;
        config.gateway.heartbeat_interval_ms = 1000;
    })
    .await;
    rig.connect().await.closed(CloseCode::NotIdentified).await;
    let ann = rig.guest("Ann").await;
    let (mut gateway, session, _) = rig.identify(&ann.token).await;
    gateway.closed(CloseCode::HeartbeatMissed).await;
    let seq = gateway.seq;
    let mut gateway = rig.connect().await;
    gateway.seq = seq;
    gateway.resume(&ann.token, session, seq).await;
    let resumed = gateway.answer().await;
    assert!(matches!(resumed, voicehall_protocol::gateway::ServerMessage::Resumed { .. }));
}

#[tokio::test]
async fn rates_are_limited_and_say_when_to_come_back() {
    let rig = rig::start_with(|config| {
        config.limits.sign_ins_per_minute = 4;
        config.limits.password_tries_per_hour = 1;
        config.limits.gateway_messages_per_minute = 5;
        config.limits.voice_joins_per_minute = 1;
    })
    .await;
    let ann = rig.guest("Ann").await;
    let try_password = |name: &str| LoginRequest { name: name.to_owned(), password: "x".to_owned() };
    let refused = |name: &str| rig.http.post(rig.url("/api/logins")).json(&try_password(name)).send();
    assert_eq!(refused("Ann").await.unwrap().status(), 401);
    assert_eq!(refused("ANN ").await.unwrap().status(), 429, "one name, however it is written");
    assert_eq!(refused("Bob").await.unwrap().status(), 401);
    let response = refused("Eve").await.unwrap();
    assert_eq!(response.status(), 429, "one address, whatever the name");
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    let body: ErrorBody = response.json().await.unwrap();
    assert_eq!(body.code, ErrorCode::RateLimited);
    assert!(body.retry_after_ms.unwrap() > 0);

    let (mut gateway, _, guild) = rig.identify(&ann.token).await;
    let voice = channel(&guild, ChannelKind::Voice);
    gateway.ticket(voice).await.unwrap();
    assert_eq!(gateway.ticket(voice).await, Err(ErrorCode::RateLimited));
    for _ in 0..5 {
        gateway.send(&ClientMessage::Heartbeat { seq: 0 }).await;
    }
    gateway.closed(CloseCode::RateLimited).await;
    unharmed(&rig).await;
}

#[tokio::test]
async fn requests_that_are_none() {
    let rig = rig::start().await;
    let invite = rig.invite_code().await;
    let guest = |name: &str| format!(r#"{{"invite":"{invite}","name":"{name}"}}"#);
    let long_name = "x".repeat(33);
    let huge = format!(r#"{{"invite":"{}","name":"x"}}"#, "x".repeat(100_000));
    let register =
        |password: &str| format!(r#"{{"invite":"{invite}","name":"Ann","password":"{password}"}}"#);
    use ErrorCode as E;
    let table = [
        ("/api/guests", String::new(), 400, E::Malformed),
        ("/api/guests", "{".to_owned(), 400, E::Malformed),
        ("/api/guests", "[]".to_owned(), 400, E::Malformed),
        ("/api/guests", r#"{"invite":"x"}"#.to_owned(), 400, E::Malformed),
        ("/api/guests", r#"{"invite":"x","name":"x","more":1}"#.to_owned(), 400, E::Malformed),
        ("/api/guests", r#"{"invite":"nope","name":"Ann"}"#.to_owned(), 404, E::InviteInvalid),
        ("/api/guests", guest(""), 400, E::NameInvalid),
        ("/api/guests", guest("a\u{200b}b"), 400, E::NameInvalid),
        ("/api/guests", guest(&long_name), 400, E::NameInvalid),
        ("/api/guests", huge, 413, E::TooLarge),
        ("/api/accounts", register("short"), 400, E::PasswordInvalid),
        ("/api/accounts", register(&"x".repeat(2000)), 400, E::PasswordInvalid),
        ("/api/nothing", "{}".to_owned(), 404, E::NotFound),
        ("/api/server", "{}".to_owned(), 405, E::Malformed),
        ("/api/guilds/x/invites", "{}".to_owned(), 401, E::Unauthorized),
        ("/voice/join", "{}".to_owned(), 400, E::Malformed),
        ("/voice/join", r#"{"ticket":"x","fingerprint":"x"}"#.to_owned(), 400, E::Malformed),
    ];
    for (path, body, status, code) in table {
        let request =
            rig.http.post(rig.url(path)).header(CONTENT_TYPE, "application/json").body(body.clone());
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{path} {body:.80}");
        assert_eq!(response.json::<ErrorBody>().await.unwrap().code, code, "{path} {body:.80}");
    }
    let plain = rig.http.post(rig.url("/api/guests")).body(guest("Ann")).send().await.unwrap();
    assert_eq!(plain.json::<ErrorBody>().await.unwrap().code, E::Malformed);
    unharmed(&rig).await;
}

#[tokio::test]
async fn what_others_may_not_see_is_not_there() {
    let rig = rig::start().await;
    let ann = rig.guest("Ann").await;
    let (_gateway, _, guild) = rig.identify(&ann.token).await;
    let voice = channel(&guild, ChannelKind::Voice);
    let message = serde_json::json!({ "text": "hello" });
    let empty = serde_json::json!({ "text": " \n" });
    let text = channel(&guild, ChannelKind::Text);
    for (path, body, code) in [
        (format!("/api/channels/{voice}/messages"), &message, ErrorCode::WrongChannelKind),
        ("/api/channels/1/messages".to_owned(), &message, ErrorCode::NotFound),
        ("/api/channels/x/messages".to_owned(), &message, ErrorCode::NotFound),
        (format!("/api/channels/{text}/messages"), &empty, ErrorCode::TextInvalid),
        ("/api/guilds/1/invites".to_owned(), &serde_json::json!({}), ErrorCode::NotFound),
    ] {
        let refused = rig.post::<serde_json::Value>(&path, Some(&ann.token), body).await;
        assert_eq!(refused, Err(code), "{path}");
    }
}

#[tokio::test]
async fn tickets_that_open_nothing() {
    let rig = rig::start().await;
    let ann = rig.guest("Ann").await;
    let (mut gateway, _, guild) = rig.identify(&ann.token).await;
    let voice = channel(&guild, ChannelKind::Voice);
    let (_, ticket) = gateway.ticket(voice).await.unwrap();
    let placement = &rig.server.app().placement;
    let expires_s = u32::try_from(rig.server.app().now_ms() / 1000).unwrap() + 20;
    let made = Ticket {
        node: placement.node,
        epoch: placement.epoch,
        user: ann.user.id,
        session: VoiceSessionId(1),
        channel: voice,
        bits: SessionBits::SPEAK,
        expires_s,
    };
    let mut altered = ticket.clone().into_bytes();
    altered[20] = if altered[20] == b'A' { b'B' } else { b'A' };
    let seal = |ticket: Ticket| placement.key.seal(&ticket);
    for (name, ticket, code) in [
        ("garbage", "x".to_owned(), ErrorCode::TicketInvalid),
        ("empty", String::new(), ErrorCode::TicketInvalid),
        ("altered", String::from_utf8(altered).unwrap(), ErrorCode::TicketInvalid),
        ("foreign key", TicketKey::new([1; 32]).seal(&made), ErrorCode::TicketInvalid),
        ("expired", seal(Ticket { expires_s: 1, ..made }), ErrorCode::TicketExpired),
        ("another node", seal(Ticket { node: made.node + 1, ..made }), ErrorCode::TicketForeign),
        ("an older placement", seal(Ticket { epoch: made.epoch - 1, ..made }), ErrorCode::TicketForeign),
    ] {
        assert_eq!(rig.voice_join(&ticket).await, Err(code), "{name}");
    }
    rig.voice_join(&ticket).await.unwrap();
    assert_eq!(rig.voice_join(&ticket).await, Err(ErrorCode::TicketUsed));
    assert_eq!(gateway.ticket(channel(&guild, ChannelKind::Text)).await, Err(ErrorCode::WrongChannelKind));
    unharmed(&rig).await;
}

#[tokio::test]
async fn pages_of_other_sites_cannot_open_the_gateway() {
    let rig = rig::start().await;
    let host = rig.server.http_address().to_string();
    for (origin, status) in [(format!("http://{host}"), 101), ("https://evil.example".to_owned(), 403)] {
        let request = rig
            .http
            .get(rig.url("/gateway"))
            .header("origin", origin)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(request.send().await.unwrap().status(), status);
    }
}

#[tokio::test]
async fn beyond_the_bound_connections_are_closed() {
    let rig = rig::start_with(|config| config.http.connections_max = 2).await;
    let ann: SignedIn = {
        let request = GuestRequest { invite: rig.invite_code().await, name: "Ann".to_owned() };
        rig.post("/api/guests", None, &request).await.unwrap()
    };
    // The HTTP client keeps its connection; this is the second, and there is no third.
    let (mut gateway, _, _) = rig.identify(&ann.token).await;
    assert!(reqwest::Client::new().get(rig.url("/healthz")).send().await.is_err());
    gateway.send(&ClientMessage::Heartbeat { seq: 0 }).await;
    gateway.answer().await;
}
