//! An axis of orders of magnitude.

/// Seconds on a logarithmic axis of buckets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogAxis {
    low: f64,
    high: f64,
    buckets: usize,
}

impl LogAxis {
    /// An axis that holds every positive value of `values`, from the power of ten at or below the
    /// least (0.001 at the least) to beyond the largest, in `buckets` steps.
    pub fn from_values(values: impl Iterator<Item = f64>, buckets: usize) -> Self {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for value in values.filter(|v| v.is_finite() && *v > 0.0) {
            least = least.min(value);
            most = most.max(value);
        }
        let low = least.log10().floor().clamp(-3.0, 4.0);
        let high = (most * 1.6).log10().max(low + 1.0);
        Self { low, high, buckets }
    }

    /// The bucket of `value`; the first for all below the axis, the last for all beyond it.
    pub fn bucket(&self, value: f64) -> usize {
        let share = (value.max(0.0).log10() - self.low) / (self.high - self.low);
        crate::tui::widgets::cells(share * self.buckets as f64, self.buckets.saturating_sub(1))
    }

    /// Every power of ten on the axis, with its bucket.
    pub fn ticks(&self) -> impl Iterator<Item = (usize, &'static str)> {
        const LABELS: [&str; 9] = [
            "0.001", "0.01", "0.1", "1", "10", "100", "1000", "10k", "100k",
        ];
        let axis = *self;
        LABELS
            .into_iter()
            .zip(-3_i32..)
            .filter_map(move |(label, power)| {
                let at = f64::from(power);
                // A hair above, so that a tick never falls into the bucket below it.
                let inside = at >= axis.low && at < axis.high;
                inside.then(|| (axis.bucket(10_f64.powi(power) * 1.000_001), label))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_where_their_size_puts_them() {
        let axis = LogAxis::from_values([0.02, 62.5].into_iter(), 40);
        assert_eq!(axis.bucket(0.01), 0);
        assert_eq!(axis.bucket(0.001), 0);
        assert_eq!(axis.bucket(f64::NAN), 0);
        assert_eq!(axis.bucket(1e9), 39);
        let ticks: Vec<_> = axis.ticks().collect();
        assert_eq!(ticks, [(0, "0.01"), (10, "0.1"), (20, "1"), (30, "10")]);
    }
}
