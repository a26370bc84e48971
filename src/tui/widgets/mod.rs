//! The few widgets that the panes share.
//!
//! Each takes plain data and styles; none knows a run. Everything here survives any area and any
//! number: NaN, infinities and areas of nothing.

use crate::text::numbers::floor_u64;
pub mod axis;
pub mod columns;
pub mod digits;
pub mod frame;
pub mod gauge;
pub mod sparkline;
pub mod table;
pub mod text;

pub use frame::Title;
pub use table::{Column, TableView};

/// `x` rounded down to whole cells, at most `most`; 0 for negative numbers and NaN.
pub fn cells(x: f64, most: usize) -> usize {
    usize::try_from(floor_u64(x)).map_or(most, |cells| cells.min(most))
}

/// The parts of a filled cell, from one eighth to all of it, upward.
pub const RISING: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// A share of 0–1 (clamped; NaN is 0) in eighths of a cell, of `of` cells; anything above 0 is at least one eighth.
pub fn eighths(share: f64, of: usize) -> usize {
    let whole = of.saturating_mul(8);
    if share.is_nan() || share <= 0.0 {
        return 0;
    }
    cells((share.min(1.0) * whole as f64).round(), whole).max(whole.min(1))
}
