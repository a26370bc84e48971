//! The verdict: the largest number of users at which the limits hold, and how sure that is.
//!
//! Two rules stand side by side. *By mean* is the rule of the study: the mean wait and the mean
//! speed of a level meet their limits. *By share* asks what a person meets: at least the wanted
//! share of the requests is good, and Wilson's 95 % interval of that share says how sure it is.

use serde::{Deserialize, Serialize};

use super::evidence;
use super::repeats::Repeats;
use super::state::{CycleState, RunState};
use crate::event::RequestRecord;
use crate::plan::Limits;

/// Two-sided 95 % of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;
/// More requests than this are not proposed to anyone.
const MOST_MORE: u64 = 1_000_000;

/// Wilson's 95 % score interval of a share of which `met` of `of` were seen. None for `of` = 0.
/// E. B. Wilson, 1927: it stays inside 0–1 and says something even of 0 of n and n of n.
pub fn wilson(met: u64, of: u64) -> Option<(f64, f64)> {
    if of == 0 {
        return None;
    }
    let n = of as f64;
    let p = met.min(of) as f64 / n;
    let scale = 1.0 + Z * Z / n;
    let centre = (p + Z * Z / (2.0 * n)) / scale;
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt() / scale;
    let low = if met == 0 { 0.0 } else { centre - half };
    let high = if met >= of { 1.0 } else { centre + half };
    Some((low.clamp(0.0, p), high.clamp(p, 1.0)))
}

/// What the requests of a level say of a limit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// The lower end of the interval is at or above the wanted share.
    Holds,
    /// The share seen is, its lower end is not.
    Likely,
    /// The share seen is below, the upper end of its interval is not.
    Unsure,
    /// Even the upper end is below.
    Fails,
}

impl State {
    /// The state for `met` of `of` requests where `share` of them is wanted; None for no requests.
    pub fn of(met: u64, of: u64, share: f64) -> Option<Self> {
        let (low, high) = wilson(met, of)?;
        let point = met as f64 / of as f64;
        Some(if low >= share {
            Self::Holds
        } else if point >= share {
            Self::Likely
        } else if high >= share {
            Self::Unsure
        } else {
            Self::Fails
        })
    }

    /// Whether a level in this state counts as carried.
    pub fn carries(self) -> bool {
        matches!(self, Self::Holds | Self::Likely)
    }
}

/// How many more requests, all of them good, would make it [`State::Holds`]. None where no number
/// would (a share of 100 %) or it would take more than a million.
pub fn more_to_hold(met: u64, of: u64, share: f64) -> Option<u64> {
    let holds = |more: u64| wilson(met + more, of + more).is_some_and(|(low, _)| low >= share);
    if !holds(MOST_MORE) {
        return None;
    }
    let (mut too_few, mut enough) = (0, MOST_MORE);
    if holds(0) {
        return Some(0);
    }
    while enough - too_few > 1 {
        let middle = too_few + (enough - too_few) / 2;
        if holds(middle) {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    Some(enough)
}

/// What a verdict wants to know of one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// It failed: it meets no limit, and no mean knows it.
    pub failed: bool,
    /// TTFT, seconds.
    pub wait_s: Option<f64>,
    /// Speed, tokens a second; absent for answers of fewer than two tokens.
    pub speed_tok_s: Option<f64>,
}

impl Sample {
    /// The sample of a request; None for one that the user cancelled.
    pub fn of(request: &RequestRecord) -> Option<Self> {
        let failed = request.failure().is_some();
        (failed || request.is_done()).then(|| Self {
            failed,
            wait_s: request.ttft_s(),
            speed_tok_s: request.speed_tok_s(),
        })
    }

    /// Whether its wait was acceptable; None where it is not known.
    pub fn meets_wait(&self, limits: &Limits) -> Option<bool> {
        if self.failed {
            return Some(false);
        }
        self.wait_s.map(|wait| wait <= limits.wait_s)
    }

    /// Whether its speed was acceptable; None where it is not known.
    pub fn meets_speed(&self, limits: &Limits) -> Option<bool> {
        if self.failed {
            return Some(false);
        }
        self.speed_tok_s.map(|speed| speed >= limits.speed_tok_s)
    }

    /// Whether both were acceptable; None where that is not known.
    pub fn meets_both(&self, limits: &Limits) -> Option<bool> {
        match (self.meets_wait(limits), self.meets_speed(limits)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }
}

/// The requests of one level.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Level {
    /// Users.
    pub users: u32,
    /// Its requests, cancelled ones left out.
    pub samples: Vec<Sample>,
}

/// One limit at one level.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Judgement {
    /// Requests that met it.
    pub met: u64,
    /// Requests that can be judged: failed ones met nothing, those without the figure are left out.
    pub of: u64,
    /// `met` / `of`, 0–1.
    pub share: Option<f64>,
    /// Lower end of the share's 95 % interval.
    pub low: Option<f64>,
    /// Upper end of the share's 95 % interval.
    pub high: Option<f64>,
    /// What that says of the limit.
    pub state: Option<State>,
    /// More requests, all good, that would make it hold.
    pub more_to_hold: Option<u64>,
    /// Mean of the requests that ended well: wait in seconds, or speed in tokens a second; absent for both limits at once.
    pub mean: Option<f64>,
    /// Whether the mean meets the limit; for both limits at once, whether both means do.
    pub mean_meets: Option<bool>,
}

