//! Prometheus pages of other machines: where the target is not here, what this machine does says nothing.
//!
//! The exporter is recognized by the names of its metrics (`dialect`); units are converted; a sample
//! that the exporter does not renew grows old, and says so.

mod kind;
mod text;

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub use kind::{ExporterKind, kinds};
pub use text::{Metric, Page};

use crate::event::{GpuSample, ProcessSample};
use crate::probe::http::Fetch;
use crate::probe::source::{Fault, FaultKind, Observation, Pace, Source};
use crate::text::numbers::{floor_u64, u32_of};

/// The most process groups taken from a page.
const MOST_GROUPS: usize = 50;
/// Ages below this, seconds, are not worth telling: the sample is of this or the last round.
const FRESH_S: f64 = 1.5;

/// A page that is fetched again and again.
#[derive(Debug)]
pub struct Exporter {
    url: String,
    fetch: Fetch,
    memory: Memory,
}

/// What is remembered from one reading to the next.
#[derive(Debug, Default)]
struct Memory {
    /// The latest figures of each device, and since when they have been the same.
    devices: BTreeMap<String, (GpuSample, Instant)>,
    /// Processor seconds of each process group.
    cpu_s: BTreeMap<String, (f64, Instant)>,
}

impl Exporter {
    /// The exporter at `address`: a whole URL, or `host:port`, whose page then is `/metrics`.
    pub fn new(address: &str) -> Self {
        let url = if address.contains("://") {
            address.to_owned()
        } else {
            format!("http://{address}")
        };
        let path = url.split_once("://").map_or("", |(_, rest)| rest);
        let url = match path.split_once('/') {
            None => format!("{url}/metrics"),
            Some((_, "")) => format!("{url}metrics"),
            Some(_) => url,
        };
        Self {
            url,
            fetch: Fetch::default(),
            memory: Memory::default(),
        }
    }

    fn page(&mut self) -> Result<Vec<Metric>, Fault> {
        let mut page = Page::new(kind::is_known);
        self.fetch.get(&self.url, |bytes| page.feed(bytes))?;
        Ok(page.finish())
    }
}

impl Source for Exporter {
    fn name(&self) -> String {
        self.url.clone()
    }

    fn read(&mut self, _: &Pace) -> Result<Vec<Observation>, Fault> {
        let metrics = self.page()?;
        let seen = self.memory.observations(&self.url, &metrics);
        if seen.is_empty() {
            let found = kinds(&metrics);
            let why = if found.is_empty() {
                format!("{} is not the page of a known exporter", self.url)
            } else {
                format!("{} reports no GPU, process or server", self.url)
            };
            return Err(Fault::new(FaultKind::Garbage, why));
        }
        Ok(seen)
    }
}

impl Memory {
    fn observations(&mut self, url: &str, metrics: &[Metric]) -> Vec<Observation> {
        let now = Instant::now();
        let clock = SystemTime::now().duration_since(UNIX_EPOCH);
        let clock_s = clock.map(|since| since.as_secs_f64()).ok();
        let mut seen: Vec<Observation> = kind::devices(metrics)
            .into_iter()
            .map(|device| {
                let reported_s = device.at_s.zip(clock_s).map(|(at, clock)| clock - at);
                let mut sample = device.sample;
                sample.source = format!("{url}#{}", sample.source);
                let age_s = reported_s.unwrap_or_else(|| self.unchanged_s(&sample, now));
                sample.age_s = (age_s > FRESH_S).then_some(age_s);
                Observation::Gpu(sample)
            })
            .collect();
        let processes = self.processes(metrics, now);
        if !processes.is_empty() {
            seen.push(Observation::Processes(processes));
        }
        seen.extend(kind::server(metrics).map(|mut server| {
            url.clone_into(&mut server.source);
            Observation::Server(server)
        }));
        seen
    }

