//! A line of bars over time, one row high.

use crate::tui::widgets::{RISING, eighths};

/// What stands where nothing was measured, or nothing came.
pub const GAP: &str = "·";

/// `values` over time in at most `width` columns, drawn to their own maximum. Small values stay
/// visible; nothing, and what is not known, is a gap. More values than columns are averaged.
pub fn sparkline(values: &[f64], width: usize) -> String {
    let columns = values.len().min(width);
    let means: Vec<f64> = (0..columns)
        .map(|i| {
            let (from, to) = (i * values.len() / columns, (i + 1) * values.len() / columns);
            mean(values.get(from..to).unwrap_or_default())
        })
        .collect();
    let top = means.iter().copied().fold(0.0, f64::max);
    means.iter().map(|value| glyph(value / top)).collect()
}

fn glyph(share: f64) -> &'static str {
    match eighths(share, 1) {
        0 => GAP,
        level => RISING.get(level - 1).copied().unwrap_or(GAP),
    }
}

fn mean(values: &[f64]) -> f64 {
    let known = values.iter().filter(|v| v.is_finite());
    known.clone().sum::<f64>() / known.count() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_values_are_seen_and_gaps_are_told() {
        assert_eq!(sparkline(&[100.0, 1.0, 0.0, f64::NAN, 50.0], 10), "█▁··▄");
        assert_eq!(sparkline(&[], 10), "");
        assert_eq!(sparkline(&[f64::INFINITY, -3.0], 10), "··");
    }

    #[test]
    fn many_values_are_averaged_into_the_width() {
        assert_eq!(sparkline(&[8.0, 8.0, 4.0, 4.0, 0.0, 0.0], 3), "█▄·");
        assert_eq!(sparkline(&[1.0; 1000], 7).chars().count(), 7);
        assert_eq!(sparkline(&[1.0], 0), "");
    }
}
