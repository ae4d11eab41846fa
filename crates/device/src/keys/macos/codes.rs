//! macOS's numbers for keys and mouse buttons, and how it tells of modifiers.

use super::super::Key;

/// Numbers of mouse buttons among those of keys, in the words of [`super::super::raw`].
const BUTTONS: u32 = 0x1000;

/// Something that can be asked for whether it is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A key, by macOS's number.
    Key(u16),
    /// A mouse button, by macOS's number.
    Button(u32),
}

impl Place {
    /// Every place that may be bound.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..CODES.len() as u16).map(Self::Key).chain((0..32).map(Self::Button))
    }

    pub(super) fn of_number(number: u32) -> Self {
        match number.checked_sub(BUTTONS) {
            Some(button) => Self::Button(button),
            None => Self::Key(number as u16),
        }
    }

    pub(super) fn number(self) -> u32 {
        match self {
            Self::Key(code) => code.into(),
            Self::Button(button) => BUTTONS + button,
        }
    }

    pub(super) fn key(self) -> Option<Key> {
        match self {
            Self::Key(code) => Key::of_code(*CODES.get(usize::from(code))?),
            // Counted from 0, which is the left one.
            Self::Button(button) => Key::of_mouse(u8::try_from(button.checked_add(1)?).ok()?),
        }
    }
}

/// Whether a modifier is down, by the flags of the event that tells it changed. None for keys that are
/// none: Fn, and Caps Lock, whose flag is the lock's.
pub(super) fn is_modifier_down(code: u16, flags: u64) -> Option<bool> {
    let flag = match code {
        0x3b => 0x0001,
        0x38 => 0x0002,
        0x3c => 0x0004,
        0x37 => 0x0008,
        0x36 => 0x0010,
        0x3a => 0x0020,
        0x3d => 0x0040,
        0x3e => 0x2000,
        _ => return None,
    };
    Some(flags & flag != 0)
}

/// Numbers in Linux' input layer by macOS's; 0 for none.
#[rustfmt::skip]
const CODES: [u16; 128] = [
    30, 31, 32, 33, 35, 34, 44, 45, 46, 47, 86, 48, 16, 17, 18, 19,
    21, 20, 2, 3, 4, 5, 7, 6, 13, 10, 8, 12, 9, 11, 27, 24,
    22, 26, 23, 25, 28, 38, 36, 40, 37, 39, 43, 51, 53, 49, 50, 52,
    15, 57, 41, 14, 0, 1, 126, 125, 42, 0, 56, 29, 54, 100, 97, 0,
    187, 83, 0, 55, 0, 78, 0, 69, 115, 114, 113, 98, 96, 0, 74, 188,
    189, 117, 82, 79, 80, 81, 75, 76, 77, 71, 190, 72, 73, 124, 89, 121,
    63, 64, 65, 61, 66, 67, 123, 87, 122, 183, 186, 184, 0, 68, 127, 88,
    0, 185, 110, 102, 104, 111, 62, 107, 60, 109, 59, 105, 106, 108, 103, 0,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn id(place: Place) -> String {
        place.key().map(|key| key.to_string()).unwrap_or_default()
    }

    #[test]
    fn places_are_keys_and_further_buttons() {
        for (place, wanted) in [
            (Place::Key(0x00), "KeyA"),
            (Place::Key(0x32), "Backquote"),
            (Place::Key(0x3e), "ControlRight"),
            (Place::Key(0x69), "F13"),
            (Place::Key(0x7e), "ArrowUp"),
            (Place::Key(0x3f), ""),
            (Place::Key(0x39), ""),
            (Place::Key(200), ""),
            (Place::Button(0), ""),
            (Place::Button(2), ""),
            (Place::Button(3), "Mouse4"),
            (Place::Button(31), "Mouse32"),
            (Place::Button(u32::MAX), ""),
        ] {
            assert_eq!(id(place), wanted, "{place:?}");
        }
    }

    #[test]
    fn no_two_places_are_one_key_and_each_is_found_by_its_number() {
        let keys: Vec<Key> = Place::all().filter_map(Place::key).collect();
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
        for place in Place::all() {
            assert_eq!(Place::of_number(place.number()), place);
        }
    }

    #[test]
    fn modifiers_of_both_sides_are_told_apart() {
        // Both Shifts were down, and the left one was let go: the flag for either stays.
        let flags = 0x2_0004;
        assert_eq!(is_modifier_down(0x38, flags), Some(false));
        assert_eq!(is_modifier_down(0x3c, flags), Some(true));
        assert_eq!(is_modifier_down(0x3b, 0x4_0001), Some(true));
        assert_eq!(is_modifier_down(0x3e, 0x4_0001), Some(false));
        assert_eq!(is_modifier_down(0x39, 0x1_0000), None);
        let modifiers: Vec<String> = (0..128)
            .filter(|code| is_modifier_down(*code, 0).is_some())
            .map(|code| id(Place::Key(code)))
            .collect();
        assert_eq!(modifiers.len(), 8);
        assert!(modifiers.iter().all(|id| id.ends_with("Left") || id.ends_with("Right")), "{modifiers:?}");
    }
}
