//! Two or more runs side by side, level by level, with the differences that their samples can show.
//!
//! Intervals are 95 %. Requests that ran together are alike, so means are compared between rounds and shares by how many
//! independent requests they are worth, both as the gate does; where both runs have three repeats of a level or more, means
//! are compared between repeats (Welch), which also knows what changes from one repeat to the next. Steady throughput is
//! compared between the parts of its time; energy is one figure a repeat.

use serde::Serialize;

use crate::metrics::config_diff::{config_diff, names};
use crate::metrics::gate::between;
use crate::metrics::interval::{Difference, Moments, relative, welch};
use crate::metrics::level::{LevelMetrics, LevelSummary};
use crate::metrics::metric::{Metric, Outlet, Stat, Unit, shown};
use crate::metrics::state::{CycleState, RunState};
use crate::metrics::summary::Summary;
use crate::metrics::verdict::Capacity;
use crate::plan::Limits;
use crate::text::numbers::{UNKNOWN, decimal};

/// The name and version of the object's shape.
pub const SCHEMA: &str = "tokometer/comparison/2";

/// The metric whose noise shows within a cycle.
const STEADY: &str = "steady_tok_s";
/// From this many repeats on both sides, repeats are compared, not requests.
const REPEATS: usize = 3;

/// Runs side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// [`SCHEMA`].
    pub schema: String,
    /// The runs; differences are against the first.
    pub runs: Vec<RunHead>,
    /// What else is different: hardware, prompts, plan.
    pub warnings: Vec<String>,
    /// Levels that any of them ran, smallest first.
    pub levels: Vec<LevelComparison>,
}

/// One of the runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunHead {
    /// The run.
    pub id: String,
    /// What tells it from the other runs, in short; empty where nothing does.
    pub differs: String,
    /// The model.
    pub model: String,
    /// The server's name and version.
    pub server: Option<String>,
    /// Wall-clock time of its start.
    pub started_at: Option<chrono::DateTime<chrono::Utc>>,
    /// Whether the server was simulated.
    pub simulated: bool,
    /// How many users, by the mean.
    pub by_mean: Option<Capacity>,
    /// How many users, by the share of good requests.
    pub by_share: Option<Capacity>,
    /// Energy per output token of the whole run, idle included, joules.
    pub j_per_token: Option<f64>,
    /// What that energy covers.
    pub energy_scope: Option<String>,
}

/// One level of all runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelComparison {
    /// Users.
    pub users: u32,
    /// A row for each figure that at least one run knows.
    pub rows: Vec<Row>,
}

/// One figure of one level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Which.
    pub metric: &'static Metric,
    /// The value of each run; shares are 0–1.
    pub values: Vec<Option<f64>>,
    /// Whether the value of each run rests on tokens that the server did not count.
    pub estimated: Vec<bool>,
    /// How each run after the first differs from the first; absent where one of them does not know.
    pub changes: Vec<Option<Change>>,
}

/// How a run differs from the first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Change {
    /// The difference, in the unit of the values.
    pub absolute: f64,
    /// As a share of the first run's value (0.1 for 10 % more); for shares, the same as `absolute`.
    pub by: f64,
    /// Lower end of the interval of `by`; absent where the samples are too small for one.
    pub low: Option<f64>,
    /// Upper end of it.
    pub high: Option<f64>,
    /// Whether the interval leaves out 0: the samples show a difference.
    pub shown: bool,
}

impl Change {
    /// The change with its sign and, where there is one, its interval: `+12.3 % (+8.1 to +16.4)`; shares in
    /// points.
    pub fn text(&self, metric: &Metric) -> String {
        let unit = if is_share(metric) { "points" } else { "%" };
        let by = format!("{:+.1} {unit}", self.by * 100.0);
        match (self.low, self.high) {
            (Some(low), Some(high)) => {
                format!("{by} ({:+.1} to {:+.1})", low * 100.0, high * 100.0)
            }
            _ => by,
        }
    }

