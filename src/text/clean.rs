//! Text from outside is data: nothing of it may steer the terminal.

/// `raw` with everything that could steer a terminal made visible or taken out: control
/// characters become their pictures, orders to turn the writing direction disappear.
pub fn clean(raw: &str) -> String {
    let mut chars = raw.chars().peekable();
    let mut text = String::with_capacity(raw.len());
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => text.push('\n'),
            '\t' => text.push('\t'),
            '\0'..='\u{1f}' => text.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => text.push('\u{2421}'),
            '\u{80}'..='\u{9f}' => text.push('\u{fffd}'),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {}
            _ => text.push(c),
        }
    }
    text
}

/// The thinking and the answer of a text; a text that never ends its thinking is all thinking.
pub fn split_thinking(raw: &str) -> (&str, &str) {
    let Some(rest) = raw.trim_start().strip_prefix("<think>") else {
        return ("", raw.trim_end());
    };
    let (thinking, answer) = rest.split_once("</think>").unwrap_or((rest, ""));
    (thinking.trim(), answer.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn line_ends_become_one_kind() {
        assert_eq!(clean("a\r\nb\rc\u{2028}d\n"), "a\nb\nc\nd\n");
    }

    proptest! {
        #[test]
        fn clean_text_holds_nothing_that_steers_a_terminal(raw in "(?s).{0,200}|[\\x00-\\x9f]{0,50}") {
            let text = clean(&raw);
            prop_assert!(text.chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control()));
            prop_assert_eq!(clean(&text), text);
        }
    }
}
