//! Which level comes next, once the sketch shows where the answer lies: of the two levels that would decide it soonest,
//! the one that is further from being decided.

use crate::metrics::sample::Sample;
use crate::metrics::verdict::HOLDS;
use crate::metrics::verdict::curve::{Curve, Point};
use crate::metrics::verdict::settle::{
    Goal, Judged, Question, Settle, Visiting, is_decided, time_of_a_round,
};
use crate::metrics::verdict::trials::{STRETCH_S, STRETCH_WORTH};
use crate::text::numbers::floor_u64;

/// Two levels that are as close as this decide it; neighbors always do.
const CLOSE: f64 = 1.1;
/// Rounds that are lost when a level begins and ends.
const LOST_ROUNDS: f64 = 3.0;
/// How much sooner two other levels must promise to decide it before the current one is left.
const LOYALTY: f64 = 0.8;
/// Levels that seem to need so much more than the time that is left are not worth it.
const HOPELESS: f64 = 3.0;

/// Two levels that would decide the question together, and how long that takes; seconds.
#[derive(Debug, Clone, Copy)]
struct Pair {
    low: (u32, f64),
    high: (u32, f64),
}

impl Pair {
    fn seconds(&self) -> f64 {
        self.low.1 + self.high.1
    }

    fn has(&self, users: u32) -> bool {
        self.low.0 == users || self.high.0 == users
    }

    /// The one that is further from being decided comes first: it shows sooner whether the pair was well chosen.
    fn first(&self) -> u32 {
        if self.low.1 >= self.high.1 {
            self.low.0
        } else {
            self.high.0
        }
    }
}

/// The levels on both sides of the limit, as far as known.
#[derive(Debug, Clone, Copy)]
struct Bracket<'a> {
    /// The largest that seems to hold, with all smaller ones.
    low: Option<&'a Judged>,
    /// The smallest that does not.
    high: Option<&'a Judged>,
    /// The largest that holds for sure; 0 where none does.
    held: u32,
    /// The smallest that fails for sure; `u32::MAX` where none does.
    failed: u32,
}

impl Settle {
    /// What would decide the question next; None where it is decided.
    pub(super) fn settle(&mut self, judged: &[Judged], elapsed_s: f64) -> Option<Visiting> {
        let question = self.question;
        let bracket = self.bracket(judged);
        let left_s = self.plan.within_s - elapsed_s;
        let end_s = self.plan.within_s;
        match (bracket.low, bracket.high) {
            (None, None) => None,
            (Some(low), None) if low.users < self.plan.most => {
                let next = low.users.saturating_mul(2).min(self.plan.most);
                Some((next, Goal::Sketch, end_s))
            }
            (Some(low), None) => {
                let open = !is_decided(low.p(question));
                open.then_some((low.users, Goal::Decide, end_s))
            }
            (None, Some(high)) if high.users == 1 => {
                let open = !is_decided(high.p(question));
                open.then_some((1, Goal::Decide, end_s))
            }
            (None, Some(high)) => Some((high.users / 2, Goal::Side, elapsed_s + left_s / 3.0)),
            (Some(_), Some(_)) if are_close(bracket.held, bracket.failed) => None,
            (Some(low), Some(high)) => {
                let curve = self.curve(judged);
                if let Some(pair) = self.pair(&curve, judged, &bracket, None, left_s) {
                    return Some((pair.first(), Goal::Decide, end_s));
                }
                if !are_close(low.users, high.users) {
                    let between = self.between(&curve, low.users, high.users);
                    return Some((between, Goal::Side, elapsed_s + left_s / 3.0));
                }
                let sureness = |level: &Judged| (level.p(question) - 0.5).abs();
                let surer = sureness(low) > sureness(high);
                let users = if surer { high.users } else { low.users };
                let half_s = f64::midpoint(elapsed_s, end_s);
                Some((users, Goal::Decide, half_s))
            }
        }
    }

