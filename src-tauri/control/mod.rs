//! The control socket (`docs/control.md`): programs of the same person lead the app through it.
//! The shell reads and writes the lines; what they ask for is done by the page, which owns the
//! call, and which answers with the state that resulted.

#[cfg(unix)]
#[path = "unix.rs"]
mod listener;
#[cfg(windows)]
#[path = "windows.rs"]
mod listener;

use std::collections::HashMap;
use std::future::Future;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tauri::async_runtime;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{Semaphore, oneshot};
use voicehall_protocol::control::{Answer, LINE_BYTES_MAX, Reason, Request};

/// Programs that are connected at once; more wait until one has gone.
const PEERS_MAX: usize = 8;

/// A page that is alive answers within a blink.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A join answers when media flows: its first attempts may take this long.
const JOIN_TIMEOUT: Duration = Duration::from_secs(40);

/// How long another app may take to end, and how often it is looked whether it has.
const BIND_PATIENCE: Duration = Duration::from_secs(10);
const BIND_INTERVAL: Duration = Duration::from_millis(100);

/// Requests that the page has not answered yet.
#[derive(Default)]
pub struct Pending {
    waiting: Mutex<(u32, HashMap<u32, oneshot::Sender<Answer>>)>,
}

impl Pending {
    /// Hands the page's answer to whoever asked. One that comes too late goes nowhere.
    pub fn answer(&self, id: u32, answer: Answer) {
        let sender = self.waiting.lock().expect("nothing panics while holding it").1.remove(&id);
        if let Some(sender) = sender {
            // Whoever asked may have hung up.
            let _ = sender.send(answer);
        }
    }

    /// Asks the page by `tell` and waits for its answer.
    async fn ask(&self, request: Request, tell: impl Fn(u32, Request)) -> Answer {
        let timeout = if matches!(request, Request::Join { .. }) { JOIN_TIMEOUT } else { ANSWER_TIMEOUT };
        self.ask_for(timeout, request, tell).await
    }

    async fn ask_for(&self, timeout: Duration, request: Request, tell: impl Fn(u32, Request)) -> Answer {
        let (sender, receiver) = oneshot::channel();
        let id = {
            let mut waiting = self.waiting.lock().expect("nothing panics while holding it");
            waiting.0 = waiting.0.wrapping_add(1);
            let id = waiting.0;
            waiting.1.insert(id, sender);
            id
        };
        tell(id, request);
        match tokio::time::timeout(timeout, receiver).await {
            Ok(Ok(answer)) => answer,
            _ => {
                self.waiting.lock().expect("nothing panics while holding it").1.remove(&id);
                Answer::Failed { reason: Reason::Busy }
            }
        }
    }
}

/// Listens from now on; `tell` passes a request to the page. An app that cannot listen works
/// without.
pub fn start(pending: Arc<Pending>, tell: impl Fn(u32, Request) + Clone + Send + Sync + 'static) {
    async_runtime::spawn(async move {
        let mut listener = match bind().await {
            Ok(listener) => listener,
            Err(error) => {
                tracing::warn!(%error, "no control socket");
                return;
            }
        };
        let places = Arc::new(Semaphore::new(PEERS_MAX));
        loop {
            let place = places.clone().acquire_owned().await.expect("it is never closed");
            let stream = match listener.accept().await {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::warn!(%error, "the control socket has ended");
                    return;
                }
            };
            let (pending, tell) = (pending.clone(), tell.clone());
            async_runtime::spawn(async move {
                let ask = |request| pending.ask(request, &tell);
                if let Err(error) = serve(stream, ask).await {
                    tracing::debug!(%error, "a program of the control socket is gone");
                }
                drop(place);
            });
        }
    });
}

/// Listens, once an app that ends has let go of the place: one that starts again after an update
/// meets itself there.
async fn bind() -> std::io::Result<listener::Listener> {
    let started = Instant::now();
    loop {
        match listener::Listener::bind() {
            Err(error) if error.kind() == ErrorKind::AddrInUse && started.elapsed() < BIND_PATIENCE => {
                tokio::time::sleep(BIND_INTERVAL).await;
            }
            bound => return bound,
        }
    }
}

/// Answers one program, line by line, until it hangs up or sends what is too long.
async fn serve<F: Future<Output = Answer>>(
    stream: impl AsyncRead + AsyncWrite,
    ask: impl Fn(Request) -> F,
) -> std::io::Result<()> {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        let limit = LINE_BYTES_MAX as u64 + 1;
        let read = (&mut reader).take(limit).read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Ok(());
        }
        let whole = line.len() <= LINE_BYTES_MAX;
        let answer = match serde_json::from_slice(&line) {
            Ok(request) if whole => ask(request).await,
            _ => Answer::Failed { reason: Reason::Malformed },
        };
        let mut text = serde_json::to_string(&answer).expect("an answer is JSON");
        text.push('\n');
        writer.write_all(text.as_bytes()).await?;
        if !whole {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;
    use voicehall_protocol::control::{Phase, Status};

    fn done(muted: bool) -> Answer {
        let (deafened, talk_override) = (false, false);
        let status = Status { call: Phase::Idle, guild: None, channel: None, muted, deafened, talk_override };
        Answer::Done { status }
    }

    /// What comes back for what was sent, when muting works and everything else does nothing.
    async fn talk(sent: &[u8]) -> String {
        let (near, far) = duplex(64 * 1024);
        let served = tokio::spawn(async move {
            serve(far, |request| async move { done(request == Request::Mute { on: Some(true) }) }).await
        });
        let (mut reader, mut writer) = tokio::io::split(near);
        writer.write_all(sent).await.unwrap();
        writer.shutdown().await.unwrap();
        let mut heard = String::new();
        reader.read_to_string(&mut heard).await.unwrap();
        served.await.unwrap().unwrap();
        heard
    }

    #[tokio::test]
    async fn each_line_is_answered_in_turn() {
        let heard = talk(b"{\"command\":\"mute\",\"on\":true}\nnonsense\n{\"command\":\"status\"}").await;
        let lines: Vec<Answer> = heard.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, [done(true), Answer::Failed { reason: Reason::Malformed }, done(false)]);
    }

    #[tokio::test]
    async fn whoever_sends_an_endless_line_is_cut_off() {
        let mut sent = vec![b' '; LINE_BYTES_MAX + 10];
        sent.extend_from_slice(b"\n{\"command\":\"status\"}\n");
        assert_eq!(talk(&sent).await, "{\"result\":\"failed\",\"reason\":\"malformed\"}\n");
    }

    #[tokio::test]
    async fn a_page_that_does_not_answer_is_busy() {
        let pending = Pending::default();
        let answer = pending.ask_for(Duration::from_millis(20), Request::Status {}, |_, _| {}).await;
        assert_eq!(answer, Answer::Failed { reason: Reason::Busy });
        assert!(pending.waiting.lock().unwrap().1.is_empty());
    }

    #[tokio::test]
    async fn an_answer_goes_to_whoever_asked() {
        let pending = Pending::default();
        pending.answer(7, done(true));
        let answer = pending.ask(Request::Status {}, |id, _| pending.answer(id, done(true))).await;
        assert_eq!(answer, done(true));
    }
}
