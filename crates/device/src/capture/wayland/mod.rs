//! Screens and windows under Wayland: the desktop itself asks which one is meant, and hands over a
//! PipeWire stream of it. So there is one source, "ask the desktop"; what was chosen before is chosen
//! again without asking if its id holds the token of [`CaptureEvent::Remember`].

mod portal;
mod video;

use super::handover::{CaptureStream, Sink, SourceThread, stream};
use super::{CaptureError, CaptureEvent, CaptureSystem, Image, SourceId, SourceInfo, SourceKind, Wanted};
use futures_util::future::{Either, select};
use portal::{Granted, Portal};
use std::pin::pin;
use video::{End, Video};
use voicehall_video::Size;

/// What ids begin with; a token may follow.
const SYSTEM: &str = "desktop";

/// What the desktop's portal shares.
#[derive(Debug, Default)]
pub struct PortalScreens(());

impl PortalScreens {
    /// Of the session's bus, which is reached whenever it is asked for something.
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }

    /// The source that has the desktop choose what was chosen when it gave this token.
    #[must_use]
    pub fn remembered(token: &str) -> SourceId {
        SourceId::new(format!("{SYSTEM}:{token}"))
    }
}

impl CaptureSystem for PortalScreens {
    fn sources(&self) -> Vec<SourceInfo> {
        if async_io::block_on(Portal::find()).is_err() {
            return Vec::new();
        }
        let (id, name) = (Self::remembered(""), String::new());
        vec![SourceInfo {
            id,
            name,
            kind: SourceKind::Desktop,
            formats: Vec::new(),
            icon: None,
            process: None,
        }]
    }

    fn thumbnail(&self, _source: &SourceId, _size_max: Size) -> Result<Image, CaptureError> {
        Err(CaptureError::Unsupported("the desktop shows nothing before it has asked".to_owned()))
    }

    fn open(&self, source: &SourceId, wanted: Wanted) -> Result<CaptureStream, CaptureError> {
        let token = source.within(SYSTEM).ok_or(CaptureError::Closed)?.to_owned();
        let (running, stopped) = async_channel::bounded(1);
        let (sink, stream) = stream();
        let thread = SourceThread::spawn("screen cast", move || {
            async_io::block_on(share(token, wanted, sink, stopped));
        })?;
        Ok(stream.kept_by(Running { _running: running, _thread: thread }))
    }
}

/// Ends the thread when it goes, whatever that waits for; only then is it waited for.
struct Running {
    _running: async_channel::Sender<()>,
    _thread: SourceThread,
}

/// Asks, and then captures until the stream is closed or the desktop ends it.
async fn share(token: String, wanted: Wanted, sink: Sink, stopped: async_channel::Receiver<()>) {
    let asked = ask(&token);
    let asked = match select(pin!(asked), pin!(stopped.recv())).await {
        Either::Left((asked, _)) => asked,
        // The portal ends what a connection asked for with the connection.
        Either::Right(_) => return,
    };
    let (portal, Granted { node, remote, token }) = match asked {
        Ok(granted) => granted,
        Err(error) => {
            tracing::info!(%error, "the desktop shares nothing");
            return sink.tell(CaptureEvent::Ended(error));
        }
    };
    if let Some(token) = token {
        sink.tell(CaptureEvent::Remember(token));
    }
    let (over, ended) = async_channel::bounded(1);
    let video = match Video::start(remote, node, wanted, sink, over) {
        Ok(video) => video,
        Err(error) => return tracing::warn!(%error, "no thread for the desktop's stream"),
    };
    let (closed, ended) = (pin!(portal.closed()), pin!(ended.recv()));
    let end = match select(select(closed, ended), pin!(stopped.recv())).await {
        Either::Left((Either::Left(_), _)) => End::Closed,
        Either::Left((Either::Right(_), _)) | Either::Right(_) => End::Stopped,
    };
    video.end(end);
    portal.close().await;
}

async fn ask(token: &str) -> Result<(Portal, Granted), CaptureError> {
    let mut portal = Portal::find().await?;
    let granted = portal.ask(token).await?;
    Ok((portal, granted))
}
