//! One number over several levels, and the interval in which it lies.
//!
//! Requests that ran together are alike, so the spread is that between rounds (each user's first requests, their second
//! ones …) or, where a level was repeated, between its repeats; not that between requests. Rounds are compared with the
//! same rounds of the other run: what all first rounds have in common cancels.

use std::collections::{BTreeMap, BTreeSet};

use crate::metrics::interval::{Moments, t_point};

/// A level with fewer groups does not show how they differ.
const GROUPS: usize = 3;
/// The most that the requests of a single group are worth then.
const GROUP_WORTH: f64 = 6.0;

/// Requests that ran together: the number of the cycle and the round in it.
pub(super) type Group = (u32, u32);

/// A part of a variance, and its degrees of freedom.
type Part = (f64, f64);

/// The values of one run at one level.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Values {
    pub(super) all: Vec<(Group, f64)>,
}

impl Values {
    fn moments(&self) -> Option<Moments> {
        Moments::from_values(self.all.iter().map(|(_, value)| *value))
    }

    fn groups(&self) -> BTreeSet<Group> {
        self.all.iter().map(|(group, _)| *group).collect()
    }

    /// What each group adds to the mean: its requests' distance from it.
    fn leanings(&self, mean: f64) -> BTreeMap<Group, f64> {
        let n = self.all.len() as f64;
        let mut sums = BTreeMap::new();
        for (group, value) in &self.all {
            *sums.entry(*group).or_insert(0.0) += (value - mean) / n;
        }
        sums
    }

    /// How many independent requests these are worth where their groups do not show it.
    fn worth(&self) -> f64 {
        let most = GROUP_WORTH * self.groups().len() as f64;
        (self.all.len() as f64).min(most)
    }
}

/// What a level says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Estimate {
    pub(super) users: u32,
    /// Its weight among the levels.
    pub(super) weight: f64,
    pub(super) value: f64,
    /// Its variance in parts; None where it does not show its own.
    parts: Option<Vec<Part>>,
    /// The same as parts of an unknown variance of a request relative to its mean, for levels of single requests.
    borrowed: f64,
}

/// A number over levels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pooled {
    pub(super) value: f64,
    /// Its 95 % interval; None where the samples are too small for one.
    pub(super) interval: Option<(f64, f64)>,
}

/// The mean of a level.
pub(super) fn mean(users: u32, values: &Values) -> Option<Estimate> {
    let moments = values.moments()?;
    let groups = values.groups().len();
    let parts = if groups >= GROUPS {
        let squares = values.leanings(moments.mean).into_values().map(|x| x * x);
        Some(vec![between(squares.sum(), groups)])
    } else {
        moments.variance.map(|v| vec![within(v, values.worth())])
    };
    Some(Estimate {
        users,
        weight: moments.n as f64,
        value: moments.mean,
        parts,
        borrowed: moments.mean.powi(2) / values.worth(),
    })
}

/// How the mean of a level changed: as a part of what it was, or in its own unit. None where it was nothing to be a part
/// of.
pub(super) fn change(users: u32, [a, b]: [&Values; 2], in_parts: bool) -> Option<Estimate> {
    let (was, is) = (a.moments()?, b.moments()?);
    if in_parts && was.mean <= 0.0 {
        return None;
    }
    let (times, scale) = if in_parts {
        (is.mean / was.mean, was.mean)
    } else {
        (1.0, 1.0)
    };
    let value = if in_parts {
        times - 1.0
    } else {
        is.mean - was.mean
    };
    let enough = a.groups().len() >= GROUPS && b.groups().len() >= GROUPS;
    let parts = if enough {
        let mut leanings = b.leanings(is.mean);
        for (group, by) in a.leanings(was.mean) {
            *leanings.entry(group).or_insert(0.0) -= times * by;
        }
        let groups = leanings.len();
        let squares = leanings.into_values().map(|x| (x / scale).powi(2));
        Some(vec![between(squares.sum(), groups)])
    } else {
        let of_a = was
            .variance
            .map(|v| within(v * (times / scale).powi(2), a.worth()));
        let of_b = is.variance.map(|v| within(v / scale.powi(2), b.worth()));
        of_a.zip(of_b).map(|(a, b)| vec![a, b])
    };
    let per_request = 1.0 / a.worth() + 1.0 / b.worth();
    Some(Estimate {
        users,
        weight: was.n.min(is.n) as f64,
        value,
        parts,
        borrowed: (is.mean / scale).powi(2) * per_request,
    })
}

