//! The process table where there is no `/proc`: by the sysinfo library. It knows no listeners, so
//! names decide there.

use sysinfo::{MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::probe::process::{Detail, Host, Process, Table};
use crate::probe::source::{Fault, FaultKind};
use crate::text::numbers::u32_of;

/// The processes by the system's own ways.
pub(crate) struct Native {
    system: System,
    processes: Vec<Process>,
    /// Whether it was asked how busy the machine is: only from the second time on is there a time to report.
    is_asked: bool,
}

impl Native {
    pub(crate) fn new() -> Result<Self, Fault> {
        let mut system =
            System::new().map_err(|error| Fault::new(FaultKind::Died, format!("{error:?}")))?;
        system.refresh_memory();
        Ok(Self {
            system,
            processes: Vec::new(),
            is_asked: false,
        })
    }
}

impl Native {
    /// Memory on the disk. On Windows the library only knows what was promised to processes, wherever it is.
    fn swap_used(&mut self) -> Option<u64> {
        if cfg!(windows) {
            return None;
        }
        let swap = MemoryRefreshKind::nothing().with_swap();
        self.system.refresh_memory_specifics(swap);
        (self.system.total_swap() > 0).then(|| self.system.used_swap())
    }
}

impl Table for Native {
    fn refresh(&mut self) -> Result<(), Fault> {
        let light = ProcessRefreshKind::nothing()
            .without_tasks()
            .with_cmd(UpdateKind::OnlyIfNotSet);
        self.system
            .refresh_processes_specifics(ProcessesToUpdate::All, true, light);
        self.processes = self
            .system
            .processes()
            .iter()
            .map(|(pid, process)| Process {
                pid: pid.as_u32(),
                parent: process.parent().map(Pid::as_u32),
                name: process.name().to_string_lossy().into_owned(),
                args: process
                    .cmd()
                    .iter()
                    .map(|arg| arg.to_string_lossy().into_owned())
                    .collect(),
            })
            .collect();
        self.processes.sort_unstable_by_key(|process| process.pid);
        Ok(())
    }

    fn processes(&self) -> Vec<&Process> {
        self.processes.iter().collect()
    }

    fn listeners(&mut self, _: u16) -> Vec<u32> {
        Vec::new()
    }

    fn details(&mut self, pids: &[u32]) -> Vec<Detail> {
        let wanted: Vec<Pid> = pids.iter().map(|pid| Pid::from_u32(*pid)).collect();
        let heavy = ProcessRefreshKind::nothing().with_memory().with_cpu();
        self.system
            .refresh_processes_specifics(ProcessesToUpdate::Some(&wanted), false, heavy);
        // The library counts threads only on Linux.
        let threads = crate::platform::thread_counts(pids);
        wanted
            .iter()
            .zip(threads)
            .map(|(pid, threads)| {
                let Some(process) = self.system.process(*pid) else {
                    return Detail::default();
                };
                Detail {
                    threads: threads.or_else(|| process.tasks().map(|tasks| u32_of(tasks.len()))),
                    descriptors: process.open_files().map(u32_of),
                    rss_bytes: Some(process.memory()),
                    vsz_bytes: Some(process.virtual_memory()),
                    cpu_percent: Some(f64::from(process.cpu_usage())),
                    age_s: Some(process.run_time() as f64),
                }
            })
            .collect()
    }

    fn host(&mut self, own: u32) -> Host {
        self.system.refresh_cpu_usage();
        let cores = u32_of(self.system.cpus().len());
        let own = Pid::from_u32(own);
        let light = ProcessRefreshKind::nothing().with_cpu();
        self.system
            .refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, light);
        let is_known = std::mem::replace(&mut self.is_asked, true) && cores > 0;
        let usage = f64::from(self.system.global_cpu_usage()) * f64::from(cores);
        let of_process = |process: &sysinfo::Process| f64::from(process.cpu_usage());
        Host {
            cores: Some(cores),
            cpu_percent: is_known.then_some(usage),
            own_percent: self.system.process(own).map(of_process),
            swapped_pages_s: None,
            swap_used_bytes: self.swap_used(),
        }
    }

    fn memory(&self) -> Option<u64> {
        Some(self.system.total_memory()).filter(|bytes| *bytes > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sees_this_very_process() {
        let mut table = Native::new().unwrap();
        table.refresh().unwrap();
        let own = std::process::id();
        let me = table
            .processes()
            .into_iter()
            .find(|p| p.pid == own)
            .unwrap();
        assert!(me.parent.is_some() && !me.args.is_empty());
        let detail = table.details(&[own, u32::MAX]);
        assert!(detail[0].rss_bytes.unwrap() > 1 << 20);
        assert_eq!(detail[1], Detail::default());
        assert!(table.memory().is_some());
        assert_eq!(table.host(own).cpu_percent, None, "since when?");
        let host = table.host(own);
        assert!(host.cores.unwrap() > 0 && host.cpu_percent.is_some());
        // A machine may have none, or not use it.
        let total = table.system.total_swap();
        assert_eq!(host.swap_used_bytes.is_some(), total > 0 && !cfg!(windows));
        assert!(host.swap_used_bytes.is_none_or(|used| used <= total));
    }
}
