//! What the machine did in a level: power, energy, clock, and the server's processes.

use serde::{Deserialize, Serialize};

use crate::event::{EnergyBaseline, PowerScope};
use crate::metrics::devices::{DeviceStats, Devices, ProcessStats, Processes};
use crate::metrics::energy::meter::Metered;
use crate::metrics::energy::{Energy, LEAST_COVERAGE, TokenEnergy};
use crate::metrics::level::cycle::CycleState;
use crate::metrics::peak_sum::ProcessTotals;

/// What the machine did in a level. Figures over processes are of the server's processes together.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// Which of the figures of processes leave out one that does not report it, by the names of the fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partial: Vec<String>,
}

impl MachineFigures {
    /// The figures of one level's cycles.
    pub fn from_cycles(cycles: &[&CycleState]) -> Self {
        let all = || cycles.iter().map(|cycle| &cycle.machine);
        let each = all().map(|machine| machine.together);
        let together = each.fold(ProcessTotals::default(), ProcessTotals::max);
        let gpus = gpus(cycles);
        let energy = of_cycles(cycles.iter().copied());
        let baseline = all().find_map(|machine| machine.baseline);
        let cost = of_tokens(cycles.iter().copied(), baseline.as_ref());
        Self {
            scope: all()
                .find_map(|machine| machine.energy.as_ref()?.scope)
                .map(|scope| scope_key(scope).to_owned()),
            watts_mean: energy.and_then(|energy| energy.mean_watts()),
            watts_max: energy.and_then(|energy| energy.max_watts),
            mhz_mean: gpus.and_then(|gpus| gpus.mhz.mean),
            usage_mean_percent: gpus.and_then(|gpus| gpus.usage_percent.mean),
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

/// What the GPUs that count did in several cycles; None where nothing is known of them. Power is that of the meter,
/// as in [`MachineFigures`]; the rest is of the samples.
pub(crate) fn gpus(cycles: &[&CycleState]) -> Option<DeviceStats> {
    let machines = || cycles.iter().map(|cycle| &cycle.machine);
    let counting: Vec<&str> = machines()
        .flat_map(|machine| &machine.counting)
        .map(String::as_str)
        .collect();
    let sampled = Devices::from_cycles(machines().map(|machine| &machine.gpus)).total(&counting);
    let energy = of_cycles(cycles.iter().copied());
    if sampled.is_none() && energy.is_none() {
        return None;
    }
    let mut stats = sampled.unwrap_or_default();
    stats.watts.mean = energy.and_then(|energy| energy.mean_watts());
    stats.watts.max = energy.and_then(|energy| energy.max_watts);
    Some(stats)
}

/// What the server's processes did in several cycles.
pub(crate) fn processes(cycles: &[&CycleState]) -> Vec<ProcessStats> {
    let mut all = Processes::default();
    for cycle in cycles {
        all.merge(&cycle.machine.processes);
    }
    all.stats()
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
pub(crate) fn of_tokens<'a>(
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
    TokenEnergy::new(&sum, tokens, baseline)
}

/// What figures of power cover, in words; where no source says it, which ones do not.
pub fn scope_words(metered: &Metered) -> String {
    let scope = metered.scope.map(|scope| scope.to_string());
    scope.unwrap_or_else(|| not_reported_by(&metered.devices))
}

pub(crate) fn not_reported_by(devices: &[String]) -> String {
    format!("scope not reported by {}", devices.join(", "))
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
