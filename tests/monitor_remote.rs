//! A run against a server that counts as remote, beside exporters of its machine: what they tell reaches
//! every file and pane, and those that are slow, broken or huge delay nothing.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "monitor_fakes/ordinary.rs"]
mod ordinary;
#[path = "monitor_fakes/pages.rs"]
mod pages;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ordinary::Ordinary;
use pages::{answer, changing, serve};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use serde_json::Value;
use tempfile::TempDir;
use tokometer::event::{Event, EventKind, SourceState, Stamp};
use tokometer::metrics::state::RunState;
use tokometer::metrics::verdict::Verdict;
use tokometer::plan::Limits;
use tokometer::tui::PaneContext;
use tokometer::tui::panes::{machine, processes};
use tokometer::tui::theme::Theme;

/// Power of the server's card, watts.
const WATTS: f64 = 250.0;

/// An exporter of a card that draws [`WATTS`]: its counter goes on with the time.
fn dcgm() -> String {
    let begin = Instant::now();
    changing(move |_| {
        let seconds = begin.elapsed().as_secs_f64();
        let counter = 5e6 + WATTS * seconds * 1e3;
        format!(
            "DCGM_FI_DEV_POWER_USAGE{{gpu=\"0\",UUID=\"GPU-a\",modelName=\"NVIDIA H200\"}} {WATTS}\n\
             DCGM_FI_DEV_SM_CLOCK{{gpu=\"0\",UUID=\"GPU-a\",modelName=\"NVIDIA H200\"}} 1980\n\
             DCGM_FI_DEV_GPU_UTIL{{gpu=\"0\",UUID=\"GPU-a\",modelName=\"NVIDIA H200\"}} 97\n\
             DCGM_FI_DEV_FB_USED{{gpu=\"0\",UUID=\"GPU-a\",modelName=\"NVIDIA H200\"}} 32362\n\
             DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{gpu=\"0\",UUID=\"GPU-a\",modelName=\"NVIDIA H200\"}} {counter}\n"
        )
    })
}

/// `node_exporter`: the package of the processors, which does not count beside a GPU.
fn node() -> String {
    let begin = Instant::now();
    changing(move |_| {
        let joules = 1000.0 + 65.0 * begin.elapsed().as_secs_f64();
        format!(
            "node_cpu_seconds_total{{cpu=\"0\",mode=\"idle\"}} 1\n\
             node_rapl_package_joules_total{{index=\"0\",path=\"/sys/class/powercap/intel-rapl:0\"}} {joules}\n"
        )
    })
}

/// macmon: a reading that is from long ago, as its stamp tells.
const OLD: &str = "macmon_gpu_power_watts 19.3 1000000000000\n";

const LLAMA: &str = "llamacpp:requests_processing 2\nllamacpp:requests_deferred 5\n\
    llamacpp:tokens_predicted_total 2461\n";

/// process-exporter: two groups, whose ids nobody knows.
fn groups() -> String {
    changing(|times| {
        let seconds = f64::from(times);
        format!(
            "namedprocess_namegroup_num_threads{{groupname=\"llama-server\"}} 42\n\
             namedprocess_namegroup_open_filedesc{{groupname=\"llama-server\"}} 56\n\
             namedprocess_namegroup_memory_bytes{{groupname=\"llama-server\",memtype=\"resident\"}} 4700000000\n\
             namedprocess_namegroup_cpu_seconds_total{{groupname=\"llama-server\",mode=\"user\"}} {seconds}\n\
             namedprocess_namegroup_num_threads{{groupname=\"ollama\"}} 21\n\
             namedprocess_namegroup_memory_bytes{{groupname=\"ollama\",memtype=\"resident\"}} 82000000\n"
        )
    })
}

struct Remote {
    folder: TempDir,
    summary: Value,
}

/// A run of one and four users for three seconds each, beside `exporters`.
fn run(exporters: &[String]) -> Remote {
    let folder = tempfile::tempdir().unwrap();
    let server = Ordinary::start();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tokometer"));
    command.args(["run", "--json", "--remote", "--users", "1,4"]);
    command.args([
        "--duration",
        "3s",
        "--idle",
        "0",
        "--warmup",
        "0",
        "--rest",
        "0",
    ]);
    command.args(["--url", &server.url, "--runs-dir"]);
    command.arg(folder.path().join("runs"));
    for exporter in exporters {
        command.args(["--exporter", exporter]);
    }
    command.env_remove("OLLAMA_HOST").stdin(Stdio::null());
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    Remote {
        folder,
        summary: serde_json::from_slice(&output.stdout).unwrap(),
    }
}

