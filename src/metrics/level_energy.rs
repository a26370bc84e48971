//! What a run cost in watt-hours, and its tokens in joules.

use serde::{Deserialize, Serialize};

use crate::event::Stamp;
use crate::metrics::level::cycle::CycleState;
use crate::metrics::level::machine::{not_reported_by, of_cycles, of_tokens, scope_key};
use crate::metrics::machine::comparable;
use crate::metrics::state::RunState;

/// Energy of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// The share of the time in cycles that was measured, 0–1.
    #[serde(default)]
    pub in_cycles_coverage: Option<f64>,
    /// The share of the whole run's time that was measured, 0–1; pauses between cycles are part of it.
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
    /// What the energy covers: `gpu`, `package`… or which source does not report it. None where nothing was
    /// measured.
    pub fn scope_words(&self) -> Option<String> {
        let not_reported = || (!self.devices.is_empty()).then(|| not_reported_by(&self.devices));
        self.scope.clone().or_else(not_reported)
    }

    /// The energy of a run; None where no power was measured.
    pub fn from_run(run: &RunState) -> Option<Self> {
        let metered = run.machine.meter.between(Stamp(0), run.now)?;
        let whole = metered.energy;
        let in_cycles = of_cycles(&run.cycles);
        let baseline = comparable(run.machine.baseline, &metered);
        // A cut cycle spent energy on answers that were not finished.
        let any_whole = run.cycles.iter().any(CycleState::is_whole);
        let counted = run.cycles.iter();
        let counted = counted.filter(|cycle| cycle.is_whole() || !any_whole);
        let cost = of_tokens(counted, baseline.as_ref());
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
            in_cycles_coverage: in_cycles.map(|energy| energy.coverage()),
            coverage: Some(whole.coverage()),
            scope: metered.scope.map(|scope| scope_key(scope).to_owned()),
            devices: metered.devices,
            simulated: metered.simulated,
            baseline_watts: baseline.map(|idle| idle.watts),
            baseline_s: baseline.map(|idle| idle.seconds),
            cost: price.map(|price| price.cost(&whole)),
            cost_per_million_tokens: price
                .zip(gross)
                .map(|(price, joules)| price.per_million_tokens(joules)),
            currency: price.map(|price| price.currency.clone()),
        })
    }
}
