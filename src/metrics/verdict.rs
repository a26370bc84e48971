//! The verdict: the largest number of users at which the limits hold, and how sure that is.
//!
//! *By share* asks what a user meets: at least the wanted share of the requests is good. How sure it is comes from the
//! probability that the share reaches its limit (`evidence`), of the requests that show the level as it is (`trials`);
//! it may be looked at after every request. *By mean* is the rule of the study: the mean wait and the mean speed of a
//! level meet their limits.

mod curve;
mod dip;
mod evidence;
mod repeats;
pub mod settle;
mod text;
pub(crate) mod trials;

use serde::{Deserialize, Serialize};

use crate::metrics::dist::Dist;
use crate::metrics::interval::{Moments, t_probability};
pub use crate::metrics::sample::Sample;
use crate::metrics::state::{CycleState, RunState};
use crate::metrics::verdict::trials::{Count, Visit};
use crate::metrics::wilson::wilson_worth;
use crate::plan::Limits;

pub use dip::Dip;
pub use repeats::Repeats;

/// A level holds from this probability on, and fails from as little as what is left of it to 1.
pub(crate) const HOLDS: f64 = 0.95;
/// A level is likely to hold from this probability on, and unlikely to from as little as what is left of it to 1.
const LIKELY: f64 = 0.8;
/// What one kind of request shows: wait, speed, or both.
type Meets<'a> = &'a dyn Fn(&Sample) -> Option<bool>;

/// How sure it is that a limit is reached, by the probability that it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum State {
    /// 95 % or more.
    Holds,
    /// 80 % or more.
    Likely,
    /// Between.
    Unsure,
    /// 20 % or less.
    Unlikely,
    /// 5 % or less.
    Fails,
}

impl State {
    /// The state at a probability, 0–1.
    pub fn from_probability(p: f64) -> Self {
        if p >= HOLDS {
            Self::Holds
        } else if p >= LIKELY {
            Self::Likely
        } else if p > 1.0 - LIKELY {
            Self::Unsure
        } else if p > 1.0 - HOLDS {
            Self::Unlikely
        } else {
            Self::Fails
        }
    }

    /// Whether more requests would say more.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Holds | Self::Fails)
    }
}

/// The requests of one level.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Level {
    /// Users.
    pub users: u32,
    /// Its cycles.
    visits: Vec<Visit>,
    /// Seconds of the server for each second here: 1, unless it is simulated at another speed.
    time_scale: f64,
}

impl Level {
    /// A level of requests that came a second apart, each while all users were asking.
    pub fn from_samples(users: u32, samples: impl IntoIterator<Item = Sample>) -> Self {
        let trials = (0..).zip(samples).map(|(second, sample)| trials::Trial {
            user: second % users.max(1),
            first: false,
            sent: crate::event::Stamp(u64::from(second) * 1_000_000),
            ended: crate::event::Stamp(u64::from(second) * 1_000_000),
            sample,
        });
        let visit = Visit {
            trials: trials.collect(),
            ..Visit::default()
        };
        Self {
            users,
            visits: vec![visit],
            time_scale: 1.0,
        }
    }

    /// What its means are made of: its whole cycles, where there is one.
    fn samples(&self) -> impl Iterator<Item = &Sample> {
        let is_whole = self.visits.iter().any(|visit| visit.is_whole);
        let visits = self
            .visits
            .iter()
            .filter(move |visit| !is_whole || visit.is_whole);
        let trials = visits.flat_map(|visit| visit.fair(self.users));
        trials.map(|trial| &trial.sample)
    }

    fn count(&self, meets: Meets<'_>) -> Count {
        Count::from_visits(&self.visits, self.users, self.time_scale, meets)
    }
}

