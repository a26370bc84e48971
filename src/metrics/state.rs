//! The state of a run: a fold over its events.

use crate::event::{
    ClientCost, Event, EventKind, RequestRecord, RunEnd, RunInfo, Stamp, Warning, WarningKind,
};
use crate::metrics::energy::meter::Metered;
use crate::metrics::level::cycle::ClientTime;
pub use crate::metrics::level::cycle::{CycleState, Live, WaitSoFar};
use crate::metrics::machine::{CycleMachine, MachineState, comparable};
use crate::metrics::measured_time::MeasuredTime;
use crate::text::numbers::{floor_u64, seconds};

/// Energy of a cycle is settled this long after its end, seconds: a reading covers the time before it.
const SETTLED_S: f64 = 5.0;
/// Energy is added up at most this often, microseconds.
const METER_US: u64 = 500_000;
/// A cycle that runs is metered again once it is longer by this part.
const METERED_TIMES: u64 = 300;

/// Everything known of a run so far. `RunState::default()`, then [`RunState::apply`] for each event.
#[derive(Debug, Clone, Default)]
pub struct RunState {
    /// What was asked; None before the first event.
    pub info: Option<RunInfo>,
    /// The stamp of the latest event.
    pub now: Stamp,
    /// What the run is doing.
    pub stage: Stage,
    /// The user paused it.
    pub paused: bool,
    /// Users of each cycle still to come.
    pub upcoming: Vec<u32>,
    /// The cycles so far, the current one last.
    pub cycles: Vec<CycleState>,
    /// Warnings, in order, with their stamps.
    pub warnings: Vec<(Stamp, Warning)>,
    /// How long the model took to load, seconds: as the client saw it, and as the server says.
    pub load_s: Option<(f64, Option<f64>)>,
    /// The latest client cost.
    pub client: Option<ClientCost>,
    /// What the machine and the server reported.
    pub machine: MachineState,
    /// Events that have been applied.
    pub events: u64,
    /// How long it has measured.
    pub measured: MeasuredTime,
}

/// What a run is doing.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Stage {
    /// Nothing yet.
    #[default]
    Idle,
    /// The model is being loaded and warmed.
    Warming {
        /// Warm-up requests over, and how many there are.
        done: u32,
        /// How many there are.
        of: u32,
    },
    /// Nothing is asked: the power of the idle machine is measured.
    Idling {
        /// When that ends, at the latest.
        until: Stamp,
    },
    /// Connections of the current cycle are being opened.
    Connecting,
    /// The current cycle runs.
    Cycle,
    /// Between two cycles.
    Resting {
        /// When the rest ends.
        until: Stamp,
        /// The level that comes next.
        next_users: u32,
    },
    /// The server went away, or still loads its model; the run waits for it.
    ServerGone {
        /// Until when, at the latest.
        until: Stamp,
        /// Whether it is there, and loads.
        is_loading: bool,
    },
    /// Over.
    Ended(RunEnd),
}

