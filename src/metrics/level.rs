//! The figures of one level: its whole cycles folded. A cycle that runs and one that was recorded go through the same
//! function.

pub mod cycle;
pub mod machine;
mod steady;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{CycleEnd, RequestRecord};
use crate::metrics::devices::{DeviceStats, ProcessStats};
use crate::metrics::dist::Dist;
use crate::metrics::interval::{MeanInterval, mean_interval};
use crate::metrics::level::cycle::CycleState;
use crate::metrics::level::machine::MachineFigures;
use crate::metrics::level::steady::{parts, steady};
use crate::plan::Limits;

/// Parts into which the time of full load of a level is cut.
const PARTS: f64 = 10.0;

/// The figures of a level. Distributions are over the requests that ended as they should; a request
/// that failed counts in `failed` and `errors`, one that the user cancelled counts in `cancelled` alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LevelMetrics {
    /// When it began, seconds since the start of the run.
    pub started_s: Option<f64>,
    /// Why it ended; absent while it runs, and where the log breaks off.
    pub ended: Option<CycleEnd>,
    /// Requests that ended, well or not; cancelled ones are not among them.
    pub requests: u64,
    /// Failed requests.
    pub failed: u64,
    /// Requests that the user broke off by skipping or stopping.
    pub cancelled: u64,
    /// Failed requests / all requests.
    pub error_rate: Option<f64>,
    /// Failed requests by kind.
    pub errors: BTreeMap<String, u64>,
    /// First request sent → last one ended, seconds; summed over repeats.
    pub duration_s: Option<f64>,
    /// TTFB: sent → first byte of the answer's body, seconds.
    pub ttfb_s: Dist,
    /// TTFT, the wait: sent → first token of any kind, seconds.
    pub ttft_s: Dist,
    /// TTFA: sent → first token that is not thinking, seconds.
    pub ttfa_s: Dist,
    /// Sent → final chunk, seconds.
    pub total_s: Dist,
    /// Response duration: first token → last token, seconds.
    pub response_s: Dist,
    /// Gaps between successive token-bearing chunks, seconds (HdrHistogram, 3 significant digits).
    pub itl_s: Dist,
    /// TPOT: (last token − first token) / (output tokens − 1), seconds.
    pub tpot_s: Dist,
    /// Time to open a connection, seconds; opened before the load and apart from it.
    pub connect_s: Dist,
    /// Time of the TLS handshakes on them, seconds.
    #[serde(default)]
    pub tls_s: Dist,
    /// Connections that could not be opened.
    pub connect_failed: u64,
    /// Speed: 1 / TPOT, tokens a second of one answer. Its bad end is the low one: p5, p1.
    pub speed_tok_s: Dist,
    /// The server's own speed, tokens a second, where it reports it.
    pub server_speed_tok_s: Dist,
    /// TTFT − (load + prompt evaluation), seconds, where the server reports them.
    pub queue_wait_s: Dist,
    /// Output tokens / (last final chunk − first sent), tokens a second.
    pub system_tok_s: Option<f64>,
    /// Tokens a second while at least 95 % of the users were in flight.
    pub steady_tok_s: Option<f64>,
    /// The same in ten parts of that time: how much it varies, and so how far it can be from what the level gives.
    #[serde(default)]
    pub steady_parts: MeanInterval,
    /// Requests that met every limit / `duration_s`, requests a second.
    pub goodput_req_s: Option<f64>,
    /// The share of the requests that met every limit, 0–1.
    pub attainment: Option<f64>,
    /// Output tokens of the requests that ended well, thinking included.
    pub output_tokens: u64,
    /// Who counted them; absent where there are none.
    pub tokens_counted_by: Option<CountedBy>,
    /// Output tokens by the server's count alone; absent where it reports none.
    #[serde(default)]
    pub server_output_tokens: Option<u64>,
    /// Prompt tokens, where the server reports them.
    pub prompt_tokens: Option<u64>,
    /// The share of thinking in the chunks, 0–1.
    pub thinking_share: Option<f64>,
    /// Times a request was sent again because a kept connection had gone stale; absent where that was not recorded.
    pub retries: Option<u64>,
    /// Energy within the cycle, joules.
    pub energy_j: Option<f64>,
    /// Energy within the cycle / output tokens, joules; of the repeats that samples cover.
    pub j_per_token: Option<f64>,
    /// What the machine did.
    pub machine: MachineFigures,
    /// The share of its time that energy was measured, 0–1.
    pub energy_coverage: Option<f64>,
    /// What the GPUs did.
    pub gpu: Option<DeviceStats>,
    /// What the server's processes did.
    pub processes: Vec<ProcessStats>,
}

/// Who counted the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum CountedBy {
    /// The server.
    Server,
    /// Nobody: non-empty chunks stand for tokens. Such numbers are marked `~`.
    Chunks,
    /// The server for some requests, chunks for others.
    Mixed,
}

