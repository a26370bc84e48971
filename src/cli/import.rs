//! `tokometer import DIR`: another tool's files become a run.

use std::path::PathBuf;

use clap::Args;
use color_eyre::eyre::Result;

use crate::cli::factor;
use crate::cli::note::{RemarkArgs, remark};
use crate::cli::output::{RunsDir, print, print_err, shown};
use crate::headless::summary_text;
use crate::metrics::state::RunState;
use crate::metrics::summary::Summary;
use crate::plan::Price;
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
    /// Note in the report
    #[arg(long, value_name = "TEXT", value_parser = remark)]
    pub note: Option<String>,
    /// What else the files do not say
    #[command(flatten)]
    pub remarks: RemarkArgs,
    /// Price per kilowatt-hour, for example 0.70
    #[arg(long, value_parser = factor, value_name = "PRICE")]
    pub price: Option<f64>,
    /// Currency of the price, for example R$
    #[arg(long, value_name = "SIGN", requires = "price")]
    pub currency: Option<String>,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
    /// Where runs are kept
    #[command(flatten)]
    pub runs_dir: RunsDir,
}

/// Imports a run and prints its summary; returns the exit code.
pub(crate) fn run_import(args: &ImportArgs) -> Result<u8> {
    let mut import = import(&args.directory, args.model.as_deref())?;
    import.amend(|info| {
        args.remarks.apply(args.note.as_ref(), info);
        info.plan.energy.price = args.price.map(|per_kwh| Price {
            per_kwh,
            currency: args.currency.clone().unwrap_or_default(),
        });
    });
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
