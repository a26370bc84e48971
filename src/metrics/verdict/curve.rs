//! What a level would be like that was not asked, and how long it would take to decide it, from the levels that were
//! asked: only to choose where to ask next. No verdict rests on it.

use crate::metrics::verdict::evidence::Evidence;
use crate::metrics::verdict::trials::Count;
use crate::text::numbers::floor_u64;

/// Levels further away than this say nothing of how the margin falls: a logarithm of users.
const NEAR: f64 = 0.8;
/// What a level says of another fades by a factor e over this: a logarithm of users.
const FADES: f64 = 0.08;
/// How much the margin falls with the logarithm of the users, until levels tell.
const SLOPE: f64 = -1.0;
/// The weight of that, as a variance of the logarithm of users times requests.
const SLOPE_WEIGHT: f64 = 0.02;
/// No level is better than a smaller one.
const FLATTEST: f64 = -0.1;
/// Requests that a burst is worth, and how precisely it measures a margin.
const BURST: f64 = 4.0;
const BURST_SD: f64 = 0.1;
/// So many requests of a level weigh as much as any more.
const ENOUGH: usize = 100;
/// The odds that decide a level, as a logarithm: 19 to 1, and what looking at any time costs.
const DECIDES: f64 = 3.94;

/// A level that was asked.
#[derive(Debug, Clone)]
pub(super) struct Point {
    users: u32,
    /// By how much each request keeps the limits, worst first: the logarithm of the ratio. Failed ones have none.
    margins: Vec<f64>,
    failed: usize,
    count: Count,
}

impl Point {
    /// Of the margins of its requests; minus infinity for one that failed.
    pub(super) fn new(users: u32, count: Count, requests: impl Iterator<Item = f64>) -> Self {
        let mut margins: Vec<f64> = requests.collect();
        margins.sort_unstable_by(f64::total_cmp);
        let failed = margins.partition_point(|margin| margin.is_infinite());
        margins.drain(..failed);
        Self {
            users,
            margins,
            failed,
            count,
        }
    }

    /// By how much all but the worst requests keep the limits.
    fn worst(&self, share: f64) -> Option<f64> {
        let last = self.margins.len().checked_sub(1)?;
        let at = floor_u64((1.0 - share) * self.margins.len() as f64);
        let at = usize::try_from(at).unwrap_or(last);
        self.margins.get(at.min(last)).copied()
    }

    /// The weight and the share of good requests if each kept the limits by so much more. All but the worst of a burst
    /// came sooner than requests do where all users always ask.
    fn shifted(&self, by: f64, share: f64) -> Option<(f64, f64)> {
        if self.count.is_burst {
            let z = (self.worst(share)? + by) / BURST_SD;
            return Some((BURST, 1.0 / (1.0 + (-1.7 * z).exp())));
        }
        let missed = self.margins.partition_point(|margin| margin + by < 0.0);
        let all = (self.margins.len() + self.failed) as f64;
        (all > 0.0).then(|| (all, (self.margins.len() - missed) as f64 / all))
    }
}

/// How the share of good requests falls with the users.
#[derive(Debug)]
pub(super) struct Curve {
    points: Vec<Point>,
    /// The share that is wanted.
    wanted: f64,
}

impl Curve {
    pub(super) fn new(points: Vec<Point>, wanted: f64) -> Self {
        Self { points, wanted }
    }

    /// How much the margin changes with the logarithm of the users, near so many: least squares.
    fn slope(&self, users: f64) -> f64 {
        let away = |point: &Point| (users / f64::from(point.users)).ln().abs();
        let near = self.points.iter().filter(|point| away(point) < NEAR);
        let points: Vec<[f64; 3]> = near
            .filter_map(|point| {
                let weight = if point.count.is_burst {
                    BURST
                } else {
                    point.margins.len().min(ENOUGH) as f64
                };
                let (x, y) = (f64::from(point.users).ln(), point.worst(self.wanted)?);
                Some([x, y, weight])
            })
            .collect();
        let mean = |value: fn(&[f64; 3]) -> f64| {
            let sum: f64 = points.iter().map(|point| value(point) * point[2]).sum();
            sum / points.iter().map(|point| point[2]).sum::<f64>()
        };
        if points.is_empty() {
            return SLOPE;
        }
        let (x, y) = (mean(|point| point[0]), mean(|point| point[1]));
        let (mut xx, mut xy) = (SLOPE_WEIGHT, SLOPE * SLOPE_WEIGHT);
        for [at, margin, weight] in &points {
            xx += weight * (at - x).powi(2);
            xy += weight * (at - x) * (margin - y);
        }
        (xy / xx).min(FLATTEST)
    }

