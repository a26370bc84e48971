//! A session, and what it told so far.

use std::path::{Path, PathBuf};
use std::time::Duration;
use tokometer::dialect::Access;

use tokometer::dialect::{Dialect, Discovery, Ollama};
use tokometer::event::{Event, EventKind, Model, RequestRecord, RunEnd, WarningKind};
use tokometer::load::Command;
use tokometer::metrics::state::{RunState, Stage};
use tokometer::plan::{CycleShape, Plan, Timeouts};
use tokometer::session::serve;
use tokometer::session::serve::{Session, SessionOptions};
use tokometer::session::{AnswerText, SessionCommand, SessionEvent};
use tokometer::sim::{Profile, SimConfig};

/// The longest that any wait may take; only a test that fails takes it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Bench {
    pub(crate) session: Session,
    pub(crate) found: Option<Discovery>,
    pub(crate) events: Vec<Event>,
    pub(crate) answers: Vec<AnswerText>,
    pub(crate) finished: Option<(Option<PathBuf>, Option<String>)>,
}

/// A plan of these levels, without warm-up, rest or mercy.
pub(crate) fn plan(levels: &[u32]) -> Plan {
    Plan {
        levels: levels.to_vec(),
        prompts: vec!["why?".to_owned()],
        rest_s: 0.0,
        warmup: 0,
        timeouts: Timeouts {
            first_s: None,
            next_s: None,
            total_s: None,
        },
        stop_when_hopeless: false,
        ..Plan::default()
    }
}

/// The same, each user asking so many times.
pub(crate) fn waves(count: u32, levels: &[u32]) -> Plan {
    Plan {
        shape: CycleShape::Waves(count),
        ..plan(levels)
    }
}

/// The same, with so many requests before the first cycle.
pub(crate) fn warmed(warmup: u32, levels: &[u32]) -> Plan {
    Plan {
        warmup,
        ..plan(levels)
    }
}

/// The profile `fast`, fifty times as fast.
pub(crate) fn fast(faults: &[&str]) -> SimConfig {
    SimConfig {
        profile: Profile::named("fast").unwrap(),
        time_scale: 50.0,
        faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
        seed: None,
    }
}

impl Bench {
    /// A session that has asked for nothing yet.
    pub(crate) fn new(
        url: &str,
        dialect: &'static dyn Dialect,
        runs: Option<&Path>,
        simulator: SimConfig,
    ) -> Self {
        let session = serve::start(SessionOptions {
            access: Access::default(),
            url: Some(url.to_owned()),
            dialect: Some(dialect),
            simulator,
            runs: runs.map(Path::to_owned),
            reports: None,
        });
        Self {
            session: session.unwrap(),
            found: None,
            events: Vec::new(),
            answers: Vec::new(),
            finished: None,
        }
    }

    /// A session that has found the Ollama server at `url`.
    pub(crate) async fn at(url: &str) -> Self {
        Self::speaking(&Ollama, url).await
    }

    pub(crate) async fn speaking(dialect: &'static dyn Dialect, url: &str) -> Self {
        let bench = Self::new(url, dialect, None, fast(&[]));
        bench.found_by(SessionCommand::Search).await
    }

    /// A session that has found its own simulated server.
    pub(crate) async fn simulated(simulator: SimConfig, runs: Option<&Path>) -> Self {
        let bench = Self::new("http://127.0.0.1:9", &Ollama, runs, simulator);
        bench.found_by(SessionCommand::Simulate).await
    }

    async fn found_by(mut self, ask: SessionCommand) -> Self {
        self.ask(ask).await;
        while self.found.is_none() {
            self.hear().await;
        }
        self
    }

    pub(crate) async fn ask(&self, ask: SessionCommand) {
        self.session.commands.send(ask).await.unwrap();
    }

    pub(crate) async fn command(&self, command: Command) {
        self.ask(SessionCommand::Run(command)).await;
    }

    /// Pauses the run, and waits until it is.
    pub(crate) async fn pause(&mut self) {
        self.command(Command::TogglePause).await;
        self.until(1, |what| *what == EventKind::Paused).await;
    }

    /// Waits until the levels to come have changed so many times.
    pub(crate) async fn levels_changed(&mut self, times: usize) {
        self.until(times, |what| {
            matches!(what, EventKind::LevelsChanged { .. })
        })
        .await;
    }

    pub(crate) async fn start(&self, plan: Plan) {
        let model = self
            .found
            .as_ref()
            .and_then(|found| found.models.first().cloned());
        self.start_with(plan, model.unwrap()).await;
    }

