//! The verdict in sentences.

use crate::metrics::verdict::{ByMean, ByShare, Judgment, LevelVerdict, State};
use crate::plan::Limits;

/// A share as whole percent.
fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// The figures of a level: "4 users: mean 20.7 tok/s meets 19.9, but only 5 of 8 requests did (62 %,
/// 95 % CI 31–86 %); mean wait …".
pub(crate) fn level(users: u32, wait: &Judgment, speed: &Judgment, limits: &Limits) -> String {
    let mean_speed = speed
        .mean
        .map(|mean| format!("mean {} tok/s", crate::text::numbers::decimal(mean, 1)));
    let mean_wait = wait
        .mean
        .map(|mean| format!("mean wait {}", crate::text::numbers::seconds(Some(mean))));
    let speed = limit(
        speed,
        mean_speed,
        &format!("{}", limits.speed_tok_s),
        "speed",
    );
    let wait = limit(wait, mean_wait, &format!("{} s", limits.wait_s), "wait");
    format!("{}: {speed}; {wait}", crate::text::numbers::users(users))
}

fn limit(judged: &Judgment, mean: Option<String>, limit: &str, what: &str) -> String {
    let counted = counted(judged);
    let (Some(mean), Some(meets)) = (mean, judged.mean_meets) else {
        return format!("no {what} known to set against {limit}, {counted}");
    };
    let verb = if meets { "meets" } else { "misses" };
    let seen_enough = judged.state.is_some_and(State::carries);
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
    by_mean: &ByMean,
    by_share: &ByShare,
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
        let smallest = crate::text::numbers::users(smallest.users);
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
    let Some(users) = by_share.both_users else {
        let settle = settle(smallest);
        let smallest = crate::text::numbers::users(smallest.users);
        return format!(
            "Not even {smallest}, the smallest level ({state}): {limits}. By mean: {by_mean}.{settle}"
        );
    };
    let or_more = if users == largest.users {
        " or more"
    } else {
        ""
    };
    let at = levels.iter().find(|level| level.users == users);
    let beyond = levels.iter().find(|level| level.users > users);
    let settle: String = [at, beyond].into_iter().flatten().map(settle).collect();
    format!(
        "{}{or_more} ({state}): {limits}. By mean: {by_mean}.{settle}",
        crate::text::numbers::users(users)
    )
}

/// How many more requests would settle a level that is neither sure to hold nor sure to fail.
fn settle(level: &LevelVerdict) -> String {
    let state = level.both.state;
    let more = level.both.more_to_hold.filter(|more| *more > 0);
    let open = matches!(state, Some(State::Likely | State::Unsure));
    let (Some(more), true) = (more, open) else {
        return String::new();
    };
    let requests = if more == 1 { "request" } else { "requests" };
    let users = crate::text::numbers::users(level.users);
    match state {
        Some(State::Likely) => format!(" {more} more good {requests} would confirm {users}."),
        _ => format!(" {users}: unsure; {more} more good {requests} would confirm it."),
    }
}
