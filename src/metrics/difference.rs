//! The difference of one figure of one level between two runs, with its interval.

use crate::event::RequestRecord;
use crate::metrics::compare::{Change, Metric};
use crate::metrics::interval::{Difference, Moments, newcombe, relative};
use crate::metrics::state::{CycleState, RunState};
use crate::metrics::verdict::Sample;
use crate::plan::Limits;

/// From this many repeats on both sides, repeats are compared, not requests.
const REPEATS: usize = 3;

/// The change from `was` to `is`, with the interval of its `by`.
pub(crate) fn change(metric: Metric, was: f64, is: f64, interval: Option<Difference>) -> Change {
    let absolute = is - was;
    let by = if metric.is_share() {
        absolute
    } else if was > 0.0 {
        absolute / was
    } else {
        0.0
    };
    Change {
        absolute,
        by,
        low: interval.and_then(|interval| interval.low),
        high: interval.and_then(|interval| interval.high),
        shown: interval.is_some_and(|interval| interval.is_shown()),
    }
}

fn cycles(run: &RunState, users: u32) -> Vec<&CycleState> {
    let of_level = run.cycles.iter().filter(|cycle| cycle.users == users);
    of_level.collect()
}

/// The relative difference of a mean, or of a figure that each repeat has once.
pub(crate) fn between_means(
    metric: Metric,
    users: u32,
    runs: [&RunState; 2],
) -> Option<Difference> {
    let [first, second] = runs.map(|run| cycles(run, users));
    let figure: Option<fn(&RequestRecord) -> Option<f64>> = match metric {
        Metric::Speed => Some(RequestRecord::speed_tok_s),
        Metric::Wait => Some(RequestRecord::ttft_s),
        Metric::Total => Some(RequestRecord::total_s),
        _ => None,
    };
    let by_repeat = figure.is_none() || (first.len() >= REPEATS && second.len() >= REPEATS);
    let [a, b] = runs;
    let values = |run: &RunState, cycles: &[&CycleState]| match figure {
        Some(figure) if by_repeat => repeats(cycles, figure),
        Some(figure) => requests(cycles, figure),
        None => once(metric, run, cycles),
    };
    relative(
        &Moments::of(values(a, &first))?,
        &Moments::of(values(b, &second))?,
    )
}

fn requests(cycles: &[&CycleState], figure: fn(&RequestRecord) -> Option<f64>) -> Vec<f64> {
    let all = cycles.iter().flat_map(|cycle| &cycle.requests);
    all.filter(|request| request.is_done())
        .filter_map(figure)
        .collect()
}

/// The mean of each cycle.
fn repeats(cycles: &[&CycleState], figure: fn(&RequestRecord) -> Option<f64>) -> Vec<f64> {
    let mean = |cycle: &&CycleState| Moments::of(requests(&[cycle], figure)).map(|m| m.mean);
    cycles.iter().filter_map(mean).collect()
}

/// The figure of each cycle.
fn once(metric: Metric, run: &RunState, cycles: &[&CycleState]) -> Vec<f64> {
    let limits = limits(run);
    let of_cycle = |cycle: &&CycleState| match metric {
        Metric::Throughput => {
            crate::metrics::level::LevelMetrics::of(&[cycle], &limits).system_tok_s
        }
        Metric::Energy => crate::metrics::level::LevelMetrics::of_run(&[cycle], run).j_per_token,
        _ => None,
    };
    cycles.iter().filter_map(of_cycle).collect()
}

fn limits(run: &RunState) -> Limits {
    let info = run.info.as_ref();
    info.map(|info| info.plan.limits).unwrap_or_default()
}

/// The difference of two shares, in points (0.1 for 10 points).
pub(crate) fn between_shares(
    metric: Metric,
    users: u32,
    runs: [&RunState; 2],
) -> Option<Difference> {
    let [a, b] = runs.map(|run| {
        let limits = limits(run);
        let all = cycles(run, users)
            .into_iter()
            .flat_map(|cycle| &cycle.requests);
        let judged = all
            .filter_map(Sample::of)
            .filter_map(|sample| match metric {
                Metric::Errors => Some(sample.failed),
                _ => sample.meets_both(&limits),
            });
        judged.fold((0, 0), |(met, of), yes| (met + u64::from(yes), of + 1))
    });
    newcombe(a, b)
}
