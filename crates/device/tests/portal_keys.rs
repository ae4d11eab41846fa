//! Keys that a Wayland desktop assigns: the portal and the person before it are played by the tests,
//! on a message bus of their own.
#![cfg(target_os = "linux")]

mod desktop;

use desktop::{Asked, Desktop, PATIENCE, with_bus};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, channel};
use voicehall_device::keys::{
    Access, Action, Assignment, Binding, Cause, Combination, DesktopKeys, HotkeyEvent, HotkeySource,
    NamedAction, NativeKeys,
};
use zbus::zvariant::{OwnedObjectPath, Value};

/// The program, as its user sees it.
struct Program {
    keys: NativeKeys,
    events: Receiver<HotkeyEvent>,
}

impl Program {
    fn start() -> Self {
        let keys = NativeKeys::start("voicehall");
        let (sender, events) = channel();
        // Fails only once the test is over.
        keys.listen(Box::new(move |event| drop(sender.send(event))));
        let program = Self { keys, events };
        let access = HotkeyEvent::Access { access: Access::Nowhere, names: vec![] };
        assert_eq!(program.next(), access, "without X11 we hear nothing ourselves");
        program
    }

    fn next(&self) -> HotkeyEvent {
        self.events.recv_timeout(PATIENCE).expect("something happens")
    }

    /// What is told of the desktop next.
    fn told(&self) -> (Assignment, Vec<(Action, String)>, bool) {
        match self.next() {
            HotkeyEvent::Desktop(DesktopKeys { state, keys, changeable }) => (state, keys, changeable),
            other => panic!("{other:?} was told"),
        }
    }

    fn sees(&self, state: Assignment) {
        assert_eq!(self.told(), (state, vec![], true));
    }

    fn turns(&self, action: Action, pressed: bool, cause: Cause) {
        assert_eq!(self.next(), HotkeyEvent::Action { action, pressed, cause });
    }

    fn assign(&self, actions: &[Action]) {
        let named = |action: &Action| NamedAction { action: *action, name: format!("{action:?}") };
        self.keys.assign(actions.iter().map(named).collect());
    }

    /// Has a desktop assign keys to talking and muting. Returns the session.
    fn get_keys(&self, desktop: &Desktop) -> OwnedObjectPath {
        self.assign(&[Action::Talk, Action::Mute]);
        self.get_assigned(desktop)
    }

    fn get_assigned(&self, desktop: &Desktop) -> OwnedObjectPath {
        self.sees_asking(desktop);
        let session = desktop.open_session();
        let Asked::Shortcuts { request, .. } = desktop.asked() else { panic!("shortcuts are asked for") };
        self.sees(Assignment::Asking);
        desktop.grant(&request, &[("talk", "F9"), ("mute", "Ctrl+M")]);
        let keys = vec![(Action::Talk, "F9".to_owned()), (Action::Mute, "Ctrl+M".to_owned())];
        assert_eq!(self.told(), (Assignment::Assigned, keys, true));
        session
    }

    /// A wish that was told before is still the desktop's state.
    fn sees_asking(&self, _desktop: &Desktop) {
        loop {
            match self.told().0 {
                Assignment::Asking => return,
                Assignment::Offered | Assignment::Refused => {}
                other => panic!("{other:?} is told"),
            }
        }
    }
}

fn start() -> (Desktop, Program) {
    let desktop = Desktop::start(Some(2));
    let program = Program::start();
    program.sees(Assignment::Offered);
    let Asked::Register(app) = desktop.asked() else { panic!("the program says who it is") };
    assert_eq!(app, "voicehall");
    (desktop, program)
}

fn test(name: &str, body: impl FnOnce(Desktop, Program)) {
    with_bus(name, || {
        let (desktop, program) = start();
        body(desktop, program);
    });
}

