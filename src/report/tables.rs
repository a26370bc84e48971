//! The tables of a report.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::event::{RunEnd, failures_in_words};
use crate::metrics::level::{LevelMetrics, counted};
use crate::metrics::metric;
use crate::metrics::metric::{Metric, Outlet, Shown, Unit};
use crate::metrics::state::{CycleState, Stage};
use crate::metrics::summary::{Summary, TargetSummary};
use crate::metrics::what_if::in_percent;
use crate::plan::Plan;
use crate::platform::Machine;
use crate::report::Report;
use crate::report::table::{Pair, Table, pairs};
use crate::report::text::clean;
use crate::text::numbers::{
    UNKNOWN, bytes, clock, grouped, grouped_count, grouped_seconds, or_unknown, percent, plain,
    seconds, users,
};
use crate::text::sanitize::one_line;

/// The most messages of one kind that are quoted.
const MESSAGES: usize = 3;

pub(super) fn hardware(report: &Report) -> Table {
    let gpus = report.gathered.gpus.iter();
    let gpus: Vec<String> = gpus
        .map(|(source, gpu)| clean(gpu.name.as_deref().unwrap_or(source)))
        .collect();
    let imported = report.summary.imported.as_ref();
    let info = report.info();
    let told = info.and_then(|info| info.remarks.hardware.as_deref());
    let mut rows = client(report.info().map(|info| &info.machine)).to_vec();
    if told.is_some() {
        rows.insert(0, ("Hardware", known(told)));
    }
    rows.push(("GPU", (!gpus.is_empty()).then(|| gpus.join(", "))));
    rows.extend(server(report.summary.target.as_ref()));
    if let Some(simulation) = info.and_then(|info| info.simulation.as_ref()) {
        let faults = simulation.faults.join(", ");
        let faults = if faults.is_empty() { "none" } else { &faults };
        rows.push((
            "Simulated server: profile",
            known(Some(&simulation.profile)),
        ));
        rows.push(("Simulated server: faults", known(Some(faults))));
    }
    if report.summary.simulated {
        let scale =
            info.map(|info| format!("{} times as fast as real time", plain(info.plan.time_scale)));
        rows.push(("Simulated server: time scale", scale));
    }
    rows.push(("Imported from", imported.map(|from| clean(&from.tool))));
    let version = known(Some(&report.summary.tokometer));
    rows.push(("tokometer version", version));
    pairs("Hardware and software", rows)
}

fn known(text: Option<&str>) -> Option<String> {
    text.map(clean)
}

fn client(machine: Option<&Machine>) -> [Pair; 5] {
    let memory = machine.and_then(|m| m.memory_bytes);
    let cores = machine.and_then(|m| m.cores);
    [
        (
            "Client: processor",
            known(machine.and_then(|m| m.cpu.as_deref())),
        ),
        ("Client: logical cores", cores.map(|n| n.to_string())),
        ("Client: memory", memory.map(|b| bytes(Some(b)))),
        (
            "Client: system",
            known(machine.and_then(|m| m.os.as_deref())),
        ),
        (
            "Client: architecture",
            known(machine.map(|m| m.arch.as_str())),
        ),
    ]
}

fn server(target: Option<&TargetSummary>) -> [Pair; 10] {
    let text = |pick: fn(&TargetSummary) -> Option<&str>| known(target.and_then(pick));
    let size = target.and_then(|t| t.size_bytes);
    let context = target.and_then(|t| t.context_tokens);
    [
        ("Server", text(|t| t.server.as_deref())),
        ("Server: address", text(|t| Some(&t.url))),
        ("Server: API", target.map(|t| t.dialect.to_string())),
        (
            "Server: slots",
            target.and_then(|t| t.slots).map(|n| n.to_string()),
        ),
        ("Model", text(|t| Some(&t.model))),
        ("Model: parameters", text(|t| t.parameters.as_deref())),
        ("Model: quantization", text(|t| t.quantization.as_deref())),
        ("Model: size", size.map(|b| bytes(Some(b)))),
        ("Model: context, tokens", context.map(grouped_count)),
        (
            "Model: time to load",
            target.and_then(|t| t.load_s).map(|s| seconds(Some(s))),
        ),
    ]
}

