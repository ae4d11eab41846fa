//! The gateway's WebSocket. It lives here and not in the webview, so that it goes on while the
//! window is hidden and its timers are throttled, and so that it trusts as [`crate::tls`] says.
//!
//! Each socket is one task that owns the connection. The UI holds its number; the task reports
//! [`SocketEvent`]s to the sink it was opened with, the last of which is always `Close`, except
//! when the UI itself closed it.

use futures_util::{SinkExt, StreamExt};
use rustls::ClientConfig;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

/// Open sockets at once: one for each server a person is on, and room for reconnects.
const SOCKETS_MAX: usize = 32;

/// Texts that wait to be sent on one socket. The UI sends a few in a second; a connection that
/// takes none for so long is dead.
const WAITING_MAX: usize = 256;

/// Largest message of a server, in bytes: the snapshot of a guild with 10 000 members has about 3 MB.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// A server that has not answered the handshake by then is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a closing handshake may take before the connection is dropped.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The connection ended without a close frame (RFC 6455 §7.4.1).
const CLOSED_ABNORMALLY: u16 = 1006;

/// The close frame had no code (RFC 6455 §7.4.1).
const CLOSED_WITHOUT_CODE: u16 = 1005;

/// What a socket reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum SocketEvent {
    /// The handshake is done.
    Open,
    /// A text came.
    Message {
        /// It.
        text: String,
    },
    /// The connection is over, or never was.
    Close {
        /// RFC 6455 §7.4, or the gateway's own.
        code: u16,
        /// For logs.
        reason: String,
    },
}

/// Why a socket did not open or did not take a text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SocketError {
    /// More than [`SOCKETS_MAX`].
    #[error("too many open sockets")]
    TooMany,
    /// It was closed, or never opened.
    #[error("no such socket")]
    Unknown,
    /// More than [`WAITING_MAX`] texts wait; the socket is given up.
    #[error("the connection takes no more")]
    Stuck,
}

/// The open sockets of the present page.
pub struct Sockets {
    tls: Arc<ClientConfig>,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    id_last: u32,
    handles: HashMap<u32, Handle>,
}

/// Dropping it closes the socket.
struct Handle {
    outgoing: mpsc::Sender<String>,
    _held: oneshot::Sender<()>,
}

impl Sockets {
    /// None open.
    pub fn new(tls: Arc<ClientConfig>) -> Self {
        Self { tls, open: Arc::default() }
    }

    /// Starts to connect; how that goes, `sink` hears. Needs to be called within a tokio runtime.
    pub fn open(
        &self,
        url: String,
        sink: impl Fn(SocketEvent) + Send + Sync + 'static,
    ) -> Result<u32, SocketError> {
        let (sender, outgoing) = mpsc::channel(WAITING_MAX);
        let (held, dropped) = oneshot::channel();
        let id = {
            let mut open = lock(&self.open);
            if open.handles.len() >= SOCKETS_MAX {
                return Err(SocketError::TooMany);
            }
            open.id_last = open.id_last.wrapping_add(1);
            let id = open.id_last;
            open.handles.insert(id, Handle { outgoing: sender, _held: held });
            id
        };
        let connector = Connector::Rustls(self.tls.clone());
        let open = self.open.clone();
        tokio::spawn(async move {
            let end = run(&url, connector, outgoing, dropped, &sink).await;
            lock(&open).handles.remove(&id);
            if let Some((code, reason)) = end {
                sink(SocketEvent::Close { code, reason });
            }
        });
        Ok(id)
    }

    /// Queues a text. One that is queued before the handshake is done is sent after it.
    pub fn send(&self, id: u32, text: String) -> Result<(), SocketError> {
        let mut open = lock(&self.open);
        let handle = open.handles.get(&id).ok_or(SocketError::Unknown)?;
        handle.outgoing.try_send(text).map_err(|error| match error {
            mpsc::error::TrySendError::Closed(_) => SocketError::Unknown,
            mpsc::error::TrySendError::Full(_) => {
                open.handles.remove(&id);
                SocketError::Stuck
            }
        })
    }

    /// Closes a socket after what is queued; its sink hears no more. Unknown ones are ignored.
    pub fn close(&self, id: u32) {
        lock(&self.open).handles.remove(&id);
    }

