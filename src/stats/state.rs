//! The run as it stands: a fold over its events.

use std::collections::{BTreeMap, HashMap};

use super::machine::{CycleMachine, MachineState};
use crate::event::{
    ClientCost, CycleEnd, Event, GpuSample, InFlight, Phase, ProcessSample, RequestRecord, RunEnd,
    RunInfo, Stamp, Warning, WarningKind, What,
};

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
    /// The latest sample of each GPU source.
    pub gpus: BTreeMap<String, (Stamp, GpuSample)>,
    /// The latest process table.
    pub processes: Option<(Stamp, Vec<ProcessSample>)>,
    /// What else the machine and the server told, over time.
    pub machine: MachineState,
    /// Events that have been applied.
    pub events: u64,
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
    /// Over.
    Ended(RunEnd),
}

/// One cycle.
#[derive(Debug, Clone, Default)]
pub struct CycleState {
    /// Its number in the run.
    pub cycle: u32,
    /// Requests kept in flight.
    pub users: u32,
    /// When its connections began to be opened.
    pub started: Stamp,
    /// When its load began.
    pub opened: Option<Stamp>,
    /// When it ended.
    pub ended: Option<Stamp>,
    /// Why it ended.
    pub end: Option<CycleEnd>,
    /// Connect times, seconds.
    pub connect_s: Vec<f64>,
    /// Connections that could not be opened.
    pub connect_failed: u32,
    /// Requests that have ended, in the order of their ends.
    pub requests: Vec<RequestRecord>,
    /// Requests in flight, by id.
    pub in_flight: BTreeMap<u64, Live>,
    /// Throughput of the whole cycle over time: tokens in each second since its load began.
    pub tokens_per_second: Vec<f64>,
    /// What the machine did in it.
    pub machine: CycleMachine,
    /// Non-empty chunks so far, ended requests and those in flight.
    pub chunks: u64,
    /// Chunk counts at the latest progress, for the current speed: stamp and chunks.
    pub(super) recent: Vec<(Stamp, u64, u32)>,
    /// Chunks of ended requests.
    pub(super) ended_chunks: u64,
}

/// One request in flight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Live {
    /// The request.
    pub id: u64,
    /// The user that asks.
    pub user: u32,
    /// Which of the user's requests.
    pub round: u32,
    /// When it was sent.
    pub sent: Stamp,
    /// When its first token arrived.
    pub first_token: Option<Stamp>,
    /// Non-empty chunks so far.
    pub tokens: u32,
    /// What it is doing.
    pub phase: Phase,
}

impl Live {
    /// Speed so far, tokens a second since the first token, at the instant `now`.
    pub fn speed_tok_s(&self, now: Stamp) -> Option<f64> {
        let seconds = now.since(self.first_token?);
        (self.tokens >= 2 && seconds > 0.0).then(|| f64::from(self.tokens - 1) / seconds)
    }
}

impl RunState {
    /// The state after all of `events`.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut state = Self::default();
        for event in events {
            state.apply(event);
        }
        state
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

    /// Whether the run goes on.
    pub fn is_running(&self) -> bool {
        !matches!(self.stage, Stage::Idle | Stage::Ended(_))
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
        match &event.what {
            What::RunStarted(info) => {
                self.upcoming.clone_from(&info.plan.levels);
                self.stage = Stage::Warming {
                    done: 0,
                    of: info.plan.warmup,
                };
                self.info = Some((**info).clone());
            }
            What::ModelLoaded { took_s, server_s } => self.load_s = Some((*took_s, *server_s)),
            What::WarmedUp { number, of, .. } => {
                self.stage = Stage::Warming {
                    done: *number,
                    of: *of,
                }
            }
            What::CycleStarted { cycle, users } => self.start_cycle(event.at, *cycle, *users),
            What::RestStarted {
                seconds,
                next_users,
            } => {
                self.stage = Stage::Resting {
                    until: after(event.at, *seconds),
                    next_users: *next_users,
                };
            }
            What::Paused => self.paused = true,
            What::Resumed => self.paused = false,
            What::LevelsChanged { upcoming } => self.upcoming.clone_from(upcoming),
            What::Warning(warning) => self.warnings.push((event.at, warning.clone())),
            What::Client(cost) => self.client = Some(*cost),
            What::Continued { gap_s, levels } => self.go_on(event.at, before, *gap_s, levels),
            What::RunEnded { why } => {
                self.stage = Stage::Ended(why.clone());
                self.meter(event.at);
            }
            What::IdleStarted { seconds } => {
                let until = after(event.at, *seconds);
                self.stage = Stage::Idling { until };
            }
            What::Gpu(_)
            | What::Processes(_)
            | What::Server(_)
            | What::Source(_)
            | What::Baseline(_) => self.observe(event),
            What::ConnectionsOpened { .. }
            | What::RequestStarted { .. }
            | What::FirstToken { .. }
            | What::Progress { .. }
            | What::RequestEnded(_)
            | What::CycleEnded { .. } => self.apply_to_cycle(event),
        }
    }

