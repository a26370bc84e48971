//! Intervals: how far a mean, a difference or a share can be from what a sample says. All are two-sided, 95 %.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::metrics::wilson::{wilson, wilson_worth};

/// The upper tail that is left outside of a two-sided interval of 95 %.
const UPPER: f64 = 0.975;

/// What a sample says of a mean.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MeanInterval {
    /// Values.
    pub n: u64,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Standard deviation of the sample (n − 1); absent for fewer than 2 values.
    pub sd: Option<f64>,
    /// Lower end of the mean's interval (Student's t); absent for fewer than 2 values.
    pub low: Option<f64>,
    /// Upper end of it.
    pub high: Option<f64>,
}

/// A difference, and the interval in which it lies; without one where the samples are too small.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Difference {
    /// The second less the first.
    pub by: f64,
    /// Lower end of its interval.
    pub low: Option<f64>,
    /// Upper end of it.
    pub high: Option<f64>,
}

impl Difference {
    /// Whether the samples show that there is a difference: the interval leaves out 0.
    pub fn is_shown(&self) -> bool {
        match (self.low, self.high) {
            (Some(low), Some(high)) => low > 0.0 || high < 0.0,
            _ => false,
        }
    }
}

impl MeanInterval {
    /// The sample behind it; None for none.
    pub(crate) fn moments(&self) -> Option<Moments> {
        Some(Moments {
            n: self.n,
            mean: self.mean?,
            variance: self.sd.map(|sd| sd.powi(2)),
        })
    }
}

/// Count, mean and variance of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Values.
    pub n: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Variance of the sample (n − 1); None for fewer than 2 values.
    pub variance: Option<f64>,
}

impl Moments {
    /// Of these values; what is not a finite number is left out. None for none. Their order makes no difference.
    pub fn from_values(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|x| x.is_finite()).collect();
        values.sort_unstable_by(f64::total_cmp);
        let n = values.len() as f64;
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        Some(Self {
            n: values.len() as u64,
            mean,
            variance: (values.len() > 1).then(|| squares / (n - 1.0)),
        })
    }

    /// The variance of the mean.
    fn variance_of_mean(&self) -> Option<f64> {
        self.variance.map(|variance| variance / self.n as f64)
    }
}

/// The 97.5 % point of Student's t; None for no degrees of freedom.
pub fn t_point(freedom: f64) -> Option<f64> {
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some(t.inverse_cdf(UPPER)).filter(|point| point.is_finite())
}

/// The probability that the mean behind a sample is below `limit`, by Student's t; None for fewer than 2 values.
pub(crate) fn t_probability(sample: &Moments, limit: f64) -> Option<f64> {
    let of_mean = sample.variance_of_mean()?;
    let by = limit - sample.mean;
    if of_mean <= 0.0 {
        return Some(if by >= 0.0 { 1.0 } else { 0.0 });
    }
    let t = StudentsT::new(0.0, 1.0, sample.n as f64 - 1.0).ok()?;
    Some(t.cdf(by / of_mean.sqrt()))
}

/// The mean of `values` with its interval.
pub fn mean_interval(values: impl IntoIterator<Item = f64>) -> MeanInterval {
    let Some(moments) = Moments::from_values(values) else {
        return MeanInterval::default();
    };
    let half = moments.variance_of_mean().and_then(|of_mean| {
        let t = t_point(moments.n as f64 - 1.0)?;
        Some(t * of_mean.sqrt())
    });
    MeanInterval {
        n: moments.n,
        mean: Some(moments.mean),
        sd: moments.variance.map(f64::sqrt),
        low: half.map(|half| moments.mean - half),
        high: half.map(|half| moments.mean + half),
    }
}

/// The difference of two means, `b` − `a`, by Welch's t: the variances may differ.
pub fn welch(a: &Moments, b: &Moments) -> Difference {
    spread(
        b.mean - a.mean,
        a.variance_of_mean(),
        b.variance_of_mean(),
        a.n,
        b.n,
    )
}

/// How much more `b` is than `a`, as a share of `a` (0.1 for 10 % more). The interval is that of the ratio
/// of the two means (delta method), with Welch's degrees of freedom. None where `a` is not above 0.
pub fn relative(a: &Moments, b: &Moments) -> Option<Difference> {
    if a.mean <= 0.0 {
        return None;
    }
    let ratio = b.mean / a.mean;
    let scale = a.mean.powi(2);
    let of_a = a
        .variance_of_mean()
        .map(|of_mean| ratio.powi(2) * of_mean / scale);
    let of_b = b.variance_of_mean().map(|of_mean| of_mean / scale);
    let difference = spread(ratio - 1.0, of_a, of_b, a.n, b.n);
    // Nothing can be less by more than all of it.
    let low = difference.low.map(|low| low.max(-1.0));
    Some(Difference { low, ..difference })
}

