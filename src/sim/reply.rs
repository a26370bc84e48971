//! Answers in Ollama's shapes: JSON, plain text, errors, and the body types behind them.

use crate::sim::answer::Answer;
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER};
use hyper::{Response, StatusCode};
use serde::Serialize;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The type of streams.
pub(super) const NDJSON: &str = "application/x-ndjson";
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
        respond(self.status, JSON, SimBody::from(error_json(&self.message)))
    }
}

/// `{"error":"…"}`
pub(super) fn error_json(message: &str) -> String {
    #[derive(Serialize)]
    struct ErrorBody<'a> {
        error: &'a str,
    }
    json_text(&ErrorBody { error: message })
}

/// A value as JSON text; the values here are plain data, which cannot fail.
pub(super) fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A value as a JSON response.
pub(super) fn json(value: &impl Serialize) -> Response<SimBody> {
    json_body(json_text(value))
}

/// A JSON text as a response.
pub(super) fn json_body(text: impl Into<Bytes>) -> Response<SimBody> {
    respond(StatusCode::OK, JSON, SimBody::from(text))
}

/// Plain text.
pub(super) fn text(status: StatusCode, text: &'static str) -> Response<SimBody> {
    respond(status, TEXT, SimBody::from(text))
}

/// A stream of lines.
pub(super) fn stream(body: SimBody) -> Response<SimBody> {
    respond(StatusCode::OK, NDJSON, body)
}

fn respond(status: StatusCode, kind: &'static str, body: SimBody) -> Response<SimBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(SERVER, NAME);
    response
}

/// The body of a response.
pub(super) enum SimBody {
    /// All of it at once.
    Whole(Full<Bytes>),
    /// An answer, token by token.
    Answer(Box<Answer>),
    /// Lines as they come.
    Lines(BoxStream<'static, Bytes>),
}

impl<T: Into<Bytes>> From<T> for SimBody {
    fn from(bytes: T) -> Self {
        Self::Whole(Full::new(bytes.into()))
    }
}

impl Body for SimBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(full) => Pin::new(full)
                .poll_frame(cx)
                .map_err(|never| match never {}),
            Self::Answer(answer) => answer
                .poll_line(cx)
                .map(|line| line.map(|line| line.map(Frame::data))),
            Self::Lines(lines) => lines
                .poll_next_unpin(cx)
                .map(|line| line.map(|line| Ok(Frame::data(line)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(full) if full.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(full) => full.size_hint(),
            _ => SizeHint::default(),
        }
    }
}
