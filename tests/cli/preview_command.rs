//! `tokometer preview` and `tokometer screenshot` as programs: pipes, files, exit codes.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use assert_cmd::cargo::CommandCargoExt as _;
use rstest::rstest;
use tokometer::tui::lanes::text::{Language, Script};

use crate::process::Place;

fn tokometer(args: &[&str]) -> Command {
    let mut command = Command::cargo_bin("tokometer").unwrap();
    command
        .args(args)
        .env_remove("NO_COLOR")
        .env("TERM", "xterm");
    command
}

fn piped(args: &[&str]) -> Child {
    let mut command = tokometer(args);
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(Stdio::piped()).spawn().unwrap()
}

fn stderr(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_cleanly() {
    let mut child = piped(&["preview", "--plain", "--speed", "1000"]);
    let mut start = vec![0; 300];
    let mut reader = child.stdout.take().unwrap();
    reader.read_exact(&mut start).unwrap();
    drop(reader);
    let essay = Script::essay(Language::En);
    let text = String::from_utf8_lossy(&start).into_owned();
    assert!(essay.text().starts_with(&text[..200]), "{text}");
    assert_eq!(stderr(child), (Some(0), String::new()));
}

#[test]
fn a_pipe_gets_plain_text_without_being_asked_and_ends_in_time() {
    let output = tokometer(&["preview", "--speed", "100000", "--for", "200ms"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\u{1b}'), "an escape sequence in a pipe");
    let essay = Script::essay(Language::En);
    let thinking = essay.slice(0, essay.thinking_tokens(usize::MAX));
    // Thinking is included, and the text comes again and again.
    assert!(text.matches(thinking).count() >= 2, "{} bytes", text.len());
}

#[test]
fn any_text_on_standard_input_is_replayed() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "um dois três ").unwrap();
    let output = tokometer(&[
        "preview", "--text", "-", "--speed", "5000", "--for", "100ms",
    ])
    .stdin(std::fs::File::open(file.path()).unwrap())
    .output()
    .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("um dois três"), "{text}");
}

#[cfg(unix)]
#[rstest]
#[case("TERM", 143)]
#[case("INT", 130)]
#[case("HUP", 129)]
fn a_signal_ends_it_though_the_reader_reads_nothing_more(#[case] name: &str, #[case] code: i32) {
    let mut child = piped(&["preview", "--plain", "--speed", "100000"]);
    let mut reader = child.stdout.take().unwrap();
    // More than a pipe holds has been written once these have come.
    let mut start = vec![0; 100_000];
    reader.read_exact(&mut start).unwrap();
    let pid = child.id().to_string();
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &pid])
        .status();
    assert!(sent.unwrap().success());
    assert_eq!(stderr(child), (Some(code), String::new()));
    drop(reader);
}

#[rstest]
#[case(&["preview", "--speed", "0"], 2, "must be between")]
#[case(&["preview", "--speed", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33", "--record", "/nowhere/a.svg"], 2, "at most 32")]
#[case(&["preview", "--record", "/nowhere/a.svg"], 1, "")]
#[case(&["preview", "--text", "/nowhere/a.txt"], 1, "/nowhere/a.txt")]
#[case(&["preview", "--run", "/nowhere"], 2, "need a terminal")]
#[case(&["preview", "--run", "/nowhere", "--record", "a.svg"], 1, "/nowhere")]
#[case(&["screenshot", "--out", "a.png"], 2, "a recording ends in")]
#[case(&["screenshot", "--out", "/nowhere/a.svg"], 1, "/nowhere/a.svg")]
fn what_is_wrong_is_said(#[case] args: &[&str], #[case] code: i32, #[case] message: &str) {
    let (ended, said) = stderr(piped(args));
    assert_eq!(ended, Some(code), "{said}");
    assert!(said.contains(message), "{said}");
}

fn recorded(args: &[&str], path: &Path) -> Vec<u8> {
    let mut args = args.to_vec();
    args.push(path.to_str().unwrap());
    let (code, said) = stderr(piped(&args));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(path.to_str().unwrap()), "{said}");
    std::fs::read(path).unwrap()
}

/// The sum of the delays of a GIF, hundredths of a second.
fn centiseconds(bytes: &[u8]) -> u64 {
    let mut decoder = gif::DecodeOptions::new().read_info(bytes).unwrap();
    let mut sum = 0;
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        sum += u64::from(frame.delay);
    }
    sum
}

