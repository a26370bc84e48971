//! The table that people paste: in the form of llama-bench where prompts long enough for it were measured with one user,
//! else by number of users.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::event::RequestRecord;
use crate::metrics::interval::Moments;
use crate::metrics::level::counted;
use crate::report::text::{clean, escape_markdown, without_path};
use crate::report::{Report, content, markdown, tables};
use crate::text::numbers::{UNKNOWN, decimal, or_unknown};

/// From so many tokens on the time of a prompt is that of its tokens, not of a request.
const LONG_PROMPT: u64 = 128;
/// The same of an answer.
const LONG_ANSWER: u64 = 16;

/// The table as Markdown, without anything private.
pub fn bench_table(report: &Report) -> String {
    let tests = tests(report);
    let mut out = if tests.iter().any(|(test, _)| test.starts_with("pp")) {
        form_of_llama_bench(report, &tests)
    } else {
        by_users(report)
    };
    if report.summary.simulated {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "\n**{}**", content::SIMULATED);
    }
    let _ = writeln!(out, "\nbuild: tokometer {}", report.summary.tokometer);
    out
}

/// Tokens a second of prompts and of answers that were all as long, with one user: `pp512`, `tg128`.
fn tests(report: &Report) -> Vec<(String, Vec<f64>)> {
    let levels = counted(&report.gathered.state.cycles);
    let alone = levels.get(&1).into_iter().flatten();
    let requests: Vec<&RequestRecord> = alone.flat_map(|cycle| cycle.succeeded()).collect();
    let grouped = |of: fn(&RequestRecord) -> Option<(u64, f64)>, among: &[&RequestRecord]| {
        let mut groups: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for (tokens, speed) in among.iter().filter_map(|request| of(request)) {
            groups.entry(tokens).or_default().push(speed);
        }
        groups
    };
    let new = unread(report);
    let unread: Vec<&RequestRecord> = requests
        .iter()
        .copied()
        .filter(|r| new.contains(&r.id))
        .collect();
    let prompts = grouped(prompt, &unread);
    let answers = grouped(answer, &requests);
    let named = |name: &'static str| move |(tokens, speeds)| (format!("{name}{tokens}"), speeds);
    let mut tests: Vec<(String, Vec<f64>)> = prompts.into_iter().map(named("pp")).collect();
    // Answers of different lengths are no test of one.
    if answers.len() == 1 {
        tests.extend(answers.into_iter().map(named("tg")));
    }
    tests
}

/// The requests whose prompt the server had not read before in the run: of others it has most in its cache, and tells
/// the whole length with the time of the rest.
fn unread(report: &Report) -> BTreeSet<u64> {
    // The warm-up asks the first prompt.
    let warm = report.info().is_some_and(|info| info.plan.warmup > 0);
    let mut read: BTreeSet<u32> = warm.then_some(0).into_iter().collect();
    let cycles = report.gathered.state.cycles.iter();
    let mut requests: Vec<&RequestRecord> = cycles.flat_map(|cycle| &cycle.requests).collect();
    requests.sort_by_key(|request| (request.sent, request.id));
    let first = requests
        .into_iter()
        .filter(|request| read.insert(request.prompt));
    first.map(|request| request.id).collect()
}

/// The tokens of a prompt that were read, and how many a second, by the server's clock.
fn prompt(request: &RequestRecord) -> Option<(u64, f64)> {
    let server = &request.server;
    let tokens = server.prompt_tokens?;
    let seconds = server.prompt_eval_s.filter(|seconds| *seconds > 0.0)?;
    (tokens >= LONG_PROMPT).then(|| (tokens, tokens as f64 / seconds))
}

/// The tokens of an answer, and how many a second: by the server's clock where it has one.
fn answer(request: &RequestRecord) -> Option<(u64, f64)> {
    let tokens = request
        .server
        .output_tokens
        .filter(|tokens| *tokens >= LONG_ANSWER)?;
    let speed = request
        .server
        .speed_tok_s()
        .or_else(|| request.speed_tok_s())?;
    Some((tokens, speed))
}

fn form_of_llama_bench(report: &Report, tests: &[(String, Vec<f64>)]) -> String {
    let target = report.summary.target.as_ref();
    let model = target.map(|target| {
        let name = without_path(&clean(&target.model));
        let quantization = target.quantization.as_deref().map(clean);
        quantization.map_or_else(
            || name.clone(),
            |quantization| format!("{name} {quantization}"),
        )
    });
    let size = target.and_then(|target| target.size_bytes);
    let size = size.map(|size| format!("{} GiB", decimal(size as f64 / f64::from(1 << 30), 2)));
    let parameters = target.and_then(|target| target.parameters.as_deref().map(clean));
    let server = target.and_then(|target| target.server.as_deref().map(clean));
    let about: Vec<String> = [model, size, parameters, server]
        .into_iter()
        .map(|cell| escape_markdown(&or_unknown(cell)))
        .collect();
    let about = about.join(" | ");
    let mut out = "| model | size | params | backend | test | t/s |\n\
                   | --- | ---: | ---: | --- | ---: | ---: |\n"
        .to_owned();
    for (test, speeds) in tests {
        let _ = writeln!(out, "| {about} | {test} | {} |", spread(speeds));
    }
    out
}

/// `123.45 ± 1.20`: the mean and the standard deviation.
fn spread(speeds: &[f64]) -> String {
    let Some(moments) = Moments::from_values(speeds.iter().copied()) else {
        return UNKNOWN.to_owned();
    };
    let mean = decimal(moments.mean, 2);
    match moments.variance {
        Some(variance) => format!("{mean} ± {}", decimal(variance.sqrt(), 2)),
        None => mean,
    }
}

fn by_users(report: &Report) -> String {
    let target = report.summary.target.as_ref();
    let model = target.map(|target| without_path(&clean(&target.model)));
    let server = target.and_then(|target| target.server.as_deref().map(clean));
    let named = crate::text::numbers::joined([model, server]);
    let table = markdown::table(&tables::short(&report.summary));
    format!("{}\n\n{table}\n", escape_markdown(&named))
}
