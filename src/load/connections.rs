//! Connections are opened before a cycle, few at a time, and kept.
//!
//! A burst of 256 connects overflows a listen queue of 128, and the retry (1 s on Linux, a reset on
//! macOS) would be blamed on the model.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use hyper::Method;
use tokio_util::sync::CancellationToken;

use crate::event::{EventKind, WarningKind};

use crate::load::connector::Opening;
use crate::load::request::RequestContext;
use crate::load::socket::Connection;

/// Connections that are opened at once.
const AT_ONCE: usize = 8;
/// How long one may take to connect.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the light request on it may take. A server whose threads are all held by other
/// connections answers none: then the open connection must do.
const LIGHT_PATIENCE: Duration = Duration::from_millis(500);

/// Opens a connection for each user and reports them; a user whose connection failed gets None and
/// opens its own.
pub(crate) async fn open(
    load: Arc<RequestContext>,
    cycle: u32,
    users: u32,
    cancel: CancellationToken,
) -> Vec<Option<Connection>> {
    let crowded = CancellationToken::new();
    let opened: Vec<Result<(Connection, Opening), String>> = stream::iter(0..users)
        .map(|_| open_one(&load, &crowded))
        .buffered(AT_ONCE)
        .take_until(cancel.cancelled())
        .collect()
        .await;
    let errors: Vec<&String> = opened.iter().filter_map(|one| one.as_ref().err()).collect();
    if let Some(error) = errors.first() {
        let text = format!(
            "{} of {users} connections could not be opened beforehand ({error}); their users connect \
             with their first request",
            errors.len(),
        );
        load.warn(WarningKind::ConnectionsFailed, text);
    }
    let failed = crate::text::numbers::u32_of(errors.len());
    let is_http2 = opened.iter().flatten().any(|(one, _)| one.is_http2());
    if is_http2 && load.told_http2.set(()).is_ok() {
        let text = "Requests go over HTTP/2, each user's on a connection of its own".to_owned();
        load.warn(WarningKind::Other, text);
    }
    let took = || opened.iter().flatten().map(|(_, took)| *took);
    let connect_us = took().map(|took| took.connect_us).collect();
    let tls_us = took().filter_map(|took| took.tls_us).collect();
    load.reporter.fact(EventKind::ConnectionsOpened {
        cycle,
        connect_us,
        tls_us,
        failed,
    });
    opened
        .into_iter()
        .map(|one| one.ok().map(|(connection, _)| connection))
        .collect()
}

async fn open_one(
    load: &RequestContext,
    crowded: &CancellationToken,
) -> Result<(Connection, Opening), String> {
    let open = || async {
        let opening = Connection::open(&load.connector, load.reporter.clock);
        match tokio::time::timeout(PATIENCE, opening).await {
            Ok(opened) => opened.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no connection within {} s", PATIENCE.as_secs())),
        }
    };
    let (mut connection, took) = open().await?;
    if crowded.is_cancelled() {
        return Ok((connection, took));
    }
    match tokio::time::timeout(LIGHT_PATIENCE, light_request(load, &mut connection)).await {
        Ok(true) => Ok((connection, took)),
        // It was closed after its answer: a fresh one is kept unused.
        Ok(false) => open().await,
        Err(_) => {
            crowded.cancel();
            open().await
        }
    }
}

/// One light request, so that the server has accepted the connection; whether it can be kept.
async fn light_request(load: &RequestContext, connection: &mut Connection) -> bool {
    let Ok(request) = load.http(connection, Method::GET, &load.light_path, Bytes::new()) else {
        return false;
    };
    let Ok(response) = connection.send(request).await else {
        return false;
    };
    let mut body = response.into_body();
    while let Some(frame) = connection.frame(&mut body).await {
        if frame.is_err() {
            return false;
        }
    }
    connection.is_reusable().await
}