#[test]
fn recordings_are_made_without_a_terminal_and_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let args = ["preview", "--size", "80x24", "--for", "5s", "--record"];
    let sum = centiseconds(&recorded(&args, &path("a.gif")));
    assert!((495..=505).contains(&sum), "{sum}");
    let svg = recorded(&args, &path("a.svg"));
    assert!(svg.starts_with(b"<svg"));
    let cast = String::from_utf8(recorded(&args, &path("a.cast"))).unwrap();
    let mut lines = cast.lines();
    let header: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(
        (&header["version"], &header["width"]),
        (&2.into(), &80.into())
    );
    let last: serde_json::Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert_eq!(last[0], 5.0);
}

#[test]
fn a_past_run_gets_a_lane_for_each_level() {
    let place = Place::new();
    let ended = place.run(&[
        "--sim",
        "--time-scale=50",
        "--max-tokens=40",
        "--rest=0s",
        "--users=1,3",
    ]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let runs = place.run_path();
    let (root, name) = (runs.parent().unwrap(), runs.file_name().unwrap());
    let path = root.join("lanes.svg");
    for (run, rank, named) in [
        ("latest", "median", "median wait"),
        (name.to_str().unwrap(), "fastest", "fastest"),
        (runs.to_str().unwrap(), "p95-wait", "p95 wait"),
    ] {
        let args = [
            "preview",
            "--run",
            run,
            "--runs-dir",
            root.to_str().unwrap(),
            "--rank",
            rank,
            "--speed=20",
            "--size=120x30",
            "--for=2s",
            "--record",
        ];
        let svg = String::from_utf8(recorded(&args, &path)).unwrap();
        for text in ["1 user", "3 users", named, "SIMULATED"] {
            assert!(svg.contains(text), "no {text} for {run}");
        }
    }
}

/// The runs of 0.1.0 and of other tools: of most levels no answer has its times, of others one does, whose rank nobody
/// knows.
#[test]
fn older_runs_get_lanes_that_say_what_is_known() {
    let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runs");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lanes.svg");
    let args = ["--size=160x30", "--for=2s", "--speed=20", "--record"];
    let lanes = |run: &Path| {
        let args = [&["preview", "--run", run.to_str().unwrap()], &args[..]].concat();
        String::from_utf8(recorded(&args, &path)).unwrap()
    };
    assert!(lanes(&runs.join("imported")).contains("means only"));
    let run = directory.path().join("run");
    std::fs::create_dir_all(run.join("answers")).unwrap();
    for file in ["run.json", "events.jsonl"] {
        std::fs::copy(runs.join("clean").join(file), run.join(file)).unwrap();
    }
    let answer = r#"{"simulated": true, "model": "m", "cycle": 0, "users": 1, "request": 1, "prompt": null,
        "answer": {"text": "Time flows", "pieces": [{"end": 4, "at_us": 620000, "thinking": false},
        {"end": 10, "at_us": 700000, "thinking": false}]}}"#;
    std::fs::write(run.join("answers/cycle-00-1-users.json"), answer).unwrap();
    let svg = lanes(&run);
    for text in [
        "rank unknown",
        "wait 620 ms",
        "Time flows",
        "2/2 tokens",
        "means only",
    ] {
        assert!(svg.contains(text), "no {text}");
    }
}

#[test]
fn a_screenshot_is_the_dashboard_in_the_middle_of_a_run() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.svg");
    let args = [
        "screenshot",
        "--after",
        "500ms",
        "--time-scale",
        "40",
        "--view",
        "requests",
        "--out",
    ];
    let svg = String::from_utf8(recorded(&args, &path)).unwrap();
    for text in ["SIMULATED", "Requests", "3 Requests", "REC"] {
        assert!(svg.contains(text), "no {text}");
    }
}

#[test]
fn a_recording_of_a_run_lasts_as_long_as_it_was_asked_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.gif");
    let args = [
        "screenshot",
        "--size",
        "80x24",
        "--after",
        "0s",
        "--for",
        "1s",
        "--time-scale",
        "20",
        "--out",
    ];
    let sum = centiseconds(&recorded(&args, &path));
    // The last frame may come late on a busy machine, and is then still told as it was.
    assert!((99..=1_000).contains(&sum), "{sum}");
}