/// [`relative`] of two levels of one run: where only one of them shows its noise, that of the other is taken for as large
/// a share of its mean. Without an interval where neither does.
pub(crate) fn relative_alike(a: &Moments, b: &Moments) -> Option<Difference> {
    let borrow = |of: &Moments, from: &Moments| {
        let share = from.variance? / from.mean.powi(2);
        let mean = of.mean;
        let variance = Some(share * mean.powi(2));
        Some(Moments {
            n: of.n,
            mean,
            variance,
        })
    };
    match (a.variance, b.variance) {
        (None, Some(_)) => {
            let a = borrow(a, b)?;
            Some(with_freedom_of(&a, b, b))
        }
        (Some(_), None) => {
            let b = borrow(b, a)?;
            Some(with_freedom_of(a, &b, a))
        }
        _ => relative(a, b),
    }
    .filter(|_| a.mean > 0.0)
}

/// [`relative`], with the degrees of freedom of `known` alone.
fn with_freedom_of(a: &Moments, b: &Moments, known: &Moments) -> Difference {
    let ratio = b.mean / a.mean;
    let scale = a.mean.powi(2);
    let of_a = a.variance_of_mean().unwrap_or_default() * ratio.powi(2) / scale;
    let of_b = b.variance_of_mean().unwrap_or_default() / scale;
    let half = t_point(known.n as f64 - 1.0).map(|t| t * (of_a + of_b).sqrt());
    let by = ratio - 1.0;
    Difference {
        by,
        low: half.map(|half| (by - half).max(-1.0)),
        high: half.map(|half| by + half),
    }
}

/// An estimate whose variance is the sum of two, each with n − 1 degrees of freedom.
fn spread(by: f64, of_a: Option<f64>, of_b: Option<f64>, n_a: u64, n_b: u64) -> Difference {
    let half = of_a.zip(of_b).and_then(|(a, b)| {
        let sum = a + b;
        if sum <= 0.0 {
            return Some(0.0);
        }
        let parts = a * a / (n_a as f64 - 1.0) + b * b / (n_b as f64 - 1.0);
        Some(t_point(sum * sum / parts)? * sum.sqrt())
    });
    Difference {
        by,
        low: half.map(|half| by - half),
        high: half.map(|half| by + half),
    }
}

/// The difference of two shares, `b` − `a`, by Newcombe's method 10 (1998): from the Wilson intervals of both.
/// None where one of them has no request.
pub fn newcombe((met_a, of_a): (u64, u64), (met_b, of_b): (u64, u64)) -> Option<Difference> {
    let share = |met: u64, of: u64| met as f64 / of as f64;
    let (a, b) = (wilson(met_a, of_a)?, wilson(met_b, of_b)?);
    Some(between_wilsons(
        (share(met_a, of_a), a),
        (share(met_b, of_b), b),
    ))
}

/// The same of requests that are worth so many independent ones, which may be fractions.
pub(crate) fn newcombe_worth(
    (met_a, of_a): (f64, f64),
    (met_b, of_b): (f64, f64),
) -> Option<Difference> {
    let (a, b) = (wilson_worth(met_a, of_a)?, wilson_worth(met_b, of_b)?);
    Some(between_wilsons((met_a / of_a, a), (met_b / of_b, b)))
}

