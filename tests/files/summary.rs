//! What a run amounts to: the summary and its schema.

use proptest::prelude::*;
use tokometer::event::{Event, EventKind, PowerScope, RequestRecord, WarningKind};
use tokometer::metrics::level::machine::MachineFigures;
use tokometer::metrics::state::RunState;
use tokometer::metrics::summary::Summary;

use crate::measured::measured;
use crate::{small_run, story};

fn summary(events: &[Event]) -> Summary {
    Summary::from_run(&RunState::from_events(events))
}

fn check(summary: &Summary) {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../assets/summary.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let json: serde_json::Value = serde_json::from_str(&summary.to_json().unwrap()).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&json)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn golden() {
    insta::assert_snapshot!(summary(&small_run::run(false)).to_json().unwrap());
}

#[test]
fn fits_its_schema() {
    let whole = small_run::run(true);
    check(&summary(&whole));
    check(&summary(&whole[..1]));
    check(&Summary::from_run(&RunState::default()));
    for end in 1..whole.len() {
        check(&summary(&whole[..end]));
    }
}

#[test]
fn the_schema_refuses_what_it_does_not_know() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../assets/summary.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let json = serde_json::to_value(summary(&small_run::run(false))).unwrap();
    for place in [
        "",
        "/target",
        "/cycles/0",
        "/cycles/0/ttft_s",
        "/verdict",
        "/client",
    ] {
        let mut wrong = json.clone();
        let object = wrong.pointer_mut(place).unwrap().as_object_mut().unwrap();
        object.insert("speed".to_owned(), 1.into());
        assert!(!validator.is_valid(&wrong), "{place} took an unknown key");
        let mut wrong = json.clone();
        let object = wrong.pointer_mut(place).unwrap().as_object_mut().unwrap();
        let key = object.keys().next().unwrap().clone();
        object.remove(&key);
        assert!(!validator.is_valid(&wrong), "{place} did without {key}");
    }
}

#[test]
fn reads_itself_back() {
    let summary = summary(&small_run::run(true));
    let back: Summary = serde_json::from_str(&summary.to_json().unwrap()).unwrap();
    assert_eq!(back.verdict, summary.verdict);
    assert_eq!(back.cycles.len(), 2);
    assert!(back.simulated);
}

#[test]
fn repeats_fold_into_one_entry() {
    let summary = summary(&small_run::run(false));
    let users: Vec<u32> = summary.cycles.iter().map(|level| level.users).collect();
    assert_eq!(users, [1, 2]);
    assert_eq!(summary.cycles[0].repeats.len(), 2);
    assert_eq!(summary.cycles[0].figures.requests, 2);
    assert!(summary.cycles[1].repeats.is_empty());
    assert_eq!(summary.cycles[1].figures.errors["http_503"], 1);
}

#[test]
fn a_simulated_run_says_so_even_if_nobody_warned() {
    let simulated = summary(&small_run::run(true));
    assert!(simulated.simulated);
    assert!(
        simulated
            .warnings
            .iter()
            .any(|w| w.text.starts_with("SIMULATED"))
    );
    let real = summary(&small_run::run(false));
    assert!(!real.to_json().unwrap().contains("SIMULATED"));
}

