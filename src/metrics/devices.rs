//! What GPUs and the server's processes did in some time, from the samples of the monitors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{GpuSample, PowerScope, ProcessSample, known_pid};

/// The values of one figure, in the unit that its key names.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Stat {
    /// Values.
    pub n: u64,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// The smallest; files do not have it.
    #[serde(skip)]
    pub min: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    /// Of all values: a mean of means would not be the same to the last bit.
    #[serde(skip)]
    sum: f64,
}

impl Stat {
    /// Takes a value; one that is not known, or not a number, counts for nothing.
    pub fn push(&mut self, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.merge(&Self {
                n: 1,
                mean: Some(value),
                min: Some(value),
                max: Some(value),
                sum: value,
            });
        }
    }

    /// Takes all values of another.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.sum += other.sum;
        self.mean = (self.n > 0).then(|| self.sum / self.n as f64);
        self.min = either(self.min, other.min, f64::min);
        self.max = either(self.max, other.max, f64::max);
    }

    /// Of two devices together: their means and extremes added up. One that reports nothing counts for nothing.
    fn plus(self, other: Self) -> Self {
        let add = |a, b| either(a, b, |a, b| a + b);
        Self {
            n: self.n + other.n,
            mean: add(self.mean, other.mean),
            min: add(self.min, other.min),
            max: add(self.max, other.max),
            sum: self.sum + other.sum,
        }
    }
}

fn either(a: Option<f64>, b: Option<f64>, both: impl Fn(f64, f64) -> f64) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(both(a, b)),
        (a, b) => a.or(b),
    }
}

/// What a GPU did, or several as one: then `watts` and `vram_used_bytes` are sums of what each reports, the rest
/// is over the samples of all.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeviceStats {
    /// Power, watts.
    pub watts: Stat,
    /// Clock, MHz.
    pub mhz: Stat,
    /// Usage, percent.
    pub usage_percent: Stat,
    /// Memory in use, bytes.
    pub vram_used_bytes: Stat,
    /// Temperature, °C.
    pub celsius: Stat,
    #[serde(skip)]
    pub vram_total_bytes: Stat,
    #[serde(skip)]
    pub samples: u64,
    /// Whether the server computes elsewhere, or this is not a GPU.
    #[serde(skip)]
    is_beside: bool,
}

impl DeviceStats {
    pub fn push(&mut self, sample: &GpuSample) {
        let bytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64);
        self.watts.push(sample.watts);
        self.mhz.push(sample.mhz);
        self.usage_percent.push(sample.usage_percent);
        self.vram_used_bytes.push(bytes(sample.vram_used_bytes));
        self.vram_total_bytes.push(bytes(sample.vram_total_bytes));
        self.celsius.push(sample.celsius);
        self.samples += 1;
        self.is_beside = sample.serves == Some(false) || sample.scope == Some(PowerScope::Package);
    }

    /// Takes all samples of another time.
    pub fn merge(&mut self, other: &Self) {
        self.watts.merge(&other.watts);
        self.mhz.merge(&other.mhz);
        self.usage_percent.merge(&other.usage_percent);
        self.vram_used_bytes.merge(&other.vram_used_bytes);
        self.vram_total_bytes.merge(&other.vram_total_bytes);
        self.celsius.merge(&other.celsius);
        self.samples += other.samples;
        self.is_beside = other.is_beside;
    }
}

/// What each GPU did, by its source.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Devices {
    by_source: BTreeMap<String, DeviceStats>,
}

impl Devices {
    /// What the GPUs did in several cycles.
    pub fn from_cycles<'a>(cycles: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for (source, one) in cycles.into_iter().flat_map(|devices| &devices.by_source) {
            all.by_source.entry(source.clone()).or_default().merge(one);
        }
        all
    }

    pub(crate) fn push(&mut self, sample: &GpuSample) {
        let source = self.by_source.entry(sample.source.clone()).or_default();
        source.push(sample);
    }

    pub fn get(&self, source: &str) -> Option<&DeviceStats> {
        self.by_source.get(source)
    }

    /// The GPUs that count: those whose power does (`counting`); where none of them is among these, all that the server
    /// may compute on. A processor's package is none.
    fn counted(&self, counting: &[&str]) -> Vec<&DeviceStats> {
        let ours = || self.by_source.iter().filter(|(_, gpu)| !gpu.is_beside);
        let counts = |source: &String| counting.contains(&source.as_str());
        let is_any = ours().any(|(source, _)| counts(source));
        let counted = ours().filter(|(source, _)| !is_any || counts(source));
        counted.map(|(_, gpu)| gpu).collect()
    }

    /// Those that count as one; None where nothing was sampled of them.
    pub(crate) fn total(&self, counting: &[&str]) -> Option<DeviceStats> {
        let counted = self.counted(counting).into_iter();
        counted.copied().reduce(|mut all, gpu| {
            let watts = all.watts.plus(gpu.watts);
            let vram_used_bytes = all.vram_used_bytes.plus(gpu.vram_used_bytes);
            all.merge(&gpu);
            DeviceStats {
                watts,
                vram_used_bytes,
                ..all
            }
        })
    }
}