impl RunState {
    /// The state after all of `events`.
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut state = Self::default();
        for event in events {
            state.apply(event);
        }
        state
    }

    /// Output tokens of all requests that ended, well or not.
    pub fn output_tokens(&self) -> u64 {
        let requests = self.cycles.iter().flat_map(|cycle| &cycle.requests);
        requests.map(RequestRecord::output_tokens).sum()
    }

    /// The current cycle, or the last one.
    pub fn current(&self) -> Option<&CycleState> {
        self.cycles.last()
    }

    /// The cycle with this number.
    pub fn cycle_mut(&mut self, cycle: u32) -> Option<&mut CycleState> {
        self.cycles
            .iter_mut()
            .rev()
            .find(|state| state.cycle == cycle)
    }

    /// Whether the run is in progress.
    pub fn is_running(&self) -> bool {
        !matches!(self.stage, Stage::Idle | Stage::Ended(_))
    }

    /// Whether the run finds its own levels.
    pub fn is_settling(&self) -> bool {
        let info = self.info.as_ref();
        info.is_some_and(|info| info.plan.settle.is_some())
    }

    /// Whether the server is simulated.
    pub fn is_simulated(&self) -> bool {
        self.info.as_ref().is_some_and(|info| info.simulated)
    }

    /// Takes one more event into the state. Events of unknown cycles are ignored.
    pub fn apply(&mut self, event: &Event) {
        self.events += 1;
        let before = self.now;
        self.now = self.now.max(event.at);
        self.measured.apply(event.at, &event.what);
        match &event.what {
            EventKind::RunStarted(info) => self.start(info),
            EventKind::ModelLoaded { took_s, server_s } => self.load_s = Some((*took_s, *server_s)),
            EventKind::WarmedUp { number, of, .. } => {
                self.stage = Stage::Warming {
                    done: *number,
                    of: *of,
                }
            }
            EventKind::CycleStarted { cycle, users } => self.start_cycle(event.at, *cycle, *users),
            EventKind::RestStarted {
                seconds,
                next_users,
            } => {
                self.stage = Stage::Resting {
                    until: after(event.at, *seconds),
                    next_users: *next_users,
                };
            }
            EventKind::Paused => self.paused = true,
            EventKind::Resumed => self.paused = false,
            EventKind::LevelsChanged { upcoming } => self.upcoming.clone_from(upcoming),
            EventKind::Warning(warning) => self.warnings.push((event.at, warning.clone())),
            EventKind::Client(cost) => self.take_cost(event.at, *cost),
            EventKind::ServerGone { patience_s } => self.lose_server(event.at, *patience_s),
            EventKind::ServerLoading { patience_s } => {
                self.stage = Stage::ServerGone {
                    until: after(event.at, *patience_s),
                    is_loading: true,
                };
            }
            EventKind::ServerBack => self.stage = Stage::Connecting,
            EventKind::Continued { gap_s, levels } => self.resume(event.at, before, *gap_s, levels),
            EventKind::RunEnded { why } => {
                self.stage = Stage::Ended(why.clone());
                self.meter(event.at);
            }
            EventKind::IdleStarted { seconds } => {
                let until = after(event.at, *seconds);
                self.stage = Stage::Idling { until };
            }
            EventKind::Gpu(_)
            | EventKind::Processes(_)
            | EventKind::Server(_)
            | EventKind::Host(_)
            | EventKind::Source(_)
            | EventKind::Baseline(_) => self.observe(event),
            EventKind::ConnectionsOpened { .. }
            | EventKind::RequestStarted { .. }
            | EventKind::FirstToken { .. }
            | EventKind::Progress { .. }
            | EventKind::RequestEnded(_)
            | EventKind::CycleEnded { .. } => self.apply_to_cycle(event),
        }
    }

    fn start(&mut self, info: &RunInfo) {
        self.upcoming.clone_from(&info.plan.levels);
        self.stage = Stage::Warming {
            done: 0,
            of: info.plan.warmup,
        };
        self.info = Some(info.clone());
    }

    fn lose_server(&mut self, at: Stamp, patience_s: f64) {
        let until = after(at, patience_s);
        self.stage = Stage::ServerGone {
            until,
            is_loading: false,
        };
        let text = "The server went away: nothing listens at its address, or it closes every connection. \
                    The requests that this broke off are not part of the verdict.";
        let warning = Warning::new(WarningKind::ServerGone, text);
        self.warnings.push((at, warning));
    }

    /// The run resumes at `at`, after it was interrupted at `before`.
    fn resume(&mut self, at: Stamp, before: Stamp, gap_s: f64, levels: &[u32]) {
        let mut lost = 0;
        for cycle in self.cycles.iter_mut().filter(|cycle| cycle.ended.is_none()) {
            lost += cycle.break_off(before);
        }
        self.machine.meter.interrupt(at);
        self.machine.client_since = (None, at);
        self.upcoming = levels.to_vec();
        self.paused = false;
        let of = self.info.as_ref().map_or(0, |info| info.plan.warmup);
        self.stage = Stage::Warming { done: 0, of };
        let lost = match lost {
            0 => "nothing was in flight".to_owned(),
            1 => "the request then in flight is lost".to_owned(),
            more => format!("the {more} requests then in flight are lost"),
        };
        let text = format!(
            "The run was interrupted at {} and resumed {} later: {lost}.",
            seconds(Some(before.secs())),
            seconds(Some(gap_s))
        );
        let kind = WarningKind::Other;
        self.warnings.push((at, Warning { kind, text }));
    }

    /// The client reports its processor time at the end of each cycle, before the cycle ends.
    fn take_cost(&mut self, at: Stamp, cost: ClientCost) {
        self.client = Some(cost);
        let (before, since) = self.machine.client_since;
        let running = self.cycles.last_mut().filter(|cycle| cycle.ended.is_none());
        if let (Some(cycle), Some(cpu_s)) = (running, cost.cpu_s) {
            let since = if before.is_some() {
                cycle.started
            } else {
                since
            };
            cycle.client = Some(ClientTime {
                cpu_s: (cpu_s - before.unwrap_or_default()).max(0.0),
                seconds: at.since(since),
            });
        }
        self.machine.client_since = (cost.cpu_s, at);
    }

    /// Whether another tool made the run.
    pub fn is_imported(&self) -> bool {
        let info = self.info.as_ref();
        info.is_some_and(|info| info.imported.is_some())
    }

    fn start_cycle(&mut self, at: Stamp, cycle: u32, users: u32) {
        self.stage = Stage::Connecting;
        // The level that starts is no longer upcoming.
        if self.upcoming.first() == Some(&users) {
            self.upcoming.remove(0);
        }
        self.cycles.push(CycleState {
            cycle,
            users,
            started: at,
            ..CycleState::default()
        });
    }

    fn apply_to_cycle(&mut self, event: &Event) {
        let number = match &event.what {
            EventKind::ConnectionsOpened { cycle, .. }
            | EventKind::RequestStarted { cycle, .. }
            | EventKind::FirstToken { cycle, .. }
            | EventKind::Progress { cycle, .. }
            | EventKind::CycleEnded { cycle, .. } => *cycle,
            EventKind::RequestEnded(record) => record.cycle,
            _ => return,
        };
        if matches!(event.what, EventKind::ConnectionsOpened { .. }) {
            self.stage = Stage::Cycle;
        }
        if let Some(cycle) = self.cycle_mut(number) {
            cycle.apply(event);
        }
        if matches!(event.what, EventKind::CycleEnded { .. }) {
            self.meter(event.at);
        }
    }

    /// Takes what a monitor reported.
    fn observe(&mut self, event: &Event) {
        let at = event.at;
        self.machine.apply(event);
        match &event.what {
            EventKind::Gpu(sample) => {
                self.machine.meter.push(at, sample);
                for cycle in self.loaded_cycles() {
                    cycle.gpus.push(sample);
                }
                // While a cycle runs once a reading of all devices; after it each may be the last.
                let running = self.current().filter(|cycle| cycle.ended.is_none());
                let is_due = running.is_none_or(|cycle| {
                    // Each time all of the cycle is gone through: the longer it is, the more seldom.
                    let length = at.0.saturating_sub(cycle.started.0);
                    let wait = METER_US.max(length / METERED_TIMES);
                    let due = |last: Stamp| at.0 >= last.0.saturating_add(wait);
                    self.machine.metered.is_none_or(due)
                });
                if is_due {
                    self.meter(at);
                }
            }
            EventKind::Processes(table) => {
                for cycle in self.loaded_cycles() {
                    cycle.take_processes(table);
                }
            }
            EventKind::Host(sample) => {
                for cycle in self.loaded_cycles() {
                    cycle.host.push(sample);
                }
            }
            EventKind::Server(sample) => {
                for cycle in self.loaded_cycles() {
                    cycle.kv_cache_percent.push(sample.kv_cache_percent);
                }
            }
            _ => {}
        }
    }

    /// The cycles that have load now; those of an import may overlap.
    fn loaded_cycles(&mut self) -> impl Iterator<Item = &mut CycleMachine> {
        let running = self.cycles.iter_mut().rev();
        let running = running.take_while(|cycle| cycle.ended.is_none());
        running.filter_map(|cycle| cycle.opened.map(|_| &mut cycle.machine))
    }

    /// Brings the energy of the cycles up to `at`, until it is settled; once the run is over all of it again,
    /// since only then every device that counts is known.
    fn meter(&mut self, at: Stamp) {
        let machine = &mut self.machine;
        machine.metered = Some(at);
        let price = self.info.as_ref().and_then(|i| i.plan.energy.price.clone());
        let is_over = matches!(self.stage, Stage::Ended(_));
        let counting = machine.meter.counting();
        for cycle in &mut self.cycles {
            let Some(opened) = cycle.opened else { continue };
            let is_settled = cycle.ended.is_some_and(|end| at.since(end) > SETTLED_S);
            if is_settled && !is_over {
                continue;
            }
            let metered = machine.meter.between(opened, cycle.ended.unwrap_or(at));
            let cost = |metered: &Metered| price.as_ref().map(|price| price.cost(&metered.energy));
            cycle.machine.cost = metered.as_ref().and_then(cost);
            cycle.machine.baseline = metered
                .as_ref()
                .and_then(|m| comparable(machine.baseline, m));
            cycle.machine.energy = metered;
            cycle.machine.counting = counting.iter().map(|name| (*name).to_owned()).collect();
        }
    }

    /// Requests that the server answers at once, as far as anyone reports it: the model's runner, the
    /// server, or what was known at the start.
    pub fn slots(&self) -> Option<u32> {
        let reported = self.machine.slots();
        reported.or_else(|| self.info.as_ref()?.target.slots)
    }

    /// The share of the model in GPU memory, 0–1, where the server reports it; 0 means that the CPU computes.
    pub fn gpu_share(&self) -> Option<f64> {
        let asked = &self.info.as_ref()?.target.model.name;
        let models = self.machine.server.values().flat_map(|(_, s)| &s.models);
        let is_asked = |name: &str| name == asked || name.strip_suffix(":latest") == Some(asked);
        let mut models = models.filter(|model| is_asked(&model.name));
        models.find_map(crate::event::LoadedModel::gpu_share)
    }
}

/// The instant `seconds` after `at`.
fn after(at: Stamp, seconds: f64) -> Stamp {
    Stamp(at.0.saturating_add(floor_u64(seconds * 1e6)))
}