    pub(crate) async fn start_with(&self, plan: Plan, model: Model) {
        let (plan, model) = (Box::new(plan), Box::new(model));
        self.ask(SessionCommand::Start { plan, model }).await;
    }

    /// Waits for the next event and takes it in.
    pub(crate) async fn hear(&mut self) {
        let event = tokio::time::timeout(PATIENCE, self.session.events.recv()).await;
        let Ok(event) = event else {
            panic!("nothing came any more after {:#?}", self.tail());
        };
        match event.expect("the session goes on") {
            SessionEvent::Found(found) => self.found = Some(found),
            SessionEvent::NotFound { tried } => panic!("{tried:?}"),
            SessionEvent::Events(events) => self.events.extend(events),
            SessionEvent::Answer(text) => self.answers.push(text),
            SessionEvent::Finished {
                directory, error, ..
            } => self.finished = Some((directory, error)),
            SessionEvent::Resumed(events) => self.events = events,
            SessionEvent::Kept(_)
            | SessionEvent::Servers(_)
            | SessionEvent::Searching { .. }
            | SessionEvent::Pulling { .. }
            | SessionEvent::Pulled(_)
            | SessionEvent::Machine { .. } => {}
        }
    }

    fn tail(&self) -> Vec<&EventKind> {
        let start = self.events.len().saturating_sub(6);
        self.events[start..].iter().map(|e| &e.what).collect()
    }

    /// Waits until the events so far hold `times` that fit.
    pub(crate) async fn until(&mut self, times: usize, fits: impl Fn(&EventKind) -> bool) {
        let until = tokio::time::Instant::now() + PATIENCE;
        while self.count(&fits) < times {
            assert!(
                self.finished.is_none(),
                "the run was over: {:#?}",
                self.tail()
            );
            assert!(
                tokio::time::Instant::now() < until,
                "it never came: {:#?}",
                self.tail()
            );
            self.hear().await;
        }
    }

    /// Waits until `times` more progress reports have come: whatever was to start has started.
    pub(crate) async fn some_progress(&mut self, times: usize) {
        let is_progress = |what: &EventKind| matches!(what, EventKind::Progress { .. });
        let so_far = self.count(is_progress);
        self.until(so_far + times, is_progress).await;
    }

    /// Waits for the end; the reason that the last event gives.
    pub(crate) async fn end(&mut self) -> RunEnd {
        let until = tokio::time::Instant::now() + PATIENCE;
        while self.finished.is_none() {
            assert!(
                tokio::time::Instant::now() < until,
                "no end: {:#?}",
                self.tail()
            );
            self.hear().await;
        }
        match self.state().stage {
            Stage::Ended(why) => why,
            stage => panic!("the run is over, but its stage is {stage:?}"),
        }
    }

    /// Runs `plan` to its end, which must be good.
    pub(crate) async fn run(&mut self, plan: Plan) -> Vec<RequestRecord> {
        self.start(plan).await;
        assert_eq!(self.end().await, RunEnd::Done);
        self.records()
    }

    pub(crate) fn count(&self, fits: impl Fn(&EventKind) -> bool) -> usize {
        self.events.iter().filter(|e| fits(&e.what)).count()
    }

    pub(crate) fn started(&self) -> usize {
        self.count(is_start)
    }

    pub(crate) fn state(&self) -> RunState {
        RunState::from_events(&self.events)
    }

    /// The ended requests, in the order of their ends.
    pub(crate) fn records(&self) -> Vec<RequestRecord> {
        let ended = self.events.iter().filter_map(|event| match &event.what {
            EventKind::RequestEnded(record) => Some((**record).clone()),
            _ => None,
        });
        ended.collect()
    }

    pub(crate) fn warnings(&self, kind: WarningKind) -> Vec<String> {
        let state = self.state();
        let some = state.warnings.iter().filter(|(_, w)| w.kind == kind);
        some.map(|(_, warning)| warning.text.clone()).collect()
    }
}

pub(crate) fn is_start(what: &EventKind) -> bool {
    matches!(what, EventKind::RequestStarted { .. })
}

pub(crate) fn is_end(what: &EventKind) -> bool {
    matches!(what, EventKind::RequestEnded(_))
}

/// The kind of the failure, or `done`, or `cancelled`.
pub(crate) fn outcome(record: &RequestRecord) -> String {
    match record.failure() {
        Some((kind, _)) => kind.to_string(),
        None if record.is_done() => "done".to_owned(),
        None => "cancelled".to_owned(),
    }
}
