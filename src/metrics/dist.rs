//! Distributions: what a sample says, and no more than it can carry.

use crate::text::numbers::floor_u64;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use statrs::function::beta::beta_reg;

/// Samples that p1 and p99 want.
pub const P99_WANTS: u64 = 100;
/// Samples that p5 and p95 want.
pub const P95_WANTS: u64 = 20;
/// Samples that p90 wants.
pub const P90_WANTS: u64 = 10;

/// How sure it is that a percentile is not above its bound.
pub const SURE: f64 = 0.95;

/// A distribution, in the unit that the key it stands under names. What the sample cannot carry is
/// absent: p1 and p99 want 100 samples, p5 and p95 want 20, p90 wants 10.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Dist {
    /// Samples.
    pub n: u64,
    /// The smallest.
    pub min: Option<f64>,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// 1 % of the samples are at or below it.
    pub p1: Option<f64>,
    /// 5 % of the samples are at or below it.
    pub p5: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// 90 % of the samples are at or below it.
    pub p90: Option<f64>,
    /// 95 % of the samples are at or below it.
    pub p95: Option<f64>,
    /// 99 % of the samples are at or below it.
    pub p99: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    /// With 95 % confidence, p95 of all requests like these is not above this one of them (independent requests;
    /// one-sided); absent below 59 samples and for gaps between chunks, which are not independent.
    #[serde(default)]
    pub p95_upper: Option<f64>,
    /// The same of p99; absent below 299 samples.
    #[serde(default)]
    pub p99_upper: Option<f64>,
}

impl Dist {
    /// The distribution of raw samples; what is not a finite number is left out. Percentiles by linear
    /// interpolation between closest ranks. The order of the samples makes no difference.
    pub fn from_samples(samples: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = samples.into_iter().filter(|x| x.is_finite()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return Self::default();
        };
        // A rounded sum can leave the range of its parts by a hair.
        let mean = (sorted.iter().sum::<f64>() / sorted.len() as f64).clamp(min, max);
        let n = sorted.len() as u64;
        let bound = |q: f64| {
            let place = usize::try_from(bound_rank(n, q)?).ok()?;
            sorted.get(place.checked_sub(1)?).copied()
        };
        Self {
            p95_upper: bound(0.95),
            p99_upper: bound(0.99),
            ..Self::carried(n, min, mean, max, |q| percentile(&sorted, q))
        }
    }

    /// Without the bounds of its percentiles: requests that are still waiting may be beyond them.
    pub(crate) fn unbounded(self) -> Self {
        Self {
            p95_upper: None,
            p99_upper: None,
            ..self
        }
    }

    /// The distribution, in seconds, of gaps counted as `[microseconds, count, …]`, the way
    /// [`crate::event::RequestRecord::itl_us`] keeps them. Percentiles from an HdrHistogram of 3
    /// significant digits; smallest, mean and largest from the gaps themselves.
    pub fn from_gaps<'a>(gaps: impl IntoIterator<Item = &'a [u64]>) -> Self {
        let Ok(mut histogram) = Histogram::<u64>::new(3) else {
            return Self::default();
        };
        let (mut n, mut sum, mut min, mut max) = (0_u64, 0_u128, u64::MAX, 0);
        for list in gaps {
            for pair in list.chunks_exact(2) {
                let &[micros, count] = pair else {
                    continue;
                };
                if count == 0 || histogram.record_n(micros, count).is_err() {
                    continue;
                }
                n = n.saturating_add(count);
                sum = sum.saturating_add(u128::from(micros) * u128::from(count));
                min = min.min(micros);
                max = max.max(micros);
            }
        }
        if n == 0 {
            return Self::default();
        }
        let (low, high) = (min as f64 / 1e6, max as f64 / 1e6);
        let mean = (sum as f64 / n as f64 / 1e6).clamp(low, high);
        Self::carried(n, low, mean, high, |q| {
            let micros = histogram.value_at_quantile(q).clamp(min, max);
            Some(micros as f64 / 1e6)
        })
    }

    fn carried(n: u64, min: f64, mean: f64, max: f64, at: impl Fn(f64) -> Option<f64>) -> Self {
        let from = |wanted: u64, q: f64| (n >= wanted).then(|| at(q)).flatten();
        Self {
            n,
            min: Some(min),
            mean: Some(mean),
            p1: from(P99_WANTS, 0.01),
            p5: from(P95_WANTS, 0.05),
            p50: from(1, 0.5),
            p90: from(P90_WANTS, 0.9),
            p95: from(P95_WANTS, 0.95),
            p99: from(P99_WANTS, 0.99),
            max: Some(max),
            p95_upper: None,
            p99_upper: None,
        }
    }
}

