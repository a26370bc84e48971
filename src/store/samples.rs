//! The samples of the machine as tables: one row per reading of a GPU, one per process and reading.

use serde_json::Value;

use crate::event::{GpuSample, ProcessSample, Stamp, known_pid};
use crate::metrics::level::machine::scope_key;
use crate::store::tables::{CsvRow, cell};

/// Where in the run a reading was taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct During {
    /// Whether the server is simulated.
    pub(crate) simulated: bool,
    /// The cycle that had load, and its users.
    pub(crate) cycle: Option<(u32, u32)>,
}

impl During {
    /// The cells of a reading, after those that place it in the run.
    fn row<const N: usize>(self, at: Stamp, cells: [(&'static str, Value); N]) -> CsvRow {
        let place = [
            ("simulated", self.simulated.into()),
            ("t_s", at.secs().into()),
            ("cycle", self.cycle.map(|(cycle, _)| cycle).into()),
            ("users", self.cycle.map(|(_, users)| users).into()),
        ];
        CsvRow(place.into_iter().chain(cells).collect())
    }
}

/// A row of `gpu.csv`.
pub(crate) fn gpu_row(at: Stamp, sample: &GpuSample, during: During) -> CsvRow {
    let during = During {
        simulated: during.simulated || sample.simulated,
        ..during
    };
    let cells = [
        ("source", cell(&sample.source).into()),
        ("name", sample.name.as_deref().map(cell).into()),
        ("watts", sample.watts.into()),
        ("window_s", sample.window_s.into()),
        ("energy_counter_j", sample.energy_counter_j.into()),
        ("scope", sample.scope.map(scope_key).into()),
        ("mhz", sample.mhz.into()),
        ("usage_percent", sample.usage_percent.into()),
        ("vram_used_bytes", sample.vram_used_bytes.into()),
        ("vram_total_bytes", sample.vram_total_bytes.into()),
        ("celsius", sample.celsius.into()),
        ("limit_watts", sample.limit_watts.into()),
        ("soc_watts", sample.soc_watts.into()),
        ("system_watts", sample.system_watts.into()),
        ("serves", sample.serves.into()),
        ("age_s", sample.age_s.into()),
    ];
    during.row(at, cells)
}

/// A row of `processes.csv`.
pub(crate) fn process_row(at: Stamp, process: &ProcessSample, during: During) -> CsvRow {
    let cells = [
        ("pid", known_pid(process.pid).into()),
        ("parent", process.parent.into()),
        ("name", cell(&process.name).into()),
        ("role", process.role.as_deref().map(cell).into()),
        ("threads", process.threads.into()),
        ("descriptors", process.descriptors.into()),
        ("rss_bytes", process.rss_bytes.into()),
        ("vsz_bytes", process.vsz_bytes.into()),
        ("cpu_percent", process.cpu_percent.into()),
        ("memory_percent", process.memory_percent.into()),
        ("age_s", process.age_s.into()),
        ("slots", process.slots.into()),
        ("context", process.context.into()),
    ];
    during.row(at, cells)
}
