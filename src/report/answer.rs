//! What a report opens with: the answer in a sentence, how sure it is, why not more, and the evidence.

use crate::metrics::bottleneck::sentences;
use crate::metrics::summary::Summary;
use crate::metrics::verdict::{Judgment, LevelVerdict, State, Verdict};
use crate::metrics::what_if;
use crate::report::Report;
use crate::report::section::{Block, Section, section};
use crate::report::table::{Table, heads};
use crate::report::text::clean;
use crate::text::numbers::{
    UNKNOWN, decimal, grouped_count, or_unknown, percent, plain, seconds, users,
};

/// The answer of a report.
pub(super) struct Answer {
    pub(super) sentence: String,
    /// How sure it is, where it is known at all.
    pub(super) state: Option<State>,
    /// By which limits, and what would decide what is open.
    pub(super) lines: Vec<String>,
}

/// How sure a state is, in words.
pub(super) fn sure(state: State) -> &'static str {
    match state {
        State::Holds => "at least 95 % sure",
        State::Likely => "at least 80 % sure",
        State::Unsure => "not decided",
        State::Unlikely => "at least 80 % sure that not",
        State::Fails => "at least 95 % sure that not",
    }
}

impl Answer {
    pub(super) fn new(report: &Report) -> Self {
        let summary = &report.summary;
        let Some(verdict) = &summary.verdict else {
            return Self {
                sentence: "There is no verdict: the log does not contain the plan.".to_owned(),
                state: None,
                lines: Vec::new(),
            };
        };
        let what_if = what_if::sentence(&report.changed).map(|text| clean(&text));
        let note = report.info().and_then(|info| info.remarks.note.as_deref());
        let note = note.map(|note| format!("Note: {}", clean(note)));
        let lines = [what_if, limits(summary, verdict), to_decide(verdict), note];
        Self {
            sentence: sentence(verdict),
            state: verdict.by_share.state,
            lines: lines.into_iter().flatten().collect(),
        }
    }
}

/// The answer alone: how many users, and how many no longer.
pub(super) fn sentence(verdict: &Verdict) -> String {
    let get = |count: u32| match count {
        1 => "1 user gets answers".to_owned(),
        count => format!("{count} users get answers"),
    };
    let within = "within the limits";
    if let (Some(held), Some(failed)) = verdict.bracket() {
        let do_not = if failed == 1 { "does" } else { "do" };
        return format!("{} {within}; {failed} {do_not} not.", get(held));
    }
    let Some(state) = verdict.by_share.state else {
        return clean(&verdict.sentence);
    };
    let beyond = verdict.beyond().map(|level| level.users);
    match (verdict.by_share.both_users, state) {
        (None, state) => {
            let smallest = verdict.levels.first().map_or(1, |level| level.users);
            let of_all = match smallest {
                1 => String::new(),
                _ => ", the smallest level run,".to_owned(),
            };
            let who = get(smallest).replacen(" get", &format!("{of_all} get"), 1);
            match state {
                State::Fails => format!("Not even {who} {within}."),
                State::Unlikely => format!("Probably not even {who} {within}."),
                _ => format!("Perhaps not even {who} {within}; too few requests ran to be sure."),
            }
        }
        (Some(carried), State::Holds) => match beyond {
            None => format!("{} {within}; more were not tried.", get(carried)),
            Some(more) => format!("{} {within}; {more} are not decided.", get(carried)),
        },
        (Some(carried), State::Likely) => {
            let who = get(carried).replacen(" get", " likely get", 1);
            let more = match (verdict.by_share.fails_at, beyond) {
                (Some(failed), _) => format!("; {failed} do not"),
                (None, Some(more)) => format!("; {more} are not decided"),
                (None, None) => "; more were not tried".to_owned(),
            };
            format!("{who} {within}{more}.")
        }
        (Some(carried), _) => {
            let who = users(carried);
            format!("Perhaps {who}, but too few requests ran to be sure.")
        }
    }
}

