//! Why it stops there: what was seen at the first level that no longer meets a limit. A cause says only what was seen; where
//! nothing was, there is none.

mod causes;
mod seen;

use serde::{Deserialize, Serialize};

pub(crate) use crate::metrics::bottleneck::causes::{CLIENT_CORES, LOADED_S, PART_OF_WAIT};
use crate::metrics::bottleneck::seen::{Seen, Server};
use crate::metrics::level::{LevelSummary, counted};
use crate::metrics::state::RunState;
use crate::metrics::verdict::{LevelVerdict, State, Verdict};
use crate::plan::Limits;

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
    /// The server could no longer be reached, or broke all connections off.
    ServerGone,
    /// Requests wait before they are answered.
    Queue,
    /// The wait is the time in which the server reads the prompt.
    Prefill,
    /// The server read prompts again that it had read far faster at other times.
    ColdPrompt,
    /// The server loaded the model while it was being asked.
    Reload,
    /// Speed falls as users grow, and the total gains little or nothing: they share what there is.
    Bandwidth,
    /// Even the total falls.
    Thrash,
    /// One user alone already misses it.
    Alone,
    /// The GPU is not busy: look at the client or the processor.
    GpuIdle,
    /// The model is not wholly in the memory of the GPU.
    NotOnGpu,
    /// The client itself had no time left.
    Client,
    /// Memory is short: the server's cache of keys and values is full, or the machine swaps.
    Memory,
    /// Other processes take the processor or the GPU.
    OtherProcess,
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
    /// Steady throughput, all users together, tokens a second.
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
            total_tok_s: figures.steady_tok_s,
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

/// Why the limits are missed beyond the levels of the verdict; empty where every level meets them, and where nothing was
/// seen that explains it.
pub fn why(
    run: &RunState,
    levels: &[LevelSummary],
    verdict: &Verdict,
    limits: &Limits,
) -> Vec<Reason> {
    let cycles = counted(&run.cycles);
    let server = Server::from_run(run);
    let seen = |users: u32| {
        let level = levels.iter().find(|level| level.users == users)?;
        Some(Seen::new(level, cycles.get(&users)?, limits))
    };
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
        let Some(at) = seen(first.users) else {
            continue;
        };
        let before = verdict.levels.iter().rev();
        let mut before = before.filter(|level| level.users < first.users);
        let before = before.next().and_then(|level| seen(level.users));
        let judged = judged(first);
        for (kind, text) in causes::causes(limit, &judged, &at, before.as_ref(), &server) {
            let text = match judged.state {
                // A level may miss a limit by no more than chance.
                Some(State::Unsure | State::Unlikely) => {
                    format!("{text} (too few requests to be sure)")
                }
                _ => text,
            };
            reasons.push(Reason {
                kind,
                limit,
                at: at.at,
                before: before.as_ref().map(|before| before.at),
                text,
            });
        }
    }
    reasons
}

/// The reasons as sentences, each once, with the limits that it explains.
pub fn sentences(reasons: &[Reason]) -> Vec<String> {
    let mut by_text: Vec<(Vec<String>, &str)> = Vec::new();
    for reason in reasons {
        let by = match reason.kind {
            ReasonKind::Errors | ReasonKind::ServerGone => "errors".to_owned(),
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
mod tests;
