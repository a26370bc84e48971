//! GPU sources, one file each. Every one is compiled on every platform; which of them work is found
//! by looking: a library that loads, a command that is installed, files that are there.
//!
//! ```text
//! NVIDIA   on a Jetson board jetson (files below /sys), else tegrastats; elsewhere nvml, else nvidia-smi
//! Apple    macmon, else powermetrics (as root, or through `sudo -n`)
//! AMD      amd           files below /sys
//! Intel    intel         files below /sys
//! CPU      rapl          files below /sys, beside the others
//! ```

pub mod amd;
pub mod first_of;
pub mod intel;
pub mod jetson;
pub mod macmon;
pub mod nvidia_smi;
pub mod nvml;
pub mod powermetrics;
pub mod rapl;
pub mod simulated;
pub mod sysfs;
pub mod tegrastats;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::source::Source;
use crate::event::{GpuSample, PowerScope};
use first_of::FirstOf;
pub use sysfs::SysRoot;

/// Where sources look; tests put fakes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The trees of `/sys` and `/proc`.
    pub root: SysRoot,
    /// NVIDIA's management library; None for the system's own.
    pub nvml_lib: Option<PathBuf>,
    /// The command `nvidia-smi`.
    pub nvidia_smi: String,
    /// The command `macmon`.
    pub macmon: String,
    /// The command `powermetrics`.
    pub powermetrics: String,
    /// The command `sudo`.
    pub sudo: String,
    /// The command `tegrastats`.
    pub tegrastats: String,
    /// Time between two reports asked of a command; a second.
    pub tick: Duration,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            root: SysRoot::default(),
            nvml_lib: None,
            nvidia_smi: "nvidia-smi".to_owned(),
            macmon: "macmon".to_owned(),
            powermetrics: "powermetrics".to_owned(),
            sudo: "sudo".to_owned(),
            tegrastats: "tegrastats".to_owned(),
            tick: Duration::from_secs(1),
        }
    }
}

impl Places {
    /// The tick in whole milliseconds, as commands want it.
    pub(crate) fn tick_ms(&self) -> String {
        self.tick.as_millis().max(1).to_string()
    }
}

/// The processes of the server, told by the process table to the sources that want to know: who
/// computes on a GPU, and where the model's runner answers.
#[derive(Debug, Clone, Default)]
pub struct ServerPids(Arc<Mutex<ServerProcesses>>);

#[derive(Debug, Default)]
struct ServerProcesses {
    pids: BTreeSet<u32>,
    runner_port: Option<u16>,
}

impl ServerPids {
    /// Replaces the set.
    pub fn set(&self, pids: impl IntoIterator<Item = u32>) {
        self.lock().pids = pids.into_iter().collect();
    }

    /// The set.
    pub fn get(&self) -> BTreeSet<u32> {
        self.lock().pids.clone()
    }

    /// Sets the port of the model's runner, where it is the only one.
    pub fn set_runner_port(&self, port: Option<u16>) {
        self.lock().runner_port = port;
    }

    /// The port of the model's runner.
    pub fn runner_port(&self) -> Option<u16> {
        self.lock().runner_port
    }

    fn lock(&self) -> MutexGuard<'_, ServerProcesses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sources of a run on this machine: one of each family, best first.
pub fn sources(places: &Places, server: &ServerPids) -> Vec<Box<dyn Source>> {
    // On a Jetson board NVML may load too, but knows less.
    let nvidia: Vec<Box<dyn Source>> = vec![
        Box::new(jetson::Jetson::new(places)),
        Box::new(tegrastats::source(places)),
        Box::new(nvml::Nvml::new(places, server.clone())),
        Box::new(nvidia_smi::source(places)),
    ];
    let apple: Vec<Box<dyn Source>> = vec![
        Box::new(macmon::source(places)),
        Box::new(powermetrics::source(places)),
    ];
    vec![
        Box::new(FirstOf::new("nvidia", nvidia)),
        Box::new(FirstOf::new("apple", apple)),
        Box::new(amd::Amd::new(places)),
        Box::new(intel::Intel::new(places)),
        Box::new(rapl::Rapl::new(places)),
    ]
}

/// Every source by itself, for a report of what works here.
pub fn each_source(places: &Places) -> Vec<Box<dyn Source>> {
    vec![
        Box::new(nvml::Nvml::new(places, ServerPids::default())),
        Box::new(nvidia_smi::source(places)),
        Box::new(macmon::source(places)),
        Box::new(powermetrics::source(places)),
        Box::new(amd::Amd::new(places)),
        Box::new(intel::Intel::new(places)),
        Box::new(jetson::Jetson::new(places)),
        Box::new(tegrastats::source(places)),
        Box::new(rapl::Rapl::new(places)),
    ]
}

/// The GPUs that count: those that the server computes on; where no source can tell, all of them.
/// The CPU's package is none.
pub fn in_use<'a>(samples: impl IntoIterator<Item = &'a GpuSample>) -> Vec<&'a GpuSample> {
    let gpus: Vec<&GpuSample> = samples
        .into_iter()
        .filter(|sample| sample.scope != Some(PowerScope::Package))
        .collect();
    if gpus.iter().any(|gpu| gpu.serves == Some(true)) {
        return gpus
            .into_iter()
            .filter(|gpu| gpu.serves != Some(false))
            .collect();
    }
    gpus
}

