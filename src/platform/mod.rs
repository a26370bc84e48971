//! The only place for `cfg`: signals, children, the limit of open files, private directories, faults for tests. Beside it,
//! what the operating system says of this process.

pub mod child;
mod descriptors;
mod fault;
mod priority;
mod private;
mod signals;
mod threads;

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use crate::event::{ClientCost, Machine};

pub use descriptors::{descriptor_limits, raise_descriptor_limit};
pub use fault::fault;
pub use priority::yield_to_the_load;
pub use private::create_private_directory;
pub use signals::shutdown_signal;
pub use threads::thread_counts;

/// What this process has spent so far: processor time of all its threads, and memory.
pub fn client_cost(dropped_progress: u64) -> ClientCost {
    let mut cost = ClientCost {
        dropped_progress,
        ..ClientCost::default()
    };
    let (Ok(pid), Ok(mut system)) = (sysinfo::get_current_pid(), System::new()) else {
        return cost;
    };
    let what = ProcessRefreshKind::nothing()
        .with_cpu()
        .with_memory()
        .without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
    if let Some(process) = system.process(pid) {
        cost.cpu_s = Some(process.accumulated_cpu_time() as f64 / 1e3);
        cost.rss_bytes = Some(process.memory()).filter(|bytes| *bytes > 0);
    }
    cost
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
