//! Conditions on one run.

use crate::event::RequestRecord;
use crate::metrics::condition::{Carried, Condition, Figure, Threshold};
use crate::metrics::gate::estimate::{Estimate, Pooled, Values, mean, pool, times_to_decide};
use crate::metrics::gate::{
    Counts, Decision, Ruling, Share, TOO_CLOSE, at_levels, counted_by, cycles, judge, limits, more,
    pool_shares, request_values, share, what_would_decide, whole_levels, written,
};
use crate::metrics::metric::{Metric, Stat, Unit};
use crate::metrics::sample::Sample;
use crate::metrics::state::RunState;
use crate::metrics::verdict::{Judgment, LevelVerdict, State, Verdict};
use crate::metrics::wilson::wilson_worth;
use crate::text::numbers::{counted, floor_u64, u32_of, users};

fn judged(level: &LevelVerdict, by: Carried) -> Judgment {
    match by {
        Carried::Both => level.both,
        Carried::Wait => level.wait,
        Carried::Speed => level.speed,
    }
}

/// Judges one run.
pub fn judge_run(conditions: &[Condition], run: &RunState) -> Vec<Ruling> {
    let judge = |condition| One { run, condition }.judge();
    conditions.iter().map(judge).collect()
}

/// A condition and the run that it is about.
#[derive(Clone, Copy)]
struct One<'a> {
    run: &'a RunState,
    condition: &'a Condition,
}

