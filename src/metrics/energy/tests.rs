use super::*;

fn at(seconds: f64) -> Stamp {
    Stamp(crate::text::numbers::floor_u64(seconds * 1e6))
}

/// A sample at `seconds`: watts, window, counter.
fn point(seconds: f64, watts: f64, window_s: Option<f64>, counter_j: Option<f64>) -> PowerPoint {
    PowerPoint {
        at: at(seconds),
        watts: (watts >= 0.0).then_some(watts),
        window_s,
        counter_j,
    }
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-6 * b.abs().max(1.0), "{a} is not {b}");
}

/// A minute of samples, one a second.
fn minute(make: impl Fn(f64) -> PowerPoint) -> Vec<PowerPoint> {
    (0..=60).map(|n| make(f64::from(n))).collect()
}

#[test]
fn a_counter_is_preferred_to_power() {
    // The momentary power says 100 W, the counter 40 W.
    let points = minute(|t| point(t, 100.0, None, Some(1000.0 + 40.0 * t)));
    let energy = energy_between(&points, at(10.0), at(40.0)).unwrap();
    close(energy.joules, 1200.0);
    close(energy.counted_s, 30.0);
    close(energy.coverage(), 1.0);
    assert_eq!(energy.doubted, 0);
}

#[test]
fn steady_state_joules_per_token_are_watts_by_tokens_a_second() {
    let (watts, tok_s) = (31.9, 158.4);
    for make in [
        |t: f64| point(t, 31.9, None, Some(31.9 * t)),
        |t: f64| point(t, 31.9, Some(1.0), None),
        |t: f64| point(t, 31.9, None, None),
    ] {
        let energy = energy_between(&minute(make), at(5.3), at(55.3)).unwrap();
        let tokens = crate::text::numbers::floor_u64(tok_s * 50.0);
        let idle = EnergyBaseline {
            watts: 4.0,
            seconds: 10.0,
            scope: None,
        };
        let cost = TokenEnergy::new(&energy, tokens, Some(&idle));
        close(cost.gross_j_per_token.unwrap(), watts / tok_s);
        close(cost.net_j_per_token.unwrap(), (watts - 4.0) / tok_s);
        close(cost.tokens_per_wh.unwrap(), 3600.0 * tok_s / watts);
        close(energy.wh(), watts * 50.0 / 3600.0);
        close(energy.mean_watts().unwrap(), watts);
    }
}

#[test]
fn a_reset_counter_is_replaced_by_power_for_that_step() {
    let points: Vec<_> = minute(|t| {
        let counter = if t < 30.0 {
            5000.0 + 40.0 * t
        } else {
            40.0 * (t - 30.0)
        };
        point(t, 50.0, None, Some(counter))
    });
    let energy = energy_between(&points, at(0.0), at(60.0)).unwrap();
    close(energy.joules, 59.0 * 40.0 + 50.0);
    assert_eq!(energy.doubted, 1);
    close(energy.coverage(), 1.0);
}

#[test]
fn a_jump_of_the_counter_is_not_energy() {
    let points = minute(|t| {
        let jump = if t >= 20.0 { 1e9 } else { 0.0 };
        point(t, 40.0, None, Some(40.0 * t + jump))
    });
    let energy = energy_between(&points, at(0.0), at(60.0)).unwrap();
    close(energy.joules, 2400.0);
    assert_eq!(energy.doubted, 1);
}

#[test]
fn a_doubted_step_without_power_is_a_gap() {
    let points = minute(|t| {
        let counter = if t < 30.0 {
            5000.0 + 40.0 * t
        } else {
            40.0 * (t - 30.0)
        };
        point(t, -1.0, None, Some(counter))
    });
    let energy = energy_between(&points, at(0.0), at(60.0)).unwrap();
    close(energy.joules, 59.0 * 40.0);
    close(energy.coverage(), 59.0 / 60.0);
}

#[test]
fn a_stuck_counter_is_replaced_by_power() {
    let points = minute(|t| point(t, 40.0, None, Some(40.0 * t.min(20.0))));
    let energy = energy_between(&points, at(0.0), at(60.0)).unwrap();
    close(energy.joules, 2400.0);
    assert_eq!(energy.doubted, 40);
    close(energy.counted_s, 20.0);
}

