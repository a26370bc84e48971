//! When the server goes away: seen by users who all find nobody there, and waited for.

use std::collections::BTreeSet;
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

/// The users of a cycle who found nobody there when they last asked.
#[derive(Debug)]
pub(crate) struct Absence {
    users: usize,
    without_server: Mutex<BTreeSet<u32>>,
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
        let is_absent = failure.is_some_and(FailureKind::is_absence);
        let without = self.without_server.lock();
        let mut without = without.unwrap_or_else(PoisonError::into_inner);
        if is_absent {
            without.insert(record.user);
        } else {
            without.remove(&record.user);
        }
        if without.len() >= self.users {
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

/// Waits until somebody listens at the server's address again.
pub(crate) async fn server_is_back(load: &RequestContext) {
    loop {
        tokio::time::sleep(LOOK).await;
        let opening = Connection::open(&load.addresses, load.reporter.clock());
        if let Ok(Ok(_)) = tokio::time::timeout(LOOK_PATIENCE, opening).await {
            return;
        }
    }
}
