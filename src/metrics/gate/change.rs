//! Conditions on what changed from the first run to the others.

use std::collections::BTreeSet;

use crate::event::RequestRecord;
use crate::metrics::condition::{Condition, Figure, Threshold};
use crate::metrics::gate::estimate::{
    self, Estimate, Pooled, Values, pool, pool_between, times_to_decide,
};
use crate::metrics::gate::{
    Decision, REPEATS, Ruling, at_levels, counted_by, cycles, ends, judge, limits, more,
    pool_shares, request_values, share, what_would_decide, whole_levels,
};
use crate::metrics::interval::{Difference, newcombe_worth};
use crate::metrics::metric::{Metric, Stat, Unit};
use crate::metrics::state::RunState;
use crate::text::numbers::{counted, letter, signed, users};

/// Judges what changed from the first run to each of the others: first the levels that all of them must have, then the
/// conditions in their order.
pub fn changes(conditions: &[Condition], runs: &[&RunState]) -> Vec<Ruling> {
    let Some((first, others)) = runs.split_first() else {
        return Vec::new();
    };
    let mut rulings = Vec::new();
    for (number, other) in (1..).zip(others) {
        let pair = Pair {
            runs: [first, other],
            number,
        };
        if conditions.iter().any(|condition| condition.level.is_none()) {
            rulings.extend(pair.missing());
        }
        for condition in conditions {
            let mut ruling = pair.judge(condition);
            ruling.run = Some(number);
            rulings.push(ruling);
        }
    }
    rulings
}

/// A run and what it is compared with.
struct Pair<'a> {
    runs: [&'a RunState; 2],
    number: usize,
}

impl Pair<'_> {
    /// The levels that either plan names and one of them lacks. Those that a run found on its own are no plan's.
    fn missing(&self) -> Vec<Ruling> {
        let planned = self.runs.iter().filter_map(|run| run.info.as_ref());
        let planned = planned.filter(|info| info.plan.settle.is_none());
        let planned = planned.flat_map(|info| info.plan.levels.iter().copied());
        let all: BTreeSet<u32> = planned.collect();
        let ruling = |level: u32| {
            let (run, seen) = self.missing_reason(level)?;
            Some(Ruling {
                condition: format!("{} in both runs", users(level)),
                run: Some(run),
                decision: Decision::Failed,
                seen,
                wanted: String::new(),
            })
        };
        all.into_iter().filter_map(ruling).collect()
    }

    /// Which of the runs alone lacks a level, and why. What neither has, or both failed, is not a change.
    fn missing_reason(&self, level: u32) -> Option<(usize, String)> {
        let [a, b] = self.runs.map(|run| missing_reason(run, level));
        let (run, why) = match (a, b) {
            (Some(why), None) => (0, why),
            (None, Some(why)) => (self.number, why),
            _ => return None,
        };
        Some((
            run,
            format!("{}: {why} in run {}", users(level), letter(run)),
        ))
    }

    /// The levels that both have.
    fn levels(&self, condition: &Condition) -> Vec<u32> {
        let [a, b] = self.runs.map(whole_levels);
        let both = a.into_iter().filter(|users| b.contains(users));
        both.filter(|users| condition.level.is_none_or(|level| level == *users))
            .collect()
    }

    fn judge(&self, condition: &Condition) -> Ruling {
        let Figure::Of(metric, stat) = condition.figure else {
            return unknown(condition);
        };
        if let Some((_, seen)) = condition.level.and_then(|level| self.missing_reason(level)) {
            return Ruling::new(condition, Decision::Failed, seen);
        }
        let levels = self.levels(condition);
        if counted_by(metric, limits(self.runs[0])).is_some() {
            return self.judge_share(condition, metric, &levels);
        }
        let in_parts =
            metric.unit != Unit::Share && matches!(condition.threshold, Threshold::Part(_));
        let by_request = metric.request.filter(|_| stat == Stat::Mean);
        let pairs = levels.iter().filter_map(|users| {
            let values = match by_request {
                Some(figure) => self.by_request(*users, figure),
                None => self.runs.map(|run| cycle_values(run, *users, metric, stat)),
            };
            let requests = self.runs.map(|run| requests(run, *users));
            let [a, b] = &values;
            let mut estimate = estimate::change(*users, [a, b], in_parts)?;
            if by_request.is_none() {
                estimate.weight = requests[0].min(requests[1]) as f64;
            }
            let repeated = values.iter().all(|values| values.all.len() >= REPEATS);
            Some((estimate, requests[1], repeated))
        });
        let pairs: Vec<(Estimate, u64, bool)> = pairs.collect();
        let all_repeated = pairs.iter().all(|(.., repeated)| *repeated);
        let estimates: Vec<Estimate> = pairs.iter().map(|(e, ..)| e.clone()).collect();
        let pooled = if by_request.is_some() || all_repeated {
            pool(&estimates)
        } else {
            pool_between(&estimates)
        };
        let Some(pooled) = pooled else {
            return unknown(condition);
        };
        let (Threshold::Part(threshold) | Threshold::Unit(threshold)) = condition.threshold;
        let decision = judge(condition, pooled.interval, threshold);
        let asked = pairs.iter().map(|(_, requests, _)| requests).sum();
        let users: Vec<u32> = estimates.iter().map(|estimate| estimate.users).collect();
        let seen = format!(
            "{} at {}, {} of run {}",
            change_text(&pooled, metric, in_parts),
            at_levels(&users),
            counted(asked, "request", "requests"),
            letter(self.number),
        );
        let mut ruling = Ruling::new(condition, decision, seen);
        if decision == Decision::Inconclusive {
            ruling.wanted = if by_request.is_none() && pooled.interval.is_none() {
                "a single figure has no interval: run with --repeat 3".to_owned()
            } else {
                what_would_decide(condition, &pooled, threshold, asked)
            };
        }
        ruling
    }

    /// A number of each request of a level, in both runs.
    fn by_request(&self, users: u32, figure: fn(&RequestRecord) -> Option<f64>) -> [Values; 2] {
        let cycles = self.runs.map(|run| cycles(run, users));
        let by_repeat = cycles.iter().all(|cycles| cycles.len() >= REPEATS);
        cycles.map(|cycles| request_values(&cycles, by_repeat, figure))
    }

    /// Shares of requests differ in points.
    fn judge_share(&self, condition: &Condition, metric: &Metric, levels: &[u32]) -> Ruling {
        let mut sides = [Vec::new(), Vec::new()];
        let (mut asked, mut seen) = (0, Vec::new());
        for level in levels {
            let shares = self.runs.map(|run| {
                let counts = counted_by(metric, limits(run))?;
                share(run, *level, &counts)
            });
            let [Some(a), Some(b)] = shares else { continue };
            let weight = a.of.min(b.of) as f64;
            for (side, share) in sides.iter_mut().zip([a, b]) {
                side.push((weight, share));
            }
            asked += b.of;
            seen.push(*level);
        }
        let [a, b] = sides.map(|side| pool_shares(&side));
        let (Some((was, of_a)), Some((is, of_b))) = (a, b) else {
            return unknown(condition);
        };
        let (Threshold::Part(threshold) | Threshold::Unit(threshold)) = condition.threshold;
        let interval = |times: f64| {
            let (of_a, of_b) = (of_a * times, of_b * times);
            newcombe_worth((was * of_a, of_a), (is * of_b, of_b)).and_then(ends)
        };
        let pooled = Pooled {
            value: is - was,
            interval: interval(1.0),
        };
        let decision = judge(condition, pooled.interval, threshold);
        let seen = format!(
            "{} at {}, {} of run {}",
            change_text(&pooled, metric, false),
            at_levels(&seen),
            counted(asked, "request", "requests"),
            letter(self.number),
        );
        let mut ruling = Ruling::new(condition, decision, seen);
        if decision == Decision::Inconclusive {
            let decided = |times: f64| judge(condition, interval(times), threshold) != decision;
            ruling.wanted = more(times_to_decide(decided), asked);
        }
        ruling
    }
}

