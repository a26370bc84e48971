//! The tables of the monitors: a row a reading of a GPU, a row a process and reading. Their files are
//! made with their first row: a run without monitors has none.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::appender::Appender;
use super::tables::{cell, write_row};
use crate::event::{Event, GpuSample, ProcessSample, What};

/// A row of `gpu.csv`. An empty cell is a figure that is not known.
#[derive(Debug, Serialize)]
struct GpuRow<'a> {
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
struct ProcessRow {
    simulated: bool,
    t_s: f64,
    cycle: Option<u32>,
    users: Option<u32>,
    pid: u32,
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

/// A table that begins with its first row.
#[derive(Debug, Default)]
struct Growing(Option<Appender<File>>);

impl Growing {
    fn append(&mut self, path: &Path, rows: &[impl Serialize]) -> Result<(), String> {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let mut headed = true;
        let file = match &mut self.0 {
            Some(file) => file,
            none => {
                headed = false;
                let opened = File::options().create(true).append(true).open(path);
                none.insert(Appender::new(opened.map_err(|error| told(&error))?))
            }
        };
        let written = file.append(|out| {
            for (number, row) in rows.iter().enumerate() {
                write_row(out, row, !headed && number == 0)?;
            }
            Ok::<_, csv::Error>(())
        });
        written.map_err(|error| told(&error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.as_mut().map_or(Ok(()), Appender::flush)
    }
}

/// Writes `gpu.csv` and `processes.csv`.
#[derive(Debug)]
pub(super) struct MachineTables {
    directory: PathBuf,
    gpu: Growing,
    processes: Growing,
}

/// Where in the run a reading was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct During {
    /// Whether the server is simulated.
    pub(super) simulated: bool,
    /// The cycle that had load, and its users.
    pub(super) cycle: Option<(u32, u32)>,
}

impl MachineTables {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            gpu: Growing::default(),
            processes: Growing::default(),
        }
    }

    /// Takes an event of the monitors; others are ignored.
    pub(super) fn take(&mut self, event: &Event, during: During) -> Result<(), String> {
        let t_s = event.at.secs();
        match &event.what {
            What::Gpu(sample) => {
                let path = self.directory.join("gpu.csv");
                self.gpu.append(&path, &[gpu_row(sample, t_s, during)])
            }
            What::Processes(table) => {
                let rows: Vec<ProcessRow> = table
                    .iter()
                    .map(|process| process_row(process, t_s, during))
                    .collect();
                let path = self.directory.join("processes.csv");
                self.processes.append(&path, &rows)
            }
            _ => Ok(()),
        }
    }

    /// Hands what waits to the system.
    pub(super) fn flush(&mut self) -> [(&'static str, io::Result<()>); 2] {
        [
            ("gpu.csv", self.gpu.flush()),
            ("processes.csv", self.processes.flush()),
        ]
    }
}

fn gpu_row(sample: &GpuSample, t_s: f64, during: During) -> GpuRow<'_> {
    GpuRow {
        simulated: during.simulated || sample.simulated,
        t_s,
        cycle: during.cycle.map(|(cycle, _)| cycle),
        users: during.cycle.map(|(_, users)| users),
        source: cell(&sample.source),
        name: sample.name.as_deref().map(cell),
        watts: sample.watts,
        window_s: sample.window_s,
        energy_counter_j: sample.energy_counter_j,
        scope: sample.scope.map(crate::stats::energy::scope_key),
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

fn process_row(process: &ProcessSample, t_s: f64, during: During) -> ProcessRow {
    ProcessRow {
        simulated: during.simulated,
        t_s,
        cycle: during.cycle.map(|(cycle, _)| cycle),
        users: during.cycle.map(|(_, users)| users),
        pid: process.pid,
        parent: process.parent,
        name: cell(&process.name),
        role: process.role.clone(),
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
