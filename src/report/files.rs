//! Writes a report's files.

use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};

use crate::report::charts::Chart;
use crate::report::{Report, ReportError, content, html, markdown};
use crate::store::StoreError;

/// Reads the run directory `directory` and writes below `out` (for a run's own report: the same
/// directory) `report.md`, `report.html`, `cycles.csv`, `summary.json` and `charts/*.svg` and `*.png`.
/// Returns what was written. Charts of an earlier report that the run has no data for any more go.
pub fn write(directory: &Path, out: &Path) -> Result<Vec<PathBuf>, ReportError> {
    write_report(&Report::open(directory)?, out)
}

/// Where the files of a report go: beside its run, or, where its limits or its price are not those of the run, below, so
/// that the files of the run stay its own.
pub fn folder(report: &Report, directory: &Path) -> PathBuf {
    if report.changed.is_empty() {
        directory.to_owned()
    } else {
        directory.join("what-if")
    }
}

pub fn write_report(report: &Report, out: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let charts = report.charts();
    let folder = out.join("charts");
    fs::create_dir_all(&folder).map_err(StoreError::io(&folder))?;
    let content = content::from_report(report, report.way_from(out));
    let texts = [
        ("report.md", markdown::write(&content, &charts, "charts/")),
        ("report.html", html::write(&content, &charts)),
        ("cycles.csv", report.csv()?),
        ("summary.json", report.json()?),
    ];
    let mut written = Vec::new();
    for (name, text) in texts {
        written.push(put(out.join(name), text.as_bytes())?);
    }
    written.extend(write_charts(&charts, &folder)?);
    remove_stale_charts(&folder, &written)?;
    Ok(written)
}

/// Writes SVG and PNG of each chart, each in a thread of its own: painting is the slow part.
fn write_charts(charts: &[Chart], folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let one = |chart: &Chart| -> Result<[PathBuf; 2], ReportError> {
        let svg = folder.join(format!("{}.svg", chart.name));
        let png = folder.join(format!("{}.png", chart.name));
        Ok([put(svg, chart.svg().as_bytes())?, put(png, &chart.png()?)?])
    };
    let written: Result<Vec<_>, _> = thread::scope(|scope| {
        let threads = charts.iter().map(|chart| scope.spawn(move || one(chart)));
        let threads: Vec<_> = threads.collect();
        let joined = threads.into_iter().map(ScopedJoinHandle::join);
        joined
            .map(|done| done.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    Ok(written?.into_iter().flatten().collect())
}

/// Removes charts that were not written now: they would show what the log no longer says.
fn remove_stale_charts(folder: &Path, written: &[PathBuf]) -> Result<(), ReportError> {
    for entry in fs::read_dir(folder).map_err(StoreError::io(folder))? {
        let path = entry.map_err(StoreError::io(folder))?.path();
        let is_chart = path
            .extension()
            .is_some_and(|end| end == "svg" || end == "png");
        if is_chart && !written.contains(&path) {
            fs::remove_file(&path).map_err(StoreError::io(&path))?;
        }
    }
    Ok(())
}

/// Writes a file, whole or not at all, and returns where.
pub(super) fn put(path: PathBuf, content: &[u8]) -> Result<PathBuf, ReportError> {
    let mut part = path.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = fs::write(&part, content).and_then(|()| fs::rename(&part, &path));
    written.map_err(StoreError::io(&path))?;
    Ok(path)
}
