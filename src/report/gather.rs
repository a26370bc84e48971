//! The fold of a report: the run's state, and beside it what changes over time, thinned as it comes.

use std::collections::{BTreeMap, HashMap};

use super::series::{Even, Series};
use crate::event::{Event, GpuSample, InFlight, ProcessSample, RequestRecord, Stamp, What};
use crate::stats::state::RunState;

/// Requests of a cycle whose speed over time is kept.
const TRACES: usize = 40;
/// Points of one request's speed over time.
const TRACE_POINTS: usize = 40;
/// The shortest time that one of these points stands for, seconds.
const TRACE_STEP_S: f64 = 2.0;
/// Points of a cycle's mean speed over time.
const MEAN_POINTS: usize = 240;

/// A run, gathered from its events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gathered {
    /// The run's state after its last event.
    pub(crate) state: RunState,
    /// Speed over time of each cycle, by the cycle's number.
    pub(crate) speeds: BTreeMap<u32, CycleSpeed>,
    /// What each GPU source told.
    pub(crate) gpus: BTreeMap<String, GpuTrace>,
    /// What each process took, by its id.
    pub(crate) processes: BTreeMap<u32, ProcessTrace>,
    following: HashMap<u64, Following>,
}

/// Speed over time in one cycle.
#[derive(Debug, Clone)]
pub(crate) struct CycleSpeed {
    /// Some of its requests: each one's speed at times, tokens a second.
    pub(crate) traces: Even<Vec<(f64, f64)>>,
    /// The mean of the requests that stream.
    pub(crate) mean: Series,
    latest: Option<(Stamp, HashMap<u64, u32>)>,
}

/// A request in flight.
#[derive(Debug, Clone)]
struct Following {
    latest: (Stamp, u32),
    speed: Series,
}

/// What one GPU source told.
#[derive(Debug, Clone, Default)]
pub(crate) struct GpuTrace {
    /// The device's name.
    pub(crate) name: Option<String>,
    /// Power, watts.
    pub(crate) watts: Series,
    /// Clock, MHz.
    pub(crate) mhz: Series,
    /// The whole run.
    pub(crate) run: GpuUse,
    /// Each cycle, by its number.
    pub(crate) cycles: BTreeMap<u32, GpuUse>,
}

/// What a GPU did in some time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct GpuUse {
    /// Power, watts.
    pub(crate) watts: Span,
    /// Clock, MHz.
    pub(crate) mhz: Span,
    /// Usage, percent.
    pub(crate) usage: Span,
    /// Memory in use, bytes.
    pub(crate) vram: Span,
    /// Memory there is, bytes.
    pub(crate) vram_total: Span,
    /// Temperature, °C.
    pub(crate) celsius: Span,
    /// Samples.
    pub(crate) samples: u64,
}

/// What one process took.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProcessTrace {
    /// Its name.
    pub(crate) name: String,
    /// `server`, `runner`, `client`.
    pub(crate) role: Option<String>,
    /// Processor use, percent of one core.
    pub(crate) cpu: Tracked,
    /// Share of main memory, percent.
    pub(crate) memory: Tracked,
    /// Resident memory, bytes.
    pub(crate) rss: Tracked,
    /// Threads.
    pub(crate) threads: Tracked,
    /// Open descriptors.
    pub(crate) descriptors: Tracked,
    /// Virtual memory, bytes.
    pub(crate) vsz: Tracked,
}

/// A figure over time with its extremes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tracked {
    /// Over time.
    pub(crate) series: Series,
    /// Its extremes and mean.
    pub(crate) span: Span,
}

/// Smallest, mean and largest of values that come one by one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    n: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Span {
    fn push(&mut self, value: Option<f64>) {
        let Some(value) = value.filter(|value| value.is_finite()) else {
            return;
        };
        (self.min, self.max) = if self.n == 0 {
            (value, value)
        } else {
            (self.min.min(value), self.max.max(value))
        };
        self.n += 1;
        self.sum += value;
    }

    /// Whether nothing came.
    pub(crate) fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// The mean.
    pub(crate) fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }

    /// The smallest.
    pub(crate) fn min(&self) -> Option<f64> {
        (self.n > 0).then_some(self.min)
    }

    /// The largest.
    pub(crate) fn max(&self) -> Option<f64> {
        (self.n > 0).then_some(self.max)
    }

    /// Both together.
    pub(crate) fn merged(self, other: Self) -> Self {
        if self.n == 0 || other.n == 0 {
            return if self.n == 0 { other } else { self };
        }
        Self {
            n: self.n + other.n,
            sum: self.sum + other.sum,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }
}

impl GpuUse {
    fn push(&mut self, sample: &GpuSample) {
        let bytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64);
        self.watts.push(sample.watts);
        self.mhz.push(sample.mhz);
        self.usage.push(sample.usage_percent);
        self.vram.push(bytes(sample.vram_used_bytes));
        self.vram_total.push(bytes(sample.vram_total_bytes));
        self.celsius.push(sample.celsius);
        self.samples += 1;
    }

    /// Both together.
    pub(crate) fn merged(self, other: Self) -> Self {
        Self {
            watts: self.watts.merged(other.watts),
            mhz: self.mhz.merged(other.mhz),
            usage: self.usage.merged(other.usage),
            vram: self.vram.merged(other.vram),
            vram_total: self.vram_total.merged(other.vram_total),
            celsius: self.celsius.merged(other.celsius),
            samples: self.samples + other.samples,
        }
    }
}

