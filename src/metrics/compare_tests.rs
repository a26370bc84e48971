use super::*;
use crate::event::{CycleEnd, FailureKind, RunInfo};
use crate::metrics::level::tests::{answered, failed};
use crate::metrics::state::CycleState;

fn info() -> RunInfo {
    serde_json::from_str(include_str!("../../tests/fixtures/run-info.json")).unwrap()
}

/// A run with a cycle for each `(users, speeds)`: answers of 101 tokens, each after a wait of 1 s.
fn run(cycles: &[(u32, &[f64])]) -> RunState {
    let cycle = |(number, (users, speeds)): (u32, &(u32, &[f64]))| {
        let one = |(id, speed): (u64, &f64)| answered(id, 0, 0.0, 1.0, 1.0 + 100.0 / speed, 101);
        CycleState {
            cycle: number,
            users: *users,
            end: Some(CycleEnd::Done),
            requests: (0..).zip(speeds.iter()).map(one).collect(),
            ..CycleState::default()
        }
    };
    RunState {
        info: Some(info()),
        cycles: (0..).zip(cycles).map(cycle).collect(),
        ..RunState::default()
    }
}

fn change(comparison: &Comparison, users: u32, metric: &str) -> Option<Change> {
    let level = comparison
        .levels
        .iter()
        .find(|level| level.users == users)?;
    let row = level.rows.iter().find(|row| row.metric.name() == metric)?;
    row.changes.first().copied()?
}

#[test]
fn a_difference_is_signed_and_has_its_interval() {
    let before = run(&[(4, &[20.0, 20.5, 19.5, 20.0]), (8, &[10.0, 14.0])]);
    let after = run(&[(4, &[18.0, 18.4, 17.6, 18.0]), (8, &[10.5, 13.0])]);
    let comparison = Comparison::new(&[&before, &after]);
    let at_4 = change(&comparison, 4, "speed").unwrap();
    assert!((at_4.by + 0.1).abs() < 1e-4, "{at_4:?}");
    assert!(at_4.shown && at_4.high.unwrap() < 0.0);
    let at_8 = change(&comparison, 8, "speed").unwrap();
    assert!(!at_8.shown && at_8.low.unwrap() < 0.0 && at_8.high.unwrap() > 0.0);
    let back = Comparison::new(&[&after, &before]);
    assert!(change(&back, 4, "speed").unwrap().by > 0.0);
    assert!(comparison.warnings.is_empty(), "{:?}", comparison.warnings);
    // Steady throughput has the noise of its parts.
    let total = change(&comparison, 4, "throughput").unwrap();
    assert!(total.by < 0.0 && total.low.is_some(), "{total:?}");
}

#[test]
fn a_run_against_itself_shows_nothing() {
    let one = run(&[(4, &[20.0, 21.0, 19.0])]);
    let comparison = Comparison::new(&[&one, &one]);
    for row in &comparison.levels[0].rows {
        let change = row.changes[0].unwrap();
        assert!(!change.shown && change.by.abs() < 1e-12, "{row:?}");
    }
}

#[test]
fn levels_of_one_run_alone_have_no_difference() {
    let comparison = Comparison::new(&[&run(&[(4, &[20.0])]), &run(&[(8, &[20.0])])]);
    let users: Vec<u32> = comparison.levels.iter().map(|level| level.users).collect();
    assert_eq!(users, [4, 8]);
    assert_eq!(change(&comparison, 4, "speed"), None);
}

#[test]
fn three_repeats_are_compared_as_repeats() {
    // Within a repeat all are alike; between them they differ as much as the runs do.
    let a = run(&[(4, &[20.0; 20]), (4, &[22.0; 20]), (4, &[24.0; 20])]);
    let b = run(&[(4, &[21.0; 20]), (4, &[23.0; 20]), (4, &[25.0; 20])]);
    let repeats = change(&Comparison::new(&[&a, &b]), 4, "speed").unwrap();
    assert!(!repeats.shown, "{repeats:?}");
    // Throughput is one figure a repeat: with three, it has an interval too.
    assert!(
        change(&Comparison::new(&[&a, &b]), 4, "throughput")
            .unwrap()
            .low
            .is_some()
    );
    let two = |n: usize| {
        let (mut a, mut b) = (a.clone(), b.clone());
        a.cycles.truncate(n);
        b.cycles.truncate(n);
        change(&Comparison::new(&[&a, &b]), 4, "speed").unwrap()
    };
    assert!(two(1).shown, "one repeat: its requests are compared");
}

/// 30 requests, so many seconds apart, a third of which fail or none.
fn failing(apart_s: f64, is_broken: bool) -> RunState {
    let mut one = run(&[(4, &[])]);
    for id in 0..30_u32 {
        let sent = f64::from(id) * apart_s;
        let mut request = if is_broken && id % 3 == 0 {
            failed(id.into(), FailureKind::Http(503), sent, sent + 1.0)
        } else {
            answered(id.into(), 0, sent, sent + 1.0, sent + 4.0, 101)
        };
        request.user = id % 4;
        one.cycles[0].requests.push(request);
    }
    one
}

#[test]
fn shares_differ_in_points_and_what_ran_together_counts_for_less() {
    let errors = |apart_s: f64| {
        let (whole, broken) = (failing(apart_s, false), failing(apart_s, true));
        change(&Comparison::new(&[&whole, &broken]), 4, "errors").unwrap()
    };
    let (apart, at_once) = (errors(8.0), errors(0.0));
    assert!(
        (apart.by - 1.0 / 3.0).abs() < 1e-12 && apart.shown,
        "{apart:?}"
    );
    // 10 of 30 against 0 of 30: Newcombe, method 10.
    assert!((apart.low.unwrap() - 0.152).abs() < 0.01, "{apart:?}");
    assert!((at_once.by - 1.0 / 3.0).abs() < 1e-12);
    assert!(
        at_once.low < apart.low && at_once.high > apart.high,
        "{at_once:?}"
    );
}