#[test]
fn the_desktop_asks_when_it_is_wanted_and_says_when_keys_are_held() {
    test("the_desktop_asks_when_it_is_wanted_and_says_when_keys_are_held", |desktop, program| {
        desktop.was_asked_nothing();
        let keys = ["ControlLeft", "KeyM"].map(|id| id.parse().unwrap());
        let combination = Combination::new(keys).unwrap();
        program.keys.bind(vec![Binding { action: Action::Mute, combination }]);
        program.assign(&[Action::Talk, Action::Mute]);
        program.sees_asking(&desktop);
        let session = desktop.open_session();
        let Asked::Shortcuts { request, shortcuts, session: of } = desktop.asked() else {
            panic!("shortcuts are asked for")
        };
        assert_eq!(of, session);
        let wanted = [("talk", "Talk", None), ("mute", "Mute", Some("CTRL+m"))]
            .map(|(id, name, wish)| (id.to_owned(), name.to_owned(), wish.map(str::to_owned)));
        assert_eq!(shortcuts, wanted);
        program.sees(Assignment::Asking);
        // Asked twice, it does not ask twice.
        program.assign(&[Action::Mute, Action::Talk]);
        desktop.grant(&request, &[("talk", "F9"), ("mute", ""), ("fly", "F1")]);
        let keys = vec![(Action::Talk, "F9".to_owned()), (Action::Mute, String::new())];
        assert_eq!(program.told(), (Assignment::Assigned, keys, true));

        desktop.shortcut(&session, "talk", true);
        program.turns(Action::Talk, true, Cause::Key);
        desktop.shortcut(&session, "talk", true);
        desktop.shortcut(&session, "fly", true);
        let foreign = OwnedObjectPath::try_from("/org/freedesktop/portal/desktop/session/1/2").unwrap();
        desktop.shortcut(&foreign, "mute", true);
        desktop.shortcut(&session, "mute", true);
        program.turns(Action::Mute, true, Cause::Key);
        desktop.shortcut(&session, "talk", false);
        program.turns(Action::Talk, false, Cause::Key);
        desktop.shortcut(&session, "mute", false);
        program.turns(Action::Mute, false, Cause::Key);
    });
}

#[test]
fn keys_are_changed_in_the_desktops_own_window() {
    test("keys_are_changed_in_the_desktops_own_window", |desktop, program| {
        let session = program.get_keys(&desktop);
        program.keys.reassign();
        let Asked::Configure { session: of } = desktop.asked() else { panic!("the window is asked for") };
        assert_eq!(of, session);
        desktop.change(&session, &[("talk", "F10")]);
        let keys = vec![(Action::Talk, "F10".to_owned())];
        assert_eq!(program.told(), (Assignment::Assigned, keys, true));
    });
}

#[test]
fn who_says_no_is_asked_again_only_when_somebody_wants_it() {
    test("who_says_no_is_asked_again_only_when_somebody_wants_it", |desktop, program| {
        program.assign(&[Action::Talk]);
        program.sees_asking(&desktop);
        let session = desktop.open_session();
        let Asked::Shortcuts { request, .. } = desktop.asked() else { panic!("shortcuts are asked for") };
        program.sees(Assignment::Asking);
        desktop.answer(&request, 1, HashMap::new());
        let Asked::Close(closed) = desktop.asked() else { panic!("the session is of no use") };
        assert_eq!(closed, session.as_str());
        program.sees(Assignment::Refused);
        desktop.was_asked_nothing();
        program.get_keys(&desktop);
    });
}

#[test]
fn what_is_no_longer_wanted_is_given_back() {
    test("what_is_no_longer_wanted_is_given_back", |desktop, program| {
        let session = program.get_keys(&desktop);
        desktop.shortcut(&session, "talk", true);
        program.turns(Action::Talk, true, Cause::Key);
        program.assign(&[]);
        let Asked::Close(closed) = desktop.asked() else { panic!("the session is given back") };
        assert_eq!(closed, session.as_str());
        program.turns(Action::Talk, false, Cause::Resync);
        program.sees(Assignment::Offered);

        // The window that asks goes too.
        program.assign(&[Action::Talk]);
        program.sees_asking(&desktop);
        let Asked::Session { request, .. } = desktop.asked() else { panic!("a session is asked for") };
        program.assign(&[]);
        let Asked::Close(closed) = desktop.asked() else { panic!("the request is taken back") };
        assert_eq!(closed, request.as_str());
    });
}

