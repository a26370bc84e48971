//! What the machine did: a fold over the monitors' samples, per source and per cycle.

use std::collections::{BTreeMap, VecDeque};

use crate::event::{
    EnergyBaseline, Event, EventKind, GpuSample, HostSample, ProcessSample, ServerSample,
    SourceName, SourceNote, Stamp,
};
use crate::metrics::devices::{DeviceStats, Devices, Processes, Stat};
use crate::metrics::energy::meter::{Meter, Metered};
use crate::metrics::peak_sum::ProcessTotals;
use crate::metrics::tables::Tables;
use crate::text::numbers::floor_u64;

/// Readings kept of each figure for the screen: five minutes at one a second.
const KEPT: usize = 300;
/// Two readings further apart than this, seconds, have a gap between them.
const GAP_S: f64 = 2.5;

/// What the monitors reported so far, in a run or without one.
#[derive(Debug, Clone, Default)]
pub struct MachineState {
    /// The latest sample of each GPU source.
    pub gpus: BTreeMap<String, (Stamp, GpuSample)>,
    /// The latest process table.
    pub processes: Option<(Stamp, Vec<ProcessSample>)>,
    /// The figures of each GPU source and device over time.
    pub tracks: BTreeMap<String, Track>,
    /// What the server reports of itself, by source.
    pub server: BTreeMap<String, (Stamp, ServerSample)>,
    /// The state of each source, where it is known.
    pub sources: BTreeMap<SourceName, SourceNote>,
    /// The power of the idle machine.
    pub baseline: Option<EnergyBaseline>,
    /// All power that was measured.
    pub meter: Meter,
    pub(crate) metered: Option<Stamp>,
    /// Processor time of the client's process until it last reported it, and when that was; before its first report when it
    /// began.
    pub(crate) client_since: (Option<f64>, Stamp),
    tables: Tables,
}

impl MachineState {
    /// Takes what a monitor reported. What belongs to a run, the energy above all, is the run's to add up.
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

    /// Requests that the server answers at once, where the server or the model's runner reports it.
    pub fn slots(&self) -> Option<u32> {
        let samples = self.server.values();
        let samples = samples.filter(|(_, sample)| sample.slots.is_some());
        samples.max_by_key(|(at, _)| *at)?.1.slots
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
            let missing = floor_u64(gap_s).saturating_sub(1);
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
    /// What that energy costs, where a price is known.
    pub cost: Option<f64>,
    /// The power of the idle machine, if it was measured before.
    pub baseline: Option<EnergyBaseline>,
    /// The devices whose power counts.
    pub counting: Vec<String>,
    /// What its GPUs did.
    pub gpus: Devices,
    /// What the server's processes did.
    pub(crate) processes: Processes,
    /// The most that the server's processes took together.
    pub together: ProcessTotals,
    /// How busy the server's machine was.
    pub(crate) host: HostStats,
    /// How full the server's cache of keys and values was, percent.
    pub(crate) kv_cache_percent: Stat,
}

/// How busy the server's machine was in a cycle.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HostStats {
    /// Processor cores.
    cores: Option<u32>,
    /// The part of all cores that was in use, 0–1.
    busy: Stat,
    /// The part of all cores that was neither the server's nor the client's, 0–1.
    others: Stat,
    /// Pages to and from the disk, a second.
    swapped: Stat,
    /// Memory on the disk at the latest reading, and by how much it grew since the first, bytes.
    swap: Option<(u64, u64)>,
}

/// A processor of which this part is in use has none left.
const ALL_BUSY: f64 = 0.9;
/// What others take of it counts from this part on.
const OTHERS: f64 = 0.1;
/// So many readings show it.
const READINGS: u64 = 3;
/// Swapping less than this is house-keeping, pages a second.
const SWAPPING: f64 = 100.0;

/// Swap that grows by less than this is house-keeping, bytes.
const SWAP_GROWS: u64 = 100_000_000;

/// How a machine is seen to swap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Swapping {
    /// Pages a second.
    Pages(f64),
    /// By how much the memory on the disk grew, bytes.
    Grew(u64),
}

impl HostStats {
    pub(crate) fn push(&mut self, sample: &HostSample) {
        self.cores = sample.cores.or(self.cores);
        let all = sample.cores.map(|cores| f64::from(cores.max(1)) * 100.0);
        let part = |percent: Option<f64>| Some(percent? / all?);
        self.busy.push(part(sample.cpu_percent));
        self.others.push(part(sample.others_percent));
        self.swapped.push(sample.swapped_pages_s);
        if let Some(used) = sample.swap_used_bytes {
            let (before, grown) = self.swap.unwrap_or((used, 0));
            self.swap = Some((used, grown + used.saturating_sub(before)));
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.cores = other.cores.or(self.cores);
        self.busy.merge(&other.busy);
        self.others.merge(&other.others);
        self.swapped.merge(&other.swapped);
        self.swap = match (self.swap, other.swap) {
            (Some((_, grown)), Some((used, more))) => Some((used, grown + more)),
            (own, theirs) => own.or(theirs),
        };
    }

    /// The part of all cores that others took where none was left, and how many cores there are.
    pub(crate) fn taken_by_others(&self) -> Option<(f64, u32)> {
        let (busy, others) = (self.busy.mean?, self.others.mean?);
        let is_taken = self.others.n >= READINGS && busy >= ALL_BUSY && others >= OTHERS;
        Some((others, self.cores?)).filter(|_| is_taken)
    }

    /// Pages to and from the disk, or memory that went there, where that is much.
    pub(crate) fn swapping(&self) -> Option<Swapping> {
        let pages = self.swapped.mean.filter(|pages| *pages >= SWAPPING);
        let pages = pages.filter(|_| self.swapped.n >= READINGS);
        let grown = self.swap.map(|(_, grown)| grown);
        let grown = grown.filter(|grown| *grown >= SWAP_GROWS);
        pages.map(Swapping::Pages).or(grown.map(Swapping::Grew))
    }
}

impl CycleMachine {
    pub(crate) fn take_processes(&mut self, table: &[ProcessSample]) {
        self.processes.push(table);
        self.together = self.together.max(ProcessTotals::from_table(table));
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
