//! Windows's numbers for keys: scan codes, which say where a key is, and virtual keys, which say what
//! it means and by which alone the system can be asked whether a key is down.

use super::super::Key;

/// Prefix of the scan codes of the keys that were added to the first keyboards.
const EXTENDED: u32 = 0xe000;

/// From here on are scan codes that no key has: Windows tells of a left Control with each right Alt of
/// a layout with AltGr, and lets go of Shift around the keys of a numpad.
const SCAN_MAX: u32 = 0xff;

/// Numbers of the mouse's buttons among the virtual keys: "back" and "forward".
pub(super) const MOUSE_BUTTONS: [u32; 2] = [5, 6];

const LEFT_CONTROL: u32 = 0xa2;
const RIGHT_ALT: u32 = 0xa5;

/// What programs press that write a text without keys; its scan code is a letter.
const PACKET: u32 = 0xe7;

/// The key of an event, by what a hook says of it. Programs that press keys may leave the place open;
/// `scan_of` tells where the layout has a virtual key.
pub(super) fn of_event(number: u32, scan: u32, extended: bool, scan_of: impl Fn(u32) -> u32) -> Option<Key> {
    match scan {
        _ if number == PACKET => None,
        0 => of_virtual(number, scan_of(number)),
        _ => of_scan(scan, extended),
    }
}

/// The key at a place of the keyboard. None for those that are not there.
pub(super) fn of_scan(scan: u32, extended: bool) -> Option<Key> {
    let code = match (scan, extended) {
        (0 | SCAN_MAX.., _) => None,
        (_, true) => EXTENDED_CODES.iter().find(|(own, _)| *own == scan).map(|(_, code)| *code),
        (..=0x58, false) if !matches!(scan, 0x45 | 0x54 | 0x55) => u16::try_from(scan).ok(),
        _ => CODES.iter().find(|(own, _)| *own == scan).map(|(_, code)| *code),
    };
    Key::of_code(code?)
}

/// The key of a virtual key, which `scan` is one place of by the layout in use (with its prefix).
pub(super) fn of_virtual(number: u32, scan: u32) -> Option<Key> {
    if let Some(button) = MOUSE_BUTTONS.iter().position(|own| *own == number) {
        return Key::of_mouse(super::super::MOUSE_BUTTON_MIN + u8::try_from(button).ok()?);
    }
    if let Some((_, code)) = VIRTUAL_CODES.iter().find(|(own, _)| *own == number) {
        return Key::of_code(*code);
    }
    // Shift, Control and Alt of either side have numbers of their own.
    let is_either = (0x10..=0x12).contains(&number);
    let extended = scan & EXTENDED == EXTENDED;
    if is_either { None } else { of_scan(if extended { scan - EXTENDED } else { scan }, extended) }
}

/// All keys that are down, with their virtual keys, by asking for each.
pub(super) fn down(is_down: impl Fn(u32) -> bool, scan_of: impl Fn(u32) -> u32) -> Vec<(Key, u32)> {
    // A right Alt brings a left Control with it on layouts with AltGr. Not to know of a real one is
    // the lesser evil.
    let alt_gr = is_down(RIGHT_ALT);
    let is_meant = |number: &u32| is_down(*number) && !(alt_gr && *number == LEFT_CONTROL);
    let numbers = (MOUSE_BUTTONS[0]..=0xfe).filter(is_meant);
    numbers.filter_map(|number| Some((of_virtual(number, scan_of(number))?, number))).collect()
}

/// Scan codes that are not the numbers of Linux' input layer, which were made after them.
#[rustfmt::skip]
const CODES: &[(u32, u16)] = &[
    // Pause; Num Lock is the one with the prefix. Print, while Alt is held.
    (0x45, 119), (0x54, 99),
    (0x59, 117), (0x64, 183), (0x65, 184), (0x66, 185), (0x67, 186), (0x68, 187), (0x69, 188),
    (0x6a, 189), (0x6b, 190), (0x6c, 191), (0x6d, 192), (0x6e, 193), (0x76, 194), (0x70, 93),
    (0x71, 123), (0x72, 122), (0x73, 89), (0x79, 92), (0x7b, 94), (0x7d, 124), (0x7e, 121),
];

/// Scan codes with the prefix.
#[rustfmt::skip]
const EXTENDED_CODES: &[(u32, u16)] = &[
    (0x10, 165), (0x19, 163), (0x1c, 96), (0x1d, 97), (0x20, 113), (0x22, 164), (0x24, 166),
    (0x2e, 114), (0x30, 115), (0x35, 98), (0x37, 99), (0x38, 100), (0x45, 69), (0x46, 119),
    (0x47, 102), (0x48, 103), (0x49, 104), (0x4b, 105), (0x4d, 106), (0x4f, 107), (0x50, 108),
    (0x51, 109), (0x52, 110), (0x53, 111), (0x5b, 125), (0x5c, 126), (0x5d, 127),
];

