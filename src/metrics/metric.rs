//! Every metric, once: what it is called, what it means, how it is computed and where it is shown.
//!
//! Tables, files, panes, the glossary and README's list iterate over [`METRICS`]. To add a metric, add an entry to
//! `entries.rs` and the function that computes it.

mod entries;

use serde::{Serialize, Serializer};

use crate::event::RequestRecord;
use crate::metrics::devices;
use crate::metrics::dist::Dist;
use crate::metrics::level::LevelMetrics;
use crate::metrics::sample::Sample;
use crate::plan::Limits;

pub use entries::METRICS;

/// What a metric counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    TokensPerSecond,
    RequestsPerSecond,
    /// 0–1 in files, percent where a person reads it.
    Share,
    Requests,
    Tokens,
    Times,
    Joules,
    JoulesPerToken,
    Watts,
    Megahertz,
    WattHours,
    TokensPerWattHour,
    /// 0–100.
    Percent,
    /// In the currency of the run.
    Money,
    Bytes,
    Threads,
    Descriptors,
}

impl Unit {
    /// Follows a value; empty for counts of what the title names.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::TokensPerSecond => "tok/s",
            Self::RequestsPerSecond => "req/s",
            Self::WattHours => "Wh",
            Self::TokensPerWattHour => "tok/Wh",
            Self::Share | Self::Percent => "%",
            Self::Joules => "J",
            Self::JoulesPerToken => "J/token",
            Self::Watts => "W",
            Self::Megahertz => "MHz",
            Self::Bytes => "B",
            Self::Requests
            | Self::Tokens
            | Self::Times
            | Self::Threads
            | Self::Descriptors
            | Self::Money => "",
        }
    }

    /// Whether its values are whole numbers.
    pub fn is_whole(self) -> bool {
        matches!(
            self,
            Self::Requests
                | Self::Tokens
                | Self::Times
                | Self::Bytes
                | Self::Threads
                | Self::Descriptors
        )
    }
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    Higher,
    Lower,
    /// It only describes.
    Neither,
}

/// How a metric is computed from the figures of a level.
#[derive(Debug, Clone, Copy)]
pub enum OfLevel {
    /// One number.
    Value(fn(&LevelMetrics) -> Option<f64>),
    /// One of each request, or of each gap.
    Dist(fn(&LevelMetrics) -> &Dist),
    /// Mean and largest of samples of the machine.
    Samples(fn(&LevelMetrics) -> devices::Stat),
}

/// Which number of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Stat {
    /// The number, or the mean.
    Mean,
    Min,
    P1,
    P5,
    P50,
    P95,
    P99,
    Max,
    /// The upper bound of p95 and of p99.
    P95Upper,
    P99Upper,
}

/// Where a metric is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter)]
pub enum Outlet {
    /// A column of `requests.csv`.
    RequestsCsv,
    /// A column of `cycles.csv`.
    CyclesCsv,
    /// A column of the report's tables of levels and of repeats.
    Report,
    /// A column of the card to share.
    Card,
    /// A distribution among the report's waits, durations or gaps.
    ReportWaits,
    ReportDurations,
    ReportGaps,
    /// A column of the report's table of energy, or of the one that holds server and client side by side.
    ReportEnergy,
    ReportServer,
    /// A column of the printer's table, or of the one below it.
    Printer,
    PrinterMore,
    /// A column of the Results pane.
    Results,
    /// A row of `compare`; the head is the caption of its table in the report.
    Compare,
    /// A line of the request's detail.
    Request,
}

/// One place where a metric is shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    pub outlet: Outlet,
    /// Its order in that outlet.
    pub place: u16,
    /// The head of its column, or the label of its line.
    pub head: &'static str,
    pub stat: Stat,
    /// Decimals.
    pub digits: usize,
    /// Width of the column, and when it gives way; on a screen only.
    pub width: u16,
    pub rank: u8,
}

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name in files.
    pub key: &'static str,
    /// Its name in conditions and comparisons, where it has one besides the key.
    pub short: Option<&'static str>,
    pub title: &'static str,
    pub unit: Unit,
    /// Whether it rests on output tokens, and is marked `~` where the server does not count them.
    pub is_estimated: bool,
    /// Whether it is of some servers only: of the others it is not missing.
    pub is_optional: bool,
    pub better: Better,
    /// What it means: the glossary, and README's list.
    pub definition: &'static str,
    pub level: OfLevel,
    /// Of one request, whatever its end.
    pub request: Option<fn(&RequestRecord) -> Option<f64>>,
    /// For a share of the requests: whether a request counts toward it; None where that is not known.
    pub counts: Option<fn(&Sample, &Limits) -> Option<bool>>,
    pub shown: &'static [Shown],
}