/// By which limits, and what the mean alone would say.
fn limits(summary: &Summary, verdict: &Verdict) -> Option<String> {
    let limits = summary.limits?;
    let mean = match verdict.by_mean.both_users {
        Some(count) => users(count),
        None => "none".to_owned(),
    };
    Some(format!(
        "Limits: the first token within {} s and at least {} tokens/s, for {} of the requests. By the means alone: {mean}.",
        plain(limits.wait_s),
        plain(limits.speed_tok_s),
        percent(Some(limits.share), 0),
    ))
}

/// How many more requests would decide the level of the answer and the one after it.
fn to_decide(verdict: &Verdict) -> Option<String> {
    let open = |level: &&LevelVerdict| {
        level.both.state.is_some_and(State::is_open) && level.both.more_to_decide.is_some()
    };
    let levels = [verdict.headline(), verdict.beyond()];
    let open: Vec<String> = levels
        .into_iter()
        .flatten()
        .filter(open)
        .map(|level| {
            let more = level.both.more_to_decide.unwrap_or_default();
            format!("{} more at {}", grouped_count(more), users(level.users))
        })
        .collect();
    (!open.is_empty()).then(|| {
        format!(
            "Requests like these that would decide it: {}.",
            open.join(", ")
        )
    })
}

/// Why it ends there.
pub(super) fn why(summary: &Summary) -> Section {
    let why = sentences(&summary.why);
    let blocks = if why.is_empty() {
        let verdict = summary.verdict.as_ref();
        let ends = verdict.is_some_and(|verdict| verdict.beyond().is_some());
        let judged = verdict.and_then(|verdict| verdict.by_share.state);
        let text = match judged {
            None => return section("Why not more", Vec::new()),
            Some(_) if ends => "Nothing that was measured explains why it ends there.",
            Some(State::Holds | State::Likely) => {
                "No level that ran misses the limits: more users were not tried."
            }
            Some(_) => "Nothing that was measured explains it.",
        };
        vec![Block::Text(text.to_owned())]
    } else {
        vec![Block::List(why.iter().map(|why| clean(why)).collect())]
    };
    section("Why not more", blocks)
}

/// What the answer rests on, level by level.
pub(super) fn evidence(summary: &Summary) -> Section {
    let Some(verdict) = &summary.verdict else {
        return section("Evidence", Vec::new());
    };
    let mut blocks = vec![Block::Table(capacity(verdict))];
    if !verdict.levels.is_empty() {
        blocks.push(Block::Table(by_level(summary, verdict)));
    }
    let dips: Vec<String> = verdict.dips.iter().map(|dip| clean(&dip.text)).collect();
    if !dips.is_empty() {
        blocks.push(Block::List(dips));
    }
    section("Evidence", blocks)
}

fn capacity(verdict: &Verdict) -> Table {
    let (mean, share) = (&verdict.by_mean, &verdict.by_share);
    // Where not even the smallest level is carried, the state is that of the smallest.
    let sure = |carried: Option<u32>, pick: fn(&LevelVerdict) -> &Judgment| {
        let mut levels = verdict.levels.iter();
        let level = levels.find(|level| carried.is_none_or(|users| level.users == users));
        let state = level.and_then(|level| pick(level).state);
        let state = state.map_or_else(String::new, |state| format!(" ({state})"));
        format!("{}{state}", or_unknown(carried))
    };
    let row =
        |rule: &str, [wait, speed, both]: [String; 3]| vec![rule.to_owned(), wait, speed, both];
    Table {
        caption: "The largest number of users at which the limits are met, there and at every smaller level",
        head: heads(["Rule", "By wait", "By speed", "By both"]),
        rows: vec![
            row(
                "By share of the requests",
                [
                    sure(share.wait_users, |level| &level.wait),
                    sure(share.speed_users, |level| &level.speed),
                    sure(share.both_users, |level| &level.both),
                ],
            ),
            row(
                "By mean",
                [mean.wait_users, mean.speed_users, mean.both_users].map(or_unknown),
            ),
        ],
    }
}

