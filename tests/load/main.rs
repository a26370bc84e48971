//! The load, proved through a session: against the built-in simulator, against a server that does, byte by
//! byte, what the test says, and against what real servers said. The simulator itself; and the monitors, against
//! fake machines, commands and exporters.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by failing"
)]

mod absence;
mod allocations;
mod any;
mod bench;
mod captures;
mod commands;
mod discovery;
mod failures;
#[cfg(target_os = "linux")]
mod gpu_nvml;
// The folders of RAPL have a colon in their names.
#[cfg(unix)]
mod gpu_sysfs;
mod loops;
mod measures;
#[cfg(target_os = "linux")]
mod monitor_commands;
#[cfg(target_os = "linux")]
mod monitor_doctor;
mod monitor_exporter;
#[cfg(target_os = "linux")]
mod monitor_idle;
#[cfg(target_os = "linux")]
mod monitor_process;
mod monitor_remote;
mod monitor_reports;
#[cfg(target_os = "linux")]
mod monitored_run;
#[path = "../support/ordinary.rs"]
mod ordinary;
mod record;
mod rests;
mod says;
#[cfg(target_os = "linux")]
#[path = "../support/script.rs"]
mod script;
#[path = "../support/server.rs"]
mod server;
mod simulator;
#[cfg(unix)]
#[path = "../support/tree.rs"]
mod tree;
#[path = "../support/until.rs"]
mod until;
mod watch;
mod wire;