/// What is judged at one level, with the evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LevelVerdict {
    /// Users.
    pub users: u32,
    /// The limit of the wait.
    pub wait: Judgement,
    /// The limit of the speed.
    pub speed: Judgement,
    /// Both limits.
    pub both: Judgement,
    /// What its repeats say together; absent where it ran once.
    pub repeats: Option<Repeats>,
    /// The figures in a sentence.
    pub evidence: String,
}

/// The largest numbers of users at which the mean meets the limits, there and at every smaller
/// level. Absent where the smallest level does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ByMean {
    /// For the wait.
    pub wait_users: Option<u32>,
    /// For the speed.
    pub speed_users: Option<u32>,
    /// For both.
    pub both_users: Option<u32>,
}

/// The largest numbers of users at which the limits hold or are likely to, there and at every
/// smaller level. Absent where the smallest level does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ByShare {
    /// For the wait.
    pub wait_users: Option<u32>,
    /// For the speed.
    pub speed_users: Option<u32>,
    /// For both.
    pub both_users: Option<u32>,
    /// How sure `both_users` is; where it is absent, the state of the smallest level.
    pub state: Option<State>,
}

/// How many users the server carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// By the study's rule.
    pub by_mean: ByMean,
    /// By the share of good requests.
    pub by_share: ByShare,
    /// The headline.
    pub sentence: String,
    /// The levels, smallest first; those without a single judged request are left out.
    pub levels: Vec<LevelVerdict>,
}

impl Verdict {
    /// The verdict on these levels, in any order.
    pub fn of(levels: &[Level], limits: &Limits) -> Self {
        let mut judged: Vec<LevelVerdict> = levels
            .iter()
            .filter(|level| !level.samples.is_empty())
            .map(|level| judge(level, limits))
            .collect();
        judged.sort_by_key(|level| level.users);
        let mean = |pick: fn(&LevelVerdict) -> &Judgement| {
            largest(&judged, |level| pick(level).mean_meets == Some(true))
        };
        let share = |pick: fn(&LevelVerdict) -> &Judgement| {
            largest(&judged, |level| {
                pick(level).state.is_some_and(State::carries)
            })
        };
        let by_mean = ByMean {
            wait_users: mean(|level| &level.wait),
            speed_users: mean(|level| &level.speed),
            both_users: mean(|level| &level.both),
        };
        let both_users = share(|level| &level.both);
        let headline = judged
            .iter()
            .find(|level| both_users.is_none_or(|users| level.users == users));
        let by_share = ByShare {
            wait_users: share(|level| &level.wait),
            speed_users: share(|level| &level.speed),
            both_users,
            state: headline.and_then(|level| level.both.state),
        };
        let sentence = evidence::headline(&by_mean, &by_share, &judged, limits);
        Self {
            by_mean,
            by_share,
            sentence,
            levels: judged,
        }
    }

