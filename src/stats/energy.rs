//! What tokens cost in joules, and how near a single stream comes to what the memory allows.

use serde::{Deserialize, Serialize};

use super::machine::CycleMachine;
use super::sampled_energy::{self, CycleEnergy};
use super::sampled_machine::GpuFigures;
use super::state::{CycleState, RunState};
use crate::event::{PowerScope, RequestRecord, Stamp};
use crate::monitor::bandwidth::{self, Share};
use crate::monitor::energy::{Energy, TokenEnergy};
use crate::monitor::gpu;

/// What the machine did in a level. Figures over processes are of the server's processes together.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MachineFigures {
    /// What power and energy cover: `gpu`, `soc`, `board`, `package`.
    pub scope: Option<String>,
    /// Mean power, watts.
    pub watts_mean: Option<f64>,
    /// Highest power, watts.
    pub watts_max: Option<f64>,
    /// Mean clock, MHz.
    pub mhz_mean: Option<f64>,
    /// Mean usage, percent.
    pub usage_mean_percent: Option<f64>,
    /// Energy, watt-hours.
    pub wh: Option<f64>,
    /// The share of the time that samples of power cover, 0–1.
    pub coverage: Option<f64>,
    /// Energy / output tokens, joules; absent for short spans and where samples cover too little.
    pub gross_j_per_token: Option<f64>,
    /// The same above the idle of the warm machine.
    pub net_j_per_token: Option<f64>,
    /// Output tokens for a watt-hour.
    pub tokens_per_wh: Option<f64>,
    /// What the energy costs.
    pub cost: Option<f64>,
    /// Most resident memory, bytes.
    pub rss_max_bytes: Option<u64>,
    /// Most threads.
    pub threads_max: Option<u64>,
    /// Most open descriptors.
    pub descriptors_max: Option<u64>,
    /// Most processor use, percent of one core.
    pub cpu_max_percent: Option<f64>,
}

impl MachineFigures {
    /// The figures of one level's cycles, that brought `tokens` output tokens.
    pub fn of(cycles: &[&CycleState], tokens: u64) -> Self {
        let all = || cycles.iter().map(|cycle| &cycle.machine);
        let most = |get: fn(&CycleMachine) -> Option<u64>| all().filter_map(get).max();
        let highest = |get: fn(&CycleMachine) -> Option<f64>| {
            let known = all().filter_map(get);
            known.reduce(f64::max)
        };
        let mean = |get: fn(&CycleMachine) -> Option<f64>| {
            let known: Vec<f64> = all().filter_map(get).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        let energy = of_cycles(cycles.iter().copied());
        let baseline = all().find_map(|machine| machine.baseline);
        let cost = energy.map(|energy| TokenEnergy::of(&energy, tokens, baseline.as_ref()));
        Self {
            scope: all()
                .find_map(|machine| machine.energy.as_ref()?.scope)
                .map(|scope| scope_key(scope).to_owned()),
            watts_mean: energy.and_then(|energy| energy.mean_watts()),
            watts_max: highest(CycleMachine::watts_max),
            mhz_mean: mean(CycleMachine::mhz_mean),
            usage_mean_percent: mean(CycleMachine::usage_mean_percent),
            wh: energy.map(|energy| energy.wh()),
            coverage: energy.map(|energy| energy.coverage()),
            gross_j_per_token: cost.and_then(|cost| cost.gross_j_per_token),
            net_j_per_token: cost.and_then(|cost| cost.net_j_per_token),
            tokens_per_wh: cost.and_then(|cost| cost.tokens_per_wh),
            cost: all().map(|machine| machine.cost).sum(),
            rss_max_bytes: most(|machine| machine.rss_max_bytes),
            threads_max: most(|machine| machine.threads_max),
            descriptors_max: most(|machine| machine.descriptors_max),
            cpu_max_percent: highest(|machine| machine.cpu_max_percent),
        }
    }

    /// Puts the energy of an imported run in place of what the meter of live runs makes of its samples.
    pub(super) fn take_sampled(&mut self, energy: Option<&CycleEnergy>, gpu: Option<&GpuFigures>) {
        let gross = energy.and_then(CycleEnergy::j_per_token);
        let used = energy.map(|energy| energy.used);
        self.scope = used.map(|used| sampled_energy::word(used.scope).to_owned());
        self.wh = used.map(|used| used.joules / 3600.0);
        self.coverage = used.map(|used| used.coverage());
        self.watts_mean = used
            .filter(|used| used.covered_s > 0.0)
            .map(|used| used.joules / used.covered_s);
        self.watts_max = gpu.and_then(|gpu| gpu.watts.max);
        self.gross_j_per_token = gross;
        self.net_j_per_token = None;
        self.tokens_per_wh = gross.filter(|j| *j > 0.0).map(|j| 3600.0 / j);
    }

    /// Energy, joules.
    pub fn joules(&self) -> Option<f64> {
        self.wh.map(|wh| wh * 3600.0)
    }
}

/// The energy of several cycles as one; what is not measured of one of them is not covered. None
/// where nothing is measured of any.
pub fn of_cycles<'a>(cycles: impl IntoIterator<Item = &'a CycleState>) -> Option<Energy> {
    let mut sum = Energy {
        joules: 0.0,
        span_s: 0.0,
        covered_s: 0.0,
        max_watts: None,
        counted_s: 0.0,
        doubted: 0,
    };
    let mut any = false;
    for cycle in cycles {
        let Some(opened) = cycle.opened else { continue };
        let Some(metered) = &cycle.machine.energy else {
            sum.span_s += cycle.ended.map_or(0.0, |ended| ended.since(opened));
            continue;
        };
        any = true;
        let energy = &metered.energy;
        sum.joules += energy.joules;
        sum.span_s += energy.span_s;
        sum.covered_s += energy.covered_s;
        sum.counted_s += energy.counted_s;
        sum.doubted += energy.doubted;
        let highest = [sum.max_watts, energy.max_watts].into_iter().flatten();
        sum.max_watts = highest.reduce(f64::max);
    }
    any.then_some(sum)
}

