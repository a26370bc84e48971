//! Whether runs pass the conditions of a gate, and where they do not say: how many more requests would.
//!
//! A condition is met where a whole 95 % interval lies beyond its threshold, and not met where it lies wholly short of
//! it. Nothing else is decided: a server compared with itself must not fail by chance.

mod change;
mod estimate;
mod run;

use serde::Serialize;

use crate::event::RequestRecord;
use crate::metrics::condition::Condition;
use crate::metrics::gate::estimate::{Pooled, Values, times_to_decide};
use crate::metrics::interval::Difference;
use crate::metrics::metric::{Metric, Unit};
use crate::metrics::sample::Sample;
use crate::metrics::state::{CycleState, RunState};
use crate::metrics::verdict::trials::{GAP_S, Outcome, design_effect};
use crate::plan::Limits;
use crate::text::numbers::{counted, decimal, floor_u64};

pub(crate) use change::between;
pub use change::changes;
pub use run::judge_run;

/// In place of what would decide a condition.
const TOO_CLOSE: &str = "too close to the threshold to decide";

/// From this many repeats on both sides, repeats are compared, not rounds.
const REPEATS: usize = 3;

/// What became of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Decision {
    Passed,
    /// The intervals hold the threshold.
    Inconclusive,
    Failed,
    /// Nothing to judge it by.
    Unknown,
}

/// A condition that was judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ruling {
    /// The condition as it was written, or what else must be given.
    pub condition: String,
    /// The run that it is about, where there are several.
    #[serde(skip)]
    pub run: Option<usize>,
    pub decision: Decision,
    /// What was seen.
    pub seen: String,
    /// What would decide it; empty where it is decided.
    pub wanted: String,
}

impl Ruling {
    fn new(condition: &Condition, decision: Decision, seen: String) -> Self {
        Self {
            condition: condition.text.clone(),
            run: None,
            decision,
            seen,
            wanted: String::new(),
        }
    }

    /// What was seen, and what would decide it.
    pub fn text(&self) -> String {
        if self.wanted.is_empty() {
            self.seen.clone()
        } else {
            format!("{}; {}", self.seen, self.wanted)
        }
    }
}

/// Judges an interval.
fn judge(condition: &Condition, interval: Option<(f64, f64)>, threshold: f64) -> Decision {
    match interval.and_then(|interval| condition.decide(interval, threshold)) {
        Some(true) => Decision::Failed,
        Some(false) => Decision::Passed,
        None => Decision::Inconclusive,
    }
}

/// What would decide it, of a number whose interval narrows with the root of its requests.
fn what_would_decide(
    condition: &Condition,
    pooled: &Pooled,
    threshold: f64,
    requests: u64,
) -> String {
    let Some((low, high)) = pooled.interval else {
        return "too few requests for an interval".to_owned();
    };
    let half = (high - low) / 2.0;
    let decided = |times: f64| {
        let half = half / times.sqrt();
        let interval = (pooled.value - half, pooled.value + half);
        condition.decide(interval, threshold).is_some()
    };
    more(times_to_decide(decided), requests)
}

/// "about 120 more requests would decide it".
fn more(times: Option<f64>, requests: u64) -> String {
    let Some(times) = times else {
        return TOO_CLOSE.to_owned();
    };
    let more = floor_u64((requests as f64 * (times - 1.0)).ceil()).max(1);
    let more = counted(more, "more request", "more requests");
    format!(
        "about {more} would decide it ({} times as many)",
        decimal(times, 1)
    )
}

/// The plan of a run, as far as the limits.
fn limits(run: &RunState) -> Limits {
    let info = run.info.as_ref();
    info.map(|info| info.plan.limits).unwrap_or_default()
}

/// The whole cycles of a level.
fn cycles(run: &RunState, users: u32) -> Vec<&CycleState> {
    let of_level = run.cycles.iter().filter(|cycle| cycle.users == users);
    of_level.filter(|cycle| cycle.is_whole()).collect()
}

/// The levels that have a whole cycle, smallest first.
fn whole_levels(run: &RunState) -> Vec<u32> {
    let whole = run.cycles.iter().filter(|cycle| cycle.is_whole());
    let mut users: Vec<u32> = whole.map(|cycle| cycle.users).collect();
    users.sort_unstable();
    users.dedup();
    users
}

