//! What the machine did: a fold over the monitors' samples, per source and per cycle.

use std::collections::{BTreeMap, VecDeque};

use crate::event::{
    EnergyBaseline, Event, EventKind, GpuSample, ProcessSample, ServerSample, SourceNote, Stamp,
};
use crate::metrics::devices::{DeviceStats, Devices, Processes};
use crate::metrics::energy::meter::{Meter, Metered};
use crate::metrics::peak_sum::ProcessTotals;
use crate::metrics::state::{RunState, Stage};
use crate::metrics::tables::Tables;

/// Readings kept of each figure for the screen: five minutes at one a second.
const KEPT: usize = 300;
/// Two readings further apart than this, seconds, have a gap between them.
const GAP_S: f64 = 2.5;
/// Energy of a cycle is settled this long after its end, seconds: a reading tells of the time before it.
const SETTLED_S: f64 = 5.0;
/// Energy is added up at most this often, microseconds.
const METER_US: u64 = 500_000;
/// A cycle that runs is metered again once it is longer by this part.
const METERED_TIMES: u64 = 300;

/// What the monitors told so far, in a run or without one.
#[derive(Debug, Clone, Default)]
pub struct MachineState {
    /// The latest sample of each GPU source.
    pub gpus: BTreeMap<String, (Stamp, GpuSample)>,
    /// The latest process table.
    pub processes: Option<(Stamp, Vec<ProcessSample>)>,
    /// The figures of each GPU source and device over time.
    pub tracks: BTreeMap<String, Track>,
    /// What the server tells of itself, by who tells it.
    pub server: BTreeMap<String, (Stamp, ServerSample)>,
    /// How each source fares, where something was told of it.
    pub sources: BTreeMap<String, SourceNote>,
    /// The power of the idle machine.
    pub baseline: Option<EnergyBaseline>,
    /// All power that was measured.
    pub meter: Meter,
    metered: Option<Stamp>,
    tables: Tables,
}

impl MachineState {
    /// Takes what a monitor told. What belongs to a run, the energy above all, is the run's to add up.
    pub fn apply(&mut self, event: &Event) {
        let at = event.at;
        match &event.what {
            EventKind::Gpu(sample) => {
                let source = &sample.source;
                self.gpus.insert(source.clone(), (at, sample.clone()));
                let track = self.tracks.entry(source.clone()).or_default();
                track.push(at, sample);
            }
            EventKind::Processes(table) => {
                self.processes = Some((at, self.tables.take(at, table)));
            }
            EventKind::Server(sample) => {
                let source = sample.source.clone();
                self.server.insert(source, (at, sample.clone()));
            }
            EventKind::Source(note) => {
                self.sources.insert(note.source.clone(), note.clone());
            }
            EventKind::Baseline(baseline) => self.baseline = Some(*baseline),
            _ => {}
        }
    }

    /// Requests that the server answers at once, where the server or the model's runner tells it.
    pub fn slots(&self) -> Option<u32> {
        let told = self.server.values();
        let told = told.filter(|(_, sample)| sample.slots.is_some());
        told.max_by_key(|(at, _)| *at)?.1.slots
    }
}

/// The figures of one device over time.
#[derive(Debug, Clone, Default)]
pub struct Track {
    last: Option<Stamp>,
    /// Power, watts.
    pub watts: Series,
    /// Clock, MHz.
    pub mhz: Series,
    /// Usage, percent.
    pub usage: Series,
    /// Memory in use, bytes.
    pub memory: Series,
    /// All of it in the whole run.
    pub run: DeviceStats,
}

/// One figure over the last minutes.
#[derive(Debug, Clone, Default)]
pub struct Series {
    values: VecDeque<f64>,
    /// The highest of the whole run.
    pub max: Option<f64>,
}

impl Series {
    fn push(&mut self, value: Option<f64>) {
        let value = value.filter(|value| value.is_finite());
        if self.values.len() >= KEPT {
            self.values.pop_front();
        }
        self.values.push_back(value.unwrap_or(f64::NAN));
        if let Some(value) = value {
            self.max = Some(self.max.map_or(value, |max| max.max(value)));
        }
    }

    /// The latest `most` values, oldest first; NaN where nothing was measured.
    pub fn latest(&self, most: usize) -> Vec<f64> {
        let skipped = self.values.len().saturating_sub(most);
        self.values.iter().skip(skipped).copied().collect()
    }
}

impl Track {
    fn push(&mut self, at: Stamp, sample: &GpuSample) {
        let gap_s = self.last.map_or(0.0, |last| at.since(last));
        if gap_s > GAP_S {
            let missing = crate::text::numbers::floor_u64(gap_s).saturating_sub(1);
            for _ in 0..missing.min(KEPT as u64) {
                self.add([None; 4]);
            }
        }
        self.last = Some(at);
        let memory = sample.vram_used_bytes.map(|bytes| bytes as f64);
        self.add([sample.watts, sample.mhz, sample.usage_percent, memory]);
        self.run.push(sample);
    }

    fn add(&mut self, [watts, mhz, usage, memory]: [Option<f64>; 4]) {
        self.watts.push(watts);
        self.mhz.push(mhz);
        self.usage.push(usage);
        self.memory.push(memory);
    }
}

