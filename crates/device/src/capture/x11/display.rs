//! A connection to a display, and whether it can do what capturing needs.

use super::super::CaptureError;
use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::composite::ConnectionExt as _;
use x11rb::protocol::damage::ConnectionExt as _;
use x11rb::protocol::randr::ConnectionExt as _;
use x11rb::protocol::shm::{self, ConnectionExt as _};
use x11rb::protocol::xfixes::ConnectionExt as _;
use x11rb::protocol::xinput::ConnectionExt as _;
use x11rb::protocol::xproto::{Atom, ConnectionExt as _, ImageOrder, Window};
use x11rb::rust_connection::RustConnection;

/// A display.
pub(super) struct Display {
    pub connection: RustConnection,
    pub root: Window,
    /// Whether pixels may come through memory that both sides see.
    pub shares_memory: bool,
}

/// What goes wrong with a display.
#[derive(Debug, thiserror::Error)]
pub(super) enum DisplayError {
    /// There is none.
    #[error("no display: {0}")]
    Connect(#[from] ConnectError),
    /// It is gone.
    #[error("the display is gone: {0}")]
    Gone(#[from] ConnectionError),
    /// It refuses something, mostly because a window is gone or hidden.
    #[error("the display refuses: {0:?}")]
    Refused(Box<x11rb::x11_utils::X11Error>),
    /// The window is closed.
    #[error("the window is closed")]
    Closed,
    /// It lacks something.
    #[error("{0}")]
    Lacks(&'static str),
    /// The system refuses memory.
    #[error("no memory to share: {0}")]
    System(#[from] rustix::io::Errno),
}

impl From<ReplyError> for DisplayError {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::ConnectionError(error) => Self::Gone(error),
            ReplyError::X11Error(error) => Self::Refused(Box::new(error)),
        }
    }
}

impl From<ReplyOrIdError> for DisplayError {
    fn from(error: ReplyOrIdError) -> Self {
        match error {
            ReplyOrIdError::IdsExhausted => Self::Lacks("the display has no more ids"),
            ReplyOrIdError::ConnectionError(error) => Self::Gone(error),
            ReplyOrIdError::X11Error(error) => Self::Refused(Box::new(error)),
        }
    }
}

impl From<DisplayError> for CaptureError {
    fn from(error: DisplayError) -> Self {
        match error {
            DisplayError::Lacks(what) => Self::Unsupported(what.to_owned()),
            // Whoever asks for a window or screen that was there a moment ago.
            DisplayError::Refused(_) | DisplayError::Closed => Self::Closed,
            other => Self::failed(other),
        }
    }
}

pub(super) type Result<T> = std::result::Result<T, DisplayError>;

impl Display {
    /// The display that the environment names.
    pub(super) fn open() -> Result<Self> {
        let (connection, screen) = RustConnection::connect(None)?;
        let root = connection.setup().roots[screen].root;
        for name in ["Composite", "DAMAGE", "XFIXES", "RANDR"] {
            // The names are static, so each is a sentence of its own.
            if !connection.query_extension(name.as_bytes())?.reply()?.present {
                return Err(DisplayError::Lacks("the display lacks Composite, DAMAGE, XFIXES or RANDR"));
            }
        }
        // Extensions do nothing before they are asked for their versions.
        connection.composite_query_version(0, 4)?.reply()?;
        connection.damage_query_version(1, 1)?.reply()?;
        connection.xfixes_query_version(5, 0)?.reply()?;
        connection.randr_query_version(1, 5)?.reply()?;
        connection.xinput_xi_query_version(2, 2)?.reply()?;
        let mut display = Self { connection, root, shares_memory: false };
        if !display.has_known_pixels(screen) {
            return Err(DisplayError::Lacks("the display has pixels of a kind that is not known here"));
        }
        display.shares_memory = display.finds_memory()?;
        Ok(display)
    }

    /// Whether pixels are blue, green, red and a byte without meaning.
    fn has_known_pixels(&self, screen: usize) -> bool {
        let setup = self.connection.setup();
        let formats = &setup.pixmap_formats;
        let is_known = |depth| formats.iter().any(|f| f.depth == depth && f.bits_per_pixel == 32);
        let screen = &setup.roots[screen];
        let mut visuals = screen.allowed_depths.iter().flat_map(|depth| &depth.visuals);
        let visual = visuals.find(|visual| visual.visual_id == screen.root_visual);
        let masks = visual.map(|visual| (visual.red_mask, visual.green_mask, visual.blue_mask));
        setup.image_byte_order == ImageOrder::LSB_FIRST
            && matches!(screen.root_depth, 24 | 32)
            && is_known(screen.root_depth)
            && masks == Some((0x00ff_0000, 0xff00, 0xff))
    }

    /// Displays of other machines share no memory, and old ones none that is passed to them.
    fn finds_memory(&self) -> Result<bool> {
        if self.connection.extension_information(shm::X11_EXTENSION_NAME)?.is_none() {
            return Ok(false);
        }
        let version = self.connection.shm_query_version()?.reply()?;
        Ok((version.major_version, version.minor_version) >= (1, 2))
    }

    pub(super) fn atom(&self, name: &str) -> Result<Atom> {
        Ok(self.connection.intern_atom(false, name.as_bytes())?.reply()?.atom)
    }
}
