//! Numbers and text as a report writes them.

use crate::text::sanitize::one_line;

/// Stands for what is not known.
pub(crate) const UNKNOWN: &str = "–";
/// The longest text of a server or a model that is kept, characters.
const LONGEST: usize = 400;

/// A number with this many decimals; [`UNKNOWN`] where there is none.
pub(crate) fn number(value: Option<f64>, digits: usize) -> String {
    let known = value.filter(|value| value.is_finite());
    known.map_or_else(
        || UNKNOWN.to_owned(),
        |value| grouped(&format!("{value:.digits$}")),
    )
}

/// A whole number, its thousands set apart.
pub(crate) fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// "1234567.8" → "1,234,567.8".
fn grouped(number: &str) -> String {
    let (sign, rest) = number
        .strip_prefix('-')
        .map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) = match rest.split_once('.') {
        Some((whole, fraction)) => (whole, format!(".{fraction}")),
        None => (rest, String::new()),
    };
    let mut out = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{sign}{out}{fraction}")
}

/// A share as percent.
pub(crate) fn percent(share: Option<f64>, digits: usize) -> String {
    share.map_or_else(
        || UNKNOWN.to_owned(),
        |share| format!("{} %", number(Some(share * 100.0), digits)),
    )
}

/// Seconds as a person says them: "4.2 s", "12:41", "1:02:03".
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = crate::text::numbers::floor_u64(seconds.round());
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02} h")
    } else {
        format!("{minutes}:{seconds:02} min")
    }
}

/// Bytes as a person says them: "4.7 GB", decimal units.
pub(crate) fn bytes(bytes: f64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    for (size, unit) in units {
        if bytes >= size {
            return format!("{:.1} {unit}", bytes / size);
        }
    }
    format!("{bytes:.0} B")
}

/// Text of a server, a model or a system: on one line, and nothing in it that XML forbids.
pub(crate) fn clean(text: &str) -> String {
    let line = one_line(text.trim(), LONGEST);
    line.chars()
        .filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}'))
        .collect()
}

/// Text for HTML and SVG, in an element or a quoted attribute.
pub(crate) fn escape_xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// Text for Markdown: nothing in it is markup.
pub(crate) fn escape_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        let word = before.is_alphanumeric();
        let marks = matches!(c, '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '&')
            // Inside a word an underscore is one, and a hash is one wherever it is not first.
            || c == '_' && !word
            || c == '#' && out.is_empty();
        if marks {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_unknown_is_a_dash() {
        assert_eq!(number(Some(1_234_567.84), 1), "1,234,567.8");
        assert_eq!(number(Some(-1_234.0), 0), "-1,234");
        assert_eq!(number(Some(0.5), 2), "0.50");
        assert_eq!(number(None, 2), "–");
        assert_eq!(number(Some(f64::NAN), 2), "–");
        assert_eq!(count(251_551), "251,551");
        assert_eq!(count(999), "999");
        assert_eq!(percent(Some(0.1875), 1), "18.8 %");
    }

    #[test]
    fn times_and_bytes_read_well() {
        assert_eq!(duration(4.24), "4.2 s");
        assert_eq!(duration(761.4), "12:41 min");
        assert_eq!(duration(3_723.0), "1:02:03 h");
        assert_eq!(bytes(4_683_075_271.0), "4.7 GB");
        assert_eq!(bytes(12.0), "12 B");
    }

    #[test]
    fn markup_in_a_name_stays_text() {
        assert_eq!(escape_xml("<b a='1'>&"), "&lt;b a=&#39;1&#39;&gt;&amp;");
        assert_eq!(
            escape_markdown("a|b *c* snake_case _d_"),
            "a\\|b \\*c\\* snake_case \\_d_"
        );
        assert_eq!(clean(" a\u{1b}[31m\u{ffff}b\nc "), "a [31mb c");
    }
}