/// What the machine did in one cycle.
#[derive(Debug, Clone, Default)]
pub struct CycleMachine {
    /// Energy from the first connection that stood to the end.
    pub energy: Option<Metered>,
    /// What that energy costs, where a price was told.
    pub cost: Option<f64>,
    /// The power of the idle machine, if it was measured before.
    pub baseline: Option<EnergyBaseline>,
    /// What its GPUs did.
    pub gpus: Devices,
    /// What the server's processes did.
    pub(crate) processes: Processes,
    /// The most that the server's processes took together.
    pub together: ProcessTotals,
}

impl CycleMachine {
    /// Mean power, watts.
    pub fn watts_mean(&self) -> Option<f64> {
        self.energy.as_ref()?.energy.mean_watts()
    }

    /// Highest power, watts.
    pub fn watts_max(&self) -> Option<f64> {
        self.energy.as_ref()?.energy.max_watts
    }

    /// Mean clock of the GPUs that count, MHz.
    pub fn mhz_mean(&self) -> Option<f64> {
        self.gpus.pooled(|gpu| &gpu.mhz).mean
    }

    fn take_processes(&mut self, table: &[ProcessSample]) {
        self.processes.push(table);
        self.together = self.together.max(ProcessTotals::of(table));
    }
}

/// The power of the idle machine, where it covers what the energy covers: a source that came later may have
/// another scope, and figures of different scopes are never subtracted.
pub(crate) fn comparable(
    baseline: Option<EnergyBaseline>,
    metered: &Metered,
) -> Option<EnergyBaseline> {
    baseline.filter(|idle| idle.scope == metered.scope)
}

impl RunState {
    /// Takes what a monitor told.
    pub(crate) fn observe(&mut self, event: &Event) {
        let at = event.at;
        self.machine.apply(event);
        match &event.what {
            EventKind::Gpu(sample) => {
                self.machine.meter.push(at, sample);
                for cycle in self.loaded_cycles() {
                    cycle.gpus.push(sample);
                }
                // While a cycle runs once a reading of all devices; after it each may be the last.
                let running = self.current().filter(|cycle| cycle.ended.is_none());
                let is_due = running.is_none_or(|cycle| {
                    // Each time all of the cycle is gone through: the longer it is, the more seldom.
                    let length = at.0.saturating_sub(cycle.started.0);
                    let wait = METER_US.max(length / METERED_TIMES);
                    let due = |last: Stamp| at.0 >= last.0.saturating_add(wait);
                    self.machine.metered.is_none_or(due)
                });
                if is_due {
                    self.meter(at);
                }
            }
            EventKind::Processes(table) => {
                for cycle in self.loaded_cycles() {
                    cycle.take_processes(table);
                }
            }
            _ => {}
        }
    }

    /// The cycles that have load now; those of an import may overlap.
    fn loaded_cycles(&mut self) -> impl Iterator<Item = &mut CycleMachine> {
        let running = self.cycles.iter_mut().rev();
        let running = running.take_while(|cycle| cycle.ended.is_none());
        running.filter_map(|cycle| cycle.opened.map(|_| &mut cycle.machine))
    }

    /// Brings the energy of the cycles up to `at`, until it is settled; once the run is over all of it anew,
    /// since only then every device that counts is known.
    pub(crate) fn meter(&mut self, at: Stamp) {
        let machine = &mut self.machine;
        machine.metered = Some(at);
        let price = self.info.as_ref().and_then(|i| i.plan.energy.price.clone());
        let is_over = matches!(self.stage, Stage::Ended(_));
        for cycle in &mut self.cycles {
            let Some(opened) = cycle.opened else { continue };
            let is_settled = cycle.ended.is_some_and(|end| at.since(end) > SETTLED_S);
            if is_settled && !is_over {
                continue;
            }
            let metered = machine.meter.between(opened, cycle.ended.unwrap_or(at));
            let cost = |metered: &Metered| price.as_ref().map(|price| price.of(&metered.energy));
            cycle.machine.cost = metered.as_ref().and_then(cost);
            cycle.machine.baseline = metered
                .as_ref()
                .and_then(|m| comparable(machine.baseline, m));
            cycle.machine.energy = metered;
        }
    }

    /// Requests that the server answers at once, as far as anyone tells: the model's runner, the
    /// server, or what was known at the start.
    pub fn slots(&self) -> Option<u32> {
        let told = self.machine.slots();
        told.or_else(|| self.info.as_ref()?.target.slots)
    }

    /// The share of the model in GPU memory, 0–1, where the server tells it; 0 means that the CPU computes.
    pub fn gpu_share(&self) -> Option<f64> {
        let asked = &self.info.as_ref()?.target.model.name;
        let models = self.machine.server.values().flat_map(|(_, s)| &s.models);
        let is_asked = |name: &str| name == asked || name.strip_suffix(":latest") == Some(asked);
        let mut models = models.filter(|model| is_asked(&model.name));
        models.find_map(crate::event::LoadedModel::gpu_share)
    }
}
