//! Sessions that outlive their connections, and lose nothing.

mod rig;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use std::time::Duration;
use voicehall_protocol::gateway::{CloseCode, Event, ServerMessage};
use voicehall_protocol::ids::{ChannelId, GuildId, MessageId, UserId};
use voicehall_protocol::model::Message;

fn event(guild: GuildId, number: u64, text: &str) -> Event {
    let message = Message {
        id: MessageId(number),
        channel: ChannelId(1),
        author: UserId(1),
        text: text.to_owned(),
        sent_at: 0,
    };
    Event::MessageCreated { guild, message }
}

/// What happens between two events, or instead of the next.
#[derive(Debug, Clone)]
enum Act {
    Publish(u8),
    Read(u8),
    Heartbeat,
    /// The connection is lost with whatever was not read, and taken up again.
    Reconnect,
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (1u8..6).prop_map(Act::Publish),
        (1u8..6).prop_map(Act::Read),
        Just(Act::Heartbeat),
        Just(Act::Reconnect),
    ]
}

async fn play(rig: &rig::Rig, acts: &[Act]) -> Result<(), TestCaseError> {
    let ann = rig.guest("Ann").await;
    let (mut gateway, session, guild) = rig.identify(&ann.token).await;
    let handle = rig.server.app().guilds.get(guild.id).unwrap();
    let (mut published, mut told) = (0u64, 0u64);
    let take = |told: &mut u64, message: ServerMessage| {
        if let ServerMessage::Dispatch { event: Event::MessageCreated { message, .. }, .. } = message {
            *told += 1;
            assert_eq!(message.id, MessageId(*told), "each event once, in order");
        }
    };
    for act in acts.iter().chain(&[Act::Reconnect]) {
        match act {
            Act::Publish(count) => {
                for _ in 0..*count {
                    published += 1;
                    handle.publish(event(guild.id, published, "x")).await.unwrap();
                }
            }
            Act::Read(count) => {
                for _ in 0..*count {
                    if told < published {
                        take(&mut told, gateway.receive().await);
                    }
                }
            }
            Act::Heartbeat => {
                let heartbeat = voicehall_protocol::gateway::ClientMessage::Heartbeat { seq: gateway.seq };
                gateway.send(&heartbeat).await;
                loop {
                    match gateway.receive().await {
                        ServerMessage::HeartbeatAck {} => break,
                        message => take(&mut told, message),
                    }
                }
            }
            Act::Reconnect => {
                let seq = gateway.seq;
                drop(gateway);
                gateway = rig.connect().await;
                gateway.seq = seq;
                gateway.resume(&ann.token, session, seq).await;
                loop {
                    match gateway.receive().await {
                        ServerMessage::Resumed { seq } => {
                            prop_assert_eq!(seq, gateway.seq);
                            break;
                        }
                        message => take(&mut told, message),
                    }
                }
            }
        }
    }
    while told < published {
        take(&mut told, gateway.receive().await);
    }
    Ok(())
}

#[test]
fn no_event_is_lost_however_often_the_connection_is() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rig = runtime.block_on(rig::start());
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() });
    let acts = prop::collection::vec(any_act(), 1..40);
    runner.run(&acts, |acts| runtime.block_on(play(&rig, &acts))).unwrap();
}

#[tokio::test]
async fn a_foreign_session_cannot_be_resumed() {
    let rig = rig::start().await;
    let ann = rig.guest("Ann").await;
    let bob = rig.guest("Bob").await;
    let (_anns, session, _) = rig.identify(&ann.token).await;
    let mut gateway = rig.connect().await;
    gateway.resume(&bob.token, session, 0).await;
    assert_eq!(gateway.receive().await, ServerMessage::InvalidSession {});
    gateway.resume(&ann.token, session, 1_000_000).await;
    assert_eq!(gateway.receive().await, ServerMessage::InvalidSession {}, "so much never happened");
    gateway.identify(&bob.token).await;
    assert!(matches!(gateway.receive().await, ServerMessage::Ready { .. }), "on the same connection");
}

#[tokio::test]
async fn a_second_connection_takes_the_session_over() {
    let rig = rig::start().await;
    let ann = rig.guest("Ann").await;
    let (mut first, session, _) = rig.identify(&ann.token).await;
    let mut second = rig.connect().await;
    second.resume(&ann.token, session, 0).await;
    assert_eq!(second.receive().await, ServerMessage::Resumed { seq: 0 });
    first.closed(CloseCode::Superseded).await;
    rig.guest("Bob").await;
    assert!(matches!(second.receive().await, ServerMessage::Dispatch { seq: 1, .. }));
}

#[tokio::test]
async fn a_session_waits_only_so_long() {
    let rig = rig::start_with(|config| config.gateway.resume_window_ms = 0).await;
    let ann = rig.guest("Ann").await;
    let (gateway, session, _) = rig.identify(&ann.token).await;
    drop(gateway);
    let sessions = &rig.server.app().sessions;
    let forgotten = async {
        while sessions.count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), forgotten).await.expect("the session is forgotten");
    let mut gateway = rig.connect().await;
    gateway.resume(&ann.token, session, 0).await;
    assert_eq!(gateway.receive().await, ServerMessage::InvalidSession {});
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_let_go() {
    let rig = rig::start_with(|config| {
        config.gateway.events_kept = 64;
        config.gateway.write_timeout_ms = 200;
    })
    .await;
    let ann = rig.guest("Ann").await;
    let bob = rig.guest("Bob").await;
    let (_deaf, _, guild) = rig.identify(&ann.token).await;
    let (mut bobs, _, _) = rig.identify(&bob.token).await;
    let handle = rig.server.app().guilds.get(guild.id).unwrap();
    let long = "x".repeat(60_000);
    let session = rig.server.app().sessions.of_user(ann.user.id).remove(0);
    let mut number = 0;
    // Sockets hold a few megabytes, and the session as much.
    while !session.is_over(Duration::MAX) {
        number += 1;
        assert!(number < 1000, "a session keeps everything for ever");
        handle.publish(event(guild.id, number, &long)).await.unwrap();
        let told = bobs.until(|event| match event {
            Event::MessageCreated { message, .. } => Some(message.id),
            _ => None,
        });
        assert_eq!(told.await, MessageId(number), "others are told all the same");
    }
    let offline = bobs.until_change(|change| match change {
        voicehall_protocol::gateway::GuildChange::MemberSet { member } if member.user.id == ann.user.id => {
            (!member.online).then_some(())
        }
        _ => None,
    });
    offline.await;
}
