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

use crate::probe::source::Source;
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
