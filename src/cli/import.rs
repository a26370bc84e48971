//! `tokometer import DIR`: another tool's files become a run.

use std::path::PathBuf;

use clap::Args;
use color_eyre::eyre::Result;

use crate::cli::output::{RunsDir, complain, print, shown};
use crate::headless::summary_text;
use crate::metrics::state::RunState;
use crate::metrics::summary::Summary;
use crate::report;
use crate::store::import::{import, record};

/// The flags of `import`.
#[derive(Debug, Args, Clone)]
pub struct ImportArgs {
    /// The folder that holds the folders `test_results_N`
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Name of the model, which the files do not have [default: the folder's name]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
    /// Where runs are kept
    #[command(flatten)]
    pub runs_dir: RunsDir,
}

/// Imports, prints what it amounts to, and returns the exit code: 0 done, 1 nothing to import.
pub fn run_import(args: &ImportArgs) -> Result<u8> {
    let import = match import(&args.directory, args.model.as_deref()) {
        Ok(import) => import,
        Err(error) => {
            complain(&format!("error: {error}"));
            return Ok(1);
        }
    };
    for problem in &import.problems {
        complain(&format!("warning: {problem}"));
    }
    let directory = record(&import, &args.runs_dir.root()?)?;
    // The run is there; a report that cannot be written is made again by `report`.
    if let Err(error) = report::write(&directory, &directory) {
        complain(&format!("warning: {error}"));
    }
    let summary = Summary::of(&RunState::of(&import.events));
    if args.json {
        print(&summary.to_json()?);
    } else {
        print(&summary_text(&summary));
    }
    complain(&format!("imported to {}", shown(&directory)));
    Ok(0)
}
