//! JSON of the timed path, read without allocating; errors in any of their shapes.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::text::numbers::floor_u64;

/// What a JSON value says as an error: a text, or an object with a text in one of the usual places. None where it says
/// nothing.
pub(crate) fn words(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Object(fields) => {
            let keys = ["message", "error", "detail", "msg"];
            let said = keys.iter().find_map(|key| words(fields.get(*key)?));
            said.or_else(|| Some(value.to_string()))
        }
        other => Some(other.to_string()),
    }
}

/// The words of a JSON document that is an error, in any of the shapes that servers use; None where it is none.
pub(crate) fn server_error(body: &[u8]) -> Option<String> {
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
        return None;
    };
    let said = |key: &str| fields.get(key).and_then(words);
    let is_text = |key: &str| fields.get(key).is_some_and(Value::is_string);
    match (
        said("error"),
        said("message").filter(|_| is_text("message")),
    ) {
        // Some frameworks put the status into `error` and the reason into `message`.
        (Some(error), Some(message)) if is_text("error") && error != message => {
            Some(format!("{error}: {message}"))
        }
        (Some(error), _) => Some(error),
        (None, Some(message)) => Some(message),
        (None, None) if fields.get("object").is_some_and(|object| object == "error") => {
            Some(Value::Object(fields).to_string())
        }
        (None, None) => said("detail"),
    }
}

/// The message of an error body, else the body itself, cut.
pub(crate) fn error_message(body: &[u8]) -> String {
    server_error(body).unwrap_or_else(|| {
        let text = String::from_utf8_lossy(body);
        text.trim().chars().take(300).collect()
    })
}

/// A count or a time, whatever kind of number it is; anything else is none and never an error.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count(pub(crate) Option<u64>);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let number = raw.trim_matches('"');
        let whole = number.parse().ok();
        let float = || {
            number
                .parse::<f64>()
                .ok()
                .filter(|n| (0.0..=1e18).contains(n))
        };
        Ok(Self(
            whole.or_else(|| float().map(|n| floor_u64(n.round()))),
        ))
    }
}

/// Whether a JSON value holds no text.
pub(crate) fn is_empty(raw: &RawValue) -> bool {
    matches!(raw.get(), "null" | "\"\"" | "[]" | "{}")
}

/// The texts inside content that is not a string: numbers, and parts, each of thinking or not. Gives the number of
/// parts that have no text.
pub(crate) fn parts(value: &Value, is_thinking: bool, part: &mut impl FnMut(&str, bool)) -> u32 {
    match value {
        Value::Null => 0,
        Value::String(text) => {
            part(text, is_thinking);
            0
        }
        Value::Array(values) => {
            let unread = values.iter().map(|value| parts(value, is_thinking, part));
            unread.sum()
        }
        Value::Object(fields) => {
            let kind = fields.get("type").and_then(Value::as_str).unwrap_or("");
            let thinks = is_thinking || kind.contains("think") || kind.contains("reason");
            let keys = ["text", "content", "thinking", "reasoning", "summary"];
            match keys.iter().find_map(|key| fields.get(*key)) {
                Some(inner) => parts(inner, thinks, part),
                None => u32::from(!fields.is_empty()),
            }
        }
        other => {
            part(&other.to_string(), is_thinking);
            0
        }
    }
}

/// The first element of an array; the others are skipped.
#[derive(Debug)]
pub(crate) struct First<T>(pub(crate) Option<T>);

impl<T> Default for First<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FirstOf<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for FirstOf<T> {
            type Value = First<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_unit<E>(self) -> Result<First<T>, E> {
                Ok(First(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<First<T>, A::Error> {
                let first = elements.next_element()?;
                while elements.next_element::<IgnoredAny>()?.is_some() {}
                Ok(First(first))
            }
        }
        deserializer.deserialize_any(FirstOf(std::marker::PhantomData))
    }
}

/// Appends the string that `raw` holds to `text`; JSON's `null` appends nothing. Written out here
/// because serde allocates for each string with an escape in it.
pub(crate) fn append_string(raw: &RawValue, text: &mut String) -> Result<(), NoString> {
    let raw = raw.get();
    if raw == "null" {
        return Ok(());
    }
    let quoted = raw
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let mut rest = quoted.ok_or(NoString)?;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let (character, after) = unescape(escape).ok_or(NoString)?;
        text.push(character);
        rest = after;
    }
    text.push_str(rest);
    Ok(())
}

/// Text was wanted, and something else came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoString;

