//! The fold of a report: the run's state, and beside it what changes over time, thinned as it comes.

use std::collections::{BTreeMap, HashMap};

use crate::event::{
    CycleEnd, Event, EventKind, GpuSample, InFlight, ProcessSample, RequestRecord, Stamp,
};
use crate::metrics::devices::{ProcessStats, Stat};
use crate::metrics::state::RunState;
use crate::report::series::{Even, ThinSeries};
use crate::text::numbers::{seconds, users};

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
    /// What each GPU source reported.
    pub(crate) gpus: BTreeMap<String, GpuTrace>,
    /// What each process used, by its identity.
    pub(crate) processes: BTreeMap<(u32, String), ProcessTrace>,
    /// What the processes of each role used together, by role and users; without users while nothing was asked.
    pub(crate) roles: BTreeMap<String, BTreeMap<Option<u32>, RoleStats>>,
    /// What a user or the server did to the run, in words.
    pub(crate) happenings: Vec<(Stamp, String)>,
    following: HashMap<u64, Following>,
}

/// Speed over time in one cycle.
#[derive(Debug, Clone)]
pub(crate) struct CycleSpeed {
    /// Some of its requests: each one's speed at times, tokens a second.
    pub(crate) traces: Even<Vec<(f64, f64)>>,
    /// The mean of the requests that stream.
    pub(crate) mean: ThinSeries,
    latest: Option<(Stamp, HashMap<u64, u32>)>,
}

/// A request in flight.
#[derive(Debug, Clone)]
struct Following {
    latest: (Stamp, u32),
    speed: ThinSeries,
}

/// What one GPU source reported.
#[derive(Debug, Clone, Default)]
pub(crate) struct GpuTrace {
    /// The device's name.
    pub(crate) name: Option<String>,
    /// Power, watts.
    pub(crate) watts: ThinSeries,
    /// Clock, MHz.
    pub(crate) mhz: ThinSeries,
}

/// What the processes of a role took together.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoleStats {
    /// How many there were at a time.
    pub(crate) count: Stat,
    pub(crate) sum: ProcessStats,
}

/// What one process took: in the whole run, and over time.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProcessTrace {
    pub(crate) stats: ProcessStats,
    /// One for each of [`PROCESS_FIGURES`].
    pub(crate) series: [ThinSeries; PROCESS_FIGURES.len()],
}

/// A figure of a process: its title, its unit, what a sample says of it, and what the whole run does.
pub(crate) type ProcessFigure = (
    &'static str,
    f64,
    fn(&ProcessSample) -> Option<f64>,
    fn(&ProcessStats) -> Stat,
);

/// Turns bytes into mebibytes.
pub(crate) const MIB: f64 = 1.0 / (1024.0 * 1024.0);

/// What is drawn of each process.
#[rustfmt::skip]
pub(crate) const PROCESS_FIGURES: [ProcessFigure; 6] = [
    ("CPU, % of one core", 1.0, |one| one.cpu_percent, |all| all.cpu_percent),
    ("memory, % of all", 1.0, |one| one.memory_percent, |all| all.memory_percent),
    ("RSS, MiB", MIB, |one| one.rss_bytes.map(|bytes| bytes as f64), |all| all.rss_bytes),
    ("threads", 1.0, |one| one.threads.map(f64::from), |all| all.threads),
    ("open descriptors", 1.0, |one| one.descriptors.map(f64::from), |all| all.descriptors),
    ("VSZ, MiB", MIB, |one| one.vsz_bytes.map(|bytes| bytes as f64), |all| all.vsz_bytes),
];

impl Default for CycleSpeed {
    fn default() -> Self {
        Self {
            traces: Even::new(TRACES),
            mean: ThinSeries::new(MEAN_POINTS),
            latest: None,
        }
    }
}

