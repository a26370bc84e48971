//! A run against a server that counts as remote, beside exporters of its machine: what they tell reaches
//! every file and pane, and those that are slow, broken or huge delay nothing.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::ordinary::Ordinary;
use crate::server::{Server, Step, json};
use crate::until::until;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use serde_json::Value;
use tempfile::TempDir;
use tokometer::event::{Event, EventKind};
use tokometer::metrics::state::RunState;
use tokometer::metrics::verdict::Verdict;
use tokometer::plan::Limits;
use tokometer::tui::panes::{machine, processes};
use tokometer::tui::theme::Theme;
use tokometer::tui::{MachineContext, PaneContext};

/// A page that is made anew each time; `make` is told how often it was asked for before.
fn changing(make: impl Fn(usize) -> String + Send + Sync + 'static) -> String {
    Server::of_pages(move |asked| vec![Step::Say(json(200, &make(asked.number))), Step::Close])
}

/// A page that is always the same.
fn answer(body: &'static str) -> String {
    changing(move |_| body.to_owned())
}

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

const LLAMA: &str = "llamacpp:requests_processing 2\nllamacpp:requests_deferred 5\n\
    llamacpp:tokens_predicted_total 2461\n";

/// process-exporter: two groups, whose ids nobody knows.
fn groups() -> String {
    changing(|before| {
        let seconds = before + 1;
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

/// The flags of a short run of one and four users. It begins with an idle machine, so that there are readings from
/// before the first cycle however late they come. A cycle lasts twelve scrapes: energy a token wants 90 % of its time
/// covered, and its end falls between two scrapes, which may come late.
const SHORT: [&str; 6] = ["--users", "1,4", "--duration", "12s", "--idle", "2s"];

/// A run beside `exporters` that goes on until it has all that is `awaited`, or to its own end.
fn run(load: &[&str], exporters: &[String], awaited: Option<&dyn Fn(&Remote) -> bool>) -> Remote {
    let server = Ordinary::start();
    let mut remote = Remote {
        folder: tempfile::tempdir().unwrap(),
        summary: Value::Null,
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_tokometer"));
    command.args(["run", "--json", "--remote"]).args(load);
    command.args(["--warmup", "0", "--rest", "0"]);
    command.args(["--url", &server.url, "--runs-dir"]);
    command.arg(remote.folder.path().join("runs"));
    for exporter in exporters {
        command.args(["--exporter", exporter]);
    }
    command.env_remove("OLLAMA_HOST").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    if let Some(awaited) = awaited {
        until("all is told", || awaited(&remote));
        let pid = child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
    }
    let output = child.wait_with_output().unwrap();
    let reported = String::from_utf8_lossy(&output.stderr);
    let code = if awaited.is_some() { 143 } else { 0 };
    assert_eq!(output.status.code(), Some(code), "{reported}");
    remote.summary = serde_json::from_slice(&output.stdout).unwrap();
    remote
}

impl Remote {
    fn directory(&self) -> Option<PathBuf> {
        let mut runs = fs::read_dir(self.folder.path().join("runs")).ok()?;
        Some(runs.next()?.unwrap().path())
    }

    /// A file as far as it is written; a line that is being written is none.
    fn text(&self, name: &str) -> String {
        let directory = self.directory().unwrap_or_default();
        let mut text = fs::read_to_string(directory.join(name)).unwrap_or_default();
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        text
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
    let run = RunState::from_events(events);
    let theme = Theme::named("dark");
    let cx = PaneContext {
        run: &run,
        limits: Limits::default(),
        asked_after: false,
        verdict: &Verdict::from_cycles(&run, &Limits::default()),
        theme: &theme,
        now: run.now,
        cycle: run.cycles.len().checked_sub(1),
        request: None,
        answer: None,
        focused: false,
        scroll: 0,
    };
    let cx = MachineContext::from_pane(&cx);
    let mut terminal = Terminal::new(TestBackend::new(110, 12)).unwrap();
    let drawn = terminal.draw(|frame| match which {
        "machine" => machine::render(frame, Rect::new(0, 0, 110, 12), &cx),
        _ => processes::render(
            frame,
            Rect::new(0, 0, 110, 12),
            &cx,
            processes::ProcessSorting::default(),
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
    let remote = run(&SHORT, &[gpu.clone(), cpu, server, table], None);
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
    let reported = events.iter().find_map(|event| match &event.what {
        EventKind::Server(sample) if sample.running.is_some() => Some(sample),
        _ => None,
    });
    let reported = reported.unwrap();
    assert_eq!((reported.running, reported.waiting), (Some(2), Some(5)));
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

#[cfg(unix)]
#[test]
fn slow_broken_and_huge_exporters_delay_nothing() {
    use std::time::Duration;
    use tokometer::event::SourceState;

    /// macmon: a reading that is from long ago, as its stamp tells.
    const OLD: &str = "macmon_gpu_power_watts 19.3 1000000000000\n";

    let silent = Server::of_pages(|_| vec![Step::Hang]);
    let broken = Server::of_pages(|_| vec![Step::Say(json(500, "")), Step::Close]);
    let huge = Server::of_pages(|_| {
        let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        let (bytes, pause) = (
            b"rubbish_without_any_line_end_".repeat(4096),
            Duration::ZERO,
        );
        vec![Step::Say(head), Step::Forever { bytes, pause }]
    });
    let exporters = [
        silent.clone(),
        broken.clone(),
        huge.clone(),
        dcgm(),
        answer(OLD),
    ];
    // Who does not answer is told of, and neither the load nor the other readings wait for it.
    let told_of = |events: &[Event], address: &str| {
        let note = |event: &Event| matches!(&event.what, EventKind::Source(note) if note.source.as_str().contains(address));
        let at = events.iter().position(note)?;
        let is_end = |event: &Event| matches!(event.what, EventKind::RequestEnded(_));
        let is_reading = |event: &Event| matches!(&event.what, EventKind::Gpu(gpu) if gpu.source.ends_with("#GPU-a"));
        let (_, since) = events.split_at(at);
        (since.iter().any(is_end) && since.iter().any(is_reading)).then_some(at)
    };
    let load = ["--users", "4", "--duration", "10m", "--idle", "0"];
    let all_told = |remote: &Remote| {
        let (events, readings) = (remote.events(), remote.text("gpu.csv"));
        let mut addresses = [&silent, &broken, &huge].into_iter();
        addresses.all(|address| told_of(&events, address).is_some())
            && readings.matches("#GPU-a,").count() >= 5
            && readings.contains(",19.3,")
    };
    let remote = run(&load, &exporters, Some(&all_told));
    let events = remote.events();
    let levels = remote.summary["cycles"].as_array().unwrap();
    assert_eq!(levels.len(), 1);
    assert_eq!(levels[0]["failed"], 0);
    for address in [&silent, &broken, &huge] {
        let EventKind::Source(note) = &events[told_of(&events, address).unwrap()].what else {
            unreachable!("it was found as a note");
        };
        assert!(
            matches!(note.state, SourceState::Failing | SourceState::Late),
            "{note:?}"
        );
    }
    let readings = rows(&remote.text("gpu.csv"));
    let fresh = readings
        .iter()
        .filter(|row| row["source"].ends_with("#GPU-a"));
    assert!(fresh.clone().count() >= 5);
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
    assert!(
        RunState::from_events(&alone)
            .machine
            .meter
            .counting()
            .is_empty()
    );
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
    let remote = run(&SHORT, &[], None);
    assert_eq!(remote.summary["energy"], Value::Null);
    let has_rows = |name: &str| remote.text(name).lines().count() > 1;
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
