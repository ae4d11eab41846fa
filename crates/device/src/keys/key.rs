//! Keys by where they are on the keyboard, not by what they write: a key keeps its name when
//! somebody switches to another layout in the middle of a game.

use std::fmt;
use std::str::FromStr;

/// The first of the numbers that stand for mouse buttons.
const MOUSE: u16 = 0x100;

/// Codes of Linux' input layer that X11 can name; the others have no keycode there.
const CODE_MAX: u16 = 247;

/// The lowest mouse button that may be bound: the first one beside left, right, middle and wheel.
pub const MOUSE_BUTTON_MIN: u8 = 4;

/// The highest mouse button that may be bound.
pub const MOUSE_BUTTON_MAX: u8 = 32;

/// A key of the keyboard, or a button of the mouse from [`MOUSE_BUTTON_MIN`] on.
///
/// Its text is its stable id: for keys the `code` of the W3C's "UI Events KeyboardEvent code
/// Values" (`KeyA`, `ControlLeft`), for buttons `Mouse4` and so on, for keys that have no such
/// name `Code240`, with their number in Linux' input layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u16);

/// A text is no key's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownKey;

impl Key {
    /// The key with this number in Linux' input layer (`KEY_A` is 30). None where there is none.
    #[must_use]
    pub fn of_code(code: u16) -> Option<Self> {
        (1..=CODE_MAX).contains(&code).then_some(Self(code))
    }

    /// A mouse button as people count them: 4 is "back", 5 is "forward". None for the buttons that
    /// every program needs itself.
    #[must_use]
    pub fn of_mouse(button: u8) -> Option<Self> {
        (MOUSE_BUTTON_MIN..=MOUSE_BUTTON_MAX).contains(&button).then_some(Self(MOUSE + u16::from(button)))
    }

    /// The key's number in Linux' input layer; none for a mouse button.
    #[must_use]
    pub fn code(self) -> Option<u16> {
        (self.0 < MOUSE).then_some(self.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(code, _)| *code == self.0) {
            Some((_, name)) => f.write_str(name),
            None if self.0 > MOUSE => write!(f, "Mouse{}", self.0 - MOUSE),
            None => write!(f, "Code{}", self.0),
        }
    }
}

impl FromStr for Key {
    type Err = UnknownKey;

    fn from_str(id: &str) -> Result<Self, UnknownKey> {
        if let Some((code, _)) = NAMES.iter().find(|(_, name)| *name == id) {
            return Ok(Self(*code));
        }
        let key = if let Some(button) = id.strip_prefix("Mouse") {
            button.parse().ok().and_then(Self::of_mouse)
        } else {
            id.strip_prefix("Code").and_then(|code| code.parse().ok()).and_then(Self::of_code)
        };
        // One id for each key: a key with a name does not go by its number too.
        key.filter(|key| key.to_string() == id).ok_or(UnknownKey)
    }
}

/// Numbers in Linux' input layer and the W3C's names for the same keys.
#[rustfmt::skip]
const NAMES: &[(u16, &str)] = &[
    (1, "Escape"), (2, "Digit1"), (3, "Digit2"), (4, "Digit3"), (5, "Digit4"), (6, "Digit5"),
    (7, "Digit6"), (8, "Digit7"), (9, "Digit8"), (10, "Digit9"), (11, "Digit0"), (12, "Minus"),
    (13, "Equal"), (14, "Backspace"), (15, "Tab"), (16, "KeyQ"), (17, "KeyW"), (18, "KeyE"),
    (19, "KeyR"), (20, "KeyT"), (21, "KeyY"), (22, "KeyU"), (23, "KeyI"), (24, "KeyO"),
    (25, "KeyP"), (26, "BracketLeft"), (27, "BracketRight"), (28, "Enter"), (29, "ControlLeft"),
    (30, "KeyA"), (31, "KeyS"), (32, "KeyD"), (33, "KeyF"), (34, "KeyG"), (35, "KeyH"),
    (36, "KeyJ"), (37, "KeyK"), (38, "KeyL"), (39, "Semicolon"), (40, "Quote"),
    (41, "Backquote"), (42, "ShiftLeft"), (43, "Backslash"), (44, "KeyZ"), (45, "KeyX"),
    (46, "KeyC"), (47, "KeyV"), (48, "KeyB"), (49, "KeyN"), (50, "KeyM"), (51, "Comma"),
    (52, "Period"), (53, "Slash"), (54, "ShiftRight"), (55, "NumpadMultiply"), (56, "AltLeft"),
    (57, "Space"), (58, "CapsLock"), (59, "F1"), (60, "F2"), (61, "F3"), (62, "F4"), (63, "F5"),
    (64, "F6"), (65, "F7"), (66, "F8"), (67, "F9"), (68, "F10"), (69, "NumLock"),
    (70, "ScrollLock"), (71, "Numpad7"), (72, "Numpad8"), (73, "Numpad9"),
    (74, "NumpadSubtract"), (75, "Numpad4"), (76, "Numpad5"), (77, "Numpad6"), (78, "NumpadAdd"),
    (79, "Numpad1"), (80, "Numpad2"), (81, "Numpad3"), (82, "Numpad0"), (83, "NumpadDecimal"),
    (86, "IntlBackslash"), (87, "F11"), (88, "F12"), (89, "IntlRo"), (92, "Convert"),
    (93, "KanaMode"), (94, "NonConvert"), (96, "NumpadEnter"), (97, "ControlRight"),
    (98, "NumpadDivide"), (99, "PrintScreen"), (100, "AltRight"), (102, "Home"),
    (103, "ArrowUp"), (104, "PageUp"), (105, "ArrowLeft"), (106, "ArrowRight"), (107, "End"),
    (108, "ArrowDown"), (109, "PageDown"), (110, "Insert"), (111, "Delete"),
    (113, "AudioVolumeMute"), (114, "AudioVolumeDown"), (115, "AudioVolumeUp"),
    (117, "NumpadEqual"), (119, "Pause"), (121, "NumpadComma"), (122, "Lang1"), (123, "Lang2"),
    (124, "IntlYen"), (125, "MetaLeft"), (126, "MetaRight"), (127, "ContextMenu"),
    (163, "MediaTrackNext"), (164, "MediaPlayPause"), (165, "MediaTrackPrevious"),
    (166, "MediaStop"), (183, "F13"), (184, "F14"), (185, "F15"), (186, "F16"), (187, "F17"),
    (188, "F18"), (189, "F19"), (190, "F20"), (191, "F21"), (192, "F22"), (193, "F23"),
    (194, "F24"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_by_its_id() {
        let keys = (0..=CODE_MAX + 1).filter_map(Key::of_code);
        let buttons = (0..=u8::MAX).filter_map(Key::of_mouse);
        let all: Vec<Key> = keys.chain(buttons).collect();
        assert_eq!(all.len(), 247 + 29);
        for key in all {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
    }

    #[test]
    fn ids_are_those_of_the_w3c_where_it_has_one() {
        for (code, id) in [(30, "KeyA"), (29, "ControlLeft"), (183, "F13"), (240, "Code240")] {
            assert_eq!(Key::of_code(code).unwrap().to_string(), id);
        }
        assert_eq!(Key::of_mouse(4).unwrap().to_string(), "Mouse4");
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "A",
            "keyA",
            "Mouse",
            "Mouse1",
            "Mouse3",
            "Mouse33",
            "Mouse04",
            "Code",
            "Code0",
            "Code30",
            "Code248",
            "Code99999",
            "Mouse-4",
        ] {
            assert_eq!(text.parse::<Key>(), Err(UnknownKey), "{text}");
        }
    }
}
