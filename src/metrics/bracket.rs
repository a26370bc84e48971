//! How far a run that finds its own levels has come: which levels hold, which fail, what is open, and what that
//! still takes.

use crate::event::{RequestRecord, Stamp};
use crate::metrics::state::{CycleState, RunState};
use crate::metrics::verdict::{Judgment, LevelVerdict, State, Verdict};

/// Two levels that are as close as this decide the answer; neighbors always do.
const CLOSE: f64 = 1.1;

/// The limits that are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Both at once.
    Both,
    /// The one that still holds where both at once do not.
    Wait,
    Speed,
}

impl Asked {
    fn of(self, level: &LevelVerdict) -> &Judgment {
        match self {
            Self::Both => &level.both,
            Self::Wait => &level.wait,
            Self::Speed => &level.speed,
        }
    }
}

/// How far the answer is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Bracket {
    pub asked: Asked,
    /// Levels that hold, smallest first.
    pub hold: Vec<u32>,
    /// Levels that are open, with what is known of them; None where that is nothing yet.
    pub open: Vec<(u32, Option<State>)>,
    /// Levels that fail.
    pub fail: Vec<u32>,
    /// Levels between those around the answer that have not been tried.
    pub untried: Option<(u32, u32)>,
    /// Requests, and seconds of the server, that the two levels around the answer still need at the share seen so far. None
    /// if no level beyond the answer was asked, or no number of requests would decide it.
    pub needed: Option<(u64, Option<f64>)>,
    /// Seconds of the server until the time is over; None before the first request and for a sketch alone.
    pub left_s: Option<f64>,
}

impl Bracket {
    /// Of a run that finds its levels; None for any other.
    pub fn new(run: &RunState, verdict: &Verdict, now: Stamp) -> Option<Self> {
        let plan = &run.info.as_ref()?.plan;
        let settle = plan.settle?;
        let asked = asked(run, verdict);
        let state = |level: &LevelVerdict| asked.of(level).state;
        let with = |wanted: State| {
            let levels = verdict.levels.iter();
            let levels = levels.filter(move |level| state(level) == Some(wanted));
            levels.map(|level| level.users).collect::<Vec<u32>>()
        };
        let open = verdict
            .levels
            .iter()
            .filter(|level| state(level).is_none_or(State::is_open));
        let elapsed_s = run.measured.elapsed_s(now);
        let left_s = elapsed_s.map(|s| (settle.within_s - s * plan.time_scale).max(0.0));
        let around = around(verdict, asked);
        Some(Self {
            asked,
            hold: with(State::Holds),
            open: open.map(|level| (level.users, state(level))).collect(),
            fail: with(State::Fails),
            untried: around.and_then(|(low, high)| between(low.map_or(0, |l| l.users), high.users)),
            needed: around.and_then(|(low, high)| {
                let levels: Vec<&LevelVerdict> = low.into_iter().chain([high]).collect();
                needed(run, asked, &levels)
            }),
            left_s: left_s.filter(|_| settle.within_s > 0.0),
        })
    }
}

/// Where both limits at once fail for sure, and more users are asked all the same, the question is the other limit.
fn asked(run: &RunState, verdict: &Verdict) -> Asked {
    let measured = run.current().map_or(0, |cycle| cycle.users);
    let Some(fails_at) = verdict.by_share.fails_at.filter(|at| measured > *at) else {
        return Asked::Both;
    };
    let likely = |judged: &Judgment| judged.probability.is_some_and(|p| p >= 0.5);
    let beyond = verdict.levels.iter().find(|level| level.users == fails_at);
    match beyond {
        Some(level) if likely(&level.wait) => Asked::Wait,
        Some(level) if likely(&level.speed) => Asked::Speed,
        _ => Asked::Both,
    }
}

/// The largest level that more speaks for than against, with all smaller ones, and the next one.
fn around(verdict: &Verdict, asked: Asked) -> Option<(Option<&LevelVerdict>, &LevelVerdict)> {
    let carries = |level: &&LevelVerdict| asked.of(level).probability.is_some_and(|p| p >= 0.5);
    let low = verdict.levels.iter().take_while(carries).last();
    let above = low.map_or(0, |level| level.users);
    let high = verdict.levels.iter().find(|level| level.users > above)?;
    Some((low, high))
}

/// The levels between two that are not close enough to decide the answer.
fn between(low: u32, high: u32) -> Option<(u32, u32)> {
    let close = f64::from(high) <= f64::from(low) * CLOSE;
    let (first, last) = (low.saturating_add(1), high.saturating_sub(1));
    (!close && first <= last).then_some((first, last))
}

/// What is still needed to decide all of these.
fn needed(run: &RunState, asked: Asked, levels: &[&LevelVerdict]) -> Option<(u64, Option<f64>)> {
    let (mut requests, mut seconds) = (0, Some(0.0));
    for level in levels {
        let more = asked.of(level).more_to_decide?;
        requests += more;
        let each = request_time_s(run, level.users);
        seconds = seconds.zip(each).map(|(sum, each)| {
            // Rounds of all its users.
            sum + (more as f64 / f64::from(level.users.max(1))).ceil() * each
        });
    }
    Some((requests, seconds))
}

/// How long a request of a level takes, seconds of the server.
fn request_time_s(run: &RunState, users: u32) -> Option<f64> {
    let time_scale = run.info.as_ref()?.plan.time_scale;
    let cycles = run.cycles.iter().filter(|cycle| cycle.users == users);
    let times = cycles
        .flat_map(CycleState::succeeded)
        .filter_map(RequestRecord::total_s);
    let (sum, n) = times.fold((0.0, 0.0), |(sum, n), time| (sum + time, n + 1.0));
    (n > 0.0).then(|| sum / n * time_scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbors_and_levels_a_tenth_apart_leave_nothing_between() {
        assert_eq!(between(4, 8), Some((5, 7)));
        assert_eq!(between(0, 1), None);
        assert_eq!(between(0, 4), Some((1, 3)));
        assert_eq!(between(3, 4), None);
        assert_eq!(between(40, 44), None);
        assert_eq!(between(40, 45), Some((41, 44)));
    }
}