/// How files name a scope.
pub fn scope_key(scope: PowerScope) -> &'static str {
    match scope {
        PowerScope::Gpu => "gpu",
        PowerScope::Soc => "soc",
        PowerScope::Package => "package",
        PowerScope::Board => "board",
    }
}

/// Energy of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EnergySummary {
    /// All of it, watt-hours.
    pub wh: Option<f64>,
    /// Within cycles, watt-hours.
    pub in_cycles_wh: Option<f64>,
    /// Outside of cycles, watt-hours.
    pub outside_wh: Option<f64>,
    /// Above the idle of the warm machine, watt-hours.
    pub net_wh: Option<f64>,
    /// Joules in cycles per output token, idle included.
    pub gross_j_per_token: Option<f64>,
    /// Joules in cycles per output token above idle.
    pub net_j_per_token: Option<f64>,
    /// Output tokens for a watt-hour in cycles, idle included.
    pub tokens_per_wh: Option<f64>,
    /// Mean power in cycles, watts.
    pub watts_mean: Option<f64>,
    /// Highest power in cycles, watts.
    pub watts_max: Option<f64>,
    /// The share of the run's time that was measured, 0–1.
    pub coverage: Option<f64>,
    /// What was measured: `gpu`, `package`…
    pub scope: Option<String>,
    /// The devices whose power counts.
    pub devices: Vec<String>,
    /// Whether any of them is made up.
    pub simulated: bool,
    /// Power of the warm but idle machine, watts.
    pub baseline_watts: Option<f64>,
    /// How long it was measured, seconds.
    pub baseline_s: Option<f64>,
    /// What the energy of the run costs.
    pub cost: Option<f64>,
    /// What a million output tokens cost.
    pub cost_per_million_tokens: Option<f64>,
    /// In which currency.
    pub currency: Option<String>,
}

