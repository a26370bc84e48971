//! The flags of the monitors.

use std::path::PathBuf;

use clap::Args;
use regex::Regex;

use crate::monitor::gpu::{Places, SysRoot};
use crate::monitor::setup::Setup;
use crate::plan::{EnergyPlan, Price};

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

/// What is measured beside the requests.
#[derive(Debug, Args, Clone)]
pub struct MonitorArgs {
    /// More processes to watch, by name or command line
    #[arg(long = "match", value_name = "REGEX", help_heading = "Monitors")]
    pub matching: Option<Regex>,
    /// A Prometheus page of the server's machine: exporters of dcgm, nvidia, node and processes,
    /// macmon serve, vLLM, llama-server (repeatable)
    #[arg(long = "exporter", value_name = "URL", help_heading = "Monitors")]
    pub exporters: Vec<String>,
    /// Measure the power of the idle machine this long before the first cycle; 0 for not at all
    #[arg(long, value_parser = super::seconds, value_name = "TIME", default_value = "10s", help_heading = "Monitors")]
    pub idle: f64,
    /// What a kilowatt-hour costs, for example 0.70
    #[arg(long, value_parser = super::factor, value_name = "PRICE", help_heading = "Monitors")]
    pub price: Option<f64>,
    /// The currency of the price, for example R$
    #[arg(
        long,
        value_name = "SIGN",
        requires = "price",
        help_heading = "Monitors"
    )]
    pub currency: Option<String>,
    /// Memory bandwidth of what computes, GB/s, where it is not found out
    #[arg(long, value_parser = super::factor, value_name = "GB/S", help_heading = "Monitors")]
    pub bandwidth: Option<f64>,
    /// What the model reads from memory for each token, where that is not all of it: a mixture of experts
    /// reads only some of them (2.1GB, 1.2GiB, 4.7e9)
    #[arg(
        long,
        value_parser = bytes,
        value_name = "SIZE",
        help_heading = "Monitors"
    )]
    pub active_bytes: Option<u64>,
    /// Where the sources look.
    #[command(flatten)]
    pub places: PlaceArgs,
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

    /// The monitors of a run; its target is not known yet.
    pub fn setup(&self) -> Setup {
        Setup {
            exporters: self.exporters.clone(),
            matching: self.matching.clone(),
            places: self.places.places(),
            ..Setup::default()
        }
    }
}

/// What a byte is counted in, longest names first.
const UNITS: [(&str, f64); 13] = [
    ("kib", 1024.0),
    ("mib", 1_048_576.0),
    ("gib", 1_073_741_824.0),
    ("tib", 1_099_511_627_776.0),
    ("kb", 1e3),
    ("mb", 1e6),
    ("gb", 1e9),
    ("tb", 1e12),
    ("k", 1e3),
    ("m", 1e6),
    ("g", 1e9),
    ("t", 1e12),
    ("b", 1.0),
];

/// A size: bytes as a number, or with a unit.
fn bytes(text: &str) -> Result<u64, String> {
    let lower = text.trim().to_ascii_lowercase();
    let split = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((lower.strip_suffix(unit)?, *factor)));
    let (number, factor) = split.unwrap_or((&lower, 1.0));
    let value = number.trim_end().parse::<f64>().ok();
    value
        .map(|number| number * factor)
        .filter(|bytes| bytes.is_finite() && *bytes >= 1.0)
        .map(crate::units::floor_u64)
        .ok_or_else(|| "a size is wanted, for example 4.7GB, 1.2GiB or 4.7e9".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_come_with_and_without_units() {
        for (text, expected) in [
            ("4.7GB", 4_700_000_000),
            ("4.7e9", 4_700_000_000),
            ("1.5 GiB", 1_610_612_736),
            ("512mib", 536_870_912),
            ("3g", 3_000_000_000),
            ("1024", 1024),
            ("7B", 7),
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "GB", "0", "-1GB", "nan", "inf", "4.7 apples", "0.5"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
