//! What a name may be: of a person, a guild or a channel.

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use voicehall_protocol::rest::NAME_CHARS_MAX;

/// A name that is empty, too long, or has characters that nobody can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidName;

/// The name as it is kept: trimmed, in one Unicode spelling (NFC).
///
/// # Errors
/// [`InvalidName`].
pub fn check(name: &str) -> Result<String, InvalidName> {
    // A name of the permitted length has no more bytes than this, however it is spelled.
    if name.len() > NAME_CHARS_MAX * 4 * 4 {
        return Err(InvalidName);
    }
    let name: String = name.trim().nfc().collect();
    let shown = name.chars().all(visible) && name.chars().any(|c| !c.is_whitespace() && !is_mark(c));
    if !shown || name.chars().count() > NAME_CHARS_MAX {
        return Err(InvalidName);
    }
    Ok(name)
}

/// The name as it is compared: names that people could take for each other by case or width are
/// the same.
pub fn key(name: &str) -> String {
    name.trim().nfkc().collect::<String>().to_lowercase().nfkc().collect()
}

/// Control, format and unassigned characters, and spaces other than the ordinary one, could make
/// two names look alike or turn text around. The joiners inside emoji are let through.
fn visible(c: char) -> bool {
    const ZERO_WIDTH_JOINER: char = '\u{200d}';
    /// Letters by category that are shown as nothing: the Hangul fillers and the Braille blank.
    const BLANK: [char; 5] = ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}', '\u{2800}'];
    match c.general_category_group() {
        GeneralCategoryGroup::Other => c == ZERO_WIDTH_JOINER,
        GeneralCategoryGroup::Separator => c == ' ',
        _ => !BLANK.contains(&c),
    }
}

fn is_mark(c: char) -> bool {
    matches!(c.general_category_group(), GeneralCategoryGroup::Mark | GeneralCategoryGroup::Other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in ["Ann", "Jean-Luc O'Neil", "李小龙", "Åsa", "🎧", "👩‍🚀", "नमस्ते", "x"]
        {
            assert_eq!(check(name).as_deref(), Ok(name));
        }
        assert_eq!(check("  Ann \n").as_deref(), Ok("Ann"));
        assert_eq!(check("A\u{30a}sa").as_deref(), Ok("Åsa"));
    }

    #[test]
    fn names_that_nobody_can_see_are_refused() {
        let long = "x".repeat(NAME_CHARS_MAX + 1);
        for name in [
            "",
            " ",
            "\u{200b}",
            "\u{200d}",
            "a\u{202e}b",
            "a\u{0}b",
            "a\nb",
            "\u{feff}x",
            "\u{3164}",
            "\u{2800}",
            "a\u{a0}b",
            "\u{301}",
            &long,
        ] {
            assert_eq!(check(name), Err(InvalidName), "{name:?}");
        }
    }

    #[test]
    fn names_are_compared_whatever_their_case_or_width() {
        assert_eq!(key("ANN"), key("ann"));
        assert_eq!(key(" Ann"), key("ａｎｎ"));
        assert_ne!(key("Ann"), key("Anne"));
    }

    proptest! {
        #[test]
        fn a_checked_name_passes_again_unchanged(name in ".{0,40}") {
            if let Ok(checked) = check(&name) {
                prop_assert_eq!(check(&checked), Ok(checked.clone()));
                prop_assert_eq!(key(&checked), key(&key(&checked)));
            }
        }
    }
}
