//! Which requests of a level count, and how many independent ones they are worth.
//!
//! *N users* means N that always ask. A request shows that if it was sent and ended while all N were in flight, if it
//! is not among the burst in which a cycle begins, and if every request that was sent before it has ended, too, or is
//! known to have missed the wait: what ends first is quick.

use crate::event::Stamp;
use crate::metrics::sample::Sample;
use crate::metrics::state::CycleState;
use crate::plan::Limits;

/// Requests of one such stretch of time are alike: the server was quick or slow for all of them. Seconds.
pub(crate) const STRETCH_S: f64 = 10.0;
/// What the requests of a stretch are worth at the most, until many stretches have shown how alike they are.
pub(crate) const STRETCH_WORTH: f64 = 7.5;
/// So many stretches show it.
const STRETCHES: f64 = 10.0;
/// An estimate from `n` stretches is weighted `n` to this.
const PRIOR: f64 = 8.0;
/// Nothing that was asked shows in a longer gap, seconds.
pub(crate) const GAP_S: f64 = 8.0;
/// What a burst alone is worth.
pub(crate) const BURST_WORTH: f64 = 4.0;
/// Requests that show what a cycle's start led to.
const START_SHOWN: usize = 5;
/// Answers whose durations differ by more than this share of their mean do not keep the pattern of their start.
const IN_STEP: f64 = 0.06;
/// A wait of more than this share of an answer's duration is one in a queue.
const QUEUES: f64 = 0.1;
/// The share of requests that depend on the pattern from which on it matters.
const AT_RISK: f64 = 0.05;
/// Fewer requests than this show no drift.
const DRIFT_LEAST: usize = 40;
/// Two halves of a level that differ by so many standard errors show one.
const DRIFT_Z: f64 = 4.0;

/// A finished request of a level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Trial {
    /// The user that asked.
    pub(crate) user: u32,
    /// Whether it was the user's first of the cycle.
    pub(crate) first: bool,
    pub(crate) sent: Stamp,
    pub(crate) ended: Stamp,
    pub(crate) sample: Sample,
}

/// One cycle of a level.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Visit {
    /// Its finished requests in the order of their sending.
    pub(crate) trials: Vec<Trial>,
    /// The first instant at which every user was asking.
    pub(crate) full_from: Stamp,
    /// The last one.
    pub(crate) full_until: Stamp,
    /// When the oldest request was sent of which nothing was known by then.
    pub(crate) oldest_pending: Stamp,
    /// Whether all its requests came to an end.
    pub(crate) is_whole: bool,
}

impl Default for Visit {
    fn default() -> Self {
        let never = Stamp(u64::MAX);
        Self {
            trials: Vec::new(),
            full_from: Stamp(0),
            full_until: never,
            oldest_pending: never,
            is_whole: true,
        }
    }
}

impl Visit {
    /// A cycle as it is now. While it runs only whole rounds of its users count, so that what is said of it does not
    /// change with every request.
    pub(crate) fn from_cycle(cycle: &CycleState, now: Stamp, limits: &Limits) -> Self {
        let finished = cycle.requests.iter();
        let mut trials: Vec<Trial> = finished
            .filter_map(|request| {
                Some(Trial {
                    user: request.user,
                    first: request.round == 0,
                    sent: request.sent,
                    ended: request.ended,
                    sample: Sample::from_request(request)?,
                })
            })
            .collect();
        let is_over = cycle.ended.is_some();
        let full_until = if is_over {
            last_full(cycle)
        } else {
            last_round(&trials, cycle.users, now)
        };
        let live = cycle.in_flight.values();
        let cut = cycle.requests.iter().filter(|r| !r.is_finished());
        let unknown = live
            .map(|live| (live.sent, live.first_token))
            .chain(cut.map(|request| (request.sent, request.first_token)));
        let mut oldest_lost = Stamp(u64::MAX);
        for (sent, first_token) in unknown {
            let waited = first_token.unwrap_or(full_until).since(sent);
            if waited <= limits.wait_s {
                oldest_lost = oldest_lost.min(sent);
            }
        }
        let ended_later = trials.iter().filter(|trial| trial.ended > full_until);
        let oldest_pending = ended_later.map(|trial| trial.sent).min();
        trials.sort_by_key(|trial| trial.sent);
        let firsts = trials.iter().filter(|trial| trial.first);
        Self {
            full_from: firsts.map(|trial| trial.sent).max().unwrap_or_default(),
            trials,
            full_until,
            oldest_pending: oldest_pending.map_or(oldest_lost, |sent| sent.min(oldest_lost)),
            is_whole: cycle.is_whole(),
        }
    }