    /// The run goes on at `at`, after it was broken off at `before`.
    fn go_on(&mut self, at: Stamp, before: Stamp, gap_s: f64, levels: &[u32]) {
        for cycle in self.cycles.iter_mut().filter(|cycle| cycle.ended.is_none()) {
            cycle.ended = Some(before);
            cycle.end = Some(CycleEnd::Stopped);
            cycle.in_flight.clear();
        }
        self.upcoming = levels.to_vec();
        self.paused = false;
        let of = self.info.as_ref().map_or(0, |info| info.plan.warmup);
        self.stage = Stage::Warming { done: 0, of };
        let text = format!(
            "The run was broken off at {:.1} s and went on {gap_s:.0} s later: what was in flight is lost.",
            before.secs()
        );
        let kind = WarningKind::Other;
        self.warnings.push((at, Warning { kind, text }));
    }

    /// Whether another tool made the run.
    pub fn is_imported(&self) -> bool {
        let info = self.info.as_ref();
        info.is_some_and(|info| info.imported.is_some())
    }

    fn start_cycle(&mut self, at: Stamp, cycle: u32, users: u32) {
        self.stage = Stage::Connecting;
        // The level that runs is no longer to come.
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
            What::ConnectionsOpened { cycle, .. }
            | What::RequestStarted { cycle, .. }
            | What::FirstToken { cycle, .. }
            | What::Progress { cycle, .. }
            | What::CycleEnded { cycle, .. } => *cycle,
            What::RequestEnded(record) => record.cycle,
            _ => return,
        };
        if matches!(event.what, What::ConnectionsOpened { .. }) {
            self.stage = Stage::Cycle;
        }
        if let Some(cycle) = self.cycle_mut(number) {
            cycle.apply(event);
        }
        if matches!(event.what, What::CycleEnded { .. }) {
            self.meter(event.at);
        }
    }
}

impl CycleState {
    fn apply(&mut self, event: &Event) {
        match &event.what {
            What::ConnectionsOpened {
                connect_us, failed, ..
            } => {
                self.opened = Some(event.at);
                self.connect_s = connect_us
                    .iter()
                    .map(|micros| *micros as f64 / 1e6)
                    .collect();
                self.connect_failed = *failed;
            }
            What::RequestStarted {
                id, user, round, ..
            } => {
                let live = Live {
                    id: *id,
                    user: *user,
                    round: *round,
                    sent: event.at,
                    first_token: None,
                    tokens: 0,
                    phase: Phase::Queued,
                };
                self.in_flight.insert(*id, live);
            }
            What::FirstToken { id, thinking, .. } => {
                if let Some(live) = self.in_flight.get_mut(id) {
                    live.first_token = Some(event.at);
                    live.tokens = live.tokens.max(1);
                    live.phase = if *thinking {
                        Phase::Thinking
                    } else {
                        Phase::Answering
                    };
                }
            }
            What::Progress { requests, .. } => self.progress(event.at, requests),
            What::RequestEnded(record) => self.end_request(event.at, record),
            What::CycleEnded { why, .. } => {
                self.ended = Some(event.at);
                self.end = Some(*why);
                self.in_flight.clear();
            }
            _ => {}
        }
    }

    fn progress(&mut self, at: Stamp, requests: &[InFlight]) {
        for now in requests {
            if let Some(live) = self.in_flight.get_mut(&now.id) {
                live.tokens = live.tokens.max(now.tokens);
                live.phase = now.phase;
            }
        }
        self.count(at);
    }

