//! Text in columns of a terminal: how wide it is, cut and wrapped to fit.

use ratatui::text::{Line, Span};

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

pub use crate::text::numbers::{
    UNKNOWN, bytes, clock, count, joined, number, or_unknown, plain, seconds, tok_s,
};
pub use crate::text::sanitize::line as safe;

/// How many columns of a terminal `text` takes.
pub fn width(text: &str) -> usize {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.len();
    }
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// Sanitized text in at most `most` columns; what is cut off is marked with `…`.
pub fn fit(text: &str, most: usize) -> String {
    let text = safe(text);
    if width(&text) <= most {
        return text.into_owned();
    }
    let Some(room) = most.checked_sub(1) else {
        return String::new();
    };
    let mut out = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        used += grapheme.width();
        if used > room {
            break;
        }
        out.push_str(grapheme);
    }
    out.push('…');
    out
}

/// One paragraph, sanitized, in lines of at most `columns` columns, broken between words where
/// there are any. An empty paragraph is one empty line.
pub fn wrap(paragraph: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let text = safe(paragraph);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let bare = width(word.trim_end());
        if used > 0 && bare <= columns && used + bare > columns {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used + bare <= columns {
            line.push_str(word);
            used += width(word);
            continue;
        }
        for grapheme in word.graphemes(true) {
            if used > 0 && used + grapheme.width() > columns {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push_str(grapheme);
            used += grapheme.width();
        }
    }
    lines.push(line);
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}

/// Items one after another with a gap between them, in as many lines of `columns` as they need.
pub fn flow(
    items: impl Iterator<Item = Vec<Span<'static>>>,
    gap: &Span<'static>,
    columns: usize,
) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    for item in items {
        let wide = gap.width() + item.iter().map(Span::width).sum::<usize>();
        match lines
            .last_mut()
            .filter(|line| line.width() + wide <= columns)
        {
            Some(line) => line.spans.extend(std::iter::once(gap.clone()).chain(item)),
            None => lines.push(Line::from(item)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_cut_by_columns_not_by_bytes() {
        assert_eq!(fit("deepseek-r1:7b", 14), "deepseek-r1:7b");
        assert_eq!(fit("deepseek-r1:7b", 9), "deepseek…");
        assert_eq!(fit("日本語の文", 6), "日本…");
        assert_eq!(fit("abc", 0), "");
    }

    #[test]
    fn words_stay_whole_where_they_can() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("日本語です", 5), ["日本", "語で", "す"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("  indented", 20), ["  indented"]);
    }

    proptest! {
        #[test]
        fn cut_text_fits(text in any::<String>(), most in 0_usize..40) {
            prop_assert!(width(&fit(&text, most)) <= most);
        }

        #[test]
        fn wrapped_lines_fit_and_lose_no_word(text in "[a-z 日本]{0,80}", columns in 2_usize..20) {
            let lines = wrap(&text, columns);
            prop_assert!(lines.iter().all(|line| width(line) <= columns));
            let squeeze = |s: &str| s.split_whitespace().collect::<String>();
            prop_assert_eq!(squeeze(&lines.join(" ")), squeeze(&text));
        }
    }
}
