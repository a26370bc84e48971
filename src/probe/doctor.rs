//! What can be measured here, what not, why, and the one command that fixes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::event::{GpuSample, RunClock};
use crate::probe::sampler::{Sampler, SourceState};
use crate::probe::source::{Observation, Source};
use crate::text::numbers::u32_of;

/// Readings after which a device that has reported no power will not report any.
const READINGS: u32 = 3;
/// Descriptors that a run needs beside one for each user.
const OWN_DESCRIPTORS: u64 = 64;

/// What the doctor looks at. Everything outside comes in here, so that tests can replace it.
pub struct Probes<'a> {
    /// The sources to try, each by itself.
    pub sources: Vec<Box<dyn Source>>,
    /// Time between two readings of a source.
    pub tick: Duration,
    /// How long to wait for the slowest source.
    pub patience: Duration,
    /// Looks for servers.
    pub servers: &'a dyn Fn() -> Vec<ServerReport>,
    /// The address that was asked for: without a server there no run can be made.
    pub asked: Option<String>,
    /// The descriptor limit now, and the most it can be raised to.
    pub descriptors: Option<(u64, u64)>,
    /// Users of the largest level that is asked for.
    pub users: u32,
    /// What the terminal can do, each with its name.
    pub terminal: Vec<(String, String)>,
}

/// The doctor's report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The shape of this object.
    pub schema: &'static str,
    /// The version of tokometer.
    pub tokometer: &'static str,
    /// Whether a run can be made here: a server was found (the one that was asked for, if one was), and
    /// descriptors suffice.
    pub ok: bool,
    /// The sources, those that measure first.
    pub sources: Vec<SourceReport>,
    /// The servers looked for.
    pub servers: Vec<ServerReport>,
    /// The descriptor limit.
    pub descriptors: Option<Descriptors>,
    /// What the terminal can do.
    pub terminal: BTreeMap<String, String>,
}

/// One source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceReport {
    /// Its name.
    pub source: String,
    /// `live` where it measures; else what keeps it from that.
    pub state: SourceState,
    /// The devices it sees.
    pub devices: Vec<DeviceReport>,
    /// Why it does not measure.
    pub why: Option<String>,
    /// What fixes it.
    #[serde(rename = "mend")]
    pub fix: Option<String>,
}

/// One device of a source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceReport {
    pub name: String,
    /// What is measured of it, with the value of the moment.
    pub measures: Vec<String>,
    /// What is not.
    pub missing: Vec<String>,
    /// What its power covers.
    pub scope: Option<String>,
    /// What a reader of its figures should know.
    pub note: Option<String>,
}

/// One place where a server may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerReport {
    /// The address.
    pub url: String,
    /// Who usually listens there.
    pub usually: String,
    /// Who does: name and version.
    pub found: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
}

/// The descriptor limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Descriptors {
    /// The limit now.
    pub soft: u64,
    /// The most it can be raised to without root.
    pub hard: u64,
    /// What the largest level needs.
    pub needed: u64,
}

impl Descriptors {
    /// Whether the run has enough: it raises its own limit where it may.
    pub fn suffice(&self) -> bool {
        self.hard >= self.needed
    }
}

/// Examines everything; takes at most the patient's patience, and the probes' own time.
pub fn run_checks(patient: Probes<'_>) -> Report {
    let servers = (patient.servers)();
    let descriptors = patient.descriptors.map(|(soft, hard)| Descriptors {
        soft,
        hard,
        needed: u64::from(patient.users) + OWN_DESCRIPTORS,
    });
    let is_wanted = |server: &ServerReport| {
        let asked = patient.asked.as_ref().is_none_or(|url| *url == server.url);
        asked && server.found.is_some()
    };
    let sources = try_all(patient.sources, patient.tick, patient.patience);
    let enough = descriptors.as_ref().is_none_or(Descriptors::suffice);
    Report {
        schema: "tokometer/doctor/1",
        tokometer: env!("CARGO_PKG_VERSION"),
        ok: enough && servers.iter().any(is_wanted),
        sources,
        servers,
        descriptors,
        terminal: patient.terminal.into_iter().collect(),
    }
}

