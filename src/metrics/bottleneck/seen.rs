//! What was seen of a level and of its server, as far as a cause can rest on it.

use std::collections::BTreeMap;

use crate::event::{FailureKind, RequestRecord};
use crate::metrics::bottleneck::Evidence;
use crate::metrics::gpus;
use crate::metrics::interval::Moments;
use crate::metrics::level::LevelSummary;
use crate::metrics::machine::HostStats;
use crate::metrics::state::{CycleState, RunState};
use crate::plan::Limits;

/// As many readings of a GPU show whether it was busy.
const READINGS: u64 = 3;
/// The share of the time of full load in which the same number was answered at once, for that to be the server's slots.
const AT_ONCE: f64 = 0.8;

/// What was seen of a level.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) at: Evidence,
    pub(super) wait: Option<Moments>,
    pub(super) speed: Option<Moments>,
    /// Steady throughput in parts.
    pub(super) total: Option<Moments>,
    /// Failed requests by kind.
    pub(super) errors: BTreeMap<String, u64>,
    /// What the server said most often of its failures, and how often.
    pub(super) words: Option<(String, u64)>,
    /// Requests that could not reach the server, or whose connection it broke off, while nobody was answered.
    pub(super) unreached: u64,
    /// The waits of the requests that succeeded.
    pub(super) waits: Vec<Wait>,
    /// Of these, those that were too long.
    pub(super) late: Vec<Wait>,
    /// The most requests that were answered at once.
    pub(super) most_at_once: u32,
    /// The same, where most of the time it was just as many though more were asking.
    pub(super) at_once: Option<u32>,
    /// Mean usage of the GPU, percent.
    pub(super) gpu_percent: Option<f64>,
    /// Processor time of the client, cores.
    pub(super) client_cores: Option<f64>,
    /// How busy the server's machine was.
    pub(super) host: HostStats,
    /// The fullest that the server's cache of keys and values was, percent.
    pub(super) kv_cache_percent: Option<f64>,
}

/// A wait and its parts, seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::struct_field_names, reason = "the unit is part of the name")]
pub(super) struct Wait {
    pub(super) wait_s: f64,
    pub(super) load_s: Option<f64>,
    pub(super) prefill_s: Option<f64>,
    pub(super) prompt: u32,
    pub(super) prompt_tokens: Option<u64>,
}

impl Wait {
    fn from_request(request: &RequestRecord) -> Option<Self> {
        Some(Self {
            wait_s: request.ttft_s()?,
            load_s: request.server.load_s,
            prefill_s: request.server.prompt_eval_s,
            prompt: request.prompt,
            prompt_tokens: request.server.prompt_tokens,
        })
    }

    /// What is neither loading nor reading the prompt, where the server reports that.
    pub(super) fn rest_s(&self) -> Option<f64> {
        let known = self.load_s.unwrap_or_default() + self.prefill_s?;
        Some((self.wait_s - known).max(0.0))
    }
}

impl Seen {
    pub(super) fn new(level: &LevelSummary, cycles: &[&CycleState], limits: &Limits) -> Self {
        let figures = &level.figures;
        let done = || cycles.iter().flat_map(|cycle| cycle.succeeded());
        let waits: Vec<Wait> = done().filter_map(Wait::from_request).collect();
        let late = waits.iter().filter(|wait| wait.wait_s > limits.wait_s);
        let busy = figures.gpu.map(|gpu| gpu.usage_percent);
        let machines = cycles.iter().map(|cycle| &cycle.machine);
        let mut host = HostStats::default();
        for cycle in cycles {
            host.merge(&cycle.machine.host);
        }
        let (most_at_once, at_once) = at_once(cycles);
        let kv_cache = machines.filter_map(|machine| machine.kv_cache_percent.max);
        Self {
            at: Evidence::from_level(level),
            wait: Moments::from_values(done().filter_map(RequestRecord::ttft_s)),
            speed: Moments::from_values(done().filter_map(RequestRecord::speed_tok_s)),
            total: figures.steady_parts.moments(),
            errors: figures.errors.clone(),
            words: words(cycles),
            unreached: cycles.iter().map(|cycle| unreached(cycle)).sum(),
            late: late.copied().collect(),
            waits,
            most_at_once,
            at_once,
            gpu_percent: busy.filter(|busy| busy.n >= READINGS).and_then(|b| b.mean),
            client_cores: client_cores(cycles),
            host,
            kv_cache_percent: kv_cache.reduce(f64::max),
        }
    }
}

