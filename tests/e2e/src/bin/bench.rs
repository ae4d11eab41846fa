//! What a call costs and how soon and how well one is heard, measured on the real programs.
//!
//! Appends its figures to the file given as its last argument, one JSON object a line.

use serde_json::{Value, json};
use std::time::Duration;
use voicehall_protocol::PROTOCOL_VERSION;
use voicehall_protocol::gateway::{ClientMessage, GATEWAY_PATH, ServerMessage};
use voicehall_protocol::rest::{GuestRequest, SignedIn};
use voicehall_protocol::voice::{Fingerprint, JOIN_PATH, JoinRequest};
use voicehall_test_e2e::figures::Figures;
use voicehall_test_e2e::keyboard::{Game, Keyboard, Press};
use voicehall_test_e2e::measure::{delays_ms, median};
use voicehall_test_e2e::place::{Headset, Place};
use voicehall_test_e2e::quality::pesq;
use voicehall_test_e2e::rig::Rig;
use voicehall_test_e2e::speech::{Speech, Voice, speak};
use voicehall_test_e2e::spurts::Spurts;
use voicehall_test_e2e::usage;
use voicehall_test_e2e::window::Window;

/// Calls measured: the delay of one differs from that of the next.
const CALLS: usize = 5;

/// Times that a talk key is pressed: each meets another moment of the sound card's rhythm.
const PRESSES: usize = 60;

/// How long an idle call is watched.
const IDLE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() {
    let mut figures = Figures::of_arguments();
    let rig = Rig::new();
    let place = Place::new(&rig);
    let server_mb = usage::memory_mb(&[place.server.process().id()]);
    figures.add("call.server_idle_mb", server_mb, "MB", json!(30));
    figures.add("call.join_bytes", join_bytes(&place).await as f32, "bytes", json!(1000));

    let [alice_set, bob_set, carol_set] =
        ["alice", "bob", "carol"].map(|who| Headset::new(&place.sound, who));
    let alice = place.app(&rig, "Alice", &alice_set).await;
    idle(&mut figures, &rig);
    let bob = place.app(&rig, "Bob", &bob_set).await;
    let speech = speak(&rig, Voice::Alice);

    let ways = [
        ("call.mouth_to_ear_ms", 70, Some("call.pesq"), false),
        ("call.mouth_to_ear_low_ms", 55, None, true),
    ];
    for (delay_name, goal, quality_name, low_latency) in ways {
        for window in [&*alice, &*bob] {
            window.set_low_latency(low_latency).await;
        }
        let (mut delays, mut qualities) = (Vec::new(), Vec::new());
        for _ in 0..CALLS {
            let (delay, quality) = one_call(&rig, &place, &bob, &speech, &alice_set, &bob_set).await;
            delays.push(delay);
            qualities.push(quality);
        }
        println!("{delay_name}: {delays:.1?}, PESQ {qualities:.2?}");
        figures.add(delay_name, median(&delays).expect("there were calls"), "ms", json!(goal));
        if let Some(name) = quality_name {
            let quality = median(&qualities).expect("there were calls");
            figures.add(name, quality, "MOS", json!({ "at_least": 4.2 }));
        }
    }

    let times = push_to_talk_ms(&place, &alice, &speech, &alice_set).await;
    println!("gaming.ptt_ms: {times:.1?}");
    figures.add("gaming.ptt_ms", median(&times).expect("keys were pressed"), "ms", json!(15));
    alice.sound_as_it_is(alice_set.microphone.name(), alice_set.speaker.name()).await;

    let carol = place.browser(&rig, "Carol", &carol_set).await;
    for (name, window, goal) in [("call.join_app_ms", &*bob, 60), ("call.join_chromium_ms", &*carol, 200)] {
        let mut times = Vec::new();
        for _ in 0..CALLS {
            // Somebody is speaking all the while, so that there is something to be heard.
            let _speaking = place.sound.play(&speech, &alice_set.microphone);
            alice.see_person("Alice", "speaking=true").await;
            times.push(join_ms(window).await);
        }
        println!("{name}: {times:.0?}");
        figures.add(name, median(&times).expect("there were calls"), "ms", json!(goal));
    }
}

/// Leaves and comes back, and hears Alice: delay in milliseconds and quality.
async fn one_call(
    rig: &Rig,
    place: &Place<'_>,
    listener: &Window,
    speech: &Speech,
    speaking: &Headset<'_>,
    listening: &Headset<'_>,
) -> (f32, f32) {
    listener.press("leave").await;
    listener.see_voice_state("idle").await;
    listener.enter("Lobby").await;
    let recording = place.sound.record(&[&speaking.microphone, &listening.speaker]);
    assert!(place.sound.play(speech, &speaking.microphone).wait().success());
    recording.run_for(0.5);
    let tracks = recording.stop();
    let delay = median(&delays_ms(&tracks[0], &tracks[1])).expect("Alice is heard");
    (delay, pesq(rig, &tracks[0], &tracks[1]))
}

