//! AMD: the files of the `amdgpu` driver below `/sys/class/drm`.
//!
//! The driver's energy counters were wrong on some cards, so power is looked at several times a
//! second and its mean given.

use std::path::PathBuf;

use crate::event::GpuSample;
use crate::event::PowerScope;
use crate::probe::gpu::Places;
use crate::probe::gpu::sysfs;
use crate::probe::gpu::sysfs::{Card, SysRoot};
use crate::probe::source::{Fault, FaultKind, Observation, Pace, Source};

/// AMD's number among the makers of PCI devices.
const VENDOR: &str = "0x1002";

/// The AMD cards of this machine.
#[derive(Debug)]
pub struct Amd {
    root: SysRoot,
}

impl Amd {
    /// Those below the given root.
    pub fn new(places: &Places) -> Self {
        Self {
            root: places.root.clone(),
        }
    }
}

impl Source for Amd {
    fn name(&self) -> String {
        "amd".to_owned()
    }

    fn read(&mut self, pace: &Pace) -> Result<Vec<Observation>, Fault> {
        let cards = sysfs::cards(&self.root, VENDOR);
        if cards.is_empty() {
            return Err(Fault::absent("no AMD GPU in /sys/class/drm"));
        }
        let sensors: Vec<Option<PathBuf>> = cards
            .iter()
            .map(|card| card.hwmon(|name| name == "amdgpu"))
            .collect();
        let power = pace.mean_over_tick(cards.len(), |n| {
            let folder = sensors.get(n)?.as_deref()?;
            // Most cards have only one of the two.
            sysfs::number(&folder.join("power1_average"))
                .or_else(|| sysfs::number(&folder.join("power1_input")))
                .map(|microwatts| microwatts / 1e6)
        });
        let samples: Vec<GpuSample> = cards
            .iter()
            .zip(&sensors)
            .zip(power)
            .map(|((card, hwmon), power)| sample(card, hwmon.as_ref(), power))
            .collect();
        if samples.iter().all(is_empty) {
            let why = "the amdgpu files of the card cannot be read";
            return Err(Fault::new(FaultKind::Died, why));
        }
        Ok(samples.into_iter().map(Observation::Gpu).collect())
    }
}

fn sample(card: &Card, hwmon: Option<&PathBuf>, power: Option<(f64, Option<f64>)>) -> GpuSample {
    let sensor = |file: &str| hwmon.and_then(|folder| sysfs::number(&folder.join(file)));
    let bytes = |file: &str| sysfs::whole(&card.device.join(file));
    let shared = is_apu(card);
    // The graphics memory of an APU is a small carve-out; what counts is what it maps of main memory.
    let gtt = |file: &str| if shared { bytes(file).unwrap_or(0) } else { 0 };
    GpuSample {
        source: format!("amd:{}", card.id()),
        name: Some(card.name("AMD")),
        watts: power.map(|(watts, _)| watts),
        window_s: power.and_then(|(_, window)| window),
        mhz: sensor("freq1_input").map(|hertz| hertz / 1e6),
        usage_percent: sysfs::number(&card.device.join("gpu_busy_percent")),
        vram_used_bytes: bytes("mem_info_vram_used").map(|used| used + gtt("mem_info_gtt_used")),
        vram_total_bytes: bytes("mem_info_vram_total")
            .map(|total| total + gtt("mem_info_gtt_total")),
        celsius: sensor("temp1_input").map(|milli| milli / 1e3),
        limit_watts: sensor("power1_cap").map(|microwatts| microwatts / 1e6),
        scope: Some(if shared {
            PowerScope::Soc
        } else {
            PowerScope::Gpu
        }),
        note: shared.then(|| "the power of this chip includes its CPU".to_owned()),
        ..GpuSample::default()
    }
}

fn is_empty(sample: &GpuSample) -> bool {
    sample.watts.is_none()
        && sample.mhz.is_none()
        && sample.usage_percent.is_none()
        && sample.vram_used_bytes.is_none()
        && sample.celsius.is_none()
}

/// Whether CPU and GPU share the chip: the driver's metrics table then is of format 2 or later.
fn is_apu(card: &Card) -> bool {
    let table = std::fs::read(card.device.join("gpu_metrics")).unwrap_or_default();
    table.get(2).is_some_and(|format| *format >= 2)
}