/// One limit at one level.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Judgment {
    /// Requests that met it.
    pub met: u64,
    /// Requests that count and can be judged: failed ones met nothing, those without the figure are left out.
    pub of: u64,
    /// `met` / `of`, 0–1.
    pub share: Option<f64>,
    /// Independent requests that these are worth: requests that ran together are alike.
    pub worth: Option<f64>,
    /// Lower end of the share's 95 % interval.
    pub low: Option<f64>,
    /// Upper end of the share's 95 % interval.
    pub high: Option<f64>,
    /// The probability that the share reaches the wanted one, 0–1, with what the other levels say of it.
    pub probability: Option<f64>,
    /// What that says of the limit.
    pub state: Option<State>,
    /// More requests, at the share seen so far, that would make it hold or fail.
    pub more_to_decide: Option<u64>,
    /// Mean of the requests that ended well: wait in seconds, or speed in tokens a second; absent for both limits at once.
    pub mean: Option<f64>,
    /// Whether the mean meets the limit; for both limits at once, whether both means do. Absent where more requests failed
    /// than may miss a limit.
    pub mean_meets: Option<bool>,
    /// How sure that is.
    pub mean_state: Option<State>,
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
    /// Whether these are only the burst in which a cycle begins: it is worth little.
    #[serde(default)]
    pub burst: bool,
    /// Whether the share still changes: then the level is not judged.
    #[serde(default)]
    pub drifting: bool,
    /// Whether its requests keep the pattern of their only start, and another may show another share: by
    /// themselves they then make it neither hold nor fail.
    #[serde(default)]
    pub one_start: bool,
    /// The figures in a sentence.
    pub evidence: String,
}

/// The largest numbers of users at which a limit is more likely met than not, there and at every smaller level, each with
/// how sure that is; where none is, the state is that of the smallest level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Capacity {
    /// For the wait.
    pub wait_users: Option<u32>,
    /// How sure it is.
    pub wait_state: Option<State>,
    /// For the speed.
    pub speed_users: Option<u32>,
    /// How sure it is.
    pub speed_state: Option<State>,
    /// For both.
    pub both_users: Option<u32>,
    /// How sure it is.
    pub state: Option<State>,
    /// The smallest level that fails one of them for sure.
    pub fails_at: Option<u32>,
}

/// How many users the server carries.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Verdict {
    /// By the study's rule.
    pub by_mean: Capacity,
    /// By the share of good requests.
    pub by_share: Capacity,
    /// The headline.
    pub sentence: String,
    /// The levels, smallest first; those without a single judged request are left out.
    pub levels: Vec<LevelVerdict>,
    /// Levels that did clearly worse than a larger one: pooling hides that.
    #[serde(default)]
    pub dips: Vec<Dip>,
}