/// From a talk key's press, while a game has the focus, to the first packet of what is said, in ms.
async fn push_to_talk_ms(
    place: &Place<'_>,
    speaker: &Window,
    speech: &Speech,
    set: &Headset<'_>,
) -> Vec<f32> {
    let keyboard = Keyboard::new(&place.screen);
    speaker.talk_by("pushToTalk", &[Press::CONTROL], |what| keyboard.tap(what)).await;
    let game = Game::start(&place.screen);
    let spurts = Spurts::watch();
    let mut times = Vec::new();
    while times.len() < PRESSES {
        let _speaking = place.sound.play(speech, &set.microphone);
        for _ in 0..PRESSES / 4 {
            let pressed = keyboard.act(Press::CONTROL, true);
            let sent = spurts.after(pressed);
            times.push((sent - pressed).as_secs_f32() * 1000.0);
            keyboard.act(Press::CONTROL, false);
            game.got(2);
            // Until the release delay is over; a little longer each time.
            tokio::time::sleep(Duration::from_millis(300 + times.len() as u64 % 21)).await;
        }
    }
    times
}

/// From the click that joins to the moment in which the window shows that Alice is heard.
async fn join_ms(window: &Window) -> f32 {
    window.press("leave").await;
    window.see_voice_state("idle").await;
    let script = r#"
        const channel = document.querySelector("[data-testid=channel][data-kind=voice]");
        window.joined = null;
        const heard = () => document.querySelector("[data-user=Alice][data-speaking=true]");
        const start = performance.now();
        channel.click();
        const watch = new MutationObserver(() => {
            if (!heard()) return;
            window.joined = performance.now() - start;
            watch.disconnect();
        });
        watch.observe(document.body, { subtree: true, childList: true, attributes: true });
    "#;
    window.script(script, vec![]).await;
    let joined = voicehall_test_e2e::wait::until_async("Alice is heard", || async {
        window.script("return window.joined", vec![]).await.as_f64()
    });
    joined.await as f32
}

/// CPU and memory of the app in a call in which nobody speaks.
fn idle(figures: &mut Figures, rig: &Rig) {
    let processes = usage::processes(rig, usage::APP);
    figures.add("call.app_idle_cpu_pct", usage::cpu_pct(&processes, IDLE), "%", Value::Null);
    figures.add("call.app_mb", usage::memory_mb(&processes), "MB", Value::Null);
}

/// Bytes of the four messages of a voice join, both ways: gateway request and ticket, join and
/// answer.
async fn join_bytes(place: &Place<'_>) -> usize {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message;
    let origin = place.server.origin();
    let http = reqwest::Client::new();
    let guest = GuestRequest { invite: place.server.invite_code().to_owned(), name: "Dora".to_owned() };
    let answer = http.post(format!("{origin}/api/guests")).json(&guest).send().await.expect("it answers");
    let SignedIn { token, .. } = answer.json().await.expect("Dora is in");
    let url = format!("{}{GATEWAY_PATH}", origin.replacen("http", "ws", 1));
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("the gateway is open");
    let text = |message: &ClientMessage| serde_json::to_string(message).expect("messages are JSON");
    let identify = text(&ClientMessage::Identify { protocol: PROTOCOL_VERSION, token });
    socket.send(Message::text(identify)).await.expect("the gateway listens");
    let mut request_bytes = 0;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(received) = message else { continue };
        match serde_json::from_str(&received).expect("the gateway speaks the protocol") {
            ServerMessage::Ready { guilds, .. } => {
                let channel = guilds[0].channels[0].id;
                let join = ClientMessage::VoiceJoin { nonce: 1, channel, self_mute: false, self_deaf: false };
                request_bytes = text(&join).len();
                socket.send(Message::text(text(&join))).await.expect("the gateway listens");
            }
            ServerMessage::VoiceTicket { ticket, .. } => {
                let join = JoinRequest { ticket, fingerprint: Fingerprint([7; 32]), prime: false };
                let post = http.post(format!("{origin}{JOIN_PATH}")).json(&join).send().await;
                let answer = post.expect("the node answers").bytes().await.expect("it answers whole");
                let posted = serde_json::to_string(&join).expect("requests are JSON").len();
                return request_bytes + received.len() + posted + answer.len();
            }
            _ => {}
        }
    }
    panic!("the gateway closed");
}
