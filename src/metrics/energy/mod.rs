//! Joules out of samples: pure arithmetic on stamps.
//!
//! Between two samples the best that they carry is used: the difference of an energy counter; else the
//! mean power of a window; else the trapezoid between two momentary powers. A counter that runs
//! backwards, jumps or sticks is not believed for that step. What no sample covers is a gap: it is never
//! filled in, but reported as [`Energy::coverage`].
//!
//! Rules and limits of the sensors: energy of short spans is noise (ML.ENERGY: measure 5 s or more), and
//! the figure covers what its scope names, not the machine at the wall.

pub mod meter;
mod segments;
mod tokens;

use serde::Serialize;

pub use tokens::{Cost, LEAST_COVERAGE, LEAST_SPAN_S, TokenEnergy};

use crate::event::{EnergyBaseline, GpuSample, PowerScope, Stamp};
use crate::text::numbers::u32_of;

/// Two samples further apart than this, seconds, have a gap between them that power cannot bridge.
/// (An energy counter can: it continued counting.)
pub const LONGEST_STEP_S: f64 = 5.0;
/// Power that was older than this when it was taken over, seconds, says nothing of now. (Exporters that look
/// every 30 s are common.)
const OLDEST_S: f64 = 30.0;

/// What one sample says about power, and when.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PowerPoint {
    /// When it was taken.
    pub at: Stamp,
    /// Power, watts.
    pub watts: Option<f64>,
    /// The window that `watts` is the mean of, ending at `at`, seconds; None for an instant.
    pub window_s: Option<f64>,
    /// Energy counter, joules.
    pub counter_j: Option<f64>,
}

impl PowerPoint {
    /// What `sample`, taken at `at`, says about power.
    pub fn new(at: Stamp, sample: &GpuSample) -> Self {
        let sane = |value: Option<f64>| value.filter(|x| x.is_finite() && *x >= 0.0);
        let is_old = sample.age_s.is_some_and(|age_s| age_s > OLDEST_S);
        Self {
            at,
            watts: sane(sample.watts).filter(|_| !is_old),
            window_s: sane(sample.window_s),
            counter_j: sane(sample.energy_counter_j),
        }
    }
}

/// Energy of a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Energy {
    /// Energy of the covered part, joules.
    pub joules: f64,
    /// Length of the span, seconds.
    pub span_s: f64,
    /// How much of it samples cover, seconds.
    pub covered_s: f64,
    /// The highest power of a step, watts.
    pub max_watts: Option<f64>,
    /// Seconds that an energy counter covers; the rest comes from power.
    pub counted_s: f64,
    /// Steps at which the counter was not believed.
    pub doubted: u32,
}

impl Energy {
    /// The share of the span that is covered, 0–1.
    pub fn coverage(&self) -> f64 {
        if self.span_s > 0.0 {
            (self.covered_s / self.span_s).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// Mean power of the covered part, watts.
    pub fn mean_watts(&self) -> Option<f64> {
        (self.covered_s > 0.0).then(|| self.joules / self.covered_s)
    }

    /// Adds the energy of another time.
    pub fn add(&mut self, other: &Self) {
        self.joules += other.joules;
        self.span_s += other.span_s;
        self.covered_s += other.covered_s;
        self.counted_s += other.counted_s;
        self.doubted += other.doubted;
        let highest = [self.max_watts, other.max_watts].into_iter().flatten();
        self.max_watts = highest.reduce(f64::max);
    }

    /// Watt-hours of the covered part.
    pub fn wh(&self) -> f64 {
        self.joules / 3600.0
    }
}

/// The energy of the span `from..to` by the samples of one device, in the order of their stamps. None
/// if none of them says anything about it.
pub fn energy_between(points: &[PowerPoint], from: Stamp, to: Stamp) -> Option<Energy> {
    let (segments, doubted) = segments::segments(points);
    let mut energy = Energy {
        span_s: to.since(from),
        ..Energy::default()
    };
    for segment in &segments {
        let Some(part) = segment.within(from.secs(), to.secs()) else {
            continue;
        };
        energy.joules += part.joules();
        energy.covered_s += part.seconds();
        if part.counted {
            energy.counted_s += part.seconds();
        }
        let highest = part.highest_watts();
        energy.max_watts = Some(energy.max_watts.map_or(highest, |max| max.max(highest)));
    }
    let inside = |at: &&f64| **at > from.secs() && **at <= to.secs();
    energy.doubted = u32_of(doubted.iter().filter(inside).count());
    (energy.covered_s > 0.0).then_some(energy)
}

/// Several devices of one scope as one: energies add up; what not all of them cover is not covered.
/// The highest power is that of all their highest, an upper bound.
pub fn sum(energies: &[Energy]) -> Option<Energy> {
    let first = energies.first()?;
    let add = |get: fn(&Energy) -> f64| energies.iter().map(get).sum::<f64>();
    let least = |get: fn(&Energy) -> f64| energies.iter().map(get).fold(f64::INFINITY, f64::min);
    Some(Energy {
        joules: add(|energy| energy.joules),
        span_s: first.span_s,
        covered_s: least(|energy| energy.covered_s),
        max_watts: energies.iter().map(|energy| energy.max_watts).sum(),
        counted_s: least(|energy| energy.counted_s),
        doubted: energies.iter().map(|energy| energy.doubted).sum(),
    })
}

/// The power of the warm but idle machine over `from..to`. None where less than
/// [`LEAST_COVERAGE`] of it is covered.
pub fn baseline(energy: &Energy, scope: Option<PowerScope>) -> Option<EnergyBaseline> {
    let watts = energy.mean_watts()?;
    (energy.coverage() >= LEAST_COVERAGE).then_some(EnergyBaseline {
        watts,
        seconds: energy.span_s,
        scope,
    })
}

#[cfg(test)]
mod sampled_tests;
#[cfg(test)]
mod tests;
