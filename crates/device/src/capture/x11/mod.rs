//! Screens and windows of an X11 display.
//!
//! Pixels come through shared memory where the display has it. An unchanged screen costs nothing: the
//! display tells of damage, and only then is it looked at. A window is captured from the picture that
//! the display keeps of it (Composite), so it may be covered by others.

mod cursor;
mod display;
mod grab;
mod list;
mod pixels;

use super::handover::{CaptureStream, SourceThread, stream};
use super::packed::thumbnail;
use super::{CaptureError, CaptureSystem, Image, SourceId, SourceInfo, Wanted};
use display::Display;
use grab::{Grabber, Target};
use rustix::event::{EventfdFlags, eventfd};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use voicehall_video::Size;

/// What ids begin with: a monitor's name follows, or a window's number.
const MONITOR: &str = "monitor";
const WINDOW: &str = "window";

/// The screens and windows of the display that the environment names.
#[derive(Debug, Default)]
pub struct X11Screens;

impl X11Screens {
    /// Of the display of the environment, which is reached whenever it is asked for something.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl CaptureSystem for X11Screens {
    fn sources(&self) -> Vec<SourceInfo> {
        let listed = Display::open().and_then(|display| list::sources(&display));
        listed.unwrap_or_else(|error| {
            tracing::warn!(%error, "screens and windows cannot be listed");
            Vec::new()
        })
    }

    fn thumbnail(&self, source: &SourceId, size_max: Size) -> Result<Image, CaptureError> {
        let mut grabber = Grabber::open(Target::of(source)?)?;
        let mut image = None;
        grabber.look(|rows| image = Some(thumbnail(rows, size_max)))?;
        image.ok_or_else(|| CaptureError::Unsupported("the window is minimised".to_owned()))
    }

    fn open(&self, source: &SourceId, wanted: Wanted) -> Result<CaptureStream, CaptureError> {
        let grabber = Grabber::open(Target::of(source)?)?;
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(system)?);
        let (sink, stream) = stream();
        let woken = Arc::clone(&wake);
        let thread = SourceThread::spawn("screen", move || grabber.run(wanted, sink, &woken))?;
        Ok(stream.kept_by(Waker { wake, _thread: thread }))
    }
}

/// Wakes the thread when the stream is closed, and only then waits for it.
struct Waker {
    wake: Arc<OwnedFd>,
    _thread: SourceThread,
}

impl Drop for Waker {
    fn drop(&mut self) {
        // Refused only by a count that is full, and then the thread is waking up.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

fn system(error: rustix::io::Errno) -> CaptureError {
    CaptureError::failed(std::io::Error::from(error))
}
