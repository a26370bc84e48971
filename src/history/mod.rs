//! Runs that are over, from the command line.
//!
//! - [`import`]: `tokometer import DIR`
//! - [`runs`]: `tokometer runs`
//! - [`compare`]: `tokometer compare RUN RUN…`
//! - [`replay`]: `tokometer replay RUN`; [`player`]: a recorded run as a stream of events again, with a pace of its own

pub mod compare;
pub mod import;
pub mod player;
pub mod replay;
pub mod runs;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use color_eyre::eyre::Result;

/// Where runs are.
#[derive(Debug, Args, Clone, Default)]
pub struct RunsDir {
    /// Where runs are kept [default: the platform's data folder, tokometer/runs]
    #[arg(long, value_name = "DIR", env = "TOKOMETER_RUNS_DIR")]
    pub runs_dir: Option<PathBuf>,
}

impl RunsDir {
    fn root(&self) -> Result<PathBuf> {
        Ok(crate::store::default_root(self.runs_dir.as_deref())?)
    }
}

/// Text for standard output; a reader that has seen enough is no failure.
fn print(text: &str) {
    let _enough = std::io::stdout().write_all(text.as_bytes());
}

/// A line for standard error; one that is closed is no failure.
fn complain(line: &str) {
    let line = crate::stats::plain::one_line(line, 1000);
    let _closed = writeln!(std::io::stderr(), "{line}");
}

/// A path on one line, harmless for a terminal.
fn shown(path: &Path) -> String {
    crate::stats::plain::one_line(&path.display().to_string(), 1000)
}
