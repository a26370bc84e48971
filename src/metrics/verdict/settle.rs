//! Where the next request is worth most: a sketch of the curve, then requests only where they can change the answer.
//!
//! Nothing here knows a clock, a socket or a screen: whoever asks the requests tells what came of them and asks what
//! comes next. So the same rules run against a server and, in simulated time, in the bench that measures how often
//! they are wrong.

mod choice;

use std::collections::BTreeMap;

use crate::event::Stamp;
use crate::metrics::sample::Sample;
use crate::metrics::verdict::evidence::{TOO_FEW, pool};
use crate::metrics::verdict::trials::{Count, Trial, Visit};
use crate::metrics::verdict::{HOLDS, Level, State};
use crate::plan::{Limits, SettlePlan};

/// Requests of a level before it shows on which side of the limit it is.
const LEAST: u64 = 10;
/// Independent requests that show it, whatever they say.
const SHOWN: f64 = 12.0;
/// A probability this far from even shows it sooner.
const LEANS: f64 = 0.249;
/// The sketch ends where the share of good requests is as small as this: of a burst the first find no queue, and where
/// all users always ask, each request is like the last of them.
const SKETCH_ENDS: f64 = 0.7;
/// From so many requests on; of fewer, nearly all must miss.
const SKETCH_LEAST: u64 = 8;
/// Requests of a sketched level, if that has fewer users.
pub(crate) const SKETCHED: usize = 4;
/// Rounds that a level takes to show anything: its users begin, all of them ask, and those requests end.
const ROUNDS: f64 = 2.5;

/// A limit, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Wait,
    Speed,
    Both,
}

const QUESTIONS: [Question; 3] = [Question::Wait, Question::Speed, Question::Both];

/// What a level is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// What the curve is like: a single wave.
    Sketch,
    /// On which side of the limit it is.
    Side,
    /// Whether it holds, or fails.
    Decide,
}

/// A level, what it is asked for, and until when, seconds.
type Visiting = (u32, Goal, f64);

/// The next level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Users.
    pub users: u32,
    /// Whether each user asks once only.
    pub single_wave: bool,
    /// Over how long the users begin, seconds of the server: all at once would be a burst.
    pub begin_over_s: f64,
}

/// What is known of a level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Users.
    pub users: u32,
    /// The probability that wait, speed and both reach their limits.
    probability: [f64; 3],
    count: [Count; 3],
}

impl Judged {
    fn p(&self, question: Question) -> f64 {
        let [wait, speed, both] = self.probability;
        match question {
            Question::Wait => wait,
            Question::Speed => speed,
            Question::Both => both,
        }
    }

    fn count(&self, question: Question) -> &Count {
        let [wait, speed, both] = &self.count;
        match question {
            Question::Wait => wait,
            Question::Speed => speed,
            Question::Both => both,
        }
    }

    /// Whether more speaks for it than against it. What a burst shows of a wait is the best of it.
    fn seems_to_hold(&self, question: Question, share: f64) -> bool {
        let count = self.count(question);
        let is_poor = count.is_burst && (count.met as f64) < share * count.of as f64;
        self.p(question) >= 0.5 && !is_poor
    }

    /// Of both limits.
    pub fn state(&self) -> State {
        State::from_probability(self.p(Question::Both))
    }

    /// Whether both limits are more likely met than not.
    pub fn is_carried(&self) -> bool {
        self.p(Question::Both) >= 0.5
    }

    /// Requests that count, of both limits.
    pub fn requests(&self) -> u64 {
        self.count(Question::Both).of
    }
}

#[derive(Debug)]
struct Known {
    level: Level,
    count: Option<[Count; 3]>,
    /// When each user's last answer ended; what it asks now was sent after that.
    last_end: BTreeMap<u32, Stamp>,
}

