//! Keys under X11: the raw events of the XInput extension, which come to every program that asks
//! for them, whoever has the focus or a grab, and are taken from nobody.

use super::{Access, Binding, HotkeyEvent, HotkeySource, Key, KeyMatcher, Listener};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use x11rb::connection::Connection;
use x11rb::errors::{ConnectError, ConnectionError, ReplyError};
use x11rb::protocol::Event;
use x11rb::protocol::xinput::{ConnectionExt as _, EventMask, XIEventMask};
use x11rb::protocol::xproto::{ConnectionExt as _, Window};
use x11rb::rust_connection::RustConnection;

/// From this version of XInput on, raw events come during other programs' grabs too.
const XINPUT: (u16, u16) = (2, 2);

/// The keyboards and mice that people see as one; each key of the devices below them comes once.
const ALL_MASTER_DEVICES: u16 = 1;

/// X11's keycodes are those of Linux' input layer, moved out of the way of the mouse's buttons.
const KEYCODE_OFFSET: u32 = 8;

/// The buttons between "right" and "back" are the wheel's, which people do not count.
const WHEEL_BUTTONS: u32 = 4;

/// How often it is asked whether what is held still is, in case a release went unheard (a keyboard
/// that was unplugged, a switch to another terminal, sleep).
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// Why keys cannot be heard.
#[derive(Debug, thiserror::Error)]
pub(super) enum X11Error {
    #[error("there is no display: {0}")]
    Display(#[from] ConnectError),
    #[error("the display is gone: {0}")]
    Connection(#[from] ConnectionError),
    #[error("the display does not do as it is asked: {0}")]
    Reply(#[from] ReplyError),
    #[error("its XInput is too old: {0}.{1}")]
    XInput(u16, u16),
    #[error("the system: {0}")]
    System(#[from] std::io::Error),
}

enum Command {
    Listen(Listener),
    Bind(Vec<Binding>),
    Record(bool),
}

/// The keyboards and mice of an X11 display.
pub(super) struct X11Keys {
    /// None once it ends.
    commands: Option<Sender<Command>>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl X11Keys {
    /// Listens to the display that the environment names, which lets hear as much as `access` says.
    pub(super) fn start(access: Access) -> Result<Self, X11Error> {
        let ear = Ear::open(access)?;
        let (commands, receiver) = channel();
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(system)?);
        let woken = Arc::clone(&wake);
        let thread = std::thread::Builder::new().name("keys".to_owned()).spawn(move || {
            crate::realtime::raise_network();
            ear.run(&receiver, &woken);
        })?;
        Ok(Self { commands: Some(commands), wake, thread: Some(thread) })
    }

    fn tell(&self, command: Command) {
        // Refused only by a display that is gone, which the listener was told.
        if let Some(commands) = &self.commands
            && commands.send(command).is_ok()
        {
            self.wake();
        }
    }

    fn wake(&self) {
        // Refused only by a count that is full, and then the thread is waking up.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

impl HotkeySource for X11Keys {
    fn listen(&self, listener: Listener) {
        self.tell(Command::Listen(listener));
    }

    fn bind(&self, bindings: Vec<Binding>) {
        self.tell(Command::Bind(bindings));
    }

    fn record(&self, enabled: bool) {
        self.tell(Command::Record(enabled));
    }
}

impl Drop for X11Keys {
    fn drop(&mut self) {
        self.commands = None;
        self.wake();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that hears keys panicked");
        }
    }
}

/// What belongs to the thread.
struct Ear {
    connection: RustConnection,
    root: Window,
    access: Access,
    matcher: KeyMatcher,
    listener: Option<Listener>,
    names: Vec<(Key, String)>,
    /// The layout may be another one. Whenever another keyboard is used, the display says so.
    names_outdated: bool,
}

impl Ear {
    fn open(access: Access) -> Result<Self, X11Error> {
        let (connection, screen) = RustConnection::connect(None)?;
        let version = connection.xinput_xi_query_version(XINPUT.0, XINPUT.1)?.reply()?;
        if (version.major_version, version.minor_version) < XINPUT {
            return Err(X11Error::XInput(version.major_version, version.minor_version));
        }
        let root = connection.setup().roots[screen].root;
        let events = XIEventMask::RAW_KEY_PRESS
            | XIEventMask::RAW_KEY_RELEASE
            | XIEventMask::RAW_BUTTON_PRESS
            | XIEventMask::RAW_BUTTON_RELEASE;
        let mask = EventMask { deviceid: ALL_MASTER_DEVICES, mask: vec![events] };
        connection.xinput_xi_select_events(root, &[mask])?.check()?;
        let mut ear = Self {
            connection,
            root,
            access,
            matcher: KeyMatcher::default(),
            listener: None,
            names: Vec::new(),
            names_outdated: false,
        };
        // Nobody listens yet: this only takes note of what is down.
        ear.matcher.resync(ear.down()?);
        Ok(ear)
    }

    fn run(mut self, commands: &Receiver<Command>, wake: &OwnedFd) {
        let Err(error) = self.serve(commands, wake) else { return };
        tracing::warn!(%error, "keys are no longer heard");
        let released = self.matcher.resync(BTreeSet::new());
        self.tell(released);
        self.tell(vec![HotkeyEvent::Access { access: Access::Nowhere, names: Vec::new() }]);
    }

    /// Listens until nobody can give commands any more.
    fn serve(&mut self, commands: &Receiver<Command>, wake: &OwnedFd) -> Result<(), X11Error> {
        let mut checked = Instant::now();
        loop {
            let mut count = [0; 8];
            // Nothing to read is no error here.
            let _ = rustix::io::read(wake, &mut count);
            loop {
                match commands.try_recv() {
                    Ok(command) => self.obey(command)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            if self.matcher.is_anything_down() && checked.elapsed() >= CHECK_INTERVAL {
                checked = Instant::now();
                let released = self.matcher.release_others(&self.down()?);
                self.tell(released);
            }
            // Last, because an answer that was waited for may have brought events with it.
            while let Some(event) = self.connection.poll_for_event()? {
                self.hear(&event);
            }
            if std::mem::take(&mut self.names_outdated) {
                self.look_up_names()?;
                // It may have brought events with it.
                continue;
            }
            self.wait(wake)?;
        }
    }

    /// Blocks until there is something to do.
    fn wait(&self, wake: &OwnedFd) -> Result<(), X11Error> {
        let timeout = Timespec { tv_sec: 0, tv_nsec: CHECK_INTERVAL.subsec_nanos().into() };
        let timeout = self.matcher.is_anything_down().then_some(&timeout);
        let stream = self.connection.stream();
        let mut waiting = [PollFd::new(stream, PollFlags::IN), PollFd::new(wake, PollFlags::IN)];
        match poll(&mut waiting, timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(system(error)),
        }
    }

    fn obey(&mut self, command: Command) -> Result<(), X11Error> {
        let events = match command {
            Command::Listen(listener) => {
                self.listener = Some(listener);
                self.names = self.names()?;
                self.tell_access();
                let mut events = self.matcher.held();
                events.extend(self.matcher.resync(self.down()?));
                events
            }
            Command::Bind(bindings) => self.matcher.bind(bindings),
            Command::Record(enabled) => self.matcher.record(enabled),
        };
        self.tell(events);
        Ok(())
    }

    fn hear(&mut self, event: &Event) {
        let (key, down) = match event {
            Event::XinputRawKeyPress(press) => (of_keycode(press.detail), true),
            Event::XinputRawKeyRelease(release) => (of_keycode(release.detail), false),
            Event::XinputRawButtonPress(press) => (of_button(press.detail), true),
            Event::XinputRawButtonRelease(release) => (of_button(release.detail), false),
            Event::MappingNotify(_) => {
                self.names_outdated = true;
                return;
            }
            _ => return,
        };
        if let Some(key) = key {
            let events = self.matcher.key(key, down);
            self.tell(events);
        }
    }

    /// What is down now, as the display knows it.
    fn down(&self) -> Result<BTreeSet<Key>, X11Error> {
        let keymap = self.connection.query_keymap()?;
        let pointer = self.connection.xinput_xi_get_client_pointer(x11rb::NONE)?.reply()?;
        let pointer = self.connection.xinput_xi_query_pointer(self.root, pointer.deviceid)?;
        let keys = keymap.reply()?.keys;
        let keycodes = bits(keys.iter().map(|byte| u32::from(*byte)), 8);
        let buttons = pointer.reply()?.buttons;
        let buttons = bits(buttons.into_iter(), 32);
        Ok(keycodes.filter_map(of_keycode).chain(buttons.filter_map(of_button)).collect())
    }

    fn tell_access(&mut self) {
        let names = self.names.clone();
        self.tell(vec![HotkeyEvent::Access { access: self.access, names }]);
    }

    fn look_up_names(&mut self) -> Result<(), X11Error> {
        let names = self.names()?;
        if names != self.names {
            self.names = names;
            self.tell_access();
        }
        Ok(())
    }

    /// What is printed on the keys that write something.
    fn names(&self) -> Result<Vec<(Key, String)>, X11Error> {
        let setup = self.connection.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let mapping = self.connection.get_keyboard_mapping(first, last - first + 1)?.reply()?;
        let keysyms = mapping.keysyms.chunks(usize::from(mapping.keysyms_per_keycode).max(1));
        let named = keysyms
            .zip(u32::from(first)..)
            .filter_map(|(keysyms, keycode)| Some((of_keycode(keycode)?, printed(*keysyms.first()?)?)));
        Ok(named.collect())
    }

    fn tell(&mut self, events: Vec<HotkeyEvent>) {
        if let Some(listener) = &mut self.listener {
            events.into_iter().for_each(listener);
        }
    }
}

fn system(error: rustix::io::Errno) -> X11Error {
    X11Error::System(error.into())
}

/// Whether windows are shown by a Wayland compositor, which lets X11 hear what X11 programs do alone.
pub(crate) fn is_wayland() -> bool {
    let session = std::env::var_os("XDG_SESSION_TYPE").is_some_and(|kind| kind == "wayland");
    session || std::env::var_os("WAYLAND_DISPLAY").is_some_and(|display| !display.is_empty())
}

fn of_keycode(keycode: u32) -> Option<Key> {
    Key::of_code(u16::try_from(keycode.checked_sub(KEYCODE_OFFSET)?).ok()?)
}

fn of_button(button: u32) -> Option<Key> {
    Key::of_mouse(u8::try_from(button.checked_sub(WHEEL_BUTTONS)?).ok()?)
}

/// The numbers of the bits that are set, in words of so many bits, lowest first.
fn bits(words: impl Iterator<Item = u32>, width: u32) -> impl Iterator<Item = u32> {
    words.zip(0..).flat_map(move |(word, n)| {
        (0..width).filter(move |bit| word >> bit & 1 == 1).map(move |bit| n * width + bit)
    })
}

/// What a key's first symbol looks like on the key. None for keys that write nothing to be seen.
fn printed(keysym: u32) -> Option<String> {
    /// Symbols from here on are Unicode's, moved by as much.
    const UNICODE: u32 = 0x0100_0000;
    let code = match keysym {
        0x21..=0x7e | 0xa1..=0xff => keysym,
        _ if (UNICODE + 0x100..=UNICODE + 0x10_ffff).contains(&keysym) => keysym - UNICODE,
        _ => return None,
    };
    let written = char::from_u32(code).filter(|written| !written.is_control() && !written.is_whitespace())?;
    let mut capital = written.to_uppercase();
    let capital = capital.next().filter(|_| capital.next().is_none());
    Some(capital.unwrap_or(written).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buttons_are_counted_as_people_do() {
        let id = |button| of_button(button).map(|key| key.to_string());
        assert_eq!(id(8).as_deref(), Some("Mouse4"));
        assert_eq!(id(9).as_deref(), Some("Mouse5"));
        for button in [0, 1, 2, 3, 4, 7, 300, u32::MAX] {
            assert_eq!(id(button), None, "{button}");
        }
    }

    #[test]
    fn keycodes_are_keys() {
        assert_eq!(of_keycode(37).map(|key| key.to_string()).as_deref(), Some("ControlLeft"));
        for keycode in [0, 8, 256, u32::MAX] {
            assert_eq!(of_keycode(keycode), None, "{keycode}");
        }
    }

    #[test]
    fn keys_are_called_what_is_printed_on_them() {
        for (keysym, name) in
            [(0x61, "A"), (0xf6, "Ö"), (0xdf, "ß"), (0x31, "1"), (0x0100_0444, "ф"), (0x7e, "~")]
        {
            let wanted = name.replace('ф', "ф".to_uppercase().as_str());
            assert_eq!(printed(keysym), Some(wanted), "{keysym:#x}");
        }
        for keysym in [0, 0x20, 0xffe3, 0xff0d, 0xfe50, 0x0100_0000, u32::MAX] {
            assert_eq!(printed(keysym), None, "{keysym:#x}");
        }
    }

    #[test]
    fn bits_are_numbered_through() {
        assert_eq!(bits([0b101, 0b1].into_iter(), 8).collect::<Vec<_>>(), [0, 2, 8]);
    }
}
