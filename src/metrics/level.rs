//! The figures of one level: its cycle, or several cycles of the same number of users folded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{CycleEnd, RequestRecord};
use crate::metrics::devices::{DeviceStats, Devices, ProcessStats, Processes};
use crate::metrics::dist::Dist;
use crate::metrics::level_energy::MachineFigures;
use crate::metrics::state::{CycleState, RunState};
use crate::metrics::steady::steady;
use crate::metrics::verdict::Sample;
use crate::plan::Limits;

/// The figures of a level. Distributions are over the requests that ended as they should; a request
/// that failed counts in `failed` and `errors`, one that the user cancelled counts in `cancelled` alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
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
    /// Connections that could not be opened.
    pub connect_failed: u64,
    /// Speed: 1 / TPOT, tokens a second of one answer. Its bad end is the low one: p5, p1.
    pub speed_tok_s: Dist,
    /// The server's own speed, tokens a second, where it tells.
    pub server_speed_tok_s: Dist,
    /// TTFT − (load + prompt evaluation), seconds, where the server tells.
    pub queue_wait_s: Dist,
    /// Output tokens / (last final chunk − first sent), tokens a second.
    pub system_tok_s: Option<f64>,
    /// Tokens a second while at least 95 % of the users were in flight.
    pub steady_tok_s: Option<f64>,
    /// Requests that met every limit / `duration_s`, requests a second.
    pub goodput_req_s: Option<f64>,
    /// The share of the requests that met every limit, 0–1.
    pub attainment: Option<f64>,
    /// Output tokens of the requests that ended well, thinking included.
    pub output_tokens: u64,
    /// Who counted them; absent where there are none.
    pub tokens_counted_by: Option<CountedBy>,
    /// Tokens of the prompts, where the server tells.
    pub prompt_tokens: Option<u64>,
    /// The share of thinking in the chunks, 0–1.
    pub thinking_share: Option<f64>,
    /// Times a request was sent again because a kept connection had gone stale.
    pub retries: u64,
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
pub enum CountedBy {
    /// The server.
    Server,
    /// Nobody: non-empty chunks stand for tokens. Such numbers are marked `~`.
    Chunks,
    /// The server for some requests, chunks for others.
    Mixed,
}

impl LevelMetrics {
    /// The figures of one level's cycles; the order of its requests makes no difference.
    pub fn of(cycles: &[&CycleState], limits: &Limits) -> Self {
        let mut requests: Vec<&RequestRecord> =
            cycles.iter().flat_map(|cycle| &cycle.requests).collect();
        requests.sort_by_key(|request| (request.cycle, request.id));
        let done: Vec<&RequestRecord> = requests.iter().copied().filter(|r| r.is_done()).collect();
        let mut figures = Self {
            started_s: cycles.first().map(|cycle| cycle.started.secs()),
            ended: cycles.last().and_then(|cycle| cycle.end),
            connect_s: connects(cycles, &requests),
            connect_failed: cycles.iter().map(|c| u64::from(c.connect_failed)).sum(),
            retries: requests.iter().map(|r| u64::from(r.retries)).sum(),
            ..Self::default()
        };
        figures.count(&requests, done.len());
        figures.distribute(&done);
        figures.count_tokens(&done);
        figures.rate(cycles, &requests, limits);
        figures.machine = MachineFigures::of(cycles);
        figures.energy_j = figures.machine.joules();
        figures.j_per_token = figures.machine.gross_j_per_token;
        figures.energy_coverage = figures.machine.coverage;
        let mut processes = Processes::default();
        for cycle in cycles {
            processes.merge(&cycle.machine.processes);
        }
        figures.processes = processes.stats();
        figures
    }

    /// The figures of one level's cycles in `run`, with what its GPUs did.
    pub fn of_run(cycles: &[&CycleState], run: &RunState) -> Self {
        let limits = run.info.as_ref().map(|info| info.plan.limits);
        let gpus = Devices::of(cycles.iter().map(|cycle| &cycle.machine.gpus));
        let counting = run.machine.meter.counting();
        let counts = |source: &str| counting.is_empty() || counting.contains(&source);
        Self {
            gpu: gpus.total(counts),
            ..Self::of(cycles, &limits.unwrap_or_default())
        }
    }