/// A run that continues until it knows.
#[derive(Debug)]
pub struct Settle {
    plan: SettlePlan,
    limits: Limits,
    time_scale: f64,
    levels: BTreeMap<u32, Known>,
    question: Question,
    is_sketched: bool,
    at: Option<(u32, Goal)>,
    /// When the current level must have shown what it is asked for, seconds.
    until_s: f64,
    aims: u32,
}

impl Settle {
    /// Of a plan; `time_scale` is how much faster than its own time the server runs here.
    pub fn new(plan: SettlePlan, limits: Limits, time_scale: f64) -> Self {
        Self {
            until_s: plan.within_s,
            plan,
            limits,
            time_scale,
            levels: BTreeMap::new(),
            question: Question::Both,
            is_sketched: false,
            at: None,
            aims: 0,
        }
    }

    /// The level to run next, `elapsed_s` seconds of the server after the first measured request; None when all is
    /// decided, or the time is over.
    pub fn next(&mut self, elapsed_s: f64) -> Option<Step> {
        let judged = self.judged();
        if !self.is_sketched {
            // A level that was skipped is not asked again.
            let Some(last) = self.levels.keys().next_back().copied() else {
                return Some(self.go(self.plan.first, Goal::Sketch, f64::INFINITY));
            };
            let known = judged.iter().find(|level| level.users == last);
            let is_last =
                last >= self.plan.most || known.is_some_and(|level| self.nearly_all_miss(level));
            if !is_last && (elapsed_s < self.plan.within_s || self.plan.within_s <= 0.0) {
                let next = last.saturating_mul(2).min(self.plan.most);
                return Some(self.go(next, Goal::Sketch, f64::INFINITY));
            }
            self.is_sketched = true;
        }
        if elapsed_s >= self.plan.within_s {
            return None;
        }
        let mut visiting = self.settle(&judged, elapsed_s);
        if visiting.is_none() && self.question == Question::Both {
            // The limit that still holds where both together no longer do.
            let beyond = judged.iter().find(|level| level.p(Question::Both) < 0.5)?;
            let open = [Question::Wait, Question::Speed].into_iter();
            let mut open = open.filter(|limit| beyond.p(*limit) >= 0.5);
            self.question = open.next()?;
            visiting = self.settle(&judged, elapsed_s);
        }
        let (users, goal, until_s) = visiting?;
        let least_s = elapsed_s + ROUNDS * time_of_a_round(&self.request_times(), users);
        if goal != Goal::Sketch && least_s > self.plan.within_s {
            // Too little time is left to learn anything about it.
            return None;
        }
        Some(self.go(users, goal, until_s.max(least_s)))
    }

    /// A level that the user wants, next.
    pub fn ask_for(&mut self, users: u32) -> Step {
        let until_s = self.until_s;
        self.go(users, Goal::Side, until_s)
    }

    /// The current level, once more.
    pub fn again(&mut self) -> Option<Step> {
        let (users, goal) = self.at?;
        let until_s = self.until_s;
        Some(self.go(users, goal, until_s))
    }

    /// Continues from what is known of these levels.
    pub(crate) fn with_levels(mut self, levels: Vec<Level>) -> Self {
        let known = levels.into_iter().map(|level| {
            let known = Known {
                level,
                count: None,
                last_end: BTreeMap::new(),
            };
            (known.level.users, known)
        });
        self.levels = known.collect();
        self
    }

    /// Whether the time is over.
    pub fn is_over(&self, elapsed_s: f64) -> bool {
        let is_sketch_only = self.plan.within_s <= 0.0;
        elapsed_s >= self.until_s || (!is_sketch_only && elapsed_s >= self.plan.within_s)
    }