    fn end_request(&mut self, at: Stamp, record: &RequestRecord) {
        self.in_flight.remove(&record.id);
        self.ended_chunks += u64::from(record.chunks);
        self.requests.push(record.clone());
        // Older answers are on disk; here they would only grow.
        let old = self.requests.len().checked_sub(ANSWERS_KEPT + 1);
        if let Some(old) = old.and_then(|old| self.requests.get_mut(old)) {
            old.answer = None;
        }
        self.count(at);
    }

    /// Brings the token count, and with it the series over time, up to `at`.
    fn count(&mut self, at: Stamp) {
        let live: u64 = self
            .in_flight
            .values()
            .map(|live| u64::from(live.tokens))
            .sum();
        let total = (self.ended_chunks + live).max(self.chunks);
        let new = total - self.chunks;
        self.chunks = total;
        let second = usize::try_from(crate::units::floor_u64(
            at.since(self.opened.unwrap_or(self.started)),
        ));
        let second = second.unwrap_or(usize::MAX).min(MAX_SECONDS);
        if self.tokens_per_second.len() <= second {
            self.tokens_per_second.resize(second + 1, 0.0);
        }
        if let Some(bucket) = self.tokens_per_second.get_mut(second) {
            *bucket += new as f64;
        }
        let streaming = self
            .in_flight
            .values()
            .filter(|live| live.first_token.is_some())
            .count();
        self.recent
            .push((at, total, crate::units::u32_of(streaming)));
        let horizon = at.0.saturating_sub(RECENT_US);
        let stale = self
            .recent
            .iter()
            .take_while(|(stamp, _, _)| stamp.0 < horizon)
            .count();
        self.recent
            .drain(..stale.min(self.recent.len().saturating_sub(2)));
    }

    /// Throughput of the whole cycle over the last two seconds, tokens a second.
    pub fn current_system_tok_s(&self) -> Option<f64> {
        let (first, last) = (self.recent.first()?, self.recent.last()?);
        let seconds = last.0.since(first.0);
        (seconds > 0.2).then(|| (last.1 - first.1) as f64 / seconds)
    }

    /// Mean speed of the requests that are answering now, tokens a second each; of the ended ones
    /// where none is.
    pub fn current_speed_tok_s(&self, now: Stamp) -> Option<f64> {
        let live: Vec<f64> = self
            .in_flight
            .values()
            .filter_map(|live| live.speed_tok_s(now))
            .collect();
        mean(&live).or_else(|| self.mean_speed_tok_s())
    }

    /// Mean speed of the requests that ended well, tokens a second.
    pub fn mean_speed_tok_s(&self) -> Option<f64> {
        let ended: Vec<f64> = self
            .requests
            .iter()
            .filter(|r| r.is_done())
            .filter_map(RequestRecord::speed_tok_s)
            .collect();
        mean(&ended)
    }

    /// Waits (TTFT) so far, seconds: of every request whose first token came.
    pub fn waits_s(&self) -> Vec<f64> {
        let ended = self.requests.iter().filter_map(RequestRecord::ttft_s);
        let live = self
            .in_flight
            .values()
            .filter_map(|live| live.first_token.map(|t| t.since(live.sent)));
        ended.chain(live).collect()
    }

    /// Requests that ended, cancelled ones left out.
    pub fn finished(&self) -> usize {
        self.requests
            .iter()
            .filter(|r| r.is_done() || r.failure().is_some())
            .count()
    }

    /// Failed requests by kind.
    pub fn failures(&self) -> BTreeMap<String, usize> {
        let mut kinds: HashMap<String, usize> = HashMap::new();
        for (kind, _) in self.requests.iter().filter_map(RequestRecord::failure) {
            *kinds.entry(kind.to_string()).or_default() += 1;
        }
        kinds.into_iter().collect()
    }

    /// Output tokens of the ended requests.
    pub fn output_tokens(&self) -> u64 {
        self.requests
            .iter()
            .filter(|r| r.is_done())
            .map(RequestRecord::output_tokens)
            .sum()
    }
}

/// The instant `seconds` after `at`.
fn after(at: Stamp, seconds: f64) -> Stamp {
    Stamp(at.0.saturating_add(crate::units::floor_u64(seconds * 1e6)))
}

/// How far the current throughput looks back.
const RECENT_US: u64 = 2_000_000;
/// Answers of ended requests kept in a cycle.
const ANSWERS_KEPT: usize = 256;
/// The longest series kept: a day.
const MAX_SECONDS: usize = 86_400;

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
