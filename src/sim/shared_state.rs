//! What all connections of one simulator share: the engine and its clock, the models, the count of
//! requests. One task, [`drive`], advances the engine and publishes for each request how many of its
//! tokens are due; connections read that number and never see the engine.

use crate::sim::SimConfig;
use crate::sim::engine::{Due, Engine, Full, Job, JobId};
use crate::sim::fault::Fault;
use crate::sim::model_store::ModelStore;
use crate::sim::profile::Profile;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::task::AtomicWaker;
use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The server's clock: instants are durations since its start.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    started_at: DateTime<Utc>,
}

impl Clock {
    /// The present.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// An instant to sleep until.
    pub(super) fn instant(&self, at: Duration) -> Instant {
        let year = Duration::from_hours(365 * 24);
        self.start + at.min(self.now().saturating_add(year))
    }

    /// The time of day of an instant; a far one becomes a hundred years from the start.
    pub(super) fn date(&self, at: Option<Duration>) -> DateTime<Utc> {
        let far = TimeDelta::days(36_525);
        let ahead = at
            .and_then(|at| TimeDelta::from_std(at).ok())
            .unwrap_or(far);
        self.started_at + ahead.min(far)
    }
}

#[derive(Debug)]
pub(super) struct SharedState {
    /// What is simulated.
    pub(super) profile: Profile,
    /// How much faster than the profile.
    pub(super) scale: f64,
    /// Where chance starts.
    pub(super) seed: u64,
    /// The clock.
    pub(super) clock: Clock,
    faults: Vec<Fault>,
    asked: AtomicU64,
    models: Mutex<ModelStore>,
    core: Mutex<Core>,
    changed: Notify,
}

#[derive(Debug)]
struct Core {
    engine: Engine,
    deliveries: HashMap<JobId, Arc<Delivery>>,
    dues: Vec<Due>,
}

/// How many tokens of a request are due, and the task that waits for them.
#[derive(Debug, Default)]
struct Delivery {
    due: AtomicU32,
    reader: AtomicWaker,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SharedState {
    /// An idle server that starts now.
    pub(super) fn new(config: SimConfig) -> Self {
        let scale = config.time_scale;
        Self {
            scale,
            seed: config.seed.unwrap_or(config.profile.seed),
            clock: Clock {
                start: Instant::now(),
                started_at: Utc::now(),
            },
            faults: config.faults,
            asked: AtomicU64::new(0),
            models: Mutex::new(ModelStore::new(
                &config.profile,
                scaled(config.profile.load_s, scale),
            )),
            core: Mutex::new(Core {
                engine: Engine::new(&config.profile, scale),
                deliveries: HashMap::new(),
                dues: Vec::new(),
            }),
            changed: Notify::new(),
            profile: config.profile,
        }
    }

    /// The models.
    pub(super) fn models(&self) -> MutexGuard<'_, ModelStore> {
        lock(&self.models)
    }

    /// Seconds of the profile as they pass here.
    pub(super) fn scaled(&self, seconds: f64) -> Duration {
        scaled(seconds, self.scale)
    }

    /// Sleeps until an instant of the clock.
    pub(super) async fn sleep_until(&self, at: Duration) {
        if at > self.clock.now() {
            sleep_until(self.clock.instant(at)).await;
        }
    }

    /// Counts a request for an answer: its number, from 0, and the fault that strikes it.
    pub(super) fn count(&self) -> (u64, Option<Fault>) {
        let nth = self.asked.fetch_add(1, Ordering::Relaxed);
        (nth, Fault::pick(&self.faults, nth + 1))
    }

    /// Gives a request to the engine. `model` is released when the ticket is dropped.
    pub(super) fn submit(self: &Arc<Self>, model: &str, job: Job) -> Result<Ticket, Full> {
        let mut core = lock(&self.core);
        let now = self.clock.now();
        core.advance(now);
        match core.engine.submit(now, job) {
            Ok(id) => {
                let delivery = Arc::<Delivery>::default();
                core.deliveries.insert(id, Arc::clone(&delivery));
                self.changed.notify_one();
                Ok(Ticket {
                    server: Arc::clone(self),
                    id,
                    delivery,
                    model: model.to_owned(),
                })
            }
            Err(full) => {
                self.models().release(model, now);
                Err(full)
            }
        }
    }
}

fn scaled(seconds: f64, scale: f64) -> Duration {
    Duration::try_from_secs_f64(seconds / scale).unwrap_or(Duration::MAX)
}

impl Core {
    fn advance(&mut self, now: Duration) {
        self.dues.clear();
        self.engine.advance(now, &mut self.dues);
        for due in &self.dues {
            if let Some(delivery) = self.deliveries.get(&due.id) {
                delivery
                    .due
                    .store(due.index.saturating_add(1), Ordering::Release);
                delivery.reader.wake();
            }
            if due.last {
                self.deliveries.remove(&due.id);
            }
        }
    }
}

/// Advances the engine until the token is canceled. The timer's grain is a millisecond,
/// so at high rates many tokens are handed out at one wake, each still a chunk of its own.
pub(super) async fn drive(server: Arc<SharedState>, stop: CancellationToken) {
    let timer = sleep_until(Instant::now());
    tokio::pin!(timer);
    loop {
        let next = {
            let mut core = lock(&server.core);
            core.advance(server.clock.now());
            core.engine.next_due()
        };
        if let Some(at) = next {
            timer.as_mut().reset(server.clock.instant(at));
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = server.changed.notified() => {}
            () = timer.as_mut(), if next.is_some() => {}
        }
    }
}

/// A request in the engine. Dropping it gives up its slot and its use of the model.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) server: Arc<SharedState>,
    id: JobId,
    delivery: Arc<Delivery>,
    model: String,
}

impl Ticket {
    fn poll_due(&self, cx: &mut Context<'_>, n: u32) -> Poll<()> {
        let due = || self.delivery.due.load(Ordering::Acquire) >= n;
        if !due() {
            self.delivery.reader.register(cx.waker());
            // Again, for what came between the look and the registration.
            if !due() {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Waits until `n` tokens are due.
    pub(super) async fn due(&self, n: u32) {
        poll_fn(|cx| self.poll_due(cx, n)).await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let now = self.server.clock.now();
        let mut core = lock(&self.server.core);
        if core.deliveries.contains_key(&self.id) {
            core.advance(now);
            core.engine.cancel(self.id);
            core.deliveries.remove(&self.id);
            self.server.changed.notify_one();
        }
        drop(core);
        self.server.models().release(&self.model, now);
    }
}