    /// The change, and in words whether the samples show it.
    pub fn sentence(&self, metric: &Metric) -> String {
        let text = self.text(metric);
        match self.low {
            Some(_) if self.shown => text,
            Some(_) => format!("{text}: no difference these samples can show"),
            None => format!("{text} (too few samples for an interval)"),
        }
    }
}

/// Whether it is a share: its differences are percentage points.
fn is_share(metric: &Metric) -> bool {
    metric.unit == Unit::Share
}

/// Decimals of a value: small durations and energies need more of them to be told apart.
pub fn digits(unit: Unit, value: f64) -> usize {
    match unit {
        Unit::Seconds if value.abs() < 1.0 => 3,
        Unit::JoulesPerToken if value.abs() < 0.0995 => 4,
        Unit::JoulesPerToken => 3,
        Unit::Share => 1,
        unit if unit.is_whole() => 0,
        _ => 2,
    }
}

/// A value in the table; `–` where it is not known.
pub fn value_text(metric: &Metric, value: Option<f64>) -> String {
    let Some(value) = value else {
        return UNKNOWN.to_owned();
    };
    let value = if is_share(metric) {
        value * 100.0
    } else {
        value
    };
    decimal(value, digits(metric.unit, value))
}

impl Row {
    /// The value of a run, as tables have it: `~` before an estimate, `–` where it is not known.
    pub fn text(&self, run: usize) -> String {
        let value = self.values.get(run).copied().flatten();
        let about = value.is_some() && self.estimated.get(run).copied().unwrap_or(false);
        format!(
            "{}{}",
            if about { "~" } else { "" },
            value_text(self.metric, value)
        )
    }
}

impl LevelComparison {
    /// The only run that has this level; None where several do.
    pub fn only(&self) -> Option<usize> {
        let knows = |run: &usize| {
            let mut rows = self.rows.iter();
            rows.any(|row| row.values.get(*run).is_some_and(Option::is_some))
        };
        let runs = self.rows.iter().map(|row| row.values.len()).max()?;
        let mut having = (0..runs).filter(knows);
        let first = having.next();
        first.filter(|_| having.next().is_none())
    }
}

impl Comparison {
    /// Compares runs with the first of them.
    pub fn new(runs: &[&RunState]) -> Self {
        let summaries: Vec<Summary> = runs.iter().map(|run| Summary::from_run(run)).collect();
        Self::from_summaries(runs, &summaries)
    }

    /// The same, from the summaries of the runs, in their order.
    pub fn from_summaries(runs: &[&RunState], summaries: &[Summary]) -> Self {
        let mut users: Vec<u32> = summaries
            .iter()
            .flat_map(|summary| &summary.cycles)
            .filter(|level| level.figures.is_whole())
            .map(|level| level.users)
            .collect();
        users.sort_unstable();
        users.dedup();
        let heads = runs.iter().zip(summaries).zip(names(runs));
        Self {
            schema: SCHEMA.to_owned(),
            runs: heads
                .map(|((run, summary), differs)| head(run, summary, differs))
                .collect(),
            warnings: config_diff(runs),
            levels: users
                .iter()
                .map(|users| level(*users, runs, summaries))
                .collect(),
        }
    }
}

fn head(run: &RunState, summary: &Summary, differs: String) -> RunHead {
    let target = summary.target.as_ref();
    let verdict = summary.verdict.as_ref();
    let energy = summary.energy.as_ref();
    RunHead {
        id: run
            .info
            .as_ref()
            .map_or_else(String::new, |info| info.id.clone()),
        differs,
        model: target.map_or_else(String::new, |target| target.model.clone()),
        server: target.and_then(|target| target.server.clone()),
        started_at: summary.started_at,
        simulated: summary.simulated,
        by_mean: verdict.map(|verdict| verdict.by_mean),
        by_share: verdict.map(|verdict| verdict.by_share),
        j_per_token: energy.and_then(|energy| energy.gross_j_per_token),
        energy_scope: energy.and_then(|energy| energy.scope.clone()),
    }
}

