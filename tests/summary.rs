//! What a run amounts to: the summary and its schema.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use tokometer::event::{Event, RequestRecord, What};
use tokometer::stats::state::RunState;
use tokometer::stats::summary::Summary;

mod timeline;

fn summary(events: &[Event]) -> Summary {
    Summary::of(&RunState::of(events))
}

fn check(summary: &Summary) {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../assets/summary.schema.json")).unwrap();
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
    insta::assert_snapshot!(summary(&timeline::run(false)).to_json().unwrap());
}

#[test]
fn fits_its_schema() {
    let whole = timeline::run(true);
    check(&summary(&whole));
    check(&summary(&whole[..1]));
    check(&Summary::of(&RunState::default()));
    for end in 1..whole.len() {
        check(&summary(&whole[..end]));
    }
}

#[test]
fn the_schema_refuses_what_it_does_not_know() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../assets/summary.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let json = serde_json::to_value(summary(&timeline::run(false))).unwrap();
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
    let summary = summary(&timeline::run(true));
    let back: Summary = serde_json::from_str(&summary.to_json().unwrap()).unwrap();
    assert_eq!(back.verdict, summary.verdict);
    assert_eq!(back.cycles.len(), 2);
    assert!(back.simulated);
}

#[test]
fn repeats_fold_into_one_entry() {
    let summary = summary(&timeline::run(false));
    let users: Vec<u32> = summary.cycles.iter().map(|level| level.users).collect();
    assert_eq!(users, [1, 2]);
    assert_eq!(summary.cycles[0].repeats.len(), 2);
    assert_eq!(summary.cycles[0].figures.requests, 2);
    assert!(summary.cycles[1].repeats.is_empty());
    assert_eq!(summary.cycles[1].figures.errors["http_503"], 1);
}

#[test]
fn a_simulated_run_says_so_even_if_nobody_warned() {
    let simulated = summary(&timeline::run(true));
    assert!(simulated.simulated);
    assert!(
        simulated
            .warnings
            .iter()
            .any(|w| w.text.starts_with("SIMULATED"))
    );
    let real = summary(&timeline::run(false));
    assert!(!real.to_json().unwrap().contains("SIMULATED"));
}

#[test]
fn nothing_in_the_json_steers_a_terminal() {
    let json = summary(&timeline::run(true)).to_json().unwrap();
    assert!(json.contains(r"server\u009b31m busy"));
    assert!(json.chars().all(|c| c == '\n' || !c.is_control()));
}

/// The same summary, whatever the order in which the requests of a cycle ended up in the log.
fn shuffled(records: &[RequestRecord]) -> Summary {
    let mut events = vec![timeline::event(
        0.0,
        What::RunStarted(Box::new(timeline::info(false))),
    )];
    let start = What::CycleStarted { cycle: 0, users: 4 };
    events.push(timeline::event(1.0, start));
    events.extend(records.iter().map(|record| Event {
        at: record.ended,
        what: What::RequestEnded(Box::new(record.clone())),
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
                4 => timeline::refused(id, 0, *sent, sent + wait),
                _ => timeline::answered(id, 0, [*sent, sent + wait, sent + wait + long], *tokens),
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
