//! The one stream of events, from its makers to its readers.
//!
//! The channel is bounded. Progress that does not fit is dropped and counted; a fact that does not
//! fit stays in memory until the reader comes for it, so a slow reader never slows a worker.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::event::{Event, EventKind, RunClock, Stamp};

/// Events that fit into the channel.
const CAPACITY: usize = 4096;
/// Events that a reader takes at once.
const BATCH: usize = 1024;

/// Where makers put what happened. Cheap to clone; one for each maker.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    /// The clock that stamps this run.
    pub(crate) clock: RunClock,
    tx: mpsc::Sender<Event>,
    backlog: Arc<Mutex<VecDeque<Event>>>,
    dropped: Arc<AtomicU64>,
}

/// A [`Reporter`] that does not keep the stream open.
#[derive(Debug)]
pub(crate) struct WeakReporter {
    clock: RunClock,
    tx: mpsc::WeakSender<Event>,
    backlog: Arc<Mutex<VecDeque<Event>>>,
    dropped: Arc<AtomicU64>,
}

impl WeakReporter {
    /// The reporter, while a maker of events is left.
    pub(crate) fn upgrade(&self) -> Option<Reporter> {
        Some(Reporter {
            clock: self.clock,
            tx: self.tx.upgrade()?,
            backlog: Arc::clone(&self.backlog),
            dropped: Arc::clone(&self.dropped),
        })
    }
}

/// Where the reader takes it from.
#[derive(Debug)]
pub(crate) struct Timeline {
    rx: mpsc::Receiver<Event>,
    backlog: Arc<Mutex<VecDeque<Event>>>,
    dropped: Arc<AtomicU64>,
}

/// A new stream of events.
pub(crate) fn timeline(clock: RunClock) -> (Reporter, Timeline) {
    with_capacity(clock, CAPACITY)
}

fn with_capacity(clock: RunClock, capacity: usize) -> (Reporter, Timeline) {
    let (tx, rx) = mpsc::channel(capacity);
    let backlog = Arc::<Mutex<VecDeque<Event>>>::default();
    let reporter = Reporter {
        clock,
        tx,
        backlog: Arc::clone(&backlog),
        dropped: Arc::default(),
    };
    let dropped = Arc::clone(&reporter.dropped);
    let timeline = Timeline {
        rx,
        backlog,
        dropped,
    };
    (reporter, timeline)
}

impl Reporter {
    /// A reporter that does not keep the stream open.
    pub(crate) fn downgrade(&self) -> WeakReporter {
        WeakReporter {
            clock: self.clock,
            tx: self.tx.downgrade(),
            backlog: Arc::clone(&self.backlog),
            dropped: Arc::clone(&self.dropped),
        }
    }

    /// Reports a fact that happens now.
    pub(crate) fn fact(&self, what: EventKind) {
        self.fact_at(self.clock.now(), what);
    }

    /// Reports a fact that happened at `at`.
    pub(crate) fn fact_at(&self, at: Stamp, what: EventKind) {
        let event = Event { at, what };
        let mut backlog = self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        // Behind a backlog a fact must wait, or it would overtake.
        if !backlog.is_empty() {
            backlog.push_back(event);
            return;
        }
        match self.tx.try_send(event) {
            Err(mpsc::error::TrySendError::Full(event)) => backlog.push_back(event),
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    /// Reports progress, which a full channel drops.
    pub(crate) fn progress(&self, what: EventKind) {
        if self.tx.try_send(what.at(self.clock.now())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Progress events dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Timeline {
    /// The count of dropped progress, for a reader that drops some itself.
    pub(crate) fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.dropped)
    }

    /// Waits for events and appends them, in order, to `events`. False once every maker is gone and
    /// nothing is left.
    pub(crate) async fn next(&mut self, events: &mut Vec<Event>) -> bool {
        let received = self.rx.recv_many(events, BATCH).await;
        let mut taken = 0;
        // Under the lock no fact can come between the look and the taking.
        let mut backlog = self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        if self.rx.is_empty() {
            taken = backlog.len();
            events.extend(backlog.drain(..));
        }
        received + taken > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(users: u32) -> EventKind {
        EventKind::CycleStarted {
            cycle: users,
            users,
        }
    }

    async fn drain(timeline: &mut Timeline) -> Vec<Event> {
        let mut events = Vec::new();
        while timeline.next(&mut events).await {}
        events
    }

    #[tokio::test]
    async fn no_fact_is_lost_and_none_overtakes_when_the_reader_is_slow() {
        let (reporter, mut timeline) = with_capacity(RunClock::start(), 4);
        for number in 0..50 {
            reporter.fact(level(number));
        }
        let mut first = Vec::new();
        assert!(timeline.next(&mut first).await);
        assert_eq!(first.len(), 50);
        for number in 50..60 {
            reporter.fact(level(number));
        }
        drop(reporter);
        first.extend(drain(&mut timeline).await);
        let expected: Vec<EventKind> = (0..60).map(level).collect();
        assert_eq!(
            first
                .into_iter()
                .map(|event| event.what)
                .collect::<Vec<_>>(),
            expected
        );
    }

    #[tokio::test]
    async fn progress_beyond_the_channel_is_dropped_and_counted() {
        let (reporter, mut timeline) = with_capacity(RunClock::start(), 4);
        for cycle in 0..7 {
            reporter.progress(EventKind::Progress {
                cycle,
                requests: Vec::new(),
            });
        }
        assert_eq!(reporter.dropped(), 3);
        drop(reporter);
        assert_eq!(drain(&mut timeline).await.len(), 4);
    }
}
