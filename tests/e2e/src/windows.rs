//! The windows on a display, as panels and hands see them: by way of the window manager.

use crate::screen::Screen;
use crate::wait;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt as _, EventMask, ImageFormat, Window,
};
use x11rb::rust_connection::RustConnection;

/// How a panel asks, rather than a program (Extended Window Manager Hints).
const AS_A_PANEL: u32 = 2;

/// Where a window is, and how large, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// From the left.
    pub x: i16,
    /// From the top.
    pub y: i16,
    /// How wide.
    pub width: u16,
    /// How high.
    pub height: u16,
}

/// The windows of a display.
pub struct Windows {
    connection: RustConnection,
    root: Window,
}

impl Windows {
    /// Of a screen.
    ///
    /// # Panics
    /// When it is not there.
    pub fn of(screen: &Screen) -> Self {
        let (connection, number) =
            RustConnection::connect(Some(screen.display())).expect("the display listens");
        let root = connection.setup().roots[number].root;
        Self { connection, root }
    }

    /// All that people can see, the oldest first.
    pub fn all(&self) -> Vec<Window> {
        let all = self.property(self.root, "_NET_CLIENT_LIST").unwrap_or_default();
        let words = all.chunks_exact(4);
        words.map(|word| u32::from_ne_bytes(word.try_into().expect("a window's id has four bytes"))).collect()
    }

    /// Those with this title that people can see, the oldest first.
    pub fn titled(&self, title: &str) -> Vec<Window> {
        let is_titled = |window: &Window| {
            self.property(*window, "_NET_WM_NAME").is_some_and(|name| name == title.as_bytes())
        };
        self.all().into_iter().filter(is_titled).collect()
    }

    /// Waits until there is a window with this title.
    pub fn see(&self, title: &str) -> Window {
        wait::until(&format!("there is a window '{title}'"), || self.titled(title).first().copied())
    }

    /// Waits until there is none.
    pub fn see_none(&self, title: &str) {
        wait::until(&format!("there is no window '{title}'"), || self.titled(title).is_empty().then_some(()));
    }

    /// Waits until this window is the one that keys go to.
    pub fn see_active(&self, window: Window) {
        wait::until("the window has the focus", || self.is_active(window).then_some(()));
    }

    /// Whether keys go to it.
    pub fn is_active(&self, window: Window) -> bool {
        let active = self.property(self.root, "_NET_ACTIVE_WINDOW");
        active.is_some_and(|active| active == window.to_ne_bytes())
    }

    /// Closes it by the button in its frame.
    pub fn close(&self, window: Window) {
        self.ask(window, "_NET_CLOSE_WINDOW", [0, AS_A_PANEL, 0, 0, 0]);
    }

    /// Brings it to the front.
    pub fn activate(&self, window: Window) {
        self.ask(window, "_NET_ACTIVE_WINDOW", [AS_A_PANEL, 0, 0, 0, 0]);
        self.see_active(window);
    }

    /// Moves it and gives it another size, and waits until it is so.
    pub fn place(&self, window: Window, place: Place) {
        // All four of them, and the corner is the content's, not the frame's (static gravity).
        let flags = 10 | 0xF << 8 | AS_A_PANEL << 12;
        let [x, y] = [place.x, place.y].map(|value| i32::from(value) as u32);
        let [width, height] = [place.width, place.height].map(u32::from);
        self.ask(window, "_NET_MOVERESIZE_WINDOW", [flags, x, y, width, height]);
        wait::until("the window is where it was put", || (self.place_of(window) == place).then_some(()));
    }

    /// Where it is.
    ///
    /// # Panics
    /// When it is gone.
    pub fn place_of(&self, window: Window) -> Place {
        let size = self.connection.get_geometry(window).expect("it can be asked").reply();
        let corner =
            self.connection.translate_coordinates(window, self.root, 0, 0).expect("it can be asked").reply();
        let (size, corner) = (size.expect("the window is there"), corner.expect("the window is there"));
        Place { x: corner.dst_x, y: corner.dst_y, width: size.width, height: size.height }
    }

    /// Some lines of what a window shows, from top to bottom: enough to tell what it shows. None while
    /// it cannot be seen whole.
    pub fn picture(&self, window: Window, lines: u16) -> Option<Vec<u8>> {
        let size = self.connection.get_geometry(window).ok()?.reply().ok()?;
        let ask = |line: u16| {
            let y = i16::try_from(u32::from(size.height) * u32::from(line) / u32::from(lines)).ok()?;
            self.connection.get_image(ImageFormat::Z_PIXMAP, window, 0, y, size.width, 1, u32::MAX).ok()
        };
        // All are asked for before the first has come.
        let asked: Vec<_> = (0..lines).map(ask).collect();
        let mut picture = Vec::new();
        for line in asked {
            picture.extend(line?.reply().ok()?.data);
        }
        Some(picture)
    }

    fn ask(&self, window: Window, what: &str, data: [u32; 5]) {
        let event = ClientMessageEvent::new(32, window, self.atom(what), data);
        let mask = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
        let asked = self.connection.send_event(false, self.root, mask, event).expect("it can be asked");
        asked.check().expect("the display takes it");
    }

    fn property(&self, window: Window, name: &str) -> Option<Vec<u8>> {
        let asked =
            self.connection.get_property(false, window, self.atom(name), AtomEnum::ANY, 0, u32::MAX / 4);
        // A window may be gone since it was listed.
        let value = asked.ok()?.reply().ok()?.value;
        (!value.is_empty()).then_some(value)
    }

    fn atom(&self, name: &str) -> u32 {
        let asked = self.connection.intern_atom(false, name.as_bytes()).expect("it can be asked");
        asked.reply().expect("the display knows names").atom
    }
}
