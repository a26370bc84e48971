//! Why it stops there: what happens at the first level that no longer meets a limit, from the evidence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::failures_in_words;
use crate::metrics::level::LevelSummary;
use crate::metrics::state::RunState;
use crate::metrics::verdict::{Judgment, LevelVerdict, State, Verdict};
use crate::text::numbers::{UNKNOWN, bytes, decimal, percent, seconds, short, users};

/// Below this usage, percent, a GPU is not what holds the answers up.
const BUSY: f64 = 70.0;
/// The total falls if it is less than this share of what it was, and grows if it is more than its inverse.
const FELL: f64 = 0.9;

/// Why a limit is missed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum ReasonKind {
    /// Requests failed.
    Errors,
    /// Wait grows while speed holds: requests stand in line.
    Queue,
    /// Speed falls as users grow, and the total gains little or nothing: they share what there is.
    Bandwidth,
    /// Even the total falls.
    Thrash,
    /// The smallest level already misses it.
    Alone,
    /// The GPU is not busy: look at the client or the processor.
    GpuIdle,
    /// The model is not wholly in the memory of the GPU.
    NotOnGpu,
}

/// Which limit is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Limit {
    /// The longest wait.
    Wait,
    /// The lowest speed.
    Speed,
}

/// The figures of a level that a reason rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Evidence {
    /// Users.
    pub users: u32,
    /// Mean wait, seconds.
    pub wait_s: Option<f64>,
    /// Mean speed, tokens a second.
    pub speed_tok_s: Option<f64>,
    /// All users together, tokens a second.
    pub total_tok_s: Option<f64>,
    /// Requests.
    pub requests: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Mean usage of the GPU, percent.
    pub gpu_percent: Option<f64>,
}

impl Evidence {
    fn from_level(level: &LevelSummary) -> Self {
        let figures = &level.figures;
        Self {
            users: level.users,
            wait_s: figures.ttft_s.mean,
            speed_tok_s: figures.speed_tok_s.mean,
            total_tok_s: figures.steady_tok_s.or(figures.system_tok_s),
            requests: figures.requests,
            failed: figures.failed,
            gpu_percent: figures.gpu.and_then(|gpu| gpu.usage_percent.mean),
        }
    }
}

/// Why a limit is missed at a level, with the figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reason {
    /// The kind.
    pub kind: ReasonKind,
    /// The limit that is missed there.
    pub limit: Limit,
    /// The first level that misses it.
    pub at: Evidence,
    /// The level before it, which meets it; absent where `at` is the smallest.
    pub before: Option<Evidence>,
    /// All of it in a sentence.
    pub text: String,
}

/// Why the limits are missed beyond the levels of the verdict; empty where every level meets them.
pub fn why(run: &RunState, levels: &[LevelSummary], verdict: &Verdict) -> Vec<Reason> {
    let find = |users: u32| levels.iter().find(|level| level.users == users);
    let mut reasons = Vec::new();
    for limit in [Limit::Wait, Limit::Speed] {
        let judged = |level: &LevelVerdict| match limit {
            Limit::Wait => level.wait,
            Limit::Speed => level.speed,
        };
        let misses = |level: &&LevelVerdict| {
            let p = judged(level).probability;
            p.is_some_and(|p| p < 0.5)
        };
        let Some(first) = verdict.levels.iter().find(misses) else {
            continue;
        };
        let Some(level) = find(first.users) else {
            continue;
        };
        let at = Evidence::from_level(level);
        let before = verdict.levels.iter().rev();
        let before = before.filter(|level| level.users < first.users);
        let before = before.map(|level| level.users).next();
        let before = before.and_then(find).map(Evidence::from_level);
        reasons.push(reason(limit, &judged(first), level, before));
        if limit == Limit::Speed
            && let Some(text) = not_on_gpu(run)
        {
            reasons.push(Reason {
                kind: ReasonKind::NotOnGpu,
                limit,
                at,
                before,
                text,
            });
        }
    }
    reasons
}

fn reason(
    limit: Limit,
    judged: &Judgment,
    level: &LevelSummary,
    before: Option<Evidence>,
) -> Reason {
    let at = Evidence::from_level(level);
    let missed = judged.of.saturating_sub(judged.met);
    let idle = at.gpu_percent.filter(|percent| *percent < BUSY);
    let (kind, text) = if at.failed > 0 && at.failed * 2 >= missed {
        (ReasonKind::Errors, errors(&at, &level.figures.errors))
    } else if let Some(percent) = idle {
        (ReasonKind::GpuIdle, gpu_idle(&at, percent))
    } else if let Some(before) = &before {
        grown(limit, before, &at)
    } else {
        (ReasonKind::Alone, alone(limit, &at))
    };
    let text = match judged.state {
        // A level may miss a limit by no more than chance.
        Some(State::Unsure | State::Unlikely) => format!("{text} (too few requests to be sure)"),
        _ => text,
    };
    Reason {
        kind,
        limit,
        at,
        before,
        text,
    }
}

