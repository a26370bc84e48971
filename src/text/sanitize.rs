//! Text of servers, models, files and processes is data: nothing in it may steer a terminal, move text or
//! hide it.
//!
//! Control characters, format characters, marks of direction and characters of no width do not pass.
//! Joiners and variation selectors pass only where they shape what is seen: inside an emoji, behind the
//! virama of an Indic script, between Arabic letters.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;
use unicode_general_category::{GeneralCategory, get_general_category};
use unicode_width::UnicodeWidthChar;

/// What a tab becomes on a line.
const TAB: &str = "    ";

/// Whether a character could steer a terminal, or move, reorder or hide text. It may still pass within
/// an emoji or a word, where it only shapes its neighbors.
pub fn is_unsafe(c: char) -> bool {
    match c {
        ' '..='~' => false,
        // Nothing is drawn for these, whatever their category: fillers, selectors, reserved ones.
        '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{2065}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{e0000}'..='\u{e0fff}'
        // No characters at all; XML forbids some of them.
        | '\u{fdd0}'..='\u{fdef}' => true,
        c if u32::from(c) & 0xfffe == 0xfffe => true,
        c => match get_general_category(c) {
            GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator => true,
            // Drawn with a letter beside it, whatever their own width.
            GeneralCategory::NonspacingMark
            | GeneralCategory::SpacingMark
            | GeneralCategory::EnclosingMark
            | GeneralCategory::OtherLetter => false,
            _ => c.width().unwrap_or(0) == 0,
        },
    }
}

/// The text on one line. A line break becomes a blank, a tab four; whatever else is unsafe becomes a
/// visible mark.
pub fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\t' => out.push_str(TAB),
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => out.push(' '),
            c if !is_unsafe(c) || shapes(&out, c, chars.peek()) => out.push(c),
            c => out.push(mark(c)),
        }
    }
    Cow::Owned(out)
}

/// The text on one [`line()`] of at most `longest` characters; what is cut off is marked with `…`.
pub fn one_line(text: &str, longest: usize) -> String {
    let line = line(text);
    if line.chars().nth(longest).is_none() {
        return line.into_owned();
    }
    let kept = line.chars().take(longest.saturating_sub(1));
    let mut line: String = kept.collect();
    line.push('…');
    line
}

/// The text in lines, its tabs kept. Control characters become visible marks; what has no width and no
/// place in a word is left out.
pub fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_lines(&mut out, text);
    out
}

/// [`lines`] of a text that comes in pieces.
pub fn push_lines(out: &mut String, text: &str) {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\t' => out.push('\t'),
            c if !is_unsafe(c) || shapes(out, c, chars.peek()) => out.push(c),
            c if c.is_control() => out.push(mark(c)),
            _ => {}
        }
    }
}

/// A value as JSON, indented, with a line feed at its end, and safe for a terminal: whatever is unsafe is
/// escaped.
pub fn json_lines(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string_pretty(value)?;
    let mut safe = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        if c == '\n' || !is_unsafe(c) {
            safe.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(safe, "\\u{unit:04x}");
        }
    }
    safe.push('\n');
    Ok(safe)
}

/// A visible character in place of an unsafe one.
fn mark(c: char) -> char {
    match u32::from(c) {
        control @ 0..0x20 => char::from_u32(0x2400 + control).unwrap_or('\u{fffd}'),
        0x7f => '␡',
        _ => '\u{fffd}',
    }
}

/// Whether a joiner or a selector only shapes what is around it, and so hides nothing.
fn shapes(before: &str, c: char, after: Option<&char>) -> bool {
    let Some(before) = before.chars().next_back() else {
        return false;
    };
    let after = after.copied().unwrap_or(' ');
    match c {
        '\u{fe0e}' | '\u{fe0f}' => {
            is_pictograph(before) || is_keycap(before) && after == '\u{20e3}'
        }
        '\u{200d}' => {
            (is_pictograph(before) || before == '\u{fe0f}') && is_pictograph(after)
                || is_virama(before) && is_indic(after)
        }
        '\u{200c}' => is_virama(before) && is_indic(after) || is_arabic(before) && is_arabic(after),
        _ => false,
    }
}

fn is_pictograph(c: char) -> bool {
    matches!(
        c,
        '©' | '®'
            | '\u{203c}'
            | '\u{2049}'
            | '\u{2122}'
            | '\u{2139}'
            | '\u{2194}'..='\u{21aa}'
            | '\u{2300}'..='\u{23ff}'
            | '\u{24c2}'
            | '\u{25a0}'..='\u{27bf}'
            | '\u{2934}'
            | '\u{2935}'
            | '\u{2b00}'..='\u{2bff}'
            | '\u{3030}'
            | '\u{303d}'
            | '\u{3297}'
            | '\u{3299}'
            | '\u{1f000}'..='\u{1faff}'
    )
}

fn is_keycap(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '#' | '*')
}

