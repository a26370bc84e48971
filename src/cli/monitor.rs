//! The flags of the monitors.

use std::path::PathBuf;

use clap::Args;
use regex::Regex;

use crate::plan::{EnergyPlan, Price};
use crate::probe::gpu::{Places, SysRoot};
use crate::probe::setup::Setup;

/// Where the sources of the monitors look.
#[derive(Debug, Args, Clone, Default)]
pub struct PlaceArgs {
    /// NVIDIA's management library, for tests
    #[arg(long, value_name = "FILE", hide = true)]
    pub nvml_lib: Option<PathBuf>,
    /// A folder with the trees `sys` and `proc`, for tests
    #[arg(long, value_name = "DIR", hide = true)]
    pub sysfs_root: Option<PathBuf>,
}

impl PlaceArgs {
    /// The places.
    pub fn places(&self) -> Places {
        let places = Places::default();
        Places {
            root: self
                .sysfs_root
                .as_deref()
                .map_or(places.root, SysRoot::below),
            nvml_lib: self.nvml_lib.clone(),
            ..places
        }
    }
}

/// What is read beside the requests.
#[derive(Debug, Args, Clone, Default)]
pub struct SourceArgs {
    /// More processes to watch, by name or command line
    #[arg(long = "match", value_name = "REGEX", help_heading = "Monitors")]
    pub matching: Option<Regex>,
    /// Prometheus page of the server's machine: dcgm, nvidia, node and process exporters, macmon serve,
    /// vLLM, llama-server (repeatable)
    #[arg(long = "exporter", value_name = "URL", help_heading = crate::cli::values::SERVER_MACHINE)]
    pub exporters: Vec<String>,
    /// The server is on another machine although its address is local (a tunnel, a forwarded port):
    /// measure nothing here
    #[arg(long, help_heading = crate::cli::values::SERVER_MACHINE)]
    pub remote: bool,
    /// Where the sources look.
    #[command(flatten)]
    pub places: PlaceArgs,
}

impl SourceArgs {
    /// The monitors of a run; its target is not known yet.
    pub fn setup(&self) -> Setup {
        Setup {
            access: crate::dialect::Access::default(),
            exporters: self.exporters.clone(),
            remote: self.remote,
            matching: self.matching.clone(),
            places: self.places.places(),
            ..Setup::default()
        }
    }
}

/// What is measured beside the requests.
#[derive(Debug, Args, Clone)]
pub struct MonitorArgs {
    /// What is read.
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Measure idle power for this long before the first cycle (0 = not at all)
    #[arg(long, value_parser = crate::cli::values::seconds, value_name = "TIME", default_value = "10s", help_heading = "Monitors")]
    pub idle: f64,
    /// Price per kilowatt-hour, for example 0.70
    #[arg(long, value_parser = crate::cli::values::factor, value_name = "PRICE", help_heading = "Monitors")]
    pub price: Option<f64>,
    /// Currency of the price, for example R$
    #[arg(
        long,
        value_name = "SIGN",
        requires = "price",
        help_heading = "Monitors"
    )]
    pub currency: Option<String>,
    /// Memory bandwidth of the GPU or CPU in GB/s, if it is not detected
    #[arg(long, value_parser = crate::cli::values::factor, value_name = "GB/S", help_heading = crate::cli::values::SERVER_MACHINE)]
    pub bandwidth: Option<f64>,
    /// Bytes of the model read from memory per token, if not all of it (mixture of experts):
    /// 2.1GB, 1.2GiB, 4.7e9
    #[arg(
        long,
        value_parser = crate::cli::values::bytes,
        value_name = "SIZE",
        help_heading = crate::cli::values::SERVER_MACHINE
    )]
    pub active_bytes: Option<u64>,
}

impl MonitorArgs {
    /// What is asked about energy.
    pub fn energy(&self) -> EnergyPlan {
        EnergyPlan {
            idle_s: self.idle,
            price: self.price.map(|per_kwh| Price {
                per_kwh,
                currency: self.currency.clone().unwrap_or_default(),
            }),
            bandwidth_bytes_s: self.bandwidth.map(|gigabytes| gigabytes * 1e9),
            active_bytes: self.active_bytes,
        }
    }
}
