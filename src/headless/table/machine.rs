//! What the machine did, below the table; nothing where nothing was measured.

use crate::headless::table::plain;
use crate::metrics::bandwidth_limit::PhysicalLimit;
use crate::metrics::level_energy::EnergySummary;
use crate::metrics::summary::Summary;
use crate::text::numbers::{decimal, joined, percent};

/// The energy of the run and the physical limit, a line each.
pub(super) fn lines(summary: &Summary) -> Vec<String> {
    let energy = summary.energy.as_ref().map(energy);
    let limit = summary.physical_limit.map(|limit| {
        format!(
            "one user: {} tok/s, {} of the {} tok/s that {} GB/s of memory bandwidth allow",
            decimal(limit.speed_tok_s, 1),
            percent(Some(limit.share), 0),
            decimal(limit.limit_tok_s, 1),
            decimal(limit.bandwidth_bytes_s / 1e9, 0)
        )
    });
    let model = summary.target.as_ref().filter(|_| !summary.simulated);
    let not_told = || PhysicalLimit::unavailable(model?.family.as_deref(), &model?.model);
    let limit = limit.or_else(|| not_told().map(str::to_owned));
    energy.into_iter().chain(limit).collect()
}

fn energy(energy: &EnergySummary) -> String {
    let with = |value: Option<f64>, digits: usize, unit: &str| {
        number(value, digits).map(|number| format!("{number} {unit}"))
    };
    let currency = energy.currency.as_deref().map(plain).unwrap_or_default();
    let cost = |value: Option<f64>, what: &str| {
        value.map(|value| {
            let digits = if value < 0.01 { 7 } else { 4 };
            format!("{currency} {} {what}", decimal(value, digits))
                .trim()
                .to_owned()
        })
    };
    let parts = [
        with(energy.in_cycles_wh, 3, "Wh in cycles"),
        with(energy.outside_wh, 3, "Wh outside"),
        with(energy.gross_j_per_token, 3, "J/token gross"),
        with(energy.net_j_per_token, 3, "J/token net"),
        with(energy.tokens_per_wh, 0, "tokens/Wh"),
        with(energy.watts_max, 1, "W at most"),
        with(energy.baseline_watts, 1, "W idle"),
        with(
            energy.in_cycles_coverage.map(|share| share * 100.0),
            1,
            "% of cycles covered",
        ),
        cost(energy.cost, "in total"),
        cost(energy.cost_per_million_tokens, "per million tokens"),
    ];
    let scope = energy.scope_words().map(|words| plain(&words));
    let scope = scope.as_deref().unwrap_or("unknown scope");
    let made_up = if energy.simulated { "SIMULATED " } else { "" };
    format!("{made_up}energy ({scope}): {}", joined(parts))
}

fn number(value: Option<f64>, digits: usize) -> Option<String> {
    value.map(|value| decimal(value, digits))
}