/// The server's own words that came most often, and how often.
fn words(cycles: &[&CycleState]) -> Option<(String, u64)> {
    let mut counts = BTreeMap::<&str, u64>::new();
    let failures = cycles.iter().flat_map(|cycle| &cycle.requests);
    for (kind, message) in failures.filter_map(RequestRecord::failure) {
        // Of other kinds the message is the client's.
        if matches!(kind, FailureKind::Http(_) | FailureKind::StreamError) && !message.is_empty() {
            *counts.entry(message).or_default() += 1;
        }
    }
    let most = counts
        .into_iter()
        .reduce(|a, b| if b.1 > a.1 { b } else { a })?;
    Some((most.0.to_owned(), most.1))
}

/// Requests of a cycle that found no server, or lost it, if nobody was answered between the first and the last of them, and every user met one.
fn unreached(cycle: &CycleState) -> u64 {
    let failed = || {
        let failures = cycle.requests.iter();
        failures.filter(|r| r.failure().is_some_and(|(kind, _)| kind.is_absence()))
    };
    let (Some(from), Some(to)) = (
        failed().map(|r| r.ended).min(),
        failed().map(|r| r.sent).max(),
    ) else {
        return 0;
    };
    let answered = cycle.succeeded().any(|r| r.sent > from && r.sent < to);
    let count = failed().count() as u64;
    if answered || count < u64::from(cycle.users) {
        return 0;
    }
    count
}

/// Processor time of the client in these cycles, cores; None where it is not known of all.
fn client_cores(cycles: &[&CycleState]) -> Option<f64> {
    let (mut cpu_s, mut seconds) = (0.0, 0.0);
    for cycle in cycles {
        let spent = cycle.client?;
        cpu_s += spent.cpu_s;
        seconds += spent.seconds;
    }
    (seconds > 0.0).then(|| cpu_s / seconds)
}

/// The most requests that were answered at once while all users were asking; and the same if it was less than these and
/// nearly all of the time just as many.
fn at_once(cycles: &[&CycleState]) -> (u32, Option<u32>) {
    let mut at = BTreeMap::<i64, u64>::new();
    let mut users = 0;
    for cycle in cycles {
        users = cycle.users;
        let mut steps = Vec::new();
        for request in &cycle.requests {
            steps.push((request.sent, 0, 1));
            steps.push((request.ended, 0, -1));
            if let Some(first) = request.first_token {
                steps.push((first, 1, 0));
                steps.push((request.last_token.unwrap_or(request.ended), -1, 0));
            }
        }
        steps.sort_unstable();
        let (mut asking, mut answered, mut since) = (0_i64, 0_i64, None);
        for (now, streams, asks) in steps {
            if let Some(since) = since
                && asking >= i64::from(users)
            {
                *at.entry(answered).or_default() += now.0.saturating_sub(since);
            }
            (asking, answered) = (asking + asks, answered + streams);
            since = Some(now.0);
        }
    }
    let all: u64 = at.values().sum();
    let most = at.into_iter().rev().find(|(_, time)| *time > 0);
    let (most, time) = most.unwrap_or_default();
    let most = u32::try_from(most).unwrap_or_default();
    let holds = most > 0 && most < users && time as f64 >= AT_ONCE * all as f64;
    (most, holds.then_some(most))
}

/// What is known of the server and its machine.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Server {
    /// Requests that it answers at once.
    pub(super) slots: Option<u32>,
    /// Bytes of the model in GPU memory, and all of them, where there is a GPU and not all are.
    pub(super) outside_gpu: Option<(u64, u64)>,
    /// Whether client and server are one process: then nobody knows what the client takes.
    pub(super) is_own: bool,
    /// Processes that compute on the GPU and are not the server's.
    pub(super) others_on_gpu: u32,
}