pub(super) fn test(report: &Report) -> Table {
    let state = &report.gathered.state;
    let plan = report.info().map(|info| &info.plan);
    let limits = report.summary.limits;
    let requests: usize = state.cycles.iter().map(CycleState::finished).sum();
    let failed: usize = state.cycles.iter().map(CycleState::failed).sum();
    let levels = report
        .summary
        .cycles
        .iter()
        .map(|level| level.users.to_string());
    let limits = limits.map(|limits| {
        let share = format!("{} %", plain(in_percent(limits.share)));
        format!(
            "wait ≤ {} s and speed ≥ {} tokens/s for {share} of the requests{}",
            limits.wait_s,
            limits.speed_tok_s,
            if report.changed.is_empty() {
                ""
            } else {
                "; applied after the run"
            }
        )
    });
    let started = report.summary.started_at;
    let rows = vec![
        (
            "Started",
            started.map(|at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string()),
        ),
        ("Total test duration", Some(seconds(Some(state.now.secs())))),
        ("Ended", Some(end(&state.stage, plan))),
        ("Users", Some(levels.collect::<Vec<_>>().join(", "))),
        ("Each user", plan.map(Plan::asks)),
        (
            "Maximum tokens per answer",
            plan.map(|p| {
                p.max_tokens.map_or_else(
                    || "no limit".to_owned(),
                    |most| grouped_count(u64::from(most)),
                )
            }),
        ),
        ("Prompts", plan.map(|plan| plan.prompts.len().to_string())),
        ("Endpoint", plan.map(|plan| plan.api.to_string())),
        ("Thinking", plan.map(|plan| plan.think.to_string())),
        (
            "Time-outs: first token, next token, whole answer",
            plan.map(timeouts),
        ),
        (
            "Pause between cycles",
            plan.map(|p| format!("{} s", plain(p.rest_s))),
        ),
        ("Warm-up requests", plan.map(|p| p.warmup.to_string())),
        ("Limits", limits),
        ("Requests", Some(grouped_count(requests as u64))),
        ("Failed requests", Some(grouped_count(failed as u64))),
    ];
    pairs("The test", rows)
}

fn end(stage: &Stage, plan: Option<&Plan>) -> String {
    match stage {
        Stage::Ended(RunEnd::Done) if plan.is_some_and(|plan| plan.settle.is_some()) => {
            "the answer was known, or the time was over".to_owned()
        }
        Stage::Ended(RunEnd::Done) => "every cycle ran".to_owned(),
        Stage::Ended(RunEnd::Stopped) => "stopped by the user".to_owned(),
        Stage::Ended(RunEnd::Signal(signal)) => format!("stopped by signal {signal}"),
        Stage::Ended(RunEnd::ServerGone) => "the server went away".to_owned(),
        Stage::Ended(RunEnd::Failed(why)) => format!("could not continue: {}", clean(why)),
        _ => "interrupted: the log has no end".to_owned(),
    }
}

fn timeouts(plan: &Plan) -> String {
    let timeouts = plan.timeouts;
    let each = [timeouts.first_s, timeouts.next_s, timeouts.total_s];
    let each = each.map(|limit| limit.map_or_else(|| "none".to_owned(), |s| seconds(Some(s))));
    each.join(", ")
}

/// A cell of a metric, as its unit is written.
fn cell(metric: &Metric, shown: &Shown, level: &LevelMetrics) -> String {
    let Some(value) = metric.value(level, shown.stat) else {
        return UNKNOWN.to_owned();
    };
    match metric.unit {
        Unit::Share => percent(Some(value), shown.digits),
        Unit::Seconds if metric.key == "duration_s" => with_clock(value, 1),
        Unit::Seconds => grouped_seconds(Some(value)),
        _ => format!(
            "{}{}",
            metric.about(level),
            grouped(Some(value), shown.digits)
        ),
    }
}

/// Seconds, and from a minute on as a clock shows them, too: `97.4 (1:37)`.
pub(super) fn with_clock(value: f64, digits: usize) -> String {
    let in_seconds = grouped(Some(value), digits);
    if value < 60.0 {
        return in_seconds;
    }
    format!("{in_seconds} ({})", clock(value))
}

/// Keeps what is in a known column.
fn keep<T>(all: &mut Vec<T>, known: &[bool]) {
    let mut is_known = known.iter();
    all.retain(|_| is_known.next().copied().unwrap_or(true));
}

