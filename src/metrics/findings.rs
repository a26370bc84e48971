//! What stands out in a run: the best, how it scales, where the gain ends, the slow tails.

use serde::{Deserialize, Serialize};

use crate::metrics::level::{CountedBy, LevelSummary};
use crate::text::numbers::{decimal, short, users};

/// The knee must stand out of the straight line by this share of the whole gain.
const STANDS_OUT: f64 = 0.1;

/// What stands out. Rates are of output tokens.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Findings {
    /// The best total throughput, all users of a level together.
    pub best_total: Option<AtLevel>,
    /// The best mean speed of one answer.
    pub best_speed: Option<AtLevel>,
    /// How the total grows from the smallest level to its best.
    pub scaling: Option<Scaling>,
    /// The level after which the total gains little: the point of its curve farthest above the straight line
    /// between its ends. Absent for fewer than three levels, and where nothing stands out.
    pub knee: Option<AtLevel>,
    /// The slow end of each level's speeds that its sample can carry.
    pub slow_tails: Vec<SlowTail>,
    /// All of it in sentences.
    pub sentences: Vec<String>,
}

/// A rate at a level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AtLevel {
    /// Users.
    pub users: u32,
    /// Tokens a second.
    pub tok_s: f64,
}

/// How the total grows with the users.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Scaling {
    /// From this level.
    pub from_users: u32,
    /// To this one.
    pub to_users: u32,
    /// The total becomes this many times what it was.
    pub factor: f64,
}

/// The slow end of the speeds of a level, tokens a second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SlowTail {
    /// Users.
    pub users: u32,
    /// 5 % of the answers are at most this fast.
    pub p5: f64,
    /// 1 % of the answers are at most this fast; absent below 100 answers.
    pub p1: Option<f64>,
}

impl Findings {
    /// What stands out in these levels, smallest first. One without a whole cycle is left out.
    pub fn from_levels(levels: &[LevelSummary]) -> Self {
        let levels = || levels.iter().filter(|level| level.figures.is_whole());
        let pick = |rate: fn(&LevelSummary) -> Option<f64>| -> Vec<AtLevel> {
            let known = levels().filter_map(|level| {
                let tok_s = rate(level).filter(|rate| rate.is_finite() && *rate > 0.0)?;
                let users = level.users;
                Some(AtLevel { users, tok_s })
            });
            known.collect()
        };
        let totals = pick(|level| level.figures.system_tok_s);
        let best_total = best(&totals);
        let mut findings = Self {
            best_total,
            best_speed: best(&pick(|level| level.figures.speed_tok_s.mean)),
            scaling: scaling(&totals, best_total),
            knee: knee(&totals),
            slow_tails: levels().filter_map(slow_tail).collect(),
            sentences: Vec::new(),
        };
        let counted = levels().filter_map(|l| l.figures.tokens_counted_by);
        let about = counted.into_iter().any(|by| by != CountedBy::Server);
        findings.sentences = findings.describe(if about { "~" } else { "" });
        findings
    }

    fn describe(&self, about: &str) -> Vec<String> {
        let mut sentences = Vec::new();
        let at = |level: &AtLevel| {
            format!(
                "{about}{} tok/s at {}",
                decimal(level.tok_s, 1),
                users(level.users)
            )
        };
        if let Some(best) = &self.best_total {
            sentences.push(format!("Best total throughput: {}.", at(best)));
        }
        if let Some(best) = &self.best_speed {
            sentences.push(format!("Best speed of one answer: {}.", at(best)));
        }
        if let Some(scaling) = &self.scaling {
            let more = f64::from(scaling.to_users) / f64::from(scaling.from_users.max(1));
            sentences.push(format!(
                "Throughput grows {}× for {}× the users ({} to {}).",
                short(scaling.factor),
                short(more),
                scaling.from_users,
                scaling.to_users
            ));
        }
        if let Some(knee) = &self.knee {
            sentences.push(format!(
                "Throughput levels off at {}: {}.",
                users(knee.users),
                at(knee)
            ));
        }
        if let Some(tail) = self.slow_tails.last() {
            let p1 = tail.p1.map_or_else(String::new, |p1| {
                format!(", 1 % at most {about}{}", decimal(p1, 1))
            });
            sentences.push(format!(
                "Slow tail at {}: 5 % of the answers get at most {about}{} tok/s{p1}.",
                users(tail.users),
                decimal(tail.p5, 1)
            ));
        }
        sentences
    }
}

