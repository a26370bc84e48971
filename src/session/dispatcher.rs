//! The reader of the timeline that hands it on: first to the screen, then to the recorder.
//!
//! It has a thread of its own, so neither a slow disk nor a frozen screen can delay a stamp.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{MissedTickBehavior, interval};

use crate::event::{Event, EventKind, RunClock, Warning};
use crate::store::recordings::{KeptAnswer, Recordings};
use crate::store::{Recorder, Recording};

use crate::load::timeline::Timeline;
use crate::session::SessionEvent;

/// How often what waits is flushed and offered again.
const TICK: Duration = Duration::from_millis(100);

/// Starts the thread. It ends when every maker of events is gone and everything is written; it then
/// gives the run directory, if there is one.
pub(crate) fn spawn(
    timeline: Timeline,
    recorder: Option<Recorder>,
    session_events: mpsc::Sender<SessionEvent>,
    clock: RunClock,
) -> std::io::Result<JoinHandle<Option<PathBuf>>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    std::thread::Builder::new()
        .name("timeline".to_owned())
        .spawn(move || {
            crate::platform::yield_to_the_load();
            let dispatcher = Dispatcher {
                unrecorded: recorder.is_none().then(Recordings::in_memory),
                recorder,
                waiting: Vec::new(),
                kept: Vec::new(),
                session_events,
                clock,
                dropped: timeline.dropped(),
            };
            runtime.block_on(dispatcher.run(timeline))
        })
}

struct Dispatcher {
    recorder: Option<Recorder>,
    /// The answers of a run that is not recorded.
    unrecorded: Option<Recordings>,
    /// Events that the screen has not taken yet.
    waiting: Vec<Event>,
    /// Answers that were kept, likewise.
    kept: Vec<Arc<KeptAnswer>>,
    session_events: mpsc::Sender<SessionEvent>,
    clock: RunClock,
    /// Progress that a full channel dropped.
    dropped: Arc<AtomicU64>,
}

impl Dispatcher {
    async fn run(mut self, mut timeline: Timeline) -> Option<PathBuf> {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut batch = Vec::new();
        loop {
            let more = tokio::select! {
                biased;
                more = timeline.next(&mut batch) => Some(more),
                _ = tick.tick() => None,
            };
            match more {
                Some(true) => self.take(&mut batch),
                Some(false) => break,
                None => self.tick(),
            }
        }
        self.finish().await
    }

    fn take(&mut self, batch: &mut Vec<Event>) {
        self.waiting.extend(batch.iter().cloned());
        self.offer();
        if let Some(recorder) = &mut self.recorder {
            let warning = recorder.record(batch, self.clock.now());
            self.kept.extend(recorder.take_kept());
            self.push(warning);
        }
        if let Some(unrecorded) = &mut self.unrecorded {
            // In memory nothing fails.
            let kept = batch.iter().flat_map(|event| unrecorded.apply(event));
            self.kept.extend(kept.flatten());
        }
        batch.clear();
        self.offer_kept();
    }

    fn tick(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            let warning = recorder.tick(self.clock.now());
            self.push(warning);
        }
        self.offer();
        self.offer_kept();
    }

    /// The recorder's trouble reaches the screen even when it cannot reach the disk.
    fn push(&mut self, warning: Option<Warning>) {
        if let Some(warning) = warning {
            let now = self.clock.now();
            self.waiting.push(EventKind::Warning(warning).at(now));
        }
    }

    /// Gives the screen what waits for it, if it has room.
    fn offer(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let session_events = SessionEvent::Events(std::mem::take(&mut self.waiting));
        // If nobody reads any more, nothing is missed.
        if let Err(TrySendError::Full(SessionEvent::Events(events))) =
            self.session_events.try_send(session_events)
        {
            self.keep_facts(events);
        }
    }

    /// Gives the screen the answers that were kept, if it has room.
    fn offer_kept(&mut self) {
        if self.kept.is_empty() {
            return;
        }
        let kept = SessionEvent::Kept(std::mem::take(&mut self.kept));
        if let Err(TrySendError::Full(SessionEvent::Kept(kept))) =
            self.session_events.try_send(kept)
        {
            self.kept = kept;
        }
    }

    /// Keeps what the screen must not miss until it has room; progress would only pile up.
    fn keep_facts(&mut self, mut events: Vec<Event>) {
        let all = events.len();
        events.retain(|event| !matches!(event.what, EventKind::Progress { .. }));
        let dropped = all.saturating_sub(events.len());
        self.dropped.fetch_add(dropped as u64, Ordering::Relaxed);
        self.waiting = events;
    }

    async fn finish(mut self) -> Option<PathBuf> {
        let recording = self.recorder.take().map(Recorder::finish);
        let (directory, warning) = match recording {
            Some(Recording { directory, warning }) => (Some(directory), warning),
            None => (None, None),
        };
        self.push(warning);
        if !self.kept.is_empty() {
            let _ = self
                .session_events
                .send(SessionEvent::Kept(self.kept))
                .await;
        }
        if !self.waiting.is_empty() {
            // Nobody reads any more: then nothing is missed.
            let _ = self
                .session_events
                .send(SessionEvent::Events(self.waiting))
                .await;
        }
        directory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::timeline::timeline;

    #[tokio::test]
    async fn a_screen_that_stands_still_misses_progress_and_no_fact() {
        let (session_events, mut receiver) = mpsc::channel(1);
        let clock = RunClock::start();
        let (reporter, timeline) = timeline(clock);
        let mut dispatcher = Dispatcher {
            recorder: None,
            unrecorded: None,
            waiting: Vec::new(),
            kept: Vec::new(),
            session_events,
            clock,
            dropped: timeline.dropped(),
        };
        let event = |what: EventKind| what.at(clock.now());
        let progress = || EventKind::Progress {
            cycle: 0,
            requests: Vec::new(),
        };
        // The first batch finds room; the others wait.
        for _ in 0..4 {
            dispatcher.take(&mut vec![
                event(progress()),
                event(EventKind::Paused),
                event(progress()),
            ]);
        }
        assert_eq!(reporter.dropped(), 6);
        assert_eq!(dispatcher.waiting.len(), 3);
        let mut facts = 0;
        let mut count = |session_events: SessionEvent| match session_events {
            SessionEvent::Events(events) => {
                facts += events
                    .iter()
                    .filter(|e| e.what == EventKind::Paused)
                    .count();
            }
            other => panic!("{other:?}"),
        };
        count(receiver.recv().await.unwrap());
        dispatcher.offer();
        count(receiver.recv().await.unwrap());
        assert_eq!(facts, 4);
        assert!(dispatcher.waiting.is_empty());
    }
}
