//! NVIDIA Jetson: the power rails and clocks below `/sys`.
//!
//! Which rail feeds the GPU depends on the board; on some it feeds more than the GPU, and the sample
//! says so. `tegrastats` tells the same where these files are missing.

use std::path::{Path, PathBuf};

use crate::event::GpuSample;
use crate::event::PowerScope;
use crate::probe::gpu::Places;
use crate::probe::gpu::sysfs;
use crate::probe::gpu::sysfs::SysRoot;
use crate::probe::source::{Fault, FaultKind, Observation, Pace, Source};

/// What a power rail feeds, best for a GPU's power first.
const GPU_RAILS: [(&str, PowerScope); 5] = [
    ("VDD_GPU", PowerScope::Gpu),
    ("POM_5V_GPU", PowerScope::Gpu),
    ("VDD_SYS_GPU", PowerScope::Gpu),
    ("VDD_GPU_SOC", PowerScope::Soc),
    ("VDD_CPU_GPU_CV", PowerScope::Soc),
];
/// The rails that feed the whole board.
const BOARD_RAILS: [&str; 4] = ["VDD_IN", "VIN", "POM_5V_IN", "VDD_5V_IN"];

/// The power of one rail: its label and watts.
pub(crate) type Rail = (String, f64);

/// What the rails report: the GPU's power with its scope and note, and the board's.
pub(crate) fn from_rails(
    rails: &[Rail],
) -> (Option<f64>, Option<PowerScope>, Option<String>, Option<f64>) {
    let find = |label: &str| rails.iter().find(|(name, _)| name == label);
    let gpu = GPU_RAILS
        .iter()
        .find_map(|(label, scope)| find(label).map(|(_, watts)| (*label, *watts, *scope)));
    let board = BOARD_RAILS
        .iter()
        .find_map(|label| find(label))
        .map(|(_, watts)| *watts);
    match gpu {
        Some((label, watts, PowerScope::Soc)) => {
            let note = format!("the rail {label} feeds more than the GPU");
            (Some(watts), Some(PowerScope::Soc), Some(note), board)
        }
        Some((_, watts, scope)) => (Some(watts), Some(scope), None, board),
        None => (None, None, None, board),
    }
}

/// The GPU of a Jetson board, by its files.
#[derive(Debug)]
pub struct Jetson {
    root: SysRoot,
}

impl Jetson {
    /// That below the given root.
    pub fn new(places: &Places) -> Self {
        Self {
            root: places.root.clone(),
        }
    }

    /// The board's name; None where this is not a Jetson.
    fn board(&self) -> Option<String> {
        let model = sysfs::text(&self.root.proc.join("device-tree/model"))
            .map(|model| model.trim_end_matches('\0').to_owned());
        let is_jetson = model.as_deref().is_some_and(|model| {
            ["Jetson", "Orin", "Thor", "Xavier"]
                .iter()
                .any(|word| model.contains(word))
        });
        if is_jetson {
            return model;
        }
        let release = self.root.etc.join("nv_tegra_release");
        release
            .exists()
            .then(|| model.unwrap_or_else(|| "Jetson".to_owned()))
    }

    fn rails(&self) -> Vec<Rail> {
        let drivers = self.root.sys.join("bus/i2c/drivers");
        let mut rails = Vec::new();
        for device in sysfs::entries(&drivers.join("ina3221"), |_| true) {
            for folder in sysfs::entries(&device.join("hwmon"), |name| name.starts_with("hwmon")) {
                rails.extend((1..=8).filter_map(|n| new_rail(&folder, n)));
            }
        }
        for device in sysfs::entries(&drivers.join("ina3221x"), |_| true) {
            for folder in sysfs::entries(&device, |name| name.starts_with("iio:device")) {
                rails.extend((0..=3).filter_map(|n| old_rail(&folder, n)));
            }
        }
        rails
    }

    /// The folder of the GPU among the platform's devices and clocks: `17000000.ga10b` or its like.
    fn chip(&self, below: &str) -> Option<PathBuf> {
        let is_gpu = |name: &str| {
            name == "gpu.0"
                || [".ga10b", ".gv11b", ".gp10b", ".gm20b", ".gb10b", ".gpu"]
                    .iter()
                    .any(|end| name.ends_with(end))
        };
        let folders = sysfs::entries(&self.root.sys.join(below), is_gpu);
        folders.into_iter().next()
    }

    fn celsius(&self) -> Option<f64> {
        let zones = self.root.sys.join("class/thermal");
        sysfs::entries(&zones, |name| name.starts_with("thermal_zone"))
            .iter()
            .find(|zone| {
                sysfs::text(&zone.join("type"))
                    .is_some_and(|kind| kind.eq_ignore_ascii_case("gpu-thermal"))
            })
            .and_then(|zone| sysfs::number(&zone.join("temp")))
            .map(|milli| milli / 1e3)
    }
}

/// A rail of `JetPack` 5 and later: millivolts × milliamperes.
fn new_rail(folder: &Path, n: u32) -> Option<Rail> {
    let label = sysfs::text(&folder.join(format!("in{n}_label")))?;
    let millivolts = sysfs::number(&folder.join(format!("in{n}_input")))?;
    let milliamperes = sysfs::number(&folder.join(format!("curr{n}_input")))?;
    Some((label, millivolts * milliamperes / 1e6))
}

/// A rail of `JetPack` 4: milliwatts.
fn old_rail(folder: &Path, n: u32) -> Option<Rail> {
    let label = sysfs::text(&folder.join(format!("rail_name_{n}")))?;
    let milliwatts = sysfs::number(&folder.join(format!("in_power{n}_input")))?;
    Some((label, milliwatts / 1e3))
}

impl Source for Jetson {
    fn name(&self) -> String {
        "jetson".to_owned()
    }

    fn read(&mut self, pace: &Pace) -> Result<Vec<Observation>, Fault> {
        let board = self
            .board()
            .ok_or_else(|| Fault::absent("not a Jetson board"))?;
        let rails = self.rails();
        let (_, scope, note, system_watts) = from_rails(&rails);
        let power = pace.mean_over_tick(1, |_| from_rails(&self.rails()).0);
        let (watts, window_s) = power.into_iter().flatten().next().unzip();
        let load = |folder: PathBuf| sysfs::number(&folder.join("load"));
        let usage = self.chip("devices/platform").and_then(load);
        let usage = usage.or_else(|| self.chip("devices").and_then(load));
        let memory = self.root.memory();
        let mhz = self
            .chip("class/devfreq")
            .and_then(|folder| sysfs::number(&folder.join("cur_freq")))
            .map(|hertz| hertz / 1e6);
        if watts.is_none() && usage.is_none() && mhz.is_none() {
            let why = "the power rails and clocks of this board are not at their known paths";
            return Err(Fault::absent(why));
        }
        if pace.is_stopped() {
            return Err(Fault::new(FaultKind::Died, "stopped"));
        }
        Ok(vec![Observation::Gpu(GpuSample {
            source: "jetson".to_owned(),
            name: Some(board),
            watts,
            window_s: window_s.flatten(),
            mhz,
            usage_percent: usage.map(|per_mille| per_mille / 10.0),
            vram_used_bytes: memory.map(|(used, _)| used),
            vram_total_bytes: memory.map(|(_, total)| total),
            celsius: self.celsius(),
            scope,
            system_watts,
            note,
            ..GpuSample::default()
        })])
    }
}
