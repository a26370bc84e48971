//! Commands and flags.

mod look;
mod monitor;
mod resume;
mod run;
mod values;

use clap::{Args, Parser, Subcommand};

use values::time_scale;

pub use look::LookArgs;
pub use monitor::{MonitorArgs, PlaceArgs, SourceArgs};
pub use resume::ResumeArgs;
pub use run::{PlanError, RunArgs};
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
    /// What to do; without a command: run.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The flags of `run`.
    #[command(flatten)]
    pub run: RunArgs,
}

const AFTER_HELP: &str = "\
Examples:
  tokometer                                 look for Ollama here, open the dashboard
  tokometer --sim                           try it with the simulated server
  tokometer preview --speed 9,20,55,100     what tokens per second feel like
  tokometer --users 1,4,16 --waves 3        three rounds at 1, 4 and 16 users
  tokometer --url http://box:8080 --dialect openai
  tokometer --json > run.json               no dashboard, the summary as JSON

Defaults of your own: tokometer.toml in your folder of settings (~/.config/tokometer), or the file that
TOKOMETER_CONFIG names; its keys are the flags of `run`: users = [1, 4], limit-wait = \"5s\".

Exit codes: 0 done (failed requests are results), 1 no request succeeded or the run could not go on,
2 wrong usage, 3 a condition of `compare --fail-if` is met, 128+n ended by signal n.";

/// What tokometer can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Benchmark a server (the same as no command at all)
    Run(Box<RunArgs>),
    /// Go on with a run that was killed or stopped, at the level where it was
    Resume(Box<ResumeArgs>),
    /// Feel token speeds: lanes of text side by side, at any speed or as it was measured
    Preview(Box<crate::preview::args::PreviewArgs>),
    /// Picture of the dashboard during a run of the simulated server: .svg, or a recording .gif or .cast
    Screenshot(Box<crate::picture::ScreenshotArgs>),
    /// Be a simulated Ollama server, for trying out clients and tokometer itself
    Simulate(SimulateArgs),
    /// Say what can be measured here, what not, why, and what mends it
    Doctor(DoctorArgs),
    /// Write a run's report: Markdown, HTML, CSV, JSON and charts
    Report(crate::report::args::ReportArgs),
    /// Make a card of a run to paste into an issue or a chat; nothing private stands in it
    Share(crate::report::args::ShareArgs),
    /// Import the folders of the study's own tool (`test_results_N`) as a run
    Import(crate::history::import::ImportArgs),
    /// List the runs that were recorded, or delete one
    Runs(crate::history::runs::RunsArgs),
    /// Play a recorded run in the dashboard, at its own pace or faster; no server is needed
    Replay(crate::history::replay::ReplayArgs),
    /// Hold runs against each other, level by level
    Compare(crate::history::compare::CompareArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// The flags of `doctor`.
#[derive(Debug, Args, Clone)]
pub struct DoctorArgs {
    /// The report as JSON
    #[arg(long)]
    pub json: bool,
    /// The server to run against, looked for beside the usual ones; without it there the exit code is 1
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Where the sources look.
    #[command(flatten)]
    pub places: PlaceArgs,
}

/// The flags of `simulate`.
#[derive(Debug, Args, Clone)]
pub struct SimulateArgs {
    /// The port on 127.0.0.1; 0 for any free one
    #[arg(long, default_value_t = 11434)]
    pub port: u16,
    /// Which server to be
    #[arg(long, value_name = "NAME|FILE", default_value = "m2-pro")]
    pub profile: String,
    /// Run this many times faster than real
    #[arg(long, value_parser = time_scale, value_name = "X", default_value = "1")]
    pub time_scale: f64,
    /// A fault, for example cut:every=5,after=10 (repeatable)
    #[arg(long = "fault", value_name = "FAULT")]
    pub faults: Vec<crate::sim::Fault>,
    /// The seed of everything random
    #[arg(long)]
    pub seed: Option<u64>,
}
