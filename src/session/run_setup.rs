//! How a run begins: fresh, or where it was broken off.

use std::path::Path;

use crate::dialect::address;
use crate::event::Target;
use crate::event::{
    Event, EventKind, Remarks, RunClock, RunInfo, Simulation, Warning, WarningKind,
};
use crate::plan::{MOST_FAR_AWAY, Plan};
use crate::store::{Recorder, Resume, RunDirectory, directory_name};

/// A run before its load begins.
pub(crate) struct RunSetup {
    /// The plan of what is to come.
    pub(crate) plan: Plan,
    pub(crate) target: Target,
    pub(crate) clock: RunClock,
    pub(crate) recorder: Option<Recorder>,
    /// Its timeline so far; empty for a fresh run.
    pub(crate) history: Vec<Event>,
    /// What is reported first.
    pub(crate) first: EventKind,
    /// What is reported next.
    pub(crate) warnings: Vec<Warning>,
    /// The number of its next cycle.
    pub(crate) cycle: u32,
    /// The number of its next request.
    pub(crate) request: u64,
}

impl RunSetup {
    /// A new run, written below `runs`.
    pub(crate) fn fresh(
        plan: Plan,
        target: Target,
        runs: Option<&Path>,
        simulation: Option<Simulation>,
    ) -> Self {
        let is_far = !address::is_near(&target.url);
        let plan = if is_far { plan.far_away() } else { plan };
        let clock = RunClock::start();
        let mut info = run_info(plan.clone(), target.clone());
        info.simulation = simulation;
        let mut warnings = Vec::new();
        if is_far && plan.settle.is_some() {
            let text = format!(
                "The server is on another network: at most {MOST_FAR_AWAY} users are tried (--users allows more, --budget-tokens limits the tokens)."
            );
            warnings.push(Warning::new(WarningKind::Other, text));
        }
        let recorder = runs.and_then(|root| match record(root, &mut info) {
            Ok(recorder) => Some(recorder),
            Err(why) => {
                let text = format!("this run is not recorded: {why}");
                warnings.push(Warning::new(WarningKind::Recorder, text));
                None
            }
        });
        if target.simulated {
            let text = "all numbers of this run come from a simulated server";
            warnings.push(Warning::new(WarningKind::Simulated, text));
        }
        Self {
            plan,
            target,
            clock,
            recorder,
            history: Vec::new(),
            first: EventKind::RunStarted(Box::new(info)),
            warnings,
            cycle: 0,
            request: 1,
        }
    }

    /// The run in `directory`, where it was broken off, against the `target` that is there now.
    pub(crate) fn resumed(directory: &Path, target: Target) -> Result<Self, String> {
        let run = Resume::open(directory).map_err(|error| error.to_string())?;
        let recorder = Recorder::resume(&run).map_err(|error| error.to_string())?;
        let continued = run.continued(chrono::Utc::now());
        let mut plan = run.info.plan.clone();
        plan.levels.clone_from(&run.levels);
        if run.state.machine.baseline.is_some() {
            // It was measured, and is in the log.
            plan.energy.idle_s = 0.0;
        }
        let mut warnings: Vec<Warning> = run
            .missing
            .iter()
            .map(|missing| Warning::new(WarningKind::Other, missing.clone()))
            .collect();
        warnings.extend(changes(&run.info.target, &target));
        Ok(Self {
            plan,
            target,
            clock: RunClock::resumed(continued.at),
            recorder: Some(recorder),
            first: continued.what,
            warnings,
            cycle: run.next_cycle(),
            request: run.next_request(),
            history: run.events,
        })
    }

    /// The most users of a cycle to come.
    pub(crate) fn most_users(&self) -> u32 {
        self.plan.levels.iter().copied().max().unwrap_or(0)
    }
}

/// What is different at the server since the run began: its numbers may then be of two kinds.
fn changes(then: &Target, now: &Target) -> Option<Warning> {
    let shown = |value: Option<String>| value.unwrap_or_else(|| "not known".to_owned());
    let size = |target: &Target| {
        target
            .model
            .size_bytes
            .map(|bytes| format!("{bytes} bytes"))
    };
    let pairs = [
        ("server", then.server.clone(), now.server.clone()),
        (
            "slots",
            then.slots.map(|n| n.to_string()),
            now.slots.map(|n| n.to_string()),
        ),
        (
            "quantization",
            then.model.quantization.clone(),
            now.model.quantization.clone(),
        ),
        ("size of the model", size(then), size(now)),
    ];
    let differ: Vec<String> = pairs
        .into_iter()
        .filter(|(_, then, now)| then != now)
        .map(|(what, then, now)| format!("{what}: {} then, {} now", shown(then), shown(now)))
        .collect();
    (!differ.is_empty()).then(|| {
        let text = format!(
            "the server has changed since the run began ({}): levels before and after the gap may not be comparable",
            differ.join("; ")
        );
        Warning::new(WarningKind::Other, text)
    })
}

/// Makes the run directory, whose name is the run's.
fn record(root: &Path, info: &mut RunInfo) -> Result<Recorder, String> {
    let directory = RunDirectory::create(root, info).map_err(|error| error.to_string())?;
    info.clone_from(directory.info());
    Recorder::open(&directory).map_err(|error| error.to_string())
}

fn run_info(plan: Plan, target: Target) -> RunInfo {
    let mut info = RunInfo {
        id: String::new(),
        tokometer: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: chrono::Utc::now(),
        simulated: target.simulated,
        plan,
        target,
        machine: crate::platform::machine(),
        imported: None,
        remarks: Remarks::default(),
        simulation: None,
    };
    info.id = directory_name(&info);
    info
}
