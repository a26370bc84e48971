//! The monitors of a run: what they see becomes events; the power of the idle machine; users that wait
//! for a slot.
//!
//! They are set up and read on a thread of their own, since looking up an address may take long. The
//! runner talks to it through [`MonitorHandle`] and waits for it twice only: for the power of the idle
//! machine, which the screen counts down, and, briefly, for the last readings of a run.

mod power;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::dialect::Dialect;
use crate::event::Target;
use crate::event::{EventKind, SourceName, SourceNote, SourceState, Stamp, Warning, WarningKind};
use crate::metrics::energy::meter::Meter;
use crate::probe::gpu::simulated::Load;
use crate::probe::sampler::{Sampler, SourceStatus};
use crate::probe::server::waiting_hint;
use crate::probe::setup::Setup;
use crate::probe::source::Observation;

use crate::load::in_flight::AnswerCache;
use crate::load::runner::MachineWatch;
use crate::load::timeline::Reporter;

/// How often the sources are looked after.
const LOOK: Duration = Duration::from_millis(100);
/// How long the idle machine waits for a source that may yet report its power.
const POWER_WAIT: Duration = Duration::from_secs(3);
/// How long the last readings of a run are waited for.
const LAST_READINGS: Duration = Duration::from_millis(500);
/// How long the reading of a run's last second is waited for.
const LAST_SECOND: Duration = Duration::from_millis(1500);
/// Sources that never report power.
const POWERLESS: [&str; 2] = ["server", "processes"];

/// The thread that looks after the sources.
pub(crate) struct Monitors {
    /// What the runner may ask.
    pub(crate) watching: MonitorHandle,
    thread: Option<JoinHandle<()>>,
}

/// What the runner may ask of the monitors. Without monitors it answers at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct MonitorHandle(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    bell: Condvar,
}

/// Whether any source reports power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    Unknown,
    TaskResult,
    Never,
}

/// How far the thread is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Going,
    /// It shall take the last readings.
    Stopping,
    /// It has.
    Drained,
}

#[derive(Debug)]
struct State {
    /// Gone once the run has had its last reading: nothing comes after its end.
    reporter: Option<Reporter>,
    stage: Stage,
    simulated: bool,
    power: Power,
    /// The newest reading of power.
    powered: Stamp,
    meter: Meter,
    users: Option<u32>,
    slots: Option<u32>,
    slots_warned: bool,
    family: Option<String>,
    dialect: &'static dyn Dialect,
    notes: BTreeMap<SourceName, SourceNote>,
    warned: BTreeSet<SourceName>,
}

impl Monitors {
    /// Starts the thread for a run against `target`.
    pub(crate) fn start(
        mut setup: Setup,
        dialect: &'static dyn Dialect,
        target: &Target,
        reporter: Reporter,
        answers: Arc<AnswerCache>,
    ) -> Self {
        let load = Load::default();
        setup.target.clone_from(&target.url);
        setup.dialect = Some(dialect);
        setup.simulated = target.simulated.then(|| load.clone());
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(dialect, target, reporter.clone())),
            bell: Condvar::new(),
        });
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("monitors".to_owned())
            .spawn(move || worker.work(setup, &load, &answers));
        let thread = match thread {
            Ok(thread) => Some(thread),
            Err(error) => {
                let mut state = shared.lock();
                state.warn(WarningKind::Monitor, format!("monitoring is off: {error}"));
                state.finish();
                None
            }
        };
        drop(reporter);
        Self {
            watching: MonitorHandle(Some(shared)),
            thread,
        }
    }

    /// Ends every source, and the commands they run; not before the run has ended.
    pub(crate) async fn end(self) {
        self.watching.stop().await;
        if let Some(thread) = self.thread {
            // A thread that is stuck in the look-up of an address has nothing to end.
            let joined = tokio::task::spawn_blocking(move || thread.join());
            let _ = tokio::time::timeout(Duration::from_secs(3), joined).await;
        }
    }
}

impl State {
    fn new(dialect: &'static dyn Dialect, target: &Target, reporter: Reporter) -> Self {
        Self {
            reporter: Some(reporter),
            stage: Stage::Going,
            simulated: target.simulated,
            power: Power::Unknown,
            powered: Stamp(0),
            meter: Meter::default(),
            users: None,
            slots: target.slots,
            slots_warned: false,
            family: target.model.family.clone(),
            dialect,
            notes: BTreeMap::new(),
            warned: BTreeSet::new(),
        }
    }

    fn fact_at(&self, at: Stamp, what: EventKind) {
        if let Some(reporter) = &self.reporter {
            reporter.fact_at(at, what);
        }
    }

    fn fact(&self, what: EventKind) {
        if let Some(reporter) = &self.reporter {
            reporter.fact(what);
        }
    }

    fn warn(&self, kind: WarningKind, text: String) {
        self.fact(EventKind::Warning(Warning { kind, text }));
    }

    fn finish(&mut self) {
        self.reporter = None;
        self.stage = Stage::Drained;
    }

