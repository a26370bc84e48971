//! What a comparison comes to, in sentences.

use crate::metrics::compare::{Change, Comparison, LevelComparison, Row, RunHead};
use crate::metrics::verdict::Capacity;
use crate::text::numbers::{carried, letter, users};

/// What is said about a level, by the keys of the metrics.
const TOLD: [&str; 3] = ["speed_tok_s", "ttft_s", "steady_tok_s"];

/// Who serves more, and what differs at the largest level that both carry: for each run against the first.
pub fn conclusion(comparison: &Comparison) -> Vec<String> {
    let Some((first, others)) = comparison.runs.split_first() else {
        return Vec::new();
    };
    let others = others.iter().enumerate();
    others
        .flat_map(|(number, other)| {
            let (a, b) = (letter(0), letter(number + 1));
            let served = served((&a, first), (&b, other));
            let told = at_a_level(comparison, number, &b);
            [served, told].into_iter().flatten()
        })
        .collect()
}

fn served((a, first): (&str, &RunHead), (b, other): (&str, &RunHead)) -> Option<String> {
    let (was, is) = (first.by_share.as_ref()?, other.by_share.as_ref()?);
    was.state.or(is.state)?;
    let who = is.both_users.map_or_else(|| "no users".to_owned(), users);
    let open: Vec<String> = [(a, was), (b, is)].into_iter().filter_map(open).collect();
    let open = match open.as_slice() {
        [] => String::new(),
        open => format!(" ({})", open.join(", ")),
    };
    Some(if was.both_users == is.both_users {
        format!("{a} and {b} both serve {who} within the limits{open}.")
    } else {
        let other = carried(was.both_users);
        format!("{b} serves {who} within the limits, {a} {other}{open}.")
    })
}

/// How sure a run's number is, where it is not.
fn open((name, capacity): (&str, &Capacity)) -> Option<String> {
    let state = capacity.state.filter(|state| state.is_open())?;
    Some(format!("{name}: {state}"))
}

/// The level that says most: the largest that both runs carry, else the smallest that both have.
fn common(comparison: &Comparison, number: usize) -> Option<&LevelComparison> {
    let both = |level: &&LevelComparison| {
        level.rows.iter().any(|row| {
            let is_known = |run: usize| row.values.get(run).is_some_and(Option::is_some);
            is_known(0) && is_known(number + 1)
        })
    };
    let carried = |run: &RunHead| run.by_share.and_then(|share| share.both_users);
    let runs = [comparison.runs.first()?, comparison.runs.get(number + 1)?];
    let most = runs.into_iter().filter_map(carried).min();
    let levels = || comparison.levels.iter().filter(both);
    let largest = levels().rfind(|level| Some(level.users) <= most);
    largest.or_else(|| levels().next())
}

fn at_a_level(comparison: &Comparison, number: usize, name: &str) -> Option<String> {
    let level = common(comparison, number)?;
    let (mut shown, mut open) = (Vec::new(), Vec::new());
    for row in TOLD
        .iter()
        .filter_map(|key| level.rows.iter().find(|row| row.metric.key == *key))
    {
        let Some(change) = row.changes.get(number).copied().flatten() else {
            continue;
        };
        if change.shown {
            shown.push(differs(row, &change));
        } else {
            open.push(row.metric.name());
        }
    }
    let at = users(level.users);
    let open = open.join(", ");
    match (shown.is_empty(), open.is_empty()) {
        (true, true) => None,
        (true, false) => Some(format!(
            "At {at} these samples show no difference in {open}."
        )),
        (false, true) => Some(format!(
            "At {at}, {name} against {}: {}.",
            letter(0),
            shown.join("; ")
        )),
        (false, false) => Some(format!(
            "At {at}, {name} against {}: {}; no difference that these samples can show in {open}.",
            letter(0),
            shown.join("; ")
        )),
    }
}

fn differs(row: &Row, change: &Change) -> String {
    format!("{} {}", row.metric.name(), change.text(row.metric))
}