/// The difference of two shares, each with its Wilson interval.
fn between_wilsons(
    (a, (low_a, high_a)): (f64, (f64, f64)),
    (b, (low_b, high_b)): (f64, (f64, f64)),
) -> Difference {
    let by = b - a;
    Difference {
        by,
        low: Some(by - ((b - low_b).powi(2) + (high_a - a).powi(2)).sqrt()),
        high: Some(by + ((high_b - b).powi(2) + (a - low_a).powi(2)).sqrt()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(value: Option<f64>, expected: f64, within: f64) {
        let value = value.unwrap();
        assert!(
            (value - expected).abs() <= within,
            "{value} is not {expected}"
        );
    }

    #[test]
    fn students_t_is_that_of_the_tables() {
        for (freedom, point) in [
            (1.0, 12.706),
            (2.0, 4.303),
            (4.0, 2.776),
            (10.0, 2.228),
            (30.0, 2.042),
            (120.0, 1.980),
        ] {
            near(t_point(freedom), point, 0.0005);
        }
        assert_eq!(t_point(0.0), None);
    }

    #[test]
    fn the_interval_of_a_mean() {
        // NIST/SEMATECH e-Handbook, 1.3.5.2 (ZARR13.DAT): 195 values, mean 9.261460, s 0.022789,
        // 95 % interval 9.258242–9.264679; here with the same mean and s, from two values.
        let half = 0.022_789 * (194.0_f64 / 195.0).sqrt();
        let values = (0..195).map(|i| match i {
            0 => 9.261_460,
            i if i % 2 == 0 => 9.261_460 + half,
            _ => 9.261_460 - half,
        });
        let interval = mean_interval(values);
        near(interval.mean, 9.261_460, 1e-9);
        near(interval.low, 9.258_242, 2e-5);
        near(interval.high, 9.264_679, 2e-5);
        let one = mean_interval([3.0]);
        assert_eq!((one.mean, one.sd, one.low), (Some(3.0), None, None));
        assert_eq!(mean_interval([]), MeanInterval::default());
    }

    #[test]
    fn welch_against_a_worked_case() {
        // R: t.test(c(27.5,21.0,19.0,23.6,17.0,17.9,16.9,20.1,21.9,22.6,23.1,19.6,19.0,21.7,21.4),
        //           c(27.1,22.0,20.8,23.4,23.4,23.5,25.8,22.0,24.8,20.2,21.9,22.1,22.9, 20.5, 24.4))
        // t = -2.4554, df = 24.988 (Welch, 1947, as in the textbooks): difference 2.166667.
        let a = [
            27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7,
            21.4,
        ];
        let b = [
            27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 20.5,
            24.4,
        ];
        let (a, b) = (
            Moments::from_values(a).unwrap(),
            Moments::from_values(b).unwrap(),
        );
        let difference = welch(&a, &b);
        let error = ((a.variance.unwrap() + b.variance.unwrap()) / 15.0).sqrt();
        near(Some(difference.by / error), 2.4554, 0.01);
        near(difference.low, difference.by - 2.0596 * error, 0.001);
        assert!(difference.is_shown());
        let same = welch(&a, &a);
        assert!(!same.is_shown() && same.by.abs() < 1e-12);
        let alone = Moments::from_values([5.0]).unwrap();
        assert_eq!(welch(&alone, &b).low, None);
        assert!(!welch(&alone, &b).is_shown());
    }

    #[test]
    fn newcombe_against_his_table() {
        // Newcombe 1998, table II, method 10: 56/70 − 48/80: 0.0524 to 0.3339; 9/10 − 3/10: 0.1705 to 0.8090;
        // 10/10 − 0/20: 0.6791 to 1.0.
        for (a, b, low, high) in [
            ((48, 80), (56, 70), 0.0524, 0.3339),
            ((3, 10), (9, 10), 0.1705, 0.8090),
            ((0, 20), (10, 10), 0.6791, 1.0),
        ] {
            let difference = newcombe(a, b).unwrap();
            near(difference.low, low, 0.0001);
            near(difference.high, high, 0.0001);
        }
        assert_eq!(newcombe((0, 0), (1, 1)), None);
    }

    #[test]
    fn a_relative_difference() {
        let a = Moments::from_values([10.0, 10.0, 10.0]).unwrap();
        let b = Moments::from_values([9.0, 9.0, 9.0]).unwrap();
        let difference = relative(&a, &b).unwrap();
        near(Some(difference.by), -0.1, 1e-12);
        assert!(difference.is_shown());
        assert_eq!(relative(&Moments::from_values([0.0]).unwrap(), &b), None);
        let (scattered, small) = (
            Moments::from_values([1.0, 9.0]).unwrap(),
            Moments::from_values([0.1, 0.3]).unwrap(),
        );
        assert_eq!(relative(&scattered, &small).unwrap().low, Some(-1.0));
    }

    proptest! {
        #[test]
        fn intervals_hold_what_was_seen_and_turn_round_with_their_samples(
            a in prop::collection::vec(1.0..100.0_f64, 2..30),
            b in prop::collection::vec(1.0..100.0_f64, 2..30),
        ) {
            let (a, b) = (Moments::from_values(a).unwrap(), Moments::from_values(b).unwrap());
            let (there, back) = (welch(&a, &b), welch(&b, &a));
            prop_assert!(there.low.unwrap() <= there.by && there.by <= there.high.unwrap());
            prop_assert!((there.by + back.by).abs() < 1e-9);
            prop_assert!((there.low.unwrap() + back.high.unwrap()).abs() < 1e-6);
            let ratio = relative(&a, &b).unwrap();
            prop_assert!((ratio.by - (b.mean / a.mean - 1.0)).abs() < 1e-12);
        }
    }
}