/// The variance of a mean from the squared leanings of its groups.
fn between(squares: f64, groups: usize) -> Part {
    let n = groups as f64;
    (squares * n / (n - 1.0), n - 1.0)
}

/// The variance of a mean from that of a request.
fn within(variance: f64, worth: f64) -> Part {
    (variance / worth, (worth - 1.0).max(1.0))
}

/// The spread of a request relative to its mean, squared, over the levels that show it.
fn spread(levels: &[Estimate]) -> Option<Part> {
    let known = levels.iter().filter_map(|level| {
        let parts = level.parts.as_ref()?;
        let variance: f64 = parts.iter().map(|(variance, _)| variance).sum();
        let freedom: f64 = parts.iter().map(|(_, freedom)| freedom).sum();
        (level.borrowed > 0.0).then(|| (variance / level.borrowed, freedom))
    });
    let (sum, freedom) = known.fold((0.0, 0.0), |(sum, all), (square, freedom)| {
        (sum + square * freedom, all + freedom)
    });
    (freedom > 0.0).then(|| (sum / freedom, freedom))
}

/// One number over all levels, by their weights. A level too small to show its own spread is taken to spread like the
/// others.
pub(super) fn pool(levels: &[Estimate]) -> Option<Pooled> {
    let (value, whole) = weighted(levels)?;
    let of_others = spread(levels);
    let mut parts: Vec<Part> = Vec::new();
    for level in levels {
        let scale = (level.weight / whole).powi(2);
        let own = level.parts.clone();
        let borrowed =
            || of_others.map(|(square, freedom)| vec![(square * level.borrowed, freedom)]);
        let Some(of_level) = own.or_else(borrowed) else {
            return Some(Pooled {
                value,
                interval: None,
            });
        };
        parts.extend(
            of_level
                .into_iter()
                .map(|(v, freedom)| (v * scale, freedom)),
        );
    }
    Some(with_interval(value, &parts))
}

/// One number over all levels, whose spread is that between the levels: for what a level has only once.
pub(super) fn pool_between(levels: &[Estimate]) -> Option<Pooled> {
    let (value, whole) = weighted(levels)?;
    let alike: f64 = levels.iter().map(|l| (l.weight / whole).powi(2)).sum();
    let freedom = 1.0 / alike - 1.0;
    let squares = levels.iter().map(|l| l.weight * (l.value - value).powi(2));
    let variance = squares.sum::<f64>() / (whole * (1.0 - alike)) * alike;
    if levels.len() < 2 || freedom < 0.5 {
        return Some(Pooled {
            value,
            interval: None,
        });
    }
    Some(with_interval(value, &[(variance, freedom)]))
}

fn weighted(levels: &[Estimate]) -> Option<(f64, f64)> {
    let whole: f64 = levels.iter().map(|level| level.weight).sum();
    let sum: f64 = levels.iter().map(|l| l.weight * l.value).sum();
    (whole > 0.0).then(|| (sum / whole, whole))
}

/// Satterthwaite's interval.
fn with_interval(value: f64, parts: &[Part]) -> Pooled {
    let variance: f64 = parts.iter().map(|(variance, _)| variance).sum();
    let half = if variance > 0.0 {
        let squares = parts
            .iter()
            .map(|(variance, freedom)| variance.powi(2) / freedom);
        t_point(variance.powi(2) / squares.sum::<f64>()).map(|t| t * variance.sqrt())
    } else {
        Some(0.0)
    };
    Pooled {
        value,
        interval: half.map(|half| (value - half, value + half)),
    }
}