/// Which of `n` ascending samples, counted from 1, bounds the percentile at `q` from above: the smallest one that is not
/// below it with [`SURE`], whatever the distribution. Fewer than that many of the samples lie below the percentile, and how
/// many do is binomial. None where even the largest sample is not enough.
fn bound_rank(n: u64, q: f64) -> Option<u64> {
    let count = n as f64;
    // P(fewer than `rank` of the samples lie below the percentile).
    let is_sure = |rank: u64| beta_reg(count - rank as f64 + 1.0, rank as f64, 1.0 - q) >= SURE;
    if n == 0 || !is_sure(n) {
        return None;
    }
    // From where a normal distribution puts it, up or down.
    let guess = count * q + 1.645 * (count * q * (1.0 - q)).sqrt();
    let mut rank = floor_u64(guess).clamp(1, n);
    while !is_sure(rank) {
        rank += 1;
    }
    while rank > 1 && is_sure(rank - 1) {
        rank -= 1;
    }
    Some(rank)
}

/// The value below which the share `q` (0–1) of the ascending samples lies, by linear interpolation
/// between closest ranks (NumPy's default). None for no samples.
pub fn percentile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let rank = q.clamp(0.0, 1.0) * last as f64;
    let below = usize::try_from(floor_u64(rank)).ok()?.min(last);
    let low = *sorted.get(below)?;
    let high = *sorted.get((below + 1).min(last))?;
    Some((low + (high - low) * (rank - below as f64)).clamp(low, high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(value: Option<f64>, expected: f64) {
        let value = value.unwrap();
        assert!((value - expected).abs() < 1e-9, "{value} is not {expected}");
    }

    #[test]
    fn percentiles_are_those_of_numpy() {
        // numpy.percentile([15, 20, 35, 40, 50], [5, 30, 40, 95])
        let sorted = [15.0, 20.0, 35.0, 40.0, 50.0];
        near(percentile(&sorted, 0.05), 16.0);
        near(percentile(&sorted, 0.30), 23.0);
        near(percentile(&sorted, 0.40), 29.0);
        near(percentile(&sorted, 0.95), 48.0);
        near(percentile(&sorted, 1.0), 50.0);
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn a_percentile_is_absent_where_the_sample_cannot_carry_it() {
        assert_eq!(Dist::from_samples([]), Dist::default());
        let carried = |n: u32| {
            let d = Dist::from_samples((0..n).map(f64::from));
            [d.p50, d.p90, d.p95, d.p5, d.p99, d.p1].map(|p| p.is_some())
        };
        assert_eq!(carried(1), [true, false, false, false, false, false]);
        assert_eq!(carried(9), [true, false, false, false, false, false]);
        assert_eq!(carried(10), [true, true, false, false, false, false]);
        assert_eq!(carried(19), [true, true, false, false, false, false]);
        assert_eq!(carried(20), [true, true, true, true, false, false]);
        assert_eq!(carried(99), [true, true, true, true, false, false]);
        assert_eq!(carried(100), [true, true, true, true, true, true]);
    }

    #[test]
    fn a_percentile_is_bounded_by_the_order_statistic_of_the_tables() {
        // Wilks, 1941: the least sample whose largest, second, third … largest value is beyond p95 with 95 %. One fewer
        // needs the next larger value: 1 − 0.95^58 = 0.9490, 1 − 0.95^59 = 0.9515.
        for (largest, n) in [59, 93, 124, 153, 181].into_iter().enumerate() {
            let rank = n - largest as u64;
            assert_eq!(bound_rank(n, 0.95), Some(rank), "{n}");
            let one_fewer = (largest > 0).then_some(rank);
            assert_eq!(bound_rank(n - 1, 0.95), one_fewer, "{}", n - 1);
        }
        // The same of p99: 1 − 0.99^298 = 0.94997, 1 − 0.99^299 = 0.9505.
        for (largest, n) in [299, 473, 628].into_iter().enumerate() {
            assert_eq!(bound_rank(n, 0.99), Some(n - largest as u64), "{n}");
        }
        assert_eq!(bound_rank(298, 0.99), None);
        assert_eq!(bound_rank(0, 0.95), None);
        let d = |n: u32| Dist::from_samples((0..n).map(f64::from));
        assert_eq!(d(58).p95_upper, None);
        assert_eq!((d(59).p95_upper, d(59).p99_upper), (Some(58.0), None));
        assert_eq!((d(93).p95_upper, d(93).max), (Some(91.0), Some(92.0)));
        assert_eq!(d(299).p99_upper, Some(298.0));
        assert_eq!(d(299).unbounded().p99_upper, None);
    }

    #[test]
    fn a_bound_is_wrong_at_most_as_often_as_it_says() {
        // Of uniform samples the percentile is known: with n = 100 and rank 99, 1 − P(fewer than 99 below) is 3.7 %.
        let mut seed = 7_u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 11) as f64 / (1_u64 << 53) as f64
        };
        let too_low = (0..4000).filter(|_| {
            let d = Dist::from_samples((0..100).map(|_| next()).collect::<Vec<_>>());
            d.p95_upper.unwrap() < 0.95
        });
        let too_low = too_low.count();
        assert!((100..=200).contains(&too_low), "{too_low} of 4000");
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let d = Dist::from_samples([1.0, f64::NAN, 3.0, f64::INFINITY]);
        assert_eq!(d.n, 2);
        near(d.mean, 2.0);
    }

    #[test]
    fn gaps_are_counted_in_seconds() {
        let d = Dist::from_gaps([[20_000, 50].as_slice(), &[20_000, 40, 100_000, 10]]);
        assert_eq!(d.n, 100);
        near(d.min, 0.02);
        near(d.mean, 0.028);
        near(d.max, 0.1);
        // Three significant digits: the histogram's answer lies within 0.1 %.
        assert!((d.p50.unwrap() - 0.02).abs() <= 0.00002);
        assert!((d.p95.unwrap() - 0.1).abs() <= 0.0001);
        assert_eq!(Dist::from_gaps([[].as_slice()]), Dist::default());
    }

    fn ordered(d: &Dist) -> bool {
        let all = [d.min, d.p1, d.p5, d.p50, d.p90, d.p95, d.p99, d.max];
        let there: Vec<f64> = all.into_iter().flatten().collect();
        let bounds = [(d.p95, d.p95_upper), (d.p99, d.p99_upper)];
        let beyond = |(value, upper): (Option<f64>, Option<f64>)| {
            upper.is_none() || value <= upper && upper <= d.max
        };
        if !bounds.into_iter().all(beyond) {
            return false;
        }
        let mean_inside = d.mean.is_none_or(|m| d.min <= Some(m) && Some(m) <= d.max);
        there.is_sorted() && mean_inside
    }

    proptest! {
        #[test]
        fn percentiles_are_ordered(samples in prop::collection::vec(-1e6..1e6_f64, 0..300)) {
            prop_assert!(ordered(&Dist::from_samples(samples)));
        }

        #[test]
        fn the_order_of_samples_makes_no_difference(
            samples in prop::collection::vec(0.0..1e3_f64, 0..200),
            turn in 0..200_usize,
        ) {
            let mut turned = samples.clone();
            turned.rotate_left(turn.min(samples.len()));
            turned.reverse();
            prop_assert_eq!(Dist::from_samples(samples), Dist::from_samples(turned));
        }

        #[test]
        fn gaps_merge_in_any_chunks_and_order(
            pairs in prop::collection::vec((0..10_000_000_u64, 0..50_u64), 0..60),
            cut in 0..60_usize,
        ) {
            let flat = |pairs: &[(u64, u64)]| -> Vec<u64> {
                pairs.iter().flat_map(|(us, n)| [*us, *n]).collect()
            };
            let whole = flat(&pairs);
            let (a, b) = pairs.split_at(cut.min(pairs.len()));
            let (a, b) = (flat(a), flat(b));
            let all = Dist::from_gaps([whole.as_slice()]);
            prop_assert!(ordered(&all));
            prop_assert_eq!(all, Dist::from_gaps([b.as_slice(), a.as_slice()]));
        }
    }
}
