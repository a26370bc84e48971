//! A made-up GPU for the made-up server. Every sample of it says that it is made up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::event::GpuSample;
use crate::event::{PowerScope, RunClock, Stamp};
use crate::probe::source::{Fault, Observation, Pace, Source};

/// Power at rest, watts.
const IDLE_WATTS: f64 = 4.0;
/// Power at full load, watts.
const FULL_WATTS: f64 = 32.0;
/// Requests in flight at which power is about two thirds of the way to full.
const HALF_LOAD: f64 = 3.0;
/// Memory there is, bytes.
const MEMORY: u64 = 16 << 30;
/// Memory of the model, bytes.
const MODEL: u64 = 5 << 30;

/// Requests in flight on the simulated server, told to its simulated GPU.
#[derive(Debug, Clone, Default)]
pub struct Load(Arc<AtomicU32>);

impl Load {
    /// Requests in flight now.
    pub fn set(&self, requests: u32) {
        self.0.store(requests, Ordering::Relaxed);
    }

    fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The made-up GPU.
#[derive(Debug)]
pub struct Simulated {
    clock: RunClock,
    load: Load,
    last: Option<Stamp>,
    energy_j: f64,
}

impl Simulated {
    /// A GPU under `load`, in the time of `clock`.
    pub fn new(clock: RunClock, load: Load) -> Self {
        Self {
            clock,
            load,
            last: None,
            energy_j: 0.0,
        }
    }

    /// What it says at `now`.
    fn sample(&mut self, now: Stamp) -> GpuSample {
        let busy = 1.0 - (-f64::from(self.load.get()) / HALF_LOAD).exp();
        let watts = IDLE_WATTS + (FULL_WATTS - IDLE_WATTS) * busy;
        let passed_s = self.last.map(|last| now.since(last));
        self.last = Some(now);
        self.energy_j += watts * passed_s.unwrap_or(0.0);
        GpuSample {
            source: "simulated".to_owned(),
            name: Some("simulated GPU".to_owned()),
            watts: Some(watts),
            mhz: Some(444.0 + 953.0 * busy),
            usage_percent: Some(100.0 * busy),
            vram_used_bytes: Some(MODEL),
            vram_total_bytes: Some(MEMORY),
            celsius: Some(38.0 + 24.0 * busy),
            energy_counter_j: Some(self.energy_j),
            scope: Some(PowerScope::Gpu),
            simulated: true,
            ..GpuSample::default()
        }
    }
}

impl Source for Simulated {
    fn name(&self) -> String {
        "simulated".to_owned()
    }

    fn read(&mut self, _: &Pace) -> Result<Vec<Observation>, Fault> {
        let now = self.clock.now();
        Ok(vec![Observation::Gpu(self.sample(now))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_draws_more_under_load_and_never_looks_real() {
        let load = Load::default();
        let mut gpu = Simulated::new(RunClock::start(), load.clone());
        let idle = gpu.sample(Stamp(0));
        load.set(8);
        let busy = gpu.sample(Stamp(2_000_000));
        assert_eq!(idle.watts, Some(IDLE_WATTS));
        let watts = busy.watts.unwrap();
        assert!(watts > 25.0 && watts < FULL_WATTS);
        assert_eq!(busy.energy_counter_j, Some(watts * 2.0));
        assert!(idle.simulated && busy.simulated);
    }
}
