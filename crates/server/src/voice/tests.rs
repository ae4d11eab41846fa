//! Joins at the door of a real node. What its media does is tested in `voicehall-sfu`, and under
//! load in `tests/load`.

use super::*;
use std::net::Ipv4Addr;
use voicehall_protocol::ticket::Ticket;

const KEY: TicketKey = TicketKey::new([1; 32]);

fn node() -> (VoiceNode, mpsc::UnboundedReceiver<VoiceEvent>) {
    VoiceNode::start(VoiceConfig {
        bind: Ipv4Addr::LOCALHOST.into(),
        port_first: 0,
        shards: 2,
        advertise: Vec::new(),
        node: 3,
        epoch: 4,
        key: KEY,
    })
    .unwrap()
}

fn ticket(session: u64) -> Ticket {
    Ticket {
        node: 3,
        epoch: 4,
        user: UserId(9),
        session: VoiceSessionId(session),
        channel: ChannelId(session % 7),
        bits: SessionBits::SPEAK,
        expires_s: unix_s() as u32 + 30,
    }
}

fn request(ticket: &Ticket) -> JoinRequest {
    JoinRequest { ticket: KEY.seal(ticket), fingerprint: Fingerprint([2; 32]), prime: false }
}

#[tokio::test]
async fn a_join_answers_with_all_that_a_client_needs() {
    let (node, mut events) = node();
    let answer = node.join(&request(&ticket(1))).await.unwrap();
    assert_eq!(answer.addresses.len(), 1);
    assert!(node.local_addresses().contains(&answer.addresses[0]));
    assert!(answer.ufrag.len() >= 4 && answer.password.len() >= 22, "RFC 8445 §5.3");
    let opened = VoiceEvent::Opened {
        session: VoiceSessionId(1),
        user: UserId(9),
        channel: ChannelId(1),
        source: answer.source,
    };
    assert_eq!(events.recv().await, Some(opened));
    let other = node.join(&request(&ticket(2))).await.unwrap();
    assert_ne!(other.source, answer.source);
    assert_ne!(other.ufrag, answer.ufrag);
    assert!(node.session_stats(VoiceSessionId(1)).await.is_some());
    node.stop().await;
}

#[tokio::test]
async fn each_bad_ticket_is_refused_for_its_reason() {
    let (node, _events) = node();
    let good = request(&ticket(1));
    // A character of the user's id.
    let mut altered = good.clone();
    let other = if &good.ticket[12..13] == "A" { "B" } else { "A" };
    altered.ticket.replace_range(12..13, other);
    let cases = [
        (altered, JoinError::Ticket(TicketError::Forged)),
        (
            JoinRequest { ticket: "nonsense".into(), ..good.clone() },
            JoinError::Ticket(TicketError::Malformed),
        ),
        (request(&Ticket { expires_s: 1, ..ticket(1) }), JoinError::Ticket(TicketError::Expired)),
        (request(&Ticket { node: 8, ..ticket(1) }), JoinError::Foreign),
        (request(&Ticket { epoch: 5, ..ticket(1) }), JoinError::Foreign),
    ];
    for (request, error) in cases {
        assert_eq!(node.join(&request).await, Err(error));
    }
    assert!(node.join(&good).await.is_ok(), "none of them used it up");
    assert_eq!(node.join(&good).await, Err(JoinError::Used));
    node.close(VoiceSessionId(1), EndReason::Left);
    assert_eq!(node.join(&good).await, Err(JoinError::Used), "nor is it good again afterwards");
    node.stop().await;
}

#[tokio::test]
async fn every_session_opened_is_closed_once_and_the_end_is_told() {
    let (node, mut events) = node();
    for session in 0..10 {
        node.join(&request(&ticket(session))).await.unwrap();
    }
    node.close(VoiceSessionId(0), EndReason::Disconnected);
    node.stop().await;
    assert_eq!(node.join(&request(&ticket(99))).await, Err(JoinError::Stopping));
    drop(node);
    let mut closed = Vec::new();
    while let Some(event) = events.recv().await {
        if let VoiceEvent::Closed { session, reason } = event {
            closed.push((session.0, reason));
        }
    }
    closed.sort_unstable_by_key(|(session, _)| *session);
    let expected: Vec<_> = (0..10)
        .map(|session| {
            (session, if session == 0 { EndReason::Disconnected } else { EndReason::NodeStopping })
        })
        .collect();
    assert_eq!(closed, expected);
}
