//! The spread of what GPUs and each of the server's processes did during a cycle, from the samples.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{GpuSample, ProcessSample};

/// Mean and largest of the samples of one figure, in the unit that its key names.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Spread {
    /// Samples.
    pub n: u64,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
}

/// The GPU during a cycle. Figures of several devices: `watts` and `vram_used_bytes` are sums of what
/// each device tells, the rest is over the samples of all.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct GpuFigures {
    /// Power, watts.
    pub watts: Spread,
    /// Clock, MHz.
    pub mhz: Spread,
    /// Usage, percent.
    pub usage_percent: Spread,
    /// Memory in use, bytes.
    pub vram_used_bytes: Spread,
    /// Temperature, °C.
    pub celsius: Spread,
}

/// One process during a cycle.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ProcessFigures {
    /// Process id.
    pub pid: u32,
    /// Its name; empty where it is not known.
    pub name: String,
    /// `server`, `runner`, `client`; absent where it is not known.
    pub role: Option<String>,
    /// Processor use, percent of one core.
    pub cpu_percent: Spread,
    /// Share of main memory, percent.
    pub memory_percent: Spread,
    /// Resident memory, bytes.
    pub rss_bytes: Spread,
    /// Virtual memory, bytes.
    pub vsz_bytes: Spread,
    /// Threads.
    pub threads: Spread,
    /// Open descriptors.
    pub descriptors: Spread,
}

/// Collects the samples of one figure.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Sum {
    n: u64,
    all: f64,
    max: Option<f64>,
}

impl Sum {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.n += 1;
            self.all += value;
            self.max = Some(self.max.map_or(value, |max| max.max(value)));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.all += other.all;
        self.max = match (self.max, other.max) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
    }

    fn spread(&self) -> Spread {
        Spread {
            n: self.n,
            mean: (self.n > 0).then(|| self.all / self.n as f64),
            max: self.max,
        }
    }
}

/// Collects the processes of a cycle.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Processes {
    by_pid: BTreeMap<u32, Collected>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Collected {
    name: String,
    role: Option<String>,
    sums: [Sum; 6],
}

impl Processes {
    /// Takes one reading of the process table.
    pub(super) fn take(&mut self, table: &[ProcessSample]) {
        for sample in table {
            let collected = self.by_pid.entry(sample.pid).or_default();
            if !sample.name.is_empty() {
                collected.name.clone_from(&sample.name);
            }
            if sample.role.is_some() {
                collected.role.clone_from(&sample.role);
            }
            let values = [
                sample.cpu_percent,
                sample.memory_percent,
                sample.rss_bytes.map(|bytes| bytes as f64),
                sample.vsz_bytes.map(|bytes| bytes as f64),
                sample.threads.map(f64::from),
                sample.descriptors.map(f64::from),
            ];
            for (sum, value) in collected.sums.iter_mut().zip(values) {
                sum.add(value);
            }
        }
    }

    /// Adds the readings of another cycle.
    pub(super) fn merge(&mut self, other: &Self) {
        for (pid, theirs) in &other.by_pid {
            let ours = self.by_pid.entry(*pid).or_default();
            if !theirs.name.is_empty() {
                ours.name.clone_from(&theirs.name);
            }
            if theirs.role.is_some() {
                ours.role.clone_from(&theirs.role);
            }
            for (our, their) in ours.sums.iter_mut().zip(&theirs.sums) {
                our.merge(their);
            }
        }
    }

    pub(super) fn figures(&self) -> Vec<ProcessFigures> {
        let figures = |(pid, collected): (&u32, &Collected)| {
            let [cpu, memory, rss, vsz, threads, descriptors] = &collected.sums;
            ProcessFigures {
                pid: *pid,
                name: collected.name.clone(),
                role: collected.role.clone(),
                cpu_percent: cpu.spread(),
                memory_percent: memory.spread(),
                rss_bytes: rss.spread(),
                vsz_bytes: vsz.spread(),
                threads: threads.spread(),
                descriptors: descriptors.spread(),
            }
        };
        self.by_pid.iter().map(figures).collect()
    }
}

/// Collects the samples of GPUs during a cycle.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Gpus {
    by_source: BTreeMap<String, [Sum; 5]>,
}

