//! Whole flows, as people go through them.

mod rig;

use rig::{channel, code};
use voicehall_protocol::gateway::{
    ClientMessage, CloseCode, Event, GuildChange, ModerateAction, ServerMessage,
};
use voicehall_protocol::model::{Channel, ChannelKind, Message, Permissions};
use voicehall_protocol::rest::{
    CreateChannelRequest, CreateInviteRequest, CreateMessageRequest, ErrorCode, HISTORY_PAGE, Invite,
    InviteAccepted, InvitePreview, Login, LoginRequest, SignedIn,
};
use voicehall_protocol::rtp::SourceKind;
use voicehall_protocol::voice::EndReason;
use voicehall_server::admin::Link;

#[tokio::test]
async fn the_owner_link_makes_an_owner_once() {
    let rig = rig::start().await;
    let preview: InvitePreview = rig
        .http
        .get(rig.url(&format!("/api/invites/{}", rig.owner_code())))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(preview.owner);
    let owner = rig.owner().await;
    let (_gateway, _, guild) = rig.identify(&owner.token).await;
    assert_eq!(guild.owner, Some(owner.user.id));
    assert_eq!(rig.register(&rig.owner_code(), "Second").await, Err(ErrorCode::InviteInvalid));
    let guest = rig.guest("Guest").await;
    let again = code(&rig.server.link(Link::Owner).await.unwrap());
    let path = format!("/api/invites/{again}/accept");
    let accepted: InviteAccepted = rig.post(&path, Some(&guest.token), &()).await.unwrap();
    assert_eq!(accepted.guild, guild.id);
    let (_gateway, _, guild) = rig.identify(&guest.token).await;
    assert_eq!(guild.owner, Some(guest.user.id));
}

#[tokio::test]
async fn members_see_each_other_come_and_go() {
    let rig = rig::start().await;
    let ann = rig.guest("Ann").await;
    let (mut anns, _, guild) = rig.identify(&ann.token).await;
    assert!(guild.members[0].online);
    let bob = rig.guest("Bob").await;
    let seen = |online| {
        move |change: &GuildChange| match change {
            GuildChange::MemberSet { member } if member.user.name == "Bob" => {
                (member.online == online).then_some(())
            }
            _ => None,
        }
    };
    anns.until_change(seen(false)).await;
    let (bobs, _, guild) = rig.identify(&bob.token).await;
    assert_eq!(guild.members.len(), 2);
    anns.until_change(seen(true)).await;
    bobs.leave().await;
    anns.until_change(seen(false)).await;
}

#[tokio::test]
async fn messages_are_told_and_kept() {
    let rig = rig::start().await;
    let ann = rig.guest("Ann").await;
    let bob = rig.guest("Bob").await;
    let (mut bobs, _, guild) = rig.identify(&bob.token).await;
    let path = format!("/api/channels/{}/messages", channel(&guild, ChannelKind::Text));
    let mut written = Vec::new();
    for number in 0..HISTORY_PAGE + 5 {
        let request = CreateMessageRequest { text: format!("message {number}") };
        let message: Message = rig.post(&path, Some(&ann.token), &request).await.unwrap();
        let told = bobs
            .until(|event| match event {
                Event::MessageCreated { message, .. } => Some(message.clone()),
                _ => None,
            })
            .await;
        assert_eq!(told, message);
        written.push(message);
    }
    let page: Vec<Message> = rig.get(&path, &bob.token).await.unwrap();
    assert_eq!(page, written[5..]);
    let before = format!("{path}?before={}", page[0].id);
    let page: Vec<Message> = rig.get(&before, &bob.token).await.unwrap();
    assert_eq!(page, written[..5]);
}

#[tokio::test]
async fn a_voice_session_from_ticket_to_leave() {
    let rig = rig::start().await;
    let ann = rig.guest("Ann").await;
    let (mut gateway, _, guild) = rig.identify(&ann.token).await;
    let voice = channel(&guild, ChannelKind::Voice);
    let (session, ticket) = gateway.ticket(voice).await.unwrap();
    // What is chosen before the node has the session holds once it has.
    gateway.send(&ClientMessage::VoiceState { self_mute: true, self_deaf: false }).await;
    gateway.send(&ClientMessage::Heartbeat { seq: gateway.seq }).await;
    assert_eq!(gateway.answer().await, ServerMessage::HeartbeatAck {});
    let answer = rig.voice_join(&ticket).await.unwrap();
    assert_eq!(answer.source.kind(), SourceKind::Microphone);
    let state = gateway
        .until_change(|change| match change {
            GuildChange::VoiceStateSet { state } => Some(state.clone()),
            _ => None,
        })
        .await;
    assert_eq!((state.session, state.source, state.channel), (session, answer.source, voice));
    assert!(state.self_mute && !state.self_deaf);
    gateway.send(&ClientMessage::VoiceState { self_mute: false, self_deaf: true }).await;
    gateway
        .until_change(|change| match change {
            GuildChange::VoiceStateSet { state } => (!state.self_mute && state.self_deaf).then_some(()),
            _ => None,
        })
        .await;
    gateway.send(&ClientMessage::VoiceLeave {}).await;
    gateway
        .until_change(|change| {
            matches!(change, GuildChange::VoiceStateRemoved { user } if *user == ann.user.id).then_some(())
        })
        .await;
    assert_eq!(ended(&mut gateway).await, (session, EndReason::Left));
    gateway.send(&ClientMessage::VoiceLeave {}).await;
    let refused = gateway.answer().await;
    assert!(matches!(refused, ServerMessage::Error { nonce: None, code: ErrorCode::NotInVoice, .. }));
}

