//! The flags of `resume`.

use clap::Args;

use super::{LookArgs, SourceArgs};
use crate::report::args::WhichRun;

/// The flags of `resume`. What is asked stands in the run: its plan is not changed.
#[derive(Debug, Args, Clone)]
pub struct ResumeArgs {
    /// Which run
    #[command(flatten)]
    pub which: WhichRun,
    /// The server's address [default: where it was]
    #[arg(long, value_name = "URL", help_heading = "Server")]
    pub url: Option<String>,
    /// A fault of the simulated server, for example cut:every=5,after=10 (repeatable)
    #[arg(long = "fault", value_name = "FAULT", help_heading = "Server")]
    pub faults: Vec<crate::sim::Fault>,
    /// What is measured beside the requests.
    #[command(flatten)]
    pub sources: SourceArgs,
    /// How it is shown.
    #[command(flatten)]
    pub look: LookArgs,
}