impl Gpus {
    /// Takes one sample.
    pub(super) fn take(&mut self, sample: &GpuSample) {
        let values = [
            sample.watts,
            sample.mhz,
            sample.usage_percent,
            sample.vram_used_bytes.map(|bytes| bytes as f64),
            sample.celsius,
        ];
        let sums = self.by_source.entry(sample.source.clone()).or_default();
        for (sum, value) in sums.iter_mut().zip(values) {
            sum.add(value);
        }
    }

    /// Adds the samples of another cycle.
    pub(super) fn merge(&mut self, other: &Self) {
        for (source, theirs) in &other.by_source {
            let ours = self.by_source.entry(source.clone()).or_default();
            for (our, their) in ours.iter_mut().zip(theirs) {
                our.merge(their);
            }
        }
    }

    /// The figures; None where nothing was sampled. Sources that `counts` refuses are left out.
    pub(super) fn figures(&self, counts: impl Fn(&str) -> bool) -> Option<GpuFigures> {
        let of_all = self.by_source.iter();
        let counted: Vec<&[Sum; 5]> = of_all
            .filter(|(source, _)| counts(source))
            .map(|(_, sums)| sums)
            .collect();
        let pooled = |pick: fn(&[Sum; 5]) -> &Sum| {
            let mut all = Sum::default();
            for sums in &counted {
                all.merge(pick(sums));
            }
            all.spread()
        };
        let added = |pick: fn(&[Sum; 5]) -> &Sum| {
            let each = || counted.iter().map(|sums| pick(sums).spread());
            let known = || each().filter(|spread| spread.n > 0);
            let total = |figure: fn(&Spread) -> Option<f64>| {
                let parts = known().filter_map(|spread| figure(&spread));
                parts.reduce(|sum, part| sum + part)
            };
            Spread {
                n: known().map(|spread| spread.n).sum(),
                mean: total(|spread| spread.mean),
                max: total(|spread| spread.max),
            }
        };
        (!counted.is_empty()).then(|| GpuFigures {
            watts: added(|[watts, ..]| watts),
            mhz: pooled(|[_, mhz, ..]| mhz),
            usage_percent: pooled(|[_, _, usage, ..]| usage),
            vram_used_bytes: added(|[_, _, _, vram, _]| vram),
            celsius: pooled(|[.., celsius]| celsius),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(source: &str, watts: f64, mhz: f64) -> GpuSample {
        GpuSample {
            source: source.to_owned(),
            watts: Some(watts),
            mhz: Some(mhz),
            ..GpuSample::default()
        }
    }

    #[test]
    fn power_of_devices_adds_up_and_their_clocks_do_not() {
        let mut gpus = Gpus::default();
        assert_eq!(gpus.figures(|_| true), None);
        for sample in [
            gpu("a", 100.0, 1000.0),
            gpu("a", 300.0, 2000.0),
            gpu("b", 50.0, 600.0),
        ] {
            gpus.take(&sample);
        }
        let figures = gpus.figures(|_| true).unwrap();
        assert_eq!(
            (figures.watts.mean, figures.watts.max),
            (Some(250.0), Some(350.0))
        );
        assert_eq!(
            (figures.mhz.mean, figures.mhz.max),
            (Some(1200.0), Some(2000.0))
        );
        assert_eq!(figures.usage_percent, Spread::default());
        let alone = gpus.figures(|source| source == "b").unwrap();
        assert_eq!(alone.watts.max, Some(50.0));
    }

    #[test]
    fn processes_of_repeats_merge_by_pid() {
        let sample = |pid, cpu| ProcessSample {
            pid,
            name: "ollama".to_owned(),
            cpu_percent: Some(cpu),
            threads: Some(18),
            ..ProcessSample::default()
        };
        let (mut one, mut two) = (Processes::default(), Processes::default());
        one.take(&[sample(1, 10.0), sample(2, 5.0)]);
        two.take(&[sample(1, 40.0)]);
        let mut both = one.clone();
        both.merge(&two);
        two.merge(&one);
        assert_eq!(both.figures(), two.figures());
        let figures = both.figures();
        assert_eq!(figures.len(), 2);
        assert_eq!(
            figures[0].cpu_percent,
            Spread {
                n: 2,
                mean: Some(25.0),
                max: Some(40.0)
            }
        );
        assert_eq!(figures[0].threads.max, Some(18.0));
        assert_eq!(figures[0].rss_bytes, Spread::default());
    }
}