/// How a share, or the mean of a number of each request, changed at one level, as a condition on that level sees it.
pub(crate) fn between(metric: &Metric, users: u32, runs: [&RunState; 2]) -> Option<Difference> {
    if counted_by(metric, limits(runs[0])).is_some() {
        let [a, b] = runs.map(|run| {
            let share = share(run, users, &counted_by(metric, limits(run))?)?;
            Some((
                share.met as f64 / share.of as f64 * share.worth,
                share.worth,
            ))
        });
        return newcombe_worth(a?, b?);
    }
    let number = 0;
    let values = Pair { runs, number }.by_request(users, metric.request?);
    let [a, b] = &values;
    let estimate = estimate::change(users, [a, b], metric.unit != Unit::Share)?;
    let pooled = pool(&[estimate])?;
    Some(Difference {
        by: pooled.value,
        low: pooled.interval.map(|(low, _)| low),
        high: pooled.interval.map(|(_, high)| high),
    })
}

fn unknown(condition: &Condition) -> Ruling {
    let place = condition.level.map_or_else(
        || "no level has this metric in both runs".to_owned(),
        |level| format!("this metric is not known at {} in both runs", users(level)),
    );
    Ruling::new(condition, Decision::Unknown, place)
}

/// Why a level of a run cannot be compared.
fn missing_reason(run: &RunState, level: u32) -> Option<&'static str> {
    let of_level = || run.cycles.iter().filter(|cycle| cycle.users == level);
    if of_level().next().is_none() {
        return Some("it did not run");
    }
    let whole = cycles(run, level);
    if whole.is_empty() {
        return Some("its cycle is incomplete");
    }
    let succeeded = whole.iter().any(|cycle| cycle.succeeded().next().is_some());
    (!succeeded).then_some("every request failed")
}

/// A figure that each cycle has once.
fn cycle_values(run: &RunState, users: u32, metric: &Metric, stat: Stat) -> Values {
    let limits = limits(run);
    let cycles = cycles(run, users);
    let values = (0..).zip(cycles).filter_map(|(number, cycle)| {
        let value = metric.value(&cycle.metrics(&limits), stat)?;
        Some(((number, 0), value))
    });
    Values {
        all: values.collect(),
    }
}

/// Requests of a level that finished.
fn requests(run: &RunState, users: u32) -> u64 {
    let cycles = cycles(run, users);
    cycles.iter().map(|cycle| cycle.finished() as u64).sum()
}

/// "-3.0 % (-4.1 to -1.9)".
fn change_text(pooled: &Pooled, metric: &Metric, in_parts: bool) -> String {
    let (unit, times, digits) = if in_parts {
        (" %", 100.0, 1)
    } else if metric.unit == Unit::Share {
        (" points", 100.0, 1)
    } else {
        ("", 1.0, if pooled.value.abs() < 1.0 { 3 } else { 2 })
    };
    let one = |value: f64| signed(value * times, digits);
    let unit = if unit.is_empty() {
        format!(" {}", metric.unit.symbol()).trim_end().to_owned()
    } else {
        unit.to_owned()
    };
    match pooled.interval {
        Some((low, high)) => format!(
            "{}{unit} ({} to {})",
            one(pooled.value),
            one(low),
            one(high)
        ),
        None => format!("{}{unit}", one(pooled.value)),
    }
}