impl Remote {
    fn directory(&self) -> PathBuf {
        let mut runs = fs::read_dir(self.folder.path().join("runs")).unwrap();
        runs.next().unwrap().unwrap().path()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.directory().join(name)).unwrap()
    }

    fn events(&self) -> Vec<Event> {
        let log = self.text("events.jsonl");
        let lines = log.lines().map(serde_json::from_str);
        lines.map(Result::unwrap).collect()
    }
}

/// The rows of a table, by the names of its columns.
fn rows(csv: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    let mut lines = csv.lines().map(|line| line.split(',').map(str::to_owned));
    let head: Vec<String> = lines.next().unwrap().collect();
    lines
        .map(|cells| head.iter().cloned().zip(cells).collect())
        .collect()
}

/// What a pane shows of the run after `events`.
fn pane(events: &[Event], which: &str) -> String {
    let run = RunState::of(events);
    let theme = Theme::named("dark");
    let cx = PaneContext {
        run: &run,
        limits: Limits::default(),
        verdict: &Verdict::of_whole_cycles(&run, &Limits::default()),
        theme: &theme,
        now: run.now,
        cycle: run.cycles.len().checked_sub(1),
        request: None,
        answer: None,
        focused: false,
        scroll: 0,
    };
    let mut terminal = Terminal::new(TestBackend::new(110, 12)).unwrap();
    let drawn = terminal.draw(|frame| match which {
        "machine" => machine::render(frame, Rect::new(0, 0, 110, 12), &cx),
        _ => processes::render(
            frame,
            Rect::new(0, 0, 110, 12),
            &cx,
            processes::Sorting::default(),
        ),
    });
    drawn.unwrap();
    terminal.backend().to_string()
}

/// The events of a run while it still went on.
fn while_it_ran(events: &[Event]) -> &[Event] {
    let end = events
        .iter()
        .position(|event| matches!(event.what, EventKind::RunEnded { .. }));
    &events[..end.unwrap()]
}

#[test]
fn what_exporters_tell_reaches_files_and_panes() {
    let [gpu, cpu, server, table] = [dcgm(), node(), answer(LLAMA), groups()];
    let remote = run(&[gpu.clone(), cpu, server, table]);
    let near = |value: &Value, expected: f64| {
        let value = value.as_f64().unwrap_or_else(|| panic!("{value}"));
        assert!(
            (value / expected - 1.0).abs() < 0.02,
            "{value} is not {expected}"
        );
    };
    let summary = &remote.summary;
    let energy = &summary["energy"];
    assert_eq!(energy["scope"], "gpu");
    near(&energy["watts_mean"], WATTS);
    assert!(energy["coverage"].as_f64().unwrap() > 0.5, "{energy}");
    for level in summary["cycles"].as_array().unwrap() {
        near(&level["machine"]["watts_mean"], WATTS);
        near(&level["machine"]["mhz_mean"], 1980.0);
        let joules = level["energy_j"].as_f64().unwrap();
        near(
            &level["j_per_token"],
            joules / level["output_tokens"].as_f64().unwrap(),
        );
        let names = level["processes"].as_array().unwrap().iter();
        let names: Vec<&str> = names.map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["llama-server", "ollama"]);
        assert_eq!(level["processes"][0]["pid"], Value::Null);
        near(&level["machine"]["rss_max_bytes"], 4_782_000_000.0);
    }
    let source = format!("http://{gpu}/metrics#GPU-a");
    let readings = rows(&remote.text("gpu.csv"));
    let of_card = |users: &str| {
        let mut rows = readings.iter();
        rows.any(|row| row["source"] == source && row["users"] == users && row["watts"] == "250.0")
    };
    assert!(of_card("1") && of_card("4"), "{readings:?}");
    assert!(readings.iter().any(|row| row["scope"] == "package"));
    let own = rows(&remote.text("processes.csv"));
    let llama = own.iter().filter(|row| row["name"] == "llama-server");
    assert!(llama.clone().count() >= 4);
    assert!(
        llama
            .clone()
            .all(|row| row["pid"].is_empty() && row["threads"] == "42")
    );
    assert!(llama.clone().any(|row| !row["cpu_percent"].is_empty()));
    assert_eq!(
        own.iter().filter(|row| !row["pid"].is_empty()).count(),
        0,
        "of this machine nothing"
    );
    let events = remote.events();
    let told = events.iter().find_map(|event| match &event.what {
        EventKind::Server(sample) if sample.running.is_some() => Some(sample),
        _ => None,
    });
    let told = told.unwrap();
    assert_eq!((told.running, told.waiting), (Some(2), Some(5)));
    let drawn = pane(while_it_ran(&events), "machine");
    for words in [
        "NVIDIA H200",
        "250.0 W",
        "1980 MHz",
        "97 %",
        "the server is on another machine",
    ] {
        assert!(drawn.contains(words), "{words} in\n{drawn}");
    }
    let drawn = pane(while_it_ran(&events), "processes");
    assert!(
        drawn.contains("llama-server") && drawn.contains("4.7 GB"),
        "{drawn}"
    );
}

