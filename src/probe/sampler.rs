//! The threads of the monitors: one a source, so that none can delay another, a frame or a stamp.
//!
//! What they see waits in a bounded queue until the timeline takes it. The state of each source is reported
//! by its [`SourceStatus`], computed by whoever asks: a source that hangs ages without further reports.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use crate::event::SourceState;
use crate::event::{RunClock, SourceName, SourceNote, Stamp};
use crate::probe::source::{Fault, FaultKind, Observation, Pace, Source};

/// The most observations that wait for the timeline: about an hour of ten sources.
const QUEUE_LIMIT: usize = 36_000;
/// A source is late when its newest reading is older than this many ticks.
const LATE_TICKS: f64 = 2.5;
/// How long stopping waits for the threads. One that is still blocked then is left to end on its own.
const STOP_WAIT: Duration = Duration::from_millis(1500);
/// The longest pause between two tries of a source that fails.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// Sources at work. Dropping it stops them.
#[derive(Debug)]
pub struct Sampler {
    clock: RunClock,
    pace: Pace,
    shared: Vec<Arc<Health>>,
    queue: Arc<Mutex<Queue>>,
    threads: Vec<JoinHandle<()>>,
}

type Queue = VecDeque<(Stamp, Observation)>;

/// What the thread of a source and its readers share.
#[derive(Debug)]
struct Health {
    name: String,
    state: Mutex<Progress>,
}

#[derive(Debug, Default, Clone)]
struct Progress {
    started: Stamp,
    latest: Option<Stamp>,
    fault: Option<Fault>,
}

/// The state of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceStatus {
    /// The source.
    pub name: String,
    /// What it is up to.
    pub state: SourceState,
    /// Age of its newest reading, seconds; None before the first.
    pub age_s: Option<f64>,
    /// What is wrong, if something is.
    pub fault: Option<Fault>,
}

impl SourceStatus {
    /// For the timeline.
    pub fn note(&self) -> SourceNote {
        let silent = self.state == SourceState::Late;
        let why = self.fault.as_ref().map(|fault| fault.why.clone());
        SourceNote {
            source: SourceName::Source(self.name.clone()),
            state: self.state,
            why: why.or_else(|| silent.then(|| "it does not answer".to_owned())),
            fix: self.fault.as_ref().and_then(|fault| fault.fix.clone()),
        }
    }
}

impl Sampler {
    /// Starts one thread for each source. `tick` is the time between two readings: a second, but in tests.
    pub fn start(clock: RunClock, tick: Duration, sources: Vec<Box<dyn Source>>) -> Self {
        let pace = Pace::new(tick);
        let queue: Arc<Mutex<Queue>> = Arc::default();
        let (mut shared, mut threads) = (Vec::new(), Vec::new());
        for source in sources {
            let health = Arc::new(Health {
                name: source.name(),
                state: Mutex::new(Progress {
                    started: clock.now(),
                    ..Progress::default()
                }),
            });
            shared.push(Arc::clone(&health));
            let work = Worker {
                clock,
                pace: pace.clone(),
                health: Arc::clone(&health),
                queue: Arc::clone(&queue),
            };
            let spawned = std::thread::Builder::new()
                .name(format!("monitor-{}", health.name))
                .spawn(move || work.run(source));
            match spawned {
                Ok(thread) => threads.push(thread),
                Err(error) => health.fail(Fault::new(FaultKind::Died, error.to_string())),
            }
        }
        Self {
            clock,
            pace,
            shared,
            queue,
            threads,
        }
    }

    /// What was seen since the last call, oldest first.
    pub fn take(&self) -> Vec<(Stamp, Observation)> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.drain(..).collect()
    }

    /// The state of each source now.
    pub fn status(&self) -> Vec<SourceStatus> {
        let now = self.clock.now();
        let late_s = self.pace.tick.as_secs_f64() * LATE_TICKS;
        self.shared
            .iter()
            .map(|health| health.status(now, late_s))
            .collect()
    }

    /// Stops every source and waits for their threads, but not for those that are stuck.
    pub fn stop(&mut self) {
        self.pace.stop();
        let deadline = Instant::now() + STOP_WAIT;
        while Instant::now() < deadline && self.threads.iter().any(|t| !t.is_finished()) {
            std::thread::sleep(Duration::from_millis(2));
        }
        for thread in self.threads.drain(..).filter(JoinHandle::is_finished) {
            // A source that panicked has said so in the log; the others matter more.
            let _ = thread.join();
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Health {
    fn fail(&self, fault: Fault) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.fault = Some(fault);
    }

    fn succeed(&self, at: Stamp) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.latest = Some(at);
        state.fault = None;
    }

    fn status(&self, now: Stamp, late_s: f64) -> SourceStatus {
        let progress = self
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let age_s = progress.latest.map(|latest| now.since(latest));
        let waited = now.since(progress.latest.unwrap_or(progress.started));
        let state = match &progress.fault {
            Some(fault) if fault.kind == FaultKind::Absent => SourceState::Absent,
            Some(fault) if fault.kind.is_final() => SourceState::Unusable,
            Some(_) => SourceState::Failing,
            None if waited > late_s => SourceState::Late,
            None if age_s.is_none() => SourceState::Starting,
            None => SourceState::Live,
        };
        SourceStatus {
            name: self.name.clone(),
            state,
            age_s,
            fault: progress.fault,
        }
    }
}

