//! The spread of what GPUs and each of the server's processes did during a cycle, from the samples.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{GpuSample, PowerScope, ProcessSample, known_pid};

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
    /// Process id; absent for a group that an exporter tells of.
    pub pid: Option<u32>,
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

/// Smallest, mean and largest of values that come one by one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Span {
    n: u64,
    sum: f64,
    bounds: Option<(f64, f64)>,
}

impl Span {
    /// Takes a value; one that is not known, or no number, counts for nothing.
    pub fn push(&mut self, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.merge(&Self {
                n: 1,
                sum: value,
                bounds: Some((value, value)),
            });
        }
    }

    /// Takes all values of another.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.sum += other.sum;
        self.bounds = match (self.bounds, other.bounds) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (ours, theirs) => ours.or(theirs),
        };
    }

    /// Whether nothing came.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// The mean.
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }

    /// The smallest.
    pub fn min(&self) -> Option<f64> {
        self.bounds.map(|(min, _)| min)
    }

    /// The largest.
    pub fn max(&self) -> Option<f64> {
        self.bounds.map(|(_, max)| max)
    }

    fn spread(&self) -> Spread {
        Spread {
            n: self.n,
            mean: self.mean(),
            max: self.max(),
        }
    }
}

/// Collects the processes of a cycle.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Processes {
    by_id: BTreeMap<(u32, String), Collected>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Collected {
    name: String,
    role: Option<String>,
    spans: [Span; 6],
}

impl Processes {
    /// Takes one reading of the process table.
    pub(crate) fn take(&mut self, table: &[ProcessSample]) {
        for sample in table {
            let collected = self.by_id.entry(sample.id()).or_default();
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
            for (span, value) in collected.spans.iter_mut().zip(values) {
                span.push(value);
            }
        }
    }

    /// Adds the readings of another cycle.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (id, theirs) in &other.by_id {
            let ours = self.by_id.entry(id.clone()).or_default();
            if !theirs.name.is_empty() {
                ours.name.clone_from(&theirs.name);
            }
            if theirs.role.is_some() {
                ours.role.clone_from(&theirs.role);
            }
            for (our, their) in ours.spans.iter_mut().zip(&theirs.spans) {
                our.merge(their);
            }
        }
    }

    pub(crate) fn figures(&self) -> Vec<ProcessFigures> {
        let figures = |((pid, _), collected): (&(u32, String), &Collected)| {
            let [cpu, memory, rss, vsz, threads, descriptors] = &collected.spans;
            ProcessFigures {
                pid: known_pid(*pid),
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
        self.by_id.iter().map(figures).collect()
    }
}

/// What one GPU did in some time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GpuUse {
    /// Power, watts.
    pub watts: Span,
    /// Clock, MHz.
    pub mhz: Span,
    /// Usage, percent.
    pub usage_percent: Span,
    /// Memory in use, bytes.
    pub vram_used: Span,
    /// Memory there is, bytes.
    pub vram_total: Span,
    /// Temperature, °C.
    pub celsius: Span,
    /// Samples.
    pub samples: u64,
    /// Whether the server computes elsewhere, or this is no GPU.
    is_beside: bool,
}

impl GpuUse {
    /// Takes one sample.
    pub fn take(&mut self, sample: &GpuSample) {
        let bytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64);
        self.watts.push(sample.watts);
        self.mhz.push(sample.mhz);
        self.usage_percent.push(sample.usage_percent);
        self.vram_used.push(bytes(sample.vram_used_bytes));
        self.vram_total.push(bytes(sample.vram_total_bytes));
        self.celsius.push(sample.celsius);
        self.samples += 1;
        self.is_beside = sample.serves == Some(false) || sample.scope == Some(PowerScope::Package);
    }

    /// Takes all samples of another time.
    pub fn merge(&mut self, other: &Self) {
        self.watts.merge(&other.watts);
        self.mhz.merge(&other.mhz);
        self.usage_percent.merge(&other.usage_percent);
        self.vram_used.merge(&other.vram_used);
        self.vram_total.merge(&other.vram_total);
        self.celsius.merge(&other.celsius);
        self.samples += other.samples;
        self.is_beside = other.is_beside;
    }
}

/// Collects the samples of GPUs during a cycle.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gpus {
    by_source: BTreeMap<String, GpuUse>,
}

impl Gpus {
    /// What the GPUs did in several cycles.
    pub fn of<'a>(cycles: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for (source, one) in cycles.into_iter().flat_map(|gpus| &gpus.by_source) {
            all.by_source.entry(source.clone()).or_default().merge(one);
        }
        all
    }

    /// Takes one sample.
    pub(crate) fn take(&mut self, sample: &GpuSample) {
        let source = self.by_source.entry(sample.source.clone()).or_default();
        source.take(sample);
    }

    /// What one of them did.
    pub fn get(&self, source: &str) -> Option<&GpuUse> {
        self.by_source.get(source)
    }

    /// A figure over the samples of all GPUs that the server computes on.
    pub fn pooled(&self, pick: fn(&GpuUse) -> &Span) -> Span {
        pooled(self.by_source.values().filter(|gpu| !gpu.is_beside), pick)
    }

    /// The figures; None where nothing was sampled. Sources that `counts` refuses are left out.
    pub(crate) fn figures(&self, counts: impl Fn(&str) -> bool) -> Option<GpuFigures> {
        let of_all = self.by_source.iter();
        let counted: Vec<&GpuUse> = of_all
            .filter(|(source, _)| counts(source))
            .map(|(_, gpu)| gpu)
            .collect();
        let all = |pick| pooled(counted.iter().copied(), pick).spread();
        let added = |pick: fn(&GpuUse) -> &Span| {
            let known = || {
                counted
                    .iter()
                    .map(|gpu| pick(gpu))
                    .filter(|s| !s.is_empty())
            };
            let total = |figure: fn(&Span) -> Option<f64>| {
                let parts = known().filter_map(figure);
                parts.reduce(|sum, part| sum + part)
            };
            Spread {
                n: known().map(|span| span.n).sum(),
                mean: total(Span::mean),
                max: total(Span::max),
            }
        };
        (!counted.is_empty()).then(|| GpuFigures {
            watts: added(|gpu| &gpu.watts),
            mhz: all(|gpu| &gpu.mhz),
            usage_percent: all(|gpu| &gpu.usage_percent),
            vram_used_bytes: added(|gpu| &gpu.vram_used),
            celsius: all(|gpu| &gpu.celsius),
        })
    }
}

fn pooled<'a>(gpus: impl Iterator<Item = &'a GpuUse>, pick: fn(&GpuUse) -> &Span) -> Span {
    gpus.fold(Span::default(), |mut all, gpu| {
        all.merge(pick(gpu));
        all
    })
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
    fn groups_of_an_exporter_have_no_pid_and_stay_apart() {
        let group = |name: &str, threads| ProcessSample {
            name: name.to_owned(),
            threads: Some(threads),
            ..ProcessSample::default()
        };
        let mut processes = Processes::default();
        processes.take(&[group("llama-server", 9), group("ollama", 2)]);
        let threads = processes.figures().into_iter().map(|p| p.threads.max);
        assert_eq!(threads.collect::<Vec<_>>(), [Some(9.0), Some(2.0)]);
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
