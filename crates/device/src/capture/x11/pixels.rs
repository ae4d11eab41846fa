//! What a drawable shows: through memory that the display writes to, or through the socket where there
//! is none to share.

use super::super::convert::Rows;
use super::display::{Display, DisplayError, Result};
use super::list::Area;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::ptr::{NonNull, null_mut};
use x11rb::connection::Connection as _;
use x11rb::protocol::shm::{ConnectionExt as _, Seg};
use x11rb::protocol::xproto::{ConnectionExt as _, Drawable, ImageFormat};

/// The last image that was read.
#[derive(Default)]
pub(super) struct Pixels {
    shared: Option<SharedMemory>,
    copied: Vec<u8>,
}

impl Pixels {
    /// Reads an area, which must be within the drawable. What is returned may be drawn on.
    pub(super) fn read(&mut self, display: &Display, from: Drawable, area: Area) -> Result<&mut [u8]> {
        let format = ImageFormat::Z_PIXMAP.into();
        let Area { x, y, width, height } = area;
        let len = usize::from(width) * usize::from(height) * 4;
        if !display.shares_memory {
            let image = display.connection.get_image(ImageFormat::Z_PIXMAP, from, x, y, width, height, !0)?;
            self.copied = image.reply()?.data;
            return self.copied.get_mut(..len).ok_or(DisplayError::Lacks("the display sends too few pixels"));
        }
        if self.shared.as_ref().is_none_or(|shared| shared.len < len) {
            self.free(display)?;
            self.shared = Some(SharedMemory::new(display, len)?);
        }
        let Some(shared) = &mut self.shared else {
            return Err(DisplayError::Lacks("no memory to share"));
        };
        let image =
            display.connection.shm_get_image(from, x, y, width, height, !0, format, shared.segment, 0)?;
        image.reply()?;
        Ok(&mut shared.bytes()[..len])
    }

    fn free(&mut self, display: &Display) -> Result<()> {
        if let Some(shared) = self.shared.take() {
            display.connection.shm_detach(shared.segment)?;
        }
        Ok(())
    }
}

/// The rows of what was read.
pub(super) fn rows(bytes: &[u8], area: Area) -> Rows<'_> {
    Rows { bytes, stride: usize::from(area.width) * 4, size: area.size() }
}

/// Memory that the display writes to when it is asked to. The display lets go of it when the connection
/// ends.
struct SharedMemory {
    segment: Seg,
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: The memory belongs to this value alone; nothing in it knows of threads.
unsafe impl Send for SharedMemory {}

impl SharedMemory {
    fn new(display: &Display, len: usize) -> Result<Self> {
        let memory = memfd_create("voicehall-screen", MemfdFlags::CLOEXEC)?;
        ftruncate(&memory, len as u64)?;
        // SAFETY: A new mapping, at a place that the system chooses.
        let start = unsafe {
            mmap(null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, &memory, 0)?
        };
        let start = NonNull::new(start.cast()).ok_or(DisplayError::Lacks("no memory to share"))?;
        let segment = display.connection.generate_id()?;
        let shared = Self { segment, start, len };
        display.connection.shm_attach_fd(segment, memory, false)?.check()?;
        Ok(shared)
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: The mapping is as long as that and lives as long as this value. The display writes to
        // it only between a request for an image and the answer, and no slice lives through one.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: It was mapped with this length, and no slice of it outlives this value.
        if let Err(error) = unsafe { munmap(self.start.as_ptr().cast(), self.len) } {
            tracing::error!(%error, "shared memory is not given back");
        }
    }
}
