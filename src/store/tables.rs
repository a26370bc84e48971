//! The tables of a run directory: a row a request, a row a cycle, for any spreadsheet.

use serde::Serialize;

use crate::event::{Outcome, RequestRecord};
use crate::metrics::dist::Dist;
use crate::metrics::level::LevelMetrics;
use crate::text::sanitize::one_line;

/// The longest message kept in a cell, characters.
const LONGEST: usize = 500;

/// A row of `requests.csv`. An empty cell is a figure that is not known.
#[derive(Debug, Serialize)]
pub(crate) struct RequestRow {
    simulated: bool,
    cycle: u32,
    users: Option<u32>,
    request: u64,
    user: u32,
    round: u32,
    prompt: u32,
    outcome: &'static str,
    failure: Option<String>,
    message: Option<String>,
    reason: Option<String>,
    sent_s: f64,
    ttfb_s: Option<f64>,
    ttft_s: Option<f64>,
    ttfa_s: Option<f64>,
    total_s: Option<f64>,
    ended_s: f64,
    output_tokens: Option<u64>,
    tokens_counted_by: Option<&'static str>,
    chunks: u32,
    thinking_chunks: u32,
    tpot_s: Option<f64>,
    speed_tok_s: Option<f64>,
    itl_p50_s: Option<f64>,
    itl_max_s: Option<f64>,
    connect_s: Option<f64>,
    retries: u32,
    queue_wait_s: Option<f64>,
    prompt_tokens: Option<u64>,
    server_output_tokens: Option<u64>,
    server_speed_tok_s: Option<f64>,
    server_load_s: Option<f64>,
    server_prompt_eval_s: Option<f64>,
    server_eval_s: Option<f64>,
    server_total_s: Option<f64>,
}

impl RequestRow {
    pub(crate) fn of(record: &RequestRecord, users: Option<u32>, simulated: bool) -> Self {
        let (outcome, failure, message, reason) = match &record.outcome {
            Outcome::Done { reason } => ("done", None, None, reason.as_deref().map(cell)),
            Outcome::Failed { kind, message } => {
                ("failed", Some(kind.to_string()), Some(cell(message)), None)
            }
            Outcome::Cancelled => ("cancelled", None, None, None),
        };
        let itl = Dist::of_gaps([record.itl_us.as_slice()]);
        let server = &record.server;
        let by_server = server.output_tokens.is_some();
        let any_tokens = record.first_token.is_some() || by_server;
        Self {
            simulated,
            cycle: record.cycle,
            users,
            request: record.id,
            user: record.user,
            round: record.round,
            prompt: record.prompt,
            outcome,
            failure,
            message,
            reason,
            sent_s: record.sent.secs(),
            ttfb_s: record.ttfb_s(),
            ttft_s: record.ttft_s(),
            ttfa_s: record.ttfa_s(),
            total_s: record.total_s(),
            ended_s: record.ended.secs(),
            output_tokens: any_tokens.then(|| record.output_tokens()),
            tokens_counted_by: any_tokens.then_some(if by_server { "server" } else { "chunks" }),
            chunks: record.chunks,
            thinking_chunks: record.thinking_chunks,
            tpot_s: record.tpot_s(),
            speed_tok_s: record.speed_tok_s(),
            itl_p50_s: itl.p50,
            itl_max_s: itl.max,
            connect_s: record.connect_us.map(|micros| micros as f64 / 1e6),
            retries: record.retries,
            queue_wait_s: record.queue_wait_s(),
            prompt_tokens: server.prompt_tokens,
            server_output_tokens: server.output_tokens,
            server_speed_tok_s: server.speed_tok_s(),
            server_load_s: server.load_s,
            server_prompt_eval_s: server.prompt_eval_s,
            server_eval_s: server.eval_s,
            server_total_s: server.total_s,
        }
    }
}

