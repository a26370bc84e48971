//! What stands out in a run: the best, how it scales, where the gain ends, the slow tails.

use serde::{Deserialize, Serialize};

use crate::metrics::interval::{Moments, t_point, welch};
use crate::metrics::level::{CountedBy, LevelSummary};
use crate::text::numbers::{decimal, short, users};

/// The knee must stand out of the straight line by this share of the whole gain.
const STANDS_OUT: f64 = 0.1;

/// What stands out. Rates are of output tokens.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Findings {
    /// The best steady throughput, all users of a level together.
    pub best_total: Option<AtLevel>,
    /// The best mean speed of one answer.
    pub best_speed: Option<AtLevel>,
    /// How the total grows from the smallest level to its best; absent where that can be noise.
    pub scaling: Option<Scaling>,
    /// The level after which the total gains little: the point of its curve farthest above the straight line
    /// between its ends. Absent for fewer than three levels, and where nothing stands out of the noise.
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
        let totals: Vec<Total> = levels().filter_map(Total::from_level).collect();
        let best_total = best(totals.iter().map(|total| total.at));
        let mut findings = Self {
            best_total,
            best_speed: best(levels().filter_map(|level| {
                let tok_s = level.figures.speed_tok_s.mean?;
                AtLevel::new(level.users, tok_s)
            })),
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

impl AtLevel {
    fn new(users: u32, tok_s: f64) -> Option<Self> {
        let is_usable = tok_s.is_finite() && tok_s > 0.0;
        is_usable.then_some(Self { users, tok_s })
    }
}

/// The steady throughput of a level, with its noise.
#[derive(Debug, Clone, Copy)]
struct Total {
    at: AtLevel,
    parts: Option<Moments>,
}

impl Total {
    fn from_level(level: &LevelSummary) -> Option<Self> {
        let figures = &level.figures;
        Some(Self {
            at: AtLevel::new(level.users, figures.steady_tok_s?)?,
            parts: figures.steady_parts.moments(),
        })
    }

    /// The variance of its mean.
    fn variance(&self) -> Option<f64> {
        let parts = self.parts?;
        parts.variance.map(|variance| variance / parts.n as f64)
    }

    /// Whether another is more than this, beyond the noise of both.
    fn is_less_than(&self, other: &Self) -> bool {
        let difference = self.parts.zip(other.parts).map(|(a, b)| welch(&a, &b));
        difference.is_some_and(|d| d.by > 0.0 && d.is_shown())
    }
}

/// The highest rate; of equal ones that of the fewest users.
fn best(rates: impl Iterator<Item = AtLevel>) -> Option<AtLevel> {
    rates.reduce(|best, next| if next.tok_s > best.tok_s { next } else { best })
}

fn scaling(totals: &[Total], best: Option<AtLevel>) -> Option<Scaling> {
    let (first, best) = (totals.first()?, best?);
    let best_total = totals.iter().find(|total| total.at.users == best.users)?;
    let grows = best.users > first.at.users && first.is_less_than(best_total);
    grows.then(|| Scaling {
        from_users: first.at.users,
        to_users: best.users,
        factor: best.tok_s / first.at.tok_s,
    })
}

/// V. Satopää and others, "Finding a kneedle in a haystack" (2011), on the levels themselves: the one farthest above the
/// line, if it is above it by more than the noise of the three levels that make line and distance.
fn knee(totals: &[Total]) -> Option<AtLevel> {
    let highest = best(totals.iter().map(|total| total.at))?;
    let highest = totals.iter().find(|t| t.at.users == highest.users)?;
    let (first, last) = (totals.first()?, totals.last()?);
    let width = f64::from(last.at.users) - f64::from(first.at.users);
    let height = highest.at.tok_s - first.at.tok_s;
    if totals.len() < 3 || width <= 0.0 || !first.is_less_than(highest) {
        return None;
    }
    let along = |level: &Total| (f64::from(level.at.users) - f64::from(first.at.users)) / width;
    let above = |level: &Total| level.at.tok_s - first.at.tok_s - along(level) * height;
    let inner = totals
        .iter()
        .filter(|level| level.at.users != last.at.users);
    let level = inner.reduce(|a, b| if above(b) > above(a) { b } else { a })?;
    // The distance is level − (1 − along) × first − along × highest.
    let along = along(level);
    let variance = if level.at.users == highest.at.users {
        (1.0 - along).powi(2) * (level.variance()? + first.variance()?)
    } else {
        level.variance()?
            + (1.0 - along).powi(2) * first.variance()?
            + along.powi(2) * highest.variance()?
    };
    let parts = [first, level, highest].map(|total| total.parts.map_or(0, |parts| parts.n));
    let freedom = parts.into_iter().min()?.saturating_sub(1);
    let noise = t_point(freedom as f64)? * variance.sqrt();
    (above(level) > (STANDS_OUT * height).max(noise)).then_some(level.at)
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
    use crate::metrics::interval::mean_interval;
    use crate::metrics::level::LevelMetrics;

    fn levels(totals: &[(u32, f64)]) -> Vec<LevelSummary> {
        noisy_levels(totals, 1.0)
    }

    /// Levels of ten parts whose throughput differs by `sd`.
    fn noisy_levels(totals: &[(u32, f64)], sd: f64) -> Vec<LevelSummary> {
        let level = |(users, total): &(u32, f64)| {
            let parts = (0..10).map(|n| total + if n % 2 == 0 { sd } else { -sd });
            let mut figures = LevelMetrics {
                ended: Some(crate::event::CycleEnd::Done),
                steady_tok_s: Some(*total),
                steady_parts: mean_interval(parts),
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

    #[test]
    fn noise_makes_neither_a_knee_nor_a_growth() {
        let curve = [(1, 50.0), (4, 180.0), (8, 195.0), (32, 190.0)];
        // The knee is 116 above the line: with ten parts of ± 50 the distance is known to about ± 51,
        // with parts of ± 200 to about ± 204.
        let found = |sd| Findings::from_levels(&noisy_levels(&curve, sd));
        assert_eq!(found(50.0).knee.unwrap().users, 4);
        assert_eq!(found(200.0).knee, None);
        assert_eq!(found(200.0).scaling, None, "145 more, known to about ± 200");
        let alone = |sd| found(sd).sentences.len();
        assert_eq!((alone(50.0), alone(200.0)), (4, 2));
    }

    #[test]
    fn a_level_that_never_stood_has_no_throughput() {
        let mut two = levels(&[(1, 50.0), (8, 195.0)]);
        two[1].figures.steady_tok_s = None;
        two[1].figures.system_tok_s = Some(400.0);
        let best = Findings::from_levels(&two).best_total.unwrap();
        assert_eq!((best.users, best.tok_s), (1, 50.0));
    }
}
