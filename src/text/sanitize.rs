//! Text of servers and models is data: nothing in it may steer a terminal.

use std::fmt::Write as _;

use serde::Serialize;

/// Whether a character could steer a terminal or reorder its text: control characters (line ends
/// included), and Unicode's invisible marks of direction and line.
pub fn steers_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{feff}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text on one line, at most `longest` characters, a blank in place of whatever could steer a
/// terminal.
pub fn one_line(text: &str, longest: usize) -> String {
    let cut = text.chars().nth(longest).is_some();
    let kept = if cut {
        longest.saturating_sub(1)
    } else {
        longest
    };
    let mut line: String = text
        .chars()
        .take(kept)
        .map(|c| if steers_terminal(c) { ' ' } else { c })
        .collect();
    if cut {
        line.push('…');
    }
    line
}

/// A value as JSON, indented, with a line feed at its end, and safe for a terminal: whatever could steer one is
/// escaped.
pub fn json_lines(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string_pretty(value)?;
    let mut safe = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        if c == '\n' || !steers_terminal(c) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_become_blanks() {
        assert_eq!(
            one_line("a\u{1b}[31mb\nc\u{9b}d\u{202e}", 99),
            "a [31mb c d "
        );
        assert_eq!(one_line("zeit ist", 5), "zeit…");
        assert_eq!(one_line("zeit", 4), "zeit");
    }

    proptest! {
        #[test]
        fn nothing_steers_and_nothing_is_longer(text in any::<String>(), longest in 1..50_usize) {
            let line = one_line(&text, longest);
            prop_assert!(!line.chars().any(steers_terminal));
            prop_assert!(line.chars().count() <= longest);
        }
    }
}