impl EnergySummary {
    /// The energy of a run; None where no power was measured.
    pub fn of(run: &RunState) -> Option<Self> {
        if run.is_imported() {
            return sampled_energy::of_run(run);
        }
        let metered = run.machine.meter.between(Stamp(0), run.now)?;
        let whole = metered.energy;
        let in_cycles = of_cycles(&run.cycles);
        let tokens = run.cycles.iter().map(CycleState::output_tokens).sum();
        let baseline = run.machine.baseline;
        let cost = in_cycles.map(|energy| TokenEnergy::of(&energy, tokens, baseline.as_ref()));
        let gross = cost.and_then(|cost| cost.gross_j_per_token);
        let price = run
            .info
            .as_ref()
            .and_then(|info| info.plan.energy.price.as_ref());
        let in_cycles_wh = in_cycles.map(|energy| energy.wh());
        Some(Self {
            wh: Some(whole.wh()),
            in_cycles_wh,
            outside_wh: in_cycles_wh.map(|inside| (whole.wh() - inside).max(0.0)),
            net_wh: baseline.map(|idle| whole.wh() - idle.watts * whole.covered_s / 3600.0),
            gross_j_per_token: gross,
            net_j_per_token: cost.and_then(|cost| cost.net_j_per_token),
            tokens_per_wh: cost.and_then(|cost| cost.tokens_per_wh),
            watts_mean: in_cycles.and_then(|energy| energy.mean_watts()),
            watts_max: in_cycles.and_then(|energy| energy.max_watts),
            coverage: Some(whole.coverage()),
            scope: metered.scope.map(|scope| scope_key(scope).to_owned()),
            devices: metered.devices,
            simulated: metered.simulated,
            baseline_watts: baseline.map(|idle| idle.watts),
            baseline_s: baseline.map(|idle| idle.seconds),
            cost: price.map(|price| price.of(&whole)),
            cost_per_million_tokens: price
                .zip(gross)
                .map(|(price, joules)| price.of_million_tokens(joules)),
            currency: price.map(|price| price.currency.clone()),
        })
    }
}

/// The speed of a single stream against what the memory allows: each token of a dense model reads all
/// of it once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PhysicalLimit {
    /// Mean speed of the level of one user, tokens a second.
    pub speed_tok_s: f64,
    /// The limit, tokens a second.
    pub limit_tok_s: f64,
    /// The speed as a share of it; above 1 a number is wrong.
    pub share: f64,
    /// Memory bandwidth, bytes a second.
    pub bandwidth_bytes_s: f64,
    /// Bytes that one token reads: the model's size.
    pub bytes_per_token: u64,
}

impl PhysicalLimit {
    /// The limit of a run; None where the bandwidth, the model's size or the speed of one user is not
    /// known, for mixtures of experts, and for simulated servers.
    pub fn of(run: &RunState) -> Option<Self> {
        let info = run.info.as_ref()?;
        if run.is_simulated() || info.target.simulated {
            return None;
        }
        let model = &info.target.model;
        let bytes =
            bandwidth::bytes_per_token(model.size_bytes?, model.family.as_deref(), &model.name);
        let alone = run.cycles.iter().filter(|cycle| cycle.users == 1);
        let done = alone.flat_map(|cycle| cycle.requests.iter().filter(|r| r.is_done()));
        let speeds: Vec<f64> = done.filter_map(RequestRecord::speed_tok_s).collect();
        if speeds.is_empty() {
            return None;
        }
        let speed_tok_s = speeds.iter().sum::<f64>() / speeds.len() as f64;
        let bandwidth_bytes_s = bandwidth_of(run)?;
        let share = bandwidth::share_of_limit(speed_tok_s, bandwidth_bytes_s, bytes)?;
        Some(Self {
            speed_tok_s,
            limit_tok_s: share.limit_tok_s,
            share: share.share,
            bandwidth_bytes_s,
            bytes_per_token: bytes?,
        })
    }

    /// What to say where the speed is above the limit.
    pub fn warning(&self) -> Option<String> {
        let share = Share {
            limit_tok_s: self.limit_tok_s,
            share: self.share,
        };
        share.warning()
    }
}

/// Memory bandwidth of what computes, bytes a second: as the user told it, of the cards (all of them
/// together: an upper bound), or of the Apple chip.
fn bandwidth_of(run: &RunState) -> Option<f64> {
    let info = run.info.as_ref()?;
    let told = info.plan.energy.bandwidth_bytes_s;
    let cards = || {
        let gpus = gpu::in_use(run.gpus.values().map(|(_, sample)| sample));
        let known = gpus.iter().map(|gpu| gpu.bandwidth_bytes_s);
        known.sum::<Option<f64>>().filter(|sum| *sum > 0.0)
    };
    let chip = || {
        let gpus = run.gpus.values();
        let names = gpus.filter_map(|(_, gpu)| gpu.name.as_deref());
        // The processor counts only where the server runs on it.
        let here = !run.machine.sources.contains_key(ELSEWHERE);
        let cpu = info.machine.cpu.as_deref().filter(|_| here);
        names.chain(cpu).find_map(bandwidth::of_apple_chip)
    };
    told.or_else(cards).or_else(chip)
}

/// The source that says that the server runs on another machine.
pub const ELSEWHERE: &str = "this machine";