    /// Takes a finished request of the current level; whether the limits are met comes from its sample.
    pub fn observe(
        &mut self,
        user: u32,
        is_first: bool,
        sent: Stamp,
        ended: Stamp,
        sample: Sample,
    ) {
        let Some(known) = self.at.and_then(|(users, _)| self.levels.get_mut(&users)) else {
            return;
        };
        known.count = None;
        known.last_end.insert(user, ended);
        let Some(visit) = known.level.visits.last_mut() else {
            return;
        };
        let trial = Trial {
            user,
            first: is_first,
            sent,
            ended,
            sample,
        };
        let place = visit.trials.partition_point(|other| other.sent <= sent);
        visit.trials.insert(place, trial);
        visit.full_until = visit.full_until.max(ended);
        if is_first {
            visit.full_from = visit.full_from.max(sent);
        }
        let all_asked = known.last_end.len() >= usize::try_from(known.level.users).unwrap_or(0);
        // Of a wave that was cut short the quick ones have ended.
        visit.is_whole |= all_asked;
        visit.oldest_pending = if all_asked {
            known.last_end.values().copied().min().unwrap_or_default()
        } else {
            Stamp(0)
        };
    }

    /// Whether the current level has been asked enough.
    pub fn is_enough(&mut self, elapsed_s: f64) -> bool {
        let Some((users, goal)) = self.at else {
            return true;
        };
        if elapsed_s >= self.plan.within_s && self.plan.within_s > 0.0 {
            return true;
        }
        let Some(known) = self.levels.get(&users) else {
            return true;
        };
        let asked = known
            .level
            .visits
            .last()
            .map_or(0, |visit| visit.trials.len());
        let round = usize::try_from(users).unwrap_or(usize::MAX);
        if goal == Goal::Sketch {
            return asked >= round.max(SKETCHED);
        }
        if asked < round {
            return false;
        }
        if elapsed_s >= self.until_s {
            return true;
        }
        let has_shown_its_start = known.level.visits.last().is_some_and(|v| v.shows(users));
        let question = self.question;
        let judged = self.judged();
        let Some(at) = judged.iter().find(|level| level.users == users) else {
            return false;
        };
        let (p, count) = (at.p(question), at.count(question));
        if count.is_burst || count.of < LEAST {
            return false;
        }
        match goal {
            Goal::Sketch => true,
            Goal::Side => {
                let worth = count.of as f64 / count.design_effect.max(1.0);
                (p - 0.5).abs() >= LEANS || worth >= SHOWN
            }
            Goal::Decide => {
                let is_sure = p >= TOO_FEW || p <= 1.0 - TOO_FEW;
                let wants_another_start = count.one_start && is_sure && has_shown_its_start;
                is_decided(p)
                    || wants_another_start
                    || self.others_are_sooner(&judged, users, elapsed_s)
            }
        }
    }

    /// The levels asked so far, smallest first, with what is known of them.
    pub fn judged(&mut self) -> Vec<Judged> {
        let limits = self.limits;
        let mut levels = Vec::new();
        for (users, known) in &mut self.levels {
            let level = &known.level;
            let count = *known.count.get_or_insert_with(|| {
                [
                    level.count(&|sample| sample.meets_wait(&limits)),
                    level.count(&|sample| sample.meets_speed(&limits)),
                    level.count(&|sample| sample.meets_both(&limits)),
                ]
            });
            if count.iter().any(|count| count.of > 0) {
                levels.push(Judged {
                    users: *users,
                    probability: [0.5; 3],
                    count,
                });
            }
        }
        for question in QUESTIONS {
            let counts: Vec<Count> = levels.iter().map(|l| *l.count(question)).collect();
            for (level, p) in levels.iter_mut().zip(pool(&counts, limits.share)) {
                let [wait, speed, both] = &mut level.probability;
                *match question {
                    Question::Wait => wait,
                    Question::Speed => speed,
                    Question::Both => both,
                } = p;
            }
        }
        levels
    }

    fn nearly_all_miss(&self, level: &Judged) -> bool {
        let all = self.levels.get(&level.users);
        let samples = all.into_iter().flat_map(|known| known.level.samples());
        let met = samples.filter_map(|sample| sample.meets_both(&self.limits));
        let (met, of) = met.fold((0_u64, 0_u64), |(met, of), is_met| {
            (met + u64::from(is_met), of + 1)
        });
        let few = if of >= SKETCH_LEAST {
            SKETCH_ENDS
        } else {
            1.0 - self.limits.share
        };
        of > 0 && met as f64 <= few * of as f64 || level.p(Question::Both) <= 1.0 - HOLDS
    }

