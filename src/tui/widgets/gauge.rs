//! Horizontal bars of a known share.

use crate::tui::widgets::{cells, eighths};

const FILLING: [&str; 7] = ["▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A bar of `width` columns filled to `share` (0–1; clamped). Unknown is an empty bar of `·`.
pub fn bar(share: Option<f64>, width: usize) -> String {
    let Some(share) = share.filter(|s| !s.is_nan()) else {
        return "·".repeat(width);
    };
    let filled = eighths(share, width);
    let part = (filled % 8).checked_sub(1).and_then(|i| FILLING.get(i));
    let full = filled / 8;
    let rest = width.saturating_sub(full + usize::from(part.is_some()));
    "█".repeat(full) + part.copied().unwrap_or_default() + &"░".repeat(rest)
}

/// A few steps of progress, `▰▰▱▱`; only a whole share fills the last one.
pub fn steps(share: f64, of: usize) -> String {
    let done = cells(share.clamp(0.0, 1.0) * of as f64, of);
    "▰".repeat(done) + &"▱".repeat(of - done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bar_shows_its_share() {
        assert_eq!(bar(Some(0.5), 4), "██░░");
        assert_eq!(bar(Some(0.31), 4), "█▎░░");
        assert_eq!(bar(Some(1.000_000_1), 4), "████");
        assert_eq!(bar(Some(f64::NAN), 4), "····");
        assert_eq!(bar(Some(0.001), 4), "▏░░░");
        assert_eq!(steps(0.99, 4), "▰▰▰▱");
        assert_eq!(steps(f64::NAN, 4), "▱▱▱▱");
    }

    proptest! {
        #[test]
        fn a_bar_is_as_wide_as_asked(share in any::<f64>(), width in 0_usize..100) {
            prop_assert_eq!(bar(Some(share), width).chars().count(), width);
            prop_assert_eq!(steps(share, width).chars().count(), width);
        }
    }
}
