//! `tokometer compare RUN RUN…`: runs against each other.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use color_eyre::eyre::Result;

use crate::cli::gate::GateArgs;
use crate::cli::output::{RunsDir, print, print_err, shown};
use crate::cli::what_if::WhatIfArgs;
use crate::metrics::compare::{Change, Comparison, Row, RunHead, value_text};
use crate::metrics::condition::Condition;
use crate::metrics::gate::changes;
use crate::metrics::state::RunState;
use crate::metrics::summary::Summary;
use crate::report;
use crate::store::index::find;
use crate::text::numbers::{UNKNOWN, carried, letter, users};
use crate::text::sanitize::one_line;

/// The flags of `compare`.
#[derive(Debug, Args, Clone)]
pub struct CompareArgs {
    /// Runs: paths, names, the beginning of a name, or `latest`; the first is the baseline
    #[arg(value_name = "RUN", num_args = 2.., required = true)]
    pub runs: Vec<String>,
    /// Print the comparison as JSON
    #[arg(long)]
    pub json: bool,
    /// Write compare.md, compare.html, compare.json and a chart of all runs (models.svg, models.png) to DIR
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Exit with 3 if a run differs like this from the first, and with 4 if the samples cannot decide it:
    /// `speed < -5%`, `wait > 0.5s`, `errors > 1%`, `speed@8 < -5%` for one level (repeatable); any metric in the
    /// README's table, or in short speed, wait, total, throughput, errors, share, energy. A planned level that only one
    /// run has counts as failed
    #[arg(
        long,
        value_name = "CONDITION",
        allow_hyphen_values = true,
        value_parser = Condition::for_change
    )]
    pub fail_if: Vec<Condition>,
    /// Limits and a price that replace each run's own
    #[command(flatten)]
    pub what_if: WhatIfArgs,
    /// What is written where
    #[command(flatten)]
    pub gate: GateArgs,
    /// Where runs are kept
    #[command(flatten)]
    pub runs_dir: RunsDir,
}

/// Compares, prints, and returns the exit code: 0 done, 1 not possible, 3 a condition is met, 4 undecided.
pub(crate) fn run_compare(args: &CompareArgs) -> Result<u8> {
    let root = args.runs_dir.root()?;
    let open = |name: &String| args.what_if.open(&find(&root, name)?);
    let opened = args.runs.iter().map(open);
    let opened: Vec<_> = opened.collect::<Result<_, _>>()?;
    let opened = opened.into_iter().map(|(_, run, rejudged)| (run, rejudged));
    let (states, rejudged): (Vec<RunState>, Vec<Option<String>>) = opened.unzip();
    let summaries: Vec<Summary> = states.iter().map(Summary::from_run).collect();
    let runs: Vec<&RunState> = states.iter().collect();
    let mut comparison = Comparison::from_summaries(&runs, &summaries);
    let rejudged = rejudged.into_iter().enumerate();
    let rejudged = rejudged.filter_map(|(run, text)| Some(format!("{}: {}", letter(run), text?)));
    comparison.warnings.extend(rejudged);
    if args.json {
        print(&report::compare::json(&comparison)?);
    } else {
        print(&text(&comparison));
    }
    if let Some(out) = &args.out {
        for path in report::compare::write(&comparison, &summaries, out)? {
            print_err(&format!("wrote {}", shown(&path)));
        }
    }
    let rulings = changes(&args.fail_if, &runs);
    let ids: Vec<&str> = comparison.runs.iter().map(|run| run.id.as_str()).collect();
    let mut notes = comparison.warnings.clone();
    if comparison.runs.iter().any(|run| run.simulated) {
        notes.insert(0, "SIMULATED".to_owned());
    }
    let command = format!("tokometer compare {}", ids.join(" "));
    args.gate.close(&command, &notes.join(". "), &rulings)
}

/// The comparison as text.
pub(crate) fn text(comparison: &Comparison) -> String {
    let mut out = String::new();
    for (number, run) in comparison.runs.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}  {}", letter(number), head(run));
    }
    for warning in &comparison.warnings {
        let _ = writeln!(out, "warning: {warning}");
    }
    for level in &comparison.levels {
        let _ = writeln!(out, "\n{}", users(level.users));
        for row in &level.rows {
            out.push_str(&line(row));
        }
    }
    out
}

fn head(run: &RunHead) -> String {
    let simulated = if run.simulated { "  SIMULATED" } else { "" };
    let people = match (&run.by_share, &run.by_mean) {
        (Some(share), Some(mean)) => format!(
            "  users: {} ({}), by mean {}",
            carried(share.both_users),
            share
                .state
                .map_or_else(|| UNKNOWN.to_owned(), |state| state.to_string()),
            carried(mean.both_users)
        ),
        _ => String::new(),
    };
    let server = run.server.as_deref().unwrap_or(UNKNOWN);
    one_line(
        &format!("{}  {}  {server}{simulated}{people}", run.id, run.model),
        300,
    )
}

fn line(row: &Row) -> String {
    let values = row
        .values
        .iter()
        .map(|known| format!("{:>10}", value_text(row.metric, *known)));
    let values: Vec<String> = values.collect();
    let mut line = format!(
        "  {:<11}{} {}",
        row.metric.name(),
        values.join(" "),
        row.metric.unit.symbol()
    );
    for (number, change) in row.changes.iter().enumerate() {
        let sentence = |change: &Change| change.sentence(row.metric);
        let text = change.as_ref().map_or_else(|| UNKNOWN.to_owned(), sentence);
        // With two runs there is only one difference, which needs no letter.
        let run = if row.changes.len() > 1 {
            format!("{}: ", letter(number + 1))
        } else {
            String::new()
        };
        let _ = write!(line, "   {run}{text}");
    }
    line.push('\n');
    line
}
