//! JSON of the timed path, read without allocating; errors in any of their shapes.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The error of a body or of a stream: a text, or an object with a `message`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum ErrorBody {
    Text(String),
    Object { message: String },
    Other(serde_json::Value),
}

impl fmt::Display for ErrorBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Object { message: text } => f.write_str(text),
            Self::Other(value) => value.fmt(f),
        }
    }
}

/// The message of an error body in any of the shapes that servers use, else the body itself, cut.
pub(crate) fn error_message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Body {
        #[serde(alias = "detail", alias = "message")]
        error: ErrorBody,
    }
    if let Ok(body) = serde_json::from_slice::<Body>(body) {
        return body.error.to_string();
    }
    let text = String::from_utf8_lossy(body);
    text.trim().chars().take(300).collect()
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
            ("  plain text\n", "plain text"),
        ] {
            assert_eq!(error_message(body.as_bytes()), message);
        }
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