impl Tracked {
    fn push(&mut self, at_s: f64, value: Option<f64>) {
        if let Some(value) = value {
            self.series.push(at_s, value);
        }
        self.span.push(value);
    }
}

impl Default for CycleSpeed {
    fn default() -> Self {
        Self {
            traces: Even::new(TRACES),
            mean: Series::new(MEAN_POINTS),
            latest: None,
        }
    }
}

impl Gathered {
    /// Takes one more event.
    pub(crate) fn apply(&mut self, event: &Event) {
        match &event.what {
            What::Progress { cycle, requests } => self.progress(event.at, *cycle, requests),
            What::FirstToken { id, .. } => {
                let following = Following {
                    latest: (event.at, 1),
                    speed: Series::new(TRACE_POINTS),
                };
                self.following.insert(*id, following);
            }
            What::RequestEnded(record) => self.end_request(record),
            What::Gpu(sample) => self.gpu(event.at, sample),
            What::Processes(table) => self.processes(event.at, table),
            _ => {}
        }
        self.state.apply(event);
    }

    fn progress(&mut self, at: Stamp, cycle: u32, requests: &[InFlight]) {
        for now in requests {
            let Some(following) = self.following.get_mut(&now.id) else {
                continue;
            };
            let (since, tokens) = following.latest;
            let seconds = at.since(since);
            // Counts are whole tokens: over a short time a slow speed would jump by steps of one.
            if seconds >= TRACE_STEP_S && now.tokens >= tokens {
                let middle = since.secs() + seconds / 2.0;
                let speed = f64::from(now.tokens - tokens) / seconds;
                following.speed.push(middle, speed);
                following.latest = (at, now.tokens);
            }
        }
        let speed = self.speeds.entry(cycle).or_default();
        let counts = requests.iter().filter(|now| now.tokens > 0);
        let counts: HashMap<u64, u32> = counts.map(|now| (now.id, now.tokens)).collect();
        if let Some((since, before)) = &speed.latest {
            let seconds = at.since(*since);
            if seconds < 0.5 {
                return;
            }
            let both = counts.iter().filter_map(|(id, now)| {
                let then = before.get(id)?;
                Some(f64::from(now.saturating_sub(*then)) / seconds)
            });
            let (sum, n) = both.fold((0.0, 0_u32), |(sum, n), speed| (sum + speed, n + 1));
            if n > 0 {
                let middle = since.secs() + seconds / 2.0;
                speed.mean.push(middle, sum / f64::from(n));
            }
        }
        speed.latest = Some((at, counts));
    }

    fn end_request(&mut self, record: &RequestRecord) {
        let followed = self.following.remove(&record.id);
        let Some(first) = record.first_token else {
            return;
        };
        let last = record.last_token.unwrap_or(record.ended);
        let Some(speed) = record.speed_tok_s().filter(|_| record.is_done()) else {
            return;
        };
        let traced = followed.map(|following| following.speed.points());
        let trace = match traced {
            Some(points) if points.len() >= 3 => points,
            // Without progress in the log, all that is known is the mean from first to last token.
            _ => vec![(first.secs(), speed), (last.secs(), speed)],
        };
        let cycle = self.speeds.entry(record.cycle).or_default();
        cycle.traces.offer(trace);
    }

    fn gpu(&mut self, at: Stamp, sample: &GpuSample) {
        let trace = self.gpus.entry(sample.source.clone()).or_default();
        if sample.name.is_some() {
            trace.name.clone_from(&sample.name);
        }
        if let Some(watts) = sample.watts {
            trace.watts.push(at.secs(), watts);
        }
        if let Some(mhz) = sample.mhz {
            trace.mhz.push(at.secs(), mhz);
        }
        trace.run.push(sample);
        let running = self.state.current().filter(|cycle| cycle.ended.is_none());
        if let Some(cycle) = running {
            trace.cycles.entry(cycle.cycle).or_default().push(sample);
        }
    }

    fn processes(&mut self, at: Stamp, table: &[ProcessSample]) {
        let at_s = at.secs();
        let bytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64);
        for sample in table {
            let trace = self.processes.entry(sample.pid).or_default();
            trace.name.clone_from(&sample.name);
            if sample.role.is_some() {
                trace.role.clone_from(&sample.role);
            }
            trace.cpu.push(at_s, sample.cpu_percent);
            trace.memory.push(at_s, sample.memory_percent);
            trace.rss.push(at_s, bytes(sample.rss_bytes));
            trace.threads.push(at_s, sample.threads.map(f64::from));
            let descriptors = sample.descriptors.map(f64::from);
            trace.descriptors.push(at_s, descriptors);
            trace.vsz.push(at_s, bytes(sample.vsz_bytes));
        }
    }

    /// What a source told in these cycles, put together.
    pub(crate) fn gpu_in(trace: &GpuTrace, cycles: &[u32]) -> GpuUse {
        let told = cycles.iter().filter_map(|cycle| trace.cycles.get(cycle));
        told.fold(GpuUse::default(), |all, one| all.merged(*one))
    }
}
