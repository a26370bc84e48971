//! A server that went away, or is not ready: noticed by what its requests break off at, and waited for.
//!
//! A request that breaks off is the server's failure as long as the server can be reached. Where it cannot, the request
//! belongs to the absence and not to the level: its user waits. Once every user that was asking waits, the server is gone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::event::{EventKind, RequestRecord};
use crate::load::pause::Pause;
use crate::load::presence::{self, Presence, look};
use crate::load::request::RequestContext;
use crate::load::timeline::Reporter;
use crate::load::warmup::warm_up;

/// How often it is looked whether the server is back.
const LOOK: Duration = Duration::from_secs(1);

/// The users of a cycle who ask, and those of them who wait for the server.
#[derive(Debug)]
pub(crate) struct Absence {
    users: Mutex<Users>,
    /// The latest look, and when it began: one is enough for all who broke off before it.
    latest: tokio::sync::Mutex<Option<(Instant, Presence)>>,
    gone: CancellationToken,
}

#[derive(Debug)]
struct Users {
    asking: u32,
    waiting: u32,
    /// What the latest to wait found.
    found: Presence,
}

impl Absence {
    pub(crate) fn new(users: u32) -> Self {
        Self {
            users: Mutex::new(Users {
                asking: users,
                waiting: 0,
                found: Presence::Gone,
            }),
            latest: tokio::sync::Mutex::default(),
            gone: CancellationToken::new(),
        }
    }

    /// Whether the server is there after what came of a request: it is only looked where the request broke off.
    pub(crate) async fn presence_after(
        &self,
        record: &RequestRecord,
        load: &RequestContext,
    ) -> Presence {
        if let Some(known) = presence::known_from(record) {
            return known;
        }
        let broke_off = Instant::now();
        let mut latest = self.latest.lock().await;
        match *latest {
            Some((began, presence)) if began >= broke_off => presence,
            _ => {
                tokio::time::sleep(presence::GRACE).await;
                let began = Instant::now();
                let presence = look(load).await;
                *latest = Some((began, presence));
                presence
            }
        }
    }

    /// A user waits until the server is ready.
    pub(crate) async fn wait(&self, found: Presence, load: &RequestContext) {
        self.change(|users| {
            users.waiting += 1;
            users.found = found;
        });
        loop {
            tokio::time::sleep(LOOK).await;
            if look(load).await == Presence::Ready {
                break;
            }
        }
        self.change(|users| users.waiting -= 1);
    }

    /// A user asks no more.
    pub(crate) fn leave(&self) {
        self.change(|users| users.asking -= 1);
    }

    fn change(&self, change: impl FnOnce(&mut Users)) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut users);
        if users.asking > 0 && users.waiting >= users.asking {
            self.gone.cancel();
        }
    }

    /// What the users found, if the server is gone.
    pub(crate) fn found(&self) -> Option<Presence> {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        self.gone.is_cancelled().then_some(users.found)
    }

    /// Waits until the server is gone.
    pub(crate) async fn seen(&self) {
        self.gone.cancelled().await;
    }
}

/// A server that is waited for.
pub(crate) struct Waiting {
    pub(crate) load: Arc<RequestContext>,
    pub(crate) warmup: u32,
    pub(crate) paused: watch::Receiver<Pause>,
    pub(crate) patience_s: f64,
    pub(crate) given_up: CancellationToken,
}

impl Waiting {
    /// Waits until the server has loaded its model, and warms it; reports what it is waited for. What it is instead, once
    /// the patience is over.
    pub(crate) async fn until_ready(self, found: Presence) -> Result<(), Presence> {
        let began = Instant::now();
        let patience = Duration::try_from_secs_f64(self.patience_s).ok();
        let until = patience.and_then(|patience| began.checked_add(patience));
        let over = async || match until {
            Some(until) => tokio::time::sleep_until(until).await,
            None => std::future::pending().await,
        };
        let (mut reported, mut found) = (Presence::Ready, found);
        while found != Presence::Ready {
            if reported != found {
                let left_s = match reported {
                    Presence::Ready => self.patience_s,
                    _ => (self.patience_s - began.elapsed().as_secs_f64()).max(0.0),
                };
                report(&self.load.reporter, found, left_s);
                reported = found;
            }
            found = tokio::select! {
                () = self.given_up.cancelled() => return Ok(()),
                () = over() => return Err(found),
                found = self.look_later() => found,
            };
            if found == Presence::Ready {
                let (load, paused) = (Arc::clone(&self.load), self.paused.clone());
                let warm = warm_up(load, self.warmup, paused, self.given_up.clone());
                // What it lacks for another reason, it may have at the next look.
                found = warm.await.unwrap_or(reported);
            }
        }
        Ok(())
    }

    async fn look_later(&self) -> Presence {
        tokio::time::sleep(LOOK).await;
        look(&self.load).await
    }
}

fn report(reporter: &Reporter, found: Presence, patience_s: f64) {
    reporter.fact(match found {
        Presence::Loading => EventKind::ServerLoading { patience_s },
        Presence::Gone | Presence::Ready => EventKind::ServerGone { patience_s },
    });
}