/// Virtual keys whose place the layout leaves open, because another key means the same, or tells
/// wrongly.
#[rustfmt::skip]
const VIRTUAL_CODES: &[(u32, u16)] = &[
    (0x0d, 28), (0x13, 119), (0x21, 104), (0x22, 109), (0x23, 107), (0x24, 102), (0x25, 105),
    (0x26, 103), (0x27, 106), (0x28, 108), (0x2c, 99), (0x2d, 110), (0x2e, 111), (0x5b, 125),
    (0x5c, 126), (0x5d, 127), (0x6f, 98), (0x90, 69), (0xa0, 42), (0xa1, 54), (LEFT_CONTROL, 29),
    (0xa3, 97), (0xa4, 56), (RIGHT_ALT, 100),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn id(key: Option<Key>) -> String {
        key.map(|key| key.to_string()).unwrap_or_default()
    }

    #[test]
    fn places_are_told_apart_by_the_prefix() {
        for (scan, plain, extended) in [
            (0x1e, "KeyA", ""),
            (0x1d, "ControlLeft", "ControlRight"),
            (0x38, "AltLeft", "AltRight"),
            (0x1c, "Enter", "NumpadEnter"),
            (0x47, "Numpad7", "Home"),
            (0x45, "Pause", "NumLock"),
            (0x37, "NumpadMultiply", "PrintScreen"),
            (0x57, "F11", ""),
            (0x64, "F13", ""),
            (0x76, "F24", ""),
            (0x5b, "", "MetaLeft"),
            (0x73, "IntlRo", ""),
        ] {
            assert_eq!(id(of_scan(scan, false)), plain, "{scan:#x}");
            assert_eq!(id(of_scan(scan, true)), extended, "{scan:#x} with the prefix");
        }
    }

    #[test]
    fn no_two_places_are_one_key_but_for_those_that_are() {
        let all = (0..=0xffff).flat_map(|scan| [of_scan(scan, false), of_scan(scan, true)]);
        let keys: Vec<Key> = all.flatten().collect();
        let different: BTreeSet<Key> = keys.iter().copied().collect();
        // Print with and without Alt, Pause with and without Control.
        assert_eq!(keys.len() - different.len(), 2);
    }

    #[test]
    fn keys_that_nobody_presses_are_none() {
        for scan in [0, 0x21d, 0x22a, 0x236, 0x1ff, u32::MAX] {
            assert_eq!(of_scan(scan, false), None, "{scan:#x}");
            assert_eq!(of_scan(scan, true), None, "{scan:#x}");
        }
    }

    #[test]
    fn virtual_keys_are_the_keys_that_mean_nothing_else() {
        for (number, scan, wanted) in [
            (0x41, 0x1e, "KeyA"),
            (0x24, 0x47, "Home"),
            (0x67, 0x47, "Numpad7"),
            (0x0d, 0x1c, "Enter"),
            (0x10, 0x2a, ""),
            (0xa0, 0x2a, "ShiftLeft"),
            (0xa1, 0x36, "ShiftRight"),
            (0xa3, 0xe01d, "ControlRight"),
            (0xad, 0xe020, "AudioVolumeMute"),
            (0x05, 0, "Mouse4"),
            (0x06, 0, "Mouse5"),
            (0x07, 0, ""),
        ] {
            assert_eq!(id(of_virtual(number, scan)), wanted, "{number:#x}");
        }
    }

    #[test]
    fn keys_that_programs_press_are_known_by_what_they_mean() {
        let event = |number, scan, extended| id(of_event(number, scan, extended, |_| 0x2f));
        assert_eq!(event(0x56, 0x2f, false), "KeyV");
        assert_eq!(event(0x56, 0, false), "KeyV");
        assert_eq!(event(0x24, 0, false), "Home");
        assert_eq!(event(PACKET, 0x2f, false), "");
        // The left Control that comes with AltGr.
        assert_eq!(event(LEFT_CONTROL, 0x21d, false), "");
    }

    #[test]
    fn what_is_down_is_found_by_asking() {
        let found = |numbers: &[u32]| {
            let scan_of = |number| if number == 0x56 { 0x2f } else { 0 };
            let down = down(|number| numbers.contains(&number), scan_of);
            down.into_iter().map(|(key, number)| format!("{key}={number:#x}")).collect::<Vec<_>>()
        };
        assert_eq!(
            found(&[0x01, 0x05, 0x11, LEFT_CONTROL, 0x56]),
            ["Mouse4=0x5", "KeyV=0x56", "ControlLeft=0xa2"]
        );
        assert_eq!(found(&[LEFT_CONTROL, RIGHT_ALT]), ["AltRight=0xa5"]);
        assert_eq!(found(&[]), [""; 0]);
    }
}