    /// How long the figures of a device have been the same, seconds. Real sensors never stand still for
    /// long: figures that do were not renewed.
    fn unchanged_s(&mut self, sample: &GpuSample, now: Instant) -> f64 {
        match self.devices.get(&sample.source) {
            Some((last, since)) if last == sample => now.duration_since(*since).as_secs_f64(),
            _ => {
                self.devices
                    .insert(sample.source.clone(), (sample.clone(), now));
                0.0
            }
        }
    }

    /// Process groups (process-exporter), and the server's own figures (vLLM). They carry no process
    /// ids: their rows have id 0.
    fn processes(&mut self, metrics: &[Metric], now: Instant) -> Vec<ProcessSample> {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        let vllm = kinds(metrics).contains(&ExporterKind::Vllm);
        for metric in metrics.iter().filter(|metric| metric.value.is_finite()) {
            let group = metric.label("groupname");
            if let (Some(group), Some(figure)) = (group, metric.name.strip_prefix(GROUP)) {
                let known = groups.len() < MOST_GROUPS || groups.contains_key(group);
                if known {
                    let name = crate::probe::source::short(group);
                    groups.entry(name).or_default().put(figure, metric);
                }
            } else if let Some(figure) = metric.name.strip_prefix("process_").filter(|_| vllm) {
                groups
                    .entry("vllm".to_owned())
                    .or_default()
                    .put(figure, metric);
            }
        }
        groups
            .into_iter()
            .map(|(name, group)| self.row(&name, &group, now))
            .collect()
    }

    fn row(&mut self, name: &str, group: &Group, now: Instant) -> ProcessSample {
        let cpu_percent = group.cpu_s.and_then(|cpu_s| {
            let (before_s, then) = self.cpu_s.insert(name.to_owned(), (cpu_s, now))?;
            let seconds = now.duration_since(then).as_secs_f64();
            (seconds > 0.0 && cpu_s >= before_s).then(|| (cpu_s - before_s) / seconds * 100.0)
        });
        let several = group.count.filter(|count| *count > 1);
        ProcessSample {
            name: several.map_or_else(|| name.to_owned(), |count| format!("{name} ×{count}")),
            role: Some("server".to_owned()),
            threads: group.threads,
            descriptors: group.descriptors,
            rss_bytes: group.rss_bytes,
            vsz_bytes: group.vsz_bytes,
            cpu_percent,
            ..ProcessSample::default()
        }
    }
}

/// How the metrics of process-exporter begin.
const GROUP: &str = "namedprocess_namegroup_";

/// The figures of one process group.
#[derive(Debug, Default)]
struct Group {
    threads: Option<u32>,
    descriptors: Option<u32>,
    rss_bytes: Option<u64>,
    vsz_bytes: Option<u64>,
    cpu_s: Option<f64>,
    count: Option<u32>,
}

impl Group {
    fn put(&mut self, figure: &str, metric: &Metric) {
        let whole = floor_u64(metric.value);
        let count = Some(u32_of(usize::try_from(whole).unwrap_or(usize::MAX)));
        match (figure, metric.label("memtype")) {
            ("num_threads", _) => self.threads = count,
            ("open_filedesc" | "open_fds", _) => self.descriptors = count,
            ("num_procs", _) => self.count = count,
            ("memory_bytes", Some("resident")) | ("resident_memory_bytes", _) => {
                self.rss_bytes = Some(whole);
            }
            ("memory_bytes", Some("virtual")) | ("virtual_memory_bytes", _) => {
                self.vsz_bytes = Some(whole);
            }
            // One for each mode: user and system.
            ("cpu_seconds_total", _) => {
                self.cpu_s = Some(self.cpu_s.unwrap_or_default() + metric.value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_short() {
        assert_eq!(Exporter::new("gpu1:9400").url, "http://gpu1:9400/metrics");
        assert_eq!(
            Exporter::new("http://gpu1:9400/").url,
            "http://gpu1:9400/metrics"
        );
        assert_eq!(
            Exporter::new("https://x/metrics?model=y").url,
            "https://x/metrics?model=y"
        );
    }
}