    /// Closes every socket.
    pub fn close_all(&self) {
        lock(&self.open).handles.clear();
    }
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().expect("nothing panics while holding it")
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The life of one socket. Returns code and reason of its end, or none if the UI closed it.
async fn run(
    url: &str,
    connector: Connector,
    mut outgoing: mpsc::Receiver<String>,
    mut dropped: oneshot::Receiver<()>,
    sink: &impl Fn(SocketEvent),
) -> Option<(u16, String)> {
    let connected = tokio::select! {
        _ = &mut dropped => return None,
        connected = connect(url, connector) => connected,
    };
    let mut stream = match connected {
        Ok(stream) => stream,
        Err(reason) => return Some((CLOSED_ABNORMALLY, reason)),
    };
    sink(SocketEvent::Open);
    let given_up = async {
        let _ = dropped.await;
        tokio::time::sleep(CLOSE_TIMEOUT).await;
    };
    tokio::select! {
        end = talk(&mut stream, &mut outgoing, sink) => end,
        () = given_up => None,
    }
}

async fn connect(url: &str, connector: Connector) -> Result<Stream, String> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    // Small messages, each of which somebody waits for: no Nagle.
    let connecting = connect_async_tls_with_config(url, Some(config), true, Some(connector));
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok((stream, _))) => Ok(stream),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

/// Carries texts both ways until either side ends it.
async fn talk(
    stream: &mut Stream,
    outgoing: &mut mpsc::Receiver<String>,
    sink: &impl Fn(SocketEvent),
) -> Option<(u16, String)> {
    loop {
        tokio::select! {
            text = outgoing.recv() => match text {
                Some(text) => {
                    if let Err(error) = stream.send(Message::text(text)).await {
                        return Some((CLOSED_ABNORMALLY, error.to_string()));
                    }
                }
                None => {
                    close(stream).await;
                    return None;
                }
            },
            message = stream.next() => match received(message) {
                Received::Text(text) => sink(SocketEvent::Message { text }),
                Received::Nothing => {}
                Received::End(code, reason) => {
                    close(stream).await;
                    return Some((code, reason));
                }
            },
        }
    }
}

enum Received {
    Text(String),
    Nothing,
    End(u16, String),
}

fn received(message: Option<Result<Message, tungstenite::Error>>) -> Received {
    match message {
        Some(Ok(Message::Text(text))) => Received::Text(text.as_str().to_owned()),
        // Pings are answered by the library; the gateway sends no binary messages.
        Some(Ok(Message::Close(None))) => Received::End(CLOSED_WITHOUT_CODE, String::new()),
        Some(Ok(Message::Close(Some(frame)))) => {
            Received::End(frame.code.into(), frame.reason.as_str().to_owned())
        }
        Some(Ok(_)) => Received::Nothing,
        Some(Err(error)) => Received::End(CLOSED_ABNORMALLY, error.to_string()),
        None => Received::End(CLOSED_ABNORMALLY, "the connection ended".to_owned()),
    }
}