impl Server {
    pub(super) fn from_run(run: &RunState) -> Self {
        let gpus = gpus::in_use(run.machine.gpus.values().map(|(_, sample)| sample));
        let others = gpus.iter().filter_map(|gpu| gpu.other_processes);
        Self {
            slots: run.slots(),
            outside_gpu: outside_gpu(run, !gpus.is_empty()),
            is_own: run.is_simulated(),
            others_on_gpu: others.sum(),
        }
    }
}

fn outside_gpu(run: &RunState, is_gpu_seen: bool) -> Option<(u64, u64)> {
    let model = &run.info.as_ref()?.target.model;
    let (inside, all) = (model.vram_bytes?, model.memory_bytes?);
    (inside < all && (inside > 0 || is_gpu_seen)).then_some((inside, all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Stamp;
    use crate::metrics::level::tests::{answered, failed};

    fn cycle(users: u32, requests: Vec<RequestRecord>) -> CycleState {
        CycleState {
            users,
            requests,
            ..CycleState::default()
        }
    }

    /// Users who ask at 0 s; each of the `slots` is a list of answers, one after another, each of 5 s after 0.1 s.
    fn queue(users: u32, slots: u32) -> CycleState {
        let one = |user: u32| {
            let first = f64::from(user / slots) * 5.1 + 0.1;
            answered(u64::from(user), user, 0.0, first, first + 5.0, 100)
        };
        cycle(users, (0..users).map(one).collect())
    }

    #[test]
    fn slots_are_inferred_where_as_many_are_answered_all_the_time() {
        // 0.1 s without an answer, then 5 s with two.
        assert_eq!(at_once(&[&queue(4, 2)]), (2, Some(2)));
        assert_eq!(at_once(&[&queue(4, 4)]), (4, None), "all at once");
        assert_eq!(at_once(&[&queue(1, 1)]), (1, None));
        // First tokens at 1, 2, 3 and 4 s, the first end at 5 s: four are answered in the end.
        let one_by_one = (0..4).map(|user| {
            let first = f64::from(user) + 1.0;
            answered(u64::from(user), user, 0.0, first, first + 4.0, 100)
        });
        assert_eq!(at_once(&[&cycle(4, one_by_one.collect())]), (4, None));
        // Up to three, but for a second each: no number holds.
        let changing = [(1.0, 2.0), (1.5, 2.5), (1.8, 9.0), (20.0, 21.0)].map(|(first, last)| {
            let mut record = answered(0, 0, 0.0, first, last, 100);
            record.ended = Stamp(25_000_000);
            record
        });
        assert_eq!(at_once(&[&cycle(4, changing.to_vec())]), (3, None));
        assert_eq!(at_once(&[]), (0, None));
    }

    #[test]
    fn a_server_is_gone_if_all_are_refused_and_nobody_answered() {
        let refused = |id, sent: f64| failed(id, FailureKind::Refused, sent, sent + 0.01);
        let all = cycle(2, vec![refused(1, 0.0), refused(2, 0.0)]);
        assert_eq!(unreached(&all), 2);
        let died = cycle(
            2,
            vec![
                answered(1, 0, 0.0, 1.0, 5.0, 40),
                failed(2, FailureKind::Reset, 0.0, 5.5),
                refused(3, 5.6),
                refused(4, 5.7),
            ],
        );
        assert_eq!(unreached(&died), 3);
        let now_and_then = cycle(
            2,
            vec![
                refused(1, 0.0),
                answered(2, 0, 1.0, 2.0, 5.0, 40),
                refused(3, 6.0),
            ],
        );
        assert_eq!(unreached(&now_and_then), 0);
        assert_eq!(
            unreached(&cycle(4, vec![refused(1, 0.0)])),
            0,
            "one of four"
        );
        let busy = failed(1, FailureKind::Http(503), 0.0, 0.1);
        assert_eq!(unreached(&cycle(1, vec![busy])), 0);
    }
}
