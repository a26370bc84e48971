//! The reader of the timeline that hands it on: first to the screen, then to the recorder.
//!
//! It has a thread of its own, so neither a slow disk nor a frozen screen can delay a stamp.

use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{MissedTickBehavior, interval};

use crate::event::{Event, RunClock, Warning, What};
use crate::store::{Recorder, Recording};

use super::News;
use super::timeline::Timeline;

/// How often what waits is flushed and offered again.
const TICK: Duration = Duration::from_millis(100);

/// Starts the thread. It ends when every maker of events is gone and everything is written; it then
/// gives the run directory, if there is one.
pub(super) fn spawn(
    timeline: Timeline,
    recorder: Option<Recorder>,
    news: mpsc::Sender<News>,
    clock: RunClock,
) -> std::io::Result<JoinHandle<Option<PathBuf>>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    std::thread::Builder::new()
        .name("timeline".to_owned())
        .spawn(move || {
            crate::platform::yield_to_the_load();
            let hub = Hub {
                recorder,
                waiting: Vec::new(),
                news,
                clock,
            };
            runtime.block_on(hub.run(timeline))
        })
}

struct Hub {
    recorder: Option<Recorder>,
    /// Events that the screen has not taken yet.
    waiting: Vec<Event>,
    news: mpsc::Sender<News>,
    clock: RunClock,
}

impl Hub {
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
            self.tell(warning);
        }
        batch.clear();
    }

    fn tick(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            let warning = recorder.tick(self.clock.now());
            self.tell(warning);
        }
        self.offer();
    }

    /// The recorder's trouble reaches the screen even when it cannot reach the disk.
    fn tell(&mut self, warning: Option<Warning>) {
        if let Some(warning) = warning {
            self.waiting.push(Event {
                at: self.clock.now(),
                what: What::Warning(warning),
            });
        }
    }

    /// Gives the screen what waits for it, if it has room.
    fn offer(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let news = News::Events(std::mem::take(&mut self.waiting));
        // If nobody reads any more, nothing is missed.
        if let Err(TrySendError::Full(News::Events(events))) = self.news.try_send(news) {
            self.waiting = events;
        }
    }

    async fn finish(mut self) -> Option<PathBuf> {
        let recording = self.recorder.take().map(Recorder::finish);
        let (directory, warning) = match recording {
            Some(Recording { directory, warning }) => (Some(directory), warning),
            None => (None, None),
        };
        self.tell(warning);
        if !self.waiting.is_empty() {
            // Nobody reads any more: then nothing is missed.
            let _gone = self.news.send(News::Events(self.waiting)).await;
        }
        directory
    }
}
