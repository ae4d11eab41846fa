//! Hands on the screen's keyboard and mouse, and a game that has the focus.

use crate::screen::Screen;
use crate::wait;
use std::sync::Mutex;
use std::time::Instant;
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ConnectionExt as _, CreateWindowAux, EventMask, InputFocus, PropMode, Window, WindowClass,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

/// Event codes of X11.
const KEY_PRESS: u8 = 2;
const KEY_RELEASE: u8 = 3;
const BUTTON_PRESS: u8 = 4;
const BUTTON_RELEASE: u8 = 5;

/// Something that hands press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// A key, by its X11 keycode.
    Key(u8),
    /// A mouse button, by its X11 number.
    Button(u8),
}

impl Press {
    /// Control on the left side.
    pub const CONTROL: Self = Self::Key(37);
    /// The key that writes V.
    pub const V: Self = Self::Key(55);
    /// A key that writes nothing and that programs seldom use.
    pub const F8: Self = Self::Key(74);
    /// Goes to the next thing in a window.
    pub const TAB: Self = Self::Key(23);
    /// Does what has the focus.
    pub const ENTER: Self = Self::Key(36);
    /// The mouse's "back" button.
    pub const BACK: Self = Self::Button(8);
}

/// A keyboard and a mouse: the display's test extension, which to all programs are real ones.
pub struct Keyboard(RustConnection);

impl Keyboard {
    /// Plugs them in.
    pub fn new(screen: &Screen) -> Self {
        Self(connect(screen).0)
    }

    /// Presses or lets go, and returns the moment before it.
    pub fn act(&self, what: Press, down: bool) -> Instant {
        let (kind, detail) = match (what, down) {
            (Press::Key(key), true) => (KEY_PRESS, key),
            (Press::Key(key), false) => (KEY_RELEASE, key),
            (Press::Button(button), true) => (BUTTON_PRESS, button),
            (Press::Button(button), false) => (BUTTON_RELEASE, button),
        };
        let now = Instant::now();
        let acted = self.0.xtest_fake_input(kind, detail, 0, x11rb::NONE, 0, 0, 0).expect("it can be asked");
        acted.check().expect("the display has the test extension");
        now
    }

    /// Presses and lets go.
    pub fn tap(&self, what: Press) {
        self.act(what, true);
        self.act(what, false);
    }
}

/// A program that fills the screen, has the focus, and gets keys and buttons as games do.
pub struct Game {
    connection: RustConnection,
    window: Window,
    got: Mutex<Vec<(Press, bool)>>,
}

impl Game {
    /// Starts it, and waits until it has the focus.
    pub fn start(screen: &Screen) -> Self {
        let (connection, root) = connect(screen);
        let window = connection.generate_id().expect("there are ids");
        let events = EventMask::KEY_PRESS
            | EventMask::KEY_RELEASE
            | EventMask::BUTTON_PRESS
            | EventMask::BUTTON_RELEASE
            | EventMask::EXPOSURE;
        let aux = CreateWindowAux::new().event_mask(events);
        let class = WindowClass::INPUT_OUTPUT;
        connection.create_window(0, window, root, 0, 0, 640, 480, 0, class, 0, &aux).expect("a window");
        let atom = |name: &str| {
            let asked = connection.intern_atom(false, name.as_bytes()).expect("it can be asked");
            asked.reply().expect("the display knows names").atom
        };
        let full_screen = [atom("_NET_WM_STATE_FULLSCREEN")];
        let state = atom("_NET_WM_STATE");
        connection
            .change_property32(PropMode::REPLACE, window, state, AtomEnum::ATOM, &full_screen)
            .expect("it can be asked");
        connection.map_window(window).expect("it can be asked");
        connection.flush().expect("the display listens");
        let game = Self { connection, window, got: Mutex::default() };
        wait::until("the game fills the screen", || game.fills_screen().then_some(()));
        wait::until("the game has the focus", || game.has_focus().then_some(()));
        game
    }

    /// Whether it still has the focus.
    pub fn has_focus(&self) -> bool {
        let focus = self.connection.get_input_focus().expect("it can be asked").reply();
        if focus.expect("the display knows").focus == self.window {
            return true;
        }
        // The window manager may be busy with the window's frame.
        let asked = self.connection.set_input_focus(InputFocus::PARENT, self.window, x11rb::CURRENT_TIME);
        let _ = asked.expect("it can be asked").check();
        false
    }

    /// Takes what was pressed and let go in it, once there is this much of it.
    pub fn got(&self, count: usize) -> Vec<(Press, bool)> {
        let mut got = self.got.lock().expect("no holder panics");
        wait::until("the game gets its keys", || {
            while let Some(event) = self.connection.poll_for_event().expect("the display is there") {
                got.extend(match event {
                    Event::KeyPress(event) => Some((Press::Key(event.detail), true)),
                    Event::KeyRelease(event) => Some((Press::Key(event.detail), false)),
                    Event::ButtonPress(event) => Some((Press::Button(event.detail), true)),
                    Event::ButtonRelease(event) => Some((Press::Button(event.detail), false)),
                    _ => None,
                });
            }
            (got.len() >= count).then_some(())
        });
        std::mem::take(&mut *got)
    }

    fn fills_screen(&self) -> bool {
        let asked = self.connection.get_geometry(self.window).expect("it can be asked");
        let geometry = asked.reply().expect("the window is there");
        let screen = &self.connection.setup().roots[0];
        (geometry.width, geometry.height) == (screen.width_in_pixels, screen.height_in_pixels)
    }
}

fn connect(screen: &Screen) -> (RustConnection, Window) {
    let (connection, number) = RustConnection::connect(Some(screen.display())).expect("the display listens");
    let root = connection.setup().roots[number].root;
    (connection, root)
}