/// Finishes the closing handshake, whoever began it, and sends what is buffered for it.
async fn close(stream: &mut Stream) {
    let closing = async {
        // Both fail on a connection that is over already, which is what is wanted.
        let _ = stream.close(None).await;
        while let Some(Ok(_)) = stream.next().await {}
    };
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc::UnboundedReceiver;
    use tokio_tungstenite::accept_async;
    use tungstenite::protocol::CloseFrame;

    async fn listen() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/gateway", listener.local_addr().unwrap());
        (listener, url)
    }

    async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
        accept_async(listener.accept().await.unwrap().0).await.unwrap()
    }

    fn sockets() -> Sockets {
        Sockets::new(crate::tls::client_config().unwrap())
    }

    fn open(sockets: &Sockets, url: &str) -> (u32, UnboundedReceiver<SocketEvent>) {
        let (sender, events) = mpsc::unbounded_channel();
        let sink = move |event| drop(sender.send(event));
        (sockets.open(url.to_owned(), sink).unwrap(), events)
    }

    fn message(text: &str) -> Option<SocketEvent> {
        Some(SocketEvent::Message { text: text.to_owned() })
    }

    #[tokio::test]
    async fn texts_go_both_ways_in_order() {
        let (listener, url) = listen().await;
        let sockets = sockets();
        let (id, mut events) = open(&sockets, &url);
        sockets.send(id, "before it is open".to_owned()).unwrap();
        let mut server = accept(&listener).await;
        assert_eq!(events.recv().await, Some(SocketEvent::Open));
        sockets.send(id, "after".to_owned()).unwrap();
        for expected in ["before it is open", "after"] {
            assert_eq!(server.next().await.unwrap().unwrap(), Message::text(expected));
        }
        server.send(Message::text("one")).await.unwrap();
        server.send(Message::Ping(b"p".as_slice().into())).await.unwrap();
        server.send(Message::text("two")).await.unwrap();
        assert_eq!(events.recv().await, message("one"));
        assert_eq!(events.recv().await, message("two"));
        assert_eq!(server.next().await.unwrap().unwrap(), Message::Pong(b"p".as_slice().into()));
    }

    #[tokio::test]
    async fn the_servers_close_code_arrives_and_the_socket_is_gone() {
        let (listener, url) = listen().await;
        let sockets = sockets();
        let (id, mut events) = open(&sockets, &url);
        let mut server = accept(&listener).await;
        let frame = CloseFrame { code: 4003.into(), reason: "BadToken".into() };
        server.close(Some(frame)).await.unwrap();
        assert_eq!(events.recv().await, Some(SocketEvent::Open));
        let close = SocketEvent::Close { code: 4003, reason: "BadToken".to_owned() };
        assert_eq!(events.recv().await, Some(close));
        assert_eq!(events.recv().await, None);
        assert_eq!(sockets.send(id, "x".to_owned()), Err(SocketError::Unknown));
    }

    #[tokio::test]
    async fn a_cut_connection_is_an_abnormal_close() {
        let (listener, url) = listen().await;
        let (_, mut events) = open(&sockets(), &url);
        drop(accept(&listener).await);
        assert_eq!(events.recv().await, Some(SocketEvent::Open));
        let close = events.recv().await;
        assert!(matches!(close, Some(SocketEvent::Close { code: CLOSED_ABNORMALLY, .. })), "{close:?}");
    }

    #[tokio::test]
    async fn a_connection_that_fails_is_a_close_without_an_open() {
        let (listener, url) = listen().await;
        drop(listener);
        for url in [url.as_str(), "no address", "ftp://127.0.0.1/"] {
            let (_, mut events) = open(&sockets(), url);
            let close = events.recv().await;
            assert!(matches!(close, Some(SocketEvent::Close { code: CLOSED_ABNORMALLY, .. })), "{close:?}");
        }
    }

    #[tokio::test]
    async fn closing_sends_what_is_queued_and_says_nothing_more() {
        let (listener, url) = listen().await;
        let sockets = sockets();
        let (id, mut events) = open(&sockets, &url);
        let mut server = accept(&listener).await;
        assert_eq!(events.recv().await, Some(SocketEvent::Open));
        sockets.send(id, "last words".to_owned()).unwrap();
        sockets.close(id);
        assert_eq!(server.next().await.unwrap().unwrap(), Message::text("last words"));
        assert!(matches!(server.next().await, Some(Ok(Message::Close(_)))));
        assert!(server.next().await.is_none());
        assert_eq!(events.recv().await, None);
    }

    #[tokio::test]
    async fn a_new_page_closes_the_sockets_of_the_old_one() {
        let (listener, url) = listen().await;
        let sockets = sockets();
        let (_, mut first) = open(&sockets, &url);
        let mut server = accept(&listener).await;
        // The second is still connecting: nobody accepts it.
        let (silent, silent_url) = listen().await;
        let (_, mut second) = open(&sockets, &silent_url);
        let _half_open = silent.accept().await.unwrap();
        assert_eq!(first.recv().await, Some(SocketEvent::Open));
        sockets.close_all();
        assert!(matches!(server.next().await, Some(Ok(Message::Close(_)))));
        assert!(server.next().await.is_none());
        assert_eq!(first.recv().await, None);
        assert_eq!(second.recv().await, None);
    }

    #[tokio::test]
    async fn a_server_that_reads_nothing_is_given_up() {
        let (listener, url) = listen().await;
        let sockets = sockets();
        let (id, mut events) = open(&sockets, &url);
        let server = accept(&listener).await;
        assert_eq!(events.recv().await, Some(SocketEvent::Open));
        let text = "x".repeat(1 << 20);
        let refused = loop {
            match sockets.send(id, text.clone()) {
                Ok(()) => tokio::task::yield_now().await,
                Err(error) => break error,
            }
        };
        assert_eq!(refused, SocketError::Stuck);
        drop(server);
    }

    #[tokio::test]
    async fn there_is_a_limit() {
        let (listener, url) = listen().await;
        let sockets = sockets();
        for _ in 0..SOCKETS_MAX {
            open(&sockets, &url);
        }
        assert_eq!(sockets.open(url, |_| ()), Err(SocketError::TooMany));
        drop(listener);
    }
}