impl One<'_> {
    fn judge(self) -> Ruling {
        match self.condition.figure {
            Figure::Users(by) => self.users(by),
            Figure::Of(metric, stat) => {
                let levels = self.levels();
                let ruling = self.figure(metric, stat, &levels);
                ruling.unwrap_or_else(|| self.unknown(metric, &levels))
            }
        }
    }

    fn unknown(self, metric: &Metric, levels: &[u32]) -> Ruling {
        let seen = match (self.condition.level, levels) {
            (Some(level), []) => format!("no complete cycle of {}", users(level)),
            (None, []) => "no cycle is complete".to_owned(),
            (_, levels) => format!("{} is not known at {}", metric.key, at_levels(levels)),
        };
        Ruling::new(self.condition, Decision::Unknown, seen)
    }

    /// The levels it is about: the one it names, else all of the plan; of a run that found its own levels the one
    /// that its answer names, since the others were asked to find where it fails.
    fn levels(self) -> Vec<u32> {
        let mut levels = whole_levels(self.run);
        if let Some(level) = self.condition.level {
            levels.retain(|users| *users == level);
        } else if self.settles() {
            let verdict = Verdict::from_run(self.run);
            let headline = verdict.as_ref().and_then(Verdict::headline);
            let headline = headline.map(|level| level.users);
            levels.retain(|users| headline == Some(*users));
        }
        levels
    }

    fn settles(self) -> bool {
        let info = self.run.info.as_ref();
        info.is_some_and(|info| info.plan.settle.is_some())
    }

    fn threshold(self) -> f64 {
        let (Threshold::Part(threshold) | Threshold::Unit(threshold)) = self.condition.threshold;
        threshold
    }

    /// Whether the server carries so many users, by the verdict's states.
    fn users(self, by: Carried) -> Ruling {
        let verdict = Verdict::from_run(self.run).unwrap_or_default();
        let need = self.need();
        let Some(need) = need.filter(|need| *need > 0) else {
            let decision = if self.condition.below {
                Decision::Passed
            } else {
                Decision::Failed
            };
            return Ruling::new(self.condition, decision, "true for every server".to_owned());
        };
        let is = |level: &&LevelVerdict, state| judged(level, by).state == Some(state);
        let mut levels = verdict.levels.iter();
        // More users are never easier.
        let holds = levels
            .clone()
            .find(|level| level.users >= need && is(level, State::Holds));
        let fails = levels
            .clone()
            .rfind(|level| level.users <= need && is(level, State::Fails));
        let (carried, level) = match (holds, fails) {
            (Some(level), _) => (Some(true), Some(level)),
            (None, Some(level)) => (Some(false), Some(level)),
            (None, None) => (None, levels.find(|level| level.users == need)),
        };
        let decision = match carried {
            None => Decision::Inconclusive,
            Some(carried) if carried == self.condition.below => Decision::Passed,
            Some(_) => Decision::Failed,
        };
        let Some(level) = level else {
            let none = verdict.levels.is_empty();
            let seen = if none {
                "no request could be judged".to_owned()
            } else {
                format!("{} were not tried", users(need))
            };
            let mut ruling = Ruling::new(self.condition, decision, seen);
            ruling.wanted = format!("run with --users {need} --duration 2m");
            return ruling;
        };
        self.users_ruling(decision, level, judged(level, by))
    }

    fn users_ruling(self, decision: Decision, level: &LevelVerdict, judgment: Judgment) -> Ruling {
        let state = judgment.state.map(|state| state.to_string());
        let state = match state {
            Some(state) => format!("{}: {state}", users(level.users)),
            None if level.drifting => format!("{}: the share still drifts", users(level.users)),
            None => format!("{}: not judged", users(level.users)),
        };
        let requests = counted(judgment.of, "request", "requests");
        let seen = format!("{state} ({} of {requests} met the limits)", judgment.met);
        let mut ruling = Ruling::new(self.condition, decision, seen);
        if decision == Decision::Inconclusive {
            ruling.wanted = match judgment.more_to_decide.filter(|more| *more > 0) {
                Some(requests) => {
                    let more = counted(requests, "more request", "more requests");
                    format!("about {more} at {} would decide it", users(level.users))
                }
                None => TOO_CLOSE.to_owned(),
            };
        }
        ruling
    }

    /// How many users must be carried for a condition from below not to be met, or for one from above to be met.
    fn need(self) -> Option<u32> {
        let threshold = self.threshold();
        let whole = if self.condition.below == self.condition.or_equal {
            threshold.floor() + 1.0
        } else {
            threshold.ceil()
        };
        (whole >= 0.0).then(|| u32::try_from(floor_u64(whole)).unwrap_or(u32::MAX))
    }

    fn figure(self, metric: &Metric, stat: Stat, levels: &[u32]) -> Option<Ruling> {
        let limits = limits(self.run);
        if let Some(counts) = counted_by(metric, limits) {
            let what = if metric.key == "error_rate" {
                "failed"
            } else {
                "met the limits"
            };
            return self.share(levels, &counts, what);
        }
        let part = match stat {
            Stat::P1 => Some(0.01),
            Stat::P5 => Some(0.05),
            Stat::P50 => Some(0.5),
            Stat::P95 => Some(0.95),
            Stat::P99 => Some(0.99),
            Stat::Mean | Stat::Min | Stat::Max | Stat::P95Upper | Stat::P99Upper => None,
        };
        match (metric.request, part) {
            (Some(figure), Some(part)) => self.percentile(metric, levels, figure, part),
            (Some(figure), None) if stat == Stat::Mean && !metric.unit.is_whole() => {
                self.mean(metric, levels, figure)
            }
            _ => self.known(metric, stat, levels),
        }
    }

    /// A share of the requests.
    fn share(self, levels: &[u32], counts: Counts<'_>, what: &str) -> Option<Ruling> {
        let (share, worth, met, of) = self.pooled_share(levels, counts)?;
        let threshold = self.threshold();
        let interval = |times: f64| wilson_worth(share * worth * times, worth * times);
        let decision = judge(self.condition, interval(1.0), threshold);
        let seen = format!(
            "{met} of {of} requests {what} ({}) at {}",
            percent_within(share, interval(1.0)),
            at_levels(levels)
        );
        let mut ruling = Ruling::new(self.condition, decision, seen);
        if decision == Decision::Inconclusive {
            let decided = |times| judge(self.condition, interval(times), threshold) != decision;
            ruling.wanted = more(times_to_decide(decided), of);
        }
        Some(ruling)
    }

    /// The share, its worth, and the requests behind it.
    fn pooled_share(self, levels: &[u32], counts: Counts<'_>) -> Option<(f64, f64, u64, u64)> {
        let shares = levels
            .iter()
            .filter_map(|users| share(self.run, *users, counts));
        let shares: Vec<(f64, Share)> = shares.map(|share| (share.of as f64, share)).collect();
        let (share, worth) = pool_shares(&shares)?;
        let (met, of) = shares.iter().fold((0, 0), |(met, of), (_, share)| {
            (met + share.met, of + share.of)
        });
        Some((share, worth, met, of))
    }

    /// A percentile lies beyond a value if more than its share of the requests does: no more is assumed of them.
    fn percentile(
        self,
        metric: &Metric,
        levels: &[u32],
        figure: fn(&RequestRecord) -> Option<f64>,
        part: f64,
    ) -> Option<Ruling> {
        let threshold = self.threshold();
        let below = self.condition.below;
        let beyond = |request: &RequestRecord, _: &Sample| {
            let value = figure(request).filter(|_| request.is_done())?;
            Some(self.condition.is_met_by(value, threshold))
        };
        let (share, worth, met, of) = self.pooled_share(levels, &beyond)?;
        let may = if below { part } else { 1.0 - part };
        let interval = |times: f64| wilson_worth(share * worth * times, worth * times);
        let decide = |times: f64| match interval(times) {
            Some((low, _)) if low > may => Decision::Failed,
            Some((_, high)) if high <= may => Decision::Passed,
            _ => Decision::Inconclusive,
        };
        let decision = decide(1.0);
        let side = if below { "below" } else { "above" };
        let seen = format!(
            "{met} of {of} requests are {side} {} ({}) where {} may be, at {}",
            written(metric, threshold),
            percent_within(share, interval(1.0)),
            percent(may),
            at_levels(levels)
        );
        let mut ruling = Ruling::new(self.condition, decision, seen);
        if decision == Decision::Inconclusive {
            ruling.wanted = more(times_to_decide(|times| decide(times) != decision), of);
        }
        Some(ruling)
    }

    /// A mean of the requests.
    fn mean(
        self,
        metric: &Metric,
        levels: &[u32],
        figure: fn(&RequestRecord) -> Option<f64>,
    ) -> Option<Ruling> {
        let of_level = |users: &u32| {
            let values = request_values(&cycles(self.run, *users), false, figure);
            let estimate = mean(*users, &values)?;
            Some((estimate, values.all.len() as u64))
        };
        let (estimates, asked): (Vec<Estimate>, Vec<u64>) =
            levels.iter().filter_map(of_level).unzip();
        let pooled = pool(&estimates)?;
        let asked = asked.into_iter().sum();
        let requests = counted(asked, "request", "requests");
        Some(
            self.interval(metric, &pooled, levels, &format!(", {requests}"), || {
                what_would_decide(self.condition, &pooled, self.threshold(), asked)
            }),
        )
    }

    /// What a level knows once: counts and extremes are facts, rates want repeats.
    fn known(self, metric: &Metric, stat: Stat, levels: &[u32]) -> Option<Ruling> {
        let limits = limits(self.run);
        let of_level = |users: &u32| {
            let of_cycle = |(number, cycle): (u32, &&crate::metrics::state::CycleState)| {
                let value = metric.value(&cycle.metrics(&limits), stat)?;
                Some(((number, 0), value))
            };
            let cycles = cycles(self.run, *users);
            Values {
                all: (0..).zip(&cycles).filter_map(of_cycle).collect(),
            }
        };
        let levels_values: Vec<Values> = levels.iter().map(of_level).collect();
        let all = || {
            levels_values
                .iter()
                .flat_map(|values| &values.all)
                .map(|(_, v)| *v)
        };
        all().next()?;
        let is_fact = metric.unit.is_whole()
            || matches!(metric.unit, Unit::Joules | Unit::Share)
            || matches!(stat, Stat::Min | Stat::Max)
            || metric.key == "duration_s";
        if is_fact {
            let is_sum = metric.unit.is_whole() && !metric.key.contains("_max")
                || metric.unit == Unit::Joules
                || metric.key == "duration_s";
            let value = match stat {
                _ if is_sum => all().sum(),
                Stat::Min => all().fold(f64::INFINITY, f64::min),
                Stat::Max => all().fold(f64::NEG_INFINITY, f64::max),
                _ if self.condition.below => all().fold(f64::INFINITY, f64::min),
                _ => all().fold(f64::NEG_INFINITY, f64::max),
            };
            let decision = judge(self.condition, Some((value, value)), self.threshold());
            let seen = format!("{} at {}", written(metric, value), at_levels(levels));
            return Some(Ruling::new(self.condition, decision, seen));
        }
        let estimates = levels.iter().zip(&levels_values);
        let estimates: Vec<Estimate> = estimates
            .filter_map(|(users, values)| mean(*users, values))
            .collect();
        let pooled = pool(&estimates)?;
        let repeats = u32_of(all().count());
        let cycles = format!(", {}", counted(repeats, "cycle", "cycles"));
        Some(self.interval(metric, &pooled, levels, &cycles, || {
            if pooled.interval.is_some() {
                what_would_decide(self.condition, &pooled, self.threshold(), repeats.into())
                    .replace("request", "cycle")
            } else {
                "a single figure has no interval: run with --repeat 3".to_owned()
            }
        }))
    }

    fn interval(
        self,
        metric: &Metric,
        pooled: &Pooled,
        levels: &[u32],
        of: &str,
        wanted: impl Fn() -> String,
    ) -> Ruling {
        let decision = judge(self.condition, pooled.interval, self.threshold());
        let range = pooled.interval.map_or_else(String::new, |(low, high)| {
            // Nothing that is measured of a request can be below 0.
            let low = low.max(0.0);
            format!(
                " (95 % CI {} to {})",
                written(metric, low),
                written(metric, high)
            )
        });
        let value = written(metric, pooled.value);
        let seen = format!("{value}{range} at {}{of}", at_levels(levels));
        let mut ruling = Ruling::new(self.condition, decision, seen);
        if decision == Decision::Inconclusive {
            ruling.wanted = wanted();
        }
        ruling
    }
}

fn percent(share: f64) -> String {
    crate::text::numbers::percent(Some(share), 1).replace(".0 %", " %")
}

/// "3.1 %, 95 % CI 1.1 % to 8.6 %".
fn percent_within(share: f64, interval: Option<(f64, f64)>) -> String {
    let range = interval.map_or_else(String::new, |(low, high)| {
        format!(", 95 % CI {} to {}", percent(low), percent(high))
    });
    format!("{}{range}", percent(share))
}