#[test]
fn a_counter_stuck_for_a_while_does_not_count_twice() {
    // It stands still from 20 to 30 s and then continues as if nothing had been.
    let points = minute(|t| {
        let lost = (t - 20.0).clamp(0.0, 10.0);
        point(t, 40.0, None, Some(40.0 * (t - lost)))
    });
    close(
        energy_between(&points, at(0.0), at(60.0)).unwrap().joules,
        2400.0,
    );
}

#[test]
fn a_slow_counter_is_no_stuck_one() {
    // An exporter that looks every 10 s: nine steps of nothing, then all at once.
    let points = minute(|t| point(t, 40.0, None, Some(40.0 * (t / 10.0).floor() * 10.0)));
    let energy = energy_between(&points, at(0.0), at(60.0)).unwrap();
    close(energy.joules, 2400.0);
    assert_eq!(energy.doubted, 0);
}

#[test]
fn an_idle_counter_may_stand_still() {
    let points = minute(|t| point(t, 0.5, None, Some(7.0 + t * 0.0)));
    let energy = energy_between(&points, at(0.0), at(60.0)).unwrap();
    close(energy.joules, 0.0);
    assert_eq!(energy.doubted, 0);
}

#[test]
fn windows_are_exact_and_what_they_leave_out_is_a_gap() {
    // Reports of one second, one of which never came.
    let mut points = minute(|t| point(t, 20.0, Some(1.009), None));
    points.remove(30);
    let energy = energy_between(&points, at(0.0), at(60.0)).unwrap();
    close(energy.covered_s, 59.009);
    close(energy.joules, 59.009 * 20.0);
}

#[test]
fn power_does_not_bridge_a_gap_and_a_counter_does() {
    let away = |t: &f64| *t <= 20.0 || *t >= 40.0;
    let times: Vec<f64> = (0..=60).map(f64::from).filter(away).collect();
    let instants: Vec<_> = times.iter().map(|t| point(*t, 40.0, None, None)).collect();
    let energy = energy_between(&instants, at(0.0), at(60.0)).unwrap();
    close(energy.joules, 1600.0);
    close(energy.coverage(), 2.0 / 3.0);
    let cost = TokenEnergy::new(&energy, 1000, None);
    assert_eq!(cost.gross_j_per_token, None, "a third is not known");
    let counted: Vec<_> = times
        .iter()
        .map(|t| point(*t, 40.0, None, Some(40.0 * t)))
        .collect();
    close(
        energy_between(&counted, at(0.0), at(60.0)).unwrap().joules,
        2400.0,
    );
    // A border inside the long step: nobody knows which side the energy belongs to.
    let part = energy_between(&counted, at(0.0), at(30.0)).unwrap();
    close(part.joules, 800.0);
    close(part.coverage(), 2.0 / 3.0);
}

#[test]
fn borders_between_samples_cut_the_step() {
    let points = [point(0.0, 10.0, None, None), point(2.0, 30.0, None, None)];
    let energy = energy_between(&points, at(1.0), at(2.0)).unwrap();
    close(energy.joules, 25.0);
    close(energy.max_watts.unwrap(), 30.0);
    let two = energy_between(&points, at(0.0), at(1.0)).unwrap();
    close(two.joules + energy.joules, 40.0);
}

#[test]
fn nothing_known_is_none() {
    assert_eq!(energy_between(&[], at(0.0), at(10.0)), None);
    let silent = minute(|t| point(t, -1.0, None, None));
    assert_eq!(energy_between(&silent, at(0.0), at(10.0)), None);
    let elsewhere = minute(|t| point(t + 100.0, 10.0, None, None));
    assert_eq!(energy_between(&elsewhere, at(0.0), at(10.0)), None);
    let one = [point(5.0, 10.0, None, None)];
    assert_eq!(
        energy_between(&one, at(0.0), at(10.0)),
        None,
        "an instant has no length"
    );
}