    fn go(&mut self, users: u32, goal: Goal, until_s: f64) -> Step {
        let begin_over_s = match goal {
            Goal::Sketch => 0.0,
            Goal::Side | Goal::Decide if users == 1 => 0.0,
            Goal::Side | Goal::Decide => time_of_a_round(&self.request_times(), users),
        };
        self.at = Some((users, goal));
        self.until_s = until_s;
        let known = self.levels.entry(users).or_insert_with(|| Known {
            level: Level {
                users,
                visits: Vec::new(),
                time_scale: self.time_scale,
            },
            count: None,
            last_end: BTreeMap::new(),
        });
        known.last_end.clear();
        known.count = None;
        known.level.visits.push(Visit {
            full_until: Stamp(0),
            oldest_pending: Stamp(0),
            is_whole: false,
            ..Visit::default()
        });
        Step {
            users,
            single_wave: goal == Goal::Sketch
                && usize::try_from(users).is_ok_and(|users| users >= SKETCHED),
            begin_over_s,
        }
    }

    /// How long a request takes at each level that has any: seconds of the server.
    fn request_times(&self) -> Vec<(u32, f64)> {
        let asked = self.levels.iter();
        let asked = asked.filter(|(_, known)| known.level.samples().next().is_some());
        let mean_s = |known: &Known| {
            let trials = known.level.visits.iter().flat_map(|visit| &visit.trials);
            let (sum, n) = trials.fold((0.0, 0.0), |(sum, n), trial| {
                (sum + trial.ended.since(trial.sent), n + 1.0)
            });
            sum / f64::max(n, 1.0) * self.time_scale
        };
        asked
            .map(|(users, known)| (*users, mean_s(known)))
            .collect()
    }
}

/// How long a round takes with so many users, as the level nearest to them reports: seconds of the server.
fn time_of_a_round(request_times: &[(u32, f64)], users: u32) -> f64 {
    let nearest = request_times
        .iter()
        .min_by_key(|(level, _)| level.abs_diff(users));
    nearest.map_or(0.0, |(level, request_s)| {
        request_s * (f64::from(users) / f64::from(*level)).max(1.0)
    })
}

fn is_decided(p: f64) -> bool {
    p >= HOLDS || p <= 1.0 - HOLDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketching() -> Settle {
        let plan = SettlePlan {
            within_s: 300.0,
            first: 1,
            most: 256,
            budget_tokens: None,
        };
        Settle::new(plan, Limits::default(), 1.0)
    }

    fn users(settle: &mut Settle, elapsed_s: f64) -> u32 {
        settle.next(elapsed_s).map_or(0, |step| step.users)
    }

    #[test]
    fn a_level_of_the_sketch_that_gave_nothing_is_not_asked_again() {
        let mut settle = sketching();
        let asked = [0.0, 1.0, 2.0, 3.0].map(|elapsed_s| users(&mut settle, elapsed_s));
        assert_eq!(asked, [1, 2, 4, 8]);
    }

    #[test]
    fn a_wave_counts_once_every_user_has_an_answer() {
        let mut settle = sketching();
        while users(&mut settle, 0.0) < 4 {}
        let good = Sample {
            failed: false,
            wait_s: Some(0.1),
            speed_tok_s: Some(30.0),
        };
        for user in 0..4 {
            assert_eq!(settle.judged().len(), 0, "{user} of 4 have an answer");
            settle.observe(user, true, Stamp(0), Stamp(1_000_000), good);
        }
        let level = settle.judged();
        assert_eq!(
            (level.len(), level[0].users, level[0].requests()),
            (1, 4, 4)
        );
    }
}
