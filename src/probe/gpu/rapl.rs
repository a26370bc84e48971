//! The CPU's package: the RAPL energy counters below `/sys/class/powercap` (Intel, and AMD since Zen).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use crate::event::GpuSample;
use crate::event::PowerScope;
use crate::probe::gpu::Places;
use crate::probe::gpu::sysfs;
use crate::probe::gpu::sysfs::{Counter, SysRoot};
use crate::probe::source::{Fault, Observation, Pace, Source};

/// More than any package draws, watts: a step above it is a wrong reading.
const MOST_WATTS: f64 = 5000.0;

/// The packages of this machine's CPUs.
#[derive(Debug)]
pub struct Rapl {
    root: SysRoot,
    counters: BTreeMap<PathBuf, Counter>,
}

impl Rapl {
    /// Those below the given root.
    pub fn new(places: &Places) -> Self {
        Self {
            root: places.root.clone(),
            counters: BTreeMap::new(),
        }
    }
}

impl Source for Rapl {
    fn name(&self) -> String {
        "rapl".to_owned()
    }

    fn read(&mut self, _: &Pace) -> Result<Vec<Observation>, Fault> {
        // Top-level zones only: what lies below a package is counted in it.
        let is_zone = |name: &str| {
            name.strip_prefix("intel-rapl:")
                .is_some_and(|rest| !rest.contains(':'))
        };
        let zones = sysfs::entries(&self.root.sys.join("class/powercap"), is_zone);
        let mut seen = Vec::new();
        for zone in zones {
            let name = sysfs::text(&zone.join("name")).unwrap_or_default();
            if name.starts_with("psys") {
                continue; // it covers the packages once more
            }
            let file = zone.join("energy_uj");
            let fix = format!("sudo chmod a+r {}", file.display());
            let value = sysfs::required(&file, &fix)?;
            let range = sysfs::whole(&zone.join("max_energy_range_uj"));
            let counter = self.counters.entry(zone).or_default();
            let step = counter.step(value, Instant::now(), range, MOST_WATTS);
            seen.push(Observation::Gpu(GpuSample {
                source: format!("rapl:{name}"),
                name: Some(format!("CPU {name}")),
                watts: step.watts,
                window_s: step.window_s,
                energy_counter_j: step.total_j,
                scope: Some(PowerScope::Package),
                ..GpuSample::default()
            }));
        }
        if seen.is_empty() {
            return Err(Fault::absent("no RAPL counter in /sys/class/powercap"));
        }
        Ok(seen)
    }
}