/// Lets every source try, all at once, until each has said what it can or the time is over.
fn try_all(sources: Vec<Box<dyn Source>>, tick: Duration, patience: Duration) -> Vec<SourceReport> {
    let deadline = Instant::now() + patience;
    let names: Vec<String> = sources.iter().map(|source| source.name()).collect();
    // One watch each, so that what is seen is known to be its.
    let watches: Vec<Sampler> = sources
        .into_iter()
        .map(|source| Sampler::start(RunClock::start(), tick, vec![source]))
        .collect();
    let mut latest: Vec<(u32, BTreeMap<String, GpuSample>)> =
        vec![(0, BTreeMap::new()); watches.len()];
    loop {
        let mut settled = true;
        for (watch, (count, samples)) in watches.iter().zip(&mut latest) {
            for (_, seen) in watch.take() {
                if let Observation::Gpu(sample) = seen {
                    *count += 1;
                    samples.insert(sample.source.clone(), sample);
                }
            }
            let gave_up = watch
                .status()
                .iter()
                .all(|status| matches!(status.state, SourceState::Absent | SourceState::Unusable));
            // Power from a counter needs a second reading; some never report any.
            let readings = u32_of(samples.len()).saturating_mul(READINGS);
            let powered = samples.values().any(|sample| sample.watts.is_some());
            let complete = powered || (*count > 0 && *count >= readings);
            settled &= gave_up || complete;
        }
        if settled || Instant::now() >= deadline {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut reports: Vec<SourceReport> = names
        .into_iter()
        .zip(&watches)
        .zip(latest)
        .map(|((name, watch), (_, samples))| report(name, watch, samples))
        .collect();
    reports.sort_by_key(|report| report.devices.is_empty());
    reports
}

fn report(name: String, watch: &Sampler, samples: BTreeMap<String, GpuSample>) -> SourceReport {
    let status = watch.status().into_iter().next();
    let fault = status.as_ref().and_then(|status| status.fault.clone());
    let state = match status.map(|status| status.state) {
        Some(_) if !samples.is_empty() => SourceState::Live,
        Some(state) => state,
        None => SourceState::Absent,
    };
    let devices: Vec<DeviceReport> = samples.into_values().map(device).collect();
    let silent = || devices.is_empty().then(|| "it does not answer".to_owned());
    SourceReport {
        source: name,
        state,
        why: fault
            .as_ref()
            .map(|fault| fault.why.clone())
            .or_else(silent),
        fix: fault.and_then(|fault| fault.fix),
        devices,
    }
}

fn device(sample: GpuSample) -> DeviceReport {
    let gibibytes = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let figures: [(&str, Option<String>); 6] = [
        ("power", sample.watts.map(|watts| format!("{watts:.1} W"))),
        ("clock", sample.mhz.map(|mhz| format!("{mhz:.0} MHz"))),
        (
            "usage",
            sample
                .usage_percent
                .map(|percent| format!("{percent:.0} %")),
        ),
        (
            "memory",
            sample
                .vram_used_bytes
                .map(|bytes| format!("{:.1} GiB", gibibytes(bytes))),
        ),
        (
            "temperature",
            sample.celsius.map(|celsius| format!("{celsius:.0} °C")),
        ),
        (
            "energy counter",
            sample.energy_counter_j.map(|_| "yes".to_owned()),
        ),
    ];
    let mut report = DeviceReport {
        name: sample.name.unwrap_or(sample.source),
        measures: Vec::new(),
        missing: Vec::new(),
        scope: sample.scope.map(|scope| scope.to_string()),
        note: sample.note,
    };
    for (name, value) in figures {
        match value {
            Some(value) => report.measures.push(format!("{name} {value}")),
            None => report.missing.push(name.to_owned()),
        }
    }
    report
}

impl Report {
    /// The report as text, a line a fact.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "tokometer {}\n\nPower, clock, usage", self.tokometer)?;
        for source in &self.sources {
            source.write(out)?;
        }
        writeln!(out, "\nServers")?;
        for server in &self.servers {
            match (&server.found, &server.error) {
                (Some(found), _) => writeln!(out, "  ok  {:<26} {found}", server.url)?,
                (None, Some(error)) => {
                    writeln!(out, "  –   {:<26} {} ({error})", server.url, server.usually)?;
                }
                (None, None) => writeln!(out, "  –   {:<26} {}", server.url, server.usually)?,
            }
        }
        if let Some(limit) = self.descriptors {
            let mark = if limit.suffice() { "ok " } else { "no " };
            let Descriptors { soft, hard, needed } = limit;
            writeln!(
                out,
                "\nDescriptors\n  {mark} {soft} now, {hard} at most, {needed} needed"
            )?;
            if !limit.suffice() {
                writeln!(
                    out,
                    "      fix: sudo sh -c \"ulimit -n {needed}; exec su $USER\", then start tokometer there"
                )?;
            }
        }
        if !self.terminal.is_empty() {
            writeln!(out, "\nTerminal")?;
        }
        for (name, value) in &self.terminal {
            writeln!(out, "      {name:<14} {value}")?;
        }
        Ok(())
    }
}

impl SourceReport {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        for device in &self.devices {
            let scope = device.scope.as_deref().unwrap_or("unknown scope");
            writeln!(out, "  ok  {:<13} {} ({scope})", self.source, device.name)?;
            writeln!(out, "      measures {}", device.measures.join(", "))?;
            if !device.missing.is_empty() {
                writeln!(out, "      without {}", device.missing.join(", "))?;
            }
            if let Some(note) = &device.note {
                writeln!(out, "      note: {note}")?;
            }
        }
        if self.devices.is_empty() {
            let mark = if self.state == SourceState::Absent {
                "–  "
            } else {
                "no "
            };
            let why = self.why.as_deref().unwrap_or("unknown");
            writeln!(out, "  {mark} {:<13} {why}", self.source)?;
        }
        match &self.fix {
            Some(fix) => writeln!(out, "      fix: {fix}"),
            None => Ok(()),
        }
    }
}