impl LevelMetrics {
    /// The figures of these cycles of one level; the order of its requests makes no difference.
    pub fn from_cycles(cycles: &[&CycleState], limits: &Limits) -> Self {
        let mut metrics = Self::of_requests(cycles, limits);
        metrics.measure(cycles);
        metrics
    }

    /// The figures of a cycle that may still run, without what the machine did: the waits of its requests in flight are
    /// among them.
    fn so_far(cycle: &CycleState, limits: &Limits) -> Self {
        let waits = Dist::from_samples(cycle.waits_s());
        let waiting = cycle.in_flight.values().any(|r| r.first_token.is_none());
        Self {
            ttft_s: if waiting { waits.unbounded() } else { waits },
            ..Self::of_requests(&[cycle], limits)
        }
    }

    fn of_requests(cycles: &[&CycleState], limits: &Limits) -> Self {
        let mut requests: Vec<&RequestRecord> =
            cycles.iter().flat_map(|cycle| &cycle.requests).collect();
        requests.sort_by_key(|request| (request.cycle, request.id));
        let done: Vec<&RequestRecord> = requests.iter().copied().filter(|r| r.is_done()).collect();
        let mut metrics = Self {
            started_s: cycles.first().map(|cycle| cycle.started.secs()),
            ended: cycles.last().and_then(|cycle| cycle.end),
            connect_s: opening(
                cycles,
                &requests,
                |cycle| &cycle.connect_s,
                |one| one.connect_us,
            ),
            tls_s: opening(cycles, &requests, |cycle| &cycle.tls_s, |one| one.tls_us),
            connect_failed: cycles.iter().map(|c| u64::from(c.connect_failed)).sum(),
            retries: known(requests.iter().map(|r| r.retries)),
            ..Self::default()
        };
        metrics.count(&requests, done.len());
        metrics.distribute(&done);
        metrics.count_tokens(&done);
        metrics.rate(cycles);
        metrics.judge(cycles, limits);
        metrics
    }

    /// Adds what the machine did.
    fn measure(&mut self, cycles: &[&CycleState]) {
        self.machine = MachineFigures::from_cycles(cycles);
        self.energy_j = self.machine.joules();
        self.j_per_token = self.machine.gross_j_per_token;
        self.energy_coverage = self.machine.coverage;
        self.gpu = machine::gpus(cycles);
        self.processes = machine::processes(cycles);
    }

    /// `~` before figures of tokens that the server did not count.
    pub fn about(&self) -> &'static str {
        match self.tokens_counted_by {
            Some(CountedBy::Chunks | CountedBy::Mixed) => "~",
            Some(CountedBy::Server) | None => "",
        }
    }

    /// Whether these are the figures of whole cycles.
    pub fn is_whole(&self) -> bool {
        self.ended == Some(CycleEnd::Done)
    }

    fn count(&mut self, requests: &[&RequestRecord], done: usize) {
        for (kind, _) in requests.iter().filter_map(|request| request.failure()) {
            *self.errors.entry(kind.to_string()).or_default() += 1;
        }
        let finished = requests.iter().filter(|r| r.is_finished()).count();
        self.requests = finished as u64;
        self.failed = (finished - done.min(finished)) as u64;
        self.cancelled = (requests.len() - finished) as u64;
        self.error_rate = ratio(self.failed as f64, self.requests as f64);
    }

    fn distribute(&mut self, done: &[&RequestRecord]) {
        let of = |figure: fn(&RequestRecord) -> Option<f64>| {
            Dist::from_samples(done.iter().filter_map(|request| figure(request)))
        };
        self.ttfb_s = of(RequestRecord::ttfb_s);
        self.ttft_s = of(RequestRecord::ttft_s);
        self.ttfa_s = of(RequestRecord::ttfa_s);
        self.total_s = of(RequestRecord::total_s);
        self.response_s = of(RequestRecord::response_s);
        self.tpot_s = of(RequestRecord::tpot_s);
        self.speed_tok_s = of(RequestRecord::speed_tok_s);
        self.queue_wait_s = of(RequestRecord::queue_wait_s);
        self.server_speed_tok_s = of(|request| request.server.speed_tok_s());
        self.itl_s = Dist::from_gaps(done.iter().map(|request| request.itl_us.as_slice()));
    }

    fn count_tokens(&mut self, done: &[&RequestRecord]) {
        self.output_tokens = done.iter().map(|request| request.output_tokens()).sum();
        let by_server = done.iter().filter(|r| r.server.output_tokens.is_some());
        self.tokens_counted_by = match by_server.count() {
            _ if done.is_empty() => None,
            0 => Some(CountedBy::Chunks),
            all if all == done.len() => Some(CountedBy::Server),
            _ => Some(CountedBy::Mixed),
        };
        let sum_of = |count: fn(&RequestRecord) -> Option<u64>| {
            let known = done.iter().filter_map(|request| count(request));
            known.reduce(|sum, tokens| sum + tokens)
        };
        self.prompt_tokens = sum_of(|request| request.server.prompt_tokens);
        self.server_output_tokens = sum_of(|request| request.server.output_tokens);
        let chunks: u64 = done.iter().map(|r| u64::from(r.chunks)).sum();
        let thinking = known(done.iter().map(|r| r.thinking_chunks));
        self.thinking_share = thinking.and_then(|thinking| ratio(thinking as f64, chunks as f64));
    }

    fn rate(&mut self, cycles: &[&CycleState]) {
        self.duration_s = summed(cycles.iter().filter_map(|cycle| cycle.duration_s()));
        let to_final_chunk = summed(cycles.iter().filter_map(|cycle| cycle.to_final_chunk_s()));
        let tokens = Some(self.output_tokens as f64).filter(|tokens| *tokens > 0.0);
        self.system_tok_s = tokens.zip(to_final_chunk).and_then(|(t, s)| ratio(t, s));
        let full: Vec<(f64, f64)> = cycles
            .iter()
            .filter_map(|cycle| steady(&in_order(cycle), cycle.users))
            .collect();
        let tokens: f64 = full.iter().map(|(tokens, _)| tokens).sum();
        let seconds: f64 = full.iter().map(|(_, seconds)| seconds).sum();
        self.steady_tok_s = ratio(tokens, seconds).filter(|rate| *rate > 0.0);
        if self.steady_tok_s.is_some() {
            let part_s = seconds / PARTS;
            let rates = cycles
                .iter()
                .flat_map(|cycle| parts(&in_order(cycle), cycle.users, part_s));
            self.steady_parts = mean_interval(rates);
        }
    }

    /// The figures that the limits make.
    fn judge(&mut self, cycles: &[&CycleState], limits: &Limits) {
        let (met, judged) = cycles.iter().fold((0, 0), |(met, judged), cycle| {
            let of_cycle = cycle.met(limits);
            (met + of_cycle.0, judged + of_cycle.1)
        });
        self.attainment = ratio(met as f64, judged as f64);
        let is_judged = self.attainment.is_some();
        let seconds = self.duration_s.filter(|_| is_judged);
        self.goodput_req_s = seconds.and_then(|s| ratio(met as f64, s));
    }
}

