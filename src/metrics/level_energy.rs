//! What tokens cost in joules, and what the machine did in a level.

use serde::{Deserialize, Serialize};

use crate::event::{EnergyBaseline, PowerScope, Stamp};
use crate::metrics::devices::Devices;
use crate::metrics::energy::meter::Metered;
use crate::metrics::energy::{Energy, LEAST_COVERAGE, TokenEnergy};
use crate::metrics::machine::{CycleMachine, comparable};
use crate::metrics::peak_sum::ProcessTotals;
use crate::metrics::state::{CycleState, RunState};

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
    /// Which of the figures of processes leave out one that does not tell it, by the names of the fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partial: Vec<String>,
}

impl MachineFigures {
    /// The figures of one level's cycles.
    pub fn of(cycles: &[&CycleState]) -> Self {
        let all = || cycles.iter().map(|cycle| &cycle.machine);
        let highest = |get: fn(&CycleMachine) -> Option<f64>| {
            let known = all().filter_map(get);
            known.reduce(f64::max)
        };
        let each = all().map(|machine| machine.together);
        let together = each.fold(ProcessTotals::default(), ProcessTotals::max);
        let gpus = Devices::of(all().map(|machine| &machine.gpus));
        let energy = of_cycles(cycles.iter().copied());
        let baseline = all().find_map(|machine| machine.baseline);
        let cost = of_tokens(cycles.iter().copied(), baseline.as_ref());
        Self {
            scope: all()
                .find_map(|machine| machine.energy.as_ref()?.scope)
                .map(|scope| scope_key(scope).to_owned()),
            watts_mean: energy.and_then(|energy| energy.mean_watts()),
            watts_max: highest(CycleMachine::watts_max),
            mhz_mean: gpus.pooled(|gpu| &gpu.mhz).mean,
            usage_mean_percent: gpus.pooled(|gpu| &gpu.usage_percent).mean,
            wh: energy.map(|energy| energy.wh()),
            coverage: energy.map(|energy| energy.coverage()),
            gross_j_per_token: cost.gross_j_per_token,
            net_j_per_token: cost.net_j_per_token,
            tokens_per_wh: cost.tokens_per_wh,
            cost: all().map(|machine| machine.cost).sum(),
            rss_max_bytes: together.rss_bytes.count(),
            threads_max: together.threads.count(),
            descriptors_max: together.descriptors.count(),
            cpu_max_percent: together.cpu_percent.value(),
            partial: together.partial(),
        }
    }

    /// Energy, joules.
    pub fn joules(&self) -> Option<f64> {
        self.wh.map(|wh| wh * 3600.0)
    }
}

/// The energy of several cycles as one; what is not measured of one of them is not covered. None
/// where nothing is measured of any.
pub fn of_cycles<'a>(cycles: impl IntoIterator<Item = &'a CycleState>) -> Option<Energy> {
    let mut sum = Energy::default();
    let mut any = false;
    for cycle in cycles {
        if let Some(metered) = &cycle.machine.energy {
            any = true;
            sum.add(&metered.energy);
        } else if let (Some(opened), Some(ended)) = (cycle.opened, cycle.ended) {
            sum.span_s += ended.since(opened);
        }
    }
    any.then_some(sum)
}

/// What the tokens of several cycles cost. A cycle that samples cover too little stays out of it with its
/// tokens.
fn of_tokens<'a>(
    cycles: impl IntoIterator<Item = &'a CycleState>,
    baseline: Option<&EnergyBaseline>,
) -> TokenEnergy {
    let (mut sum, mut tokens) = (Energy::default(), 0);
    for cycle in cycles {
        let metered = cycle.machine.energy.as_ref();
        if let Some(metered) = metered.filter(|m| m.energy.coverage() >= LEAST_COVERAGE) {
            sum.add(&metered.energy);
            tokens += cycle.output_tokens();
        }
    }
    TokenEnergy::of(&sum, tokens, baseline)
}

/// What figures of power cover, in words; where no source told it, who did not.
pub fn scope_words(metered: &Metered) -> String {
    let scope = metered.scope.map(|scope| scope.to_string());
    scope.unwrap_or_else(|| not_told_by(&metered.devices))
}

fn not_told_by(devices: &[String]) -> String {
    format!("scope not told by {}", devices.join(", "))
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
    /// What the energy covers: `gpu`, `package`… or which source does not tell it. None where nothing was
    /// measured.
    pub fn scope_words(&self) -> Option<String> {
        let not_told = || (!self.devices.is_empty()).then(|| not_told_by(&self.devices));
        self.scope.clone().or_else(not_told)
    }

    /// The energy of a run; None where no power was measured.
    pub fn of(run: &RunState) -> Option<Self> {
        let metered = run.machine.meter.between(Stamp(0), run.now)?;
        let whole = metered.energy;
        let in_cycles = of_cycles(&run.cycles);
        let baseline = comparable(run.machine.baseline, &metered);
        let cost = of_tokens(&run.cycles, baseline.as_ref());
        let gross = cost.gross_j_per_token;
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
            net_j_per_token: cost.net_j_per_token,
            tokens_per_wh: cost.tokens_per_wh,
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

/// The source that says that the server runs on another machine.
pub const ELSEWHERE: &str = "this machine";
