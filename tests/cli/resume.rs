//! Runs that are killed, and go on.

use std::collections::{BTreeMap, BTreeSet};

use tokometer::event::{Event, EventKind};
use tokometer::metrics::state::RunState;
use tokometer::metrics::verdict::Verdict;

use crate::headless::{levels, valid};
use crate::process::{Place, patience};
use crate::signals::STALLS;

/// Waits until the log says so: what is not on the disk yet dies with the process.
fn until_logged(place: &Place, text: &str) {
    let late = std::time::Instant::now() + patience();
    let log = place.run_path().join("events.jsonl");
    while !std::fs::read_to_string(&log).unwrap().contains(text) {
        assert!(std::time::Instant::now() < late, "never logged: {text}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn count(events: &[Event], fits: impl Fn(&EventKind) -> bool) -> usize {
    events.iter().filter(|event| fits(&event.what)).count()
}

#[test]
fn a_run_that_was_killed_goes_on_in_the_same_log() {
    let place = Place::new();
    let process = place.start(&[&STALLS[..], &["--idle=0s", "--json"]].concat());
    process.says("cycle of 2 users");
    let path = place.run_path();
    let run = path.to_str().unwrap();
    // Two at once would write into each other's lines.
    let early = place.run(&["resume", run]);
    assert_eq!(early.code, 1, "{early:?}");
    assert!(early.err.contains("is being written"), "{}", early.err);
    until_logged(&place, r#""users":2}"#);
    process.kill();
    assert!(!path.join("summary.json").exists());

    let ended = place.run(&["resume", run, "--json"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let summary = valid(&ended.out);
    assert_eq!(valid(&place.file("summary.json")), summary);
    let done: Vec<(u64, u64)> = levels(&summary).iter().map(|l| (l.0, l.2)).collect();
    assert_eq!(done, [(1, 0), (2, 0), (4, 0)]);
    assert!(ended.out.contains("The run was interrupted at"), "the gap");
    assert!(
        ended.err.contains("users still to run: 2, 4"),
        "{}",
        ended.err
    );

    let recorded = place.recorded();
    assert_eq!(recorded.missing, Vec::<String>::new());
    let events = &recorded.events;
    let is_gap = |event: &Event| matches!(event.what, EventKind::Continued { .. });
    let gap = events.iter().position(is_gap).unwrap();
    let (before, after) = events.split_at(gap);
    let last = before.iter().map(|event| event.at).max();
    assert!(after.iter().all(|event| Some(event.at) > last), "one clock");
    assert_eq!(
        count(events, |what| matches!(what, EventKind::RunStarted(_))),
        1
    );
    assert_eq!(
        count(after, |what| matches!(what, EventKind::Continued { .. })),
        1
    );
    let mut cycles = Vec::new();
    let mut requests = BTreeSet::new();
    for event in events {
        match event.what {
            EventKind::CycleStarted { cycle, users } => cycles.push((cycle, users)),
            EventKind::RequestStarted { id, .. } => assert!(requests.insert(id), "{id} twice"),
            _ => {}
        }
    }
    assert_eq!(cycles, [(0, 1), (1, 2), (2, 2), (3, 4)]);
    assert!(place.file("report.html").contains("interrupted"));
    assert!(path.join("charts").read_dir().unwrap().count() > 0);

    let again = place.run(&["resume", run]);
    assert_eq!(again.code, 1, "{again:?}");
    assert!(
        again.err.contains("all its levels are done"),
        "{}",
        again.err
    );
}

#[test]
fn what_cannot_go_on_says_why() {
    let place = Place::new();
    let ended = place.run(&["resume", "nosuch"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("nosuch"), "{}", ended.err);
    let process = place.start(&[&STALLS[..], &["--idle=0s", "--json"]].concat());
    process.says("cycle of 2 users");
    process.kill();
    let path = place.run_path();
    // Its server is not there any more.
    let gone = [
        "resume",
        path.to_str().unwrap(),
        "--url",
        "http://127.0.0.1:1",
    ];
    let ended = place.run(&gone);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.err.contains("no usable server was found"),
        "{}",
        ended.err
    );
    assert!(!path.join("summary.json").exists(), "nothing was touched");
}

/// The cycles of these events: their users.
fn cycles(events: &[Event]) -> Vec<u32> {
    let started = events.iter().filter_map(|event| match event.what {
        EventKind::CycleStarted { users, .. } => Some(users),
        _ => None,
    });
    started.collect()
}

/// What the requests say of each level.
fn counted(events: &[Event]) -> BTreeMap<u32, u64> {
    let verdict = Verdict::from_run(&RunState::from_events(events)).unwrap();
    let levels = verdict.levels.iter();
    levels.map(|level| (level.users, level.both.of)).collect()
}

/// Whether a level is asked that the sketch, which doubles, does not ask, and some of its answers are in the log.
fn is_settling(events: &[Event]) -> bool {
    let asked = cycles(events);
    let most = asked.iter().rev().skip(1).max();
    let settles = asked.last() <= most;
    let begins = |event: &Event| matches!(event.what, EventKind::CycleStarted { .. });
    let cycle = events.iter().rposition(begins);
    let current = cycle.and_then(|at| events.get(at..)).unwrap_or_default();
    settles && count(current, |what| matches!(what, EventKind::RequestEnded(_))) >= 10
}

#[test]
fn a_run_that_was_killed_while_it_settled_settles_on() {
    let place = Place::new();
    let plan = [
        "--sim",
        "--time-scale=10",
        // Limits are of what the client sees: 19.9 tok/s and 10 s of the server.
        "--limit-speed=199",
        "--limit-wait=1s",
        "--within=90s",
        "--max-tokens=40",
        "--warmup=0",
        "--idle=0s",
        "--json",
    ];
    let process = place.start(&plan);
    process.says("cycle of 4 users");
    let late = std::time::Instant::now() + patience();
    while !is_settling(&place.recorded().events) {
        assert!(std::time::Instant::now() < late, "it only sketches");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    process.kill();

    let resumed = place.run(&["resume", place.run_path().to_str().unwrap(), "--json"]);
    assert_eq!(resumed.code, 0, "{resumed:?}");
    let summary = valid(&resumed.out);
    assert_eq!(summary["ended"], "done", "{summary}");
    let events = place.recorded().events;
    let is_gap = |event: &Event| matches!(event.what, EventKind::Continued { .. });
    let gap = events.iter().position(is_gap).unwrap();
    let (before, after) = events.split_at(gap);
    let asked = cycles(before);
    assert!(asked.starts_with(&[1, 2, 4]), "{asked:?}");

    // What was known is: no sketch again, and more is asked where the answer lies.
    let next = cycles(after);
    assert!(!next.is_empty() && !next.starts_with(&[1]), "{next:?}");

    // No request twice, none of a number that was given before, and the verdict rests on those of both parts.
    let mut ids = BTreeSet::new();
    for event in &events {
        if let EventKind::RequestStarted { id, .. } = event.what {
            assert!(ids.insert(id), "request {id} twice");
        }
    }
    let mut records = BTreeSet::new();
    for event in &events {
        if let EventKind::RequestEnded(record) = &event.what {
            assert!(
                records.insert(record.id),
                "request {} ended twice",
                record.id
            );
        }
    }
    assert!(records.is_subset(&ids));
    let (whole, part) = (counted(&events), counted(&events[..=gap]));
    assert!(part.values().sum::<u64>() > 0);
    for (users, requests) in &part {
        assert!(
            whole[users] >= *requests,
            "{users}: {whole:?}, before {part:?}"
        );
    }
    assert!(whole.values().sum::<u64>() > part.values().sum::<u64>());
    let reported = summary["verdict"]["levels"].as_array().unwrap().iter();
    let reported: BTreeMap<u32, u64> = reported
        .map(|level| {
            let number = |value: &serde_json::Value| value.as_u64().unwrap();
            let users = u32::try_from(number(&level["users"])).unwrap();
            (users, number(&level["both"]["of"]))
        })
        .collect();
    assert_eq!(reported, whole);
}
