//! Energy of the cycles of an imported run, and of the whole of it, from its samples.
//!
//! How joules follow from samples is told in [`crate::monitor::energy`]. Samples of one instant are one sample,
//! their mean: where several samplers ran at once, the same time counts once. A step over 5 s is a gap:
//! nothing is known of it, and nothing is made up.

use std::collections::BTreeMap;

use super::energy::{EnergySummary, scope_key};
use super::state::{CycleState, RunState};
use crate::event::{GpuSample, PowerScope, Stamp};
use crate::monitor::energy::meter::{Meter as Devices, Metered};
use crate::monitor::energy::{LEAST_COVERAGE, LONGEST_STEP_S};

/// Joules of a watt-hour.
const WH: f64 = 3600.0;

/// What a run's samples say of power.
#[derive(Debug, Clone, Default)]
pub struct Power {
    devices: BTreeMap<String, Vec<Reading>>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Stamp,
    watts: Option<f64>,
    window_s: Option<f64>,
    counter_j: Option<f64>,
    scope: Option<PowerScope>,
    serves: Option<bool>,
}

/// Answers how much energy a span took.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    devices: Devices,
    counting: Vec<String>,
}

/// Energy of a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Used {
    /// Energy of the covered part, all devices that count together, joules.
    pub joules: f64,
    /// How much of the span samples cover, seconds; of several devices, the least.
    pub covered_s: f64,
    /// Length of the span, seconds.
    pub span_s: f64,
    /// What was measured.
    pub scope: Option<PowerScope>,
}

impl Used {
    /// The share of the span that is covered, 0–1.
    pub fn coverage(&self) -> f64 {
        if self.span_s > 0.0 {
            (self.covered_s / self.span_s).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }
}

impl Power {
    /// Takes one sample.
    pub fn push(&mut self, at: Stamp, sample: &GpuSample) {
        let reading = Reading {
            at,
            watts: sample.watts,
            window_s: sample.window_s,
            counter_j: sample.energy_counter_j,
            scope: sample.scope,
            serves: sample.serves,
        };
        match self.devices.get_mut(&sample.source) {
            Some(readings) => readings.push(reading),
            None => {
                self.devices.insert(sample.source.clone(), vec![reading]);
            }
        }
    }

    /// The meter over all samples so far.
    pub fn meter(&self) -> Meter {
        let mut meter = Meter::default();
        let mut last = Stamp(0);
        for (source, readings) in &self.devices {
            for reading in merged(readings) {
                last = last.max(reading.at);
                let sample = GpuSample {
                    source: source.clone(),
                    watts: reading.watts,
                    window_s: reading.window_s,
                    energy_counter_j: reading.counter_j,
                    scope: reading.scope,
                    serves: reading.serves,
                    ..GpuSample::default()
                };
                meter.devices.push(reading.at, &sample);
            }
        }
        let all = meter.devices.between(Stamp(0), last);
        meter.counting = all.map_or_else(Vec::new, |all| all.devices);
        meter
    }

