//! Video from a camera to a slot, and the control socket that says what is wanted.

mod rig;

use rig::Rig;
use rig::call::{Caller, Control, eventually, eventually_answers};
use std::net::{Ipv4Addr, SocketAddr};
use voicehall_protocol::gateway::{ClientMessage as GatewayMessage, ModerateAction, ServerMessage as Answer};
use voicehall_protocol::rtp::{PT_H264, SourceKind, VIDEO_LAYERS};
use voicehall_protocol::video::{ClientMessage, ErrorCode, ServerMessage, SlotState, View};
use voicehall_test_peer::{Camera, PACKETS_PER_PICTURE, Place};

const SLOT: u8 = 5;

/// Of the smallest layer.
const HEIGHT: u16 = 180;

fn send(camera: bool) -> ClientMessage {
    ClientMessage::Send { camera: camera.then(Camera::sending), screen: None, screen_audio: false }
}

fn slots(message: &ServerMessage, wanted: SlotState) -> bool {
    matches!(message, ServerMessage::Slots { slots } if slots.len() == 1 && slots[0].slot == SLOT && slots[0].state == wanted)
}

fn demand(message: &ServerMessage, wanted: bool) -> bool {
    matches!(message, ServerMessage::Demand { camera, .. } if camera.iter().any(Option::is_some) == wanted)
}

/// Packets of video that reached the node, and those of them that were not allowed.
async fn counted(rig: &Rig) -> (u64, u64) {
    let stats = rig.server.app().voice.stats().await;
    (stats[0].video_received, stats[0].dropped_barred)
}

/// Sends a key frame in every layer, and waits until the node has dealt with it.
async fn show(rig: &Rig, caller: &Caller, camera: &mut Camera) {
    let (before, _) = counted(rig).await;
    for layer in 0..VIDEO_LAYERS {
        camera.send(&mut caller.peer(), layer, true).expect("connected");
    }
    let sent = (VIDEO_LAYERS * PACKETS_PER_PICTURE) as u64;
    eventually_answers("the node has them", async || counted(rig).await.0 >= before + sent).await;
}

/// Shows pictures until one is seen.
async fn show_until_seen(from: &Caller, camera: &mut Camera, to: &Caller) {
    eventually("a picture is seen", || {
        camera.send(&mut from.peer(), 0, true).expect("connected");
        to.peer().poll_seen().is_some()
    })
    .await;
}

async fn moderate(owner: &mut Caller, target: &Caller, action: ModerateAction) {
    let (guild, user) = (owner.guild.id, target.who.user.id);
    owner.gateway.send(&GatewayMessage::VoiceModerate { nonce: 3, guild, user, action }).await;
    assert_eq!(owner.gateway.answer().await, Answer::Ack { nonce: 3 });
}

/// Whether bytes hold an address, plain or as STUN hides it (RFC 8489 §14.2), or as text.
fn hold(bytes: &[u8], address: SocketAddr) -> bool {
    let port = address.port();
    let ip = Ipv4Addr::LOCALHOST.octets();
    let plain = [&port.to_be_bytes()[..], &ip].concat();
    let cookie = 0x2112_a442u32.to_be_bytes();
    let hidden_ip: Vec<u8> = ip.iter().zip(cookie).map(|(a, b)| a ^ b).collect();
    let hidden = [&(port ^ 0x2112).to_be_bytes()[..], &hidden_ip].concat();
    let text = format!("127.0.0.1:{port}").into_bytes();
    [plain, hidden, text].iter().any(|needle| bytes.windows(needle.len()).any(|window| window == *needle))
}

#[tokio::test]
async fn a_camera_reaches_whoever_wants_it_and_nobody_else() {
    let rig = rig::start().await;
    let mut ann = Caller::join(&rig, rig.owner().await).await;
    let bob = Caller::join(&rig, rig.guest("Bob").await).await;
    let carol = Caller::join(&rig, rig.guest("Carol").await).await;
    let mut camera = Camera::new(SourceKind::Camera);

    let mut anns = ann.control(&rig).await;
    anns.send(&send(true)).await;
    let session = ann.session;
    ann.told(session, |state| state.camera && !state.screen).await;
    show(&rig, &ann, &mut camera).await;
    assert!(bob.peer().poll_seen().is_none(), "nobody asked for it");

    let mut bobs = bob.control(&rig).await;
    bobs.views([ann.view(SLOT, HEIGHT)]).await;
    anns.until(|message| demand(message, true)).await;
    anns.until(|message| match message {
        ServerMessage::Watchers { camera, screen } => *camera == [bob.answer.source] && screen.is_empty(),
        _ => false,
    })
    .await;
    bobs.until(|message| slots(message, SlotState::Waiting)).await;
    let mut seen = None;
    eventually("a picture is seen", || {
        camera.send(&mut ann.peer(), 0, true).expect("connected");
        seen = bob.peer().poll_seen();
        seen.is_some()
    })
    .await;
    let seen = seen.unwrap();
    assert_eq!((seen.place, seen.source), (Place::Video(SLOT.into()), ann.camera()));
    assert_eq!((seen.payload_type, &seen.payload[..3]), (PT_H264, &[0x67, 0, 0][..]));
    bobs.until(|message| slots(message, SlotState::Live)).await;
    assert!(carol.peer().poll_seen().is_none(), "she did not ask for it");

    bobs.views([]).await;
    anns.until(|message| demand(message, false)).await;
    eventually("what was on its way came", || std::iter::from_fn(|| bob.peer().poll_seen()).count() == 0)
        .await;
    show(&rig, &ann, &mut camera).await;
    assert!(bob.peer().poll_seen().is_none(), "he no longer asks for it");

    let packets = bob.peer().take_opened().concat();
    assert!(hold(&packets, bob.address), "what is looked for would be found");
    assert!(!hold(&packets, ann.address));
    assert!(!hold(&ann.peer().take_opened().concat(), bob.address));
    assert!(!hold(anns.received.as_bytes(), bob.address) && !hold(bobs.received.as_bytes(), ann.address));
    assert!(!anns.received.contains("127.0.0.1") && !bobs.received.contains("127.0.0.1"));
}

