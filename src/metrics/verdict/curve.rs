//! What a level would be like that was not asked, and how long it would take to decide it, as the levels tell that were
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
/// Requests that a burst is worth, and how exactly it tells a margin.
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
    /// Of the margins of its requests; None for one that failed.
    pub(super) fn new(
        users: u32,
        count: Count,
        requests: impl Iterator<Item = Option<f64>>,
    ) -> Self {
        let all: Vec<Option<f64>> = requests.collect();
        let mut margins: Vec<f64> = all.iter().copied().flatten().collect();
        margins.sort_unstable_by(f64::total_cmp);
        Self {
            users,
            failed: all.len() - margins.len(),
            margins,
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
        let told: Vec<[f64; 3]> = near
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
            let sum: f64 = told.iter().map(|point| value(point) * point[2]).sum();
            sum / told.iter().map(|point| point[2]).sum::<f64>()
        };
        if told.is_empty() {
            return SLOPE;
        }
        let (x, y) = (mean(|point| point[0]), mean(|point| point[1]));
        let (mut xx, mut xy) = (SLOPE_WEIGHT, SLOPE * SLOPE_WEIGHT);
        for [at, margin, weight] in &told {
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