    /// The share of good requests that so many users would see, 0–1.
    pub(super) fn share(&self, users: u32) -> f64 {
        let users = f64::from(users.max(1));
        let slope = self.slope(users);
        let (mut good, mut all) = (0.0, 0.0);
        for point in &self.points {
            let away = (users / f64::from(point.users)).ln();
            let near = (-away.abs() / FADES).exp().max(1e-12);
            if let Some((weight, share)) = point.shifted(slope * away, self.wanted) {
                good += near * weight * share;
                all += near * weight;
            }
        }
        if all > 0.0 { good / all } else { self.wanted }
    }

    /// Independent requests that would still decide a level; infinite where it lies on the other side.
    pub(super) fn needed(&self, users: u32, holds: bool) -> f64 {
        let (share, wanted) = (self.share(users).clamp(1e-4, 1.0 - 1e-4), self.wanted);
        if holds != (share > wanted) || wanted >= 1.0 {
            return f64::INFINITY;
        }
        let known = self.points.iter().find(|point| point.users == users);
        let known = known.filter(|point| !point.count.is_burst);
        let (met, missed) = known.map_or((0.0, 0.0), |point| point.count.worth());
        let Evidence { above, below } = Evidence::new(met, missed, wanted);
        let so_far = if holds {
            above - below.max(0.0)
        } else {
            below - above.max(0.0)
        };
        // What each one tells in the mean: the divergence of one share from the other.
        let each =
            share * (share / wanted).ln() + (1.0 - share) * ((1.0 - share) / (1.0 - wanted)).ln();
        ((DECIDES - so_far) / each).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(users: u32, met: u64, of: u64, is_burst: bool, margins: &[f64]) -> Point {
        let count = Count {
            met,
            of,
            design_effect: 1.0,
            is_burst,
            ..Count::default()
        };
        Point::new(users, count, margins.iter().copied())
    }

    #[test]
    fn between_two_levels_the_share_falls_from_one_to_the_other() {
        let good = vec![0.2; 40];
        let poor = vec![-0.2; 40];
        let points = vec![
            point(10, 40, 40, false, &good),
            point(20, 0, 40, false, &poor),
        ];
        let curve = Curve::new(points, 0.9);
        let shares: Vec<f64> = (10..=20).map(|users| curve.share(users)).collect();
        assert!(
            shares.windows(2).all(|pair| pair[1] <= pair[0]),
            "{shares:?}"
        );
        assert!(shares[0] > 0.99 && shares[10] < 0.01, "{shares:?}");
        // The margin is used up half-way, by ratio: at √200 users.
        let crossing = (10..=20).find(|users| curve.share(*users) < 0.9);
        assert_eq!(crossing, Some(15));
    }

    #[test]
    fn failures_stay_where_waits_and_speeds_have_room() {
        let mut requests = vec![2.0; 19];
        requests.push(f64::NEG_INFINITY);
        let curve = Curve::new(vec![point(8, 19, 20, false, &requests)], 0.9);
        assert!((curve.share(8) - 0.95).abs() < 1e-9);
        assert!((curve.share(12) - 0.95).abs() < 1e-9);
    }

    #[test]
    fn of_a_burst_the_worst_tell_what_always_asking_is_like() {
        // A queue: the first waits nothing, the last twice the limit.
        let waits = (1..=20).map(|at| (1.0 / (0.1 * f64::from(at))).ln());
        let waits: Vec<f64> = waits.collect();
        let curve = Curve::new(vec![point(20, 10, 20, true, &waits)], 0.9);
        assert!(curve.share(20) < 0.01, "{}", curve.share(20));
    }

    #[test]
    fn what_is_needed_grows_towards_the_limit_and_is_without_end_beyond() {
        let level = |good: usize| {
            let mut requests = vec![0.5; good];
            requests.resize(100, -0.5);
            Curve::new(vec![point(4, 0, 0, false, &requests)], 0.9)
        };
        let holds = [100, 98, 95, 92].map(|good| level(good).needed(4, true));
        assert!(holds.windows(2).all(|pair| pair[0] < pair[1]), "{holds:?}");
        // 19 to 1 from requests that are all good, each 1 / 0.9 more likely: 28, and what looking at any time costs.
        assert!((35.0..40.0).contains(&holds[0]), "{holds:?}");
        assert!(level(85).needed(4, true).is_infinite());
        assert!(level(95).needed(4, false).is_infinite());
    }

    #[test]
    fn without_any_level_nothing_is_claimed() {
        let curve = Curve::new(Vec::new(), 0.9);
        assert!((curve.share(7) - 0.9).abs() < 1e-9);
    }
}