    /// Stretches between two samples, within `from..to`, in which nothing is known: begin and length, seconds.
    pub fn gaps(&self, from: Stamp, to: Stamp) -> Vec<(f64, f64)> {
        let mut gaps = Vec::new();
        for readings in self.devices.values() {
            let inside = readings.iter().filter(|r| r.at >= from && r.at <= to);
            let mut last: Option<Stamp> = None;
            for reading in inside {
                if let Some(last) = last.filter(|last| reading.at.since(*last) > LONGEST_STEP_S) {
                    gaps.push((last.secs(), reading.at.since(last)));
                }
                last = Some(reading.at);
            }
        }
        gaps
    }
}

/// Readings of one instant become one: their mean.
fn merged(readings: &[Reading]) -> Vec<Reading> {
    let mut sorted: Vec<Reading> = readings.to_vec();
    sorted.sort_by_key(|reading| reading.at);
    let mean = |mut values: Vec<f64>| {
        // In order, so that the order in which they came makes no difference to the last digit.
        values.sort_by(f64::total_cmp);
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let one = |run: &[Reading]| {
        let pick = |of: fn(&Reading) -> Option<f64>| run.iter().filter_map(of);
        Some(Reading {
            watts: mean(pick(|reading| reading.watts).collect()),
            window_s: pick(|reading| reading.window_s).reduce(f64::max),
            counter_j: pick(|reading| reading.counter_j).reduce(f64::max),
            ..*run.first()?
        })
    };
    sorted
        .chunk_by(|a, b| a.at == b.at)
        .filter_map(one)
        .collect()
}

impl Meter {
    /// Whether the samples of `source` count.
    pub fn counts(&self, source: &str) -> bool {
        self.counting.is_empty() || self.counting.iter().any(|name| name == source)
    }

    /// The energy of `from..to`; None where no sample says anything of it.
    pub fn between(&self, from: Stamp, to: Stamp) -> Option<Used> {
        let Metered { energy, scope, .. } = self.devices.between(from, to)?;
        Some(Used {
            joules: energy.joules,
            covered_s: energy.covered_s,
            span_s: energy.span_s,
            scope,
        })
    }

    /// The energy of cycles together; those without a sample are left out. With it, the output tokens of
    /// the cycles whose samples cover them well enough, and the energy of these alone.
    pub fn of_cycles(&self, cycles: &[&CycleState], now: Stamp) -> Option<CycleEnergy> {
        let mut all: Option<CycleEnergy> = None;
        for cycle in cycles {
            let (from, to) = span(cycle, now);
            let Some(used) = self.between(from, to) else {
                continue;
            };
            let sum = all.get_or_insert_default();
            sum.used.joules += used.joules;
            sum.used.covered_s += used.covered_s;
            sum.used.span_s += used.span_s;
            sum.used.scope = used.scope;
            if used.coverage() >= LEAST_COVERAGE {
                sum.token_joules += used.joules;
                sum.tokens += cycle.output_tokens();
            }
        }
        all
    }
}

/// The energy of one or several cycles.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CycleEnergy {
    /// All of it.
    pub used: Used,
    /// That of the cycles that are covered well enough, joules.
    pub token_joules: f64,
    /// Their output tokens.
    pub tokens: u64,
}

impl CycleEnergy {
    /// Joules per output token.
    pub fn j_per_token(&self) -> Option<f64> {
        (self.tokens > 0).then(|| self.token_joules / self.tokens as f64)
    }
}

/// What was measured, as a stable word; samples that do not say it are of a GPU.
pub(super) fn word(scope: Option<PowerScope>) -> &'static str {
    scope_key(scope.unwrap_or(PowerScope::Gpu))
}

/// When the load of a cycle stood; until `now` where it has not ended.
fn span(cycle: &CycleState, now: Stamp) -> (Stamp, Stamp) {
    let from = cycle.opened.unwrap_or(cycle.started);
    (from, cycle.ended.unwrap_or(now))
}

/// The energy of a run; None where nothing was sampled.
pub fn of_run(run: &RunState) -> Option<EnergySummary> {
    let meter = run.power.meter();
    let all = meter.between(Stamp(0), run.now)?;
    let cycles: Vec<&CycleState> = run.cycles.iter().collect();
    let in_cycles = meter.of_cycles(&cycles, run.now);
    let inside = in_cycles.map_or(0.0, |energy| energy.used.joules);
    Some(EnergySummary {
        wh: Some(all.joules / WH),
        in_cycles_wh: Some(inside / WH),
        outside_wh: Some((all.joules - inside).max(0.0) / WH),
        gross_j_per_token: in_cycles.and_then(|energy| energy.j_per_token()),
        coverage: Some(all.coverage()),
        scope: Some(word(all.scope).to_owned()),
        devices: meter.counting,
        ..EnergySummary::default()
    })
}

#[cfg(test)]
#[path = "sampled_energy_tests.rs"]
mod tests;