/// A row of `cycles.csv`.
#[derive(Debug, Serialize)]
pub(crate) struct CycleRow {
    simulated: bool,
    cycle: u32,
    users: u32,
    ended: Option<String>,
    started_s: Option<f64>,
    duration_s: Option<f64>,
    requests: u64,
    failed: u64,
    cancelled: u64,
    error_rate: Option<f64>,
    errors: String,
    ttft_mean_s: Option<f64>,
    ttft_p50_s: Option<f64>,
    ttft_p95_s: Option<f64>,
    ttft_p99_s: Option<f64>,
    ttft_max_s: Option<f64>,
    ttfa_mean_s: Option<f64>,
    total_min_s: Option<f64>,
    total_mean_s: Option<f64>,
    total_max_s: Option<f64>,
    speed_mean_tok_s: Option<f64>,
    speed_p50_tok_s: Option<f64>,
    speed_p5_tok_s: Option<f64>,
    speed_p1_tok_s: Option<f64>,
    speed_min_tok_s: Option<f64>,
    server_speed_mean_tok_s: Option<f64>,
    itl_p50_s: Option<f64>,
    itl_p99_s: Option<f64>,
    connect_max_s: Option<f64>,
    system_tok_s: Option<f64>,
    steady_tok_s: Option<f64>,
    goodput_req_s: Option<f64>,
    attainment: Option<f64>,
    output_tokens: u64,
    tokens_counted_by: Option<String>,
    energy_j: Option<f64>,
    j_per_token: Option<f64>,
    net_j_per_token: Option<f64>,
    energy_scope: Option<String>,
    energy_coverage: Option<f64>,
    watts_mean: Option<f64>,
    watts_max: Option<f64>,
    mhz_mean: Option<f64>,
    rss_max_bytes: Option<u64>,
    threads_max: Option<u64>,
    descriptors_max: Option<u64>,
    gpu_mean_watts: Option<f64>,
    gpu_max_watts: Option<f64>,
    gpu_mean_mhz: Option<f64>,
    gpu_max_mhz: Option<f64>,
}

impl CycleRow {
    pub(crate) fn of(figures: &LevelMetrics, cycle: u32, users: u32, simulated: bool) -> Self {
        let errors = figures.errors.iter().map(|(kind, n)| format!("{kind}:{n}"));
        Self {
            simulated,
            cycle,
            users,
            ended: figures.ended.map(|end| end.to_string()),
            started_s: figures.started_s,
            duration_s: figures.duration_s,
            requests: figures.requests,
            failed: figures.failed,
            cancelled: figures.cancelled,
            error_rate: figures.error_rate,
            errors: errors.collect::<Vec<_>>().join(" "),
            ttft_mean_s: figures.ttft_s.mean,
            ttft_p50_s: figures.ttft_s.p50,
            ttft_p95_s: figures.ttft_s.p95,
            ttft_p99_s: figures.ttft_s.p99,
            ttft_max_s: figures.ttft_s.max,
            ttfa_mean_s: figures.ttfa_s.mean,
            total_min_s: figures.total_s.min,
            total_mean_s: figures.total_s.mean,
            total_max_s: figures.total_s.max,
            speed_mean_tok_s: figures.speed_tok_s.mean,
            speed_p50_tok_s: figures.speed_tok_s.p50,
            speed_p5_tok_s: figures.speed_tok_s.p5,
            speed_p1_tok_s: figures.speed_tok_s.p1,
            speed_min_tok_s: figures.speed_tok_s.min,
            server_speed_mean_tok_s: figures.server_speed_tok_s.mean,
            itl_p50_s: figures.itl_s.p50,
            itl_p99_s: figures.itl_s.p99,
            connect_max_s: figures.connect_s.max,
            system_tok_s: figures.system_tok_s,
            steady_tok_s: figures.steady_tok_s,
            goodput_req_s: figures.goodput_req_s,
            attainment: figures.attainment,
            output_tokens: figures.output_tokens,
            tokens_counted_by: figures.tokens_counted_by.map(|by| by.to_string()),
            energy_j: figures.energy_j,
            j_per_token: figures.j_per_token,
            net_j_per_token: figures.machine.net_j_per_token,
            energy_scope: figures.machine.scope.clone(),
            energy_coverage: figures.energy_coverage,
            watts_mean: figures.machine.watts_mean,
            watts_max: figures.machine.watts_max,
            mhz_mean: figures.machine.mhz_mean,
            rss_max_bytes: figures.machine.rss_max_bytes,
            threads_max: figures.machine.threads_max,
            descriptors_max: figures.machine.descriptors_max,
            gpu_mean_watts: figures.gpu.and_then(|gpu| gpu.watts.mean),
            gpu_max_watts: figures.gpu.and_then(|gpu| gpu.watts.max),
            gpu_mean_mhz: figures.gpu.and_then(|gpu| gpu.mhz.mean),
            gpu_max_mhz: figures.gpu.and_then(|gpu| gpu.mhz.max),
        }
    }
}

/// Text of a server for a cell: on one line, and never a formula of the spreadsheet that opens it.
pub(crate) fn cell(text: &str) -> String {
    let line = one_line(text, LONGEST);
    if line.starts_with(['=', '+', '-', '@']) {
        format!("'{line}")
    } else {
        line
    }
}

/// Appends rows as CSV; `headed` puts the names of the columns first.
pub(crate) fn write_row(out: &mut Vec<u8>, row: &impl Serialize, headed: bool) -> csv::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(headed)
        .from_writer(out);
    writer.serialize(row)?;
    writer.flush().map_err(Into::into)
}