    /// The requests that show the level as it is.
    pub(crate) fn steady(&self, users: u32) -> impl Iterator<Item = &Trial> {
        self.trials.iter().filter(move |trial| {
            (users == 1 || !trial.first)
                && trial.sent >= self.full_from
                && trial.ended <= self.full_until
                && trial.sent < self.oldest_pending
        })
    }

    /// Whether it says what its start led to.
    pub(crate) fn shows(&self, users: u32) -> bool {
        self.steady(users).nth(START_SHOWN - 1).is_some()
    }

    /// All requests of a cycle that came to its end; of any other, those that show the level as it is: the rest ended
    /// early because they were quick.
    pub(crate) fn fair(&self, users: u32) -> impl Iterator<Item = &Trial> {
        let whole = self.is_whole.then_some(&self.trials);
        let cut = (!self.is_whole).then(|| self.steady(users));
        whole.into_iter().flatten().chain(cut.into_iter().flatten())
    }
}

/// The last instant at which every user of a cycle that is over was asking: the first at which one had its last answer.
fn last_full(cycle: &CycleState) -> Stamp {
    let mut last = std::collections::BTreeMap::new();
    for request in &cycle.requests {
        let ended: &mut Stamp = last.entry(request.user).or_default();
        *ended = (*ended).max(request.ended);
    }
    if last.len() < usize::try_from(cycle.users).unwrap_or(usize::MAX) {
        // One of them never got an answer: who knows whether they all asked.
        return Stamp(0);
    }
    last.into_values().min().unwrap_or_default()
}

/// When the last whole round of a running cycle ended.
fn last_round(in_order_of_ends: &[Trial], users: u32, now: Stamp) -> Stamp {
    let round = usize::try_from(users).unwrap_or(usize::MAX).max(1);
    let whole = in_order_of_ends.len() / round * round;
    let last = whole.checked_sub(1);
    last.and_then(|last| in_order_of_ends.get(last))
        .map_or(Stamp(0), |trial| trial.ended.min(now))
}

/// A judged request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) user: u32,
    /// Seconds of asking before it was sent, long gaps left out.
    pub(crate) at_s: f64,
    pub(crate) good: bool,
}

/// Which of the requests that count met a limit, in the order of their sending, and whether they are more than a burst.
pub(crate) fn outcomes(
    visits: &[Visit],
    users: u32,
    seconds_per_second: f64,
    meets: &dyn Fn(&Sample) -> Option<bool>,
) -> (Vec<Outcome>, bool) {
    let collect = |steady: bool| {
        let mut all = Vec::new();
        let mut at_s = 0.0;
        for visit in visits {
            let mut before: Option<Stamp> = None;
            let mut take = |trial: &Trial| {
                let gap = before.map_or(0.0, |before| trial.sent.since(before));
                before = Some(trial.sent);
                at_s += (gap * seconds_per_second).min(GAP_S);
                if let Some(good) = meets(&trial.sample) {
                    let user = trial.user;
                    all.push(Outcome { user, at_s, good });
                }
            };
            if steady {
                visit.steady(users).for_each(&mut take);
            } else {
                visit.fair(users).for_each(&mut take);
            }
        }
        all
    };
    let steady = collect(true);
    let is_steady = steady.len() >= usize::try_from(users.min(4)).unwrap_or(4);
    if is_steady {
        (steady, true)
    } else {
        (collect(false), false)
    }
}