/// The table without the columns that are unknown in every row; None where only the first is left.
fn without_unknown(mut table: Table) -> Option<Table> {
    let is_known = |column: usize| {
        let mut cells = table.rows.iter().filter_map(|row| row.get(column));
        column == 0 || cells.any(|cell| cell != UNKNOWN)
    };
    let known: Vec<bool> = (0..table.head.len()).map(is_known).collect();
    keep(&mut table.head, &known);
    for row in &mut table.rows {
        keep(row, &known);
    }
    (table.head.len() > 1).then_some(table)
}

/// The metrics of an outlet, a row for each of these figures.
fn by_metric<'a>(
    (outlet, caption, first): (Outlet, &'static str, &'static str),
    named: impl IntoIterator<Item = (String, &'a LevelMetrics)>,
) -> Table {
    let columns = metric::shown(outlet);
    let heads = columns.iter().map(|(_, shown)| shown.head);
    let row = |(name, level): (String, &LevelMetrics)| {
        let cells = columns.iter();
        let cells = cells.map(|(metric, shown)| cell(metric, shown, level));
        std::iter::once(name).chain(cells).collect()
    };
    Table {
        caption,
        head: std::iter::once(first)
            .chain(heads)
            .map(Cow::Borrowed)
            .collect(),
        rows: named.into_iter().map(row).collect(),
    }
}

fn by_users(summary: &Summary) -> impl Iterator<Item = (String, &LevelMetrics)> {
    let levels = summary.cycles.iter();
    levels.map(|level| (level.users.to_string(), &level.figures))
}

pub(super) fn results(summary: &Summary) -> Table {
    let caption =
        "Speed and throughput in tokens/s, wait and cycle in seconds, goodput in requests/s";
    by_metric((Outlet::Report, caption, "Users"), by_users(summary))
}

/// What the server says of itself beside what was seen of it; None where it says nothing.
pub(super) fn server_and_client(summary: &Summary) -> Option<Table> {
    let says = summary.cycles.iter().any(|level| {
        let figures = &level.figures;
        let reported = [figures.server_speed_tok_s.n, figures.queue_wait_s.n];
        reported.iter().any(|n| *n > 0) || figures.server_output_tokens.is_some()
    });
    let connects = summary
        .cycles
        .iter()
        .any(|level| level.figures.connect_s.n > 0);
    if !says && !connects {
        return None;
    }
    let caption = "As measured here and as the server reports it; speed in tokens/s, queue wait and connect in seconds";
    without_unknown(by_metric(
        (Outlet::ReportServer, caption, "Users"),
        by_users(summary),
    ))
}

/// Power, energy and cost by level; None where none was measured.
pub(super) fn energy_by_level(summary: &Summary) -> Option<Table> {
    let measured = summary.cycles.iter().any(|level| {
        let figures = &level.figures;
        figures.gpu.is_some() || figures.machine.wh.is_some()
    });
    let caption =
        "By number of users: duration in seconds, power in watts, usage in percent, clock in MHz";
    let table = by_metric((Outlet::ReportEnergy, caption, "Users"), by_users(summary));
    without_unknown(table).filter(|_| measured)
}

/// What failed at each level by its kind, with what the server said.
pub(super) fn failures_by_kind(report: &Report) -> Table {
    let mut rows = Vec::new();
    for (level, cycles) in counted(&report.gathered.state.cycles) {
        let mut kinds: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for record in cycles.iter().flat_map(|cycle| &cycle.requests) {
            if let Some((kind, message)) = record.failure() {
                let said = kinds.entry(kind.words().into_owned()).or_default();
                *said.entry(clean(message)).or_default() += 1;
            }
        }
        for (kind, said) in kinds {
            let mut said: Vec<(String, u64)> = said.into_iter().collect();
            said.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            let count: u64 = said.iter().map(|(_, count)| count).sum();
            let words = said.iter().take(MESSAGES);
            let words: Vec<String> = words
                .filter(|(message, _)| !message.is_empty())
                .map(|(message, _)| format!("“{}”", one_line(message, 160)))
                .collect();
            rows.push(vec![
                level.to_string(),
                kind,
                grouped_count(count),
                or_unknown(Some(words.join(", "))),
            ]);
        }
    }
    Table {
        caption: "Failed requests by kind, with what the server or the system said",
        head: ["Users", "Kind", "Failed", "What was said"]
            .map(Cow::Borrowed)
            .into(),
        rows,
    }
}

