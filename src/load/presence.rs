//! Whether the server is there: told by how a request ended, else by a look.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;

use crate::dialect::{error_message, is_loading};
use crate::event::{FailureKind, RequestRecord};
use crate::load::request::RequestContext;
use crate::load::socket::Connection;

/// How long a look may take to connect.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How long the server may take to answer it. One that is busy is there.
const ANSWER_PATIENCE: Duration = Duration::from_millis(500);
/// How long after a request broke off it is looked: a process that dies closes one thing after another.
pub(crate) const GRACE: Duration = Duration::from_millis(50);
/// The longest answer that is read, bytes.
const LONGEST: usize = 64 << 10;

/// Whether the server is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It is, or it is not known to be away.
    Ready,
    /// It is, but still loads its model.
    Loading,
    /// Nobody listens, or every connection is closed.
    Gone,
}

/// Whether the server is there after what came of a request.
pub(crate) async fn after(record: &RequestRecord, load: &RequestContext) -> Presence {
    if let Some(known) = known_from(record) {
        return known;
    }
    tokio::time::sleep(GRACE).await;
    look(load).await
}

/// What a request tells of the server by itself; None where it has to be looked.
pub(crate) fn known_from(record: &RequestRecord) -> Option<Presence> {
    match record.failure() {
        Some((FailureKind::Http(status), said)) if is_loading(*status, said) => {
            Some(Presence::Loading)
        }
        Some((kind, _)) if kind.may_be_absence() => None,
        _ => Some(Presence::Ready),
    }
}

/// Looks whether the server is there: by a connection, and a light request on it.
pub(crate) async fn look(load: &RequestContext) -> Presence {
    let opening = Connection::open(&load.connector, load.reporter.clock);
    let mut connection = match tokio::time::timeout(CONNECT_PATIENCE, opening).await {
        Ok(Ok((connection, _))) => connection,
        Ok(Err(error)) if is_absence(&error) => return Presence::Gone,
        // What the client lacks, descriptors for instance, is not the server's absence.
        Ok(Err(_)) | Err(_) => return Presence::Ready,
    };
    let answer = ask(load, &mut connection);
    let answered = tokio::time::timeout(ANSWER_PATIENCE, answer).await;
    answered.unwrap_or(Presence::Ready)
}

async fn ask(load: &RequestContext, connection: &mut Connection) -> Presence {
    let Ok(request) = load.http(connection, Method::GET, &load.health_path, Bytes::new()) else {
        return Presence::Ready;
    };
    match connection.send(request).await {
        // Behind a forwarded port it is the forwarder that accepts, and closes.
        Err(error) if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => {
            Presence::Gone
        }
        Err(error) => match std::error::Error::source(&error)
            .and_then(|source| source.downcast_ref::<io::Error>())
        {
            Some(error) if is_absence(error) => Presence::Gone,
            _ => Presence::Ready,
        },
        Ok(response) => {
            let status = response.status().as_u16();
            let mut body = response.into_body();
            let mut said = Vec::new();
            while said.len() < LONGEST
                && let Some(Ok(frame)) = connection.frame(&mut body).await
            {
                said.extend(frame.into_data().unwrap_or_default());
            }
            if is_loading(status, &error_message(&said)) {
                Presence::Loading
            } else {
                Presence::Ready
            }
        }
    }
}

/// Whether an error says that nobody is at the address.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
    )
}
