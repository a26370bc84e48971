//! The only place for `cfg`: signals, children, the limit of open files, private directories, sockets in the file system,
//! faults for tests. Beside it,
//! what the operating system says of this process.

pub mod child;
mod descriptors;
mod fault;
mod priority;
mod private;
mod signals;
pub mod socket_file;
mod threads;

use serde::{Deserialize, Serialize};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

pub use descriptors::{descriptor_limits, raise_descriptor_limit};
pub use fault::fault;
pub use priority::yield_to_the_load;
pub use private::create_private_directory;
pub use signals::shutdown_signal;
pub use threads::thread_counts;

/// The machine that runs the client.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Machine {
    /// Operating system and its version.
    pub os: Option<String>,
    /// Processor architecture.
    pub arch: String,
    /// Processor name.
    pub cpu: Option<String>,
    /// Logical cores.
    pub cores: Option<usize>,
    /// Main memory, bytes.
    pub memory_bytes: Option<u64>,
}

/// What a process spent so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ProcessUsage {
    /// Processor time of all its threads, seconds.
    pub cpu_s: Option<f64>,
    /// Resident memory, bytes.
    pub rss_bytes: Option<u64>,
}

/// What this process has spent so far: processor time of all its threads, and memory.
pub fn own_usage() -> ProcessUsage {
    let mut usage = ProcessUsage::default();
    let (Ok(pid), Ok(mut system)) = (sysinfo::get_current_pid(), System::new()) else {
        return usage;
    };
    let what = ProcessRefreshKind::nothing()
        .with_cpu()
        .with_memory()
        .without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
    if let Some(process) = system.process(pid) {
        usage.cpu_s = Some(process.accumulated_cpu_time() as f64 / 1e3);
        usage.rss_bytes = Some(process.memory()).filter(|bytes| *bytes > 0);
    }
    usage
}

/// The machine that runs this process.
pub fn machine() -> Machine {
    let mut machine = Machine {
        os: System::long_os_version().ok(),
        arch: std::env::consts::ARCH.to_owned(),
        cores: std::thread::available_parallelism().ok().map(usize::from),
        ..Machine::default()
    };
    if let Ok(mut system) = System::new() {
        system.refresh_memory();
        system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
        machine.memory_bytes = Some(system.total_memory()).filter(|bytes| *bytes > 0);
        let brand = system
            .cpus()
            .first()
            .map(|cpu| cpu.brand().trim().to_owned());
        machine.cpu = brand.filter(|brand| !brand.is_empty());
    }
    machine
}