/// The highest rate; of equal ones that of the fewest users.
fn best(rates: &[AtLevel]) -> Option<AtLevel> {
    rates
        .iter()
        .copied()
        .reduce(|best, next| if next.tok_s > best.tok_s { next } else { best })
}

fn scaling(totals: &[AtLevel], best: Option<AtLevel>) -> Option<Scaling> {
    let (first, best) = (totals.first()?, best?);
    (best.users > first.users).then(|| Scaling {
        from_users: first.users,
        to_users: best.users,
        factor: best.tok_s / first.tok_s,
    })
}

/// V. Satopää and others, "Finding a kneedle in a haystack" (2011), on the levels themselves.
fn knee(totals: &[AtLevel]) -> Option<AtLevel> {
    let best = best(totals)?;
    let (first, last) = (totals.first()?, totals.last()?);
    let width = f64::from(last.users) - f64::from(first.users);
    let height = best.tok_s - first.tok_s;
    if totals.len() < 3 || width <= 0.0 || height <= 0.0 {
        return None;
    }
    let above = |level: &AtLevel| {
        let along = (f64::from(level.users) - f64::from(first.users)) / width;
        (level.tok_s - first.tok_s) / height - along
    };
    let highest = totals.iter().copied().map(|level| (above(&level), level));
    let (above, level) = highest.reduce(|a, b| if b.0 > a.0 { b } else { a })?;
    (above > STANDS_OUT && level.users != last.users).then_some(level)
}

fn slow_tail(level: &LevelSummary) -> Option<SlowTail> {
    let speeds = &level.figures.speed_tok_s;
    Some(SlowTail {
        users: level.users,
        p5: speeds.p5?,
        p1: speeds.p1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::level::LevelMetrics;

    fn levels(totals: &[(u32, f64)]) -> Vec<LevelSummary> {
        let level = |(users, total): &(u32, f64)| {
            let mut figures = LevelMetrics {
                ended: Some(crate::event::CycleEnd::Done),
                system_tok_s: Some(*total),
                ..LevelMetrics::default()
            };
            figures.speed_tok_s.mean = Some(total / f64::from(*users));
            LevelSummary {
                users: *users,
                figures,
                repeats: Vec::new(),
            }
        };
        totals.iter().map(level).collect()
    }

    #[test]
    fn the_best_the_scaling_and_the_knee() {
        let found = Findings::from_levels(&levels(&[
            (1, 50.0),
            (4, 180.0),
            (8, 195.0),
            (16, 205.0),
            (32, 190.0),
        ]));
        assert_eq!(
            found.best_total,
            Some(AtLevel {
                users: 16,
                tok_s: 205.0
            })
        );
        assert_eq!(
            found.best_speed,
            Some(AtLevel {
                users: 1,
                tok_s: 50.0
            })
        );
        let scaling = found.scaling.unwrap();
        assert_eq!((scaling.from_users, scaling.to_users), (1, 16));
        assert!((scaling.factor - 4.1).abs() < 1e-9);
        // Above the line by 130/155 − 3/31 = 0.742 at 4, by 145/155 − 7/31 = 0.710 at 8.
        assert_eq!(found.knee.unwrap().users, 4);
        assert_eq!(
            found.sentences[0],
            "Best total throughput: 205.0 tok/s at 16 users."
        );
        assert!(found.slow_tails.is_empty());
    }

    #[test]
    fn a_straight_line_and_two_points_have_no_knee() {
        assert_eq!(
            Findings::from_levels(&levels(&[(1, 10.0), (2, 20.0), (4, 40.0)])).knee,
            None
        );
        assert_eq!(
            Findings::from_levels(&levels(&[(1, 10.0), (8, 11.0)])).knee,
            None
        );
        assert_eq!(
            Findings::from_levels(&levels(&[(1, 10.0), (2, 9.0), (4, 8.0)])).knee,
            None
        );
        assert_eq!(Findings::from_levels(&[]), Findings::default());
    }
}
