//! Keys on a real display, pressed by its test extension as hands would.
#![cfg(target_os = "linux")]

mod display;

use display::{INSIDE, PATIENCE, with_display};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use voicehall_device::keys::{
    Access, Action, Binding, Cause, ChordKeys, Combination, HotkeyEvent, HotkeySource, Key, NativeKeys,
};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    ConnectionExt as _, CreateWindowAux, EventMask, GrabMode, GrabStatus, InputFocus, WindowClass,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

const CONTROL: u8 = 37;
const KEY_M: u8 = 58;
const BUTTON_BACK: u8 = 8;

/// Event codes of X11.
const KEY_PRESS: u8 = 2;
const KEY_RELEASE: u8 = 3;
const BUTTON_PRESS: u8 = 4;
const BUTTON_RELEASE: u8 = 5;

/// Hands on the keyboard, and a program that has the focus.
struct Person {
    connection: RustConnection,
    root: u32,
}

impl Person {
    fn new() -> Self {
        let (connection, screen) = RustConnection::connect(None).expect("there is a display");
        let root = connection.setup().roots[screen].root;
        Self { connection, root }
    }

    /// A window over the whole screen, which gets every key and button.
    fn play(&self) -> u32 {
        let window = self.connection.generate_id().unwrap();
        let wanted = CreateWindowAux::new().override_redirect(1).event_mask(
            EventMask::KEY_PRESS
                | EventMask::KEY_RELEASE
                | EventMask::BUTTON_PRESS
                | EventMask::BUTTON_RELEASE
                | EventMask::EXPOSURE,
        );
        let (depth, class, visual) = (0, WindowClass::INPUT_OUTPUT, 0);
        self.connection
            .create_window(depth, window, self.root, 0, 0, 640, 480, 0, class, visual, &wanted)
            .unwrap();
        self.connection.map_window(window).unwrap();
        self.connection.flush().unwrap();
        while !matches!(self.connection.wait_for_event().unwrap(), Event::Expose(_)) {}
        self.connection.set_input_focus(InputFocus::PARENT, window, x11rb::CURRENT_TIME).unwrap();
        self.connection.flush().unwrap();
        window
    }

    /// Grabs the keyboard, as some games do.
    fn grab(&self, window: u32) {
        let grab = self.connection.grab_keyboard(
            false,
            window,
            x11rb::CURRENT_TIME,
            GrabMode::ASYNC,
            GrabMode::ASYNC,
        );
        assert_eq!(grab.unwrap().reply().unwrap().status, GrabStatus::SUCCESS);
    }

    fn act(&self, kind: u8, detail: u8) {
        self.connection.xtest_fake_input(kind, detail, 0, x11rb::NONE, 0, 0, 0).unwrap().check().unwrap();
    }

    /// The next key or button that reached the window.
    fn got(&self) -> (u8, u8) {
        loop {
            match self.connection.wait_for_event().unwrap() {
                Event::KeyPress(event) => return (KEY_PRESS, event.detail),
                Event::KeyRelease(event) => return (KEY_RELEASE, event.detail),
                Event::ButtonPress(event) => return (BUTTON_PRESS, event.detail),
                Event::ButtonRelease(event) => return (BUTTON_RELEASE, event.detail),
                _ => {}
            }
        }
    }
}

fn binding(action: Action, ids: &[&str]) -> Binding {
    let keys = ids.iter().map(|id| id.parse::<Key>().unwrap());
    Binding { action, combination: Combination::new(keys).unwrap() }
}

/// Starts to listen; what the first event says of access and names is checked and left out.
fn listen(bindings: Vec<Binding>) -> (NativeKeys, Receiver<HotkeyEvent>) {
    let keys = NativeKeys::start("voicehall");
    let (sender, events) = channel();
    keys.bind(bindings);
    // Fails only once the test is over.
    keys.listen(Box::new(move |event| drop(sender.send(event))));
    let HotkeyEvent::Access { access, names } = next(&events) else { panic!("access is told first") };
    assert_eq!(access, Access::Everywhere);
    let m = "KeyM".parse::<Key>().unwrap();
    assert!(names.contains(&(m, "M".to_owned())), "{names:?}");
    (keys, events)
}

fn next(events: &Receiver<HotkeyEvent>) -> HotkeyEvent {
    events.recv_timeout(PATIENCE).expect("something happens")
}

fn action(action: Action, pressed: bool, cause: Cause) -> HotkeyEvent {
    HotkeyEvent::Action { action, pressed, cause }
}

