//! The verdict in sentences.

use crate::metrics::verdict::{Capacity, Judgment, LevelVerdict, State};
use crate::plan::Limits;
use crate::text::numbers::{decimal, seconds, users};

/// A share as whole percent.
fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// The figures of a level: "4 users: mean 20.7 tok/s meets 19.9, but only 5 of 8 requests did (62 %,
/// 95 % CI 31–86 %); mean wait …".
pub(crate) fn level(level: &LevelVerdict, limits: &Limits) -> String {
    let mean = |mean: f64| format!("mean {} tok/s", decimal(mean, 1));
    let mean_speed = level.speed.mean.map(mean);
    let mean = |mean: f64| format!("mean wait {}", seconds(Some(mean)));
    let mean_wait = level.wait.mean.map(mean);
    let tok_s = limits.speed_tok_s.to_string();
    let wait_s = format!("{} s", limits.wait_s);
    let speed = limit(&level.speed, mean_speed, (&tok_s, limits.share), "speed");
    let wait = limit(&level.wait, mean_wait, (&wait_s, limits.share), "wait");
    let note = if level.drifting {
        "; its share still drifts, so it is not judged"
    } else if level.burst && level.users > 1 {
        "; only the first burst of requests so far, which proves little"
    } else if level.one_start && level.both.state.is_some_and(State::is_open) {
        "; all after one start, whose pattern answers of equal length keep: another may differ"
    } else {
        ""
    };
    format!("{}: {speed}; {wait}{note}", users(level.users))
}

fn limit(
    judged: &Judgment,
    mean: Option<String>,
    (limit, wanted): (&str, f64),
    what: &str,
) -> String {
    let counted = counted(judged);
    let (Some(mean), Some(meets)) = (mean, judged.mean_meets) else {
        return format!("no {what} known to compare with {limit}, {counted}");
    };
    let verb = if meets { "meets" } else { "misses" };
    // Of its own requests: what smaller levels say of it is not in this sentence.
    let seen_enough = judged.share.is_some_and(|share| share >= wanted);
    let link = match (meets, seen_enough) {
        (true, true) | (false, false) => "and",
        (true, false) => "but only",
        (false, true) => "though",
    };
    format!("{mean} {verb} {limit}, {link} {counted}")
}

fn counted(judged: &Judgment) -> String {
    let &Judgment {
        met,
        of,
        share: Some(share),
        low: Some(low),
        high: Some(high),
        ..
    } = judged
    else {
        return "no request can be judged".to_owned();
    };
    let requests = if of == 1 { "request" } else { "requests" };
    let (low, high) = (low * 100.0, high * 100.0);
    format!(
        "{met} of {of} {requests} did ({}, 95 % CI {low:.0}–{high:.0} %)",
        percent(share)
    )
}

/// The headline: how many, how sure, by which limits, and what would settle it.
pub(crate) fn headline(
    by_mean: &Capacity,
    by_share: &Capacity,
    levels: &[LevelVerdict],
    limits: &Limits,
) -> String {
    let (Some(smallest), Some(largest)) = (levels.first(), levels.last()) else {
        return "No verdict: no cycle is complete.".to_owned();
    };
    let Some(state) = by_share.state else {
        if levels.iter().all(|level| level.both.of == 0) {
            return "No verdict: no request could be judged.".to_owned();
        }
        let smallest = users(smallest.users);
        return format!(
            "No verdict: no request with {smallest}, the smallest level run, could be judged."
        );
    };
    let limits = format!(
        "wait ≤ {} s and speed ≥ {} tok/s for {} of the requests",
        limits.wait_s,
        limits.speed_tok_s,
        percent(limits.share)
    );
    let by_mean = by_mean
        .both_users
        .map_or_else(|| "none".to_owned(), |users| users.to_string());
    let Some(carried) = by_share.both_users else {
        let settle = settle(smallest);
        let smallest = users(smallest.users);
        return format!(
            "Not even {smallest}, the smallest level ({state}): {limits}. By mean: {by_mean}.{settle}"
        );
    };
    let or_more = if carried == largest.users {
        " or more"
    } else {
        ""
    };
    let at = levels.iter().find(|level| level.users == carried);
    let beyond = levels.iter().find(|level| level.users > carried);
    let settle: String = [at, beyond].into_iter().flatten().map(settle).collect();
    format!(
        "{}{or_more} ({state}): {limits}. By mean: {by_mean}.{settle}",
        users(carried)
    )
}

/// How many more requests would settle a level that is neither sure to hold nor sure to fail.
fn settle(level: &LevelVerdict) -> String {
    let (Some(more), Some(state)) = (level.both.more_to_decide, level.both.state) else {
        return String::new();
    };
    let users = users(level.users);
    if level.one_start && more == 0 && state.is_open() {
        return format!(" {users}: {state}; another start would decide it.");
    }
    if more == 0 || !state.is_open() {
        return String::new();
    }
    let requests = if more == 1 { "request" } else { "requests" };
    let seen = level.both.share.map_or_else(String::new, |share| {
        if share < 1.0 {
            format!(", {} of them good,", percent(share))
        } else {
            " like these".to_owned()
        }
    });
    match state {
        State::Likely => format!(" {more} more {requests}{seen} would confirm {users}."),
        _ => format!(" {users}: {state}; {more} more {requests}{seen} would decide it."),
    }
}
