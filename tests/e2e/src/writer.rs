//! Somebody who writes in a guild, without a client.

use crate::server::Server;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use voicehall_protocol::PROTOCOL_VERSION;
use voicehall_protocol::gateway::{ClientMessage, GATEWAY_PATH, ServerMessage};
use voicehall_protocol::model::ChannelKind;
use voicehall_protocol::rest::{CreateMessageRequest, GuestRequest, SignedIn};

/// Somebody who writes.
pub struct Writer {
    token: String,
    /// Where messages to the first text channel are posted.
    url: String,
}

impl Writer {
    /// Comes in as a guest.
    ///
    /// # Panics
    /// When the server does not let them in.
    pub async fn come_in(server: &Server, name: &str) -> Self {
        let origin = server.origin();
        let guest = GuestRequest { invite: server.invite_code().to_owned(), name: name.to_owned() };
        let asked = reqwest::Client::new().post(format!("{origin}/api/guests")).json(&guest).send().await;
        let SignedIn { token, .. } =
            asked.expect("the server answers").json().await.expect("it lets guests in");
        let url = format!("{}{GATEWAY_PATH}", origin.replacen("http", "ws", 1));
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("the gateway is open");
        let identify = ClientMessage::Identify { protocol: PROTOCOL_VERSION, token: token.clone() };
        let identify = serde_json::to_string(&identify).expect("messages are JSON");
        socket.send(Message::text(identify)).await.expect("the gateway listens");
        loop {
            let message = socket.next().await.expect("the gateway stays").expect("it is whole");
            let Message::Text(text) = message else { continue };
            let ServerMessage::Ready { guilds, .. } = serde_json::from_str(&text).expect("it is a message")
            else {
                continue;
            };
            let mut channels = guilds.into_iter().flat_map(|guild| guild.channels);
            let channel = channels.find(|channel| channel.kind == ChannelKind::Text);
            let channel = channel.expect("a guild has a text channel").id;
            return Self { token: token.0, url: format!("{origin}/api/channels/{channel}/messages") };
        }
    }

    /// Writes into the guild's first text channel.
    ///
    /// # Panics
    /// When the server does not take it.
    pub async fn write(&self, text: &str) {
        let message = CreateMessageRequest { text: text.to_owned() };
        let post = reqwest::Client::new().post(&self.url).bearer_auth(&self.token).json(&message);
        let answer = post.send().await.expect("the server answers");
        answer.error_for_status().expect("it takes the message");
    }
}
