//! What went wrong with a request, in its own words and by its kind.

use std::io;

use crate::dialect::decode::WireError;
use crate::event::FailureKind;

/// A failure.
pub(crate) fn failed(kind: FailureKind, message: impl Into<String>) -> WireError {
    WireError {
        kind,
        message: message.into(),
    }
}

/// Why no connection could be made.
pub(crate) fn no_connection(error: &io::Error) -> WireError {
    let kind = match error.kind() {
        io::ErrorKind::ConnectionRefused => FailureKind::Refused,
        _ if is_reset(error) => FailureKind::Reset,
        _ => FailureKind::Connect,
    };
    failed(kind, error.to_string())
}

/// What a request that got no head died of.
pub(crate) fn before_the_head(error: &hyper::Error) -> WireError {
    if error.is_parse() {
        return failed(
            FailureKind::Protocol,
            format!("the answer is not HTTP: {error}"),
        );
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return failed(
            FailureKind::Reset,
            "the server closed the connection before it answered",
        );
    }
    match io_error(error) {
        Some(io) => failed(FailureKind::Reset, io.to_string()),
        None => failed(FailureKind::Protocol, error.to_string()),
    }
}

/// What a stream died of.
pub(crate) fn inside_the_body(error: &hyper::Error) -> WireError {
    match io_error(error) {
        Some(io) if is_reset(io) => failed(FailureKind::Reset, format!("mid-stream: {io}")),
        // Chunks that are none: the bytes came, but make no sense.
        Some(io)
            if matches!(
                io.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
            ) =>
        {
            failed(
                FailureKind::Protocol,
                format!("the stream is not HTTP: {io}"),
            )
        }
        _ => failed(FailureKind::Truncated, "the connection closed mid-stream"),
    }
}

fn io_error(error: &hyper::Error) -> Option<&io::Error> {
    std::error::Error::source(error).and_then(|source| source.downcast_ref())
}

/// Whether the other side broke the connection off. Windows says "aborted" where others say "reset".
fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted
    )
}
