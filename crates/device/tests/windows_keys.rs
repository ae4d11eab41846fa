//! Keys under Windows, pressed as programs can press them.
#![cfg(windows)]

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use voicehall_device::keys::{
    Access, Action, Binding, Cause, Combination, HotkeyEvent, HotkeySource, Key, NativeKeys,
};
use windows::Win32::UI::Input::KeyboardAndMouse::{
    INPUT, INPUT_0, INPUT_KEYBOARD, INPUT_MOUSE, KEYBD_EVENT_FLAGS, KEYBDINPUT, KEYEVENTF_KEYUP,
    MOUSE_EVENT_FLAGS, MOUSEEVENTF_XDOWN, MOUSEEVENTF_XUP, MOUSEINPUT, SendInput, VIRTUAL_KEY,
};

/// How long anything may take to come true. Far more than it ever does.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keys by what they mean and where they are.
const CONTROL: (u16, u16) = (0xa2, 0x1d);
const KEY_M: (u16, u16) = (0x4d, 0x32);

fn send(input: INPUT) {
    // SAFETY: the structure is ours, and its size is told.
    assert_eq!(unsafe { SendInput(&[input], size_of::<INPUT>() as i32) }, 1, "the key is pressed");
}

fn press((number, scan): (u16, u16), down: bool) {
    let flags = if down { KEYBD_EVENT_FLAGS(0) } else { KEYEVENTF_KEYUP };
    let ki = KEYBDINPUT { wVk: VIRTUAL_KEY(number), wScan: scan, dwFlags: flags, ..KEYBDINPUT::default() };
    send(INPUT { r#type: INPUT_KEYBOARD, Anonymous: INPUT_0 { ki } });
}

fn click_back(down: bool) {
    let flags: MOUSE_EVENT_FLAGS = if down { MOUSEEVENTF_XDOWN } else { MOUSEEVENTF_XUP };
    let mi = MOUSEINPUT { mouseData: 1, dwFlags: flags, ..MOUSEINPUT::default() };
    send(INPUT { r#type: INPUT_MOUSE, Anonymous: INPUT_0 { mi } });
}

fn binding(action: Action, ids: &[&str]) -> Binding {
    let keys = ids.iter().map(|id| id.parse::<Key>().unwrap());
    Binding { action, combination: Combination::new(keys).unwrap() }
}

fn next(events: &Receiver<HotkeyEvent>) -> HotkeyEvent {
    events.recv_timeout(PATIENCE).expect("something happens")
}

fn action(action: Action, pressed: bool, cause: Cause) -> HotkeyEvent {
    HotkeyEvent::Action { action, pressed, cause }
}

#[test]
fn keys_and_buttons_are_heard_while_they_are_wanted_and_never_stay_held() {
    let keys = NativeKeys::start("voicehall");
    let (sender, events) = channel();
    // Fails only once the test is over.
    keys.listen(Box::new(move |event| drop(sender.send(event))));
    let HotkeyEvent::Access { access, names } = next(&events) else { panic!("access is told first") };
    assert_eq!(access, Access::Unelevated);
    assert!(names.contains(&("KeyM".parse().unwrap(), "M".to_owned())), "{names:?}");

    keys.bind(vec![
        binding(Action::Talk, &["ControlLeft"]),
        binding(Action::Mute, &["ControlLeft", "KeyM"]),
        binding(Action::Leave, &["Mouse4"]),
    ]);
    keys.record(true);
    // Once this is told, the hooks are there.
    let m = "KeyM".parse().unwrap();
    let recorded = |complete| HotkeyEvent::Recorded { keys: vec![m], complete };
    loop {
        press(KEY_M, true);
        press(KEY_M, false);
        if events.recv_timeout(Duration::from_millis(100)) == Ok(recorded(false)) {
            assert_eq!(next(&events), recorded(true));
            break;
        }
    }
    keys.record(false);
    // Its end is told by the first key that does something again.
    while events.recv_timeout(Duration::from_millis(100)) != Ok(action(Action::Talk, true, Cause::Key)) {
        press(CONTROL, false);
        press(CONTROL, true);
    }
    press(KEY_M, true);
    assert_eq!(next(&events), action(Action::Mute, true, Cause::Key));
    press(KEY_M, false);
    assert_eq!(next(&events), action(Action::Mute, false, Cause::Key));
    click_back(true);
    assert_eq!(next(&events), action(Action::Leave, true, Cause::Key));
    click_back(false);
    assert_eq!(next(&events), action(Action::Leave, false, Cause::Key));

    // What nobody wants is not hooked; what is held then is found when it is wanted again.
    keys.bind(vec![]);
    assert_eq!(next(&events), action(Action::Talk, false, Cause::Resync));
    press(CONTROL, false);
    press(KEY_M, true);
    keys.bind(vec![binding(Action::Talk, &["KeyM"])]);
    assert_eq!(next(&events), action(Action::Talk, true, Cause::Resync));
    press(KEY_M, false);
    assert_eq!(next(&events), action(Action::Talk, false, Cause::Key));
}
