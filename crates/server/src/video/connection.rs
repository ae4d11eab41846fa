//! One control socket, from its first message to its close.

use super::door::Place;
use crate::app::{self, App};
use crate::voice::{VideoControl, VideoNext};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use governor::DefaultDirectRateLimiter;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use voicehall_protocol::rtp::{SourceKind, VIDEO_SLOTS};
use voicehall_protocol::video::{ClientMessage, ErrorCode, MESSAGE_BYTES_MAX, ServerMessage, View};

/// How long a client may take to accept the close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// WebSocket close codes (RFC 6455 §7.4.1): the purpose is fulfilled; or the client broke a rule.
const NORMAL: u16 = 1000;
const POLICY: u16 = 1008;

/// Why a socket ends.
enum Over {
    /// The client is gone.
    Lost,
    /// The node ends it.
    Refused(ErrorCode),
}

impl From<ErrorCode> for Over {
    fn from(code: ErrorCode) -> Self {
        Self::Refused(code)
    }
}

/// Serves a socket to its end.
pub(super) async fn run(app: Arc<App>, socket: WebSocket, place: Place) {
    let (sink, stream) = socket.split();
    let mut client = Client {
        sink,
        stream,
        limiter: app.limits.video_messages(),
        write_timeout: Duration::from_millis(app.config.gateway.write_timeout_ms.into()),
        heard_at: Instant::now(),
    };
    let over = match serve(&app, &mut client, place).await {
        Ok(never) => match never {},
        Err(over) => over,
    };
    if let Over::Refused(code) = over {
        client.refuse(code).await;
    }
}

async fn serve(app: &App, client: &mut Client, place: Place) -> Result<Infallible, Over> {
    let control = open(app, client).await?;
    drop(place);
    let mut session = Session { control, changes: app.limits.gateway_messages(), sends: (false, false) };
    let interval = Duration::from_millis(app.config.gateway.heartbeat_interval_ms.into());
    let mut ping_at = Instant::now() + interval;
    let mut stopping = app.stopping.subscribe();
    loop {
        // At most one message of a kind, so that a client is heard between any two of these.
        match session.control.next() {
            VideoNext::Tell(messages) => {
                for message in messages {
                    client.send(&message).await?;
                }
            }
            VideoNext::Wait => {}
            VideoNext::Over(code) => return Err(code.into()),
        }
        tokio::select! {
            biased;
            () = app::stopped(&mut stopping) => return Err(ErrorCode::SessionEnded.into()),
            message = client.receive() => session.hear(message?)?,
            () = session.control.woken() => {}
            () = sleep_until(ping_at) => {
                if client.heard_at.elapsed() > 2 * interval {
                    return Err(ErrorCode::TooSlow.into());
                }
                client.write(Message::Ping(Default::default())).await?;
                ping_at = Instant::now() + interval;
            }
        }
    }
}

/// The first message, which says whose the socket is.
async fn open(app: &App, client: &mut Client) -> Result<VideoControl, Over> {
    let patience = Duration::from_millis(app.config.gateway.identify_timeout_ms.into());
    let first = timeout_at(Instant::now() + patience, client.receive()).await;
    match first.map_err(|_| ErrorCode::TooSlow)?? {
        ClientMessage::Open { ufrag, password } => {
            app.voice.video(&ufrag, &password).ok_or(ErrorCode::BadCredentials.into())
        }
        ClientMessage::Views { .. } | ClientMessage::Send { .. } => Err(ErrorCode::OutOfOrder.into()),
    }
}

/// The voice session that a socket speaks for.
struct Session {
    control: VideoControl,
    /// Everybody in the guild is told when a camera or a screen comes or goes, as of other requests
    /// over the gateway.
    changes: Option<DefaultDirectRateLimiter>,
    sends: (bool, bool),
}

impl Session {
    fn hear(&mut self, message: ClientMessage) -> Result<(), ErrorCode> {
        match message {
            ClientMessage::Open { .. } => return Err(ErrorCode::OutOfOrder),
            ClientMessage::Views { views } => {
                if !are_possible(&views) {
                    return Err(ErrorCode::Malformed);
                }
                self.control.set_views(views);
            }
            // The sound of a screen needs no word: it goes where the picture goes.
            ClientMessage::Send { camera, screen, screen_audio: _ } => {
                let sends = (camera.is_some(), screen.is_some());
                let changes = std::mem::replace(&mut self.sends, sends) != sends;
                if changes && self.changes.as_ref().is_some_and(|changes| changes.check().is_err()) {
                    return Err(ErrorCode::RateLimited);
                }
                self.control.set_send(camera, screen);
            }
        }
        Ok(())
    }
}

/// Whether these are views of videos, each in a slot of its own that there is.
fn are_possible(views: &[View]) -> bool {
    let mut taken = [false; VIDEO_SLOTS];
    views.iter().all(|view| {
        let free = taken.get_mut(usize::from(view.slot)).is_some_and(|taken| !std::mem::replace(taken, true));
        free && matches!(view.source.kind(), SourceKind::Camera | SourceKind::Screen)
    })
}

/// The client's end of the socket, with its bounds.
struct Client {
    sink: SplitSink<WebSocket, Message>,
    stream: SplitStream<WebSocket>,
    limiter: DefaultDirectRateLimiter,
    write_timeout: Duration,
    /// When anything came of it.
    heard_at: Instant,
}

impl Client {
    async fn send(&mut self, message: &ServerMessage) -> Result<(), Over> {
        self.write(Message::Text(serde_json::to_string(message).expect("messages are JSON").into())).await
    }

    async fn write(&mut self, message: Message) -> Result<(), Over> {
        match timeout(self.write_timeout, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Over::Lost),
            Err(_) => Err(ErrorCode::TooSlow.into()),
        }
    }

    /// The next message. May be dropped at any await without losing one.
    async fn receive(&mut self) -> Result<ClientMessage, Over> {
        loop {
            let message = self.stream.next().await.ok_or(Over::Lost)?;
            self.heard_at = Instant::now();
            if self.limiter.check().is_err() {
                return Err(ErrorCode::RateLimited.into());
            }
            match message {
                Ok(Message::Text(text)) if text.len() <= MESSAGE_BYTES_MAX => {
                    return serde_json::from_str(&text).map_err(|_| ErrorCode::Malformed.into());
                }
                Ok(Message::Text(_) | Message::Binary(_)) => return Err(ErrorCode::Malformed.into()),
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(Message::Close(_)) => return Err(Over::Lost),
                // A frame that breaks RFC 6455, or is too large to be read; or the connection is
                // gone, and then the answer goes nowhere.
                Err(_) => return Err(ErrorCode::Malformed.into()),
            }
        }
    }

    async fn refuse(&mut self, code: ErrorCode) {
        let fulfilled = matches!(code, ErrorCode::SessionEnded | ErrorCode::Replaced);
        let frame = CloseFrame { code: if fulfilled { NORMAL } else { POLICY }, reason: "".into() };
        let error = serde_json::to_string(&ServerMessage::Error { code }).expect("messages are JSON");
        let closing = async {
            self.sink.send(Message::Text(error.into())).await?;
            self.sink.send(Message::Close(Some(frame))).await?;
            // Data that was not read when a socket closes would reset it, and the client might
            // never see the code.
            while let Some(Ok(_)) = self.stream.next().await {}
            Ok::<(), axum::Error>(())
        };
        // The socket ends either way.
        let _ = timeout(CLOSE_TIMEOUT, closing).await;
    }
}
