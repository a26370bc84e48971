//! The paths and what answers them.

use crate::sim::catalog::{ps, show, tags};
use crate::sim::complete::{Stop, complete};
use crate::sim::pull::pull;
use crate::sim::reply::{self, Refusal, SimBody, text};
use crate::sim::shared_state::SharedState;
use crate::sim::wire::Style;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;
use std::io;
use std::sync::Arc;

/// The version it gives: one that no real server has.
const VERSION: &str = "0.33.0-simulated";
/// The longest request body, bytes.
const MAX_BODY: usize = 32 << 20;

/// Answers a request. An error drops the connection.
pub(super) async fn serve(
    server: Arc<SharedState>,
    request: Request<Incoming>,
) -> Result<Response<SimBody>, io::Error> {
    match answer(&server, request).await {
        Ok(response) => Ok(response),
        Err(Stop::Refused(refusal)) => Ok(refusal.response()),
        Err(Stop::Cut(error)) => Err(error),
    }
}

async fn answer(
    server: &Arc<SharedState>,
    request: Request<Incoming>,
) -> Result<Response<SimBody>, Stop> {
    let (head, body) = request.into_parts();
    let gets = head.method == Method::GET;
    let reads = gets || head.method == Method::HEAD;
    let posts = head.method == Method::POST;
    Ok(match head.uri.path() {
        "/" if reads => text(StatusCode::OK, "Ollama is running"),
        "/api/version" if reads => reply::json(&json!({ "version": VERSION })),
        "/api/tags" if reads => tags(server),
        "/api/ps" if gets => ps(server),
        "/api/show" if posts => show(server, &read(body).await?)?,
        "/api/pull" if posts => pull(server, &read(body).await?).await?,
        "/api/chat" if posts => complete(server, Style::Chat, &read(body).await?).await?,
        "/api/generate" if posts => complete(server, Style::Generate, &read(body).await?).await?,
        "/" | "/api/version" | "/api/tags" | "/api/ps" | "/api/show" | "/api/pull"
        | "/api/chat" | "/api/generate" => {
            text(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed")
        }
        _ => text(StatusCode::NOT_FOUND, "404 page not found"),
    })
}

async fn read(body: Incoming) -> Result<Bytes, Refusal> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(Refusal::new(StatusCode::BAD_REQUEST, error.to_string())),
    }
}
