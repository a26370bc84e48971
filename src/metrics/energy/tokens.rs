//! What a token costs.

use serde::Serialize;

use crate::event::EnergyBaseline;
use crate::metrics::energy::Energy;
pub use crate::plan::Price as Cost;

/// Below this share of a span covered by samples, energy per token would understate: it is absent.
pub const LEAST_COVERAGE: f64 = 0.9;
/// Energy of spans shorter than this, seconds, is noise: per token it is absent.
pub const LEAST_SPAN_S: f64 = 2.0;

/// What the tokens of a cycle or a run cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TokenEnergy {
    /// All energy / output tokens, joules; absent for short spans and where samples cover too little.
    pub gross_j_per_token: Option<f64>,
    /// The same without what the warm but idle machine would have drawn.
    pub net_j_per_token: Option<f64>,
    /// Output tokens for a watt-hour, gross.
    pub tokens_per_wh: Option<f64>,
}

impl TokenEnergy {
    /// The cost of `tokens` output tokens that took `energy`. The energy of failed requests is spent
    /// all the same: it is in `energy`, their tokens are not in `tokens`.
    pub fn new(energy: &Energy, tokens: u64, baseline: Option<&EnergyBaseline>) -> Self {
        let is_known =
            tokens > 0 && energy.span_s >= LEAST_SPAN_S && energy.coverage() >= LEAST_COVERAGE;
        let count = tokens as f64;
        let gross = is_known.then(|| energy.joules / count);
        let net = baseline.filter(|_| is_known).map(|baseline| {
            let idle_j = baseline.watts * energy.covered_s;
            (energy.joules - idle_j) / count
        });
        Self {
            gross_j_per_token: gross,
            net_j_per_token: net,
            tokens_per_wh: gross
                .filter(|joules| *joules > 0.0)
                .map(|joules| 3600.0 / joules),
        }
    }
}

impl Cost {
    /// What `energy` costs.
    pub fn cost(&self, energy: &Energy) -> f64 {
        energy.wh() / 1000.0 * self.per_kwh
    }

    /// What a million output tokens cost at `joules` each.
    pub fn per_million_tokens(&self, j_per_token: f64) -> f64 {
        j_per_token * 1e6 / 3.6e6 * self.per_kwh
    }
}