    /// The verdict on a run as it stands; None before its plan is known.
    pub fn of_run(run: &RunState) -> Option<Self> {
        let limits = run.info.as_ref()?.plan.limits;
        let mut verdict = Self::of(&levels(&run.cycles), &limits);
        for level in &mut verdict.levels {
            let mut cycles: Vec<&CycleState> = run.cycles.iter().collect();
            cycles.retain(|cycle| cycle.users == level.users);
            cycles.sort_by_key(|cycle| cycle.cycle);
            let samples = |cycle: &&CycleState| {
                let requests = cycle.requests.iter();
                requests.filter_map(Sample::of).collect()
            };
            let repeats: Vec<Vec<Sample>> = cycles.iter().map(samples).collect();
            level.repeats = Repeats::of(&repeats, &limits);
        }
        Some(verdict)
    }
}

/// The requests of each level, cycles of the same number of users put together, smallest first.
pub fn levels(cycles: &[CycleState]) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::new();
    for cycle in cycles {
        let samples = cycle.requests.iter().filter_map(Sample::of);
        match levels.iter_mut().find(|level| level.users == cycle.users) {
            Some(level) => level.samples.extend(samples),
            None => levels.push(Level {
                users: cycle.users,
                samples: samples.collect(),
            }),
        }
    }
    levels.sort_by_key(|level| level.users);
    levels
}

fn largest(levels: &[LevelVerdict], carries: impl Fn(&LevelVerdict) -> bool) -> Option<u32> {
    let unbroken = levels.iter().take_while(|level| carries(level));
    unbroken.last().map(|level| level.users)
}

fn judge(level: &Level, limits: &Limits) -> LevelVerdict {
    let by = |met: &dyn Fn(&Sample) -> Option<bool>| {
        let known = level.samples.iter().filter_map(met);
        let (mut good, mut all) = (0, 0);
        for met in known {
            all += 1;
            good += u64::from(met);
        }
        judgement(good, all, limits.share)
    };
    let mut wait = by(&|sample| sample.meets_wait(limits));
    let mut speed = by(&|sample| sample.meets_speed(limits));
    let mut both = by(&|sample| sample.meets_both(limits));
    let good = || level.samples.iter().filter(|sample| !sample.failed);
    wait.mean = super::dist::Dist::of(good().filter_map(|sample| sample.wait_s)).mean;
    wait.mean_meets = wait.mean.map(|mean| mean <= limits.wait_s);
    speed.mean = super::dist::Dist::of(good().filter_map(|sample| sample.speed_tok_s)).mean;
    speed.mean_meets = speed.mean.map(|mean| mean >= limits.speed_tok_s);
    both.mean_meets = wait.mean_meets.zip(speed.mean_meets).map(|(w, s)| w && s);
    LevelVerdict {
        users: level.users,
        wait,
        speed,
        both,
        repeats: None,
        evidence: evidence::level(level.users, &wait, &speed, limits),
    }
}

fn judgement(met: u64, of: u64, share: f64) -> Judgement {
    let interval = wilson(met, of);
    Judgement {
        met,
        of,
        share: (of > 0).then(|| met as f64 / of as f64),
        low: interval.map(|(low, _)| low),
        high: interval.map(|(_, high)| high),
        state: State::of(met, of, share),
        more_to_hold: if of == 0 {
            None
        } else {
            more_to_hold(met, of, share)
        },
        mean: None,
        mean_meets: None,
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
