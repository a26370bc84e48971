//! Signals and readers that go away.

use std::io::{BufRead as _, BufReader, Read as _};

use rstest::rstest;
use tokometer::event::{EventKind, RunEnd};

use crate::headless::{levels, valid};
use crate::process::Place;

/// The first cycle ends well; in the second one request stops in the middle.
pub(crate) const STALLS: [&str; 7] = [
    "--sim",
    "--time-scale=1000",
    "--max-tokens=40",
    "--users=1,2,4",
    "--warmup=0",
    "--rest=0s",
    "--fault=stall:every=2,after=5",
];

#[rstest]
#[case("HUP", 1)]
#[case("INT", 2)]
#[case("TERM", 15)]
fn what_was_measured_is_written_and_printed(#[case] name: &str, #[case] number: i32) {
    let place = Place::new();
    let process = place.start(&[&STALLS[..], &["--json"]].concat());
    process.says("cycle of 2 users");
    process.signal(name);
    let ended = process.end();
    assert_eq!(ended.code, 128 + number, "{ended:?}");
    let summary = valid(&ended.out);
    assert_eq!(levels(&summary)[0], (1, 1, 0));
    assert_eq!(valid(&place.file("summary.json")), summary);
    let recorded = place.recorded();
    assert_eq!(recorded.missing, Vec::<String>::new());
    let why = RunEnd::Signal(number);
    assert_eq!(
        recorded.events.last().unwrap().what,
        EventKind::RunEnded { why }
    );
    assert!(!ended.err.contains("error"), "{}", ended.err);
}

#[test]
fn a_signal_prints_the_table_so_far() {
    let place = Place::new();
    let process = place.start(&STALLS);
    process.says("cycle of 2 users");
    process.signal("INT");
    let ended = process.end();
    assert_eq!((ended.code, ended.err.as_str()), (130, ""), "{ended:?}");
    assert!(ended.out.contains("stopped by signal 2"), "{}", ended.out);
    assert!(ended.out.contains("users  requests"), "{}", ended.out);
    assert!(ended.out.contains("run directory: "), "{}", ended.out);
}

#[test]
fn the_study_can_be_broken_off_in_a_rest() {
    let place = Place::new();
    let process = place.start(&["--study", "--sim", "--time-scale=100000", "--warmup=0"]);
    let plan = process.says("plan ");
    let all = "1, 2, 4, 5, 8, 16, 19, 32, 38, 57, 64, 76, 95, 128, 256 users, each asks once";
    assert!(plan.contains(all) && plan.contains("any length"), "{plan}");
    process.says("rest of 10 s, then 2 users");
    process.signal("TERM");
    let ended = process.end();
    assert_eq!(ended.code, 143, "{ended:?}");
    assert_eq!(levels(&valid(&place.file("summary.json"))), [(1, 1, 0)]);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let place = Place::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tokometer"));
    command
        .args(["--sim", "--time-scale=1000", "--users=1,2,4", "--rest=0s"])
        .arg("--runs-dir")
        .arg(place.directory.path().join("runs"))
        .env("TOKOMETER_CONFIG", "")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut first).unwrap();
    drop(out);
    let mut err = String::new();
    let mut from = child.stderr.take().unwrap();
    from.read_to_string(&mut err).unwrap();
    let status = child.wait().unwrap();
    assert!(first.starts_with("SIMULATED"), "{first}");
    assert_eq!((status.code(), err.as_str()), (Some(0), ""));
    assert_eq!(place.recorded().missing, Vec::<String>::new());
}

#[rstest]
#[case("TERM", 143)]
#[case("INT", 130)]
fn the_simulator_tells_its_address_and_stops(#[case] name: &str, #[case] code: i32) {
    let place = Place::new();
    let simulator = place.start(&[
        "simulate",
        "--port=0",
        "--time-scale=1000",
        "--profile=fast",
    ]);
    let line = simulator.says("SIMULATED server at ");
    let url = line.rsplit(' ').next().unwrap();
    assert!(url.starts_with("http://127.0.0.1:"), "{line}");
    let run = place.run(&["--url", url, "--users=1", "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(valid(&run.out)["simulated"], true);
    simulator.signal(name);
    assert_eq!(simulator.end().code, code);
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = Place::new().run(&["simulate", "--port", &port]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains(&port), "{}", ended.err);
}
