//! `tokometer compare RUN RUN…`: runs against each other.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;
use color_eyre::eyre::Result;
use unicode_width::UnicodeWidthStr as _;

use crate::cli::gate::GateArgs;
use crate::cli::output::{RunsDir, print, print_err, shown};
use crate::cli::what_if::WhatIfArgs;
use crate::metrics::compare::{Change, Comparison, LevelComparison, Row, RunHead};
use crate::metrics::conclusion::conclusion;
use crate::metrics::condition::Condition;
use crate::metrics::gate::changes;
use crate::metrics::state::RunState;
use crate::metrics::summary::Summary;
use crate::report;
use crate::store::index::find;
use crate::text::numbers::{UNKNOWN, carried, letter, users};
use crate::text::sanitize::one_line;

/// The widest lines, columns: wider ones are hard to read.
const WIDEST: usize = 140;
/// Those of a file or a pipe.
const USUAL: usize = 100;
/// The narrowest.
const NARROWEST: usize = 40;
/// How far in a difference is set that does not fit beside its values.
const BELOW: usize = 13;
/// The most figures shown for a level that only one run has.
const TOLD_ALONE: usize = 4;

/// The flags of `compare`.
#[derive(Debug, Args, Clone)]
pub struct CompareArgs {
    /// Runs: paths, names, the beginning of a name, or `latest`; the first is the baseline
    #[arg(value_name = "RUN", num_args = 2.., required = true)]
    pub runs: Vec<String>,
    /// Print the comparison as JSON
    #[arg(long)]
    pub json: bool,
    /// Write compare.md, compare.html, compare.json and charts of all runs (against, models; .svg and .png) to DIR
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
        print(&text(&comparison, width()));
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

/// The width of the terminal.
fn width() -> usize {
    let asked = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    let is_terminal = std::io::stdout().is_terminal();
    let terminal = || crossterm::terminal::size().ok().filter(|_| is_terminal);
    let width = asked.or_else(|| terminal().map(|(columns, _)| usize::from(columns)));
    width.unwrap_or(USUAL).clamp(NARROWEST, WIDEST)
}

/// Text in lines no wider than this, those after the first one set in.
fn folded(out: &mut String, text: &str, width: usize, indent: usize) {
    let body = text.trim_start_matches(' ');
    let mut line = " ".repeat(text.len() - body.len());
    let mut is_empty = true;
    for word in body.split(' ') {
        if !is_empty && line.width() + 1 + word.width() > width {
            let _ = writeln!(out, "{}", line.trim_end());
            line = " ".repeat(indent);
        } else if !is_empty {
            line.push(' ');
        }
        is_empty = false;
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}

/// The comparison as text, what it comes to first.
pub(crate) fn text(comparison: &Comparison, width: usize) -> String {
    let mut out = String::new();
    for sentence in conclusion(comparison) {
        folded(&mut out, &sentence, width, 0);
    }
    out.push('\n');
    for (number, run) in comparison.runs.iter().enumerate() {
        folded(
            &mut out,
            &format!("{}  {}", letter(number), head(run)),
            width,
            3,
        );
    }
    for warning in &comparison.warnings {
        folded(
            &mut out,
            &format!("warning: {}", one_line(warning, 300)),
            width,
            9,
        );
    }
    for level in &comparison.levels {
        // Writing to a string cannot fail.
        let _ = writeln!(out);
        if let Some(run) = level.only() {
            folded(&mut out, &alone(level, run), width, 2);
            continue;
        }
        let _ = writeln!(out, "{}", users(level.users));
        for row in &level.rows {
            write_row(&mut out, row, width);
        }
    }
    out
}

/// A level that only one run has.
fn alone(level: &LevelComparison, run: usize) -> String {
    let of = |row: &Row| {
        let unit = row.metric.unit.symbol();
        format!("{} {} {unit}", row.metric.name(), row.text(run))
    };
    let known: Vec<String> = level.rows.iter().take(TOLD_ALONE).map(of).collect();
    format!(
        "{}, only {}: {}",
        users(level.users),
        letter(run),
        known.join(", ")
    )
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

/// The values of a row, and beside them, or below where they do not fit, how they differ.
fn write_row(out: &mut String, row: &Row, width: usize) {
    let values = (0..row.values.len()).map(|run| format!("{:>10}", row.text(run)));
    let values: Vec<String> = values.collect();
    let line = format!(
        "  {:<11}{} {}",
        row.metric.name(),
        values.join(" "),
        row.metric.unit.symbol()
    );
    let changes = row.changes.iter().enumerate().map(|(number, change)| {
        let sentence = |change: &Change| change.sentence(row.metric);
        let text = change.as_ref().map_or_else(|| UNKNOWN.to_owned(), sentence);
        // With two runs there is only one difference, which needs no letter.
        if row.changes.len() > 1 {
            format!("{}: {text}", letter(number + 1))
        } else {
            text
        }
    });
    let changes: Vec<String> = changes.collect();
    let beside = changes.join("   ");
    if line.width() + 3 + beside.width() <= width {
        let _ = writeln!(out, "{line}   {beside}");
        return;
    }
    folded(out, &line, width, 2);
    for change in changes {
        let below = format!("{}{change}", " ".repeat(BELOW));
        folded(out, &below, width, BELOW);
    }
}
