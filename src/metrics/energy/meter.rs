//! The energy of a run: the samples of all devices, asked for any span.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::{GpuSample, PowerScope, Stamp};
use crate::metrics::energy::{Energy, LONGEST_STEP_S, PowerPoint, energy_between, sum};

/// Which scope counts where several are measured: the one nearest to what the tokens cost.
const PREFERRED: [PowerScope; 4] = [
    PowerScope::Gpu,
    PowerScope::Soc,
    PowerScope::Board,
    PowerScope::Package,
];

/// Collects the samples of a run.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    devices: BTreeMap<String, Device>,
}

#[derive(Debug, Clone, Default)]
struct Device {
    /// In the order of their stamps.
    points: Vec<PowerPoint>,
    /// Of how many samples the power of each point is the mean.
    of_one_instant: Vec<u32>,
    is_powered: bool,
    scope: Option<PowerScope>,
    /// Whether the server was ever seen to compute on it.
    serves: Option<bool>,
    simulated: bool,
}

/// Energy of a span, and what it covers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metered {
    /// The energy of all devices that count.
    pub energy: Energy,
    /// What it covers: always to be named beside the figure.
    pub scope: Option<PowerScope>,
    /// The devices that count.
    pub devices: Vec<String>,
    /// Whether any of them is made up.
    pub simulated: bool,
}

impl Meter {
    /// Takes one more sample, in whatever order they come. Samples of one instant are one, their mean: where
    /// several samplers ran at once, the same time counts once.
    pub fn push(&mut self, at: Stamp, sample: &GpuSample) {
        let device = self.devices.entry(sample.source.clone()).or_default();
        device.take(PowerPoint::new(at, sample));
        device.scope = sample.scope.or(device.scope);
        device.simulated |= sample.simulated;
        device.serves = match (device.serves, sample.serves) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (before, now) => now.or(before),
        };
    }

    /// Nothing was measured for a while that the stamps do not show: what comes from now on is no
    /// continuation.
    pub fn interrupt(&mut self, at: Stamp) {
        for device in self.devices.values_mut() {
            device.take(PowerPoint {
                at,
                ..PowerPoint::default()
            });
        }
    }

    /// The devices that count: of the preferred scope, those that the server computes on; where that is
    /// not known, all that report their power.
    pub fn counting(&self) -> Vec<&str> {
        self.counted().into_iter().map(|(name, _)| name).collect()
    }

    fn counted(&self) -> Vec<(&str, &Device)> {
        let powered = || {
            let all = self.devices.iter();
            all.filter(|(_, device)| device.is_powered)
        };
        let mut scopes = PREFERRED.iter().copied().map(Some).chain([None]);
        let scope = scopes.find(|scope| powered().any(|(_, device)| device.scope == *scope));
        let of_scope = || powered().filter(|(_, device)| Some(device.scope) == scope);
        let known = of_scope().any(|(_, device)| device.serves == Some(true));
        of_scope()
            .filter(|(_, device)| !known || device.serves != Some(false))
            .map(|(name, device)| (name.as_str(), device))
            .collect()
    }

    /// The energy of `from..to` over the devices that count; None where one of them has no data.
    pub fn between(&self, from: Stamp, to: Stamp) -> Option<Metered> {
        let counted = self.counted();
        let energies: Option<Vec<Energy>> = counted
            .iter()
            .map(|(_, device)| energy_between(device.near(from, to), from, to))
            .collect();
        Some(Metered {
            energy: sum(&energies?)?,
            scope: counted.first()?.1.scope,
            devices: counted.iter().map(|(name, _)| (*name).to_owned()).collect(),
            simulated: counted.iter().any(|(_, device)| device.simulated),
        })
    }

    /// The energy of one device over several spans, whether it counts or not; None where it has no data for any.
    pub fn for_device(
        &self,
        name: &str,
        spans: impl IntoIterator<Item = (Stamp, Stamp)>,
    ) -> Option<Energy> {
        let device = self.devices.get(name)?;
        let spans = spans.into_iter();
        let known = spans.filter_map(|(from, to)| energy_between(device.near(from, to), from, to));
        known.reduce(|mut all, one| {
            all.add(&one);
            all
        })
    }

    /// Stretches between two samples of a device, within `from..to`, in which nothing is known: begin and
    /// length, seconds.
    pub fn gaps(&self, from: Stamp, to: Stamp) -> Vec<(f64, f64)> {
        let of_device = |device: &Device| {
            let inside = device.points.iter().map(|point| point.at);
            let inside: Vec<Stamp> = inside.filter(|at| *at >= from && *at <= to).collect();
            let steps = inside.iter().zip(inside.iter().skip(1));
            let steps = steps.map(|(last, next)| (last.secs(), next.since(*last)));
            let gaps = steps.filter(|(_, seconds)| *seconds > LONGEST_STEP_S);
            gaps.collect::<Vec<_>>()
        };
        self.devices.values().flat_map(of_device).collect()
    }
}

