//! What this machine has, by what its ids begin with.

use super::camera::Cameras;
use super::{CaptureError, CaptureStream, CaptureSystem, Image, SourceId, SourceInfo, Wanted};
use voicehall_video::Size;

/// The cameras, screens and windows of this machine.
pub struct NativeCapture {
    cameras: Cameras,
    /// None where the screen cannot be captured.
    screens: Option<Box<dyn CaptureSystem>>,
}

impl NativeCapture {
    /// Finds out what this desktop allows; nothing is opened.
    #[must_use]
    pub fn new() -> Self {
        Self { cameras: Cameras, screens: screens() }
    }

    fn of(&self, source: &SourceId) -> Result<&dyn CaptureSystem, CaptureError> {
        if source.as_str().starts_with("camera:") {
            return Ok(&self.cameras);
        }
        let unsupported = || CaptureError::Unsupported("this desktop shows no screen to programs".to_owned());
        self.screens.as_deref().ok_or_else(unsupported)
    }
}

impl Default for NativeCapture {
    fn default() -> Self {
        Self::new()
    }
}

/// Under Wayland, an X11 display has the windows of old programs alone, and shows black for the rest.
#[cfg(target_os = "linux")]
fn screens() -> Option<Box<dyn CaptureSystem>> {
    if crate::keys::is_wayland() {
        return Some(Box::new(super::PortalScreens::new()));
    }
    std::env::var_os("DISPLAY")?;
    Some(Box::new(super::X11Screens::new()))
}

#[cfg(not(target_os = "linux"))]
fn screens() -> Option<Box<dyn CaptureSystem>> {
    None
}

impl CaptureSystem for NativeCapture {
    fn sources(&self) -> Vec<SourceInfo> {
        let mut sources = self.cameras.sources();
        sources.extend(self.screens.iter().flat_map(|screens| screens.sources()));
        sources
    }

    fn thumbnail(&self, source: &SourceId, size_max: Size) -> Result<Image, CaptureError> {
        self.of(source)?.thumbnail(source, size_max)
    }

    fn open(&self, source: &SourceId, wanted: Wanted) -> Result<CaptureStream, CaptureError> {
        self.of(source)?.open(source, wanted)
    }
}
