//! The samples of the machine as tables: a row a reading, for any spreadsheet.

use serde::Serialize;

use crate::event::{GpuSample, ProcessSample, Stamp};
use crate::stats::plain::one_line;

/// The longest name kept in a cell, characters.
const LONGEST: usize = 100;

/// A row of `gpu.csv`. An empty cell is a figure that is not known.
#[derive(Debug, Serialize)]
pub(super) struct GpuRow {
    simulated: bool,
    at_s: f64,
    source: String,
    name: Option<String>,
    scope: Option<String>,
    watts: Option<f64>,
    window_s: Option<f64>,
    energy_counter_j: Option<f64>,
    mhz: Option<f64>,
    usage_percent: Option<f64>,
    vram_used_bytes: Option<u64>,
    vram_total_bytes: Option<u64>,
    celsius: Option<f64>,
}

impl GpuRow {
    pub(super) fn of(at: Stamp, sample: &GpuSample, simulated: bool) -> Self {
        Self {
            simulated: simulated || sample.simulated,
            at_s: at.secs(),
            source: cell(&sample.source),
            name: sample.name.as_deref().map(cell),
            scope: sample.scope.map(|scope| scope.to_string()),
            watts: sample.watts,
            window_s: sample.window_s,
            energy_counter_j: sample.energy_counter_j,
            mhz: sample.mhz,
            usage_percent: sample.usage_percent,
            vram_used_bytes: sample.vram_used_bytes,
            vram_total_bytes: sample.vram_total_bytes,
            celsius: sample.celsius,
        }
    }
}

/// A row of `processes.csv`.
#[derive(Debug, Serialize)]
pub(super) struct ProcessRow {
    simulated: bool,
    at_s: f64,
    pid: u32,
    parent: Option<u32>,
    name: String,
    role: Option<String>,
    cpu_percent: Option<f64>,
    memory_percent: Option<f64>,
    rss_bytes: Option<u64>,
    vsz_bytes: Option<u64>,
    threads: Option<u32>,
    descriptors: Option<u32>,
    age_s: Option<f64>,
}

impl ProcessRow {
    pub(super) fn of(at: Stamp, sample: &ProcessSample, simulated: bool) -> Self {
        Self {
            simulated,
            at_s: at.secs(),
            pid: sample.pid,
            parent: sample.parent,
            name: cell(&sample.name),
            role: sample.role.as_deref().map(cell),
            cpu_percent: sample.cpu_percent,
            memory_percent: sample.memory_percent,
            rss_bytes: sample.rss_bytes,
            vsz_bytes: sample.vsz_bytes,
            threads: sample.threads,
            descriptors: sample.descriptors,
            age_s: sample.age_s,
        }
    }
}

fn cell(text: &str) -> String {
    super::tables::harmless(&one_line(text, LONGEST))
}
