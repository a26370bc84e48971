//! The detailed metrics of a report: every distribution of every level.
//!
//! What a sample cannot carry is unknown. An imported run is the exception: its percentiles were
//! published, so they are reproduced from the raw samples and marked with their number ("of 32"). A figure that
//! no level knows has no rows: it is named once, among what is missing.

use crate::event::RequestRecord;
use crate::metrics::dist::{Dist, percentile};
use crate::metrics::level::{LevelMetrics, counted};
use crate::metrics::metric::{OfLevel, Outlet, Unit, shown};
use crate::report::Report;
use crate::report::table::{Table, heads};
use crate::report::tables::with_clock;
use crate::text::numbers::{grouped, grouped_count};

/// The distributions of an outlet.
fn dists(outlet: Outlet) -> impl Iterator<Item = Detail> {
    shown(outlet)
        .into_iter()
        .filter_map(move |(metric, shown)| {
            let OfLevel::Dist(dist) = metric.level else {
                return None;
            };
            Some(Detail {
                name: shown.head,
                digits: shown.digits,
                dist,
                raw: metric.request,
                is_optional: metric.is_optional,
                is_duration: outlet == Outlet::ReportDurations && metric.unit == Unit::Seconds,
            })
        })
}

/// A distribution of a level.
struct Detail {
    name: &'static str,
    digits: usize,
    dist: fn(&LevelMetrics) -> &Dist,
    /// The figure of one request, where a request has one.
    raw: Option<fn(&RequestRecord) -> Option<f64>>,
    is_optional: bool,
    is_duration: bool,
}

impl Detail {
    /// A value; a duration as a clock shows it, too.
    fn text(&self, value: Option<f64>) -> String {
        match value.filter(|_| self.is_duration) {
            Some(value) => with_clock(value, self.digits),
            None => grouped(value, self.digits),
        }
    }
}

/// Whether any level knows it.
fn is_known(report: &Report, detail: &Detail) -> bool {
    let mut levels = report.summary.cycles.iter();
    levels.any(|level| (detail.dist)(&level.figures).n > 0)
}

/// The figures that no level knows, by name.
pub(super) fn unknown(report: &Report) -> Vec<&'static str> {
    let outlets = [
        Outlet::ReportWaits,
        Outlet::ReportDurations,
        Outlet::ReportGaps,
    ];
    let unknown = outlets.into_iter().flat_map(dists);
    let unknown = unknown.filter(|detail| !detail.is_optional && !is_known(report, detail));
    unknown.map(|detail| detail.name).collect()
}

/// A row for each level and figure; None where nothing is known.
fn detailed(report: &Report, caption: &'static str, outlet: Outlet) -> Option<Table> {
    let mut rows = Vec::new();
    for level in &report.summary.cycles {
        for detail in dists(outlet).filter(|detail| is_known(report, detail)) {
            let d = (detail.dist)(&level.figures);
            let raw = published(report, level.users, &detail);
            let cell = |value, q| cell(value, &raw, q, detail.digits);
            rows.push(vec![
                level.users.to_string(),
                detail.name.to_owned(),
                grouped_count(d.n),
                detail.text(d.min),
                cell(d.p5, 0.05),
                detail.text(d.mean),
                cell(d.p50, 0.5),
                cell(d.p90, 0.9),
                cell(d.p95, 0.95) + &at_most(d.p95_upper, detail.digits),
                cell(d.p99, 0.99) + &at_most(d.p99_upper, detail.digits),
                detail.text(d.max),
            ]);
        }
    }
    (!rows.is_empty()).then(|| Table {
        caption,
        head: heads([
            "Users", "Metric", "n", "min", "p5", "mean", "p50", "p90", "p95", "p99", "max",
        ]),
        rows,
    })
}

/// The raw samples of a level in an imported run, ascending; none in a run of tokometer's own.
fn published(report: &Report, users: u32, detail: &Detail) -> Vec<f64> {
    let Some(raw) = detail.raw.filter(|_| report.summary.imported.is_some()) else {
        return Vec::new();
    };
    let counted = counted(&report.gathered.state.cycles);
    let cycles = counted.get(&users).into_iter().flatten();
    let requests = cycles.flat_map(|cycle| cycle.succeeded());
    let mut samples: Vec<f64> = requests.filter_map(raw).collect();
    samples.sort_by(f64::total_cmp);
    samples
}

/// A percentile; where the sample cannot carry it, that of the raw samples with their number.
fn cell(value: Option<f64>, raw: &[f64], q: f64, digits: usize) -> String {
    match (value, percentile(raw, q)) {
        (None, Some(published)) if raw.len() > 1 => {
            format!("{} of {}", grouped(Some(published), digits), raw.len())
        }
        _ => grouped(value, digits),
    }
}

/// What follows a percentile that has a bound.
fn at_most(bound: Option<f64>, digits: usize) -> String {
    bound.map_or_else(String::new, |bound| {
        format!(" (≤ {})", grouped(Some(bound), digits))
    })
}

pub(super) fn waits(report: &Report) -> Option<Table> {
    detailed(report, "Waits, seconds", Outlet::ReportWaits)
}

pub(super) fn durations(report: &Report) -> Option<Table> {
    detailed(report, "Durations and speeds", Outlet::ReportDurations)
}

pub(super) fn gaps(report: &Report) -> Option<Table> {
    detailed(report, "Time between tokens, seconds", Outlet::ReportGaps)
}