    fn count(&mut self, requests: &[&RequestRecord], done: usize) {
        for (kind, _) in requests.iter().filter_map(|request| request.failure()) {
            *self.errors.entry(kind.to_string()).or_default() += 1;
        }
        self.failed = self.errors.values().sum();
        self.requests = done as u64 + self.failed;
        self.cancelled = (requests.len() as u64).saturating_sub(self.requests);
        self.error_rate = ratio(self.failed as f64, self.requests as f64);
    }

    fn distribute(&mut self, done: &[&RequestRecord]) {
        let of = |figure: fn(&RequestRecord) -> Option<f64>| {
            Dist::of(done.iter().filter_map(|request| figure(request)))
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
        self.itl_s = Dist::of_gaps(done.iter().map(|request| request.itl_us.as_slice()));
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
        let prompts: Vec<u64> = done.iter().filter_map(|r| r.server.prompt_tokens).collect();
        self.prompt_tokens = (!prompts.is_empty()).then(|| prompts.iter().sum());
        let chunks: u64 = done.iter().map(|r| u64::from(r.chunks)).sum();
        let thinking: u64 = done.iter().map(|r| u64::from(r.thinking_chunks)).sum();
        self.thinking_share = ratio(thinking as f64, chunks as f64);
    }

    fn rate(&mut self, cycles: &[&CycleState], requests: &[&RequestRecord], limits: &Limits) {
        self.duration_s = summed(cycles.iter().filter_map(|cycle| span_s(cycle, false)));
        let to_final_chunk = summed(cycles.iter().filter_map(|cycle| span_s(cycle, true)));
        self.system_tok_s = to_final_chunk.and_then(|s| ratio(self.output_tokens as f64, s));
        let steady_parts: Vec<(f64, f64)> = cycles
            .iter()
            .filter_map(|cycle| {
                let mut requests: Vec<&RequestRecord> = cycle.requests.iter().collect();
                requests.sort_by_key(|request| request.id);
                steady(&requests, cycle.users)
            })
            .collect();
        let tokens: f64 = steady_parts.iter().map(|(tokens, _)| tokens).sum();
        let seconds: f64 = steady_parts.iter().map(|(_, seconds)| seconds).sum();
        self.steady_tok_s = ratio(tokens, seconds).filter(|rate| *rate > 0.0);
        let judged: Vec<bool> = requests
            .iter()
            .filter_map(|request| Sample::of(request)?.meets_both(limits))
            .collect();
        let good = judged.iter().filter(|met| **met).count() as f64;
        self.attainment = ratio(good, judged.len() as f64);
        if self.attainment.is_some() {
            self.goodput_req_s = self.duration_s.and_then(|s| ratio(good, s));
        }
    }
}

/// First request sent → last one ended, seconds; `well` asks for the last that ended as it should.
fn span_s(cycle: &CycleState, well: bool) -> Option<f64> {
    let counted = || {
        let requests = cycle.requests.iter();
        requests.filter(|r| r.is_done() || r.failure().is_some())
    };
    let first = counted().map(|request| request.sent).min()?;
    let ends = counted().filter(|request| !well || request.is_done());
    ends.map(|request| request.ended.since(first))
        .reduce(f64::max)
}

fn connects(cycles: &[&CycleState], requests: &[&RequestRecord]) -> Dist {
    let opened = cycles
        .iter()
        .flat_map(|cycle| cycle.connect_s.iter().copied());
    let on_the_way = requests.iter().filter_map(|request| request.connect_us);
    Dist::of(opened.chain(on_the_way.map(|micros| micros as f64 / 1e6)))
}

fn summed(parts: impl Iterator<Item = f64>) -> Option<f64> {
    parts.reduce(|sum, part| sum + part)
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
pub(crate) mod tests;
