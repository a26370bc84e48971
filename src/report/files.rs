//! Writes a report's files.

use std::fs;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
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

/// Writes SVG and PNG of each chart, on every core at once, as painting is the slow part; not more at once, as a picture
/// takes memory.
fn write_charts(charts: &[Chart], folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let one = |chart: &Chart| -> Result<[PathBuf; 2], ReportError> {
        let svg = folder.join(format!("{}.svg", chart.name));
        let png = folder.join(format!("{}.png", chart.name));
        Ok([put(svg, chart.svg().as_bytes())?, put(png, &chart.png()?)?])
    };
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, [PathBuf; 2])>, ReportError> {
        let mut written = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(chart) = charts.get(number) else {
                return Ok(written);
            };
            written.push((number, one(chart)?));
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let written: Result<Vec<_>, _> = thread::scope(|scope| {
        let threads = (0..cores.min(charts.len())).map(|_| scope.spawn(work));
        let threads: Vec<_> = threads.collect();
        let joined = threads.into_iter().map(ScopedJoinHandle::join);
        joined
            .map(|done| done.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    let mut written: Vec<(usize, [PathBuf; 2])> = written?.into_iter().flatten().collect();
    written.sort_by_key(|(number, _)| *number);
    Ok(written.into_iter().flat_map(|(_, paths)| paths).collect())
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