#[test]
fn short_spans_tell_no_joules_per_token() {
    let points = minute(|t| point(t, 40.0, None, Some(40.0 * t)));
    let short = energy_between(&points, at(10.0), at(11.5)).unwrap();
    assert_eq!(TokenEnergy::new(&short, 100, None).gross_j_per_token, None);
    let long = energy_between(&points, at(10.0), at(12.0)).unwrap();
    assert!(
        TokenEnergy::new(&long, 100, None)
            .gross_j_per_token
            .is_some()
    );
    assert_eq!(TokenEnergy::new(&long, 0, None).gross_j_per_token, None);
    assert_eq!(
        TokenEnergy::new(&long, 100, None).net_j_per_token,
        None,
        "no baseline, no net"
    );
}

#[test]
fn two_cards_are_covered_where_both_are() {
    let full = minute(|t| point(t, 300.0, Some(1.0), None));
    let half: Vec<_> = full.iter().copied().filter(|p| p.at <= at(30.0)).collect();
    let energies: Vec<_> = [&full, &half]
        .into_iter()
        .filter_map(|points| energy_between(points, at(0.0), at(60.0)))
        .collect();
    let all = sum(&energies).unwrap();
    close(all.joules, 18_000.0 + 9_000.0);
    close(all.coverage(), 0.5);
    assert_eq!(sum(&[]), None);
}

#[test]
fn a_baseline_wants_samples_of_the_whole_span() {
    let points = minute(|t| point(t, 4.0, Some(1.0), None));
    let rest = energy_between(&points, at(0.0), at(10.0)).unwrap();
    let idle = baseline(&rest, Some(PowerScope::Gpu)).unwrap();
    close(idle.watts, 4.0);
    let early = energy_between(&points, at(50.0), at(90.0)).unwrap();
    assert_eq!(baseline(&early, None), None);
}

#[test]
fn energy_has_a_price() {
    let price = Cost {
        per_kwh: 0.70,
        currency: "R$".to_owned(),
    };
    let energy =
        energy_between(&minute(|t| point(t, 60.0, None, None)), at(0.0), at(60.0)).unwrap();
    close(price.cost(&energy), 0.0007);
    close(price.per_million_tokens(0.36), 0.07);
}

/// Samples about a second apart, each with or without watts, window and counter, however wild.
fn wild() -> impl proptest::strategy::Strategy<Value = Vec<PowerPoint>> {
    use proptest::prelude::*;
    let step = (
        1_u64..3_000_000,
        proptest::option::of(0.0..1000.0),
        proptest::option::of(0.0..4.0),
        proptest::option::of(0.0..1e6),
    );
    proptest::collection::vec(step, 0..60).prop_map(|steps| {
        let mut at = 0;
        let point = |(passed, watts, window_s, counter_j)| {
            at += passed;
            PowerPoint {
                at: Stamp(at),
                watts,
                window_s,
                counter_j,
            }
        };
        steps.into_iter().map(point).collect()
    })
}

proptest::proptest! {
    #[test]
    fn energy_is_never_negative_and_no_span_is_covered_twice(points in wild(), length in 1_u64..90_000_000) {
        if let Some(energy) = energy_between(&points, Stamp(0), Stamp(length)) {
            assert!(energy.joules >= 0.0 && energy.joules.is_finite());
            assert!(energy.covered_s <= energy.span_s + 1e-6, "{energy:?}");
            assert!(energy.counted_s <= energy.covered_s + 1e-6);
            assert!(energy.mean_watts().unwrap() <= energy.max_watts.unwrap() + 1e-6);
        }
    }

    #[test]
    fn two_halves_are_the_whole(points in wild(), half in 1_u64..40_000_000) {
        let of = |from, to| energy_between(&points, Stamp(from), Stamp(to)).map_or(0.0, |e| e.joules);
        let (first, second, whole) = (of(0, half), of(half, 2 * half), of(0, 2 * half));
        // A counter's step over a long gap belongs to the whole and to no half of it.
        assert!(first + second <= whole + 1e-6 * whole.max(1.0), "{first} + {second} > {whole}");
    }
}