fn level(users: u32, runs: &[&RunState], summaries: &[Summary]) -> LevelComparison {
    let levels: Vec<Option<&LevelSummary>> = summaries
        .iter()
        .map(|summary| {
            let mut whole = summary.cycles.iter().filter(|l| l.figures.is_whole());
            whole.find(|level| level.users == users)
        })
        .collect();
    let rows = shown(Outlet::Compare)
        .into_iter()
        .filter_map(|(metric, _)| {
            let values: Vec<Option<f64>> = levels
                .iter()
                .map(|level| level.and_then(|level| metric.value(&level.figures, Stat::Mean)))
                .collect();
            let against = |run: usize| {
                let figures = |run: usize| Some(&levels.get(run)?.as_ref()?.figures);
                let value = |run: usize| values.get(run).copied().flatten();
                let pair = Pair {
                    users,
                    runs: [runs.first()?, runs.get(run)?],
                    figures: [figures(0)?, figures(run)?],
                };
                Some(pair.difference(metric, [value(0)?, value(run)?]))
            };
            let about = |level: Option<&LevelSummary>| {
                level.is_some_and(|level| !metric.about(&level.figures).is_empty())
            };
            let estimated = levels.iter().copied().map(about).collect();
            let changes = (1..runs.len()).map(against).collect();
            let known = values.iter().any(Option::is_some);
            known.then_some(Row {
                metric,
                values,
                estimated,
                changes,
            })
        });
    LevelComparison {
        users,
        rows: rows.collect(),
    }
}

/// A level of both runs.
struct Pair<'a> {
    users: u32,
    runs: [&'a RunState; 2],
    figures: [&'a LevelMetrics; 2],
}

impl Pair<'_> {
    fn difference(&self, metric: &Metric, [was, is]: [f64; 2]) -> Change {
        let interval = if metric.counts.is_some() || metric.request.is_some() {
            self.by_repeat(metric)
                .or_else(|| between(metric, self.users, self.runs))
        } else if metric.key == STEADY {
            self.by_repeat(metric).or_else(|| self.by_parts())
        } else {
            self.once(metric)
        };
        change(metric, was, is, interval)
    }

    fn cycles(&self) -> [Vec<&CycleState>; 2] {
        self.runs.map(|run| cycles(run, self.users))
    }

    /// Between the means of repeats, where both have enough of them. Shares are always those of requests.
    fn by_repeat(&self, metric: &Metric) -> Option<Difference> {
        let are_enough = self.cycles().iter().all(|cycles| cycles.len() >= REPEATS);
        (are_enough && metric.counts.is_none()).then(|| self.once(metric))?
    }

    /// Between the figures that each cycle has once.
    fn once(&self, metric: &Metric) -> Option<Difference> {
        let [first, second] = self.cycles();
        let [a, b] = self.runs;
        let a = Moments::from_values(once(metric, a, &first))?;
        let b = Moments::from_values(once(metric, b, &second))?;
        if is_share(metric) {
            return Some(welch(&a, &b));
        }
        relative(&a, &b)
    }

    /// Between the parts into which the time of full load is cut.
    fn by_parts(&self) -> Option<Difference> {
        let [a, b] = self.figures.map(|figures| figures.steady_parts.moments());
        relative(&a?, &b?)
    }
}

/// The change from `was` to `is`, with the interval of its `by`.
fn change(metric: &Metric, was: f64, is: f64, interval: Option<Difference>) -> Change {
    let absolute = is - was;
    let by = if is_share(metric) {
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

/// The whole cycles of a level.
fn cycles(run: &RunState, users: u32) -> Vec<&CycleState> {
    let of_level = run.cycles.iter().filter(|cycle| cycle.users == users);
    of_level.filter(|cycle| cycle.is_whole()).collect()
}

/// The figure of each cycle.
fn once(metric: &Metric, run: &RunState, cycles: &[&CycleState]) -> Vec<f64> {
    let limits = limits(run);
    let of_cycle = |cycle: &&CycleState| metric.value(&cycle.metrics(&limits), Stat::Mean);
    cycles.iter().filter_map(of_cycle).collect()
}

fn limits(run: &RunState) -> Limits {
    let info = run.info.as_ref();
    info.map(|info| info.plan.limits).unwrap_or_default()
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