/// What failed, a sentence a level.
pub(super) fn failures(summary: &Summary) -> Vec<String> {
    let failing = summary
        .cycles
        .iter()
        .filter(|level| level.figures.failed > 0);
    failing
        .map(|level| {
            let f = &level.figures;
            let kinds = failures_in_words(f.errors.iter().map(|(kind, n)| (kind, *n)));
            let (failed, all, at) = (
                grouped_count(f.failed),
                grouped_count(f.requests),
                users(level.users),
            );
            let share = percent(f.error_rate, 1);
            format!("{failed} of {all} requests failed at {at} ({share}): {kinds}.")
        })
        .collect()
}

/// Levels that ran more than once; None where none did.
pub(super) fn repeats(summary: &Summary) -> Option<Table> {
    let repeats = summary.cycles.iter().flat_map(|level| {
        let name = move |repeat: u32| format!("{}, run {repeat}", users(level.users));
        (1..).map(name).zip(&level.repeats)
    });
    let caption = "Repeats: speed and throughput in tokens/s, wait and cycle in seconds";
    let table = by_metric((Outlet::Report, caption, "Level"), repeats);
    (!table.rows.is_empty()).then_some(table)
}

/// Whether the repeats of each level agree, a sentence a level.
pub(super) fn agreement(summary: &Summary) -> Vec<String> {
    let levels = summary.verdict.iter().flat_map(|verdict| &verdict.levels);
    let repeated = levels.filter_map(|level| {
        let repeats = level.repeats.as_ref()?;
        Some(format!("{}: {}.", users(level.users), repeats.text))
    });
    repeated.collect()
}

pub(super) fn energy(report: &Report) -> Table {
    let energy = report.summary.energy.clone().unwrap_or_default();
    let wh = |value: Option<f64>| value.map(|value| format!("{} Wh", grouped(Some(value), 2)));
    let watts = |value: Option<f64>| value.map(|value| format!("{} W", grouped(Some(value), 1)));
    let currency = energy.currency.as_deref().map(clean).unwrap_or_default();
    let money = |value: Option<f64>| {
        value.map(|value| {
            format!("{currency} {}", grouped(Some(value), 4))
                .trim_start()
                .to_owned()
        })
    };
    let joules = |value: Option<f64>| value.map(|value| format!("{} J", grouped(Some(value), 3)));
    let mut table = pairs(
        "Energy",
        vec![
            (
                "Duration, the whole run",
                Some(with_clock(report.gathered.state.now.secs(), 1) + " s"),
            ),
            ("Power in cycles, mean", watts(energy.watts_mean)),
            ("Power in cycles, highest", watts(energy.watts_max)),
            ("Power of the idle machine", watts(energy.baseline_watts)),
            ("Energy, the whole run", wh(energy.wh)),
            ("Within cycles", wh(energy.in_cycles_wh)),
            ("Outside of cycles", wh(energy.outside_wh)),
            ("Above idle", wh(energy.net_wh)),
            (
                "Per output token, idle included",
                joules(energy.gross_j_per_token),
            ),
            (
                "Per output token, above idle",
                joules(energy.net_j_per_token),
            ),
            (
                "Output tokens per watt-hour",
                energy.tokens_per_wh.map(|tokens| grouped(Some(tokens), 0)),
            ),
            ("Cost of that energy", money(energy.cost)),
            (
                "Cost of a million output tokens",
                money(energy.cost_per_million_tokens),
            ),
            (
                "Measured share of the time in cycles",
                energy.in_cycles_coverage.map(|c| percent(Some(c), 1)),
            ),
            (
                "Measured share of the whole run",
                energy.coverage.map(|c| percent(Some(c), 1)),
            ),
            (
                "What was measured",
                energy.scope_words().map(|words| clean(&words)),
            ),
        ],
    );
    table
        .rows
        .retain(|row| row.last().is_some_and(|cell| cell != UNKNOWN));
    table
}

/// The curve of a card in numbers.
pub(super) fn short(summary: &Summary) -> Table {
    let caption = "By number of users, speed and throughput in tokens/s, wait in seconds";
    by_metric((Outlet::Card, caption, "Users"), by_users(summary))
}
