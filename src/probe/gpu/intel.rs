//! Intel: the files of the `xe` and `i915` drivers below `/sys/class/drm`.
//!
//! Power comes from energy counters that sometimes jump. Usage is active residency: the share of time
//! that the GPU was not in its idle state, which is not the same as busy; the sample says so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::event::GpuSample;
use crate::event::PowerScope;
use crate::probe::gpu::Places;
use crate::probe::gpu::sysfs;
use crate::probe::gpu::sysfs::{Card, Counter, SysRoot};
use crate::probe::source::{Fault, FaultKind, Observation, Pace, Source};

/// Intel's number among the makers of PCI devices.
const VENDOR: &str = "0x8086";
/// More than any card draws, watts: a step above it is a wrong reading.
const MOST_WATTS: f64 = 2000.0;
/// Clock files above this are in Hz, not MHz.
const SURELY_HERTZ: f64 = 100_000.0;

/// The Intel GPUs of this machine.
#[derive(Debug)]
pub struct Intel {
    root: SysRoot,
    energy: BTreeMap<String, Counter>,
    idle: BTreeMap<String, (f64, Instant)>,
}

impl Intel {
    /// Those below the given root.
    pub fn new(places: &Places) -> Self {
        Self {
            root: places.root.clone(),
            energy: BTreeMap::new(),
            idle: BTreeMap::new(),
        }
    }

    fn sample(&mut self, card: &Card) -> GpuSample {
        let id = card.id();
        let sensors = Sensors::new(card);
        let now = Instant::now();
        let step = sensors
            .energy()
            .map(|(value, _)| {
                let counter = self.energy.entry(id.clone()).or_default();
                counter.step(value, now, None, MOST_WATTS)
            })
            .unwrap_or_default();
        let usage_percent = self.usage(&id, idle_ms(card), now);
        GpuSample {
            source: format!("intel:{id}"),
            name: Some(card.name("Intel")),
            watts: step.watts,
            window_s: step.window_s,
            energy_counter_j: step.total_j,
            mhz: clock(card),
            usage_percent,
            vram_used_bytes: sysfs::whole(&card.device.join("tile0/vram0/used_bytes")),
            vram_total_bytes: sysfs::whole(&card.device.join("tile0/vram0/total_bytes")),
            celsius: sensors.celsius(),
            limit_watts: sensors
                .number("power1_max")
                .map(|microwatts| microwatts / 1e6),
            scope: sensors.energy().map(|(_, scope)| scope),
            note: usage_percent.map(|_| "usage is active residency".to_owned()),
            ..GpuSample::default()
        }
    }

    /// Percent of the time since the reading before that the GPU was not idle.
    fn usage(&mut self, id: &str, idle_ms: Option<f64>, now: Instant) -> Option<f64> {
        let idle_ms = idle_ms?;
        let (before_ms, then) = self.idle.insert(id.to_owned(), (idle_ms, now))?;
        let passed_ms = now.saturating_duration_since(then).as_secs_f64() * 1e3;
        let idle = idle_ms - before_ms;
        (passed_ms > 0.0 && idle >= 0.0).then(|| (100.0 * (1.0 - idle / passed_ms)).max(0.0))
    }
}

impl Source for Intel {
    fn name(&self) -> String {
        "intel".to_owned()
    }

    fn read(&mut self, _: &Pace) -> Result<Vec<Observation>, Fault> {
        let cards = sysfs::cards(&self.root, VENDOR);
        if cards.is_empty() {
            return Err(Fault::absent("no Intel GPU in /sys/class/drm"));
        }
        let samples: Vec<GpuSample> = cards.iter().map(|card| self.sample(card)).collect();
        let empty = |s: &GpuSample| {
            s.energy_counter_j.is_none()
                && s.watts.is_none()
                && s.mhz.is_none()
                && s.celsius.is_none()
        };
        if samples.iter().all(empty) {
            let why = "the xe or i915 files of the GPU cannot be read";
            return Err(Fault::new(FaultKind::Died, why));
        }
        Ok(samples.into_iter().map(Observation::Gpu).collect())
    }
}

/// The sensor folder of a card.
struct Sensors {
    folder: Option<PathBuf>,
    xe: bool,
}

impl Sensors {
    fn new(card: &Card) -> Self {
        let xe = card.hwmon(|name| name == "xe");
        Self {
            xe: xe.is_some(),
            folder: xe.or_else(|| card.hwmon(|name| name == "i915")),
        }
    }

    fn number(&self, file: &str) -> Option<f64> {
        sysfs::number(&self.folder.as_deref()?.join(file))
    }

    /// The energy counter, microjoules: of the card, else (xe) of the chip's package on it.
    fn energy(&self) -> Option<(u64, PowerScope)> {
        let folder: &Path = self.folder.as_deref()?;
        let card = sysfs::whole(&folder.join("energy1_input"));
        let chip = || sysfs::whole(&folder.join("energy2_input"));
        card.or_else(chip).map(|value| (value, PowerScope::Gpu))
    }

    fn celsius(&self) -> Option<f64> {
        let file = if self.xe {
            "temp2_input"
        } else {
            "temp1_input"
        };
        self.number(file).map(|milli| milli / 1e3)
    }
}

/// The clock, MHz.
fn clock(card: &Card) -> Option<f64> {
    [
        card.device.join("tile0/gt0/freq0/act_freq"),
        card.device.join("tile0/gt0/freq0/cur_freq"),
        card.card.join("gt_act_freq_mhz"),
        card.card.join("gt_cur_freq_mhz"),
    ]
    .iter()
    .find_map(|file| sysfs::number(file))
    .map(|value| {
        if value > SURELY_HERTZ {
            value / 1e6
        } else {
            value
        }
    })
}

/// Milliseconds spent in the idle state since the start.
fn idle_ms(card: &Card) -> Option<f64> {
    [
        card.device.join("tile0/gt0/gtidle/idle_residency_ms"),
        card.card.join("gt/gt0/rc6_residency_ms"),
    ]
    .iter()
    .find_map(|file| sysfs::number(file))
}
