//! `tokometer check RUN`: one run against conditions.

use clap::Args;
use color_eyre::eyre::Result;

use crate::cli::gate::GateArgs;
use crate::cli::output::print;
use crate::cli::report::WhichRun;
use crate::cli::what_if::WhatIfArgs;
use crate::metrics::condition::Condition;
use crate::metrics::gate::judge_run;
use crate::metrics::verdict::Verdict;
use crate::report;

/// The flags of `check`.
#[derive(Debug, Args, Clone)]
pub struct CheckArgs {
    /// Which run
    #[command(flatten)]
    pub which: WhichRun,
    /// Exit with 3 if this is met and with 4 if the run cannot decide it: `users < 4`, `speed@8 < 20`,
    /// `ttft_p95 > 2s`, `failed > 1%` (repeatable); any metric in the README's table. Without @USERS it covers all
    /// levels or, in a run that found its own levels, the level of its answer
    #[arg(
        long,
        value_name = "CONDITION",
        required = true,
        allow_hyphen_values = true,
        value_parser = Condition::for_run
    )]
    pub fail_if: Vec<Condition>,
    /// Print the decisions as JSON
    #[arg(long)]
    pub json: bool,
    /// Limits and a price that replace the run's own
    #[command(flatten)]
    pub what_if: WhatIfArgs,
    /// What is written where
    #[command(flatten)]
    pub gate: GateArgs,
}

/// Judges, reports, and returns the exit code: 0 passed, 1 not possible, 3 a condition is met, 4 undecided.
pub(crate) fn run_check(args: &CheckArgs) -> Result<u8> {
    let path = args.which.directory()?;
    let (id, run, changed) = args.what_if.open(&path)?;
    let rulings = judge_run(&args.fail_if, &run);
    if args.json {
        print(&report::gate::json(&id, &rulings)?);
    }
    let verdict = Verdict::from_run(&run).map_or_else(String::new, |verdict| verdict.sentence);
    let simulated = if run.is_simulated() {
        "SIMULATED: "
    } else {
        ""
    };
    let changed = changed.map_or_else(String::new, |changed| format!(" {changed}"));
    let note = format!("{simulated}{verdict}{changed}");
    args.gate
        .close(&format!("tokometer check {id}"), &note, &rulings)
}
