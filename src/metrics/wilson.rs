//! A share of requests: the interval in which it lies, what that says, and how many more would settle it.

use serde::{Deserialize, Serialize};

/// Two-sided 95 % of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;
/// More requests than this are not proposed to anyone.
const MOST_MORE: u64 = 1_000_000;

/// Wilson's 95 % score interval of a share of which `met` of `of` were seen. None for `of` = 0.
/// E. B. Wilson, 1927: it stays inside 0–1 and says something even of 0 of n and n of n.
pub fn wilson(met: u64, of: u64) -> Option<(f64, f64)> {
    if of == 0 {
        return None;
    }
    let n = of as f64;
    let p = met.min(of) as f64 / n;
    let scale = 1.0 + Z * Z / n;
    let center = (p + Z * Z / (2.0 * n)) / scale;
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt() / scale;
    let low = if met == 0 { 0.0 } else { center - half };
    let high = if met >= of { 1.0 } else { center + half };
    Some((low.clamp(0.0, p), high.clamp(p, 1.0)))
}

/// What the requests of a level say of a limit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum State {
    /// The lower end of the interval is at or above the wanted share.
    Holds,
    /// The share seen is, its lower end is not.
    Likely,
    /// The share seen is below, the upper end of its interval is not.
    Unsure,
    /// Even the upper end is below.
    Fails,
}

impl State {
    /// The state for `met` of `of` requests where `share` of them is wanted; None for no requests.
    pub fn of(met: u64, of: u64, share: f64) -> Option<Self> {
        let (low, high) = wilson(met, of)?;
        let point = met as f64 / of as f64;
        Some(if low >= share {
            Self::Holds
        } else if point >= share {
            Self::Likely
        } else if high >= share {
            Self::Unsure
        } else {
            Self::Fails
        })
    }

    /// Whether a level in this state counts as carried.
    pub fn carries(self) -> bool {
        matches!(self, Self::Holds | Self::Likely)
    }
}

/// How many more requests, all of them good, would make it [`State::Holds`]. None where no number
/// would (a share of 100 %) or it would take more than a million.
pub fn more_to_hold(met: u64, of: u64, share: f64) -> Option<u64> {
    let holds = |more: u64| wilson(met + more, of + more).is_some_and(|(low, _)| low >= share);
    if !holds(MOST_MORE) {
        return None;
    }
    let (mut too_few, mut enough) = (0, MOST_MORE);
    if holds(0) {
        return Some(0);
    }
    while enough - too_few > 1 {
        let middle = too_few + (enough - too_few) / 2;
        if holds(middle) {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    Some(enough)
}
