//! Answers in Ollama's shapes: JSON, plain text, errors, and the body types behind them.

use bytes::Bytes;
use futures_util::stream::{Stream, TryStreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER};
use hyper::{Response, StatusCode};
use std::io;

/// The body of a response: all of it at once, or lines as they come.
pub(super) type SimBody = UnsyncBoxBody<Bytes, io::Error>;

const NDJSON: &str = "application/x-ndjson";
const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// What the server says of itself, so that nobody takes it for a real one.
const NAME: HeaderValue = HeaderValue::from_static("tokometer-simulator");

/// A request that gets no answer, but an error in Ollama's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The status.
    pub(super) status: StatusCode,
    /// The text of the error.
    pub(super) message: String,
}

impl Refusal {
    /// A refusal.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// The model is not there.
    pub(super) fn no_model(name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("model '{name}' not found"))
    }

    /// The queue is full.
    pub(super) fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server busy, please try again.  maximum pending requests exceeded",
        )
    }

    /// It as a response.
    pub(super) fn response(&self) -> Response<SimBody> {
        respond(self.status, JSON, whole(error_json(&self.message)))
    }
}

/// `{"error":"…"}`
pub(super) fn error_json(message: &str) -> String {
    serde_json::json!({ "error": message }).to_string()
}

/// A value as a JSON response.
pub(super) fn json(value: &serde_json::Value) -> Response<SimBody> {
    json_body(value.to_string())
}

/// A JSON text as a response.
pub(super) fn json_body(text: impl Into<Bytes>) -> Response<SimBody> {
    respond(StatusCode::OK, JSON, whole(text))
}

/// Plain text.
pub(super) fn text(status: StatusCode, text: &'static str) -> Response<SimBody> {
    respond(status, TEXT, whole(text))
}

/// A stream of lines.
pub(super) fn stream(
    lines: impl Stream<Item = Result<Bytes, io::Error>> + Send + 'static,
) -> Response<SimBody> {
    let body = StreamBody::new(lines.map_ok(Frame::data)).boxed_unsync();
    respond(StatusCode::OK, NDJSON, body)
}

fn whole(text: impl Into<Bytes>) -> SimBody {
    let body = Full::new(text.into());
    body.map_err(|never| match never {}).boxed_unsync()
}

fn respond(status: StatusCode, kind: &'static str, body: SimBody) -> Response<SimBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(SERVER, NAME);
    response
}
