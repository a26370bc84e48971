//! `tokometer import DIR`: another tool's files become a run.

use std::path::PathBuf;

use clap::Args;
use color_eyre::eyre::Result;

use crate::cli::output::{RunsDir, print, print_err, shown};
use crate::headless::summary_text;
use crate::metrics::state::RunState;
use crate::metrics::summary::Summary;
use crate::report;
use crate::store::import::{import, record};

/// The flags of `import`.
#[derive(Debug, Args, Clone)]
pub struct ImportArgs {
    /// Folder that contains the `test_results_N` folders
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Name of the model, which the files do not contain [default: the folder's name]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
    /// Where runs are kept
    #[command(flatten)]
    pub runs_dir: RunsDir,
}

/// Imports a run and prints its summary; returns the exit code.
pub(crate) fn run_import(args: &ImportArgs) -> Result<u8> {
    let import = import(&args.directory, args.model.as_deref())?;
    for problem in &import.problems {
        print_err(&format!("warning: {problem}"));
    }
    let directory = record(&import, &args.runs_dir.root()?)?;
    // The run is recorded all the same; `report` can write its report later.
    if let Err(error) = report::write(&directory, &directory) {
        print_err(&format!("warning: {error}"));
    }
    let summary = Summary::from_run(&RunState::from_events(&import.events));
    if args.json {
        print(&summary.to_json()?);
    } else {
        print(&summary_text(&summary));
    }
    print_err(&format!("imported to {}", shown(&directory)));
    Ok(0)
}