#[test]
fn keys_are_heard_during_anothers_grab_and_reach_it_all_the_same() {
    with_display("keys_are_heard_during_anothers_grab_and_reach_it_all_the_same", || {
        let person = Person::new();
        person.grab(person.play());
        let bindings = vec![
            binding(Action::Talk, &["ControlLeft"]),
            binding(Action::Talk, &["Mouse4"]),
            binding(Action::Mute, &["KeyM", "ControlLeft"]),
        ];
        let (_keys, events) = listen(bindings);
        for (kind, detail, wanted) in [
            (KEY_PRESS, CONTROL, Some((Action::Talk, true))),
            (KEY_PRESS, KEY_M, Some((Action::Mute, true))),
            (KEY_RELEASE, KEY_M, Some((Action::Mute, false))),
            (KEY_RELEASE, CONTROL, Some((Action::Talk, false))),
            (KEY_PRESS, KEY_M, None),
            (KEY_RELEASE, KEY_M, None),
            (BUTTON_PRESS, BUTTON_BACK, Some((Action::Talk, true))),
            (BUTTON_RELEASE, BUTTON_BACK, Some((Action::Talk, false))),
        ] {
            person.act(kind, detail);
            assert_eq!(person.got(), (kind, detail), "the focused program gets it too");
            if let Some((what, pressed)) = wanted {
                assert_eq!(next(&events), action(what, pressed, Cause::Key));
            }
        }
    });
}

#[test]
fn what_is_held_at_the_start_is_held_and_a_display_that_ends_lets_go() {
    with_display("what_is_held_at_the_start_is_held_and_a_display_that_ends_lets_go", held_and_let_go);
}

fn held_and_let_go() {
    let person = Person::new();
    person.act(KEY_PRESS, CONTROL);
    person.act(BUTTON_PRESS, BUTTON_BACK);
    let talk = vec![binding(Action::Talk, &["ControlLeft"]), binding(Action::Leave, &["Mouse4"])];
    let (keys, events) = listen(talk);
    assert_eq!(next(&events), action(Action::Talk, true, Cause::Resync));
    assert_eq!(next(&events), action(Action::Leave, true, Cause::Resync));
    person.act(BUTTON_RELEASE, BUTTON_BACK);
    assert_eq!(next(&events), action(Action::Leave, false, Cause::Key));

    keys.record(true);
    assert_eq!(next(&events), action(Action::Talk, false, Cause::Resync));
    person.act(KEY_PRESS, KEY_M);
    let m = "KeyM".parse().unwrap();
    assert_eq!(next(&events), HotkeyEvent::Recorded { keys: vec![m], complete: false });
    person.act(KEY_RELEASE, KEY_M);
    assert_eq!(next(&events), HotkeyEvent::Recorded { keys: vec![m], complete: true });
    keys.record(false);
    assert_eq!(next(&events), action(Action::Talk, true, Cause::Resync));

    let display = std::env::var(INSIDE).expect("it is set in here");
    assert!(Command::new("kill").arg(display).status().expect("kill is everywhere").success());
    assert_eq!(next(&events), action(Action::Talk, false, Cause::Resync));
    assert_eq!(next(&events), HotkeyEvent::Access { access: Access::Nowhere, names: vec![] });
}

#[test]
fn combinations_are_heard_without_raw_events_and_taken_from_the_focused_program() {
    let name = "combinations_are_heard_without_raw_events_and_taken_from_the_focused_program";
    with_display(name, combinations_alone);
}

fn combinations_alone() {
    let person = Person::new();
    person.play();
    let keys = ChordKeys::start().expect("the display watches combinations");
    let (sender, events) = channel();
    // Fails only once the test is over.
    keys.listen(Box::new(move |event| drop(sender.send(event))));
    assert_eq!(next(&events), HotkeyEvent::Access { access: Access::Combinations, names: vec![] });
    keys.bind(vec![
        binding(Action::Mute, &["ControlLeft", "KeyM"]),
        binding(Action::Talk, &["ControlLeft"]),
        binding(Action::Leave, &["Mouse4"]),
    ]);
    for (detail, down) in [(CONTROL, true), (KEY_M, true), (KEY_M, false), (CONTROL, false)] {
        person.act(if down { KEY_PRESS } else { KEY_RELEASE }, detail);
        if detail == KEY_M {
            assert_eq!(next(&events), action(Action::Mute, down, Cause::Key));
        }
    }
    // What is no combination goes where it always went.
    person.act(KEY_PRESS, KEY_M);
    assert_eq!(person.got(), (KEY_PRESS, CONTROL), "a modifier reaches everybody");
    let got = person.got();
    assert_eq!(got, (KEY_RELEASE, CONTROL), "the combination reaches nobody else");
    assert_eq!(person.got(), (KEY_PRESS, KEY_M));
    person.act(KEY_RELEASE, KEY_M);

    // While keys are recorded, nothing is taken.
    keys.record(true);
    person.act(KEY_PRESS, CONTROL);
    person.act(KEY_PRESS, KEY_M);
    assert_eq!(person.got(), (KEY_RELEASE, KEY_M));
    assert_eq!(person.got(), (KEY_PRESS, CONTROL));
    assert_eq!(person.got(), (KEY_PRESS, KEY_M));
    assert!(events.try_recv().is_err());
}