impl Verdict {
    /// The verdict on these levels, in any order.
    pub fn new(levels: &[Level], limits: &Limits) -> Self {
        let mut levels: Vec<&Level> = levels.iter().collect();
        levels.sort_by_key(|level| level.users);
        levels.retain(|level| level.samples().next().is_some());
        let mut judged: Vec<LevelVerdict> =
            levels.iter().map(|level| judge(level, limits)).collect();
        let kinds: [(Meets<'_>, Pick); 3] = [
            (&|sample| sample.meets_wait(limits), |level| &mut level.wait),
            (&|sample| sample.meets_speed(limits), |level| {
                &mut level.speed
            }),
            (&|sample| sample.meets_both(limits), |level| &mut level.both),
        ];
        for (meets, pick) in kinds {
            let counts: Vec<Count> = levels.iter().map(|level| level.count(meets)).collect();
            let pooled = evidence::pool(&counts, limits.share);
            for ((level, count), p) in judged.iter_mut().zip(&counts).zip(pooled) {
                level.burst |= count.is_burst;
                level.drifting |= count.drifts;
                level.one_start |= count.one_start;
                let judgment = pick(level);
                take(judgment, count, p);
                judgment.more_to_decide = match judgment.state {
                    Some(state) if state.is_open() => evidence::more_to_decide(count, limits.share),
                    state => state.map(|_| 0),
                };
            }
        }
        for level in &mut judged {
            level.evidence = text::level(level, limits);
        }
        let by_share = by_share(&judged);
        let by_mean = by_mean(&judged);
        Self {
            sentence: text::headline(&by_mean, &by_share, &judged, limits),
            by_mean,
            by_share,
            dips: dip::dips(&judged),
            levels: judged,
        }
    }

    /// The verdict on a run as it is now, by the limits of its plan; None before that is known.
    pub fn from_run(run: &RunState) -> Option<Self> {
        let limits = run.info.as_ref()?.plan.limits;
        Some(Self::from_cycles(run, &limits))
    }

    /// The verdict on the cycles of a run, by any limits.
    pub fn from_cycles(run: &RunState, limits: &Limits) -> Self {
        let mut verdict = Self::new(&levels(run, limits), limits);
        for level in &mut verdict.levels {
            let whole = run.cycles.iter().filter(|c| c.is_whole());
            let mut cycles: Vec<&CycleState> = whole.filter(|c| c.users == level.users).collect();
            cycles.sort_by_key(|cycle| cycle.cycle);
            let samples = |cycle: &&CycleState| cycle.samples().collect();
            let repeats: Vec<Vec<Sample>> = cycles.iter().map(samples).collect();
            level.repeats = Repeats::new(&repeats, limits);
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

    /// The level after that one; None where there is none, or not even the smallest one is carried.
    pub fn beyond(&self) -> Option<&LevelVerdict> {
        let carried = self.by_share.both_users?;
        self.levels.iter().find(|level| level.users > carried)
    }

    /// The largest level that holds and the smallest that fails, of both limits.
    pub fn bracket(&self) -> (Option<u32>, Option<u32>) {
        let holds = |level: &&LevelVerdict| level.both.state == Some(State::Holds);
        let held = self.levels.iter().rfind(holds).map(|level| level.users);
        (held, self.by_share.fails_at)
    }
}

/// The judgment of one limit in a level's verdict.
type Pick = fn(&mut LevelVerdict) -> &mut Judgment;

/// The requests of each level of a run, smallest first.
pub fn levels(run: &RunState, limits: &Limits) -> Vec<Level> {
    let time_scale = run.info.as_ref().map_or(1.0, |info| info.plan.time_scale);
    let mut levels: Vec<Level> = Vec::new();
    for cycle in &run.cycles {
        let visit = Visit::from_cycle(cycle, run.now, limits);
        match levels.iter_mut().find(|level| level.users == cycle.users) {
            Some(level) => level.visits.push(visit),
            None => levels.push(Level {
                users: cycle.users,
                visits: vec![visit],
                time_scale,
            }),
        }
    }
    levels.sort_by_key(|level| level.users);
    levels
}

fn by_share(levels: &[LevelVerdict]) -> Capacity {
    let find = |pick: fn(&LevelVerdict) -> &Judgment| {
        let carried = levels.iter().take_while(|level| {
            let p = pick(level).probability;
            p.is_some_and(|p| p >= 0.5)
        });
        let at = carried.last();
        let shown = at.or(levels.first());
        (at.map(|l| l.users), shown.and_then(|l| pick(l).state))
    };
    let (wait_users, wait_state) = find(|level| &level.wait);
    let (speed_users, speed_state) = find(|level| &level.speed);
    let (both_users, state) = find(|level| &level.both);
    let failed = levels.iter().find(|l| l.both.state == Some(State::Fails));
    Capacity {
        wait_users,
        wait_state,
        speed_users,
        speed_state,
        both_users,
        state,
        fails_at: failed.map(|level| level.users),
    }
}

fn by_mean(levels: &[LevelVerdict]) -> Capacity {
    let find = |pick: fn(&LevelVerdict) -> &Judgment| {
        let met = levels
            .iter()
            .take_while(|l| pick(l).mean_meets == Some(true));
        let at = met.last();
        let shown = at.or(levels.first());
        (at.map(|l| l.users), shown.and_then(|l| pick(l).mean_state))
    };
    let (wait_users, wait_state) = find(|level| &level.wait);
    let (speed_users, speed_state) = find(|level| &level.speed);
    let (both_users, state) = find(|level| &level.both);
    let fails = |level: &&LevelVerdict| level.both.mean_state == Some(State::Fails);
    Capacity {
        wait_users,
        wait_state,
        speed_users,
        speed_state,
        both_users,
        state,
        fails_at: levels.iter().find(fails).map(|level| level.users),
    }
}

fn headline(levels: &[LevelVerdict], carried: Option<u32>) -> Option<&LevelVerdict> {
    let mut levels = levels.iter();
    levels.find(|level| carried.is_none_or(|users| level.users == users))
}

/// A level by its means; what its shares say comes from all levels together.
fn judge(level: &Level, limits: &Limits) -> LevelVerdict {
    let good = || level.samples().filter(|sample| !sample.failed);
    let finished = level.samples().count() as f64;
    let failed = finished - good().count() as f64;
    let by = |figure: fn(&Sample) -> Option<f64>, limit: f64, is_most: bool| {
        let mut judged = Judgment {
            mean: Dist::from_samples(good().filter_map(figure)).mean,
            ..Judgment::default()
        };
        if failed <= (1.0 - limits.share) * finished {
            let meets = |mean: f64| {
                if is_most {
                    mean <= limit
                } else {
                    mean >= limit
                }
            };
            judged.mean_meets = judged.mean.map(meets);
            let moments = Moments::from_values(good().filter_map(figure));
            let below = moments.and_then(|moments| t_probability(&moments, limit));
            let p = below.map(|below| if is_most { below } else { 1.0 - below });
            let unknown = judged.mean.map(|_| State::Unsure);
            judged.mean_state = p.map(State::from_probability).or(unknown);
        }
        judged
    };
    let wait = by(|sample| sample.wait_s, limits.wait_s, true);
    let speed = by(|sample| sample.speed_tok_s, limits.speed_tok_s, false);
    LevelVerdict {
        users: level.users,
        both: Judgment {
            mean_meets: wait.mean_meets.zip(speed.mean_meets).map(|(w, s)| w && s),
            mean_state: wait.mean_state.zip(speed.mean_state).map(|(w, s)| w.max(s)),
            ..Judgment::default()
        },
        wait,
        speed,
        repeats: None,
        burst: false,
        drifting: false,
        one_start: false,
        evidence: String::new(),
    }
}

/// Takes into a judgment what was counted, and the probability that the share is reached.
fn take(judgment: &mut Judgment, count: &Count, probability: f64) {
    judgment.met = count.met;
    judgment.of = count.of;
    if count.of == 0 {
        return;
    }
    let worth = count.of as f64 / count.design_effect.max(1.0);
    let seen = count.met as f64 / count.of as f64;
    let interval = wilson_worth(worth * seen, worth);
    judgment.share = Some(seen);
    judgment.worth = Some(worth);
    judgment.low = interval.map(|(low, _)| low);
    judgment.high = interval.map(|(_, high)| high);
    if count.drifts {
        return;
    }
    judgment.probability = Some(probability);
    judgment.state = Some(State::from_probability(probability));
}

/// What it says by itself that `met` of `of` requests met a limit which `share` of them should meet; not how many more
/// would decide it.
pub fn judgment(met: u64, of: u64, users: u32, share: f64) -> Judgment {
    let effect = f64::from(users).min(of as f64) / trials::BURST_WORTH;
    let count = Count {
        met,
        of,
        design_effect: effect.max(1.0),
        ..Count::default()
    };
    let mut judgment = Judgment::default();
    let p = evidence::pool(&[count], share).first().copied();
    take(&mut judgment, &count, p.unwrap_or(0.5));
    judgment
}

#[cfg(test)]
mod tests;