/// A number of each request that succeeded.
fn request_values(
    cycles: &[&CycleState],
    by_repeat: bool,
    figure: fn(&RequestRecord) -> Option<f64>,
) -> Values {
    let mut all = Vec::new();
    for (number, cycle) in (0..).zip(cycles) {
        for request in cycle.succeeded() {
            let round = if by_repeat { 0 } else { request.round };
            let value = figure(request).filter(|value| value.is_finite());
            all.extend(value.map(|value| ((number, round), value)));
        }
    }
    Values { all }
}

/// Says of a finished request whether it counts among a share; None where that is not known.
type Counts<'a> = &'a dyn Fn(&RequestRecord, &Sample) -> Option<bool>;

/// A share of the requests of a level.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Share {
    met: u64,
    of: u64,
    /// Independent requests that these are worth.
    worth: f64,
}

/// Of requests that finished. Those of the same time or of the same user are alike.
fn share(run: &RunState, users: u32, counts: Counts<'_>) -> Option<Share> {
    let seconds = run.info.as_ref().map_or(1.0, |info| info.plan.time_scale);
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut at_s = 0.0;
    for cycle in cycles(run, users) {
        let mut requests: Vec<&RequestRecord> = cycle.requests.iter().collect();
        requests.sort_by_key(|request| request.sent);
        let mut before = None;
        for request in requests {
            let gap = before.map_or(0.0, |before| request.sent.since(before));
            before = Some(request.sent);
            at_s += (gap * seconds).min(GAP_S);
            let sample = Sample::from_request(request);
            let good = sample.and_then(|sample| counts(request, &sample));
            let user = request.user;
            outcomes.extend(good.map(|good| Outcome { user, at_s, good }));
        }
    }
    let of = outcomes.len() as u64;
    (of > 0).then(|| Share {
        met: outcomes.iter().filter(|outcome| outcome.good).count() as u64,
        of,
        worth: of as f64 / design_effect(&outcomes, users).max(1.0),
    })
}

/// Shares of several levels, by their weights: the share, and how many independent requests it is worth.
fn pool_shares(levels: &[(f64, Share)]) -> Option<(f64, f64)> {
    let whole: f64 = levels.iter().map(|(weight, _)| weight).sum();
    let part = |(weight, share): &(f64, Share)| weight / whole * share.met as f64 / share.of as f64;
    let spread = |(weight, share): &(f64, Share)| (weight / whole).powi(2) / share.worth;
    let (share, spread): (f64, f64) = (
        levels.iter().map(part).sum(),
        levels.iter().map(spread).sum(),
    );
    (whole > 0.0).then(|| (share, 1.0 / spread))
}

/// The ends of a difference.
fn ends(difference: Difference) -> Option<(f64, f64)> {
    difference.low.zip(difference.high)
}

/// For a share of the requests: whether a request counts toward it.
fn counted_by(
    metric: &Metric,
    limits: Limits,
) -> Option<impl Fn(&RequestRecord, &Sample) -> Option<bool>> {
    let counts = metric.counts?;
    Some(move |_: &RequestRecord, sample: &Sample| counts(sample, &limits))
}

/// A value with its unit.
fn written(metric: &Metric, value: f64) -> String {
    if metric.unit == Unit::Share {
        return format!("{} %", decimal(value * 100.0, 1));
    }
    let digits = match value.abs() {
        _ if metric.unit.is_whole() => 0,
        small if small < 1.0 => 3,
        middle if middle < 100.0 => 2,
        _ => 1,
    };
    let unit = metric.unit.symbol();
    let blank = if unit.is_empty() { "" } else { " " };
    format!("{}{blank}{unit}", decimal(value, digits))
}

/// "1, 2 and 4 users".
fn at_levels(users: &[u32]) -> String {
    match users {
        [] => "no level".to_owned(),
        [one] => crate::text::numbers::users(*one),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(ToString::to_string).collect();
            format!("{} and {last} users", first.join(", "))
        }
    }
}

#[cfg(test)]
mod tests;