#[test]
fn rounds_are_compared_not_their_requests() {
    // Each round is all alike: 3 rounds of 10, not 30 requests.
    let rounds = |speeds: [f64; 3]| {
        let all: Vec<f64> = speeds.iter().flat_map(|speed| [*speed; 10]).collect();
        let mut one = run(&[(10, &all)]);
        for (number, request) in (0..).zip(&mut one.cycles[0].requests) {
            request.round = number / 10;
        }
        one
    };
    let (a, b) = (rounds([20.0, 22.0, 24.0]), rounds([26.0, 20.0, 26.0]));
    let speed = change(&Comparison::new(&[&a, &b]), 10, "speed").unwrap();
    // Of 30 independent ones the difference would be shown: 24 − 22, known to 0.6.
    assert!(speed.by > 0.0 && !speed.shown, "{speed:?}");
}

#[test]
fn what_differs_besides_is_named() {
    let one = run(&[(4, &[20.0])]);
    let mut other = one.clone();
    let info = other.info.as_mut().unwrap();
    info.plan.prompts = vec!["Why is the sky blue?".to_owned()];
    info.machine.cpu = Some("Apple M2 Pro".to_owned());
    info.plan.max_tokens = None;
    let warnings = Comparison::new(&[&one, &other, &other]).warnings;
    assert_eq!(
        warnings,
        [
            "The client's machine differs: aarch64 vs Apple M2 Pro, aarch64",
            "The prompt differs: What is time? vs Why is the sky blue?",
            "max-tokens differs: 256 vs no limit",
        ]
    );
}

#[test]
fn every_setting_that_differs_is_named_and_tells_the_runs_apart() {
    let mut one = run(&[(4, &[20.0])]);
    let info = one.info.as_mut().unwrap();
    info.simulated = true;
    info.plan.time_scale = 1.0;
    info.simulation = Some(crate::event::Simulation {
        profile: "m2-pro".to_owned(),
        faults: Vec::new(),
    });
    let mut other = one.clone();
    let info = other.info.as_mut().unwrap();
    info.plan.time_scale = 30.0;
    info.plan.rest_s += 1.0;
    info.simulation = Some(crate::event::Simulation {
        profile: "rtx-4090".to_owned(),
        faults: vec!["cut:every=5,after=10".to_owned()],
    });
    let comparison = Comparison::new(&[&one, &other, &one]);
    assert_eq!(
        comparison.warnings[1..],
        [
            "The time scale of the simulation differs: 1 vs 30",
            "The profile of the simulation differs: m2-pro vs rtx-4090",
            "The faults of the simulation differ: none vs cut:every=5,after=10",
        ]
    );
    assert!(comparison.warnings[0].starts_with("The pause between cycles differs"));
    let names: Vec<&str> = comparison
        .runs
        .iter()
        .map(|run| run.differs.as_str())
        .collect();
    let first = "time scale 1 · m2-pro · faults none";
    assert_eq!(
        names,
        [
            first,
            "time scale 30 · rtx-4090 · faults cut:every=5,after=10",
            first
        ]
    );
    let alike = Comparison::new(&[&one, &one]);
    assert!(alike.runs.iter().all(|run| run.differs.is_empty()));
}

#[test]
fn a_level_of_one_run_is_its_own_and_estimates_stay_marked() {
    let one = run(&[(4, &[20.0, 21.0]), (8, &[10.0])]);
    let mut other = run(&[(4, &[20.0, 21.0])]);
    for request in &mut other.cycles[0].requests {
        request.server.output_tokens = None;
    }
    let comparison = Comparison::new(&[&one, &other]);
    let only: Vec<Option<usize>> = comparison
        .levels
        .iter()
        .map(LevelComparison::only)
        .collect();
    assert_eq!(only, [None, Some(0)]);
    let rows = &comparison.levels[0].rows;
    let speed = rows
        .iter()
        .find(|row| row.metric.key == "speed_tok_s")
        .unwrap();
    assert!(!speed.text(0).starts_with('~') && speed.text(1).starts_with('~'));
    let wait = rows.iter().find(|row| row.metric.key == "ttft_s").unwrap();
    assert_eq!(wait.text(1), "1.00");
}

#[test]
fn the_conclusion_says_who_serves_more_and_what_is_shown() {
    use crate::metrics::conclusion::conclusion;
    let fast = run(&[(4, &[30.0, 30.5, 29.5, 30.0]), (8, &[25.0; 8])]);
    let slow = run(&[(4, &[22.0, 22.4, 21.6, 22.0]), (8, &[5.0; 8])]);
    assert_eq!(
        conclusion(&Comparison::new(&[&fast, &slow])),
        [
            "B serves 4 users within the limits, A 8 (A: unsure, B: unsure).",
            "At 4 users, B against A: speed -26.7 % (-28.5 to -24.9); no difference that these samples can show in wait, throughput.",
        ]
    );
    assert_eq!(
        conclusion(&Comparison::new(&[&fast, &fast])),
        [
            "A and B both serve 8 users within the limits (A: unsure, B: unsure).",
            "At 8 users these samples show no difference in speed, wait, throughput.",
        ]
    );
}
