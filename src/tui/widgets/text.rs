//! Text that is safe for a terminal, and numbers as people read them.
//!
//! Text of a model, a server or a file is data: [`safe`] lets nothing through that a terminal would
//! obey. An unknown number is [`UNKNOWN`], never 0.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// What stands where a number is not known.
pub const UNKNOWN: &str = "–";

/// `text` on one line, without anything that a terminal would obey: escape sequences, other control
/// characters and reversals of the writing direction become visible marks, line breaks a space.
pub fn safe(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => out.push(' '),
            '\u{7f}' => out.push('␡'),
            c if u32::from(c) < 0x20 => {
                out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'));
            }
            c if is_harmless(c) => out.push(c),
            _ => out.push('\u{fffd}'),
        }
    }
    Cow::Owned(out)
}

/// Neither a control character nor one of those that reorder, hide or tag text.
fn is_harmless(c: char) -> bool {
    !(c.is_control()
        || matches!(
            c,
            '\u{061c}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        ))
}

/// How many columns of a terminal `text` takes.
pub fn width(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// [`safe`] text in at most `most` columns; what is cut off is marked with `…`.
pub fn fit(text: &str, most: usize) -> Cow<'_, str> {
    let text = safe(text);
    if width(&text) <= most {
        return text;
    }
    let Some(room) = most.checked_sub(1) else {
        return Cow::Borrowed("");
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
    Cow::Owned(out)
}

/// One paragraph, made [`safe`], in lines of at most `columns` columns, broken between words where
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

/// A speed or throughput in tokens a second, without its unit: `9.8`, `156.8`, `1234`, `12.3k`.
pub fn tok_s(value: Option<f64>) -> String {
    match value.filter(|v| v.is_finite()) {
        None => UNKNOWN.to_owned(),
        Some(v) if v.abs() < 999.95 => format!("{v:.1}"),
        Some(v) if v.abs() < 9999.5 => format!("{v:.0}"),
        Some(v) => scaled(v, 1e3, &["k", "M", "G", "T"]),
    }
}

/// Seconds: `4.2 ms`, `62 ms`, `0.62 s`, `41.8 s`, `12:41`, `1:02:03`.
pub fn seconds(value: Option<f64>) -> String {
    match value.filter(|v| v.is_finite() && *v >= 0.0) {
        None => UNKNOWN.to_owned(),
        Some(v) if v < 0.000_05 => "0 s".to_owned(),
        Some(v) if v < 0.009_95 => format!("{:.1} ms", v * 1e3),
        Some(v) if v < 0.099_5 => format!("{:.0} ms", v * 1e3),
        Some(v) if v < 9.995 => format!("{v:.2} s"),
        Some(v) if v < 99.95 => format!("{v:.1} s"),
        Some(v) => clock(v),
    }
}

/// Seconds as a clock shows them: `0:41`, `12:41`, `1:02:03`.
pub fn clock(seconds: f64) -> String {
    let whole = crate::text::numbers::floor_u64(seconds);
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours == 0 {
        format!("{minutes}:{seconds:02}")
    } else {
        format!("{hours}:{minutes:02}:{seconds:02}")
    }
}

/// A limit as its maker wrote it: `10`, `19.9`.
pub fn plain(value: f64) -> String {
    if value.is_finite() {
        format!("{value}")
    } else {
        UNKNOWN.to_owned()
    }
}

/// Bytes in powers of ten: `512 B`, `82 MB`, `4.7 GB`.
pub fn bytes(value: Option<u64>) -> String {
    match value {
        None => UNKNOWN.to_owned(),
        Some(v) if v < 1000 => format!("{v} B"),
        Some(v) => scaled(v as f64, 1e3, &[" kB", " MB", " GB", " TB"]),
    }
}

/// A count: `412`, `12841`, `128k`, `1.3M`.
pub fn count(value: Option<u64>) -> String {
    match value {
        None => UNKNOWN.to_owned(),
        Some(v) if v < 100_000 => v.to_string(),
        Some(v) => scaled(v as f64, 1e3, &["k", "M", "G", "T"]),
    }
}

/// Any other number with that many digits after the point, and its unit.
pub fn number(value: Option<f64>, digits: usize, unit: &str) -> String {
    match value.filter(|v| v.is_finite()) {
        None => UNKNOWN.to_owned(),
        Some(v) => format!("{v:.digits$}{unit}"),
    }
}

fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let mut value = value / step;
    let mut unit = units.iter();
    let mut name = unit.next().copied().unwrap_or_default();
    for next in unit {
        if value.abs() < step - 0.5 {
            break;
        }
        value /= step;
        name = next;
    }
    if value.abs() < 9.95 {
        format!("{value:.1}{name}")
    } else {
        format!("{value:.0}{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_escape_sequence_becomes_visible() {
        assert_eq!(safe("a\x1b[31mb\x07\u{9b}2J\x7f"), "a␛[31mb␇\u{fffd}2J␡");
        assert_eq!(
            safe("evil\u{202e}txt.exe\u{2066}"),
            "evil\u{fffd}txt.exe\u{fffd}"
        );
        assert_eq!(safe("one\ntwo\tthree"), "one two    three");
        assert!(matches!(safe("zażółć 日本語 👩‍🚀"), Cow::Borrowed(_)));
    }

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

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(tok_s(Some(9.84)), "9.8");
        assert_eq!(tok_s(Some(999.96)), "1000");
        assert_eq!(tok_s(Some(12_345.0)), "12k");
        assert_eq!(tok_s(Some(f64::NAN)), UNKNOWN);
        let cases = [
            (0.0, "0 s"),
            (0.0042, "4.2 ms"),
            (0.062, "62 ms"),
            (0.62, "0.62 s"),
            (9.996, "10.0 s"),
            (41.8, "41.8 s"),
            (99.96, "1:39"),
            (761.0, "12:41"),
            (3723.0, "1:02:03"),
        ];
        for (value, expected) in cases {
            assert_eq!(seconds(Some(value)), expected);
        }
        assert_eq!(seconds(None), UNKNOWN);
        assert_eq!(bytes(Some(4_683_087_332)), "4.7 GB");
        assert_eq!(bytes(Some(82_000_000)), "82 MB");
        assert_eq!(bytes(Some(999_700_000)), "1.0 GB");
        assert_eq!(count(Some(12_841)), "12841");
        assert_eq!(count(Some(1_284_100)), "1.3M");
        assert_eq!(plain(19.9), "19.9");
        assert_eq!(plain(10.0), "10");
    }

    proptest! {
        #[test]
        fn safe_text_holds_nothing_a_terminal_obeys(text in any::<String>()) {
            let out = safe(&text).into_owned();
            prop_assert!(out.chars().all(is_harmless));
            prop_assert!(matches!(safe(&out), Cow::Borrowed(_)));
        }

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