/// The thread of one source.
struct Worker {
    clock: RunClock,
    pace: Pace,
    health: Arc<Health>,
    queue: Arc<Mutex<Queue>>,
}

impl Worker {
    fn run(&self, mut source: Box<dyn Source>) {
        let mut backoff = self.pace.tick;
        let mut next = Instant::now();
        while !self.pace.is_stopped() {
            match source.read(&self.pace) {
                Ok(seen) => {
                    backoff = self.pace.tick;
                    self.deliver(seen);
                    if source.streams() {
                        continue;
                    }
                    next = (next + self.pace.tick).max(Instant::now());
                    if !self
                        .pace
                        .wait(next.saturating_duration_since(Instant::now()))
                    {
                        return;
                    }
                }
                Err(fault) => {
                    let over = fault.kind.is_final();
                    self.health.fail(fault);
                    if over || !self.pace.wait(backoff) {
                        return;
                    }
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                    next = Instant::now();
                }
            }
        }
    }

    fn deliver(&self, seen: Vec<Observation>) {
        let at = self.clock.now();
        self.health.succeed(at);
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        for observation in seen {
            if queue.len() >= QUEUE_LIMIT {
                queue.pop_front();
            }
            queue.push_back((at, observation.without_invalid()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::GpuSample;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A source that answers as often as it is let, and otherwise hangs for good.
    struct Let(Receiver<Result<(), Fault>>);

    impl Source for Let {
        fn name(&self) -> String {
            "let".to_owned()
        }
        fn read(&mut self, _: &Pace) -> Result<Vec<Observation>, Fault> {
            match self.0.recv() {
                Ok(Ok(())) => Ok(vec![Observation::Gpu(GpuSample::default())]),
                Ok(Err(fault)) => Err(fault),
                Err(_) => Err(Fault::absent("over")),
            }
        }
    }

    fn watch(tick: Duration) -> (Sender<Result<(), Fault>>, Sampler) {
        let (sender, receiver) = channel();
        let source: Box<dyn Source> = Box::new(Let(receiver));
        (
            sender,
            Sampler::start(RunClock::start(), tick, vec![source]),
        )
    }

    fn until(mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !condition() {
            assert!(Instant::now() < deadline, "waited in vain");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    #[test]
    fn a_source_that_hangs_grows_old_by_itself() {
        let (sender, watch) = watch(Duration::from_millis(20));
        until(|| watch.status()[0].state == SourceState::Late);
        let note = watch.status()[0].note();
        assert_eq!(note.why.as_deref(), Some("it does not answer"));
        sender.send(Ok(())).unwrap();
        until(|| !watch.take().is_empty());
        until(|| watch.status()[0].state == SourceState::Late);
        assert!(watch.status()[0].age_s.unwrap() < 30.0);
        drop(sender);
        until(|| watch.status()[0].state == SourceState::Absent);
    }

    #[test]
    fn a_hanging_source_does_not_hold_up_the_stop() {
        let (sender, mut watch) = watch(Duration::from_millis(20));
        let begin = Instant::now();
        watch.stop();
        assert!(begin.elapsed() < STOP_WAIT * 4);
        drop(sender);
    }

    #[test]
    fn a_fault_is_reported_with_what_fixes_it_until_the_next_reading() {
        let (sender, watch) = watch(Duration::from_millis(1));
        let fault = Fault::new(FaultKind::Died, "it fell over").fix("lift it");
        sender.send(Err(fault)).unwrap();
        until(|| watch.status()[0].state == SourceState::Failing);
        let note = watch.status()[0].note();
        let shown = (note.why.as_deref(), note.fix.as_deref());
        assert_eq!(shown, (Some("it fell over"), Some("lift it")));
        sender.send(Ok(())).unwrap();
        until(|| watch.status()[0].fault.is_none());
    }
}
