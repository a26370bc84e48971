//! What `compare` and `check` do with their conditions: say what was decided, write it for CI, and give an exit code.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use color_eyre::eyre::{Result, WrapErr as _};

use crate::cli::output::{print_err, shown};
use crate::metrics::gate::{Decision, Ruling};
use crate::report;
use crate::text::numbers::letter;

/// A condition is met.
const FAILED: u8 = 3;
/// The samples do not say whether one is.
const INCONCLUSIVE: u8 = 4;

/// The file that GitHub shows on the page of a workflow's run.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// What a gate says where, besides its conditions.
#[derive(Debug, Args, Clone)]
pub struct GateArgs {
    /// Exit with 0 (pass) or 3 (fail) instead of 4 if a condition is undecided
    #[arg(long, value_enum, value_name = "AS", requires = "fail_if")]
    pub inconclusive: Option<Undecided>,
    /// Write the decisions to FILE as JUnit XML; an undecided condition is a skipped test
    #[arg(long, value_name = "FILE", requires = "fail_if")]
    pub junit: Option<PathBuf>,
}

/// What an undecided condition is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Undecided {
    /// The gate passes
    Pass,
    /// The gate fails
    Fail,
}

impl GateArgs {
    /// Reports the rulings; returns the exit code.
    pub(crate) fn close(&self, command: &str, note: &str, rulings: &[Ruling]) -> Result<u8> {
        if rulings.is_empty() {
            return Ok(0);
        }
        for ruling in rulings {
            print_err(&line(ruling));
        }
        if let Some(path) = &self.junit {
            let fails = self.inconclusive == Some(Undecided::Fail);
            let xml = report::gate::junit(command, rulings, fails);
            std::fs::write(path, xml)
                .wrap_err_with(|| format!("could not write {}", shown(path)))?;
        }
        if let Some(path) = std::env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty()) {
            append(
                Path::new(&path),
                &report::gate::markdown(command, note, rulings),
            )?;
        }
        Ok(self.code(rulings))
    }

    fn code(&self, rulings: &[Ruling]) -> u8 {
        let any = |decision| rulings.iter().any(|ruling| ruling.decision == decision);
        let undecided = any(Decision::Inconclusive);
        if any(Decision::Failed) || (undecided && self.inconclusive == Some(Undecided::Fail)) {
            FAILED
        } else if any(Decision::Unknown) {
            1
        } else if undecided && self.inconclusive.is_none() {
            INCONCLUSIVE
        } else {
            0
        }
    }
}

/// "failed: speed < -5%: -10.1 % (-11.0 to -9.2) at 1, 2 and 4 users (run B)".
fn line(ruling: &Ruling) -> String {
    let run = ruling.run.map(|run| format!(" (run {})", letter(run)));
    let kind = match ruling.decision {
        Decision::Unknown => "error: cannot check".to_owned(),
        decision => decision.to_string(),
    };
    format!(
        "{kind}: {}: {}{}",
        ruling.condition,
        ruling.text(),
        run.unwrap_or_default()
    )
}

fn append(path: &Path, text: &str) -> Result<()> {
    let file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .wrap_err_with(|| format!("could not write {} ({STEP_SUMMARY})", shown(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(inconclusive: Option<Undecided>, decisions: &[Decision]) -> u8 {
        let rulings = decisions.iter().map(|decision| Ruling {
            condition: String::new(),
            run: None,
            decision: *decision,
            seen: String::new(),
            wanted: String::new(),
        });
        let args = GateArgs {
            inconclusive,
            junit: None,
        };
        args.code(&rulings.collect::<Vec<_>>())
    }

    #[test]
    fn the_worst_decision_gives_the_exit_code() {
        use Decision::{Failed, Inconclusive, Passed, Unknown};
        assert_eq!(code(None, &[Passed, Passed]), 0);
        assert_eq!(code(None, &[Passed, Inconclusive]), 4);
        assert_eq!(code(None, &[Inconclusive, Unknown]), 1);
        assert_eq!(code(None, &[Unknown, Inconclusive, Failed]), 3);
        assert_eq!(code(Some(Undecided::Pass), &[Passed, Inconclusive]), 0);
        assert_eq!(code(Some(Undecided::Pass), &[Failed, Inconclusive]), 3);
        assert_eq!(code(Some(Undecided::Fail), &[Passed, Inconclusive]), 3);
        assert_eq!(code(Some(Undecided::Fail), &[Passed]), 0);
        assert_eq!(code(Some(Undecided::Fail), &[Unknown]), 1);
    }
}