/// The character of an escape, without its backslash, and what follows it. Half of a surrogate pair
/// becomes the replacement character.
fn unescape(escape: &str) -> Option<(char, &str)> {
    let mut characters = escape.chars();
    let character = match characters.next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'u' => return Some(unescape_unicode(characters.as_str())),
        same @ ('"' | '\\' | '/') => same,
        _ => return None,
    };
    Some((character, characters.as_str()))
}

fn unescape_unicode(digits: &str) -> (char, &str) {
    let (high, rest) = hex(digits);
    if let Some(low) = rest
        .strip_prefix("\\u")
        .filter(|_| (0xD800..0xDC00).contains(&high))
    {
        let (low, after) = hex(low);
        if (0xDC00..0xE000).contains(&low) {
            let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            return (
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
                after,
            );
        }
    }
    (
        char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER),
        rest,
    )
}

/// Four hexadecimal digits, which the parser has checked, and what follows them.
fn hex(text: &str) -> (u32, &str) {
    let (digits, rest) = text.split_at_checked(4).unwrap_or((text, ""));
    (u32::from_str_radix(digits, 16).unwrap_or(0xFFFD), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_shape_of_error_is_read() {
        for (body, message) in [
            (r#"{"error":"text"}"#, "text"),
            (r#"{"error":{"message":"m","type":"t"}}"#, "m"),
            (r#"{"detail":"gone"}"#, "gone"),
            (r#"{"detail":[{"loc":1}]}"#, r#"[{"loc":1}]"#),
            (r#"{"message":"crashed"}"#, "crashed"),
            (r#"{"object":"error","message":"m","code":500}"#, "m"),
            (
                r#"{"object":"error","code":500}"#,
                r#"{"code":500,"object":"error"}"#,
            ),
            (
                r#"{"error":"Bad Request","message":"too long"}"#,
                "Bad Request: too long",
            ),
            (r#"{"error":{"code":500}}"#, r#"{"code":500}"#),
            ("  plain text\n", "plain text"),
        ] {
            assert_eq!(error_message(body.as_bytes()), message);
        }
    }

    #[test]
    fn what_is_no_error_is_none() {
        for body in [
            r#"{"error":null,"choices":[]}"#,
            r#"{"error":"","message":{"content":"a"}}"#,
            r#"{"error":false}"#,
            "[1]",
            "half",
        ] {
            assert_eq!(server_error(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn any_number_is_a_count_and_nothing_else_is() {
        for (json, count) in [
            ("7", Some(7)),
            ("10.0", Some(10)),
            ("5e8", Some(500_000_000)),
            ("\"12\"", Some(12)),
            ("-1", None),
            ("null", None),
            ("{}", None),
            ("[3]", None),
            ("true", None),
            ("1e99", None),
        ] {
            assert_eq!(
                serde_json::from_str::<Count>(json).unwrap().0,
                count,
                "{json}"
            );
        }
    }

    #[test]
    fn parts_are_read_as_far_as_they_can_be() {
        let json = r#"[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"So"},
            " it", 7, null, {"type":"image","url":"x"}, {"type":"reasoning.summary","summary":"well"}]"#;
        let mut read = Vec::new();
        let value = serde_json::from_str(json).unwrap();
        let unread = parts(&value, false, &mut |text, thinks| {
            read.push((text.to_owned(), thinks));
        });
        assert_eq!(unread, 1);
        let read: Vec<(&str, bool)> = read.iter().map(|(t, b)| (t.as_str(), *b)).collect();
        assert_eq!(
            read,
            [
                ("hm", true),
                ("So", false),
                (" it", false),
                ("7", false),
                ("well", true)
            ]
        );
    }

    #[test]
    fn every_escape_is_read() {
        let json = r#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\u0041 \ud83dx""#;
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        let mut read = String::new();
        append_string(raw, &mut read).unwrap();
        assert_eq!(read, "a\"\\/\u{8}\u{c}\n\r\té😀A \u{fffd}x");
        for other in ["null", "1", "{}"] {
            let raw: &RawValue = serde_json::from_str(other).unwrap();
            let appended = append_string(raw, &mut String::new());
            assert_eq!(appended.is_ok(), other == "null");
        }
    }

    proptest! {
        #[test]
        fn strings_are_read_as_serde_reads_them(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let raw: &RawValue = serde_json::from_str(&json).unwrap();
            let mut read = String::from("kept ");
            append_string(raw, &mut read).unwrap();
            prop_assert_eq!(read, format!("kept {text}"));
        }
    }
}
