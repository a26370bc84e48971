//! The commands `report` and `share`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::output;
use crate::report::share::{Show, write_card};
use crate::report::{Report, ReportError, write_report};
use crate::store;
use crate::store::StoreError;

/// The run to report on.
#[derive(Debug, Args, Clone)]
pub struct WhichRun {
    /// A run: its directory, its name or the beginning of it, or `latest`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Where runs are [default: the platform's data folder, tokometer/runs]
    #[arg(long, value_name = "DIR", env = "TOKOMETER_RUNS_DIR")]
    pub runs_dir: Option<PathBuf>,
}

/// The flags of `report`.
#[derive(Debug, Args, Clone)]
pub struct ReportArgs {
    /// Which run
    #[command(flatten)]
    pub which: WhichRun,
    /// Where to write [default: the run's own directory]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one form on standard output and write no files
    #[arg(long, value_enum, value_name = "FORM", conflicts_with = "out")]
    pub print: Option<Form>,
    /// Print the summary as JSON; without --out nothing is written
    #[arg(long, conflicts_with = "print")]
    pub json: bool,
}

/// A form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// Markdown
    Markdown,
    /// One HTML file
    Html,
    /// A row a cycle
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
    /// Print the summary as JSON too
    #[arg(long)]
    pub json: bool,
}

impl WhichRun {
    /// The run's directory.
    pub fn directory(&self) -> Result<PathBuf, StoreError> {
        store::index::find(&store::default_root(self.runs_dir.as_deref())?, &self.run)
    }
}

/// Runs `report`: writes the files and names them, or prints one form.
pub fn run_report(args: &ReportArgs) -> color_eyre::Result<u8> {
    let opened = args.which.directory().map_err(ReportError::from);
    let opened = opened.and_then(|directory| Ok((Report::open(&directory)?, directory)));
    let (report, directory) = match opened {
        Ok(opened) => opened,
        Err(error) => return Ok(complain(&error)),
    };
    let only_json = args.json && args.out.is_none();
    let form = args.print.or(only_json.then_some(Form::Json));
    if let Some(form) = form {
        let text = match form {
            Form::Markdown => Ok(report.markdown()),
            Form::Html => Ok(report.html()),
            Form::Csv => report.csv(),
            Form::Json => report.json(),
        };
        return Ok(text.map_or_else(|error| complain(&error), |text| say(&text)));
    }
    let out = args.out.as_deref().unwrap_or(&directory);
    let written = write_report(&report, out);
    Ok(match written {
        Ok(written) if args.json => summarized(&report, &written),
        Ok(written) => name(&written),
        Err(error) => complain(&error),
    })
}

/// Runs `share`: writes the card and names its files.
pub fn run_share(args: &ShareArgs) -> color_eyre::Result<u8> {
    let show = Show {
        address: args.show_address,
        prompt: args.show_prompt,
        run: args.show_run,
    };
    let directory = args.which.directory().map_err(ReportError::from);
    let done = directory.and_then(|directory| share(&directory, &args.out, show));
    Ok(match done {
        Ok((report, written)) if args.json => summarized(&report, &written),
        Ok((_, written)) => name(&written),
        Err(error) => complain(&error),
    })
}

fn share(directory: &Path, out: &Path, show: Show) -> Result<(Report, Vec<PathBuf>), ReportError> {
    let report = Report::open(directory)?;
    let written = write_card(&report, out, show)?;
    Ok((report, written))
}

/// The summary on standard output; the files are named on standard error.
fn summarized(report: &Report, written: &[PathBuf]) -> u8 {
    tell(written);
    report
        .json()
        .map_or_else(|error| complain(&error), |json| say(&json))
}

/// The names of files, a line each.
fn lines(written: &[PathBuf]) -> String {
    let lines = written.iter().map(|path| format!("{}\n", path.display()));
    lines.collect()
}

fn name(written: &[PathBuf]) -> u8 {
    say(&lines(written))
}

/// Text on standard output.
fn say(text: &str) -> u8 {
    output::print(text);
    0
}

/// Names files where standard output is for JSON.
fn tell(written: &[PathBuf]) {
    output::complain(&lines(written));
}

fn complain(error: &ReportError) -> u8 {
    output::complain(&format!("error: {error}"));
    1
}
