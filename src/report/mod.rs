//! Reports, charts and the card to share: the results of a run, for users.
//!
//! ```text
//! run directory ──> gather (a fold, streaming) ──> Report ─┬─> content ──> Markdown, HTML
//!                                                          ├─> charts ───> SVG ──> PNG
//!                                                          ├─> CSV, JSON
//!                                                          └─> card to share
//! ```
//!
//! - `gather`: the fold over the timeline; `series`: what it keeps of long series, thinned
//! - `content`: the report as sections, the `answer` first, which `markdown` and `html` write down; `tables`,
//!   `details`, `machine` and `definitions` fill it with each a `table`
//! - [`charts`]: figures as data, drawn as SVG, painted as PNG
//! - `share`: the card, with nothing private in it
//! - [`compare`]: several runs side by side, as files
//!
//! The same log gives the same bytes, but for the line that names the version. It knows `metrics` and
//! `store`; no socket, no screen.

mod answer;
mod bench_table;
pub mod charts;
mod command;
pub mod compare;
mod content;
mod definitions;
mod details;
mod files;
pub mod gate;
mod gather;
mod html;
mod machine;
mod markdown;
mod method;
mod sample;
mod section;
mod series;
pub mod share;
mod sum;
mod table;
mod tables;
mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::event::{Event, RunInfo};
use crate::metrics::summary::Summary;
use crate::metrics::what_if::WhatIf;
use crate::store::recordings::KeptAnswer;
use crate::store::{StoreError, cycle_row, replay, write_rows};
pub use bench_table::bench_table;
use charts::Chart;
pub use command::repeat;
pub use files::{folder, write, write_report};
pub(crate) use gather::Gathered;
pub use share::Show;
pub use sum::sum;

/// What can go wrong with a report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the chart {name} could not be drawn: {source}")]
    Paint {
        name: String,
        source: charts::PaintError,
    },
    #[error("the table could not be written: {0}")]
    Table(String),
}

impl ReportError {
    pub(crate) fn paint(name: &str) -> impl FnOnce(charts::PaintError) -> Self {
        let name = name.to_owned();
        move |source| Self::Paint { name, source }
    }
}

/// A run, folded and ready to be written down.
#[derive(Debug, Clone)]
pub struct Report {
    /// The results of the run.
    pub summary: Summary,
    /// What is missing of the run's log, in sentences.
    pub missing: Vec<String>,
    /// Which limits, and which price, are not those of the run, in words.
    pub changed: Vec<String>,
    /// Where it was read; None where there are only events.
    directory: Option<PathBuf>,
    /// An answer to show.
    sample: Option<Arc<KeptAnswer>>,
    pub(crate) gathered: Gathered,
}

impl Report {
    /// Reads a run directory, as a stream.
    pub fn open(directory: &Path) -> Result<Self, ReportError> {
        Self::what_if(directory, &WhatIf::default())
    }

    /// The report that a run with the limits and the price of `what_if` would have, from the same requests.
    pub fn what_if(directory: &Path, what_if: &WhatIf) -> Result<Self, ReportError> {
        let mut gathered = Gathered::default();
        let mut changed = Vec::new();
        let (_, missing) = replay(directory, |mut event| {
            changed.extend(what_if.begin(&mut event));
            gathered.apply(&event);
        })?;
        let mut report = Self::from_gathered(gathered, missing);
        report.summary.rejudged(&changed);
        report.changed = changed;
        report.directory = Some(directory.to_owned());
        let verdict = report.summary.verdict.as_ref();
        let level = verdict.and_then(|verdict| verdict.headline());
        report.sample = sample::pick(directory, level.map(|level| level.users));
        Ok(report)
    }

    /// The report of these events.
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut gathered = Gathered::default();
        for event in events {
            gathered.apply(event);
        }
        Self::from_gathered(gathered, Vec::new())
    }

    fn from_gathered(gathered: Gathered, missing: Vec<String>) -> Self {
        Self {
            summary: Summary::from_run(&gathered.state),
            missing,
            changed: Vec::new(),
            directory: None,
            sample: None,
            gathered,
        }
    }

    /// The report as Markdown. It links the charts of [`Report::charts`] as `charts/NAME.svg`.
    pub fn markdown(&self) -> String {
        markdown::write(&content::from_report(self, None), &self.charts(), "charts/")
    }

    /// The report as one HTML file that needs nothing else: charts inline, light and dark.
    pub fn html(&self) -> String {
        html::write(&content::from_report(self, None), &self.charts())
    }

    /// One row per cycle, as in `cycles.csv`.
    pub fn csv(&self) -> Result<String, ReportError> {
        let limits = self.summary.limits.unwrap_or_default();
        let cycles = self.gathered.state.cycles.iter();
        let rows = cycles.map(|cycle| cycle_row(cycle, &limits, self.summary.simulated));
        let table = write_rows(rows).map_err(|error| ReportError::Table(error.to_string()))?;
        String::from_utf8(table).map_err(|error| ReportError::Table(error.to_string()))
    }

    /// `summary.json`.
    pub fn json(&self) -> Result<String, ReportError> {
        let json = self.summary.to_json();
        json.map_err(|error| ReportError::Table(error.to_string()))
    }

    /// The charts that the run has data for.
    pub fn charts(&self) -> Vec<Chart> {
        charts::from_report(self)
    }

    /// The way from a folder to the run's own files, where it is one: the folder is the run's, or lies in it.
    fn way_from(&self, folder: &Path) -> Option<&'static str> {
        let own = self.directory.as_deref()?.canonicalize().ok()?;
        let folder = folder.canonicalize().ok()?;
        match folder.strip_prefix(&own).ok()?.components().count() {
            0 => Some(""),
            1 => Some("../"),
            _ => None,
        }
    }

    /// What was run; None for a log that does not say.
    pub(crate) fn info(&self) -> Option<&RunInfo> {
        self.gathered.state.info.as_ref()
    }
}
