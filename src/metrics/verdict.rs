//! The verdict: the largest number of users at which the limits hold, and how sure that is.
//!
//! Two rules stand side by side. *By mean* is the rule of the study: the mean wait and the mean
//! speed of a level meet their limits. *By share* asks what a person meets: at least the wanted
//! share of the requests is good, and Wilson's 95 % interval of that share says how sure it is.

mod repeats;
mod text;

use serde::{Deserialize, Serialize};

use crate::metrics::dist::Dist;
use crate::metrics::sample;
pub use crate::metrics::sample::Sample;
use crate::metrics::state::{CycleState, RunState};
pub use crate::metrics::wilson::{State, more_to_hold, wilson};
use crate::plan::Limits;

pub use repeats::Repeats;

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
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Judgment {
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LevelVerdict {
    /// Users.
    pub users: u32,
    /// The limit of the wait.
    pub wait: Judgment,
    /// The limit of the speed.
    pub speed: Judgment,
    /// Both limits.
    pub both: Judgment,
    /// What its repeats say together; absent where it ran once.
    pub repeats: Option<Repeats>,
    /// The figures in a sentence.
    pub evidence: String,
}

/// The largest numbers of users at which the mean meets the limits, there and at every smaller
/// level. Absent where the smallest level does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
        let mean = |pick: fn(&LevelVerdict) -> &Judgment| {
            largest(&judged, |level| pick(level).mean_meets == Some(true))
        };
        let share = |pick: fn(&LevelVerdict) -> &Judgment| {
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
        let headline = headline(&judged, both_users);
        let by_share = ByShare {
            wait_users: share(|level| &level.wait),
            speed_users: share(|level| &level.speed),
            both_users,
            state: headline.and_then(|level| level.both.state),
        };
        let sentence = text::headline(&by_mean, &by_share, &judged, limits);
        Self {
            by_mean,
            by_share,
            sentence,
            levels: judged,
        }
    }

    /// The verdict on a run as it stands, by the limits of its plan; None before that is known.
    pub fn of_run(run: &RunState) -> Option<Self> {
        let limits = run.info.as_ref()?.plan.limits;
        Some(Self::of_whole_cycles(run, &limits))
    }

    /// The verdict on the whole cycles of a run. One that goes on, or was cut short, has shown its quick
    /// requests first: those that waited longest are not among them.
    pub fn of_whole_cycles(run: &RunState, limits: &Limits) -> Self {
        let counted: Vec<&CycleState> = run.cycles.iter().filter(|c| c.is_whole()).collect();
        let mut verdict = Self::of(&levels(counted.iter().copied()), limits);
        for level in &mut verdict.levels {
            let mut cycles = counted.clone();
            cycles.retain(|cycle| cycle.users == level.users);
            cycles.sort_by_key(|cycle| cycle.cycle);
            let samples = |cycle: &&CycleState| cycle.samples().collect();
            let repeats: Vec<Vec<Sample>> = cycles.iter().map(samples).collect();
            level.repeats = Repeats::of(&repeats, limits);
        }
        verdict
    }

    /// The level that the headline speaks of: the largest that counts as carried, or the smallest.
    pub fn headline(&self) -> Option<&LevelVerdict> {
        headline(&self.levels, self.by_share.both_users)
    }

    /// Whether the level of the headline could be judged at all.
    pub fn is_known(&self) -> bool {
        self.headline()
            .is_some_and(|level| level.both.state.is_some())
    }

    /// The level after that one, which no longer counts as carried; None where all do, or none does.
    pub fn beyond(&self) -> Option<&LevelVerdict> {
        let carried = self.by_share.both_users?;
        self.levels.iter().find(|level| level.users > carried)
    }
}

/// The requests of each level, cycles of the same number of users put together, smallest first.
pub fn levels<'a>(cycles: impl IntoIterator<Item = &'a CycleState>) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::new();
    for cycle in cycles {
        let samples = cycle.samples();
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

fn headline(levels: &[LevelVerdict], carried: Option<u32>) -> Option<&LevelVerdict> {
    let mut levels = levels.iter();
    levels.find(|level| carried.is_none_or(|users| level.users == users))
}

fn largest(levels: &[LevelVerdict], carries: impl Fn(&LevelVerdict) -> bool) -> Option<u32> {
    let unbroken = levels.iter().take_while(|level| carries(level));
    unbroken.last().map(|level| level.users)
}

fn judge(level: &Level, limits: &Limits) -> LevelVerdict {
    let by = |met: &dyn Fn(&Sample) -> Option<bool>| {
        let (good, judged) = sample::met(level.samples.iter().map(met));
        judgment(good, judged, limits.share)
    };
    let mut wait = by(&|sample| sample.meets_wait(limits));
    let mut speed = by(&|sample| sample.meets_speed(limits));
    let mut both = by(&|sample| sample.meets_both(limits));
    let good = || level.samples.iter().filter(|sample| !sample.failed);
    wait.mean = Dist::of(good().filter_map(|sample| sample.wait_s)).mean;
    wait.mean_meets = wait.mean.map(|mean| mean <= limits.wait_s);
    speed.mean = Dist::of(good().filter_map(|sample| sample.speed_tok_s)).mean;
    speed.mean_meets = speed.mean.map(|mean| mean >= limits.speed_tok_s);
    both.mean_meets = wait.mean_meets.zip(speed.mean_meets).map(|(w, s)| w && s);
    LevelVerdict {
        users: level.users,
        wait,
        speed,
        both,
        repeats: None,
        evidence: text::level(level.users, &wait, &speed, limits),
    }
}

/// What it says that `met` of `of` requests met a limit which `share` of them should meet.
pub fn judgment(met: u64, of: u64, share: f64) -> Judgment {
    let interval = wilson(met, of);
    Judgment {
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
mod tests;