impl Metric {
    /// Its name in conditions and comparisons.
    pub fn name(&self) -> &'static str {
        self.short.unwrap_or(self.key)
    }

    /// Its number of a level; None where it is not known.
    pub fn value(&self, level: &LevelMetrics, stat: Stat) -> Option<f64> {
        match self.level {
            OfLevel::Value(value) => value(level).filter(|_| stat == Stat::Mean),
            OfLevel::Dist(dist) => {
                let dist = dist(level);
                match stat {
                    Stat::Mean => dist.mean,
                    Stat::Min => dist.min,
                    Stat::P1 => dist.p1,
                    Stat::P5 => dist.p5,
                    Stat::P50 => dist.p50,
                    Stat::P95 => dist.p95,
                    Stat::P99 => dist.p99,
                    Stat::Max => dist.max,
                    Stat::P95Upper => dist.p95_upper,
                    Stat::P99Upper => dist.p99_upper,
                }
            }
            OfLevel::Samples(samples) => match stat {
                Stat::Mean => samples(level).mean,
                Stat::Max => samples(level).max,
                _ => None,
            },
        }
    }

    /// `~` where its number of a level is an estimate.
    pub fn about(&self, level: &LevelMetrics) -> &'static str {
        if self.is_estimated { level.about() } else { "" }
    }
}

impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

/// Written as its name.
impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The metric with this key.
pub fn metric(key: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.key == key)
}

/// What an outlet shows, in its order.
pub fn shown(outlet: Outlet) -> Vec<(&'static Metric, &'static Shown)> {
    let mut all: Vec<(&Metric, &Shown)> = METRICS
        .iter()
        .flat_map(|metric| metric.shown.iter().map(move |shown| (metric, shown)))
        .filter(|(_, shown)| shown.outlet == outlet)
        .collect();
    all.sort_by_key(|(_, shown)| shown.place);
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use strum::IntoEnumIterator as _;

    use super::*;

    const BEGIN: &str =
        "<!-- metrics: written by `TOKOMETER_UPDATE=1 cargo test --lib metric` -->\n";
    const END: &str = "<!-- end of metrics -->";

    /// README's list.
    fn list() -> String {
        let rows = METRICS.iter().map(|metric| {
            let unit = match metric.unit {
                Unit::Share => "0–1",
                unit => unit.symbol(),
            };
            let (title, key, definition) = (metric.title, metric.key, metric.definition);
            format!("| {title} | `{key}` | {unit} | {definition} |\n")
        });
        let head = "| metric | key | unit | meaning |\n|---|---|---|---|\n";
        std::iter::once(head.to_owned()).chain(rows).collect()
    }

    #[test]
    fn readme_lists_every_metric() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let readme = std::fs::read_to_string(&path).unwrap();
        let (before, rest) = readme.split_once(BEGIN).unwrap();
        let (listed, after) = rest.split_once(END).unwrap();
        if std::env::var_os("TOKOMETER_UPDATE").is_some() {
            std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", list())).unwrap();
            return;
        }
        assert_eq!(
            listed,
            list(),
            "run `TOKOMETER_UPDATE=1 cargo test --lib metric`"
        );
    }

    #[test]
    fn no_key_comes_twice_and_no_two_share_a_place() {
        let keys: BTreeSet<&str> = METRICS.iter().map(|metric| metric.key).collect();
        assert_eq!(keys.len(), METRICS.len());
        for outlet in Outlet::iter() {
            let all = shown(outlet);
            let places: BTreeSet<u16> = all.iter().map(|(_, shown)| shown.place).collect();
            assert_eq!(places.len(), all.len(), "{outlet:?}");
            assert!(!all.is_empty(), "{outlet:?} shows nothing");
        }
    }

    /// What a metric is called in files is a key of `summary.json`, or part of its machine.
    #[test]
    fn every_key_is_one_of_the_summary() {
        let level = serde_json::to_value(LevelMetrics::default()).unwrap();
        for metric in METRICS {
            let (key, here) = (metric.key, level.get(metric.key));
            let there = level["machine"].get(key).is_some() || matches!(key, "watts" | "mhz");
            // Of requests alone there is none.
            assert!(here.is_some() || there, "{key}");
        }
    }
}