#[test]
fn nothing_in_the_json_steers_a_terminal() {
    let json = summary(&small_run::run(true)).to_json().unwrap();
    assert!(json.contains(r"server\u009b31m busy"));
    assert!(json.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn energy_is_told_per_cycle_and_run() {
    let summary = summary(&measured(false));
    check(&summary);
    let near = |value: Option<f64>, expected: f64| {
        let value = value.unwrap();
        assert!(
            (value / expected - 1.0).abs() < 0.01,
            "{value} is not {expected}"
        );
    };
    // Of 2 users: 100 ms until the load, then 14.05 s at 200 W for 256 tokens.
    let two = &summary.cycles[1].figures;
    near(two.machine.watts_mean, 200.0);
    near(two.energy_j, 200.0 * 14.05);
    near(two.j_per_token, 200.0 * 14.05 / 256.0);
    near(two.machine.net_j_per_token, 150.0 * 14.05 / 256.0);
    near(two.machine.cost, 200.0 * 14.05 / 3.6e6 * 0.7);
    assert_eq!(two.machine.rss_max_bytes, Some(1100));
    assert_eq!(two.machine.threads_max, Some(20));
    assert_eq!(two.machine.descriptors_max, None, "nobody told");
    // Repeats fold over the sum of their times.
    let one = &summary.cycles[0].figures;
    near(one.energy_j, 200.0 * (7.5 + 8.6));
    near(one.j_per_token, 200.0 * (7.5 + 8.6) / 512.0);
    let energy = summary.energy.as_ref().unwrap();
    near(energy.in_cycles_wh, 200.0 * (7.5 + 8.6 + 14.05) / 3600.0);
    near(
        energy.gross_j_per_token,
        200.0 * (7.5 + 8.6 + 14.05) / 768.0,
    );
    near(energy.baseline_watts, 50.0);
    let parts = energy.in_cycles_wh.unwrap() + energy.outside_wh.unwrap();
    near(energy.wh, parts);
    assert_eq!(energy.scope.as_deref(), Some("gpu"));
    assert_eq!(energy.currency.as_deref(), Some("R$"));
    assert_eq!(summary.target.as_ref().unwrap().slots, Some(2));
}

#[test]
fn an_impossible_speed_is_called_wrong() {
    // 100 GB/s over 4.7 GB are 21 tokens a second; the run has 36.
    let real = summary(&measured(false));
    let limit = real.physical_limit.unwrap();
    assert!((limit.limit_tok_s - 21.35).abs() < 0.01 && limit.share > 1.5);
    let warned = |summary: &Summary| {
        let mut warnings = summary.warnings.iter();
        warnings.any(|warning| warning.kind == WarningKind::Impossible)
    };
    assert!(warned(&real));
    let simulated = summary(&measured(true));
    assert!(simulated.physical_limit.is_none() && !warned(&simulated));
}

#[test]
fn a_mixture_has_a_limit_only_where_it_is_told() {
    let of = |active_bytes, bandwidth_bytes_s| {
        let mut events = measured(false);
        let EventKind::RunStarted(info) = &mut events[0].what else {
            panic!("a run begins with its start");
        };
        info.target.model.name = "qwen3:30b-a3b".to_owned();
        info.plan.energy.active_bytes = active_bytes;
        info.plan.energy.bandwidth_bytes_s = bandwidth_bytes_s;
        summary(&events)
    };
    assert_eq!(of(None, Some(100e9)).physical_limit, None);
    assert_eq!(of(Some(2_000_000_000), None).physical_limit, None);
    let reported = of(Some(2_000_000_000), Some(100e9));
    let limit = reported.physical_limit.unwrap();
    near_to(limit.limit_tok_s, 50.0);
    near_to(limit.share, limit.speed_tok_s / 50.0);
    assert_eq!(limit.bytes_per_token, 2_000_000_000);
    let impossible = |summary: &Summary| {
        let mut warnings = summary.warnings.iter();
        warnings.any(|warning| warning.kind == WarningKind::Impossible)
    };
    assert!(limit.share < 1.0 && !impossible(&reported), "{limit:?}");
    assert!(impossible(&of(Some(20_000_000_000), Some(100e9))));
}

fn near_to(value: f64, expected: f64) {
    assert!(
        (value / expected - 1.0).abs() < 1e-9,
        "{value} is not {expected}"
    );
}

#[test]
fn a_source_that_tells_no_scope_is_named() {
    let mut events = measured(false);
    for event in &mut events {
        if let EventKind::Gpu(sample) = &mut event.what {
            sample.scope = None;
        }
    }
    let energy = summary(&events).energy.unwrap();
    assert_eq!(energy.scope, None);
    let words = energy.scope_words();
    assert_eq!(words.as_deref(), Some("scope not reported by nvml:a"));
}

#[test]
fn what_is_not_measured_is_null() {
    let plain = summary(&small_run::run(false));
    assert_eq!(plain.energy, None);
    assert_eq!(plain.cycles[0].figures.machine, MachineFigures::default());
}

/// The same summary, whatever the order in which the requests of a cycle ended up in the log.
fn shuffled(records: &[RequestRecord]) -> Summary {
    let mut events = vec![story::event(
        0.0,
        EventKind::RunStarted(Box::new(story::info(false))),
    )];
    let start = EventKind::CycleStarted { cycle: 0, users: 4 };
    events.push(story::event(1.0, start));
    events.extend(records.iter().map(|record| Event {
        at: record.ended,
        what: EventKind::RequestEnded(Box::new(record.clone())),
    }));
    summary(&events)
}

proptest! {
    #[test]
    fn the_order_of_requests_makes_no_difference(
        times in prop::collection::vec((0.0..50.0_f64, 0.2..5.0_f64, 0.1..60.0_f64, 1..400_u32), 1..40),
        turn in 0..40_usize,
    ) {
        let records: Vec<RequestRecord> = (0..)
            .zip(&times)
            .map(|(id, (sent, wait, long, tokens))| match id % 5 {
                4 => small_run::refused(id, 0, *sent, sent + wait),
                _ => story::answered(id, 0, [*sent, sent + wait, sent + wait + long], *tokens),
            })
            .collect();
        let mut turned = records.clone();
        turned.rotate_left(turn.min(records.len()));
        turned.reverse();
        let one = shuffled(&records);
        prop_assert_eq!(one.to_json().unwrap(), shuffled(&turned).to_json().unwrap());
        check(&one);
    }
}

#[test]
fn an_idle_of_another_scope_is_not_taken_off() {
    // The baseline was measured when only the package told its power; then the GPU came.
    let mut events = measured(false);
    for event in &mut events {
        if let EventKind::Baseline(baseline) = &mut event.what {
            baseline.scope = Some(PowerScope::Package);
        }
    }
    let summary = summary(&events);
    let energy = summary.energy.unwrap();
    assert!(energy.gross_j_per_token.is_some());
    assert_eq!((energy.net_j_per_token, energy.net_wh), (None, None));
    assert_eq!(energy.baseline_watts, None);
    let figures = &summary.cycles[1].figures;
    assert_eq!(figures.machine.net_j_per_token, None);
    assert!(figures.j_per_token.is_some());
}

#[test]
fn a_smaller_level_that_did_worse_is_named_in_every_text() {
    let events = crate::uneven::run();
    let summary = Summary::from_run(&RunState::from_events(&events));
    let verdict = summary.verdict.as_ref().unwrap();
    let [dip] = &verdict.dips[..] else {
        panic!("{:?}", verdict.dips);
    };
    assert_eq!((dip.users, dip.than_users), (4, 8));
    let named = "4 users did worse than 8: ";
    assert!(dip.text.starts_with(named), "{}", dip.text);
    let printed = tokometer::headless::summary_text(&summary);
    assert!(printed.contains(&format!("  ! {named}")), "{printed}");
    let report = tokometer::report::Report::from_events(&events).markdown();
    assert!(report.contains(&format!("- {named}")), "{report}");
}