fn by_level(summary: &Summary, verdict: &Verdict) -> Table {
    let about = |users: u32| {
        let mut levels = summary.cycles.iter();
        let level = levels.find(|level| level.users == users);
        level.map_or("", |level| level.figures.about())
    };
    let row = |level: &LevelVerdict| {
        let both = &level.both;
        let judged = match (both.met, both.of) {
            (_, 0) => UNKNOWN.to_owned(),
            (met, of) => format!("{} of {}", grouped_count(met), grouped_count(of)),
        };
        let note = if level.drifting {
            "still drifts: not judged"
        } else if level.burst && level.users > 1 {
            "one burst of requests: worth little"
        } else {
            ""
        };
        vec![
            level.users.to_string(),
            judged,
            share(both),
            or_unknown(both.state),
            share(&level.wait),
            seconds(level.wait.mean),
            share(&level.speed),
            level.speed.mean.map_or_else(
                || UNKNOWN.to_owned(),
                |mean| format!("{}{}", about(level.users), decimal(mean, 1)),
            ),
            note.to_owned(),
        ]
    };
    Table {
        caption: "Requests within the limits, with the 95 % interval of their share; mean speed in tokens/s",
        head: heads([
            "Users",
            "Within both",
            "Share",
            "State",
            "Within the wait",
            "Mean wait",
            "Within the speed",
            "Mean speed",
            "Note",
        ]),
        rows: verdict.levels.iter().map(row).collect(),
    }
}

/// `62 % (22–91)`.
fn share(judged: &Judgment) -> String {
    match (judged.low, judged.high) {
        (Some(low), Some(high)) => format!(
            "{} ({:.0}–{:.0})",
            percent(judged.share, 0),
            low * 100.0,
            high * 100.0
        ),
        _ => percent(judged.share, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::sample::Sample;
    use crate::metrics::verdict::Level;
    use crate::plan::Limits;

    fn answer(levels: &[(u32, usize, usize)]) -> String {
        let level = |&(users, good, bad): &(u32, usize, usize)| {
            let sample = |speed| Sample {
                failed: false,
                wait_s: Some(1.0),
                speed_tok_s: Some(speed),
            };
            // In turn, so that nothing drifts.
            let all = (0..good + bad).map(|n| {
                let is_bad = n * bad / (good + bad) != (n + 1) * bad / (good + bad);
                sample(if is_bad { 5.0 } else { 30.0 })
            });
            Level::from_samples(users, all.collect::<Vec<_>>())
        };
        let levels: Vec<Level> = levels.iter().map(level).collect();
        sentence(&Verdict::new(&levels, &Limits::default()))
    }

    #[test]
    fn the_answer_is_a_sentence_that_says_no_more_than_is_known() {
        for (levels, expected) in [
            (
                &[(3, 60, 0), (4, 20, 20)][..],
                "3 users get answers within the limits; 4 do not.",
            ),
            (
                &[(1, 60, 0), (2, 0, 40)],
                "1 user gets answers within the limits; 2 do not.",
            ),
            (
                &[(1, 60, 0)],
                "1 user gets answers within the limits; more were not tried.",
            ),
            (
                &[(2, 3, 0)],
                "Perhaps 2 users, but too few requests ran to be sure.",
            ),
            (
                &[(1, 0, 40)],
                "Not even 1 user gets answers within the limits.",
            ),
            (
                &[(4, 0, 40)],
                "Not even 4 users, the smallest level run, get answers within the limits.",
            ),
            (
                &[(1, 0, 2)],
                "Probably not even 1 user gets answers within the limits.",
            ),
            (&[], "No verdict: no cycle is complete."),
        ] {
            assert_eq!(answer(levels), expected);
        }
    }
}
