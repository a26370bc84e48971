//! The samples of the machine as tables: a row a reading of a GPU, a row a process and reading.

use serde::Serialize;

use crate::event::{GpuSample, ProcessSample, Stamp, known_pid};
use crate::store::tables::cell;

/// A row of `gpu.csv`. An empty cell is a figure that is not known.
#[derive(Debug, Serialize)]
pub(crate) struct GpuRow<'a> {
    simulated: bool,
    t_s: f64,
    cycle: Option<u32>,
    users: Option<u32>,
    source: String,
    name: Option<String>,
    watts: Option<f64>,
    window_s: Option<f64>,
    energy_counter_j: Option<f64>,
    scope: Option<&'a str>,
    mhz: Option<f64>,
    usage_percent: Option<f64>,
    vram_used_bytes: Option<u64>,
    vram_total_bytes: Option<u64>,
    celsius: Option<f64>,
    limit_watts: Option<f64>,
    soc_watts: Option<f64>,
    system_watts: Option<f64>,
    serves: Option<bool>,
    age_s: Option<f64>,
}

/// A row of `processes.csv`.
#[derive(Debug, Serialize)]
pub(crate) struct ProcessRow {
    simulated: bool,
    t_s: f64,
    cycle: Option<u32>,
    users: Option<u32>,
    pid: Option<u32>,
    parent: Option<u32>,
    name: String,
    role: Option<String>,
    threads: Option<u32>,
    descriptors: Option<u32>,
    rss_bytes: Option<u64>,
    vsz_bytes: Option<u64>,
    cpu_percent: Option<f64>,
    memory_percent: Option<f64>,
    age_s: Option<f64>,
    slots: Option<u32>,
    context: Option<u64>,
}

/// Where in the run a reading was taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct During {
    /// Whether the server is simulated.
    pub(crate) simulated: bool,
    /// The cycle that had load, and its users.
    pub(crate) cycle: Option<(u32, u32)>,
}

impl<'a> GpuRow<'a> {
    pub(crate) fn of(at: Stamp, sample: &'a GpuSample, during: During) -> Self {
        Self {
            simulated: during.simulated || sample.simulated,
            t_s: at.secs(),
            cycle: during.cycle.map(|(cycle, _)| cycle),
            users: during.cycle.map(|(_, users)| users),
            source: cell(&sample.source),
            name: sample.name.as_deref().map(cell),
            watts: sample.watts,
            window_s: sample.window_s,
            energy_counter_j: sample.energy_counter_j,
            scope: sample.scope.map(crate::metrics::level::machine::scope_key),
            mhz: sample.mhz,
            usage_percent: sample.usage_percent,
            vram_used_bytes: sample.vram_used_bytes,
            vram_total_bytes: sample.vram_total_bytes,
            celsius: sample.celsius,
            limit_watts: sample.limit_watts,
            soc_watts: sample.soc_watts,
            system_watts: sample.system_watts,
            serves: sample.serves,
            age_s: sample.age_s,
        }
    }
}

impl ProcessRow {
    pub(crate) fn of(at: Stamp, process: &ProcessSample, during: During) -> Self {
        Self {
            simulated: during.simulated,
            t_s: at.secs(),
            cycle: during.cycle.map(|(cycle, _)| cycle),
            users: during.cycle.map(|(_, users)| users),
            pid: known_pid(process.pid),
            parent: process.parent,
            name: cell(&process.name),
            role: process.role.as_deref().map(cell),
            threads: process.threads,
            descriptors: process.descriptors,
            rss_bytes: process.rss_bytes,
            vsz_bytes: process.vsz_bytes,
            cpu_percent: process.cpu_percent,
            memory_percent: process.memory_percent,
            age_s: process.age_s,
            slots: process.slots,
            context: process.context,
        }
    }
}
