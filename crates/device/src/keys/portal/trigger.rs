//! Keys in the words of the desktops' "shortcuts" specification, as a wish of ours: the desktop, or
//! the person before it, decides.

use super::super::{Combination, Key};

/// A combination as that specification writes it (`CTRL+SHIFT+m`). None for what it has no words for:
/// lone modifiers, several other keys, mouse buttons.
pub(super) fn trigger(combination: &Combination) -> Option<String> {
    let (mut modifiers, mut others) = (Vec::new(), Vec::new());
    for key in combination.keys() {
        match modifier(key) {
            Some(modifier) => modifiers.push(modifier),
            None => others.push(key),
        }
    }
    let [key] = others[..] else { return None };
    modifiers.sort_unstable();
    modifiers.dedup();
    let symbol = symbol(&key.to_string())?;
    Some(modifiers.into_iter().map(str::to_owned).chain([symbol]).collect::<Vec<_>>().join("+"))
}

fn modifier(key: Key) -> Option<&'static str> {
    Some(match key.to_string().as_str() {
        "ControlLeft" | "ControlRight" => "CTRL",
        "AltLeft" | "AltRight" => "ALT",
        "ShiftLeft" | "ShiftRight" => "SHIFT",
        "MetaLeft" | "MetaRight" => "LOGO",
        _ => return None,
    })
}

/// What xkbcommon calls the symbol that the key writes on a US keyboard.
fn symbol(id: &str) -> Option<String> {
    if let Some(letter) = id.strip_prefix("Key") {
        return Some(letter.to_lowercase());
    }
    if let Some(digit) = id.strip_prefix("Digit") {
        return Some(digit.to_owned());
    }
    if let Some(digit) = id.strip_prefix("Numpad").filter(|rest| rest.len() == 1) {
        return Some(format!("KP_{digit}"));
    }
    let is_function = id.strip_prefix('F').is_some_and(|rest| rest.parse::<u8>().is_ok());
    if is_function {
        return Some(id.to_owned());
    }
    SYMBOLS.iter().find(|(name, _)| *name == id).map(|(_, symbol)| (*symbol).to_owned())
}

#[rustfmt::skip]
const SYMBOLS: &[(&str, &str)] = &[
    ("Escape", "Escape"), ("Minus", "minus"), ("Equal", "equal"), ("Backspace", "BackSpace"),
    ("Tab", "Tab"), ("BracketLeft", "bracketleft"), ("BracketRight", "bracketright"),
    ("Enter", "Return"), ("Semicolon", "semicolon"), ("Quote", "apostrophe"),
    ("Backquote", "grave"), ("Backslash", "backslash"), ("Comma", "comma"), ("Period", "period"),
    ("Slash", "slash"), ("Space", "space"), ("CapsLock", "Caps_Lock"), ("IntlBackslash", "less"),
    ("NumpadMultiply", "KP_Multiply"), ("NumpadSubtract", "KP_Subtract"), ("NumpadAdd", "KP_Add"),
    ("NumpadDecimal", "KP_Decimal"), ("NumpadEnter", "KP_Enter"), ("NumpadDivide", "KP_Divide"),
    ("ScrollLock", "Scroll_Lock"), ("PrintScreen", "Print"), ("Pause", "Pause"), ("Home", "Home"),
    ("End", "End"), ("PageUp", "Page_Up"), ("PageDown", "Page_Down"), ("Insert", "Insert"),
    ("Delete", "Delete"), ("ArrowUp", "Up"), ("ArrowDown", "Down"), ("ArrowLeft", "Left"),
    ("ArrowRight", "Right"), ("ContextMenu", "Menu"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ids: &str) -> Option<String> {
        let keys = ids.split_whitespace().map(|id| id.parse().unwrap());
        trigger(&Combination::new(keys).unwrap())
    }

    #[test]
    fn combinations_are_written_with_their_modifiers_first() {
        for (ids, wanted) in [
            ("ControlLeft ShiftRight KeyM", "CTRL+SHIFT+m"),
            ("KeyL MetaLeft AltRight", "ALT+LOGO+l"),
            ("ControlLeft ControlRight Digit4", "CTRL+4"),
            ("F13", "F13"),
            ("Numpad5", "KP_5"),
            ("Space", "space"),
        ] {
            assert_eq!(of(ids).as_deref(), Some(wanted), "{ids}");
        }
    }

    #[test]
    fn what_has_no_words_is_no_wish() {
        for ids in ["ControlLeft", "KeyA KeyB", "Mouse4", "ControlLeft Mouse4", "Code240"] {
            assert_eq!(of(ids), None, "{ids}");
        }
    }
}