async fn ended(gateway: &mut rig::Gateway) -> (voicehall_protocol::ids::VoiceSessionId, EndReason) {
    gateway
        .until(|event| match event {
            Event::VoiceEnded { session, reason } => Some((*session, *reason)),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn an_account_is_in_voice_once() {
    let rig = rig::start().await;
    let ann = rig.guest("Ann").await;
    let (mut first, _, guild) = rig.identify(&ann.token).await;
    let (mut second, _, _) = rig.identify(&ann.token).await;
    let voice = channel(&guild, ChannelKind::Voice);
    let (old, _) = rig.call(&mut first, voice).await;
    let (new, _) = rig.call(&mut second, voice).await;
    assert_eq!(ended(&mut first).await, (old, EndReason::Replaced));
    second.leave().await;
    assert_eq!(ended(&mut first).await, (new, EndReason::Left), "who leaves for good hangs up");
}

#[tokio::test]
async fn moderators_act_and_others_do_not() {
    let rig = rig::start().await;
    let owner = rig.owner().await;
    let ann = rig.guest("Ann").await;
    let (mut owners, _, guild) = rig.identify(&owner.token).await;
    let (mut anns, _, _) = rig.identify(&ann.token).await;
    let (session, _) = rig.call(&mut anns, channel(&guild, ChannelKind::Voice)).await;
    let act = |user, action| ClientMessage::VoiceModerate { nonce: 3, guild: guild.id, user, action };
    anns.send(&act(owner.user.id, ModerateAction::Mute)).await;
    let refused = anns.answer().await;
    assert!(matches!(refused, ServerMessage::Error { nonce: Some(3), code: ErrorCode::Forbidden, .. }));
    owners.send(&act(ann.user.id, ModerateAction::Mute)).await;
    assert_eq!(owners.answer().await, ServerMessage::Ack { nonce: 3 });
    let muted = |change: &GuildChange| match change {
        GuildChange::VoiceStateSet { state } if state.server_mute => Some(()),
        _ => None,
    };
    anns.until_change(muted).await;
    owners.send(&act(ann.user.id, ModerateAction::Disconnect)).await;
    assert_eq!(ended(&mut anns).await, (session, EndReason::Disconnected));
    // The mute outlasts the session, and the server.
    let rig::Rig { server, data, .. } = rig;
    server.stop().await;
    let rig = rig::start_in(data, |_| {}).await;
    let (mut anns, _, guild) = rig.identify(&ann.token).await;
    let (_, ticket) = anns.ticket(channel(&guild, ChannelKind::Voice)).await.unwrap();
    rig.voice_join(&ticket).await.unwrap();
    anns.until_change(muted).await;
}

#[tokio::test]
async fn a_deleted_channel_and_a_lost_membership_end_calls() {
    let rig = rig::start().await;
    let owner = rig.owner().await;
    let ann = rig.guest("Ann").await;
    let (mut anns, _, guild) = rig.identify(&ann.token).await;
    let channels = format!("/api/guilds/{}/channels", guild.id);
    let request = CreateChannelRequest { name: "Side room".to_owned(), kind: ChannelKind::Voice };
    assert_eq!(rig.post::<Channel>(&channels, Some(&ann.token), &request).await, Err(ErrorCode::Forbidden));
    let side: Channel = rig.post(&channels, Some(&owner.token), &request).await.unwrap();
    assert!(side.bitrate > 0);
    let (session, _) = rig.call(&mut anns, side.id).await;
    rig.delete(&format!("{channels}/{}", side.id), &owner.token).await.unwrap();
    assert_eq!(ended(&mut anns).await, (session, EndReason::ChannelGone));
    assert_eq!(anns.ticket(side.id).await, Err(ErrorCode::NotFound));

    let lobby = channel(&guild, ChannelKind::Voice);
    let (session, _) = rig.call(&mut anns, lobby).await;
    let (_, unused) = anns.ticket(lobby).await.unwrap();
    rig.delete(&format!("/api/guilds/{}/members/{}", guild.id, ann.user.id), &owner.token).await.unwrap();
    let removed = anns.until(|event| matches!(event, Event::GuildRemoved { .. }).then_some(()));
    removed.await;
    assert_eq!(ended(&mut anns).await, (session, EndReason::Forbidden));
    assert_eq!(anns.ticket(lobby).await, Err(ErrorCode::NotFound));
    // A ticket from before opens nothing that lasts.
    rig.voice_join(&unused).await.unwrap();
    assert_eq!(ended(&mut anns).await.1, EndReason::Forbidden);
    // An invite brings them back, while they are connected.
    let path = format!("/api/invites/{}/accept", rig.invite_code().await);
    let _: InviteAccepted = rig.post(&path, Some(&ann.token), &()).await.unwrap();
    let added = |event: &Event| match event {
        Event::GuildAdded { guild } => {
            guild.members.iter().find(|member| member.user.id == ann.user.id).cloned()
        }
        _ => None,
    };
    assert!(anns.until(added).await.online);
}

#[tokio::test]
async fn accounts_sign_in_list_and_revoke() {
    let rig = rig::start().await;
    let owner = rig.owner().await;
    let invite = rig.invite_code().await;
    assert_eq!(rig.register(&invite, " OWNER ").await, Err(ErrorCode::NameTaken));
    let sign_in = |name: &str, password: &str| LoginRequest { name: name.into(), password: password.into() };
    for (name, password) in [("Owner", "wrong horse"), ("Nobody", "correct horse"), ("", "")] {
        let refused = rig.post::<SignedIn>("/api/logins", None, &sign_in(name, password)).await;
        assert_eq!(refused, Err(ErrorCode::CredentialsWrong), "{name}");
    }
    let second: SignedIn = rig.post("/api/logins", None, &sign_in("oWNER", "correct horse")).await.unwrap();
    assert_eq!(second.user, owner.user);
    let logins: Vec<Login> = rig.get("/api/logins", &second.token).await.unwrap();
    assert_eq!(logins.iter().map(|login| login.current).collect::<Vec<_>>(), [false, true]);

    let (mut gateway, _, _) = rig.identify(&owner.token).await;
    let other = rig.guest("Other").await;
    let revoke = format!("/api/logins/{}", logins[0].id);
    assert_eq!(rig.delete(&revoke, &other.token).await, Err(ErrorCode::NotFound));
    rig.delete(&revoke, &second.token).await.unwrap();
    gateway.closed(CloseCode::BadToken).await;
    assert_eq!(rig.get::<Vec<Login>>("/api/logins", &owner.token).await, Err(ErrorCode::Unauthorized));
    rig.delete("/api/logins/current", &second.token).await.unwrap();
    assert_eq!(rig.get::<Vec<Login>>("/api/logins", &second.token).await, Err(ErrorCode::Unauthorized));
}

#[tokio::test]
async fn invites_are_counted_and_end() {
    let rig = rig::start().await;
    let owner = rig.owner().await;
    let (_gateway, _, guild) = rig.identify(&owner.token).await;
    assert!(guild.roles[0].permissions.contains(Permissions::INVITE));
    let path = format!("/api/guilds/{}/invites", guild.id);
    let request = CreateInviteRequest { uses_max: Some(1), lifetime_s: Some(3600) };
    let invite: Invite = rig.post(&path, Some(&owner.token), &request).await.unwrap();
    assert_eq!(invite.uses_left, Some(1));
    // A member who follows it uses nothing up.
    let accept = format!("/api/invites/{}/accept", invite.code);
    let _: InviteAccepted = rig.post(&accept, Some(&owner.token), &()).await.unwrap();
    // A name that is taken gives the use back.
    assert_eq!(rig.register(&invite.code, "owner").await, Err(ErrorCode::NameTaken));
    rig.register(&invite.code, "Ann").await.unwrap();
    assert_eq!(rig.register(&invite.code, "Bob").await, Err(ErrorCode::InviteInvalid));
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let rig = rig::start().await;
    let owner = rig.owner().await;
    let (mut gateway, session, before) = rig.identify(&owner.token).await;
    let voice = channel(&before, ChannelKind::Voice);
    let (_, ticket) = gateway.ticket(voice).await.unwrap();
    let (_, _) = rig.call(&mut gateway, voice).await;
    let rig::Rig { server, data, .. } = rig;
    server.stop().await;
    gateway.closed(CloseCode::ShuttingDown).await;

    let rig = rig::start_in(data, |_| {}).await;
    assert_eq!(rig.server.owner_link(), None, "the guild was there already");
    let mut gateway = rig.connect().await;
    gateway.resume(&owner.token, session, 0).await;
    assert_eq!(gateway.receive().await, ServerMessage::InvalidSession {});
    gateway.identify(&owner.token).await;
    let ServerMessage::Ready { mut guilds, .. } = gateway.receive().await else { panic!("not ready") };
    let after = guilds.remove(0);
    assert_eq!((after.owner, &after.channels, &after.roles), (before.owner, &before.channels, &before.roles));
    assert!(after.voice_states.is_empty());
    assert_eq!(rig.voice_join(&ticket).await, Err(ErrorCode::TicketForeign));
}

#[tokio::test]
async fn two_servers_never_share_a_directory() {
    let rig = rig::start().await;
    let second = voicehall_server::Server::start(rig::config(), rig.data.path()).await;
    let error = second.err().expect("refused").to_string();
    assert!(error.contains("another server runs"), "{error}");
}
