//! Why a request failed: stable codes for counting, words for reading.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::sanitize::one_line;

/// The kinds of failed requests. A file has the stable code (`refused`, `http_503`, `truncated`…),
/// a screen the words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureKind {
    /// Nobody listens at the address.
    Refused,
    /// The connection could not be made for another reason.
    Connect,
    /// The server closed the connection before it answered, or reset it.
    Reset,
    /// An HTTP status other than 2xx.
    Http(u16),
    /// An error object inside the stream.
    StreamError,
    /// The stream broke off inside a chunk or a line.
    Truncated,
    /// The stream ended cleanly, but without its final chunk.
    Unfinished,
    /// A line that is not JSON, or JSON of another shape.
    BadLine,
    /// The whole answer as one JSON document instead of a stream.
    NotStreamed,
    /// A page for people instead of an answer.
    WebPage,
    /// A success without a single token.
    Empty,
    /// No first token in time (`--timeout-first`).
    TimeoutFirst,
    /// A stall: no next token in time (`--timeout-next`).
    TimeoutNext,
    /// Not over in time (`--timeout-total`).
    TimeoutTotal,
    /// The answer was no HTTP, or not to be understood.
    Protocol,
}

impl FailureKind {
    /// Whether the server could not be reached: not a server that was slow, or answered with an error.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Refused | Self::Connect | Self::Reset)
    }

    /// Whether it may have broken off because the server went away. Streams of a server that is shutting down stay open
    /// and silent.
    pub(crate) fn may_be_absence(&self) -> bool {
        self.is_absence()
            || matches!(
                self,
                Self::Truncated
                    | Self::Unfinished
                    | Self::TimeoutFirst
                    | Self::TimeoutNext
                    | Self::TimeoutTotal
            )
    }

    /// What happened, as a user says it: `connection refused`, `HTTP 503`, `stream cut off`…
    pub fn words(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Refused => "connection refused",
            Self::Connect => "no connection",
            Self::Reset => "connection reset",
            Self::Http(status) => return Cow::Owned(format!("HTTP {status}")),
            Self::StreamError => "error in the stream",
            Self::Truncated => "stream cut off",
            Self::Unfinished => "stream without an end",
            Self::BadLine => "unreadable line",
            Self::NotStreamed => "does not stream",
            Self::WebPage => "a web page",
            Self::Empty => "empty answer",
            Self::TimeoutFirst => "no first token in time",
            Self::TimeoutNext => "stalled",
            Self::TimeoutTotal => "not finished in time",
            Self::Protocol => "invalid HTTP",
        })
    }
}

/// Failures by their codes, in words: `stream cut off` where all are of one kind, else
/// `3 × HTTP 503, 1 × stalled`.
pub fn failures_in_words<C: AsRef<str>>(by_code: impl IntoIterator<Item = (C, u64)>) -> String {
    let words = |code: &str| match code.parse::<FailureKind>() {
        Ok(kind) => kind.words().into_owned(),
        // The code of another version, from a file.
        Err(_) => one_line(code, 40),
    };
    let kinds = by_code.into_iter();
    let kinds: Vec<(String, u64)> = kinds.map(|(code, n)| (words(code.as_ref()), n)).collect();
    match kinds.as_slice() {
        [(only, _)] => only.clone(),
        kinds => {
            let counted = kinds.iter().map(|(words, n)| format!("{n} × {words}"));
            counted.collect::<Vec<_>>().join(", ")
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::Http(status) => return write!(f, "http_{status}"),
            Self::StreamError => "stream_error",
            Self::Truncated => "truncated",
            Self::Unfinished => "unfinished",
            Self::BadLine => "bad_line",
            Self::NotStreamed => "not_streamed",
            Self::WebPage => "web_page",
            Self::Empty => "empty",
            Self::TimeoutFirst => "timeout_first",
            Self::TimeoutNext => "timeout_next",
            Self::TimeoutTotal => "timeout_total",
            Self::Protocol => "protocol",
        })
    }
}

impl FromStr for FailureKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(match word {
            "refused" => Self::Refused,
            "connect" => Self::Connect,
            "reset" => Self::Reset,
            "stream_error" => Self::StreamError,
            "truncated" => Self::Truncated,
            "unfinished" => Self::Unfinished,
            "bad_line" => Self::BadLine,
            "not_streamed" => Self::NotStreamed,
            "web_page" => Self::WebPage,
            "empty" => Self::Empty,
            "timeout_first" => Self::TimeoutFirst,
            "timeout_next" => Self::TimeoutNext,
            "timeout_total" => Self::TimeoutTotal,
            "protocol" => Self::Protocol,
            other => {
                let status = other
                    .strip_prefix("http_")
                    .and_then(|digits| digits.parse().ok());
                return status
                    .map(Self::Http)
                    .ok_or_else(|| format!("unknown kind of failure: {other}"));
            }
        })
    }
}

impl Serialize for FailureKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FailureKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        word.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_shows_words_not_codes() {
        let of = |kinds: &[(&str, u64)]| failures_in_words(kinds.iter().copied());
        assert_eq!(of(&[("refused", 8)]), "connection refused");
        assert_eq!(
            of(&[("http_503", 3), ("truncated", 1)]),
            "3 × HTTP 503, 1 × stream cut off"
        );
        assert_eq!(of(&[("of\u{1b}tomorrow", 1)]), "of␛tomorrow");
    }
}
