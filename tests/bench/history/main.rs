//! What runs that are over cost: a very long one to open and to report, a thousand to list.
//!
//! `cargo bench --bench history` prints
//!
//! - *report*: a run of 100,000 requests with an hour of samples, read, folded and written as a report by a
//!   process of its own: seconds, the most memory it held, and sizes. Beside it stand, as ratios, the time
//!   that only reading and parsing the same log takes, and what ten times the requests cost (10 is in
//!   proportion; a square would be 100);
//! - *list*: a thousand runs, without the index and with it, beside a look at the same folders.
//!
//! `cargo bench --bench history -- report|list` runs one part.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench prints what it measured and stops where it cannot"
)]

mod long;
#[path = "../../support/small_run.rs"]
mod small_run;
#[path = "../../support/story.rs"]
mod story;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokometer::report;
use tokometer::store;
use tokometer::store::index;

fn main() {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["make", root, requests] => {
            let run = long::make(Path::new(root), requests.parse().unwrap());
            println!("{}", run.display());
        }
        ["measure", "report", run, out] => measured(|| {
            report::write(Path::new(run), Path::new(out)).unwrap();
        }),
        ["measure", "parse", run] => measured(|| {
            store::replay(Path::new(run), drop).unwrap();
        }),
        ["report"] => reports(),
        ["list"] => lists(),
        _ => {
            reports();
            lists();
        }
    }
}

/// Does it, and prints the seconds it took and the most memory this process held, MiB.
fn measured(work: impl FnOnce()) {
    let began = Instant::now();
    work();
    println!("{} {}", began.elapsed().as_secs_f64(), peak_mib());
}

/// NaN where the system does not tell.
fn peak_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}

/// What a process of its own prints: this program with these words, so that its memory is its own.
fn alone(words: &[&str]) -> String {
    let done = Command::new(std::env::current_exe().unwrap())
        .args(words)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(done.status.success(), "{words:?}");
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// The quickest of three: seconds, and the most memory of all of them, MiB.
fn quickest(words: &[&str]) -> (f64, f64) {
    let one = || {
        let text = alone(words);
        let mut numbers = text.split(' ').map(|number| number.parse::<f64>().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    };
    let all = [one(), one(), one()];
    let seconds = all.iter().map(|(seconds, _)| *seconds);
    let peaks = all.iter().map(|(_, peak)| *peak);
    (
        seconds.fold(f64::INFINITY, f64::min),
        peaks.fold(0.0, f64::max),
    )
}

fn reports() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().to_str().unwrap();
    let out = format!("{root}/out");
    let report = |requests: u32| {
        let run = alone(&["make", root, &requests.to_string()]);
        let (seconds, peak) = quickest(&["measure", "report", &run, &out]);
        (run, seconds, peak)
    };
    let (_, small, _) = report(10_000);
    let (run, seconds, peak) = report(100_000);
    let (parsed, _) = quickest(&["measure", "parse", &run]);
    let log = size(&Path::new(&run).join("events.jsonl"));
    println!("report of 100,000 requests, an hour of samples, a log of {log:.0} MB");
    println!("  {seconds:.2} s, at most {peak:.0} MiB");
    println!(
        "  {:.2} times as long as only reading and parsing it ({parsed:.2} s)",
        seconds / parsed
    );
    println!(
        "  {:.1} times as long as for 10,000 requests ({small:.2} s)",
        seconds / small
    );
    println!(
        "  report.html {:.2} MB, largest chart {:.2} MB",
        size(&Path::new(&out).join("report.html")),
        largest(&Path::new(&out).join("charts"))
    );
}

/// MB.
fn size(path: &Path) -> f64 {
    fs::metadata(path).unwrap().len() as f64 / 1e6
}

fn largest(folder: &Path) -> f64 {
    let entries = fs::read_dir(folder).unwrap();
    let sizes = entries.map(|entry| size(&entry.unwrap().path()));
    sizes.fold(0.0, f64::max)
}

fn best(mut work: impl FnMut()) -> Duration {
    let one = |_| {
        let began = Instant::now();
        work();
        began.elapsed()
    };
    (0..10).map(one).min().unwrap()
}

fn lists() {
    let root = tempfile::tempdir().unwrap();
    let runs = thousand(root.path());
    let began = Instant::now();
    assert_eq!(index::list(root.path()).unwrap().len(), runs.len());
    let first = began.elapsed();
    let again = best(|| {
        index::list(root.path()).unwrap();
    });
    let look = best(|| {
        for run in &runs {
            for name in ["summary.json", "events.jsonl"] {
                fs::metadata(run.join(name)).unwrap();
            }
        }
    });
    println!("list of 1,000 runs");
    println!(
        "  {:.1} ms without the index, {:.1} ms with it",
        first.as_secs_f64() * 1e3,
        again.as_secs_f64() * 1e3
    );
    println!(
        "  {:.1} times as long as a look at their files ({:.1} ms)",
        again.as_secs_f64() / look.as_secs_f64(),
        look.as_secs_f64() * 1e3
    );
}

/// A thousand runs below `root`, alike but for their names.
fn thousand(root: &Path) -> Vec<PathBuf> {
    let directory = store::RunDirectory::create(root, &story::info(false)).unwrap();
    let mut recorder = store::Recorder::open(&directory).unwrap();
    for event in small_run::run(false) {
        recorder.record(std::slice::from_ref(&event), event.at);
    }
    let first = recorder.finish().directory;
    let names = ["run.json", "summary.json", "events.jsonl"];
    let mut runs = vec![first.clone()];
    for number in 1..1000 {
        let path = root.join(format!("2025-01-01T00-00-00_model-{number}"));
        fs::create_dir(&path).unwrap();
        for name in names {
            fs::copy(first.join(name), path.join(name)).unwrap();
        }
        runs.push(path);
    }
    runs
}