/// One level: its figures, repeats folded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LevelSummary {
    /// Requests kept in flight.
    pub users: u32,
    /// The figures of its whole cycles; where it has none, of its last cut one (see `ended`).
    #[serde(flatten)]
    pub figures: LevelMetrics,
    /// The figures of each whole cycle, in order; empty where there is but one.
    pub repeats: Vec<LevelMetrics>,
}

/// The cycles that stand for each level, smallest first: its whole ones; where it has none, its last one alone.
pub fn counted(cycles: &[CycleState]) -> BTreeMap<u32, Vec<&CycleState>> {
    let mut levels: BTreeMap<u32, Vec<&CycleState>> = BTreeMap::new();
    for cycle in cycles {
        levels.entry(cycle.users).or_default().push(cycle);
    }
    for of_level in levels.values_mut() {
        of_level.sort_by_key(|cycle| cycle.cycle);
        if of_level.iter().any(|cycle| cycle.is_whole()) {
            of_level.retain(|cycle| cycle.is_whole());
        } else {
            of_level.drain(..of_level.len().saturating_sub(1));
        }
    }
    levels
}

/// The levels of a run, smallest first.
pub fn levels(cycles: &[CycleState], limits: &Limits) -> Vec<LevelSummary> {
    let summary = |(users, cycles): (u32, Vec<&CycleState>)| {
        let alone = cycles.iter().filter(|_| cycles.len() > 1);
        LevelSummary {
            users,
            figures: LevelMetrics::from_cycles(&cycles, limits),
            repeats: alone
                .map(|cycle| LevelMetrics::from_cycles(&[*cycle], limits))
                .collect(),
        }
    };
    counted(cycles).into_iter().map(summary).collect()
}

fn in_order(cycle: &CycleState) -> Vec<&RequestRecord> {
    let mut requests: Vec<&RequestRecord> = cycle.requests.iter().collect();
    requests.sort_by_key(|request| request.id);
    requests
}

/// What opening connections took: before the cycles, and on the way.
fn opening(
    cycles: &[&CycleState],
    requests: &[&RequestRecord],
    before: fn(&CycleState) -> &[f64],
    on_the_way: fn(&RequestRecord) -> Option<u64>,
) -> Dist {
    let opened = cycles
        .iter()
        .flat_map(|cycle| before(cycle).iter().copied());
    let on_the_way = requests.iter().filter_map(|request| on_the_way(request));
    Dist::from_samples(opened.chain(on_the_way.map(|micros| micros as f64 / 1e6)))
}

/// The sum of what is known; None where nothing is.
fn known(counts: impl Iterator<Item = Option<u32>>) -> Option<u64> {
    let known = counts.flatten().map(u64::from);
    known.reduce(|sum, count| sum + count)
}

fn summed(parts: impl Iterator<Item = f64>) -> Option<f64> {
    parts.reduce(|sum, part| sum + part)
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
pub(crate) mod tests;
