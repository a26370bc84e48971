//! Runs of the real program beside a fake `nvidia-smi`: what a token costs is told, a hanging source
//! delays nothing, and nothing is left behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::ordinary::Ordinary;
use crate::script::script;
use crate::until::until;
use serde_json::Value;
use tempfile::TempDir;

/// A server that does not say that it is simulated, and a folder of fake commands.
struct Bench {
    folder: TempDir,
    url: String,
    _server: Ordinary,
}

impl Bench {
    /// `nvidia_smi` is what the fake does; it finds its folder in `$FOLDER`.
    fn new(nvidia_smi: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let body = format!("FOLDER='{at}'; echo $$ > \"$FOLDER/pid\"; {nvidia_smi}");
        script(folder.path(), "nvidia-smi", &body);
        let server = Ordinary::start();
        Self {
            folder,
            url: server.url.clone(),
            _server: server,
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tokometer"));
        let path = std::env::var("PATH").unwrap();
        command
            .args(args)
            .args(["--url", &self.url, "--nvml-lib", "/nonexistent/libnvml.so"])
            .env("PATH", format!("{}:{path}", self.folder.path().display()))
            .env_remove("OLLAMA_HOST")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Child {
        let runs = self.folder.path().join("runs");
        let first = [
            "run",
            "--json",
            "--warmup",
            "0",
            "--rest",
            "0",
            "--runs-dir",
        ];
        let args = [&first[..], &[runs.to_str().unwrap()], args];
        self.command(&args.concat()).spawn().unwrap()
    }

    /// The directory of the only run.
    fn directory(&self) -> Option<PathBuf> {
        let mut runs = fs::read_dir(self.folder.path().join("runs")).ok()?;
        Some(runs.next()?.unwrap().path())
    }

    /// Whether the fake that was started last has gone; one that nobody has buried yet has.
    fn is_gone(&self) -> bool {
        let pid = fs::read_to_string(self.folder.path().join("pid")).unwrap();
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
    }
}

const ANSWERS: &str = "while :; do \
    echo '0, GPU-1, Fake GPU, 300.00, 1980, 97, 6000, 24000, 60, 300.00, 450.00'; sleep 0.2; done";

fn json(output: &Output) -> Value {
    let reported = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {reported}"))
}

fn text(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap()
}

#[test]
fn a_run_says_what_a_token_costs() {
    let bench = Bench::new(ANSWERS);
    let args = [
        "--users",
        "1,8",
        "--duration",
        "3s",
        "--idle",
        "3s",
        "--price",
        "0.7",
        "--currency",
        "R$",
    ];
    let output = bench.run(&args).wait_with_output().unwrap();
    let summary = json(&output);
    assert!(output.status.success(), "{summary}");
    let near = |value: &Value, expected: f64| {
        let value = value
            .as_f64()
            .unwrap_or_else(|| panic!("{value} in {summary:#}"));
        assert!(
            (value / expected - 1.0).abs() < 0.02,
            "{value} is not {expected}"
        );
    };
    let energy = &summary["energy"];
    assert_eq!(energy["scope"], "gpu");
    assert_eq!(energy["simulated"], false);
    assert_eq!(energy["currency"], "R$");
    near(&energy["baseline_watts"], 300.0);
    near(&energy["watts_mean"], 300.0);
    for level in summary["cycles"].as_array().unwrap() {
        near(&level["machine"]["watts_mean"], 300.0);
        near(&level["machine"]["mhz_mean"], 1980.0);
        assert!(level["machine"]["rss_max_bytes"].as_u64().unwrap() > 0);
        // Steady power: joules a token are watts / (tokens a second), over the cycle's own time.
        let joules = level["energy_j"].as_f64().unwrap();
        let tokens = level["output_tokens"].as_f64().unwrap();
        near(&level["j_per_token"], joules / tokens);
        let net = level["machine"]["net_j_per_token"].as_f64().unwrap();
        assert!(
            net.abs() < joules / tokens * 0.02,
            "as much as at rest: {net}"
        );
    }
    let directory = bench.directory().unwrap();
    let gpu = text(&directory, "gpu.csv");
    assert!(
        gpu.starts_with("simulated,t_s,cycle,users,source,name,watts,"),
        "{gpu}"
    );
    assert!(
        gpu.contains(",0,1,nvidia-smi:GPU-1,Fake GPU,300.0,"),
        "{gpu}"
    );
    assert!(
        gpu.contains(",1,8,nvidia-smi:GPU-1,Fake GPU,300.0,"),
        "{gpu}"
    );
    let server = format!(",{},", std::process::id());
    let processes = text(&directory, "processes.csv");
    assert!(
        processes
            .lines()
            .any(|row| row.contains(&server) && row.contains(",server,"))
    );
    let log = text(&directory, "events.jsonl");
    assert!(log.contains("\"idle_started\"") && log.contains("\"baseline\""));
    assert!(log.trim_end().lines().last().unwrap().contains("run_ended"));
    assert!(bench.is_gone());
}

#[test]
fn a_speed_above_the_physical_limit_is_called_wrong() {
    let bench = Bench::new(ANSWERS);
    let limit = |more: &[&str]| {
        let args = [
            "--users",
            "1",
            "--max-tokens",
            "8",
            "--idle",
            "0",
            "--no-record",
        ];
        let output = bench
            .run(&[&args, more].concat())
            .wait_with_output()
            .unwrap();
        let summary = json(&output);
        let reported = summary["warnings"].to_string().contains("impossible");
        (summary["physical_limit"].clone(), reported)
    };
    assert_eq!(
        limit(&[]),
        (Value::Null, false),
        "nobody tells the bandwidth"
    );
    // The model is 1.3 GB large: 1.3 GB/s are 1 token a second, and there are about a hundred.
    let (slow, reported) = limit(&["--bandwidth", "1.3"]);
    assert!(slow["share"].as_f64().unwrap() > 10.0 && reported, "{slow}");
    let (fast, reported) = limit(&["--bandwidth", "1000", "--active-bytes", "0.5GiB"]);
    assert_eq!(fast["bytes_per_token"], 1_u64 << 29);
    assert!(fast["share"].as_f64().unwrap() < 1.0 && !reported, "{fast}");
}

/// Ends a run by a signal, as it must end.
fn terminated(child: Child) -> Output {
    let pid = child.id().to_string();
    let reported = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(reported.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143));
    output
}

#[test]
fn a_signal_leaves_nothing_behind() {
    let bench = Bench::new(ANSWERS);
    let child = bench.run(&["--users", "1", "--duration", "10m", "--idle", "0"]);
    until("the fake is read", || {
        let log = bench.directory().map(|directory| directory.join("gpu.csv"));
        log.is_some_and(|log| fs::read_to_string(log).is_ok_and(|rows| rows.lines().count() > 2))
    });
    assert!(!bench.is_gone());
    let output = terminated(child);
    assert!(bench.is_gone(), "a child outlives its parent");
    assert_eq!(json(&output)["energy"]["scope"], "gpu");
}

#[test]
fn a_source_that_hangs_delays_nothing_and_is_told() {
    let bench = Bench::new("exec sleep 1000");
    let child = bench.run(&["--users", "1", "--duration", "10m", "--idle", "0"]);
    let is_note = |line: &&str| line.contains("\"source\":{\"source\":\"nvidia\"");
    let is_end = |line: &&str| line.contains("\"request_ended\"");
    until("requests end while the source is told of", || {
        let log = bench.directory().map(|run| run.join("events.jsonl"));
        let log = log.and_then(|log| fs::read_to_string(log).ok());
        let log = log.unwrap_or_default();
        let mut since = log.lines().skip_while(|line| !is_note(line));
        since.any(|line| is_end(&line))
    });
    let output = terminated(child);
    let summary = json(&output);
    assert_eq!(summary["cycles"][0]["machine"]["watts_mean"], Value::Null);
    let log = text(&bench.directory().unwrap(), "events.jsonl");
    let first = log.lines().find(is_note).unwrap();
    let late: Value = serde_json::from_str(first).unwrap();
    assert_eq!(late["event"]["source"]["state"], "late");
    assert!(bench.is_gone());
}

#[test]
fn the_simulator_runs_until_a_signal() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tokometer"))
        .args(["simulate", "--profile", "fast"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reported = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("Ctrl-C") {
        line.clear();
        assert!(
            reported.read_line(&mut line).unwrap() > 0,
            "it ended by itself"
        );
    }
    // Signals are heard from shortly after the last line on; before that they end it all the same.
    let pid = child.id().to_string();
    let status = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(status.success());
    let ended = child.wait().unwrap();
    let by_itself = ended.code() == Some(143);
    assert!(by_itself || ended.signal() == Some(15), "{ended:?}");
}

#[test]
fn the_doctor_finds_what_is_there() {
    let bench = Bench::new(ANSWERS);
    let output = bench.command(&["doctor", "--json"]).output().unwrap();
    let report = json(&output);
    assert_eq!(report["servers"][0]["url"], bench.url.as_str());
    assert!(report["servers"][0]["found"].is_string(), "{report:#}");
    assert_eq!(report["ok"], output.status.success());
    let sources = report["sources"].as_array().unwrap();
    let nvidia = sources
        .iter()
        .find(|source| source["source"] == "nvidia-smi");
    assert_eq!(nvidia.unwrap()["devices"][0]["name"], "Fake GPU");
    let plain = bench.command(&["doctor"]).output().unwrap();
    let plain = String::from_utf8(plain.stdout).unwrap();
    assert!(
        plain.contains("ok  nvidia-smi    Fake GPU (GPU)"),
        "{plain}"
    );
    assert!(bench.is_gone());
}
