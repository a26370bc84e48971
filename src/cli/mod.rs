//! Commands and flags.

mod check;
mod compare;
mod config;
mod display;
mod doctor;
mod gate;
mod import;
mod look;
mod monitor;
mod note;
mod output;
mod preview;
mod preview_args;
mod preview_mode;
mod preview_plain;
mod replay;
mod report;
mod resume;
mod run;
mod runs;
mod screenshot;
mod server;
mod simulate;
mod values;
mod what_if;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use color_eyre::eyre::Result;

use config::ConfigError;
use output::{USAGE, print_err};

use doctor::DoctorArgs;
use look::LookArgs;
use monitor::{MonitorArgs, PlaceArgs, SourceArgs};
use resume::ResumeArgs;
use run::RunArgs;
use simulate::SimulateArgs;
pub(crate) use values::{factor, users};

/// A speedometer for language-model servers: watch a benchmark of your own model, live.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
#[command(after_help = AFTER_HELP)]
pub struct Cli {
    /// Command to run (default: run).
    #[command(subcommand)]
    pub command: Option<CommandArgs>,
    /// The flags of `run`.
    #[command(flatten)]
    pub run: RunArgs,
}

const AFTER_HELP: &str = "\
Examples:
  tokometer                                 find Ollama on this machine, open the dashboard
  tokometer --sim                           try it with the simulated server
  tokometer preview --speed 9,20,55,100     what tokens per second feel like
  tokometer --users 1,4,16 --waves 3        three rounds at 1, 4 and 16 users
  tokometer --url http://box:8080 --dialect openai
  tokometer --json > run.json               no dashboard, the summary as JSON
  tokometer check latest --fail-if 'users < 4'

Your own defaults: tokometer.toml in your settings folder (~/.config/tokometer), or the file named
by TOKOMETER_CONFIG; its keys are the flags of `run`: users = [1, 4], limit-wait = \"5s\".

Exit codes: 0 done (failed requests are results), 1 no request succeeded or the run could not
continue, 2 wrong usage, 3 a condition of `check` or `compare --fail-if` is met, 4 it is undecided,
128+n ended by signal n.";

/// What tokometer can do.
#[derive(Debug, Subcommand)]
pub enum CommandArgs {
    /// Benchmark a server (the same as no command at all)
    Run(Box<RunArgs>),
    /// Resume a run that was killed or stopped, at the level where it ended
    Resume(Box<ResumeArgs>),
    /// See what token speeds feel like: lanes of text side by side, at any or at measured speeds
    Preview(Box<preview_args::PreviewArgs>),
    /// Take a picture (.svg) or a recording (.gif, .cast) of the dashboard during a simulated run
    Screenshot(Box<screenshot::ScreenshotArgs>),
    /// Run a simulated Ollama server, to try out clients and tokometer itself
    Simulate(SimulateArgs),
    /// Check what can be measured on this machine and how to fix the rest
    Doctor(DoctorArgs),
    /// Write a run's report: Markdown, HTML, CSV, JSON and charts
    Report(report::ReportArgs),
    /// Make a card of a run to paste into an issue or a chat, without private data
    Share(report::ShareArgs),
    /// Import the folders of the study's own tool (`test_results_N`) as a run
    Import(import::ImportArgs),
    /// Say something of a run: a note, a title, its hardware; its reports have it
    Note(note::NoteArgs),
    /// List recorded runs, or delete one
    Runs(runs::RunsArgs),
    /// Replay a recorded run in the dashboard, at its own pace or faster; needs no server
    Replay(replay::ReplayArgs),
    /// Compare runs level by level
    Compare(compare::CompareArgs),
    /// Check a run against conditions: a gate for CI
    Check(check::CheckArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Runs what this command line asks for; its first word is the program's name.
pub fn execute_line(arguments: &[OsString]) -> ExitCode {
    let code = match config::parse(arguments) {
        Ok(cli) => execute(cli).unwrap_or_else(|error| output::fail(&error)),
        // Help is one of these: it goes to standard output and is not a failure.
        Err(ConfigError::Usage(error)) => error.exit(),
        Err(ConfigError::File(problems)) => {
            for problem in problems.lines() {
                print_err(&format!("error: {problem}"));
            }
            USAGE
        }
    };
    ExitCode::from(code)
}

/// Runs what the command line asks for; returns the exit code.
fn execute(cli: Cli) -> Result<u8> {
    Ok(match cli.command {
        None => run::run(&cli.run)?,
        Some(CommandArgs::Run(args)) => run::run(&args)?,
        Some(CommandArgs::Resume(args)) => resume::resume(&args)?,
        Some(CommandArgs::Simulate(args)) => simulate::simulate(&args)?,
        Some(CommandArgs::Doctor(args)) => doctor::doctor(&args)?,
        Some(CommandArgs::Report(args)) => report::run_report(&args)?,
        Some(CommandArgs::Share(args)) => report::run_share(&args)?,
        Some(CommandArgs::Preview(args)) => preview::execute(&args)?,
        Some(CommandArgs::Screenshot(args)) => screenshot::execute(&args)?,
        Some(CommandArgs::Import(args)) => import::run_import(&args)?,
        Some(CommandArgs::Note(args)) => note::run_note(&args)?,
        Some(CommandArgs::Runs(args)) => runs::run_runs(&args)?,
        Some(CommandArgs::Replay(args)) => replay::run_replay(&args)?,
        Some(CommandArgs::Compare(args)) => compare::run_compare(&args)?,
        Some(CommandArgs::Check(args)) => check::run_check(&args)?,
        Some(CommandArgs::Completions { shell }) => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tokometer", &mut out);
            // A reader that closes early is not a failure.
            let _ = std::io::stdout().write_all(&out);
            0
        }
    })
}
