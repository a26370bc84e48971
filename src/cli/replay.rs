//! `tokometer replay RUN`: a recorded run in the dashboard, as if it happened now; no server is needed.

use clap::Args;
use color_eyre::eyre::Result;

use crate::cli::LookArgs;
use crate::cli::display::{dashboard_options, on_screen_alone};
use crate::cli::output::{RunsDir, print, print_err};
use crate::headless::summary_text;
use crate::report::Report;
use crate::store::index::find;
use crate::store::opened::open;
use crate::tui;
use crate::tui::player::PACES;

/// The flags of `replay`.
#[derive(Debug, Args, Clone)]
pub struct ReplayArgs {
    /// The run: a path, a name, the beginning of a name, or `latest`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Times faster than real time, 1 to 100; + and - change it
    #[arg(long, value_name = "X", value_parser = pace, default_value = "1")]
    pub speed: f64,
    /// Where runs are kept
    #[command(flatten)]
    pub runs_dir: RunsDir,
    /// How it is shown
    #[command(flatten)]
    pub look: LookArgs,
}

/// Opens the dashboard, or prints the summary where there is no screen for one; returns the exit code.
pub(crate) fn run_replay(args: &ReplayArgs) -> Result<u8> {
    let root = args.runs_dir.root()?;
    let directory = find(&root, &args.run)?;
    if !args.look.wants_dashboard() {
        return summarize(&Report::open(&directory)?, args.look.json);
    }
    let opened = open(&directory)?;
    let options = tui::DashboardOptions {
        archive: Some(root),
        replay: Some(Box::new(opened)),
        pace: args.speed,
        ..dashboard_options(&args.look)
    };
    on_screen_alone(options, None)
}

fn summarize(report: &Report, json: bool) -> Result<u8> {
    for sentence in &report.missing {
        print_err(&format!("warning: {sentence}"));
    }
    print(&if json {
        report.json()?
    } else {
        summary_text(&report.summary)
    });
    Ok(0)
}

fn pace(text: &str) -> Result<f64, String> {
    let (slowest, fastest) = PACES;
    match text.trim_end_matches(['x', '×']).parse::<f64>() {
        Ok(pace) if (slowest..=fastest).contains(&pace) => Ok(pace),
        _ => Err(format!("must be between {slowest} and {fastest}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_has_bounds() {
        assert_eq!(pace("10"), Ok(10.0));
        assert_eq!(pace("2.5x"), Ok(2.5));
        for wrong in ["0", "0.5", "101", "fast", "NaN", "-3"] {
            assert!(pace(wrong).is_err(), "{wrong}");
        }
    }
}