#[test]
fn slow_broken_and_huge_exporters_delay_nothing() {
    let held = std::sync::Mutex::new(Vec::new());
    let silent = serve(move |stream| held.lock().unwrap().push(stream));
    let broken = serve(|stream| pages::reply(stream, "500 Internal Server Error", ""));
    let huge = serve(|mut stream| {
        pages::request(&mut stream);
        pages::flood(stream);
    });
    let begin = Instant::now();
    let remote = run(&[
        silent.clone(),
        broken.clone(),
        huge.clone(),
        dcgm(),
        answer(OLD),
    ]);
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "two cycles of three seconds"
    );
    let events = remote.events();
    for level in remote.summary["cycles"].as_array().unwrap() {
        let seconds = level["duration_s"].as_f64().unwrap();
        assert!((2.9..4.5).contains(&seconds), "{seconds} s for 3 s");
        assert_eq!(level["failed"], 0);
    }
    // Who does not answer is told of within three seconds, and the rest goes on.
    for address in [&silent, &broken, &huge] {
        let told = events.iter().find_map(|event| match &event.what {
            EventKind::Source(note) if note.source.contains(address.as_str()) => {
                Some((event.at, note))
            }
            _ => None,
        });
        let (at, note) = told.unwrap();
        assert!(at < Stamp(3_500_000), "{note:?} only at {at:?}");
        assert!(
            matches!(note.state, SourceState::Failing | SourceState::Late),
            "{note:?}"
        );
    }
    let readings = rows(&remote.text("gpu.csv"));
    let fresh = readings
        .iter()
        .filter(|row| row["source"].ends_with("#GPU-a"));
    assert!(fresh.clone().count() >= 5, "a reading a second");
    assert!(fresh.clone().all(|row| row["name"] == "NVIDIA H200"));
    let old = readings.iter().find(|row| row["watts"] == "19.3").unwrap();
    assert!(old["age_s"].parse::<f64>().unwrap() > 1e8, "since 2001");
    // Old power is no energy: the counter of the other card alone would count, but this one never tells.
    let alone: Vec<Event> = events
        .iter()
        .filter(|event| !matches!(&event.what, EventKind::Gpu(sample) if sample.age_s.is_none()))
        .cloned()
        .collect();
    let drawn = pane(while_it_ran(&alone), "machine");
    assert!(drawn.contains(" s old"), "{drawn}");
    assert!(RunState::of(&alone).machine.meter.counting().is_empty());
    assert_eq!(
        remote.summary["energy"]["devices"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

/// Nothing that is not asked for may be left where runs are kept.
#[test]
fn without_exporters_nothing_of_this_machine_is_told() {
    let remote = run(&[]);
    assert_eq!(remote.summary["energy"], Value::Null);
    let has_rows = |name: &str| {
        let path: PathBuf = Path::new(&remote.directory()).join(name);
        fs::read_to_string(path).is_ok_and(|text| text.lines().count() > 1)
    };
    assert!(!has_rows("gpu.csv") && !has_rows("processes.csv"));
    let events = remote.events();
    for which in ["machine", "processes"] {
        let drawn = pane(while_it_ran(&events), which);
        assert!(
            drawn.contains("the server is on another machine"),
            "{drawn}"
        );
        assert!(drawn.contains("--exporter URL"), "{drawn}");
    }
}
