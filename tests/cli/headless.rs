//! Runs without a dashboard, against the simulated server.

use serde_json::Value;
use tokometer::event::{EventKind, RequestRecord, RunEnd};
use tokometer::plan::{Api, Plan};

use crate::process::{Ended, Place};

const QUICK: [&str; 4] = ["--sim", "--time-scale=1000", "--max-tokens=40", "--rest=0s"];

fn quick(place: &Place, arguments: &[&str]) -> Ended {
    place.run(&[&QUICK, arguments].concat())
}

pub(crate) fn valid(json: &str) -> Value {
    let schema = include_str!("../../assets/summary.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let summary: Value = serde_json::from_str(json).unwrap();
    let errors = validator.iter_errors(&summary);
    let errors: Vec<String> = errors
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    summary
}

/// Of each level: users, requests, failed ones.
pub(crate) fn levels(summary: &Value) -> Vec<(u64, u64, u64)> {
    let number = |cycle: &Value, name: &str| cycle[name].as_u64().unwrap();
    let cycles = summary["cycles"].as_array().unwrap().iter();
    let level = |cycle| {
        (
            number(cycle, "users"),
            number(cycle, "requests"),
            number(cycle, "failed"),
        )
    };
    cycles.map(level).collect()
}

fn requests(place: &Place) -> Vec<RequestRecord> {
    let recorded = place.recorded();
    assert_eq!(recorded.missing, Vec::<String>::new());
    let ended = recorded
        .events
        .into_iter()
        .filter_map(|event| match event.what {
            EventKind::RequestEnded(record) => Some(*record),
            _ => None,
        });
    ended.collect()
}

#[test]
fn lines_and_a_table_without_a_terminal() {
    let place = Place::new();
    let ended = quick(&place, &["--users=1,2"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    let mut rest = ended.out.as_str();
    for next in [
        "SIMULATED: ",
        "server  ollama ",
        "model   deepseek-r1:7b",
        "plan    1, 2 users",
        "cycle of 1 user",
        "1 user done",
        "cycle of 2 users",
        "SIMULATED: ",
        "users  requests",
        "verdict: ",
        "run directory: ",
    ] {
        let at = rest
            .find(next)
            .unwrap_or_else(|| panic_without(next, &ended.out));
        rest = rest.get(at + next.len()..).unwrap();
    }
    assert!(!ended.out.contains('\x1b'), "{}", ended.out);
    let reported = rest.lines().next().unwrap();
    assert_eq!(std::path::Path::new(reported), place.run_path());
    for file in ["run.json", "events.jsonl", "requests.csv", "cycles.csv"] {
        assert!(!place.file(file).is_empty(), "{file}");
    }
    let answer: Value =
        serde_json::from_str(&place.file("answers/users-0001-median.json")).unwrap();
    assert_eq!(answer["simulated"], true);
}

#[expect(clippy::panic, reason = "what is not there fails its test")]
fn panic_without(text: &str, all: &str) -> usize {
    panic!("no `{text}` where it should be in:\n{all}")
}

#[test]
fn json_stands_alone_and_fits_its_schema() {
    let place = Place::new();
    let ended = quick(&place, &["--users=1,3", "--json"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let summary = valid(&ended.out);
    assert_eq!(summary["simulated"], true);
    assert_eq!(levels(&summary), [(1, 1, 0), (3, 3, 0)]);
    assert!(ended.err.contains("SIMULATED: ") && ended.err.contains("cycle of 3 users"));
    assert!(!ended.err.contains('\x1b') && !ended.out.contains('\x1b'));
    // On disk stands the same.
    assert_eq!(valid(&place.file("summary.json")), summary);
}

#[test]
fn nothing_is_written_where_that_is_asked_for() {
    let place = Place::new();
    // A place for runs is named in the environment all the same.
    let ended = quick(&place, &["--users=1", "--json", "--no-record"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!place.directory.path().join("runs").exists());
    assert!(!ended.err.contains("run directory"));
}

#[test]
fn failed_requests_are_results() {
    let place = Place::new();
    let ended = quick(
        &place,
        &["--users=4", "--warmup=0", "--fault=cut:every=4", "--json"],
    );
    assert_eq!(ended.code, 0, "{ended:?}");
    let summary = valid(&ended.out);
    assert_eq!(levels(&summary), [(4, 4, 1)]);
    let cycle = &summary["cycles"][0];
    assert_eq!(cycle["error_rate"], 0.25);
    assert_eq!(cycle["errors"].as_object().unwrap().len(), 1, "{cycle}");
}

#[test]
fn a_run_without_any_answer_has_failed() {
    let place = Place::new();
    let ended = quick(&place, &["--users=2", "--fault=500:every=1", "--json"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("no request succeeded"), "{}", ended.err);
    let summary = valid(&ended.out);
    assert_eq!(levels(&summary), [(2, 2, 2)]);
    assert_eq!(summary["cycles"][0]["errors"]["http_500"], 2);
}

#[test]
fn hopeless_levels_are_skipped_unless_told_otherwise() {
    // Slow enough that every answer has a speed.
    let arguments = [
        "--sim",
        "--time-scale=20",
        "--max-tokens=20",
        "--rest=0s",
        "--warmup=0",
        "--users=2,4,8",
        "--limit-speed=1e9",
        "--limit-wait=1us",
        "--json",
    ];
    let ended = Place::new().run(&arguments);
    let summary = valid(&ended.out);
    assert_eq!(levels(&summary), [(2, 2, 0)]);
    let warnings = summary["warnings"].as_array().unwrap().iter();
    let mut kinds = warnings.map(|warning| warning["kind"].as_str().unwrap());
    assert!(kinds.any(|kind| kind == "hopeless"), "{summary}");
    let all = [&arguments[..], &["--stop-when-hopeless=false"]].concat();
    let ended = Place::new().run(&all);
    assert_eq!(
        levels(&valid(&ended.out)),
        [(2, 2, 0), (4, 4, 0), (8, 8, 0)]
    );
}

#[test]
fn waves_and_prompts_in_turn() {
    let place = Place::new();
    let file = place.directory.path().join("prompts.txt");
    std::fs::write(
        &file,
        "What is time?\n{\"prompt\": \"What is space?\"}\nWhy?\n",
    )
    .unwrap();
    let ended = quick(&place, &["--users=2", "--waves=3", "--prompts=prompts.txt"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let mut asked: Vec<_> = requests(&place)
        .iter()
        .map(|r| (r.user, r.round, r.prompt))
        .collect();
    asked.sort_unstable();
    let in_turn = [
        (0, 0, 0),
        (0, 1, 2),
        (0, 2, 1),
        (1, 0, 1),
        (1, 1, 0),
        (1, 2, 2),
    ];
    assert_eq!(asked, in_turn);
    let prompts = place.recorded().info.plan.prompts;
    assert_eq!(prompts, ["What is time?", "What is space?", "Why?"]);
}

#[test]
fn users_ask_until_the_time_is_over() {
    let place = Place::new();
    let ended = quick(&place, &["--users=1", "--duration=200ms"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let requests = requests(&place);
    let events = place.recorded().events;
    let mut starts = events
        .iter()
        .filter(|event| matches!(event.what, EventKind::CycleStarted { .. }));
    // Nothing is broken off: the last one began in time, and ends when it ends.
    let lasted = requests
        .last()
        .unwrap()
        .ended
        .since(starts.next().unwrap().at);
    assert!(lasted >= 0.2, "{lasted}");
    assert!(requests.len() > 1 && requests.iter().all(RequestRecord::is_done));
}

#[test]
fn a_model_is_downloaded_first_where_asked_for() {
    let place = Place::new();
    let arguments = [
        "--sim",
        "--time-scale=100000",
        "--model=qwen2.5:7b",
        "--users=1",
    ];
    let ended = place.run(&arguments);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("deepseek-r1:7b") && ended.err.contains("--pull"));
    let ended = place.run(&[&arguments[..], &["--pull"]].concat());
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("qwen2.5:7b: pulling "), "{}", ended.out);
    assert_eq!(place.recorded().info.target.model.name, "qwen2.5:7b");
    let ended = place.run(&["--sim", "--time-scale=1000", "--model=no-such", "--pull"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.err.contains("could not be downloaded"),
        "{}",
        ended.err
    );
}

#[test]
fn the_study_is_asked_as_it_was() {
    let place = Place::new();
    // One level of it is enough.
    let arguments = [
        "--study",
        "--users=1",
        "--sim",
        "--time-scale=100000",
        "--warmup=0",
    ];
    let ended = place.run(&arguments);
    assert_eq!(ended.code, 0, "{ended:?}");
    let plan = place.recorded().info.plan;
    assert_eq!(
        (plan.api, plan.max_tokens, plan.rest_s),
        (Api::Generate, None, 10.0)
    );
    assert_eq!(plan.prompts, Plan::study().prompts);
    assert!(plan.timeouts.first_s.is_none() && plan.timeouts.total_s.is_none());
    assert!(!plan.stop_when_hopeless);
    // Longer than the limit that other plans have.
    assert!(requests(&place)[0].output_tokens() > 1000);
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "only debug builds have the fault")]
fn a_worker_that_breaks_down_ends_the_run() {
    let place = Place::new();
    let arguments = [&QUICK[..], &["--users=1,2", "--json"]].concat();
    let ended = place.run_in(&arguments, &[("TOKOMETER_FAULT", "panic-in-worker")]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let reported = "the run could not continue: a load worker crashed";
    assert!(ended.err.contains(reported), "{}", ended.err);
    let summary = valid(&ended.out);
    assert_eq!(levels(&summary).first(), Some(&(1, 1, 0)));
    let recorded = place.recorded();
    assert_eq!(recorded.missing, Vec::<String>::new());
    let end = &recorded.events.last().unwrap().what;
    let failed = matches!(
        end,
        EventKind::RunEnded {
            why: RunEnd::Failed(_)
        }
    );
    assert!(failed, "{end:?}");
}