/// How many requests met a limit, and how many independent ones they are worth.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Count {
    pub(crate) met: u64,
    pub(crate) of: u64,
    /// Requests to one that is independent, at least 1.
    pub(crate) design_effect: f64,
    /// Whether they are only the burst in which a cycle begins.
    pub(crate) is_burst: bool,
    /// Whether their share still changes: then they say nothing.
    pub(crate) drifts: bool,
    /// Whether they come from one start whose pattern they keep, and another may show another share.
    pub(crate) one_start: bool,
}

impl Count {
    pub(crate) fn new(outcomes: &[Outcome], users: u32, is_steady: bool) -> Self {
        let met = outcomes.iter().filter(|outcome| outcome.good).count();
        let of = outcomes.len();
        let effect = design_effect(outcomes, users);
        let burst = (of as f64 / BURST_WORTH).max(1.0);
        Self {
            met: met as u64,
            of: of as u64,
            design_effect: if is_steady { effect } else { effect.max(burst) },
            is_burst: !is_steady,
            drifts: is_steady && drifts(outcomes, users),
            one_start: false,
        }
    }

    /// Of these cycles.
    pub(crate) fn from_visits(
        visits: &[Visit],
        users: u32,
        seconds_per_second: f64,
        meets: &dyn Fn(&Sample) -> Option<bool>,
    ) -> Self {
        let (outcomes, is_steady) = outcomes(visits, users, seconds_per_second, meets);
        let starts = visits.iter().filter(|visit| visit.shows(users)).count();
        Self {
            one_start: is_steady && starts < 2 && keeps_its_start(visits, users, meets),
            ..Self::new(&outcomes, users, is_steady)
        }
    }

    /// Starts that they count for; where the pattern does not matter, as many as are wanted.
    pub(crate) fn starts(&self) -> u32 {
        match self.usable() {
            0 => 0,
            _ if self.one_start => 1,
            _ => 2,
        }
    }

    /// Independent requests that met it, and that missed it.
    pub(crate) fn worth(&self) -> (f64, f64) {
        if self.drifts {
            return (0.0, 0.0);
        }
        let effect = self.design_effect.max(1.0);
        (
            self.met as f64 / effect,
            self.of.saturating_sub(self.met) as f64 / effect,
        )
    }

    /// Requests that may decide it.
    pub(crate) fn usable(&self) -> u64 {
        if self.is_burst || self.drifts {
            0
        } else {
            self.of
        }
    }
}

/// Whether the pattern in which the users began may still be that in which they ask, and matters: they queue, all answers
/// take equally long, and one more of them before a request, or one less, would change what is said of it. Slots then
/// come free in the same rhythm for ever, evenly or together, and the waits are those of that rhythm.
fn keeps_its_start(visits: &[Visit], users: u32, meets: &dyn Fn(&Sample) -> Option<bool>) -> bool {
    let steady = visits.iter().flat_map(|visit| visit.steady(users));
    let timed = steady.filter_map(|trial| {
        let wait_s = trial.sample.wait_s.filter(|_| !trial.sample.failed)?;
        let took_s = trial.ended.since(trial.sent) - wait_s;
        Some((trial.sample, wait_s, took_s.max(0.0)))
    });
    let timed: Vec<(Sample, f64, f64)> = timed.collect();
    let n = timed.len() as f64;
    let mean = timed.iter().map(|(_, _, took_s)| took_s).sum::<f64>() / n;
    let square = |(_, _, took_s): &(Sample, f64, f64)| (took_s - mean).powi(2);
    let spread = (timed.iter().map(square).sum::<f64>() / n).sqrt();
    if users == 1 || timed.is_empty() || spread > IN_STEP * mean {
        return false;
    }
    let depends = |(sample, wait_s, _): &&(Sample, f64, f64)| {
        let after = |wait_s: f64| {
            let wait_s = Some(wait_s.max(0.0));
            meets(&Sample { wait_s, ..*sample })
        };
        *wait_s > QUEUES * mean && after(wait_s - mean) != after(wait_s + mean)
    };
    timed.iter().filter(depends).count() as f64 > AT_RISK * n
}