    fn take(&mut self, at: Stamp, seen: Observation) {
        match &seen {
            Observation::Gpu(sample) => {
                if sample.watts.is_some() || sample.energy_counter_j.is_some() {
                    self.power = Power::TaskResult;
                    self.powered = self.powered.max(at);
                    // Only what came before the first cycle is asked for again.
                    if self.users.is_none() {
                        self.meter.push(at, sample);
                    }
                }
            }
            Observation::Server(sample) => self.slots = sample.slots.or(self.slots),
            Observation::Processes(_) | Observation::Host(_) => {}
        }
        self.fact_at(at, seen.into_kind());
    }

    /// Reports the state of a source where it changed; a fault also in the log, once.
    fn note(&mut self, note: SourceNote) {
        if note.state == SourceState::Starting || self.notes.get(&note.source) == Some(&note) {
            return;
        }
        let worth_a_word = matches!(note.state, SourceState::Failing | SourceState::Unusable);
        if worth_a_word && self.warned.insert(note.source.clone()) {
            let line = match note.source {
                SourceName::ThisMachine => note.why.clone(),
                SourceName::Source(_) => note.line(),
            };
            let text = line.unwrap_or_else(|| note.source.to_string());
            self.warn(WarningKind::Monitor, text);
        }
        self.notes.insert(note.source.clone(), note.clone());
        self.fact(EventKind::Source(note));
    }

    fn update_sources(&mut self, statuses: &[SourceStatus]) {
        let hopeless = |status: &SourceStatus| {
            let over = matches!(status.state, SourceState::Absent | SourceState::Unusable);
            over || POWERLESS.contains(&status.name.as_str())
        };
        if self.power == Power::Unknown && statuses.iter().all(hopeless) {
            self.power = Power::Never;
        }
        for status in statuses {
            self.note(status.note());
        }
        self.warn_of_slots();
    }

    /// More users than slots: the rest wait in line. Warned of once.
    fn warn_of_slots(&mut self) {
        if self.slots_warned {
            return;
        }
        let Some(users) = self.users else { return };
        let hint = waiting_hint(users, self.slots, self.family.as_deref(), self.dialect);
        if let Some(text) = hint {
            self.slots_warned = true;
            self.warn(WarningKind::Slots, text);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, setup: Setup, load: &Load, answers: &AnswerCache) {
        let clock = self.lock().reporter.as_ref().map(|reporter| reporter.clock);
        let Some(clock) = clock else { return };
        let tick = setup.places.tick;
        let made = setup.sources(clock);
        if let Some(why) = made.not_here {
            self.lock().note(SourceNote {
                source: SourceName::ThisMachine,
                state: SourceState::Unusable,
                why: Some(why),
                fix: None,
            });
        }
        let mut watch = Sampler::start(clock, tick, made.sources);
        loop {
            let goes_on = self.wait();
            load.set(answers.in_flight());
            let seen = watch.take();
            let statuses = watch.status();
            let mut state = self.lock();
            for (at, seen) in seen {
                state.take(at, seen);
            }
            state.update_sources(&statuses);
            if !goes_on {
                state.finish();
                break;
            }
        }
        watch.stop();
    }

    /// Waits until the next look; false once it is the last one.
    fn wait(&self) -> bool {
        let state = self.lock();
        let waited = self
            .bell
            .wait_timeout_while(state, LOOK, |state| state.stage == Stage::Going);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.stage == Stage::Going
    }
}

impl MachineWatch for MonitorHandle {
    /// A cycle of so many users begins.
    fn cycle(&self, users: u32) {
        if let Some(shared) = &self.0 {
            let mut state = shared.lock();
            state.users = Some(users);
            state.warn_of_slots();
        }
    }

    /// Whether there is reason to measure the idle machine for `seconds`: it is real, and some source
    /// tells its power, or may yet.
    fn may_report_power(&self, seconds: f64) -> bool {
        let Some(shared) = &self.0 else { return false };
        let state = shared.lock();
        seconds > 0.0 && !state.simulated && state.power != Power::Never
    }

    /// Measures the idle machine for `seconds`, or until that is skipped. That is reported once a source has reported
    /// its power; where none does, nothing is.
    async fn idle(self, seconds: f64, skipped: CancellationToken) {
        let Some(shared) = &self.0 else { return };
        tokio::select! {
            () = skipped.cancelled() => {}
            () = shared.measure(seconds) => {}
        }
    }

    /// Waits for the reading that covers the last second, where power is reported: without it the energy
    /// of a short last cycle would not be covered.
    async fn last_reading(&self) {
        let Some(shared) = &self.0 else { return };
        let Some(clock) = shared
            .lock()
            .reporter
            .as_ref()
            .map(|reporter| reporter.clock)
        else {
            return;
        };
        shared.reading_of(clock.now()).await;
    }

    /// Takes the last readings; after this nothing more is reported.
    async fn stop(&self) {
        let Some(shared) = &self.0 else { return };
        {
            let mut state = shared.lock();
            if state.stage == Stage::Going {
                state.stage = Stage::Stopping;
            }
        }
        shared.bell.notify_all();
        let deadline = Instant::now() + LAST_READINGS;
        while shared.lock().stage != Stage::Drained && Instant::now() < deadline {
            sleep(Duration::from_millis(5)).await;
        }
        shared.lock().finish();
    }
}

#[cfg(test)]
#[path = "monitors_tests.rs"]
mod tests;