#[test]
fn nothing_stays_held_when_a_release_may_go_unheard() {
    test("nothing_stays_held_when_a_release_may_go_unheard", |desktop, program| {
        let session = program.get_keys(&desktop);
        for (path, interface, member) in [
            ("/ScreenSaver", "org.freedesktop.ScreenSaver", "ActiveChanged"),
            ("/org/gnome/ScreenSaver", "org.gnome.ScreenSaver", "ActiveChanged"),
            ("/org/freedesktop/login1", "org.freedesktop.login1.Manager", "PrepareForSleep"),
        ] {
            desktop.shortcut(&session, "talk", true);
            program.turns(Action::Talk, true, Cause::Key);
            desktop.tell(path, interface, member, &(true,));
            program.turns(Action::Talk, false, Cause::Resync);
            // What ends it is no event for keys, nor is a release that comes late after all.
            desktop.tell(path, interface, member, &(false,));
            desktop.shortcut(&session, "talk", false);
        }
        desktop.shortcut(&session, "talk", true);
        program.turns(Action::Talk, true, Cause::Key);
        program.keys.record(true);
        program.turns(Action::Talk, false, Cause::Resync);
        desktop.shortcut(&session, "mute", true);
        desktop.shortcut(&session, "mute", false);
        desktop.close(&session);
        program.sees(Assignment::Offered);
    });
}

#[test]
fn a_portal_that_goes_lets_go_and_one_that_comes_is_asked_again() {
    test("a_portal_that_goes_lets_go_and_one_that_comes_is_asked_again", |desktop, program| {
        let session = program.get_keys(&desktop);
        desktop.shortcut(&session, "talk", true);
        program.turns(Action::Talk, true, Cause::Key);
        drop(desktop);
        program.turns(Action::Talk, false, Cause::Resync);
        assert_eq!(program.told(), (Assignment::Unavailable, vec![], false));
        let desktop = Desktop::start(Some(2));
        assert_eq!(program.told(), (Assignment::Unavailable, vec![], false));
        let Asked::Register(_) = desktop.asked() else { panic!("the program says who it is") };
        program.get_assigned(&desktop);
    });
}

#[test]
fn a_portal_that_answers_nonsense_assigns_nothing() {
    test("a_portal_that_answers_nonsense_assigns_nothing", |desktop, program| {
        for handle in [Value::from("no path"), Value::from(7_u32)] {
            program.assign(&[Action::Talk]);
            program.sees_asking(&desktop);
            let Asked::Session { request, .. } = desktop.asked() else { panic!("a session is asked for") };
            desktop.answer(&request, 0, HashMap::from([("session_handle", handle)]));
            program.sees(Assignment::Refused);
        }
        program.assign(&[Action::Talk]);
        program.sees_asking(&desktop);
        desktop.open_session();
        let Asked::Shortcuts { request, .. } = desktop.asked() else { panic!("shortcuts are asked for") };
        program.sees(Assignment::Asking);
        desktop.answer(&request, 0, HashMap::from([("shortcuts", Value::from(vec!["talk"]))]));
        program.sees(Assignment::Refused);
    });
}

#[test]
fn a_desktop_without_shortcuts_is_told_as_such() {
    with_bus("a_desktop_without_shortcuts_is_told_as_such", || {
        let desktop = Desktop::start(None);
        let program = Program::start();
        assert_eq!(program.told(), (Assignment::Unavailable, vec![], false));
        program.assign(&[Action::Talk]);
        drop(desktop);
        // An older one that shows no window of its own.
        let desktop = Desktop::start(Some(1));
        let Asked::Register(_) = desktop.asked() else { panic!("the program says who it is") };
        loop {
            match program.told() {
                (Assignment::Asking, _, changeable) => break assert!(!changeable),
                (other, ..) => assert_ne!(other, Assignment::Assigned),
            }
        }
    });
}

#[test]
fn no_desktop_at_all_is_no_fault() {
    with_bus("no_desktop_at_all_is_no_fault", || {
        let program = Program::start();
        assert_eq!(program.told(), (Assignment::Unavailable, vec![], false));
        drop(program);
    });
}