    fn bracket<'a>(&self, judged: &'a [Judged]) -> Bracket<'a> {
        let (question, share) = (self.question, self.limits.share);
        let held = judged.iter().rfind(|level| level.p(question) >= HOLDS);
        let failed = judged.iter().find(|level| level.p(question) <= 1.0 - HOLDS);
        Bracket {
            low: judged
                .iter()
                .take_while(|level| level.seems_to_hold(question, share))
                .last(),
            high: judged
                .iter()
                .find(|level| !level.seems_to_hold(question, share)),
            held: held.map_or(0, |level| level.users),
            failed: failed.map_or(u32::MAX, |level| level.users),
        }
    }

    /// Whether two other levels would decide the question sooner than any two with the current one.
    pub(super) fn others_are_sooner(&self, judged: &[Judged], users: u32, elapsed_s: f64) -> bool {
        let bracket = self.bracket(judged);
        let is_bracketed = bracket.low.is_some() && bracket.high.is_some();
        if !is_bracketed {
            // Only the largest and the smallest level decide anything alone.
            let is_largest = bracket.high.is_none() && users == self.plan.most;
            let is_smallest = bracket.low.is_none() && users == 1;
            return !(is_largest || is_smallest);
        }
        let left_s = self.plan.within_s - elapsed_s;
        let pair = self.pair(&self.curve(judged), judged, &bracket, Some(users), left_s);
        pair.is_some_and(|pair| !pair.has(users))
    }

    /// The two levels, close to each other, that would decide the question soonest. None where none would in time.
    fn pair(
        &self,
        curve: &Curve,
        judged: &[Judged],
        bracket: &Bracket<'_>,
        current: Option<u32>,
        left_s: f64,
    ) -> Option<Pair> {
        let (low, high) = (bracket.low?.users, bracket.high?.users);
        let times = self.request_times();
        let seconds = |users: u32, holds: bool| {
            let is_known = if holds {
                users <= bracket.held
            } else {
                users >= bracket.failed
            };
            if is_known || users == 0 || users > self.plan.most {
                return 0.0;
            }
            let round_s = time_of_a_round(&times, users).max(1e-3);
            let lost = if current == Some(users) {
                0.0
            } else {
                LOST_ROUNDS
            };
            let effect = self.expected_effect(judged, users, round_s);
            lost * round_s + curve.needed(users, holds) * effect / (f64::from(users) / round_s)
        };
        let least = u32::try_from(floor_u64(f64::from(low) * 0.85)).unwrap_or(low);
        let most = high.min(bracket.failed).min(self.plan.most);
        let pairs = (least.max(bracket.held)..=most).map(|low| {
            let high = furthest_above(low).min(bracket.failed.max(low + 1));
            Pair {
                low: (low, seconds(low, true)),
                high: (high, seconds(high, false)),
            }
        });
        let worth = |pair: &Pair| {
            let loyal = current.is_some_and(|users| pair.has(users));
            pair.seconds() * if loyal { LOYALTY } else { 1.0 }
        };
        pairs
            .filter(|pair| pair.seconds() <= HOPELESS * left_s)
            .min_by(|a, b| worth(a).total_cmp(&worth(b)))
    }

    /// Requests to one that is independent, as a level would have it: what is assumed, or what those near it show.
    fn expected_effect(&self, judged: &[Judged], users: u32, round_s: f64) -> f64 {
        let near = judged
            .iter()
            .filter(|level| level.users.abs_diff(users) <= level.users / 10);
        let counts = near.map(|level| level.count(self.question));
        let seen = counts
            .filter(|count| !count.is_burst)
            .map(|count| count.design_effect)
            .fold(1.0, f64::max);
        let together = (f64::from(users) / round_s * STRETCH_S).max(f64::from(users));
        (together / STRETCH_WORTH).max(seen)
    }

    /// What the levels say about those between them.
    fn curve(&self, judged: &[Judged]) -> Curve {
        let points = judged.iter().filter_map(|judged| {
            let level = &self.levels.get(&judged.users)?.level;
            let count = *judged.count(self.question);
            let samples: Vec<&Sample> = if count.is_burst {
                level.samples().collect()
            } else {
                let visits = level.visits.iter();
                let steady = visits.flat_map(|visit| visit.steady(level.users));
                steady.map(|trial| &trial.sample).collect()
            };
            let margins = samples
                .into_iter()
                .filter_map(|sample| self.margin_of(sample));
            Some(Point::new(judged.users, count, margins))
        });
        Curve::new(points.collect(), self.limits.share)
    }

    /// A level between two, where the answer seems to lie; every third one in the middle.
    fn between(&mut self, curve: &Curve, low: u32, high: u32) -> u32 {
        self.aims += 1;
        let (l, h) = (f64::from(low), f64::from(high));
        let middle = if h > 4.0 * l {
            (l * h).sqrt()
        } else {
            f64::midpoint(l, h)
        };
        let middle = u32::try_from(floor_u64(middle)).unwrap_or(low);
        let crossing = (low + 1..high).find(|users| curve.share(*users) < self.limits.share);
        let aimed = crossing.filter(|_| !self.aims.is_multiple_of(3));
        aimed.unwrap_or(middle).clamp(low + 1, high - 1)
    }

    /// By how much a request keeps the limits: the logarithm of the ratio, minus infinity for one that failed. None where
    /// that is not known.
    fn margin_of(&self, sample: &Sample) -> Option<f64> {
        if sample.failed {
            return Some(f64::NEG_INFINITY);
        }
        let wait = sample
            .wait_s
            .map(|s| (self.limits.wait_s / s.max(1e-6)).ln());
        let speed = sample
            .speed_tok_s
            .map(|v| (v / self.limits.speed_tok_s).ln());
        match self.question {
            Question::Wait => wait,
            Question::Speed => speed,
            Question::Both => wait.zip(speed).map(|(wait, speed)| wait.min(speed)),
        }
    }
}

/// Whether two levels decide the answer together: neighbors, or at most a tenth apart.
fn are_close(low: u32, high: u32) -> bool {
    high <= low.saturating_add(1) || f64::from(high) <= CLOSE * f64::from(low)
}

/// The largest level that decides the answer together with one.
fn furthest_above(low: u32) -> u32 {
    let tenth = floor_u64(f64::from(low) * CLOSE);
    u32::try_from(tenth)
        .unwrap_or(low)
        .max(low.saturating_add(1))
}
