//! Why a request failed: stable words, for counting.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The kinds of failed requests. Written as a stable word: `refused`, `http_503`, `truncated`…
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
    /// A line that is no JSON, or JSON of another shape.
    BadLine,
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
