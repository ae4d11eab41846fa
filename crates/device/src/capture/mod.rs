//! Cameras, screens and windows: one door to everything that pictures come from.
//!
//! A [`CaptureSystem`] lists [`SourceInfo`]s and opens one as a [`CaptureStream`]. [`NativeCapture`] has
//! what the machine has; [`VirtualCapture`] has moving test patterns, which a test unplugs, takes away,
//! resizes and closes. Pictures are I420 in BT.709, limited range, in the device's own pixels: whoever
//! encodes them scales them.
//!
//! # Threads
//! Each stream has a thread of its own, which waits for the source and fills pictures. They are handed
//! over so that only the newest waits ([`handover`]): a slow encoder gets fewer pictures, never old
//! ones. A source that does not change gives none, so the last picture stays true.

mod camera;
mod convert;
mod formats;
mod handover;
mod native;
#[cfg(target_os = "linux")]
mod packed;
mod virtual_capture;
#[cfg(target_os = "linux")]
mod wayland;
#[cfg(target_os = "linux")]
mod x11;

use std::fmt;
use thiserror::Error;
use voicehall_video::Size;

pub use handover::{CaptureStream, Captured, Next};
pub use native::NativeCapture;
pub use virtual_capture::{VirtualCapture, VirtualSource};
#[cfg(target_os = "linux")]
pub use wayland::PortalScreens;
#[cfg(target_os = "linux")]
pub use x11::X11Screens;

/// Everything that pictures come from.
pub trait CaptureSystem: Send + Sync {
    /// What there is now. A machine without cameras or screens has an empty list.
    fn sources(&self) -> Vec<SourceInfo>;

    /// What a screen or window shows now, no larger than this.
    ///
    /// # Errors
    /// [`CaptureError::Unsupported`] for cameras, which would have to be switched on for it, and where
    /// the desktop shows nothing before it has asked.
    fn thumbnail(&self, source: &SourceId, size_max: Size) -> Result<Image, CaptureError>;

    /// Starts to capture. Returns soon: what takes time, such as a question to the person, goes on
    /// behind the stream, which tells how it ended.
    ///
    /// # Errors
    /// When it is known at once that there will be no pictures.
    fn open(&self, source: &SourceId, wanted: Wanted) -> Result<CaptureStream, CaptureError>;
}

/// A source's name for programs. A camera's and a screen's is the same after a restart, so it may be
/// stored; a window's goes with the window.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(String);

impl SourceId {
    /// An id as it was stored; it need not exist now.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text, for storing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the name of the system that it belongs to.
    fn within(&self, system: &str) -> Option<&str> {
        self.0.strip_prefix(system)?.strip_prefix(':')
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// A camera.
    Camera,
    /// A whole screen.
    Monitor,
    /// A window, also while others cover it.
    Window,
    /// The desktop asks the person which screen or window it shall be.
    Desktop,
}

/// A source that is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    /// Its id.
    pub id: SourceId,
    /// Its name for people.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
    /// What it gives, best first. A screen has one; none where the source has to be opened to know.
    pub formats: Vec<PictureFormat>,
    /// A window's icon.
    pub icon: Option<Image>,
    /// The process that a window belongs to, for its sound. Windows say so themselves.
    pub process: Option<u32>,
}

/// A size and how often it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PictureFormat {
    /// In pixels.
    pub size: Size,
    /// At most, in pictures per second.
    pub frame_rate: u32,
}

/// What is wanted of a source, which gives the nearest that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Cameras give the smallest format that is as large. Screens and windows come as large as they are.
    pub size: Size,
    /// At most, in pictures per second.
    pub frame_rate: u32,
}

/// Pixels to be shown to people.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// In pixels.
    pub size: Size,
    /// Red, green, blue, alpha, row by row without gaps.
    pub rgba: Vec<u8>,
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({} × {})", self.size.width, self.size.height)
    }
}

/// Something happened to an open source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureEvent {
    /// The pictures from now on have this size.
    Resized(Size),
    /// The window is minimised: no pictures until it is back.
    Minimised,
    /// The window is shown again.
    Restored,
    /// There are no pictures for now. It is tried again until it is [`Self::Back`] or the stream is
    /// closed.
    Lost(CaptureError),
    /// There are pictures again.
    Back,
    /// There will be no more pictures.
    Ended(CaptureError),
    /// The desktop allowed it, and will again without asking if this is given to it.
    Remember(String),
}

/// Why there are no pictures.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CaptureError {
    /// Another program has the camera.
    #[error("the camera is in use by another program")]
    InUse,
    /// The system does not let this program see it.
    #[error("the system does not permit it")]
    Permission,
    /// The person said no.
    #[error("it was declined")]
    Declined,
    /// The camera or screen is not plugged in.
    #[error("it is not plugged in")]
    Unplugged,
    /// The window is closed, or the desktop ended the share.
    #[error("it was closed")]
    Closed,
    /// This desktop or device cannot do it.
    #[error("it is not possible here: {0}")]
    Unsupported(String),
    /// Something else, for a log.
    #[error("{0}")]
    Failed(String),
}

impl CaptureError {
    fn failed(error: impl fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}