/// Several GPUs as one: sums of power, energy and memory, means of clock and usage, the highest
/// temperature. A sum is absent where one of its parts is.
pub fn sum(gpus: &[&GpuSample]) -> Option<GpuSample> {
    let first = gpus.first()?;
    let all = |get: fn(&GpuSample) -> Option<f64>| -> Option<f64> {
        gpus.iter().map(|gpu| get(gpu)).sum::<Option<f64>>()
    };
    let bytes = |get: fn(&GpuSample) -> Option<u64>| -> Option<u64> {
        gpus.iter().map(|gpu| get(gpu)).sum::<Option<u64>>()
    };
    let count = gpus.len() as f64;
    let same_scope = gpus.iter().all(|gpu| gpu.scope == first.scope);
    let scoped = |value: Option<f64>| value.filter(|_| same_scope);
    Some(GpuSample {
        source: "sum".to_owned(),
        name: Some(format!("{} GPUs", gpus.len())),
        watts: scoped(all(|gpu| gpu.watts)),
        mhz: all(|gpu| gpu.mhz).map(|sum| sum / count),
        usage_percent: all(|gpu| gpu.usage_percent).map(|sum| sum / count),
        vram_used_bytes: bytes(|gpu| gpu.vram_used_bytes),
        vram_total_bytes: bytes(|gpu| gpu.vram_total_bytes),
        celsius: gpus.iter().filter_map(|gpu| gpu.celsius).reduce(f64::max),
        energy_counter_j: scoped(all(|gpu| gpu.energy_counter_j)),
        scope: first.scope.filter(|_| same_scope),
        limit_watts: scoped(all(|gpu| gpu.limit_watts)),
        simulated: gpus.iter().any(|gpu| gpu.simulated),
        ..GpuSample::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(watts: Option<f64>, serves: Option<bool>) -> GpuSample {
        GpuSample {
            watts,
            serves,
            scope: Some(PowerScope::Gpu),
            ..GpuSample::default()
        }
    }

    #[test]
    fn only_the_gpus_of_the_server_count() {
        let all = [gpu(Some(300.0), Some(true)), gpu(Some(80.0), Some(false))];
        assert_eq!(in_use(&all).len(), 1);
        let unknown = [gpu(Some(300.0), None), gpu(Some(80.0), None)];
        assert_eq!(in_use(&unknown).len(), 2);
    }

    #[test]
    fn a_sum_with_an_unknown_part_is_unknown() {
        let (a, b, c) = (
            gpu(Some(300.0), None),
            gpu(Some(80.5), None),
            gpu(None, None),
        );
        assert_eq!(sum(&[&a, &b]).unwrap().watts, Some(380.5));
        assert_eq!(sum(&[&a, &c]).unwrap().watts, None);
        assert_eq!(sum(&[]), None);
    }

    #[test]
    fn figures_of_different_scopes_are_never_added() {
        let card = gpu(Some(300.0), None);
        let mut board = gpu(Some(80.0), None);
        board.scope = Some(PowerScope::Board);
        assert_eq!(sum(&[&card, &board]).unwrap().watts, None);
        let mut package = gpu(Some(65.0), None);
        package.scope = Some(PowerScope::Package);
        assert_eq!(in_use([&card, &package]).len(), 1);
    }
}