#[tokio::test]
async fn a_screen_is_shown_beside_the_camera() {
    let rig = rig::start().await;
    let ann = Caller::join(&rig, rig.guest("Ann").await).await;
    let mut bob = Caller::join(&rig, rig.guest("Bob").await).await;
    let mut anns = ann.control(&rig).await;
    let (camera, screen) = (Some(Camera::sending()), Some(Camera::sending()));
    anns.send(&ClientMessage::Send { camera, screen, screen_audio: true }).await;
    bob.told(ann.session, |state| state.camera && state.screen).await;
    let source = ann.answer.source.sibling(SourceKind::Screen);
    let mut bobs = bob.control(&rig).await;
    bobs.views([View { source, ..ann.view(SLOT, HEIGHT) }]).await;
    anns.until(|message| match message {
        ServerMessage::Demand { camera, screen } => *camera == [None; VIDEO_LAYERS] && screen[0] == Some(30),
        _ => false,
    })
    .await;
    let mut shared = Camera::new(SourceKind::Screen);
    let mut seen = None;
    eventually("a picture is seen", || {
        shared.send(&mut ann.peer(), 0, true).expect("connected");
        seen = bob.peer().poll_seen();
        seen.is_some()
    })
    .await;
    let seen = seen.unwrap();
    assert_eq!((seen.place, seen.source), (Place::Video(SLOT.into()), source));
    anns.send(&send(true)).await;
    bob.told(ann.session, |state| state.camera && !state.screen).await;
    bobs.until(|message| slots(message, SlotState::Ended)).await;
}

#[tokio::test]
async fn whoever_is_barred_is_seen_by_nobody_from_the_next_packet_on() {
    let rig = rig::start().await;
    let mut owner = Caller::join(&rig, rig.owner().await).await;
    let ann = Caller::join(&rig, rig.guest("Ann").await).await;
    let mut camera = Camera::new(SourceKind::Camera);
    let mut anns = ann.control(&rig).await;
    anns.send(&send(true)).await;
    owner.told(ann.session, |state| state.camera).await;
    let mut owners = owner.control(&rig).await;
    owners.views([ann.view(SLOT, HEIGHT)]).await;
    show_until_seen(&ann, &mut camera, &owner).await;
    owners.until(|message| slots(message, SlotState::Live)).await;

    moderate(&mut owner, &ann, ModerateAction::BarVideo).await;
    // This answer comes after the node has heard of it.
    counted(&rig).await;
    eventually("what was on its way came", || std::iter::from_fn(|| owner.peer().poll_seen()).count() == 0)
        .await;
    let (_, before) = counted(&rig).await;
    show(&rig, &ann, &mut camera).await;
    let (_, after) = counted(&rig).await;
    assert_eq!(after - before, (VIDEO_LAYERS * PACKETS_PER_PICTURE) as u64, "each one of them");
    assert!(owner.peer().poll_seen().is_none());
    owners.until(|message| slots(message, SlotState::Forbidden)).await;
    // To say it again does not help, nor does a new session.
    anns.send(&send(false)).await;
    anns.send(&send(true)).await;
    let who = ann.who.clone();
    drop(anns);
    drop(ann);
    let ann = Caller::join(&rig, who).await;
    owner.told(ann.session, |state| state.video_barred && !state.camera).await;
    let mut anns = ann.control(&rig).await;
    anns.send(&send(true)).await;
    let mut camera = Camera::new(SourceKind::Camera);
    show(&rig, &ann, &mut camera).await;
    assert!(owner.peer().poll_seen().is_none());

    moderate(&mut owner, &ann, ModerateAction::UnbarVideo).await;
    owners.views([ann.view(SLOT, HEIGHT)]).await;
    show_until_seen(&ann, &mut camera, &owner).await;
    // What it said while it was barred counts now.
    moderate(&mut owner, &ann, ModerateAction::BarVideo).await;
    moderate(&mut owner, &ann, ModerateAction::UnbarVideo).await;
    let (_, _, guild) = rig.identify(&owner.who.token).await;
    let state = guild.voice_states.iter().find(|state| state.session == ann.session).unwrap();
    assert!(state.camera && !state.video_barred);
}

