//! What the machine does while nothing runs: the sources of a run, shown on the screen alone.
//!
//! A thread of its own looks after them, as in a run. Nothing of it is recorded; before a run starts it has
//! ended, so that nothing is measured twice at once.

use std::collections::BTreeMap;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{self, error::TrySendError};

use crate::dialect::Discovery;
use crate::event::{Event, EventKind, RunClock, SourceName, SourceNote, SourceState};
use crate::probe::gpu::simulated::Load;
use crate::probe::sampler::Sampler;
use crate::probe::setup::Setup;
use crate::probe::source::Pace;

use crate::session::SessionEvent;

/// How often the sources are looked after.
const LOOK: Duration = Duration::from_millis(250);
/// Readings that wait for a screen that stands still; then it misses some.
const MOST: usize = 1024;
/// How long an end is waited for; a thread that looks up an address may take longer, and has nothing to end.
const PATIENCE: Duration = Duration::from_secs(3);

/// The sources at work. Dropping it ends them without waiting for it.
pub(crate) struct Idle {
    /// The server whose machine it is.
    pub(crate) url: String,
    pace: Pace,
    thread: Option<JoinHandle<()>>,
}

impl Idle {
    /// Starts the thread for the server that was found. Without a thread nothing is seen.
    pub(crate) fn start(
        mut setup: Setup,
        server: &Discovery,
        events: mpsc::Sender<SessionEvent>,
    ) -> Self {
        setup.target.clone_from(&server.url);
        setup.dialect = Some(server.dialect);
        setup.simulated = server.simulated.then(Load::default);
        let pace = Pace::new(LOOK);
        let until = pace.clone();
        let thread = std::thread::Builder::new()
            .name("idle".to_owned())
            .spawn(move || monitor(setup, &until, &events));
        Self {
            url: server.url.clone(),
            pace,
            thread: thread.ok(),
        }
    }

    /// Ends every source, and the commands they run.
    pub(crate) async fn end(mut self) {
        self.pace.stop();
        if let Some(thread) = self.thread.take() {
            let joined = tokio::task::spawn_blocking(move || thread.join());
            let _ = tokio::time::timeout(PATIENCE, joined).await;
        }
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.pace.stop();
    }
}

fn monitor(setup: Setup, until: &Pace, events: &mpsc::Sender<SessionEvent>) {
    let clock = RunClock::start();
    let tick = setup.places.tick;
    let url = setup.target.clone();
    let made = setup.sources(clock);
    let mut outbox = Outbox {
        url,
        clock,
        notes: BTreeMap::new(),
        waiting: Vec::new(),
    };
    if let Some(why) = made.not_here {
        outbox.note(SourceNote {
            source: SourceName::ThisMachine,
            state: SourceState::Unusable,
            why: Some(why),
            fix: None,
        });
    }
    let mut watch = Sampler::start(clock, tick, made.sources);
    while until.wait(LOOK) && !events.is_closed() {
        let seen = watch.take().into_iter();
        outbox
            .waiting
            .extend(seen.map(|(at, seen)| seen.into_kind().at(at)));
        for status in watch.status() {
            outbox.note(status.note());
        }
        outbox.send(events);
    }
    watch.stop();
}

/// What waits to be sent to the screen.
struct Outbox {
    url: String,
    clock: RunClock,
    notes: BTreeMap<SourceName, SourceNote>,
    waiting: Vec<Event>,
}

impl Outbox {
    /// The state of a source, where it changed.
    fn note(&mut self, note: SourceNote) {
        if note.state == SourceState::Starting || self.notes.get(&note.source) == Some(&note) {
            return;
        }
        self.notes.insert(note.source.clone(), note.clone());
        self.waiting
            .push(EventKind::Source(note).at(self.clock.now()));
    }

    fn send(&mut self, events: &mpsc::Sender<SessionEvent>) {
        if self.waiting.is_empty() {
            return;
        }
        let machine = SessionEvent::Machine {
            url: self.url.clone(),
            events: std::mem::take(&mut self.waiting),
        };
        if let Err(TrySendError::Full(SessionEvent::Machine { events, .. })) =
            events.try_send(machine)
            && events.len() < MOST
        {
            self.waiting = events;
        }
    }
}