/// How many times as many requests would decide it, at what was seen so far; `decided` says whether so many times would.
/// None where no sensible number would.
pub(super) fn times_to_decide(decided: impl Fn(f64) -> bool) -> Option<f64> {
    const MOST: f64 = 10_000.0;
    if !decided(MOST) {
        return None;
    }
    let (mut few, mut many) = (1.0, MOST);
    while many / few > 1.001 {
        let middle = f64::sqrt(few * many);
        if decided(middle) {
            many = middle;
        } else {
            few = middle;
        }
    }
    Some(many)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-6, "{value} is not {expected}");
    }

    /// Rounds of a cycle.
    fn rounds(rounds: &[&[f64]]) -> Values {
        let all = (0..).zip(rounds);
        let all = all.flat_map(|(round, values)| values.iter().map(move |v| ((0, round), *v)));
        Values { all: all.collect() }
    }

    #[test]
    fn a_mean_spreads_as_its_rounds_do() {
        // Means of rounds 10, 12 and 14: variance of the mean 4 / 3, t(2) = 4.302653.
        let level = mean(2, &rounds(&[&[9.0, 11.0], &[12.0, 12.0], &[13.0, 15.0]]));
        let pooled = pool(&[level.unwrap()]).unwrap();
        let (low, high) = pooled.interval.unwrap();
        near(pooled.value, 12.0);
        near(low, 12.0 - 4.302_653 * (4.0_f64 / 3.0).sqrt());
        near(high, 24.0 - low);
    }

    #[test]
    fn requests_of_two_rounds_are_worth_six_each_at_the_most() {
        // 20 requests of variance 20/19 in one round are worth 6: t(5) = 2.570582.
        let values: Vec<f64> = (0..20).map(|i| 10.0 + f64::from(i % 2 * 2 - 1)).collect();
        let pooled = pool(&[mean(20, &rounds(&[&values])).unwrap()]).unwrap();
        let (low, _) = pooled.interval.unwrap();
        near(low, 10.0 - 2.570_582 * (20.0_f64 / 19.0 / 6.0).sqrt());
    }

    #[test]
    fn what_all_first_rounds_have_in_common_cancels() {
        let a = rounds(&[&[40.0, 40.0], &[20.0, 20.0], &[20.0, 20.0]]);
        let b = rounds(&[&[36.0, 36.0], &[18.0, 18.0], &[18.0, 18.0]]);
        let pooled = pool(&[change(2, [&a, &b], true).unwrap()]).unwrap();
        near(pooled.value, -0.1);
        let (low, high) = pooled.interval.unwrap();
        near(low, -0.1);
        near(high, -0.1);
        let absolute = pool(&[change(2, [&a, &b], false).unwrap()]).unwrap();
        near(absolute.value, -8.0 / 3.0);
        // By how much each round leans: -4 + 8/3 once, -2 + 8/3 twice, a third of each; t(2).
        let squares: f64 = (16.0 + 4.0 + 4.0) / 9.0 / 9.0;
        let (low, _) = absolute.interval.unwrap();
        near(low, -8.0 / 3.0 - 4.302_653 * (squares * 1.5).sqrt());
    }

    #[test]
    fn levels_count_by_their_requests() {
        let level = |n: usize, value: f64| {
            let one = vec![value; n];
            rounds(&[&one, &one, &one])
        };
        let small = change(1, [&level(1, 10.0), &level(1, 20.0)], true).unwrap();
        let large = change(9, [&level(9, 10.0), &level(9, 10.0)], true).unwrap();
        near(pool(&[small, large]).unwrap().value, 0.1);
    }

    #[test]
    fn a_level_of_one_request_borrows_its_spread_and_two_of_them_have_none() {
        let one = |value: f64| rounds(&[&[value]]);
        let alone = change(1, [&one(10.0), &one(11.0)], true).unwrap();
        let pooled = pool(std::slice::from_ref(&alone)).unwrap();
        assert_eq!(pooled.interval, None);
        near(pooled.value, 0.1);
        let three = rounds(&[&[9.0], &[10.0], &[11.0]]);
        let other = change(2, [&three, &three], true).unwrap();
        assert!(pool(&[alone, other]).unwrap().interval.is_some());
    }

    #[test]
    fn what_a_level_has_once_spreads_as_the_levels_do() {
        let once = |users, value| Estimate {
            users,
            weight: 4.0,
            value,
            parts: None,
            borrowed: 0.0,
        };
        let pooled = pool_between(&[once(1, 0.1), once(2, 0.2), once(4, 0.3)]).unwrap();
        near(pooled.value, 0.2);
        // s = 0.1 of three: t(2) = 4.302653.
        near(
            pooled.interval.unwrap().1,
            0.2 + 4.302_653 * 0.1 / 3.0_f64.sqrt(),
        );
        assert_eq!(pool_between(&[once(1, 0.1)]).unwrap().interval, None);
    }

    #[test]
    fn nothing_to_compare_is_no_estimate() {
        let none = Values::default();
        assert_eq!(mean(1, &none), None);
        assert_eq!(change(1, [&none, &rounds(&[&[1.0]])], true), None);
        let zero = rounds(&[&[0.0]]);
        assert_eq!(change(1, [&zero, &zero], true), None);
        assert_eq!(pool(&[]), None);
    }

    #[test]
    fn four_times_as_many_halve_an_interval() {
        let times = times_to_decide(|times| 2.0 / times.sqrt() <= 1.0).unwrap();
        assert!((4.0..4.01).contains(&times), "{times}");
        assert_eq!(times_to_decide(|_| false), None);
    }
}
