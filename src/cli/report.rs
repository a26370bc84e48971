//! The commands `report` and `share`.

use std::path::PathBuf;

use clap::Args;
use color_eyre::eyre::Result;

use crate::cli::output::{RunsDir, print, print_err};
use crate::cli::what_if::WhatIfArgs;
use crate::report::share::{Show, write_card};
use crate::report::{Report, bench_table, folder, write_report};
use crate::store::index::find;

/// The run to report on.
#[derive(Debug, Args, Clone)]
pub struct WhichRun {
    /// A run: its directory, its name or the beginning of it, or `latest`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Where runs are kept
    #[command(flatten)]
    pub runs_dir: RunsDir,
}

/// The flags of `report`.
#[derive(Debug, Args, Clone)]
pub struct ReportArgs {
    /// Which run
    #[command(flatten)]
    pub which: WhichRun,
    /// Where to write [default: the run's own directory; its folder what-if with other limits]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one form on standard output and write no files
    #[arg(long, value_enum, value_name = "FORM", conflicts_with = "out")]
    pub print: Option<Form>,
    /// Print the summary as JSON; without --out nothing is written
    #[arg(long, conflicts_with = "print")]
    pub json: bool,
    /// Limits and a price that replace the run's own
    #[command(flatten)]
    pub what_if: WhatIfArgs,
}

/// A form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// Markdown
    Markdown,
    /// One HTML file
    Html,
    /// One row per cycle
    Csv,
    /// The summary
    Json,
}

/// The flags of `share`.
#[derive(Debug, Args, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "flags are switches")]
pub struct ShareArgs {
    /// Which run
    #[command(flatten)]
    pub which: WhichRun,
    /// Where to write share.png, share.svg and share.md
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
    /// Show the server's address
    #[arg(long)]
    pub show_address: bool,
    /// Show the first prompt
    #[arg(long)]
    pub show_prompt: bool,
    /// Show the run's name
    #[arg(long)]
    pub show_run: bool,
    /// Print a Markdown table and write no files: in the form of llama-bench (pp512, tg128) where prompts of at least
    /// 128 tokens, each asked for the first time, were measured with one user; else by number of users
    #[arg(long, conflicts_with_all = ["out", "json"])]
    pub table: bool,
    /// Print the summary as JSON too
    #[arg(long)]
    pub json: bool,
}

impl WhichRun {
    /// The run's directory.
    pub(crate) fn directory(&self) -> Result<PathBuf> {
        Ok(find(&self.runs_dir.root()?, &self.run)?)
    }
}

/// Writes a report's files and names them, or prints one form; returns the exit code.
pub(crate) fn run_report(args: &ReportArgs) -> Result<u8> {
    let directory = args.which.directory()?;
    let report = Report::what_if(&directory, &args.what_if.what_if())?;
    let only_json = args.json && args.out.is_none();
    let form = args.print.or(only_json.then_some(Form::Json));
    if let Some(form) = form {
        print(&match form {
            Form::Markdown => report.markdown(),
            Form::Html => report.html(),
            Form::Csv => report.csv()?,
            Form::Json => report.json()?,
        });
        return Ok(0);
    }
    let folder = folder(&report, &directory);
    let out = args.out.as_ref().unwrap_or(&folder);
    name(&report, &write_report(&report, out)?, args.json)
}

/// Writes the card and names its files; returns the exit code.
pub(crate) fn run_share(args: &ShareArgs) -> Result<u8> {
    let show = Show {
        address: args.show_address,
        prompt: args.show_prompt,
        run: args.show_run,
    };
    let report = Report::open(&args.which.directory()?)?;
    if args.table {
        print(&bench_table(&report));
        return Ok(0);
    }
    name(&report, &write_card(&report, &args.out, show)?, args.json)
}

/// Names files, one per line: on standard error where standard output is for the summary.
fn name(report: &Report, written: &[PathBuf], json: bool) -> Result<u8> {
    let lines = written.iter().map(|path| format!("{}\n", path.display()));
    let lines: String = lines.collect();
    if json {
        print_err(&lines);
        print(&report.json()?);
    } else {
        print(&lines);
    }
    Ok(0)
}