/// A letter or a sign of Devanagari … Sinhala.
fn is_indic(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{dff}') && !is_unsafe(c)
}

fn is_virama(c: char) -> bool {
    matches!(
        c,
        '\u{94d}'
            | '\u{9cd}'
            | '\u{a4d}'
            | '\u{acd}'
            | '\u{b4d}'
            | '\u{bcd}'
            | '\u{c4d}'
            | '\u{ccd}'
            | '\u{d4d}'
            | '\u{dca}'
    )
}

fn is_arabic(c: char) -> bool {
    matches!(c, '\u{620}'..='\u{6d3}' | '\u{6fa}'..='\u{77f}') && c.is_alphabetic()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All but the surrogates.
    fn every_character() -> impl Iterator<Item = char> {
        (0..=u32::from(char::MAX)).filter_map(char::from_u32)
    }

    /// A mark is drawn over the letter before it, some letters of Hangul and Malayalam within the syllable.
    fn is_drawn_with_another(c: char) -> bool {
        matches!(
            get_general_category(c),
            GeneralCategory::NonspacingMark
                | GeneralCategory::EnclosingMark
                | GeneralCategory::SpacingMark
                | GeneralCategory::OtherLetter
        )
    }

    /// What no text may keep, by two other sources: the standard library and the widths.
    fn moves_or_hides(c: char) -> bool {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
            || c.width().unwrap_or(0) == 0 && !is_drawn_with_another(c)
    }

    #[test]
    fn alone_no_character_passes_that_moves_or_hides_text() {
        for c in every_character().filter(|c| is_unsafe(*c) || moves_or_hides(*c)) {
            assert!(is_unsafe(c), "U+{:04X} passes", u32::from(c));
            let text = format!("a{c}b");
            for safe in [line(&text).into_owned(), one_line(&text, 9), lines(&text)] {
                let kept = safe.chars().filter(|c| !matches!(c, '\n' | '\t'));
                let found: Vec<char> = kept.filter(|c| is_unsafe(*c)).collect();
                assert!(found.is_empty(), "U+{:04X} leaves {found:?}", u32::from(c));
            }
        }
    }

    #[test]
    fn what_is_seen_passes() {
        for text in [
            "zażółć 日本語 👩‍🚀",
            "❤️ 1️⃣",
            "क्‍ष",
            "می‌خواهم",
            "한국어",
            "e\u{301}",
        ] {
            assert!(!line(text).contains('\u{fffd}'), "{text}");
            assert_eq!(lines(text), text);
        }
    }

    #[test]
    fn an_escape_sequence_becomes_visible() {
        assert_eq!(line("a\x1b[31mb\x07\u{9b}2J\x7f"), "a␛[31mb␇\u{fffd}2J␡");
        assert_eq!(
            line("evil\u{202e}txt.exe\u{2066}"),
            "evil\u{fffd}txt.exe\u{fffd}"
        );
        assert_eq!(line("lla\u{200b}ma\u{ad}"), "lla\u{fffd}ma\u{fffd}");
        assert_eq!(line("a\u{200d}b\u{fe0f}"), "a\u{fffd}b\u{fffd}");
        assert_eq!(line("one\ntwo\tthree"), "one two    three");
    }

    #[test]
    fn a_line_has_a_limit() {
        assert_eq!(one_line("zeit ist", 5), "zeit…");
        assert_eq!(one_line("zeit", 4), "zeit");
    }

    #[test]
    fn line_ends_become_one_kind() {
        assert_eq!(lines("a\r\nb\rc\u{2028}d\n"), "a\nb\nc\nd\n");
        assert_eq!(lines("\u{feff}so\u{ad}\u{200b}ft\x1b"), "soft␛");
    }

    fn is_safe(text: &str) -> bool {
        text.char_indices().all(|(at, c)| {
            let after = text[at..].chars().nth(1);
            !is_unsafe(c) || shapes(&text[..at], c, after.as_ref())
        })
    }

    proptest! {
        #[test]
        fn a_line_is_safe_and_not_longer(text in any::<String>(), longest in 1..50_usize) {
            let whole = line(&text).into_owned();
            prop_assert!(is_safe(&whole));
            prop_assert_eq!(line(&whole), whole.as_str());
            prop_assert!(one_line(&text, longest).chars().count() <= longest);
        }

        #[test]
        fn lines_are_safe(raw in "(?s).{0,200}|[\\x00-\\x9f]{0,50}|[a👩\u{200c}-\u{200f}\u{fe0f}ک्]{0,20}") {
            let text = lines(&raw);
            prop_assert!(text.split(['\n', '\t']).all(is_safe));
            prop_assert_eq!(lines(&text), text);
        }

        #[test]
        fn json_is_safe_and_the_same(text in any::<String>()) {
            let json = json_lines(&text).unwrap();
            prop_assert!(json.chars().all(|c| c == '\n' || !is_unsafe(c)));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
