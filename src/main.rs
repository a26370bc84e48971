//! Parses the command line, runs one command, returns its exit code.

use std::process::ExitCode;

use tokometer::cli;

fn main() -> color_eyre::Result<ExitCode> {
    color_eyre::config::HookBuilder::default()
        .issue_url(concat!(env!("CARGO_PKG_REPOSITORY"), "/issues/new"))
        .add_issue_metadata("version", env!("CARGO_PKG_VERSION"))
        .issue_filter(|kind| matches!(kind, color_eyre::ErrorKind::NonRecoverable(_)))
        .install()?;
    Ok(cli::execute_line(&std::env::args_os().collect::<Vec<_>>()))
}
