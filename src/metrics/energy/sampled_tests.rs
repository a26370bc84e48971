//! Samples as importers have them: of no window, from several samplers at once, in any order.

use proptest::prelude::*;

use super::*;
use crate::metrics::energy::meter::Meter;

fn at(seconds: f64) -> Stamp {
    Stamp(crate::text::numbers::floor_u64((seconds * 1e6).round()))
}

fn watts(source: &str, watts: f64) -> GpuSample {
    GpuSample {
        source: source.to_owned(),
        watts: Some(watts),
        ..GpuSample::default()
    }
}

fn power(samples: &[(f64, f64)]) -> Meter {
    let mut power = Meter::default();
    for (seconds, value) in samples {
        power.push(at(*seconds), &watts("gpu", *value));
    }
    power
}

fn near(value: f64, expected: f64) {
    assert!((value - expected).abs() < 1e-6, "{value} is not {expected}");
}

#[test]
fn a_trapezoid_between_samples_and_nothing_over_a_gap() {
    // 10 → 20 W in 2 s, then 6 s of nothing, then 20 W for 1 s.
    let power = power(&[(0.0, 10.0), (2.0, 20.0), (8.0, 20.0), (9.0, 20.0)]);
    let used = power.between(at(0.0), at(10.0)).unwrap().energy;
    near(used.joules, 30.0 + 20.0);
    near(used.covered_s, 3.0);
    near(used.coverage(), 0.3);
    assert_eq!(power.gaps(at(0.0), at(10.0)), [(2.0, 6.0)]);
    // Half of the first step: from 10 W to 15 W.
    near(power.between(at(0.0), at(1.0)).unwrap().energy.joules, 12.5);
    assert_eq!(power.between(at(3.0), at(7.0)), None);
    assert_eq!(Meter::default().between(at(0.0), at(1.0)), None);
}

#[test]
fn five_seconds_are_a_step_and_a_little_more_is_not() {
    let joules = |step: f64| {
        let used = power(&[(0.0, 10.0), (step, 10.0)]);
        used.between(at(0.0), at(step))
            .map(|used| used.energy.joules)
    };
    assert_eq!(joules(5.0), Some(50.0));
    assert_eq!(joules(5.1), None);
}

#[test]
fn the_same_minute_from_two_samplers_counts_once() {
    let one: Vec<(f64, f64)> = (0..=60).map(|second| (f64::from(second), 20.0)).collect();
    let mut both = one.clone();
    both.extend((0..60).map(|second| (f64::from(second), 22.0)));
    let used = power(&both).between(at(0.0), at(60.0)).unwrap().energy;
    near(used.covered_s, 60.0);
    // 21 W but for the last half step, which only one of them saw the end of.
    near(used.joules, 21.0 * 60.0 - 0.5);
}

#[test]
fn the_package_counts_only_without_a_gpu() {
    let of = |source: &str, value: f64, scope| GpuSample {
        scope: Some(scope),
        ..watts(source, value)
    };
    let mut power = Meter::default();
    for second in 0..3 {
        power.push(
            at(f64::from(second)),
            &of("rapl:0", 65.0, PowerScope::Package),
        );
    }
    let used = power.between(at(0.0), at(2.0)).unwrap();
    near(used.energy.joules, 130.0);
    assert_eq!(used.scope, Some(PowerScope::Package));
    for second in 0..3 {
        power.push(at(f64::from(second)), &of("a", 10.0, PowerScope::Gpu));
        power.push(at(f64::from(second)), &of("b", 5.0, PowerScope::Gpu));
    }
    near(power.between(at(0.0), at(2.0)).unwrap().energy.joules, 30.0);
    assert_eq!(power.counting(), ["a", "b"]);
}

proptest! {
    #[test]
    fn the_order_of_samples_makes_no_difference_and_parts_add_up(
        samples in prop::collection::vec((0..60_u32, 0.0..100.0_f64), 2..80),
        turn in 0..80_usize,
        cut in 0.0..60.0_f64,
    ) {
        let samples: Vec<(f64, f64)> =
            samples.iter().map(|(second, watts)| (f64::from(*second), *watts)).collect();
        let mut turned = samples.clone();
        turned.rotate_left(turn.min(samples.len()));
        turned.reverse();
        let joules = |samples: &[(f64, f64)], from: f64, to: f64| {
            power(samples).between(at(from), at(to)).map_or(0.0, |used| used.energy.joules)
        };
        let whole = joules(&samples, 0.0, 60.0);
        prop_assert!((whole - joules(&turned, 0.0, 60.0)).abs() < 1e-9);
        let parts = joules(&samples, 0.0, cut) + joules(&samples, cut, 60.0);
        prop_assert!((whole - parts).abs() < 1e-3 * whole.max(1.0));
    }
}
