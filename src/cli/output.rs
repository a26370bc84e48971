//! What every command needs: standard output, errors and their exit codes, where runs are kept.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use color_eyre::eyre::{Report, Result, WrapErr as _};

use crate::text::sanitize::one_line;

/// Wrong usage.
pub(crate) const USAGE: u8 = 2;

/// What is wrong with the command line, beyond what clap finds.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(String);

impl UsageError {
    pub(crate) fn new(what: impl std::fmt::Display) -> Self {
        Self(what.to_string())
    }
}

/// Prints why a command could not do its work, with every cause once; returns the exit code.
pub(crate) fn fail(error: &Report) -> u8 {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            let colon = if text.is_empty() { "error: " } else { ": " };
            text = format!("{text}{colon}{cause}");
        }
    }
    print_err(&text);
    if error.is::<UsageError>() {
        print_err("\nFor more information, try '--help'.");
        return USAGE;
    }
    1
}

/// Prints lines on standard error; a closed one is not a failure.
pub(crate) fn print_err(lines: &str) {
    for line in lines.lines() {
        let _ = writeln!(std::io::stderr(), "{}", one_line(line, 1000));
    }
}

/// The runtime of everything that draws or prints; the load has its own.
pub(crate) fn screen_runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.wrap_err("could not start the async runtime")
}

/// The exit code of a program that signal `number` ended.
pub(crate) fn signal_code(number: i32) -> u8 {
    u8::try_from(number).map_or(1, |number| number.saturating_add(128))
}

/// Where runs are kept.
#[derive(Debug, Args, Clone, Default, PartialEq)]
pub struct RunsDir {
    /// Where runs are kept [default: the platform's data folder, tokometer/runs]
    #[arg(long, value_name = "DIR", env = "TOKOMETER_RUNS_DIR")]
    pub runs_dir: Option<PathBuf>,
}

impl RunsDir {
    pub(crate) fn root(&self) -> Result<PathBuf> {
        Ok(crate::store::default_root(self.runs_dir.as_deref())?)
    }
}

/// Prints text on standard output; a reader that closes early is not a failure.
pub(crate) fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// A path on one line, harmless for a terminal.
pub(crate) fn shown(path: &Path) -> String {
    one_line(&path.display().to_string(), 1000)
}
