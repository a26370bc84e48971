//! A server that went away: detected when no user can reach it, and waited for.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::event::{FailureKind, RequestRecord};
use crate::load::request::RequestContext;
use crate::load::socket::Connection;

/// How often it is looked whether the server is back.
const LOOK: Duration = Duration::from_secs(1);
/// How long such a look may take.
const LOOK_PATIENCE: Duration = Duration::from_secs(5);

/// A user who was refused once, or reset twice in a row, has no server.
const ENOUGH: u32 = 2;

/// The users of a cycle who could not reach the server with their last request.
#[derive(Debug)]
pub(crate) struct Absence {
    users: usize,
    /// How often in a row each of them found that: a connection that was reset once may be the request's own fault.
    without_server: Mutex<BTreeMap<u32, u32>>,
    gone: CancellationToken,
}

impl Absence {
    pub(crate) fn new(users: u32) -> Self {
        Self {
            users: usize::try_from(users).unwrap_or(usize::MAX),
            without_server: Mutex::default(),
            gone: CancellationToken::new(),
        }
    }

    /// Takes what came of a user's request. The server is gone once all users were refused, reset or could not connect.
    pub(crate) fn take(&self, record: &RequestRecord) {
        let failure = record.failure().map(|(kind, _)| kind);
        let absent = match failure {
            Some(FailureKind::Reset) => 1,
            Some(kind) if kind.is_absence() => ENOUGH,
            _ => 0,
        };
        let without = self.without_server.lock();
        let mut without = without.unwrap_or_else(PoisonError::into_inner);
        if absent > 0 {
            *without.entry(record.user).or_default() += absent;
        } else {
            without.remove(&record.user);
        }
        let gone = without.values().filter(|times| **times >= ENOUGH);
        if gone.count() >= self.users {
            self.gone.cancel();
        }
    }

    /// Whether the server is gone.
    pub(crate) fn is_seen(&self) -> bool {
        self.gone.is_cancelled()
    }

    /// Waits until the server is gone.
    pub(crate) async fn seen(&self) {
        self.gone.cancelled().await;
    }
}

/// Waits until the server's address accepts connections again.
pub(crate) async fn server_is_back(load: &RequestContext) {
    loop {
        tokio::time::sleep(LOOK).await;
        let opening = Connection::open(&load.connector, load.reporter.clock);
        if let Ok(Ok(_)) = tokio::time::timeout(LOOK_PATIENCE, opening).await {
            return;
        }
    }
}
