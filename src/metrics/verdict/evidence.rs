//! How sure it is that a share of requests reaches its limit, looked at as often as one likes.
//!
//! Two mixture likelihood ratios, each against the limit itself: of all larger shares, and of all smaller ones.
//! Whatever the true share is, the wrong one of them ever exceeds `1 / a` with a probability of at most `a`
//! (Ville's inequality), so looking after every request costs nothing. See Howard, Ramdas and others,
//! "Time-uniform, nonparametric, nonasymptotic confidence sequences", 2021.

use statrs::function::beta::{beta_reg, ln_beta};

use crate::metrics::verdict::trials::Count;

/// Half of the prior for "above" lies here: so near to all of the requests, as a part of the misses that the limit
/// allows. Most levels that hold are like this.
const NEARLY_ALL: f64 = 0.05;
/// Odds up to which even odds before the first request are believed; beyond, only evidence is.
const FREE_ODDS: f64 = 3.0;
/// Starts that a level takes to hold or fail where another may say otherwise.
const STARTS: u32 = 2;
/// Neither held nor failed is a level for which fewer requests than this speak.
const LEAST: u64 = 10;
/// The most that fewer requests are believed, and any number of them from one start where another may say otherwise.
pub(crate) const TOO_FEW: f64 = 0.94;

/// What requests say of a limit: natural logarithms of likelihood ratios against a share of exactly the limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Evidence {
    /// For a share of at least the limit.
    pub(crate) above: f64,
    /// For a share below it.
    pub(crate) below: f64,
}

impl Evidence {
    /// None for either side.
    pub(crate) const NONE: Self = Self {
        above: 0.0,
        below: 0.0,
    };

    /// Of `met` good requests and `missed` bad ones, which may be fractions, where `share` is wanted.
    pub(crate) fn new(met: f64, missed: f64, share: f64) -> Self {
        if met + missed <= 0.0 || share <= 0.0 {
            return Self::NONE;
        }
        if share >= 1.0 {
            // No number of requests proves that none ever misses; one that misses proves the contrary.
            let below = if missed > 0.0 { f64::INFINITY } else { 0.0 };
            return Self { above: 0.0, below };
        }
        let likelihood = |p: f64| met * p.ln() + missed * (1.0 - p).ln();
        let at_limit = likelihood(share);
        let (a, b) = (met + 1.0, missed + 1.0);
        let tail = |part: f64| part.clamp(f64::MIN_POSITIVE, 1.0).ln();
        let whole = ln_beta(a, b) - at_limit;
        let even = whole + tail(beta_reg(b, a, 1.0 - share)) - (1.0 - share).ln();
        let near = likelihood(1.0 - (1.0 - share) * NEARLY_ALL) - at_limit;
        let most = even.max(near);
        Self {
            above: most + f64::midpoint((even - most).exp(), (near - most).exp()).ln(),
            below: whole + tail(beta_reg(a, b, share)) - share.ln(),
        }
    }

    /// The probability that the share reaches its limit, 0–1.
    pub(crate) fn probability(self) -> f64 {
        let free = FREE_ODDS.ln();
        let odds = self.above - self.below;
        let odds = if odds > 0.0 {
            odds.min(self.above.max(free))
        } else {
            odds.max(-self.below.max(free))
        };
        1.0 / (1.0 + (-odds).exp())
    }
}

/// The probability that each level reaches its limit, smallest level first. More users are never easier: what speaks
/// for a level are its own requests and those of larger levels; what speaks against it, its own and those of smaller
/// ones. So no level is surer to hold than a smaller one.
pub(crate) fn pool(counts: &[Count], share: f64) -> Vec<f64> {
    let evidence: Vec<Evidence> = (0..counts.len())
        .map(|at| {
            let (smaller, larger) = (counts.iter().take(at + 1).rev(), counts.iter().skip(at));
            Evidence {
                above: strongest(larger, |m, x| Evidence::new(m, x, share).above),
                below: strongest(smaller, |m, x| Evidence::new(m, x, share).below),
            }
        })
        .collect();
    let mut above: Vec<f64> = evidence.iter().rev().map(|e| e.above).collect();
    running_max(&mut above);
    above.reverse();
    let mut below: Vec<f64> = evidence.iter().map(|e| e.below).collect();
    running_max(&mut below);
    let both = above.into_iter().zip(below);
    let probability = |(above, below)| Evidence { above, below }.probability();
    let all = both.map(probability).enumerate();
    all.map(|(at, p)| {
        // Too few requests, or starts, of the levels that speak for it or against it.
        let says_little = |counts: &mut dyn Iterator<Item = &Count>| {
            let sum = |(requests, starts), count: &Count| {
                (requests + count.usable(), starts + count.starts())
            };
            let (requests, starts) = counts.fold((0, 0), sum);
            requests < LEAST || starts < STARTS
        };
        if p > TOO_FEW && says_little(&mut counts.iter().skip(at)) {
            TOO_FEW
        } else if p < 1.0 - TOO_FEW && says_little(&mut counts.iter().take(at + 1)) {
            1.0 - TOO_FEW
        } else {
            p
        }
    })
    .collect()
}

/// The strongest of what the first level says, the first two together, and so on. Levels that were asked only briefly
/// were asked in the same moments: together they are worth no more than one of them may be.
fn strongest<'a>(counts: impl Iterator<Item = &'a Count>, say: impl Fn(f64, f64) -> f64) -> f64 {
    let (mut met, mut missed, mut most) = (0.0, 0.0, f64::NEG_INFINITY);
    let mut left_for_brief = LEAST as f64;
    for count in counts {
        let (mut m, mut x) = count.worth();
        let worth = m + x;
        if count.usable() < LEAST && worth > left_for_brief {
            (m, x) = (m * left_for_brief / worth, x * left_for_brief / worth);
        }
        if count.usable() < LEAST {
            left_for_brief -= m + x;
        }
        met += m;
        missed += x;
        most = most.max(say(met, missed));
    }
    most
}

fn running_max(values: &mut [f64]) {
    let mut most = f64::NEG_INFINITY;
    for value in values {
        most = most.max(*value);
        *value = most;
    }
}

/// How many more requests, at the share seen so far, would decide it either way. None where no number up to a million
/// would.
pub(crate) fn more_to_decide(count: &Count, share: f64) -> Option<u64> {
    const MOST: u64 = 1_000_000;
    if count.of == 0 {
        return None;
    }
    let seen = count.met as f64 / count.of as f64;
    let decided = |more: u64| {
        let more = more as f64 / count.design_effect.max(1.0);
        let (met, missed) = count.worth();
        let evidence = Evidence::new(met + more * seen, missed + more * (1.0 - seen), share);
        let p = evidence.probability();
        p >= super::HOLDS || p <= 1.0 - super::HOLDS
    };
    let enough = |more: u64| count.of + more >= LEAST && decided(more);
    if !enough(MOST) {
        return None;
    }
    let (mut few, mut many) = (0, MOST);
    if enough(0) {
        return Some(0);
    }
    while many - few > 1 {
        let middle = few.midpoint(many);
        if enough(middle) {
            many = middle;
        } else {
            few = middle;
        }
    }
    Some(many)
}