impl Gathered {
    /// Takes one more event.
    pub(crate) fn apply(&mut self, event: &Event) {
        match &event.what {
            EventKind::Progress { cycle, requests } => self.progress(event.at, *cycle, requests),
            EventKind::FirstToken { id, .. } => {
                let following = Following {
                    latest: (event.at, 1),
                    speed: ThinSeries::new(TRACE_POINTS),
                };
                self.following.insert(*id, following);
            }
            EventKind::RequestEnded(record) => self.end_request(record),
            EventKind::Gpu(sample) => self.gpu(event.at, sample),
            EventKind::Processes(table) => {
                self.processes(event.at, table);
                self.roles(table);
            }
            _ => {}
        }
        if let Some(text) = self.happening(&event.what) {
            self.happenings.push((event.at, text));
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
                following.speed.push(middle, Some(speed));
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
                speed.mean.push(middle, Some(sum / f64::from(n)));
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
        trace.watts.push(at.secs(), sample.watts);
        trace.mhz.push(at.secs(), sample.mhz);
    }

    fn processes(&mut self, at: Stamp, table: &[ProcessSample]) {
        for sample in table {
            let trace = self.processes.entry(sample.id()).or_default();
            trace.stats.push(sample);
            for ((.., value, _), series) in PROCESS_FIGURES.iter().zip(&mut trace.series) {
                series.push(at.secs(), value(sample));
            }
        }
    }

    /// Adds a table to the levels that have load now, or to the time in which nothing is asked.
    fn roles(&mut self, table: &[ProcessSample]) {
        let cycles = self.state.cycles.iter().rev();
        let running = cycles.take_while(|cycle| cycle.ended.is_none());
        let mut places: Vec<Option<u32>> = running
            .filter(|cycle| cycle.opened.is_some())
            .map(|cycle| Some(cycle.users))
            .collect();
        if places.is_empty() {
            places.push(None);
        }
        let mut by_role: BTreeMap<&str, Vec<&ProcessSample>> = BTreeMap::new();
        for sample in table {
            let role = sample.role.as_deref().unwrap_or_default();
            by_role.entry(role).or_default().push(sample);
        }
        for (role, samples) in by_role {
            let sum = summed(&samples);
            for place in &places {
                let levels = self.roles.entry(role.to_owned()).or_default();
                let stats = levels.entry(*place).or_default();
                stats.count.push(Some(samples.len() as f64));
                stats.sum.push(&sum);
            }
        }
    }

    /// What a reader should know of how the run went, in words.
    fn happening(&self, what: &EventKind) -> Option<String> {
        Some(match what {
            EventKind::Paused => "paused by the user".to_owned(),
            EventKind::Resumed => "continued by the user".to_owned(),
            // A run that finds its own levels changes them all the time.
            EventKind::LevelsChanged { upcoming } if !self.state.is_settling() => {
                let levels: Vec<String> = upcoming.iter().map(u32::to_string).collect();
                if levels.is_empty() {
                    "levels to come changed to none".to_owned()
                } else {
                    format!("levels to come changed to {}", levels.join(", "))
                }
            }
            EventKind::CycleEnded { cycle, why } => {
                let mut cycles = self.state.cycles.iter().rev();
                let of = cycles.find(|state| state.cycle == *cycle)?;
                let how = match why {
                    CycleEnd::Done => return None,
                    CycleEnd::Skipped => "skipped by the user",
                    CycleEnd::Stopped => "stopped before its end",
                    CycleEnd::ServerGone => "broken off: the server went away",
                };
                format!("the cycle with {} was {how}", users(of.users))
            }
            EventKind::ServerGone { patience_s } => format!(
                "the server went away; waited for it for at most {}",
                seconds(Some(*patience_s))
            ),
            EventKind::ServerBack => "the server was back".to_owned(),
            EventKind::Continued { gap_s, .. } => {
                format!("resumed after {} without a run", seconds(Some(*gap_s)))
            }
            _ => return None,
        })
    }
}

/// Several processes as one; a figure that one of them does not report is not known.
fn summed(samples: &[&ProcessSample]) -> ProcessSample {
    fn sum<T: std::iter::Sum>(
        samples: &[&ProcessSample],
        figure: impl Fn(&ProcessSample) -> Option<T>,
    ) -> Option<T> {
        samples.iter().map(|sample| figure(sample)).sum()
    }
    ProcessSample {
        threads: sum(samples, |sample| sample.threads),
        descriptors: sum(samples, |sample| sample.descriptors),
        rss_bytes: sum(samples, |sample| sample.rss_bytes),
        vsz_bytes: sum(samples, |sample| sample.vsz_bytes),
        cpu_percent: sum(samples, |sample| sample.cpu_percent),
        memory_percent: sum(samples, |sample| sample.memory_percent),
        ..ProcessSample::default()
    }
}