#[tokio::test]
async fn only_moderators_bar_others() {
    let rig = rig::start().await;
    let owner = Caller::join(&rig, rig.owner().await).await;
    let mut ann = Caller::join(&rig, rig.guest("Ann").await).await;
    let (guild, user, action) = (ann.guild.id, owner.who.user.id, ModerateAction::BarVideo);
    ann.gateway.send(&GatewayMessage::VoiceModerate { nonce: 4, guild, user, action }).await;
    assert!(matches!(ann.gateway.answer().await, Answer::Error { nonce: Some(4), .. }));
}

#[tokio::test]
async fn a_camera_goes_with_the_socket_and_the_socket_with_the_session() {
    let rig = rig::start().await;
    let mut ann = Caller::join(&rig, rig.guest("Ann").await).await;
    let mut bob = Caller::join(&rig, rig.guest("Bob").await).await;
    let session = ann.session;
    let mut bobs = bob.control(&rig).await;
    bobs.views([ann.view(SLOT, HEIGHT)]).await;
    let mut anns = ann.control(&rig).await;
    anns.send(&send(true)).await;
    bob.told(session, |state| state.camera).await;
    bobs.until(|message| slots(message, SlotState::Waiting)).await;
    anns.close().await;
    bob.told(session, |state| !state.camera).await;
    bobs.until(|message| slots(message, SlotState::Ended)).await;

    let mut anns = ann.control(&rig).await;
    anns.send(&send(true)).await;
    bob.told(session, |state| state.camera).await;
    // Whoever opens the socket later is told at once how things stand.
    anns.until(|message| demand(message, true)).await;
    ann.gateway.send(&GatewayMessage::VoiceLeave {}).await;
    anns.refused(ErrorCode::SessionEnded).await;
    let mut late = ann.control(&rig).await;
    late.refused(ErrorCode::BadCredentials).await;
}

#[tokio::test]
async fn what_is_wanted_before_media_flows_is_wanted_once_it_does() {
    let rig = rig::start().await;
    let ann = Caller::join(&rig, rig.guest("Ann").await).await;
    let mut anns = ann.control(&rig).await;
    anns.send(&send(true)).await;
    let mut bob = Caller::join_unconnected(&rig, rig.guest("Bob").await).await;
    let mut bobs = bob.control(&rig).await;
    bobs.views([ann.view(SLOT, HEIGHT)]).await;
    // The node has heard of it before he is there.
    bobs.send(&send(true)).await;
    let session = bob.session;
    bob.told(session, |state| state.camera).await;
    bob.connect().await;
    bobs.until(|message| slots(message, SlotState::Waiting)).await;
    show_until_seen(&ann, &mut Camera::new(SourceKind::Camera), &bob).await;
}

#[tokio::test]
async fn another_socket_takes_the_place_of_the_first() {
    let rig = rig::start().await;
    let ann = Caller::join(&rig, rig.guest("Ann").await).await;
    let mut bob = Caller::join(&rig, rig.guest("Bob").await).await;
    let mut first = ann.control(&rig).await;
    first.send(&send(true)).await;
    bob.told(ann.session, |state| state.camera).await;
    let mut bobs = bob.control(&rig).await;
    bobs.views([ann.view(SLOT, HEIGHT)]).await;
    first.until(|message| demand(message, true)).await;
    let mut second = ann.control(&rig).await;
    first.refused(ErrorCode::Replaced).await;
    // It is told how things stand, and what the first one said stands too.
    second.until(|message| demand(message, true)).await;
    second
        .until(|message| matches!(message, ServerMessage::Watchers { camera, .. } if camera.len() == 1))
        .await;
    show_until_seen(&ann, &mut Camera::new(SourceKind::Camera), &bob).await;
    second.send(&send(false)).await;
    second.until(|message| demand(message, false)).await;
    bob.told(ann.session, |state| !state.camera).await;
}

#[tokio::test]
async fn whoever_reads_nothing_is_let_go() {
    let rig = rig::start_with(|config| config.gateway.heartbeat_interval_ms = 100).await;
    let ann = Caller::join(&rig, rig.guest("Ann").await).await;
    let mut controls = Control::connect(&rig).await;
    let (ufrag, password) = (ann.answer.ufrag.clone(), ann.answer.password.clone());
    controls.send(&ClientMessage::Open { ufrag, password }).await;
    controls.send(&send(true)).await;
    // Nobody reads the gateway either, so the guild itself is asked.
    let camera = || async {
        let guild = rig.server.app().guilds.get(ann.guild.id).unwrap();
        let session = ann.session;
        let look = move |guild: &voicehall_guild::Guild| {
            guild.snapshot().voice_states.iter().any(|state| state.session == session && state.camera)
        };
        guild.read(look).await.unwrap()
    };
    eventually_answers("the camera is shown", async || camera().await).await;
    eventually_answers("it is no longer", async || !camera().await).await;
    controls.refused(ErrorCode::TooSlow).await;
}