impl Device {
    /// Puts a point where it belongs.
    fn take(&mut self, point: PowerPoint) {
        self.is_powered |= point.watts.is_some() || point.counter_j.is_some();
        let index = self.points.partition_point(|other| other.at < point.at);
        let same = self
            .points
            .get_mut(index)
            .filter(|other| other.at == point.at);
        let (Some(one), Some(watts)) = (same, self.of_one_instant.get_mut(index)) else {
            self.points.insert(index, point);
            self.of_one_instant
                .insert(index, u32::from(point.watts.is_some()));
            return;
        };
        if let Some(value) = point.watts {
            let sum = one.watts.unwrap_or(0.0) * f64::from(*watts) + value;
            *watts += 1;
            one.watts = Some(sum / f64::from(*watts));
        }
        let larger = |a: Option<f64>, b: Option<f64>| a.into_iter().chain(b).reduce(f64::max);
        one.window_s = larger(one.window_s, point.window_s);
        one.counter_j = larger(one.counter_j, point.counter_j);
    }

    /// The points of a span, with a minute around it: counters that are stuck or slow show only there.
    fn near(&self, from: Stamp, to: Stamp) -> &[PowerPoint] {
        const AROUND_US: u64 = 60_000_000;
        let begin = Stamp(from.0.saturating_sub(AROUND_US));
        let end = Stamp(to.0.saturating_add(AROUND_US));
        let first = self.points.partition_point(|point| point.at < begin);
        // One more on each side: a long step reaches over the minute.
        let first = first.saturating_sub(1);
        let last = self.points.partition_point(|point| point.at <= end);
        let last = (last + 1).min(self.points.len());
        self.points.get(first..last).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(source: &str, watts: f64, scope: PowerScope, serves: Option<bool>) -> GpuSample {
        GpuSample {
            source: source.to_owned(),
            watts: Some(watts),
            window_s: Some(1.0),
            scope: Some(scope),
            serves,
            ..GpuSample::default()
        }
    }

    fn metered(samples: &[GpuSample]) -> Metered {
        let mut meter = Meter::default();
        for second in 0..=600 {
            for sample in samples {
                meter.push(Stamp(second * 1_000_000), sample);
            }
        }
        meter
            .between(Stamp(300_000_000), Stamp(310_000_000))
            .unwrap()
    }

    #[test]
    fn the_package_is_not_added_to_the_gpu() {
        let gpu = sample("nvml:a", 300.0, PowerScope::Gpu, None);
        let package = sample("rapl:0", 65.0, PowerScope::Package, None);
        let both = metered(&[gpu, package.clone()]);
        assert!((both.energy.joules - 3000.0).abs() < 1e-6);
        assert_eq!((both.scope, both.devices.len()), (Some(PowerScope::Gpu), 1));
        let alone = metered(&[package]);
        assert_eq!(alone.scope, Some(PowerScope::Package));
        assert!((alone.energy.joules - 650.0).abs() < 1e-6);
    }

    #[test]
    fn a_counter_does_not_bridge_an_interruption() {
        let of = |interrupted: bool| {
            let mut meter = Meter::default();
            for second in 0..=20_u64 {
                // Before the eleventh second a minute went by that no clock shows.
                let passed = if second > 10 { second + 60 } else { second };
                let mut gpu = sample("nvml:a", 300.0, PowerScope::Gpu, None);
                gpu.window_s = None;
                gpu.energy_counter_j = Some(300.0 * passed as f64);
                if interrupted && second == 11 {
                    meter.interrupt(Stamp(10_500_000));
                }
                meter.push(Stamp(second * 1_000_000), &gpu);
            }
            meter.between(Stamp(0), Stamp(20_000_000)).unwrap().energy
        };
        assert!(
            of(false).joules > 20_000.0,
            "18 kJ in a second are believed"
        );
        let apart = of(true);
        assert!((apart.joules - 19.0 * 300.0).abs() < 1e-6);
        assert!((apart.covered_s - 19.0).abs() < 1e-9);
    }

    #[test]
    fn cards_of_others_do_not_count() {
        let ours = sample("nvml:a", 300.0, PowerScope::Gpu, Some(true));
        let theirs = sample("nvml:b", 200.0, PowerScope::Gpu, Some(false));
        assert_eq!(metered(&[ours.clone(), theirs]).devices, ["nvml:a"]);
        let unknown = sample("nvml:c", 200.0, PowerScope::Gpu, None);
        let both = metered(&[ours, unknown]);
        assert!((both.energy.joules - 5000.0).abs() < 1e-6);
        assert!((both.energy.coverage() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_card_without_power_takes_nothing_away() {
        let ours = sample("a", 300.0, PowerScope::Gpu, None);
        let mut blind = sample("b", 0.0, PowerScope::Gpu, None);
        blind.watts = None;
        assert_eq!(metered(&[ours, blind]).devices, ["a"]);
        assert_eq!(Meter::default().between(Stamp(0), Stamp(1)), None);
    }
}