/// Requests to one independent request: those of the same stretch of time, or of the same user, are alike.
pub(crate) fn design_effect(outcomes: &[Outcome], users: u32) -> f64 {
    let of = outcomes.len() as f64;
    let Some(last) = outcomes.last() else {
        return 1.0;
    };
    let met = outcomes.iter().filter(|outcome| outcome.good).count();
    let share = met as f64 / of;
    let stretches = (last.at_s / STRETCH_S).max(1.0);
    let together = (of / stretches).max(f64::from(users).min(of));
    let unknown = (STRETCHES / stretches).min(1.0);
    let assumed = 1.0 + (together / STRETCH_WORTH - 1.0).max(0.0) * unknown;
    let variance = share * (1.0 - share);
    if variance <= 0.0 {
        return assumed;
    }
    let by_time = [1.0, 2.0, 4.0, 8.0].map(|stretches| {
        let length = STRETCH_S * stretches;
        between(outcomes, |outcome| {
            crate::text::numbers::floor_u64(outcome.at_s / length)
        })
    });
    let by_user = (of >= 3.0 * f64::from(users)).then(|| between(outcomes, |o| o.user.into()));
    let groups = by_time.into_iter().chain(by_user).flatten();
    let seen = groups.map(|(n, spread)| (PRIOR + n * spread / variance) / (PRIOR + n));
    seen.fold(assumed, f64::max)
}

/// How many groups there are, and the variance of a request as their means show it. None for fewer than four.
fn between(outcomes: &[Outcome], group: impl Fn(&Outcome) -> u64) -> Option<(f64, f64)> {
    let mut groups = std::collections::BTreeMap::new();
    // Those of a stretch of time follow each other: one look at the map for each run of them.
    for run in outcomes.chunk_by(|a, b| group(a) == group(b)) {
        if let Some(first) = run.first() {
            let (good, all): &mut (f64, f64) = groups.entry(group(first)).or_default();
            *good += run.iter().filter(|outcome| outcome.good).count() as f64;
            *all += run.len() as f64;
        }
    }
    if groups.len() < 4 {
        return None;
    }
    let (good, all) = groups
        .values()
        .fold((0.0, 0.0), |sum, g| (sum.0 + g.0, sum.1 + g.1));
    let share = good / all;
    let square = |&(good, all): &(f64, f64)| (good / all - share).powi(2) * all;
    let sum: f64 = groups.values().map(square).sum();
    let n = groups.len() as f64;
    Some((n, sum / (n - 1.0)))
}

/// Whether the second half of the requests did clearly better or worse than the first.
fn drifts(outcomes: &[Outcome], users: u32) -> bool {
    let middle = outcomes.len() / 2;
    if outcomes.len() < DRIFT_LEAST || middle < 2 * usize::try_from(users).unwrap_or(usize::MAX) {
        return false;
    }
    let (first, second) = outcomes.split_at(middle);
    let shares = [first, second].map(|half| {
        let n = half.len() as f64;
        let good = half.iter().filter(|outcome| outcome.good).count() as f64;
        // A request of either kind more: no half is without any doubt.
        let share = (good + 1.0) / (n + 2.0);
        (
            share,
            share * (1.0 - share) * design_effect(half, users) / n,
        )
    });
    let [(a, of_a), (b, of_b)] = shares;
    (a - b).abs() > DRIFT_Z * (of_a + of_b).sqrt()
}