fn number(value: Option<f64>, unit: &str) -> String {
    match value {
        Some(_) if unit == "s" => seconds(value),
        Some(value) if value < 10.0 => format!("{} {unit}", decimal(value, 2)),
        Some(value) => format!("{} {unit}", decimal(value, 1)),
        None => UNKNOWN.to_owned(),
    }
}

fn errors(at: &Evidence, kinds: &BTreeMap<String, u64>) -> String {
    format!(
        "{} of {} requests failed at {} ({})",
        at.failed,
        at.requests,
        users(at.users),
        failures_in_words(kinds.iter().map(|(kind, n)| (kind, *n)))
    )
}

fn gpu_idle(at: &Evidence, usage: f64) -> String {
    format!(
        "the GPU is not busy ({} at {}): look at the client, the network or the CPU",
        percent(Some(usage / 100.0), 0),
        users(at.users)
    )
}

fn alone(limit: Limit, at: &Evidence) -> String {
    let figure = match limit {
        Limit::Wait => format!("a wait of {}", number(at.wait_s, "s")),
        Limit::Speed => number(at.speed_tok_s, "tok/s"),
    };
    let people = users(at.users);
    format!(
        "even {people}, the smallest level, gets {figure}: this model is too large for this server"
    )
}

/// What changed from the level before.
fn grown(limit: Limit, before: &Evidence, at: &Evidence) -> (ReasonKind, String) {
    let ratio = |figure: fn(&Evidence) -> Option<f64>| {
        let (was, is) = (figure(before)?, figure(at)?);
        (was > 0.0).then(|| is / was)
    };
    let fair = f64::from(before.users) / f64::from(at.users.max(1));
    // Speed holds if it fell by less than half of what sharing among all users would take.
    let speed = ratio(|level| level.speed_tok_s);
    let speed_holds = speed.is_some_and(|ratio| ratio >= 1.0 - (1.0 - fair) / 2.0);
    let total = ratio(|level| level.total_tok_s);
    let from_to = |figure: fn(&Evidence) -> Option<f64>, unit: &str| {
        format!(
            "{} at {} → {} at {}",
            number(figure(before), unit),
            before.users,
            number(figure(at), unit),
            users(at.users)
        )
    };
    let (wait_text, speed_text, total_text) = (
        from_to(|level| level.wait_s, "s"),
        from_to(|level| level.speed_tok_s, "tok/s"),
        from_to(|level| level.total_tok_s, "tok/s"),
    );
    if limit == Limit::Wait && speed_holds {
        let text = format!(
            "wait grows ({wait_text}) while speed holds ({speed_text}): \
             more users than slots, so the rest wait in the queue"
        );
        return (ReasonKind::Queue, text);
    }
    if total.is_some_and(|ratio| ratio < FELL) {
        let text = format!("the total falls ({total_text}): more users slow down everyone");
        return (ReasonKind::Thrash, text);
    }
    let gain = match total {
        Some(ratio) if ratio >= 2.0 => format!("grows only {}×", short(ratio)),
        Some(ratio) if ratio > 1.0 / FELL => {
            format!("gains only {}", percent(Some(ratio - 1.0), 0))
        }
        Some(_) => "stays".to_owned(),
        None => "is not known".to_owned(),
    };
    let lead = match limit {
        Limit::Speed => String::new(),
        Limit::Wait => format!("wait grows ({wait_text}); "),
    };
    let text = format!(
        "{lead}speed falls as users grow ({speed_text}) while the total {gain} ({total_text}): \
         the users share the bandwidth"
    );
    (ReasonKind::Bandwidth, text)
}

fn not_on_gpu(run: &RunState) -> Option<String> {
    let model = &run.info.as_ref()?.target.model;
    let (inside, all) = (model.vram_bytes?, model.memory_bytes?);
    (inside < all).then(|| {
        format!(
            "only {} of the model is in GPU memory ({} of {}): the CPU computes the rest",
            percent(Some(inside as f64 / all as f64), 0),
            bytes(Some(inside)),
            bytes(Some(all))
        )
    })
}

/// The reasons as sentences, each once, with the limits that it explains.
pub fn sentences(reasons: &[Reason]) -> Vec<String> {
    let mut by_text: Vec<(Vec<String>, &str)> = Vec::new();
    for reason in reasons {
        let by = match reason.kind {
            ReasonKind::Errors => "errors".to_owned(),
            _ => reason.limit.to_string(),
        };
        match by_text.iter_mut().find(|(_, text)| *text == reason.text) {
            Some((limits, _)) if limits.contains(&by) => {}
            Some((limits, _)) => limits.push(by),
            None => by_text.push((vec![by], &reason.text)),
        }
    }
    let sentence =
        |(by, text): &(Vec<String>, &str)| format!("Limited by {}: {text}", by.join(" and "));
    by_text.iter().map(sentence).collect()
}

#[cfg(test)]
#[path = "bottleneck_tests.rs"]
mod tests;
