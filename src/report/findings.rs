//! Key findings: what stands out in the figures, a sentence each.

use super::Report;
use super::text::{duration, number, percent, users};
use crate::stats::figures::Figures;
use crate::stats::summary::LevelSummary;

/// The findings; a sentence that says so where there are no figures.
pub(super) fn of(report: &Report) -> Vec<String> {
    let levels = &report.summary.cycles;
    let found = [
        fastest(levels),
        throughput(levels),
        scaling(levels),
        slowest_wait(levels),
        errors(levels),
        energy(levels),
    ];
    let found: Vec<String> = found.into_iter().flatten().collect();
    if found.is_empty() {
        vec!["No request ended as it should: there is nothing to find.".to_owned()]
    } else {
        found
    }
}

/// The level whose figure is the largest, with that figure.
fn largest(
    levels: &[LevelSummary],
    figure: impl Fn(&Figures) -> Option<f64>,
) -> Option<(&LevelSummary, f64)> {
    let known = levels
        .iter()
        .filter_map(|level| Some((level, figure(&level.figures)?)));
    known.reduce(|best, next| if next.1 > best.1 { next } else { best })
}

fn fastest(levels: &[LevelSummary]) -> Option<String> {
    let (level, speed) = largest(levels, |f| f.speed_tok_s.mean)?;
    let speed = number(Some(speed), 1);
    Some(format!(
        "Best speed of one answer: {speed} tokens/s on average, at {}.",
        users(level.users)
    ))
}

fn throughput(levels: &[LevelSummary]) -> Option<String> {
    let (level, total) = largest(levels, |f| f.system_tok_s)?;
    let total = number(Some(total), 1);
    Some(format!(
        "Best total throughput: {total} tokens/s, at {}.",
        users(level.users)
    ))
}

fn scaling(levels: &[LevelSummary]) -> Option<String> {
    let first = levels.first()?;
    let (level, most) = largest(levels, |f| f.system_tok_s)?;
    let alone = first.figures.system_tok_s.filter(|alone| *alone > 0.0)?;
    (level.users > first.users).then(|| {
        let factor = number(Some(most / alone), 1);
        let times = number(Some(f64::from(level.users) / f64::from(first.users)), 0);
        format!(
            "Scaling: {times} times the users ({} to {}) give {factor} times the total throughput.",
            first.users, level.users
        )
    })
}

fn slowest_wait(levels: &[LevelSummary]) -> Option<String> {
    let (level, wait) = largest(levels, |f| f.ttft_s.max)?;
    Some(format!(
        "Longest wait for a first token: {}, at {}.",
        duration(wait),
        users(level.users)
    ))
}

fn errors(levels: &[LevelSummary]) -> Option<String> {
    let failed: u64 = levels.iter().map(|level| level.figures.failed).sum();
    let all: u64 = levels.iter().map(|level| level.figures.requests).sum();
    if all == 0 {
        return None;
    }
    if failed == 0 {
        return Some(format!("None of the {all} requests failed."));
    }
    let (worst, rate) = largest(levels, |f| f.error_rate)?;
    let rate = percent(Some(rate), 1);
    let at = users(worst.users);
    Some(format!(
        "{failed} of {all} requests failed; most of all at {at}: {rate}."
    ))
}

fn energy(levels: &[LevelSummary]) -> Option<String> {
    let (dearest, most) = largest(levels, |f| f.j_per_token)?;
    let (cheapest, least) = largest(levels, |f| f.j_per_token.map(|joules| -joules))?;
    let (most, least) = (number(Some(most), 2), number(Some(-least), 2));
    Some(format!(
        "A token costs from {least} J (at {}) to {most} J (at {}).",
        users(cheapest.users),
        users(dearest.users)
    ))
}
