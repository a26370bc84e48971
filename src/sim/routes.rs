//! Which path is answered by whom.

use crate::sim::catalog::{ps, show, tags};
use crate::sim::complete::{Stop, complete};
use crate::sim::pull::pull;
use crate::sim::reply::{Refusal, SimBody, json, text};
use crate::sim::shared_state::SharedState;
use crate::sim::wire::Style;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use std::io;
use std::sync::Arc;

/// The version it gives: one that no real server has.
const VERSION: &str = "0.33.0-simulated";
/// The longest request body, bytes.
const MAX_BODY: usize = 32 << 20;

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

#[derive(Clone, Copy)]
enum Route {
    Root,
    Version,
    Tags,
    Ps,
    Show,
    Pull,
    Complete(Style),
}

impl Route {
    fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Root,
            "/api/version" => Self::Version,
            "/api/tags" => Self::Tags,
            "/api/ps" => Self::Ps,
            "/api/show" => Self::Show,
            "/api/pull" => Self::Pull,
            "/api/chat" => Self::Complete(Style::Chat),
            "/api/generate" => Self::Complete(Style::Generate),
            _ => return None,
        })
    }

    fn takes(self, method: &Method) -> bool {
        match self {
            Self::Root | Self::Version | Self::Tags => {
                matches!(*method, Method::GET | Method::HEAD)
            }
            Self::Ps => *method == Method::GET,
            Self::Show | Self::Pull | Self::Complete(_) => *method == Method::POST,
        }
    }
}

/// Answers a request. An error drops the connection.
pub(super) async fn serve(
    hub: Arc<SharedState>,
    request: Request<Incoming>,
) -> Result<Response<SimBody>, io::Error> {
    let Some(route) = Route::of(request.uri().path()) else {
        return Ok(text(StatusCode::NOT_FOUND, "404 page not found"));
    };
    if !route.takes(request.method()) {
        return Ok(text(
            StatusCode::METHOD_NOT_ALLOWED,
            "405 method not allowed",
        ));
    }
    match answer(&hub, route, request).await {
        Ok(response) => Ok(response),
        Err(Stop::Refused(refusal)) => Ok(refusal.response()),
        Err(Stop::Cut(error)) => Err(error),
    }
}

async fn answer(
    hub: &Arc<SharedState>,
    route: Route,
    request: Request<Incoming>,
) -> Result<Response<SimBody>, Stop> {
    Ok(match route {
        Route::Root => text(StatusCode::OK, "Ollama is running"),
        Route::Version => json(&Version { version: VERSION }),
        Route::Tags => tags(hub),
        Route::Ps => ps(hub),
        Route::Show => show(hub, &body(request).await?)?,
        Route::Pull => pull(hub, &body(request).await?).await?,
        Route::Complete(style) => complete(hub, style, &body(request).await?).await?,
    })
}

async fn body(request: Request<Incoming>) -> Result<Bytes, Refusal> {
    match Limited::new(request.into_body(), MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(Refusal::new(StatusCode::BAD_REQUEST, error.to_string())),
    }
}