/// What one process did.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProcessStats {
    /// Process id; absent for a group that an exporter reports.
    pub pid: Option<u32>,
    /// Its name; empty where it is not known.
    pub name: String,
    /// `server`, `runner`, `client`; absent where it is not known.
    pub role: Option<String>,
    /// Processor use, percent of one core.
    pub cpu_percent: Stat,
    /// Share of main memory, percent.
    pub memory_percent: Stat,
    /// Resident memory, bytes.
    pub rss_bytes: Stat,
    /// Virtual memory, bytes.
    pub vsz_bytes: Stat,
    /// Threads.
    pub threads: Stat,
    /// Open descriptors.
    pub descriptors: Stat,
}

impl ProcessStats {
    pub(crate) fn push(&mut self, sample: &ProcessSample) {
        let bytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64);
        self.identify(known_pid(sample.pid), &sample.name, sample.role.as_deref());
        self.cpu_percent.push(sample.cpu_percent);
        self.memory_percent.push(sample.memory_percent);
        self.rss_bytes.push(bytes(sample.rss_bytes));
        self.vsz_bytes.push(bytes(sample.vsz_bytes));
        self.threads.push(sample.threads.map(f64::from));
        self.descriptors.push(sample.descriptors.map(f64::from));
    }

    fn merge(&mut self, other: &Self) {
        self.identify(other.pid, &other.name, other.role.as_deref());
        self.cpu_percent.merge(&other.cpu_percent);
        self.memory_percent.merge(&other.memory_percent);
        self.rss_bytes.merge(&other.rss_bytes);
        self.vsz_bytes.merge(&other.vsz_bytes);
        self.threads.merge(&other.threads);
        self.descriptors.merge(&other.descriptors);
    }

    fn identify(&mut self, pid: Option<u32>, name: &str, role: Option<&str>) {
        self.pid = pid;
        if !name.is_empty() {
            name.clone_into(&mut self.name);
        }
        if let Some(role) = role {
            self.role = Some(role.to_owned());
        }
    }
}

/// What each process did, by its identity.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Processes {
    by_id: BTreeMap<(u32, String), ProcessStats>,
}

impl Processes {
    /// Takes one reading of the process table.
    pub(crate) fn push(&mut self, table: &[ProcessSample]) {
        for sample in table {
            self.by_id.entry(sample.id()).or_default().push(sample);
        }
    }

    /// Adds the readings of another cycle.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (id, theirs) in &other.by_id {
            self.by_id.entry(id.clone()).or_default().merge(theirs);
        }
    }

    pub(crate) fn stats(&self) -> Vec<ProcessStats> {
        self.by_id.values().cloned().collect()
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
        let mut gpus = Devices::default();
        assert_eq!(gpus.total(&[]), None);
        for sample in [
            gpu("a", 100.0, 1000.0),
            gpu("a", 300.0, 2000.0),
            gpu("b", 50.0, 600.0),
        ] {
            gpus.push(&sample);
        }
        let figures = gpus.total(&[]).unwrap();
        assert_eq!(
            (figures.watts.mean, figures.watts.max),
            (Some(250.0), Some(350.0))
        );
        assert_eq!(
            (figures.mhz.mean, figures.mhz.max),
            (Some(1200.0), Some(2000.0))
        );
        assert_eq!(figures.usage_percent, Stat::default());
        let alone = gpus.total(&["b"]).unwrap();
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
        processes.push(&[group("llama-server", 9), group("ollama", 2)]);
        let threads = processes.stats().into_iter().map(|p| p.threads.max);
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
        one.push(&[sample(1, 10.0), sample(2, 5.0)]);
        two.push(&[sample(1, 40.0)]);
        let mut both = one.clone();
        both.merge(&two);
        two.merge(&one);
        assert_eq!(both.stats(), two.stats());
        let figures = both.stats();
        assert_eq!(figures.len(), 2);
        let cpu = figures[0].cpu_percent;
        assert_eq!((cpu.n, cpu.mean), (2, Some(25.0)));
        assert_eq!((cpu.min, cpu.max), (Some(10.0), Some(40.0)));
        assert_eq!(figures[0].threads.max, Some(18.0));
        assert_eq!(figures[0].rss_bytes, Stat::default());
    }
}
